"""What answers a statement: one table for each measurement and combination of tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Series:
    """One series of an answer.

    name: the measurement. tags: those that were grouped by, in the order of their names; None where there was no
    GROUP BY of tags. columns: the names, "time" first where there are times. times: int64, ns since 1970; None for
    answers without times. values: the other columns, in order: float64 (NaN is null), int64, bool, or object with None
    for null.
    """

    name: str
    tags: Mapping[str, str] | None
    columns: tuple[str, ...]
    times: np.ndarray[Any, np.dtype[np.int64]] | None
    values: Sequence[np.ndarray[Any, Any]]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.values[0]) if self.times is None else len(self.times)
