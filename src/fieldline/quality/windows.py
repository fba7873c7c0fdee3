"""Checks that look at a stretch of time: flat lines, signals that hardly move, outliers against a running median.

Windows are in time, so that they don't depend on the piece of the series at hand. A value belongs to a stretch when the
readings before it are no further apart than NEAR scan intervals; without a declared interval these checks say 2 of
everything. Missing values are left out. All memory is a few arrays of n.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from . import running
from .check import Around, Check, mark, nanoseconds, not_evaluated, number
from .flags import FAIL, GOOD, MISSING, SUSPECT, UNKNOWN, Flags, Floats, Ints

Kind = Literal["std", "range"]


def flat_line(suspect_seconds: float, fail_seconds: float | None = None, *, tolerance: float = 0.0) -> Check:
    """A sensor that is stuck: all values of a time lie within `tolerance` of each other.

    A value is flagged when it and the values back to at least `suspect_seconds` before it are so, without a hole of
    more than NEAR scan intervals. It is good when a value within that time differs, and 2 while too little time has
    passed to know.

    Args:
        suspect_seconds, fail_seconds: for how long; the limit itself is flagged. [s]
        tolerance: the largest difference between two values that are the same, included; 0: identical. [unit of the
            column]

    Source: QARTOD flat line test, in time as in ioos_qc 3.0.0, where a tolerance of 0 finds nothing.
    """
    suspect = nanoseconds("flat_line", "suspect_seconds", suspect_seconds)
    fail = None if fail_seconds is None else nanoseconds("flat_line", "fail_seconds", fail_seconds)
    if fail is not None and not suspect < fail:
        raise ValueError(
            f"flat_line: suspect_seconds is {suspect_seconds}, must be less than fail_seconds, {fail_seconds}"
        )
    width = number("flat_line", "tolerance", tolerance, least=0)

    def check(values: Floats, around: Around) -> Flags:
        flags = not_evaluated(values)
        if around.near is not None:
            there = ~np.isnan(values)
            every = bool(there.all())
            times = around.times if every else around.times[there]
            found = _flat(values if every else values[there], times, around.near, suspect, fail, width)
            flags[there] = found
        return flags

    parameters = {"suspect_seconds": suspect_seconds, "fail_seconds": fail_seconds, "tolerance": tolerance}
    return Check("flat_line", check, back=fail or suspect, neighbours=1, parameters=parameters)


def _flat(values: Floats, times: Ints, near: int, suspect: int, fail: int | None, tolerance: float) -> Flags:
    """Flags of n values of which none is missing. near, suspect, fail: [ns]."""
    flags = np.full(values.shape, GOOD, dtype=np.uint8)
    if not len(values):
        return flags
    holes = np.diff(times) > near
    moves = values[1:] != values[:-1] if tolerance == 0 else np.abs(np.diff(values)) > tolerance
    stretch, calm = running.begin(holes), running.begin(holes | moves)
    held = times - times[calm]
    # Between two steps larger than the tolerance there can be a slow drift; only where that matters is it looked for.
    young = (calm == stretch) & (held < suspect)
    long = held >= suspect
    if tolerance > 0:
        young = _steady(values, calm, young, tolerance)
        long = _steady(values, _back(times, suspect, long), long, tolerance)
    mark(flags, young, UNKNOWN)
    mark(flags, long, SUSPECT)
    if fail is not None:
        longer = long & (held >= fail)
        if tolerance > 0:
            longer = _steady(values, _back(times, fail, longer), longer, tolerance)
        mark(flags, longer, FAIL)
    return flags


def _back(times: Ints, width: int, where: running.Bools) -> Ints:
    """For each row of `where`, the last row at least `width` [ns] before it; 0 elsewhere. n indices."""
    first = np.zeros(len(times), dtype=np.int64)
    rows = np.flatnonzero(where)
    first[rows] = np.searchsorted(times, times[rows] - width, side="right") - 1
    return first


def _steady(values: Floats, first: Ints, where: running.Bools, tolerance: float) -> running.Bools:
    """Those rows of `where` at which the values from row `first` on differ by no more than `tolerance`."""
    rows = np.flatnonzero(where)
    result = np.zeros(len(values), dtype=np.bool_)
    result[rows] = running.spread(values, first[rows], rows) <= tolerance
    return result


def attenuated(
    suspect: float, fail: float | None = None, *, seconds: float, kind: Kind = "std", complete: float = 0.9
) -> Check:
    """A signal that moves too little: ice on a sonic, a clogged inlet, a broken shield.

    Args:
        suspect, fail: the least standard deviation (of the population) or range. [unit of the column]
        seconds: of the window, which ends with the value and begins behind the moment `seconds` before it. [s]
        kind: `std` or `range`.
        complete: the share of the readings which the scan interval promises that must be there; else 2. [1]

    Source: attenuated signal test of ioos_qc 3.0.0; `complete` after EddyPro's default allowance of 10 % missing
        samples.
    """
    low = number("attenuated", "suspect", suspect, above=0)
    lowest = None if fail is None else number("attenuated", "fail", fail, above=0)
    if lowest is not None and not lowest < low:
        raise ValueError(f"attenuated: fail is {fail}, must be less than suspect, which is {suspect}")
    width = nanoseconds("attenuated", "seconds", seconds)
    share = _share("attenuated", complete)
    limits = [limit for limit in (low, lowest) if limit is not None]
    if kind not in get_args(Kind):
        raise ValueError(f"attenuated: kind is {kind!r}, must be 'std' or 'range'")

    def check(values: Floats, around: Around) -> Flags:
        flags = not_evaluated(values)
        if around.interval is not None:
            least = _needed(width, around.interval, share)
            for context, begin, end in running.pieces(around.times, width, around.interval):
                x, times = values[context:end], around.times[context:end]
                found = _weak(x, times, running.windows(times, width, around.interval), width, least, limits, kind)
                flags[begin:end] = found[begin - context :]
        return flags

    parameters = {"suspect": suspect, "fail": fail, "seconds": seconds, "kind": kind, "complete": complete}
    return Check("attenuated", check, back=width, parameters=parameters)


def _weak(
    values: Floats, times: Ints, where: running.Windows, width: int, least: int, limits: Sequence[float], kind: Kind
) -> Flags:
    """Flags of n values: 3 below the first of `limits`, 4 below the second, 2 with fewer than `least` in the window."""
    missing = np.isnan(values)
    count = where.counts(missing)
    if kind == "std":
        limits = [limit * limit for limit in limits]
        size = running.variance(values, times, where, count, width, least, limits)
    else:
        size = running.spread(values, where.first, np.arange(len(values)))
    flags = np.full(values.shape, GOOD, dtype=np.uint8)
    for limit, flag in zip(limits, (SUSPECT, FAIL), strict=False):
        mark(flags, size < limit, flag)
    mark(flags, count < least, UNKNOWN)
    mark(flags, missing, MISSING)
    return flags


def _share(check: str, share: object) -> float:
    value = number(check, "complete", share, above=0)
    if value > 1:
        raise ValueError(f"{check}: complete is {share}, must be a share from 0 to 1")
    return value


def _needed(width: int, interval: int, share: float) -> int:
    """How many readings a window of `width` [ns] must hold: two at least."""
    return max(2, math.ceil(share * (width / interval) - 1e-9))


def despike(
    z: float, fail: float | None = None, *, seconds: float, resolution: float = 0.0, complete: float = 0.5
) -> Check:
    """An outlier against the running median (Hampel identifier). It does not tell day from night.

    A value is flagged when it is further from the median of the window around it than `z` times 1.4826 times the
    running median of such distances. The newest values are judged with what has come, and again when the window is
    whole.

    Args:
        z, fail: how many robust standard deviations. [1]
        seconds: of the window, half of it to each side. [s]
        resolution: a scale never taken to be less than this, such as the step of the logger's numbers; where the scale
            is 0 the value is not evaluated. [unit of the column]
        complete: the share of the readings which the scan interval promises that must be there; else 2. [1]

    Source: Hampel 1974, J. Am. Stat. Assoc. 69; 1.4826 makes the MAD that of a normal distribution. Papale et al. 2006
        use z of 4, 5.5 and 7 for half-hourly fluxes, on double differences and day and night apart.
    """
    low, high = number("despike", "z", z, above=0), None if fail is None else number("despike", "fail", fail, above=0)
    if high is not None and not low < high:
        raise ValueError(f"despike: z is {z}, must be less than fail, which is {fail}")
    half = nanoseconds("despike", "seconds", seconds) // 2
    least, share = number("despike", "resolution", resolution, least=0), _share("despike", complete)

    def check(values: Floats, around: Around) -> Flags:
        flags = not_evaluated(values)
        if around.interval is None:
            return flags
        there = np.flatnonzero(~np.isnan(values))
        x, times = values[there], around.times[there]
        first = np.searchsorted(times, times - half, side="left")
        last = np.searchsorted(times, times + half, side="right")
        distance = np.abs(x - running.median(x, first, last))
        scale = np.maximum(1.4826 * running.median(distance, first, last), least)
        found = np.full(len(x), GOOD, dtype=np.uint8)
        mark(found, distance > low * scale, SUSPECT)
        if high is not None:
            mark(found, distance > high * scale, FAIL)
        few = last - first < max(3, _needed(2 * half, around.interval, share))
        mark(found, few | (scale == 0), UNKNOWN)
        flags[there] = found
        return flags

    parameters = {"z": z, "fail": fail, "seconds": seconds, "resolution": resolution, "complete": complete}
    return Check("despike", check, back=2 * half, ahead=2 * half, parameters=parameters)
