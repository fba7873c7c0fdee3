"""Lines to a frame."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any, cast

import numpy as np
import pandas as pd

from ..ports import Precision
from .text import HEAD, KEY, MEASUREMENT, STRING, UNITS, measurement_of, split, unescaped

Pair = tuple[bytes, bytes]
Values = tuple[list[int], list[bytes]]  # the rows that have a field, and what stands there

_VALUE = STRING + rb'|[^" ,\n][^ ,\n]*+'
_LINE = re.compile(
    rb"(?P<head>%b) (?P<fields>(?:%b=(?:%b),?)+) (?P<time>-?\d+)\r?\n?\Z" % (HEAD, KEY, _VALUE), re.DOTALL
)
_FIELD = re.compile(rb"(%b)=(%b),?" % (KEY, _VALUE), re.DOTALL)
_TAG = re.compile(rb",((?:\\.|[^\\=,])*+)=((?:\\.|[^\\,])*+)", re.DOTALL)
_QUOTED = re.compile(r'\\(["\\])')
_TRUE = (b"t", b"T", b"true", b"True", b"TRUE")


def frame(
    text: bytes, precision: Precision, measurement: str | None = None, fields: Collection[str] | None = None
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """What `encode` wrote, as a frame that `ports.Sink.write` takes, and which of its columns are tags.

    Rows stand as the lines do. Columns are tags ('' where a line has none), then fields in the order in which they
    first appear: float64, Int64, boolean or text. A field with whole numbers and others is float64; a field of kinds
    that don't go together is text as it stands in the lines.

    Args:
        measurement: only its lines. None: all, and there must be one measurement only.
        fields: only these (None: all); a row without any of them is not in the frame.

    Raises: ValueError, for a line that is none, or lines of several measurements where none is named.
    """
    times: list[int] = []
    heads: list[bytes] = []
    found: dict[bytes, Values] = {}
    wanted = _Wanted(measurement, fields)
    for line in split(text):
        if not line.strip() or line.startswith(b"#"):
            continue
        head, pairs, time = _cut(line)
        if not wanted.head(head):
            continue
        row, there = len(times), False
        for name, value in pairs:
            if wanted.field(name):
                rows, values = found.setdefault(name, ([], []))
                rows.append(row)
                values.append(value)
                there = True
        if there:
            heads.append(head)
            times.append(time)
    index = pd.DatetimeIndex(np.array(times, np.int64) * UNITS[precision], name="time").tz_localize("UTC")
    tags = _tags(heads)
    columns = {name: _column(*values, len(times)) for name, values in ((unescaped(n), v) for n, v in found.items())}
    return pd.DataFrame(tags | columns, index=index, copy=False), tuple(tags)


class _Wanted:
    """Which lines and fields are asked for; remembers its answers, since a few of each come again and again."""

    def __init__(self, measurement: str | None, fields: Collection[str] | None) -> None:
        self.measurement, self.only_one = measurement, measurement is None
        self.fields = fields
        self.heads: dict[bytes, bool] = {}
        self.names: dict[bytes, bool] = {}

    def head(self, head: bytes) -> bool:
        """Whether a line that begins so is asked for. Raises: ValueError."""
        if head not in self.heads:
            name = measurement_of(head)
            if self.measurement is None:
                self.measurement = name
            self.heads[head] = name == self.measurement
            if self.only_one and not self.heads[head]:
                raise ValueError(f"found lines of {self.measurement!r} and {name!r}, expected one measurement")
        return self.heads[head]

    def field(self, name: bytes) -> bool:
        """Whether a field is asked for."""
        if name not in self.names:
            self.names[name] = self.fields is None or unescaped(name) in self.fields
        return self.names[name]


def _cut(line: bytes) -> tuple[bytes, Iterable[Pair], int]:
    """What stands before the fields, names and values of the fields, and the time. Raises: ValueError."""
    if b'"' not in line and b"\\" not in line:
        head, _, rest = line.partition(b" ")
        pairs, _, time = rest.rpartition(b" ")
        return head, cast(list[Pair], [pair.split(b"=") for pair in pairs.split(b",")]), int(time)
    match = _LINE.match(line)
    if not match:
        raise ValueError(f"found {line[:200]!r}, expected a line of the line protocol with a time")
    return match["head"], _FIELD.findall(match["fields"]), int(match["time"])


def _tags(heads: list[bytes]) -> dict[str, Any]:
    """The tags of all rows as columns of text, sorted by name."""
    sets = {head: _tag_set(head) for head in dict.fromkeys(heads)}
    names = sorted({name for tags in sets.values() for name in tags})
    return {name: np.array([sets[head].get(name, "") for head in heads], object) for name in names}


def _tag_set(head: bytes) -> dict[str, str]:
    """The tags of one line."""
    measurement = MEASUREMENT.match(head)
    start = measurement.end() if measurement else 0
    return {unescaped(name): unescaped(value) for name, value in _TAG.findall(head, start)}


def _column(rows: list[int], values: list[bytes], count: int) -> Any:
    """The values of one field in all rows."""
    kinds = {_kind(value) for value in {value[-1:] if value[:1] != b'"' else b'"' for value in values}}
    if kinds == {"integer"}:
        numbers, gaps = np.zeros(count, np.int64), np.ones(count, bool)
        numbers[rows], gaps[rows] = [int(value[:-1]) for value in values], False
        return pd.arrays.IntegerArray(numbers, gaps)
    if kinds <= {"integer", "number"}:
        floats = np.full(count, np.nan)
        floats[rows] = [float(value.removesuffix(b"i")) for value in values]
        return floats
    if kinds == {"boolean"}:
        truths, gaps = np.zeros(count, bool), np.ones(count, bool)
        truths[rows], gaps[rows] = [value in _TRUE for value in values], False
        return pd.arrays.BooleanArray(truths, gaps)
    texts = np.full(count, None, object)
    texts[rows] = [_text(value) for value in values]
    return texts


def _kind(end: bytes) -> str:
    """What a value is that ends so; all strings end in a quote."""
    if end == b'"':
        return "text"
    if end == b"i":
        return "integer"
    return "number" if end in b"0123456789." else "boolean"


def _text(value: bytes) -> str:
    """A string without its quotes; anything else as it stands."""
    text = value.decode("utf-8", "replace")
    if not text.startswith('"'):
        return text
    return _QUOTED.sub(r"\1", text[1:-1]) if "\\" in text else text[1:-1]
