"""Points to lines, a block of rows at a time.

A block is a matrix of bytes with one line a row. Names and separators are the same in each row; values are written
into slots between them (numerals.py). What a row does not need is NUL, and one pass over the block drops every NUL.
UTF-8 has no byte 0xFF, so a NUL inside a string is 0xFF until then. Tables of long numbers go another way (scatter.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd

from ..errors import Rejected
from ..points import Points
from ..ports import Precision
from . import names, numerals, scatter
from .numerals import Array, Words
from .text import UNITS, Lines

Cells = tuple[Words, Array | None]  # the words of a value, and which rows have none (None: all have one)

BLOCK_ROWS, BLOCK_BYTES = 8_000, 1 << 22  # more is no faster, and takes more memory
TIMES = 2**63 - 2  # InfluxDB takes times from -TIMES to TIMES
_BOOLEANS = np.array([b"false", b"true"])
_NUL, _FF = b"\0", b"\xff"
_FF_TO_NUL = bytes(range(255)) + _NUL


@dataclass(frozen=True)
class _Column:
    """A tag, field or time: what stands before and after its value in a line, and the cells of some rows.

    width: bytes that a cell may need, roughly. numbers: the whole column, where it has numbers; long: of many digits.
    """

    before: bytes
    cells: Callable[[int, int], Cells]
    after: bytes = b""
    width: int = numerals.LONGEST
    numbers: scatter.Numbers | None = None
    long: bool = False


@dataclass(frozen=True)
class _Table:
    """Points ready to be written: `fields` of the columns begin with a comma that a line's first one does not have."""

    start: bytes
    tags: list[_Column]
    fields: list[_Column]
    time: _Column
    times: Array  # [ns]
    ticks: Array  # in the precision of the lines

    def long(self) -> bool:
        """Whether the fields are long floats, beside as many integers and booleans at most, and the tags never vary."""
        if any(column.width for column in self.tags) or not all(column.numbers for column in self.fields):
            return False
        long = sum(column.long for column in self.fields)
        others = sum(column.numbers is not None and column.numbers.values.dtype != np.float64 for column in self.fields)
        return bool(long + others == len(self.fields) and long >= others)

    def block(self) -> int:
        """How many rows to write at once."""
        width = sum(len(column.before) + column.width for column in (*self.tags, *self.fields))
        return max(1, min(BLOCK_ROWS, BLOCK_BYTES // max(width, 1)))


def precision_of(batch: Points) -> Precision:
    """The coarsest precision that loses nothing of the times of `batch`."""
    times = _times(batch.frame)
    return next(precision for precision, unit in UNITS.items() if not (times % unit).any())


def encode(measurement: str, batch: Points, precision: Precision = "ns") -> bytes:
    """All points as lines, oldest first, each with its line end.

    Raises: Rejected, when a name or value can't be written so that every InfluxDB reads it back as it was (names.py),
        or a time in this precision.
    """
    table = _table(measurement, batch, precision)
    return _text(table, 0, len(table.times))


def chunks(
    measurement: str, batch: Points, precision: Precision, most_rows: int = 5_000, most_bytes: int = 5_000_000
) -> Iterator[Lines]:
    """The lines of `encode` in pieces of less than `most_rows` lines and less than `most_bytes` bytes.

    A single line that is larger is a piece. Raises: Rejected, as `encode` does; before the first piece, if a name is
    wrong.
    """
    table = _table(measurement, batch, precision)
    step = max(1, most_rows - 1)
    for first in range(0, len(table.times), step):
        yield from _pieces(table, first, min(first + step, len(table.times)), most_bytes)


def _pieces(table: _Table, first: int, stop: int, most_bytes: int) -> Iterator[Lines]:
    """Some rows in pieces of less than `most_bytes`."""
    text = _text(table, first, stop)
    if len(text) < most_bytes or stop - first == 1:
        yield Lines(text, stop - first, int(table.times[first]), int(table.times[stop - 1]))
        return
    middle = (first + stop) // 2
    yield from _pieces(table, first, middle, most_bytes)
    yield from _pieces(table, middle, stop, most_bytes)


def _times(frame: pd.DataFrame) -> Array:
    """The index. [ns since 1970, UTC]"""
    return cast(Array, cast(pd.DatetimeIndex, frame.index).asi8)


def _table(measurement: str, batch: Points, precision: Precision) -> _Table:
    """Everything that is the same for all blocks. Raises: Rejected."""
    start = names.measurement(measurement)
    where = f"measurement {measurement!r}"
    frame = _rows_with_a_value(batch)
    times, unit = _times(frame), UNITS[precision]
    if (times % unit).any() or (len(times) and (int(times.min()) < -TIMES or int(times.max()) > TIMES)):
        raise Rejected(
            f"{where}: found the times {frame.index.min()} to {frame.index.max()}, expected times in whole {precision}"
            " between 1677 and 2262.\n  Choose a finer precision, or correct the clock of the logger."
        )
    ticks = times // unit
    tags = sorted((names.key(tag, f"{where}, tag"), tag) for tag in batch.tags)
    fields = [name for name in frame.columns if name not in batch.tags]
    return _Table(
        start,
        [_tag(b",%b=" % key, frame[tag], f"{where}, tag {tag!r}") for key, tag in tags],
        [_field(frame[name], batch.kinds[name], where) for name in fields],
        _Column(b" ", lambda first, stop: (numerals.integers(ticks[first:stop]), None), b"\n"),
        times,
        ticks,
    )


def _rows_with_a_value(batch: Points) -> pd.DataFrame:
    """The rows that have at least one field."""
    empty = np.ones(len(batch.frame), dtype=bool)
    for name in batch.frame.columns:
        if name not in batch.tags:
            empty &= _gaps(batch.frame[name])
            if not empty.any():
                return batch.frame
    return batch.frame[~empty]


def _gaps(values: pd.Series) -> Array:
    """Which values are missing; an infinity is."""
    if values.dtype == np.float64:
        return cast(Array, ~np.isfinite(values.to_numpy()))
    return values.isna().to_numpy()


def _field(values: pd.Series, kind: str, where: str) -> _Column:
    """A field as a column of lines."""
    before = b",%b=" % names.key(str(values.name), f"{where}, field")
    if kind == "number":
        numbers = values.to_numpy(np.float64)
        places = numerals.places_of(numbers)
        finite = np.isfinite(numbers)
        whole = scatter.Numbers(before, numbers, None if finite.all() else ~finite)
        return _Column(
            before,
            lambda first, stop: numerals.floats(numbers[first:stop], places),
            numbers=whole,
            long=places is None,
        )
    if kind == "text":
        return _texts(before, values, lambda text: names.string(text, f"{where}, field {values.name!r}"))
    gaps = values.isna().to_numpy() if values.hasnans else None
    if kind == "integer":
        wholes = values.to_numpy(np.int64, na_value=0)
        return _Column(
            before,
            lambda first, stop: (numerals.integers(wholes[first:stop]), _part(gaps, first, stop)),
            b"i",
            numbers=scatter.Numbers(before, wholes, gaps, b"i"),
        )
    truths = values.to_numpy(np.bool_, na_value=False)
    return _Column(
        before,
        lambda first, stop: ([_BOOLEANS.take(truths[first:stop].astype(np.intp))], _part(gaps, first, stop)),
        numbers=scatter.Numbers(before, truths, gaps),
    )


def _part(gaps: Array | None, first: int, stop: int) -> Array | None:
    return None if gaps is None else gaps[first:stop]


def _tag(before: bytes, values: pd.Series, where: str) -> _Column:
    """A tag as a column of lines; an empty one is a gap."""
    return _texts(before, values, lambda text: names.tag_value(text, where) if text else b"")


def _texts(before: bytes, values: pd.Series, written: Callable[[str], bytes]) -> _Column:
    """A column of text. What is empty once it is written is a gap."""
    texts: Array = np.where(values.isna().to_numpy(), cast(Any, None), values.to_numpy(object))
    different = set(texts)
    if len(different) == 1 and (text := written(next(iter(different)) or "")) and b"\0" not in text:
        return _Column(before + text, lambda first, stop: ([], None), width=0)
    widest = 6 + 2 * max((len(text.encode("utf-8", "replace")) for text in different - {None}), default=0)

    def cells(first: int, stop: int) -> Cells:
        part: list[str | None] = texts[first:stop].tolist()
        places = {text: place for place, text in enumerate(dict.fromkeys(part))}
        different = [b"" if text is None else written(text).replace(_NUL, _FF) for text in places]
        codes = np.fromiter(map(places.__getitem__, part), np.intp, len(part))
        gaps = np.array([not text for text in different])[codes]
        return [np.array(different).take(codes)], gaps if gaps.any() else None

    return _Column(before, cells, width=widest)


def _text(table: _Table, first: int, stop: int) -> bytes:
    """Some rows as lines."""
    step, written = table.block(), _long if table.long() else _block
    return b"".join(written(table, start, min(start + step, stop)) for start in range(first, stop, step))


def _long(table: _Table, first: int, stop: int) -> bytes | memoryview:
    """A few rows as lines, for a table of long numbers."""
    head = table.start + b"".join(column.before for column in table.tags)
    numbers = [column.numbers.part(first, stop) for column in table.fields if column.numbers]
    text = scatter.lines(head, numbers, table.ticks[first:stop])
    return _block(table, first, stop) if text is None else text.data


def _block(table: _Table, first: int, stop: int) -> bytes:
    """A few rows as lines."""
    columns = [*table.tags, *table.fields, table.time]
    cells = [column.cells(first, stop) for column in columns]
    template, offsets = bytearray(table.start), []
    for column, (words, _) in zip(columns, cells, strict=True):
        offsets.append(len(template))
        template += column.before + bytes(sum(word.itemsize for word in words)) + column.after
    offsets.append(len(template))
    matrix = np.empty((stop - first, len(template)), np.uint8)
    matrix[:] = np.frombuffer(template, np.uint8)
    for column, (words, _), offset in zip(columns, cells, offsets[:-1], strict=True):
        _fill(matrix, offset + len(column.before), words)
    gaps = [missing for _, missing in cells]
    for missing, offset, end in zip(gaps, offsets[:-1], offsets[1:], strict=True):
        if missing is not None:
            matrix[missing, offset:end] = 0
    fields = slice(len(table.tags), -1)
    _first_separators(matrix, offsets[:-1][fields], gaps[fields])
    text = matrix.tobytes()
    return text.translate(_FF_TO_NUL if _FF in text else None, _NUL)


def _fill(matrix: Array, offset: int, words: Words) -> None:
    """Write the words of a column into its slot."""
    rows, width = matrix.shape
    for word in words:
        slot: Array = np.ndarray((rows,), word.dtype, cast(Any, matrix), offset, (width,))
        slot[:] = word
        offset += word.itemsize


def _first_separators(matrix: Array, offsets: list[int], gaps: list[Array | None]) -> None:
    """Before the first field that a row has stands a space, not a comma."""
    rest: Array = np.arange(len(matrix))
    for offset, missing in zip(offsets, gaps, strict=True):
        here = rest if missing is None else rest[~missing[rest]]
        matrix[here, offset] = ord(" ")
        if missing is None:
            return
        rest = rest[missing[rest]]
        if not len(rest):
            return
