"""Checks that compare a value with the rows beside it: spikes and steps.

A row counts as a neighbour when it is no further away than NEAR scan intervals; else, or when its value is missing, the
point is not evaluated. Where no scan interval is declared, these checks say 2 of everything: how far is too far cannot
be told from the rows at hand, since those may be any piece of the series.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from .check import SECOND, Around, Check, circular_difference, grade, levels, mark, not_evaluated
from .flags import MISSING, UNKNOWN, Flags, Floats

Method = Literal["average", "differential"]


def spike(
    suspect: float | None, fail: float | None = None, *, method: Method = "average", circular: bool = False
) -> Check:
    """A value far off both of its neighbours. The newest value stays 2 until its successor has come.

    Args:
        suspect, fail: how far is too far; one of them may be None. [unit of the column]
        method: `average`: the distance to the mean of both neighbours, which flags the neighbours of a large spike too.
            `differential`: the smaller of the two steps, if they go in opposite directions, which flags the peak alone.
        circular: the column is a direction in degrees, so 350 and 10 are 20 apart.

    Source: QARTOD spike test; `differential` as in ioos_qc 3.0.0 and Argo.
    """
    low, high = levels("spike", suspect, fail)
    if method not in get_args(Method):
        raise ValueError(f"spike: method is {method!r}, must be 'average' or 'differential'")
    distance = _to_average if method == "average" else _smaller_step

    def check(values: Floats, around: Around) -> Flags:
        near = around.near
        flags = not_evaluated(values)
        if near is None or len(values) < 3:
            return flags
        inner = grade(distance(values, circular), low, high)
        far = np.diff(around.times) > near
        if far.any():
            inner[far[:-1] | far[1:]] = UNKNOWN
        flags[1:-1] = inner
        mark(flags, np.isnan(values), MISSING)
        return flags

    parameters = {"suspect": suspect, "fail": fail, "method": method, "circular": circular}
    return Check("spike", check, neighbours=1, parameters=parameters)


def _to_average(values: Floats, circular: bool) -> Floats:
    """How far the n - 2 inner values are from the means of their neighbours; NaN where one of the three is missing."""
    before, value, after = values[:-2], values[1:-1], values[2:]
    if circular:
        return np.abs(circular_difference(value, before + circular_difference(after, before) / 2))
    distance = before + after
    distance /= 2
    np.subtract(value, distance, out=distance)
    return np.abs(distance, out=distance)


def _smaller_step(values: Floats, circular: bool) -> Floats:
    """The smaller of the two steps at the n - 2 inner values where these are peaks, 0 elsewhere, NaN as above."""
    steps = circular_difference(values[1:], values[:-1]) if circular else np.diff(values)
    same = np.signbit(steps[:-1]) == np.signbit(steps[1:])
    np.abs(steps, out=steps)
    distance = np.minimum(steps[:-1], steps[1:])
    distance *= ~same
    return distance


def rate_of_change(suspect: float | None, fail: float | None = None, *, circular: bool = False) -> Check:
    """A step from the row before that is too steep.

    Args:
        suspect, fail: the largest rate; one of them may be None. [unit of the column per second]
        circular: the column is a direction in degrees.

    Source: QARTOD rate of change test with fixed rates, as in ioos_qc 3.0.0. There steps are truncated to whole
        seconds, and the first value and one behind a gap are good; here steps are exact, and these are 2.
    """
    low, high = levels("rate_of_change", suspect, fail)

    def check(values: Floats, around: Around) -> Flags:
        near = around.near
        flags = not_evaluated(values)
        if near is None or len(values) < 2:
            return flags
        steps = np.diff(around.times)
        rates = circular_difference(values[1:], values[:-1]) if circular else np.diff(values)
        rates /= steps / SECOND
        np.abs(rates, out=rates)
        flags[1:] = grade(rates, low, high)
        mark(flags[1:], steps > near, UNKNOWN)
        mark(flags, np.isnan(values), MISSING)
        return flags

    parameters = {"suspect": suspect, "fail": fail, "circular": circular}
    return Check("rate_of_change", check, neighbours=1, parameters=parameters)
