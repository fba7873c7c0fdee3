"""What to say of a name that is not there."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


def meant(name: str, names: Sequence[str]) -> str:
    """What to say to somebody who typed a name that is not there: similar ones, else the first ten."""
    if near := difflib.get_close_matches(name, names, 3):
        return f"Did you mean {', '.join(near)}? All names: fieldline read BUCKET"
    more = " and more: fieldline read BUCKET" if len(names) > 10 else "."
    return f"There are: {', '.join(names[:10])}{more}"
