"""Checks that compare fields of the same row: two sensors of one quantity, levels of a profile, light and radiation."""

from __future__ import annotations

import numpy as np

from .check import Around, Check, circular_difference, grade, mark, number
from .flags import GOOD, MISSING, SUSPECT, UNKNOWN, Flags, Floats


def agrees_with(other: str, *, within: float, fail: float | None = None, circular: bool = False) -> Check:
    """Two sensors of one quantity, such as replicates, or TA and T_SONIC. 2 where the other is missing.

    Args:
        other: the other field, in the same unit.
        within: the largest difference. fail: the one that fails. [unit of the column]
        circular: directions in degrees.

    Source: QARTOD multi-variate and nearest neighbour tests, which leave the limits to the operator; pairs as in
        AMF-BASE-QAQC, multivariate comparison. A limit that follows from the scatter of your own pair, such as its 4.5
        residual standard errors, is that program's.
    """
    low = number("agrees_with", "within", within, above=0)
    high = None if fail is None else number("agrees_with", "fail", fail, above=0)
    if high is not None and not low < high:
        raise ValueError(f"agrees_with: within is {within}, must be less than fail, which is {fail}")

    def check(values: Floats, around: Around) -> Flags:
        partner = around.column(other)
        apart = circular_difference(values, partner) if circular else values - partner
        flags = grade(np.abs(apart), low, high)
        mark(flags, np.isnan(values), MISSING)
        return flags

    parameters = {"other": other, "within": within, "fail": fail, "circular": circular}
    return Check("agrees_with", check, partners=(other,), parameters=parameters)


def between_levels(below: str, above: str, *, by: float) -> Check:
    """A level of a profile that is not between its neighbours in height. 2 where one of them is missing.

    Args:
        below, above: the fields of the next levels, in the same unit.
        by: how far outside of both is still good: profiles do bend. [unit of the column]

    Source: after the comparison of adjacent levels in AMF-BASE-QAQC (TA, outliers beyond 6 residual standard errors);
        the form of the rule is our own.
    """
    margin = number("between_levels", "by", by, least=0)
    if below == above:
        raise ValueError(f"between_levels: below and above are both {below!r}")

    def check(values: Floats, around: Around) -> Flags:
        low, high = around.column(below), around.column(above)
        flags = np.full(values.shape, GOOD, dtype=np.uint8)
        mark(flags, values < np.minimum(low, high) - margin, SUSPECT)
        mark(flags, values > np.maximum(low, high) + margin, SUSPECT)
        mark(flags, np.isnan(low) | np.isnan(high), UNKNOWN)
        mark(flags, np.isnan(values), MISSING)
        return flags

    parameters = {"below": below, "above": above, "by": by}
    return Check("between_levels", check, partners=(below, above), parameters=parameters)


def ppfd_agrees(sw_in: str, *, low: float = 1.5, high: float = 2.8, least: float = 50.0) -> Check:
    """Photon flux density that does not go with shortwave radiation. 2 where it is too dark to tell.

    Args:
        sw_in: the field of incoming shortwave radiation. [W m-2]
        low, high: limits of their ratio. [umol J-1]
        least: the radiation from which on the ratio means something. [W m-2]

    Source: sunlight has 45 % of its energy in 400-700 nm, at 4.57 umol J-1 (Thimijan and Heins 1983): 2.06 umol J-1,
        about the factor 2 that ONEFlux and AMF-BASE-QAQC use; the limits are our own, for clouds, low sun and sensors
        off by a quarter.
    """
    bottom, top = number("ppfd_agrees", "low", low, above=0), number("ppfd_agrees", "high", high, above=0)
    if not bottom < top:
        raise ValueError(f"ppfd_agrees: low is {low}, must be less than high, which is {high}")
    light = number("ppfd_agrees", "least", least, above=0)

    def check(values: Floats, around: Around) -> Flags:
        radiation = around.column(sw_in)
        flags = np.full(values.shape, GOOD, dtype=np.uint8)
        mark(flags, (values < bottom * radiation) | (values > top * radiation), SUSPECT)
        mark(flags, ~(radiation >= light), UNKNOWN)
        mark(flags, np.isnan(values), MISSING)
        return flags

    parameters = {"sw_in": sw_in, "low": low, "high": high, "least": least}
    return Check("ppfd_agrees", check, partners=(sw_in,), parameters=parameters)
