"""TOA5, the long-header text table of Campbell loggers: whole lines in, typed rows out.

    "TOA5","46m","CR5000","1041","CR5000.Std.07","CPU:Y21_46M_PARCal.CR5","6827","PARCal_2019"
    "TIMESTAMP","RECORD","PPFD","Total_PPFD","Diffuse_PPFD","calPPFD","Solar_inci"
    "TS","RN","umol/m^2/s","","","",""
    "","","Smp","Smp","Smp","Smp","Smp"
    "2021-06-25 10:50:05",260623,624.6105,"NAN",559.5,7999,329.5

Lines of the plain form (right number of commas, quotes only around fields) go to the C parser of pandas in one piece;
every other line is read alone, and costs only itself when it can't be read.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..ports import Kind
from . import stamps
from .header import LINES, RECORD, TIMES, TIMESTAMP, Header, decode, starts_header
from .header import parse as parse_header

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*", re.ASCII)
_BOOLEAN = {"true": True, "false": False, "-1": True, "1": True, "0": False}  # a logger prints true as -1


def _any_case(word: str) -> list[str]:
    return ["".join(letters) for letters in itertools.product(*((c.lower(), c.upper()) for c in word))]


# No value: NAN from the logger, INF from a division by zero in its program, NA from R and spreadsheets.
MISSING = frozenset(
    ["", "NA", "na", *(sign + word for sign in ("", "+", "-") for name in ("nan", "inf") for word in _any_case(name))]
)


@dataclass(frozen=True)
class Block:
    """Whole lines under one header: the unit of reading. `end` counts the bytes from the start of the data given.

    lines: the header's own lines, where they stood in the data given; empty where the header was given too.
    """

    header: Header
    lines: bytes
    body: bytes
    line: int
    end: int


@dataclass(frozen=True)
class BadRow:
    """A line that can't be read, as it stood in the file."""

    line: int
    reason: str
    text: str


@dataclass(frozen=True)
class Rows:
    """What a block holds: one row a readable line, in the order of the file.

    frame: index = the logger's own clock (naive, ns), columns as the logger named them without TIMESTAMP; float64,
        text, `boolean`, and RECORD as int64. A column without any value whose kind is not known yet is left out.
    """

    frame: pd.DataFrame
    kinds: dict[str, Kind]
    bad: tuple[BadRow, ...]


def split(data: bytes, header: Header | None, where: str, line: int = 1) -> Iterator[Block]:
    """Cut whole lines into blocks at the header lines in them; a header that is not complete yet ends the iteration.

    Args:
        data: bytes that end with a line end.
        header: the one that the first lines stand under; None at the start of a file.
        where, line: the file's name and the number of the first line, for messages.

    Raises: InputError, when lines stand under no header or under a broken one.
    """
    begin, lines = 0, list[bytes]()
    if header is None and not starts_header(data[:40]):
        parse_header(data.split(b"\n", 1)[:1], where, line)
    for position in [*_headers(data), len(data)]:
        body = data[begin:position]
        if header is not None and (body or position == len(data)):
            yield Block(header, b"".join(lines), body, line, position)
        if position < len(data):
            line += body.count(b"\n")
            begin = _after_header(data, position)
            lines = data[position:begin].splitlines(keepends=True)
            if len(lines) < LINES and header is not None:
                return
            header = parse_header(lines, where, line)
            line += LINES


def _headers(data: bytes) -> Iterator[int]:
    """Where header lines start."""
    if b"O" not in data:  # numbers have none, and one letter is found ten times as fast as four
        return
    found = data.find(b"TOA5")
    while found >= 0:
        begin = data.rfind(b"\n", 0, found) + 1
        if starts_header(data[begin : begin + 40]):
            yield begin
        found = data.find(b"TOA5", found + 4)


def _after_header(data: bytes, begin: int) -> int:
    """Where the line after the header at `begin` starts; the end of the data if the header is not complete."""
    for _ in range(LINES):
        begin = data.find(b"\n", begin) + 1
        if not begin:
            return len(data)
    return begin


def rows(block: Block, kinds: Mapping[str, Kind] | None = None, missing: Iterable[str] = ()) -> Rows:
    """Read the lines of a block.

    Args:
        kinds: what is known of the columns' kinds. A column not named is a number if most of its values are, else text.
        missing: words that mean 'no value' besides `MISSING`.
    """
    table = _Table(block, dict(kinds or {}), frozenset(MISSING | set(missing)))
    parts = [part for part in (table.plain(), table.alone()) if part is not None]
    bad = sorted(table.bad, key=lambda row: row.line)
    if not parts:
        return Rows(pd.DataFrame(index=pd.DatetimeIndex([], dtype="datetime64[ns]")), table.kinds, tuple(bad))
    frame = pd.concat(parts).sort_index() if len(parts) > 1 else parts[0]
    return Rows(frame.set_index(pd.DatetimeIndex(frame.pop(TIMESTAMP))), table.kinds, tuple(bad))


