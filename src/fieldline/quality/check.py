"""What a check is, what it may look at, and how its limits are checked themselves."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from .flags import FAIL, GOOD, MISSING, SUSPECT, UNKNOWN, Bools, Flags, Floats, Ints

SECOND = 1_000_000_000  # ns
# A row further away than this many scan intervals says nothing about a value. Own choice: the spike and rate tests of
# QARTOD look at neighbours however far they are; a limit is needed so that flags don't depend on how rows arrived.
NEAR = 10


@dataclass(frozen=True)
class Around:
    """What a check may look at besides its own values.

    times: n stamps, strictly ascending [ns UTC]. interval: the declared scan interval [ns], None if nobody declared
    one.
    column: another field of the same n rows by name, NaN where it is missing.
    """

    times: Ints
    interval: int | None
    column: Callable[[str], Floats]

    @property
    def near(self) -> int | None:
        """How far a neighbour may be away to count [ns]; None where no interval is declared."""
        return None if self.interval is None else NEAR * self.interval


@dataclass(frozen=True)
class Check:
    """A rule that judges the values of a field.

    name: names its bit. function: n values (NaN: missing) -> n flags; flags of a row depend on nothing but the rows
    from `back` before to `ahead` after it [ns], and `neighbours` rows to each side, none further than NEAR scan
    intervals.
    partners: the other fields it looks at. parameters: for messages and reports.
    """

    name: str
    function: Callable[[Floats, Around], Flags]
    back: int = 0
    ahead: int = 0
    neighbours: int = 0
    partners: tuple[str, ...] = ()
    parameters: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{name}={value}' for name, value in self.parameters.items())})"


def blank(values: Floats, flag: int = GOOD) -> Flags:
    """n times `flag`, and 9 where the value is missing."""
    flags = np.full(values.shape, flag, dtype=np.uint8)
    flags[np.isnan(values)] = MISSING
    return flags


def not_evaluated(values: Floats) -> Flags:
    """What a check says that cannot be made."""
    return blank(values, UNKNOWN)


def mark(flags: Flags, where: Bools, flag: int) -> None:
    """Write `flag` where `where`; as fast as nothing when nothing is found."""
    if where.any():
        flags[where] = flag


def number(check: str, name: str, value: object, *, above: float | None = None, least: float | None = None) -> float:
    """`value` as a float.

    Raises: ValueError, when it is no finite number, not above `above`, or less than `least`.
    """
    wanted = f" above {above:g}" if above is not None else f" of at least {least:g}" if least is not None else ""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float | np.integer | np.floating)
        or not math.isfinite(value)
        or (above is not None and not value > above)
        or (least is not None and not value >= least)
    ):
        raise ValueError(f"{check}: {name} is {value!r}, must be a number{wanted}")
    return float(value)


def levels(check: str, suspect: object, fail: object) -> tuple[float | None, float | None]:
    """Two thresholds, of which one may be left out; suspect comes before fail.

    Raises: ValueError.
    """
    pair = tuple(
        None if value is None else number(check, name, value, above=0)
        for name, value in (("suspect", suspect), ("fail", fail))
    )
    if pair == (None, None):
        raise ValueError(f"{check}: neither suspect nor fail is given, so it would find nothing")
    if pair[0] is not None and pair[1] is not None and not pair[0] < pair[1]:
        raise ValueError(f"{check}: suspect is {suspect!r}, must be less than fail, which is {fail!r}")
    return pair[0], pair[1]


def nanoseconds(check: str, name: str, seconds: object) -> int:
    """A time above zero in nanoseconds.

    Raises: ValueError.
    """
    return round(number(check, name, seconds, above=0) * SECOND)


def grade(size: Floats, suspect: float | None, fail: float | None) -> Flags:
    """n sizes -> 3 above `suspect`, 4 above `fail`, 2 where the size is NaN, else 1."""
    flags = np.full(size.shape, GOOD, dtype=np.uint8)
    if suspect is not None:
        mark(flags, size > suspect, SUSPECT)
    if fail is not None:
        mark(flags, size > fail, FAIL)
    mark(flags, np.isnan(size), UNKNOWN)
    return flags


def circular_difference(a: Floats, b: Floats) -> Floats:
    """a - b for directions: -180 to 180 [degrees], so that 350 and 10 are 20 apart."""
    return np.asarray((a - b + 180.0) % 360.0 - 180.0, dtype=np.float64)
