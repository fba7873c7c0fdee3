"""Flags and values on the grids that pictures are made of: by bin of a range, by day, by day and time of day (UTC).

A row belongs to the bin in which its stamp lies (start <= stamp < end), as in the windows of a store.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .flags import FAIL, GOOD, MISSING, SUSPECT
from .flags import UNKNOWN as NOT_EVALUATED

NOTHING = 0  # no row is expected there

DAY = 86_400 * 10**9  # [ns]
_BINS = 500  # of a timeline, at most: each is then two pixels wide or more, so that a single bad value shows
_ROWS = 370  # of a fingerprint, at most: more days share a row
_CELLS, _MANY_DAYS, _FEW_CELLS = 288, 60, 144  # of a fingerprint's row; long ranges get fewer, to keep pages small

_WORSE = (NOTHING, GOOD, NOT_EVALUATED, MISSING, SUSPECT, FAIL)  # each hides those before it

Flags = NDArray[np.uint8]
Numbers = NDArray[np.float64]
Times = NDArray[np.int64]


@dataclass(frozen=True)
class Span:
    """A half-open range of time [ns since 1970, UTC] and the interval of its rows [ns], None when it is not known."""

    start: int
    end: int
    interval: int | None

    @property
    def days(self) -> int:
        """How many UTC days the range touches."""
        return max(0, (self.end - 1) // DAY - self.start // DAY + 1) if self.end > self.start else 0

    def absent(self, times: Times) -> Times:
        """The stamps of rows that should have come and did not.

        Args:
            times: the stamps that came, within the range. They may lie beside the grid by up to half an interval.
        """
        if self.interval is None or self.end <= self.start:
            return np.empty(0, np.int64)
        phase = _commonest(times % self.interval) if len(times) else 0
        first = -((phase - self.start) // self.interval)  # the first slot at or after the start
        last = (self.end - 1 - phase) // self.interval
        slots: Times = np.arange(first, last + 1, dtype=np.int64)
        taken = (times - phase + self.interval // 2) // self.interval
        return slots[~np.isin(slots, taken)] * self.interval + phase


@dataclass(frozen=True)
class Timeline:
    """The worst flag of each bin; `width` [ns] of a bin, 0 = nothing expected there."""

    start: int
    width: int
    flags: Flags


@dataclass(frozen=True)
class Fingerprint:
    """Flags and mean values by date (rows, oldest first) and time of day (cells).

    Attributes:
        first: the first day [days since 1970]. step: days in a row.
        flags: the worst flag of each cell. values: the mean of what is neither suspect nor failed, NaN without.
    """

    first: int
    step: int
    flags: Flags
    values: Numbers


def timeline(times: Times, flags: Flags, span: Span) -> Timeline:
    """The worst flag by bin: at most 500 bins, each of whole intervals, so that none is empty by its width alone."""
    length = max(0, span.end - span.start)
    unit = span.interval or 1
    width = unit * max(1, -(-length // (unit * _BINS)))
    return Timeline(span.start, width, _worst((times - span.start) // width, flags, -(-length // width)))


def share_by_day(times: Times, present: NDArray[np.bool_], span: Span) -> Numbers:
    """The share of expected rows that have a value, for each UTC day of the range; NaN where none is expected."""
    day = times // DAY - span.start // DAY
    expected = np.bincount(day, minlength=span.days)[: span.days]
    came = np.bincount(day[present], minlength=span.days)[: span.days]
    share: Numbers = np.divide(came, expected, out=np.full(span.days, np.nan), where=expected > 0)
    return share


def fingerprint(times: Times, flags: Flags, values: Numbers, span: Span) -> Fingerprint:
    """Flags and values by date and time of day, in cells no narrower than the interval."""
    first, step = span.start // DAY, max(1, -(-span.days // _ROWS))
    rows = -(-span.days // step)
    most = _CELLS if span.days <= _MANY_DAYS else _FEW_CELLS
    cells = max(1, min(most, DAY // (span.interval or 1)))
    at = (times // DAY - first) // step * cells + (times % DAY) * cells // DAY
    used = np.isfinite(values) & ((flags == GOOD) | (flags == NOT_EVALUATED))
    count = np.bincount(at[used], minlength=rows * cells)
    total = np.bincount(at[used], weights=values[used], minlength=rows * cells)
    mean = np.divide(total, count, out=np.full(rows * cells, np.nan), where=count > 0)
    return Fingerprint(first, step, _worst(at, flags, rows * cells).reshape(rows, cells), mean.reshape(rows, cells))


def pooled(flags: Flags, by: int) -> Flags:
    """The worst of each `by` neighbours: the same timeline for a narrow screen."""
    return _worst(np.arange(len(flags)) // by, flags, -(-len(flags) // by))


def _worst(bins: Times, flags: Flags, count: int) -> Flags:
    worst = np.full(count, NOTHING, np.uint8)
    for flag in _WORSE[1:]:
        worst[bins[flags == flag]] = flag
    return worst


def _commonest(numbers: Times) -> int:
    found, counts = np.unique(numbers, return_counts=True)
    return int(found[counts.argmax()])