class _Table:
    """The lines of one block on their way to rows: both paths share the kinds found and the bad rows."""

    def __init__(self, block: Block, kinds: dict[str, Kind], missing: frozenset[str]) -> None:
        if not block.body.isascii():
            block = replace(block, body=_utf8(block.body))
        self.names, self.first_line = block.header.names, block.line
        self.missing, self.bad = missing, list[BadRow]()
        self.kinds = _dates(block.header) | kinds | {RECORD: "integer"}
        self.lines = _Lines(block.body, len(self.names))

    def plain(self) -> pd.DataFrame | None:
        """The rows of plain form, index = number of the line in the block."""
        numbers = np.flatnonzero(~self.lines.odd)
        if not len(numbers):
            return None
        lines = self.lines.plain(len(self.names))
        texts = [i for i, name in enumerate(self.names) if self.kinds.get(name) == "text"]
        columns: dict[str, Any] = self._parsed(lines.body, [i for i in range(len(self.names)) if i not in texts])
        late = [i for i, name in enumerate(self.names) if name in columns and self._is_text(name, columns[name])]
        if texts + late:
            columns |= self._parsed(lines.body, sorted(texts + late), dtype=str)
        times, readable = stamps.parse(lines.data, *lines.field(self.names.index(TIMESTAMP)))
        return self._frame(columns, numbers, times, readable)

    def _parsed(self, body: bytes, wanted: Sequence[int], dtype: type | None = None) -> dict[str, Any]:
        """The columns at `wanted`, without TIMESTAMP, as pandas' C parser reads them."""
        wanted = [i for i in wanted if self.names[i] != TIMESTAMP]
        if not wanted:
            return {}
        frame = pd.read_csv(
            io.BytesIO(body),
            header=None,
            names=range(len(self.names)),
            usecols=wanted,
            dtype=dtype,
            na_values=[""] if dtype is str else list(self.missing),
            keep_default_na=False,
            low_memory=False,
            encoding="utf-8",
        )
        return {self.names[i]: frame[i] for i in wanted}

    def _is_text(self, name: str, column: pd.Series[Any]) -> bool:
        """Settle the kind of a column not known yet; whether it must be read again as text."""
        if name not in self.kinds:
            kind = _kind(column)
            if kind:
                self.kinds[name] = kind
            return kind == "text"
        return False

    def alone(self) -> pd.DataFrame | None:
        """The rows of every other form, read one by one, index = number of the line in the block."""
        lines, fields = list[int](), list[list[str]]()
        for number in np.flatnonzero(self.lines.odd):
            row = self._fields(int(number))
            if row is None:
                continue
            if len(row) < len(self.names) or any(row[len(self.names) :]):
                self._set_aside(int(number), f"found {len(row)} fields, expected {len(self.names)}")
                continue
            lines.append(int(number))
            fields.append(row[: len(self.names)])
        if not lines:
            return None
        columns: dict[str, Any] = {
            name: pd.Series(values, dtype=object)
            for name, values in zip(self.names, zip(*fields, strict=True), strict=True)
        }
        stamp = columns.pop(TIMESTAMP).to_list()
        for name, column in columns.items():
            self._is_text(name, column.mask(column.isin(self.missing)))
        times, readable = _stamps_alone(stamp)
        return self._frame(columns, np.array(lines), times, readable)

    def _fields(self, number: int) -> list[str] | None:
        """The fields of one line; None if it holds nothing, or nothing that can be told apart.

        A power cut leaves a broken row, then NULs up to a border of the disk; the next row stands right behind them.
        """
        before, _, raw = self.lines.raw(number).rpartition(b"\0")
        if before.strip(b"\0\r "):
            self._set_aside(number, "found a row that breaks off in NULs (the power was cut?)", before.rstrip(b"\0"))
        text = decode(raw).replace("\r", " ").rstrip()
        if not text:
            return None
        try:
            return next(csv.reader([text], strict=True))
        except csv.Error as error:
            self._set_aside(number, f"found quotes that don't fit ({error}), expected them around whole fields")
            return None

    def _frame(self, columns: Mapping[str, Any], lines: Ints, times: Ints, readable: Flags) -> pd.DataFrame:
        """Typed columns of the rows that can be read; the others are set aside with the first reason found."""
        reasons = self._second_look(lines, times, readable)
        values: dict[str, Any] = {TIMESTAMP: times.view("datetime64[ns]")}
        for number, name in enumerate(self.names, start=1):
            if name in columns and name in self.kinds:
                values[name], wrong = _typed(columns[name], self.kinds[name], self.missing)
                for row in wrong:
                    found = f"column {number} ({name}): found {str(columns[name].iloc[row])!r}"
                    reasons.setdefault(row, f"{found}, expected {_EXPECTED[self.kinds[name]]}")
        for row, reason in reasons.items():
            self._set_aside(int(lines[row]), reason)
        frame = pd.DataFrame(values, index=lines)
        return frame[~np.isin(np.arange(len(lines)), list(reasons))] if reasons else frame

    def _second_look(self, lines: Ints, times: Ints, readable: Flags) -> dict[int, str]:
        """Try the stamps that are not in the logger's own form as a spreadsheet's; the reasons for those that fail."""
        column, reasons = self.names.index(TIMESTAMP), dict[int, str]()
        for row in np.flatnonzero(~readable):
            line = decode(self.lines.raw(lines[row]).rpartition(b"\0")[2]).replace("\r", " ")
            text = next(csv.reader([line]))[column]
            if (time := stamps.spreadsheet(text)) is not None:
                times[row] = time
            else:
                where = f"column {column + 1} ({TIMESTAMP})"
                reasons[int(row)] = f"{where}: found {text!r}, expected a time such as 2021-06-25 10:50:05"
        return reasons

    def _set_aside(self, number: int, reason: str, raw: bytes | None = None) -> None:
        text = decode(self.lines.raw(number) if raw is None else raw).rstrip("\r")
        self.bad.append(BadRow(self.first_line + number, reason, text))


