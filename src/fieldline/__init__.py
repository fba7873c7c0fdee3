"""fieldline: the tables of field loggers, checked and stored, every five minutes, for years.

What a driver needs is here:

    from . import Column, DataTable
"""

from .errors import FieldlineError, InputError
from .tables import Column, DataTable

__all__ = ["Column", "DataTable", "FieldlineError", "InputError"]
__version__ = "0.1.0"
