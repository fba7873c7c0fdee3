"""A frame and its checks -> flags; and which rows' flags a new row changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from .bits import bit
from .check import NEAR, Around, Check
from .flags import Flags, Floats, Ints, merge, spoken

QC, BITS = "_qc", "_qcbits"  # what stands behind the name of a field
# A diagnostic word is a set of bits: that one number is larger than another says nothing.
_NOT_FOR_WORDS = frozenset(
    {"between", "spike", "rate_of_change", "flat_line", "attenuated", "despike", "percentile_band", "agrees_with"}
)


class Reach(NamedTuple):
    """Flags of a row depend on the rows from `back` before it to `ahead` after it, both included [ns]."""

    back: int
    ahead: int


class Affected(NamedTuple):
    """Which rows' flags are to be written again, and which rows must be read for that; both ends included [ns UTC]."""

    write_from: int
    write_to: int
    read_from: int
    read_to: int


def reach(checks: Mapping[str, Sequence[Check]], interval: int | None) -> Reach:
    """How far the checks of a whole table look.

    Args:
        interval: the declared scan interval [ns]. Without one, checks of neighbours evaluate nothing, and so reach
            nowhere.
    """
    near = 0 if interval is None else NEAR * interval
    each = [check for field in checks.values() for check in field]
    return Reach(
        max((check.back + check.neighbours * near for check in each), default=0),
        max((check.ahead + check.neighbours * near for check in each), default=0),
    )


def affected(first_new: int, last_new: int, far: Reach) -> Affected:
    """What rows that came between `first_new` and `last_new` [ns UTC] change.

    Args:
        far: what `reach` says.
    """
    write_from, write_to = first_new - far.ahead, last_new + far.back
    return Affected(write_from, write_to, write_from - far.back, write_to + far.ahead)


def judge(frame: pd.DataFrame, checks: Mapping[str, Sequence[Check]], interval: int | None) -> pd.DataFrame:
    """The flags of one series.

    Args:
        frame: rows of one series (one combination of tags); index: time, UTC, strictly ascending. A partner that it
            does not have counts as missing everywhere.
        checks: by field. A field that `frame` does not have gets no flags.
        interval: the declared scan interval [ns], None if nobody declared one.

    Returns:
        Two whole-number columns for each field, `<field>_qc` and `<field>_qcbits` (the bits of the checks that said
        suspect or fail), same index. Values that are missing or infinite are 9, without bits.

    Raises: ValueError, for an index that is not in order, a column that does not hold numbers, an interval that is not
        above zero, or a check that does not suit a diagnostic word.
    """
    if interval is not None and interval <= 0:
        raise ValueError(f"the scan interval is {interval} ns, must be above 0")
    refuse(checks)
    column = _columns(frame)
    around = Around(_times(frame.index), interval, column)
    flags = {}
    for name, each in checks.items():
        if name in frame:
            flags[f"{name}{QC}"], flags[f"{name}{BITS}"] = _verdict(column(name), each, around)
    return pd.DataFrame(flags, index=frame.index)


def refuse(checks: Mapping[str, Sequence[Check]]) -> None:
    """Raise ValueError, when a field is a diagnostic word and shall pass a check for measured numbers."""
    for field, each in checks.items():
        given = {check.name for check in each}
        if "diagnostic" in given and (wrong := sorted(given & _NOT_FOR_WORDS)):
            raise ValueError(f"{field} is a diagnostic word, a set of bits: {', '.join(wrong)} cannot judge it")


def _verdict(values: Floats, checks: Iterable[Check], around: Around) -> tuple[Ints, Ints]:
    missing = np.isnan(values)
    said: list[Flags] = []
    bits = np.zeros(len(values), dtype=np.int64)
    for check in checks:
        flags = check.function(values, around)
        said.append(flags)
        where = spoken(flags)
        if where.any():
            bits[where] |= bit(check.name)
    bits[missing] = 0
    return merge(said, missing).astype(np.int64), bits


def _times(index: pd.Index) -> Ints:
    if not isinstance(index, pd.DatetimeIndex) or str(index.tz) != "UTC":
        raise ValueError(f"expected an index of times in UTC, found {index.dtype}")
    times: Ints = index.as_unit("ns").asi8
    if index.hasnans or not (np.diff(times) > 0).all():
        raise ValueError("the stamps of a series must be strictly ascending: sort them, and keep one row for each")
    return times


def _columns(frame: pd.DataFrame) -> Callable[[str], Floats]:
    """A function that gives a column of `frame` as floats, NaN where it is missing or infinite, and remembers it."""
    known: dict[str, Floats] = {}

    def column(name: str) -> Floats:
        if name not in known:
            known[name] = _floats(frame[name]) if name in frame else np.full(len(frame), np.nan)
        return known[name]

    return column


def _floats(values: pd.Series) -> Floats:
    try:
        floats = values.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{values.name} does not hold numbers, so it cannot be checked: {error}") from error
    infinite = np.isinf(floats)
    return np.where(infinite, np.nan, floats) if infinite.any() else floats
