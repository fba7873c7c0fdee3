"""What record numbers and stamps tell about a table: records that are missing, a clock set back, rows seen before."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_WRAP = 2**32  # record numbers are four bytes wide
_BACK = 2**31  # a step further than this is a step back


@dataclass(frozen=True)
class Before:
    """The rows before those that are looked at. Stamps in ns UTC.

    newest: the largest stamp. last: that of the last row. record: the highest number since they last began anew.
    interval: the usual step between rows.
    """

    newest: int | None = None
    last: int | None = None
    record: int | None = None
    interval: int | None = None


@dataclass(frozen=True)
class Order:
    """Findings in some rows. missing: (first, last) record numbers of each gap; back: (from, to) stamps [ns UTC].

    late: which rows came after a newer one. record: the highest number since they last began anew. overwritten: about
    how many rows were lost before the first, where the numbers can't tell.
    """

    missing: tuple[tuple[int, int], ...]
    back: tuple[tuple[int, int], ...]
    late: Flags
    record: int | None
    overwritten: int = 0

    @property
    def missing_records(self) -> int:
        """How many records the gaps hold."""
        return sum((last - first) % _WRAP + 1 for first, last in self.missing)


def look(times: Ints, records: Ints | None, before: Before, overwritten: bool = False) -> Order:
    """Look at rows (at least one) in the order of the file.

    Args:
        times: stamps [ns UTC]. records: their record numbers, if the table has them.
        overwritten: these are the first rows of a file that was overwritten; rows before them may be lost.

    A record is missing when the numbers jump over it. They start anew when the logger's program or memory is reset (the
    clock goes on), and they go back when the logger's memory is collected again (the clock goes back with them):
    neither is a gap. When the clock goes back and the numbers go on, somebody set the clock.
    """
    first = times[:1] if before.newest is None else np.array([before.newest])
    last = first if before.last is None else np.array([before.last])
    all_times = np.concatenate([first, times])
    late = times < np.maximum.accumulate(all_times)[:-1]
    steps = np.diff(np.concatenate([last, times]))  # from row to row
    lost = _unseen(times, before) if overwritten else 0
    if records is None:
        return Order(
            (), _pairs(last, times, (steps < 0) & ~(overwritten & (np.arange(len(steps)) == 0))), late, None, lost
        )
    known = before.record is not None and before.newest is not None
    all_records = np.concatenate([[before.record] if known else records[:1], records])
    jumps = np.diff(all_records) % _WRAP
    ahead = (jumps > 0) & (jumps < _BACK)
    reset = ~ahead & (jumps > 0) & (np.diff(all_times) > 0)
    missing, highest = _gaps(all_records, reset)
    return Order(missing, _pairs(last, times, (steps < 0) & ahead), late, highest, 0 if ahead[0] else lost)


def without(missing: Sequence[tuple[int, int]], aside: Collection[int]) -> tuple[tuple[int, int], ...]:
    """Gaps without the records that came but could not be read: those lie in the quarantine and are not missing."""
    left = list[tuple[int, int]]()
    for first, last in missing:
        length = (last - first) % _WRAP + 1
        inside = sorted(step for one in aside if (step := (one - first) % _WRAP) < length)
        for before, after in pairwise([-1, *inside, length]):
            if after - before > 1:
                left.append(((first + before + 1) % _WRAP, (first + after - 1) % _WRAP))
    return tuple(left)


def after(record: int | None, aside: Collection[int]) -> int | None:
    """The number that the next one follows, when the rows behind `record` came but could not be read."""
    while record is not None and (record + 1) % _WRAP in aside:
        record = (record + 1) % _WRAP
    return record


def _pairs(last: Ints, times: Ints, where: Flags) -> tuple[tuple[int, int], ...]:
    every = np.concatenate([last, times])
    return tuple((int(every[i]), int(every[i + 1])) for i in np.flatnonzero(where))


def _gaps(records: Ints, reset: Flags) -> tuple[tuple[tuple[int, int], ...], int]:
    """The numbers jumped over since the last reset, apart from those that came before a step back; and the highest."""
    gaps, last = list[tuple[int, int]](), 0
    bounds: Sequence[int] = [0, *(np.flatnonzero(reset) + 1).tolist(), len(records)]
    for begin, end in pairwise(bounds):
        part = records[begin:end]
        part = part + _WRAP * np.cumsum(np.concatenate([[False], np.diff(part) < -_BACK]))
        highest = np.maximum.accumulate(part)
        for i in np.flatnonzero(part[1:] > highest[:-1] + 1):
            gaps.append((int(highest[i] + 1) % _WRAP, int(part[i + 1] - 1) % _WRAP))
        last = int(highest[-1]) % _WRAP
    return tuple(gaps), last


def _unseen(times: Ints, before: Before) -> int:
    """How many rows may lie between the rows before and these, by their stamps alone."""
    if before.newest is None or not before.interval or times.min() <= before.newest:
        return 0
    return max(0, round((int(times.min()) - before.newest) / before.interval) - 1)


def holes(times: Ints, newest: int | None, step: int) -> tuple[tuple[int, int, int], ...]:
    """Where rows did not come, by the stamps alone (the logger was off): stamp before, stamp after, about how many.

    Args:
        newest: the largest stamp of the rows before; what comes late after it fills a hole and makes none.
        step: the declared scan interval. [ns]

    Source: the gap test of QARTOD, with half an interval of grace.
    """
    stamps = np.unique(times if newest is None else np.concatenate([[newest], times[times >= newest]]))
    waits = np.diff(stamps)
    at = np.flatnonzero(waits > 1.5 * step)
    return tuple((int(stamps[i]), int(stamps[i + 1]), round(int(waits[i]) / step) - 1) for i in at)


def interval(times: Ints, records: Ints | None, before: Before) -> int | None:
    """The usual step between records: the median of the steps forward, once there are three of them. [ns]

    A step over records that are missing, or could not be read, is divided by how many it goes over.

    Args:
        times: stamps [ns UTC]. records: their record numbers, if the table has them. before: what was known before.
    """
    steps = np.diff(times if before.newest is None else np.concatenate([[before.newest], times]))
    over = np.ones(len(steps), dtype=np.int64)
    if records is not None:
        jumps = np.diff(records) % _WRAP
        if before.newest is not None:
            first = 1 if before.record is None else (records[0] - before.record) % _WRAP
            jumps = np.concatenate([[first], jumps])
        over = np.where((jumps > 0) & (jumps < _BACK), jumps, 1)
    steps = (steps // over)[steps > 0]
    return int(np.median(steps)) if len(steps) >= 3 or (len(steps) and before.interval is None) else before.interval
