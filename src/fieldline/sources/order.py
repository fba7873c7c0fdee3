"""What record numbers and stamps tell about a table: records that are missing, a clock set back, rows seen before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

_WRAP = 2**32  # record numbers are four bytes wide
_BACK = 2**31  # a step further than this is a step back


@dataclass(frozen=True)
class Order:
    """Findings in some rows. missing: (first, last) record numbers of each gap; back: (from, to) stamps [ns UTC]."""

    missing: tuple[tuple[int, int], ...] = ()
    back: tuple[tuple[int, int], ...] = ()
    late: int = 0

    @property
    def missing_records(self) -> int:
        """How many records the gaps hold."""
        return sum((last - first) % _WRAP + 1 for first, last in self.missing)


def look(times: Ints, records: Ints | None, newest: int | None, record: int | None) -> Order:
    """Look at n rows in the order of the file.

    Args:
        times: stamps [ns UTC]. records: their record numbers, if the table has them.
        newest, record: stamp and number of the row before these, if there was one.

    A record is missing when the numbers jump over it. They start anew when the logger's program or memory is reset (the
    clock goes on), and they go back when the logger's memory is collected again (the clock goes back with them):
    neither is a gap. When the clock goes back and the numbers go on, somebody set the clock.
    """
    if newest is not None:
        times = np.concatenate([[newest], times])
        records = None if records is None or record is None else np.concatenate([[record], records])
    if len(times) < 2:
        return Order()
    steps = np.diff(times)
    late = int((times[1:] < np.maximum.accumulate(times)[:-1]).sum())
    if records is None:
        return Order(back=_pairs(times, steps < 0), late=late)
    jumps = np.diff(records) % _WRAP
    ahead = (jumps > 0) & (jumps < _BACK)
    back = _pairs(times, (steps < 0) & ahead)
    return Order(_gaps(records, ~ahead & (steps > 0), jumps > 1), back, late)


def _pairs(times: Ints, where: npt.NDArray[np.bool_]) -> tuple[tuple[int, int], ...]:
    return tuple((int(times[i]), int(times[i + 1])) for i in np.flatnonzero(where))


def _gaps(records: Ints, reset: npt.NDArray[np.bool_], jump: npt.NDArray[np.bool_]) -> tuple[tuple[int, int], ...]:
    """The numbers jumped over since the last reset, apart from those that came before a step back."""
    gaps = list[tuple[int, int]]()
    bounds: Sequence[int] = [0, *(np.flatnonzero(reset) + 1).tolist(), len(records)]
    for begin, end in pairwise(bounds):
        part = records[begin:end]
        part = part + _WRAP * np.cumsum(np.concatenate([[False], np.diff(part) < -_BACK]))
        highest = np.maximum.accumulate(part)
        for i in np.flatnonzero(part[1:] > highest[:-1] + 1):
            gaps.append((int(highest[i] + 1) % _WRAP, int(part[i + 1] - 1) % _WRAP))
    return tuple(gaps) if jump.any() else ()


def interval(times: Ints, newest: int | None, known: int | None) -> int | None:
    """The usual step between rows: the median of the steps forward, once there are three of them. [ns]

    Args:
        newest: stamp of the row before these. known: the interval found so far.
    """
    steps = np.diff(times if newest is None else np.concatenate([[newest], times]))
    steps = steps[steps > 0]
    return int(np.median(steps)) if len(steps) >= 3 or (len(steps) and known is None) else known
