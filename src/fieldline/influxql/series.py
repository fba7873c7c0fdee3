"""What answers a statement: one table for each measurement and combination of tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .tree import QueryError

MOST_CELLS = 5_000_000  # rows x columns of the answers to one request: about 0.3 GB while they are written as JSON


class Room:
    """How many cells (rows x columns, times among them) the answers to one request may still have; for one thread."""

    def __init__(self, cells: int = MOST_CELLS) -> None:
        self.left = cells

    def rows(self, columns: int) -> int:
        """The most rows of so many columns for which there is room."""
        return self.left // max(columns, 1)

    def take(self, rows: int, columns: int) -> None:
        """Use room. Raises: QueryError, when there is not enough."""
        if rows > self.rows(columns):
            raise QueryError(
                f"max-select-point limit exceeded: ({rows} rows of {columns} columns/{self.left} cells left "
                "to the request); ask for a shorter range, wider windows in GROUP BY time() or fewer columns"
            )
        self.left -= rows * columns


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
