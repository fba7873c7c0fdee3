r"""Columns of numbers to columns of text, many rows at a time.

A column becomes words: arrays with one item of a few bytes for each row, which stand side by side in the row. Bytes
that a row does not need are NUL and are dropped later, so they may be anywhere. The words of -7.15
are `\0\0-7` and `.15\0`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import orjson

Array = np.ndarray[Any, Any]
Words = list[Array]

DECIMALS = (3, 7, 11)  # one word has room for a point and three digits, each further one for four digits
EXACT = 10**15  # up to here a decimal number and the float next to it are a pair: what is read back is the same
LONGEST = 24  # bytes of -2.2250738585072014e-308
SAMPLE = 32


def _table(texts: list[str]) -> Array:
    """Texts of up to four characters as one array of words."""
    return np.array(texts, dtype="S4").view(np.uint32)


_SMALL, _FOUR = range(1_000), range(10_000)
# The first word of a whole number: a sign and three digits. Index: number, plus 1,000 if negative.
FIRST = _table([str(n or "") for n in _SMALL] + [f"-{n or ''}" for n in _SMALL])
ONLY = _table([str(n) for n in _SMALL] + [f"-{n}" for n in _SMALL])
# Four digits that follow. Index: number, plus 10,000 if only zeros stand before it.
NEXT = _table([f"{n:04}" for n in _FOUR] + [str(n or "") for n in _FOUR])
LAST = _table([f"{n:04}" for n in _FOUR] + [str(n) for n in _FOUR])
# The first decimals. Index: number, plus 1,000 if more follow.
POINT = _table([f".{n:03}".rstrip("0.") for n in _SMALL] + [f".{n:03}" for n in _SMALL])
# Further decimals. Index: number, plus 10,000 if more follow.
AFTER = _table([f"{n:04}".rstrip("0") for n in _FOUR] + [f"{n:04}" for n in _FOUR])


def places_of(values: Array) -> int | None:
    """How many decimals to try for float64 values, by a sample of them; None: they have too many."""
    there = values[np.isfinite(values)]
    sample = there[:: max(1, len(there) // SAMPLE)]
    if not len(sample) or np.abs(sample).max() >= EXACT:
        return None
    return next((places for places in DECIMALS if _scaled(sample, 10.0**places) is not None), None)


def floats(values: Array, places: int | None) -> tuple[Words, Array | None]:
    """Words of float64 values, and which of them are gaps (None: not one). What a gap's words are is undefined.

    Args:
        places: what `places_of` says; a wrong guess costs time only.
    """
    finite = np.isfinite(values)
    gaps = None if finite.all() else ~finite
    if gaps is not None:
        values = np.where(finite, values, 0.0)
    scaled = None if places is None else _scaled(values, 10.0**places)
    if places is None or scaled is None:
        return [_shortest(values)], gaps
    return _fixed(scaled, values, places), gaps


def _scaled(values: Array, step: float) -> Array | None:
    """The whole numbers which, divided by `step`, are exactly `values`; None if there are none below EXACT."""
    scaled = values * step
    np.rint(scaled, out=scaled)
    exact = (scaled / step == values).all() and scaled.max() < EXACT and scaled.min() > -EXACT
    return scaled if exact else None


def _fixed(scaled: Array, values: Array, places: int) -> Words:
    """Words of `scaled` / 10**places, which is `values`."""
    negative: Array | None = np.signbit(values)
    if negative is not None and negative.any():
        scaled = np.abs(scaled)
    else:
        negative = None
    largest = int(scaled.max())
    digits = scaled.astype(np.int32 if max(largest, 10**places) < 2**31 else np.int64)
    whole = digits // 10**places
    rest = digits - whole * 10**places
    words = _whole(whole, negative, largest // 10**places)
    return words + _fraction(rest, places) if rest.max() else words


def _fraction(rest: Array, places: int) -> Words:
    """Words of a point and `places` digits, without zeros at the end."""
    words = []
    table, size = POINT, 1_000
    while places > 3:
        places -= 4
        digits = rest // 10 ** (places + 1)
        rest = rest - digits * 10 ** (places + 1)
        words.append(table.take(digits + size * (rest != 0)))
        table, size = AFTER, 10_000
    return [*words, table.take(rest)]


def _whole(digits: Array, negative: Array | None, largest: int) -> Words:
    """Words of whole numbers; `digits` has their magnitudes, up to `largest`."""
    words: Words = []
    places = 0
    while largest >= 1_000 * 10**places:
        places += 4
    first = digits // 10**places if places else digits
    index = first if negative is None else first + 1_000 * negative
    words.append((FIRST if places else ONLY).take(index.astype(np.intp)))
    rest, before = digits - first * 10**places if places else digits, first == 0
    while places:
        places -= 4
        four = rest // 10**places if places else rest
        index = four + 10_000 * before if before.any() else four
        words.append((NEXT if places else LAST).take(index.astype(np.intp)))
        rest, before = rest - four * 10**places if places else rest, before & (four == 0)
    return words


def integers(values: Array) -> Words:
    """Words of int64 values."""
    negative, digits = None, values
    if values.min() < 0:
        negative = values < 0
        digits = np.abs(values)
        if digits.min() < 0:  # the magnitude of -2**63 has no int64
            digits = digits.view(np.uint64)
    largest = int(digits.max())
    return _whole(digits.astype(np.int32) if largest < 2**31 else digits, negative, largest)


def texts(values: Array) -> tuple[bytes, Array, Array]:
    """A text in which all values stand; where each begins, and how long it is. What is not finite is `null` in it.

    A float has the fewest digits that are read back as the same float.
    """
    text = orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)
    bounds = np.empty(len(values) + 1, np.intp)  # behind the bracket before the first, the commas, the last bracket
    bounds[0], bounds[-1] = 1, len(text)
    bounds[1:-1] = (np.frombuffer(text, np.uint8) == ord(",")).nonzero()[0]
    bounds[1:-1] += 1
    return text, bounds[:-1], bounds[1:] - bounds[:-1] - 1


def _shortest(values: Array) -> Array:
    """Any finite values as words."""
    text, starts, lengths = texts(values)
    width = int(lengths.max())
    at_each_byte: Array = np.ndarray((len(text),), f"V{width}", text + bytes(width), strides=(1,))
    cells = at_each_byte[starts]
    cells.view(np.uint8).reshape(-1, width)[:] &= _keep(width).take(lengths, axis=0)
    return cells


def read(texts: Sequence[bytes]) -> Array:
    """Numbers as JSON has them to float64, in half the time that Python's `float` takes. Raises: ValueError."""
    try:
        return np.array(orjson.loads(b"[%b]" % b",".join(texts)), np.float64)
    except OverflowError as error:
        raise ValueError("expected numbers below 1.8e308") from error


@cache
def _keep(width: int) -> Array:
    """Row n: the first n of `width` bytes."""
    return np.tri(width + 1, width, -1, dtype=np.uint8) * np.uint8(255)
