"""Lines of long numbers: each value is copied to its place from the text of its column.

A float of full precision has 15 to 17 digits, and most of the time that rows.py takes for a block goes into dropping
the bytes that slots of the longest value leave over. Here the columns are written one after the other into the finished
text, each value with what follows it in its source, all of one length: what is too much lies where the next column, or
the time and the beginning of the next line, is written afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from .numerals import Array, texts

_SPACE = ord(" ")


@dataclass(frozen=True)
class Numbers:
    """A column of float64, int64 or bool. before: separator, name and `=`; after: what ends each value.

    gaps: which rows have no value; None: each has one.
    """

    before: bytes
    values: Array
    gaps: Array | None
    after: bytes = b""

    def part(self, first: int, stop: int) -> Numbers:
        """Some of the rows."""
        gaps = None if self.gaps is None else self.gaps[first:stop]
        return Numbers(self.before, self.values[first:stop], gaps, self.after)


@dataclass(frozen=True)
class _Cells:
    """What is copied: items of one length (`wide`) that begin with what counts, which has `lengths` (0: a gap)."""

    wide: Array
    lengths: Array
    gaps: Array | None


def lines(head: bytes, columns: Sequence[Numbers], ticks: Array) -> Array | None:
    """Rows as lines, bytes of an array; None: their lengths differ too much for this way.

    Args:
        head: measurement and tags, the same in all rows.
        columns: each begins with a comma that a line's first one does not have. No row is without a value.
        ticks: the times of the rows, int64.
    """
    ends = _ends(head, ticks)
    if ends is None:
        return None
    cells = [_cells(column) for column in columns]
    size, places = np.full(len(ticks), len(head)), list[Array]()
    for one in cells:
        places.append(size.copy())
        size += one.lengths
    if any(_spills(one, size - place, ends.itemsize) for one, place in zip(cells, places, strict=True)):
        return None
    stops = np.cumsum(size + (ends.itemsize - len(head)))
    total, starts = int(stops[-1]), stops - size - (ends.itemsize - len(head))
    text = np.empty(total + max(ends.itemsize, *(one.wide.itemsize for one in cells)), np.uint8)
    for one, place in zip(cells, places, strict=True):
        place += starts
        if one.gaps is not None:
            place[one.gaps] = total  # behind the text
        _items(text, one.wide.itemsize)[place] = one.wide
    _items(text, ends.itemsize)[starts + size] = ends
    text[: len(head)] = np.frombuffer(head, np.uint8)
    text[starts + len(head)] = _SPACE
    return text[:total]


def _ends(head: bytes, ticks: Array) -> Array | None:
    """For each row its time, and how the line after it begins; None, if the times have not one length."""
    text, starts, lengths = texts(ticks)
    width = int(lengths[0])
    if (lengths != width).any():
        return None
    rows = np.empty((len(ticks), width + 2 + len(head)), np.uint8)
    rows[:, 0] = _SPACE
    rows[:, 1 : width + 1] = _items(text, width)[starts].view(np.uint8).reshape(-1, width)
    rows[:, width + 1 :] = np.frombuffer(b"\n" + head, np.uint8)
    return cast(Array, rows.view(f"V{rows.shape[1]}").ravel())


def _cells(column: Numbers) -> _Cells:
    """The items of a column."""
    text, starts, lengths = texts(column.values)
    lead, after = len(column.before), len(column.after)
    lengths += lead + after
    width = int(lengths.max())
    wide = _items(bytes(lead) + text + bytes(width), width)[starts]
    slot: Array = np.ndarray((len(wide),), f"V{lead}", cast(Any, wide), 0, (width,))
    slot[:] = np.frombuffer(column.before, slot.dtype)
    if after:
        wide.view(np.uint8)[np.arange(-1, width * len(wide) - 1, width) + lengths] = ord(column.after)
    if column.gaps is not None:
        lengths[column.gaps] = 0
    return _Cells(wide, lengths, column.gaps)


def _spills(cells: _Cells, left: Array, ends: int) -> bool:
    """Whether what is too much of an item would reach behind the beginning of the next line.

    left: bytes of its row from where the item begins, without the time; ends: bytes that follow them.
    """
    if cells.gaps is not None:
        left = left[~cells.gaps]
    return bool(len(left)) and int(left.min()) + ends < cells.wide.itemsize


def _items(text: Any, width: int) -> Array:
    """The bytes of a buffer as items of so many bytes, one beginning at each byte."""
    data: Array = np.frombuffer(text, np.uint8) if isinstance(text, bytes) else text
    return np.ndarray((len(data) - width + 1,), f"V{width}", cast(Any, data), strides=(1,))
