"""What stamps and record numbers say about the rows of a table: late, repeated, backward, in the future, missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from .flags import Bools, Ints

Kind = Literal["gap", "duplicate", "backward", "clock_back", "future", "record_gap"]
_WRAP = 2**32  # record numbers are four bytes wide
_BACK = 2**31  # a step further than this is a step back
_LATE = 1.5  # scan intervals; a step that is longer has a row missing in it


@dataclass(frozen=True)
class Finding:
    """One kind of trouble: how often, how many rows it costs or touches, the first and last stamp of it [ns UTC].

    gap: rows that did not come, by the stamps. record_gap: by the record numbers, so without times in which the logger
    was off. duplicate: a stamp for the second time. backward: earlier than the row before. clock_back: the same while
    record numbers go on, so somebody set the clock. future: later than now.
    """

    kind: Kind
    count: int
    rows: int
    first: int
    last: int


def findings(
    times: Ints, records: Ints | None = None, interval: int | None = None, now: int | None = None, ahead: int = 0
) -> tuple[Finding, ...]:
    """Look at n rows in the order in which they were written.

    Args:
        times: stamps [ns UTC]. records: their record numbers, if there are any.
        interval: the declared scan interval [ns]. Without one no gap is looked for.
        now: the time of the computer [ns UTC]; without it nothing is in the future. ahead: how far a logger's clock may
            be ahead of it [ns].

    Source: QARTOD timing/gap test; duplicate and impossible stamps as in AMF-BASE-QAQC's format checks.
    """
    found = [_rows("duplicate", times, _repeated(times))]
    if now is not None:
        found.append(_rows("future", times, times > now + ahead))
    if len(times) > 1:
        found += _steps(times, records, interval)
    return tuple(one for one in found if one.count)


def _rows(kind: Kind, times: Ints, where: Bools) -> Finding:
    stamps, count = times[where], int(where.sum())
    return Finding(kind, count, count, *((int(stamps.min()), int(stamps.max())) if count else (0, 0)))


def _repeated(times: Ints) -> Bools:
    """Which stamps were there in an earlier row."""
    order = np.argsort(times, kind="stable")
    repeated = np.zeros(len(times), dtype=np.bool_)
    repeated[order[1:]] = times[order[1:]] == times[order[:-1]]
    return repeated


def _steps(times: Ints, records: Ints | None, interval: int | None) -> list[Finding]:
    steps = np.diff(times)
    if records is None:
        set_back = missed = np.zeros(len(steps), dtype=np.bool_)
        jumps = np.zeros(len(steps), dtype=np.int64)
    else:
        jumps = np.diff(records) % _WRAP
        onward = (jumps > 0) & (jumps < _BACK)
        set_back = (steps < 0) & onward
        missed = onward & (jumps > 1)
    found = [
        _rows("backward", times[1:], (steps < 0) & ~set_back),
        _rows("clock_back", times[1:], set_back),
        _between("record_gap", times, missed, jumps - 1),
    ]
    if interval is not None:
        # In the order of time, so that rows which came late fill their gap.
        stamps = np.unique(times)
        waits = np.diff(stamps)
        found.append(_between("gap", stamps, waits > _LATE * interval, np.rint(waits / interval).astype(np.int64) - 1))
    return found


def _between(kind: Kind, times: Ints, where: Bools, rows: Ints) -> Finding:
    """Rows that are missing between two rows; first and last are the rows that are there."""
    at = np.flatnonzero(where)
    span = (int(times[at[0]]), int(times[at[-1] + 1])) if len(at) else (0, 0)
    return Finding(kind, len(at), int(rows[at].sum()), *span)
