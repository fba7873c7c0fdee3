"""Checks that look at one value: its range, numbers that mean an error, signal strength."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .check import Around, Check, blank, mark, number
from .flags import FAIL, GOOD, MISSING, SUSPECT, UNKNOWN, Flags, Floats

Span = tuple[float | None, float | None]


def between(low: float | None, high: float | None, *, suspect: Span | None = None) -> Check:
    """Fail what no sensor of this kind can read; suspect what this site never sees.

    Args:
        low, high: what the instrument can report; the limits are good. None: no limit on that side. [unit of the
            column]
        suspect: a narrower range that is expected here. [unit of the column]

    Raises: ValueError, for a range that is none, or a suspect range that is not within it.

    Source: the QARTOD gross range test. ioos_qc calls infinities fail; here they are missing.
    """
    fail = _span("low", "high", low, high)
    expected: Span = (None, None) if suspect is None else _suspect(suspect, fail)

    def check(values: Floats, around: Around) -> Flags:
        flags = np.full(values.shape, GOOD, dtype=np.uint8)
        for (least, most), flag in ((expected, SUSPECT), (fail, FAIL)):
            if least is not None:
                mark(flags, values < least, flag)
            if most is not None:
                mark(flags, values > most, flag)
        mark(flags, np.isnan(values), MISSING)
        return flags

    return Check("between", check, parameters={"low": low, "high": high, "suspect": suspect})


def _span(first: str, second: str, low: object, high: object) -> Span:
    least = None if low is None else number("between", first, low)
    most = None if high is None else number("between", second, high)
    if least is None and most is None:
        raise ValueError(f"between: neither {first} nor {second} is given, so it would find nothing")
    if least is not None and most is not None and not least < most:
        raise ValueError(f"between({low}, {high}): the first limit must be below the second")
    return least, most


def _suspect(suspect: object, fail: Span) -> Span:
    if not isinstance(suspect, Sequence) or isinstance(suspect, str) or len(suspect) != 2:
        raise ValueError(f"between: suspect is {suspect!r}, must be two numbers, such as [0, 2500]")
    least, most = span = _span("the first of suspect", "the second of suspect", *suspect)
    low, high = fail
    if _beyond(least, low, -1) or _beyond(most, high, 1) or _beyond(least, high, 1) or _beyond(most, low, -1):
        raise ValueError(f"between: suspect is {suspect!r}, must lie within {low!r} and {high!r}")
    return span


def _beyond(one: float | None, limit: float | None, side: int) -> bool:
    return one is not None and limit is not None and side * one > side * limit


def out_of_range_marker(*values: float) -> Check:
    """Fail numbers that loggers and instruments write instead of a value.

    Args:
        values: 7999, -7999 and 6999 of Campbell's FP2, -99999 of sonics, -6999 and -9999 of older programs. Only name
            numbers that the column cannot measure. [unit of the column]

    Source: Campbell Scientific, FP2 data format (7999 over range, -7999 under range, 6999 in some programs); notes on
        diagnostic words of CSAT3 (-99999).
    """
    if not values:
        raise ValueError("out_of_range_marker: no value is given, so it would find nothing")
    markers = tuple(number("out_of_range_marker", "a value", value) for value in values)

    def check(readings: Floats, around: Around) -> Flags:
        flags = blank(readings)
        for marker in markers:
            mark(flags, readings == marker, FAIL)
        return flags

    return Check("out_of_range_marker", check, parameters={"values": markers})


def signal_strength(minimum: float = 0.7, *, of: str | None = None) -> Check:
    """Fail what a gas analyser measured through dirty windows.

    Args:
        minimum: the least signal strength, as a fraction of that of clean windows. [1]
        of: the field that holds the signal strength. None: the column itself holds it.

    Source: EasyFlux-DL uses CO2 and H2O of a record when the signal strength is 0.7 or more.
    """
    least = number("signal_strength", "minimum", minimum, above=0)

    def check(values: Floats, around: Around) -> Flags:
        strength = values if of is None else around.column(of)
        flags = np.full(values.shape, GOOD, dtype=np.uint8)
        mark(flags, strength < least, FAIL)
        mark(flags, np.isnan(strength), UNKNOWN)
        mark(flags, np.isnan(values), MISSING)
        return flags

    partners = () if of is None else (of,)
    return Check("signal_strength", check, partners=partners, parameters={"minimum": minimum, "of": of})