_EXPECTED = {"number": "a number", "integer": "a whole number", "boolean": "-1, 0, true or false", "text": "text"}


def _utf8(body: bytes) -> bytes:
    """The same lines in UTF-8, each decoded by itself: one line from an old editor must not spoil the others."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return b"\n".join(decode(line).encode("utf-8") for line in body.split(b"\n"))
    return body


def _dates(header: Header) -> dict[str, Kind]:
    """Columns that hold the time of an extreme (TMx, TMn): date-times, kept as text."""
    return {
        n: "text" for n, p in zip(header.names, header.processing, strict=True) if p.upper() in TIMES and n != TIMESTAMP
    }


class _Lines:
    """Where the lines and the commas of some whole lines stand, and which lines the C parser could misread."""

    def __init__(self, body: bytes, width: int) -> None:
        self.body, self.data = body, np.frombuffer(body, np.uint8)
        self.ends = np.flatnonzero(self.data == ord("\n"))
        self.starts = np.concatenate([[0], self.ends[:-1] + 1])[: len(self.ends)]
        self.commas = np.flatnonzero(self.data == ord(","))
        self.odd = self.ends - self.starts < 2
        if not _in_their_lines(self.commas, self.starts, self.ends, width):
            self.odd |= np.diff(np.searchsorted(self.commas, self.ends), prepend=0) != width - 1
        self._find_odd_quotes()
        self._find_odd_bytes()

    def _find_odd_quotes(self) -> None:
        """Quotes that do not stand in pairs, do not stand around a whole field, or hold a comma."""
        quotes = np.flatnonzero(self.data == ord('"'))
        if self._only_first_fields_quoted(quotes):
            return
        home = np.searchsorted(self.ends, quotes)
        uneven = np.bincount(home, minlength=len(self.ends)) % 2 == 1
        self.odd |= uneven
        quotes = quotes[~uneven[home]] if uneven.any() else quotes
        before, after = quotes[0::2], quotes[1::2]
        left, right = self.data[before - 1], self.data[after + 1]
        loose = (left != ord(",")) & (left != ord("\n")) & (before > 0)
        loose |= (right != ord(",")) & (right != ord("\n")) & (right != ord("\r"))
        loose |= np.searchsorted(self.commas, before) != np.searchsorted(self.commas, after)
        self.odd[np.searchsorted(self.ends, before[loose])] = True

    def _only_first_fields_quoted(self, quotes: Ints) -> bool:
        """Whether the quotes are those around the first field of each line, as in a table of numbers without a gap."""
        if self.odd.any() or not len(self.commas) or len(quotes) != 2 * len(self.ends):
            return False
        first = self.commas.reshape(len(self.ends), -1)[:, 0]  # no line is odd, so each has as many commas
        return bool((quotes[0::2] == self.starts).all() and (quotes[1::2] == first - 1).all())

    def _find_odd_bytes(self) -> None:
        """NULs, and carriage returns that are not part of a line end."""
        if b"\0" in self.body:
            self.odd[np.searchsorted(self.ends, np.flatnonzero(self.data == 0))] = True
        returns = self.data == ord("\r")
        if np.count_nonzero(returns) != np.count_nonzero(returns[self.ends - 1]):
            places = np.flatnonzero(returns)
            self.odd[np.searchsorted(self.ends, places[self.data[places + 1] != ord("\n")])] = True

    def raw(self, number: int) -> bytes:
        """One line without its LF."""
        return self.body[self.starts[number] : self.ends[number]]

    def plain(self, width: int) -> _Lines:
        """The lines of plain form alone."""
        if not self.odd.any():
            return self
        return _Lines(self.data[np.repeat(~self.odd, self.ends - self.starts + 1)].tobytes(), width)

    def field(self, column: int) -> tuple[Ints, Ints]:
        """Where field `column` begins and ends in each line of plain form."""
        commas = self.commas.reshape(len(self.ends), -1)
        last = self.ends - (self.data[self.ends - 1] == ord("\r"))
        return (
            self.starts if column == 0 else commas[:, column - 1] + 1,
            commas[:, column] if column < commas.shape[1] else last,
        )


def _in_their_lines(commas: Ints, starts: Ints, ends: Ints, width: int) -> bool:
    """Whether each line has its `width - 1` commas."""
    if len(commas) != len(ends) * (width - 1) or not len(commas):
        return width == 1 and not len(commas)
    grid = commas.reshape(-1, width - 1)
    return bool((grid[:, 0] >= starts).all() and (grid[:, -1] < ends).all())


def _stamps_alone(texts: Sequence[str]) -> tuple[Ints, Flags]:
    """Stamps that came as strings."""
    raw = [text.encode("utf-8") for text in texts]
    last = np.cumsum([len(one) for one in raw])
    first = np.concatenate([[0], last[:-1]])
    return stamps.parse(np.frombuffer(b"".join(raw) or b" ", np.uint8), first, last)


def _kind(column: pd.Series[Any]) -> Kind | None:
    """What a column of parsed values (or of strings) seems to hold; None when it has no value."""
    if pd.api.types.is_bool_dtype(column.dtype):
        return "boolean"
    values = column.dropna()
    if values.empty:
        return None
    if pd.api.types.is_numeric_dtype(column.dtype):
        return "number"
    numbers = sum(1 for value in values if _NUMBER.fullmatch(str(value)))
    return "number" if 2 * numbers >= len(values) else "text"


def _typed(column: pd.Series[Any], kind: Kind, missing: frozenset[str]) -> tuple[Any, list[int]]:
    """The values of a column as its kind wants them, and the positions of those that it can't be."""
    if (
        kind == "number"
        and pd.api.types.is_numeric_dtype(column.dtype)
        and not pd.api.types.is_bool_dtype(column.dtype)
    ):
        values = column.to_numpy("float64", copy=True)
        values[np.isinf(values)] = np.nan
        return values, []
    if kind == "integer" and pd.api.types.is_integer_dtype(column.dtype):
        return column.to_numpy("int64"), []
    if kind == "text":
        return column.mask(column.isna() | column.isin(_NO_TEXT), None).to_numpy(object), []
    values = np.full(len(column), None, dtype=object)
    wrong = []
    for position, value in enumerate(column):
        text = "" if value is None or value != value else str(value).strip()
        if text in missing:
            wrong += [position] if kind == "integer" else []
        elif (read := _READ[kind](text)) is None:
            wrong.append(position)
        else:
            values[position] = read
    return _ARRAY[kind](values, wrong), wrong


_NO_TEXT = ["", "NAN"]


def _whole(text: str) -> int | None:
    """A record number; a spreadsheet may have made it 4619.0."""
    value = float(text) if _NUMBER.fullmatch(text) else np.nan
    return int(value) if value.is_integer() and abs(value) < 2**53 else None


def _finite(text: str) -> float | None:
    value = float(text) if _NUMBER.fullmatch(text) else None
    return np.nan if value is not None and np.isinf(value) else value


_READ: dict[str, Any] = {"number": _finite, "integer": _whole, "boolean": lambda text: _BOOLEAN.get(text.lower())}
_ARRAY: dict[str, Any] = {
    "number": lambda values, wrong: values.astype("float64"),
    "integer": lambda values, wrong: np.where(np.isin(np.arange(len(values)), wrong), 0, values).astype("int64"),
    "boolean": lambda values, wrong: pd.array(values, dtype="boolean"),
}
