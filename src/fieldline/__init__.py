"""fieldline: the tables of field loggers, checked and stored, every five minutes, for years.

What a driver needs is here: tables and columns, and the checks that values must pass.

    from fieldline import Column, DataTable, between, spike
"""

from typing import TYPE_CHECKING, Any

from .errors import FieldlineError, InputError
from .tables import Column, DataTable

if TYPE_CHECKING:
    from .quality.checks import (
        agrees_with,
        attenuated,
        between,
        between_levels,
        despike,
        diagnostic,
        flat_line,
        not_above_potential,
        not_at_night,
        out_of_range_marker,
        percentile_band,
        ppfd_agrees,
        rate_of_change,
        signal_strength,
        spike,
    )

__all__ = [
    "Column",
    "DataTable",
    "FieldlineError",
    "InputError",
    "agrees_with",
    "attenuated",
    "between",
    "between_levels",
    "despike",
    "diagnostic",
    "flat_line",
    "not_above_potential",
    "not_at_night",
    "out_of_range_marker",
    "percentile_band",
    "ppfd_agrees",
    "rate_of_change",
    "signal_strength",
    "spike",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """The checks, imported when a driver asks for one: a run without new rows must not pay for numpy."""
    if name not in __all__:
        raise AttributeError(f"module 'fieldline' has no attribute {name!r}")
    from .quality import checks

    return getattr(checks, name)
