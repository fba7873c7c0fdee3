r"""Lines of others to frames: any measurements in any order, and bad ones among them, which cost only themselves.

`reading.frame` reads back what `rows.encode` wrote; this reads what Telegraf and other clients send. Lines that have
the same fields in the same order come in runs, so each such shape gets one pattern that cuts a whole line at once, and
its values become numbers a column at a time. A line of a new shape, or a bad one, is looked at piece by piece.

Kinds are those of InfluxDB: `1` and `1.5` are numbers, `1i` and `1u` integers, `t` and `true` booleans, `"a"` text. A
field keeps the kind with which it came first; a line in which it has another is refused, the others are taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ..ports import Field as Known
from ..ports import Kind
from . import numerals
from .text import split, unescaped

Array = np.ndarray[Any, Any]
_Match = Callable[[bytes], re.Match[bytes] | None]
Row = tuple[Any, ...]  # what stands before the fields, the text of each value, and of the time

LONGEST = 1_000  # characters of a name
COLUMNS = 1_000  # of a measurement: tags and fields
PATTERNS = 300  # shapes that get a pattern; making one takes as long as cutting a few hundred lines
FIRST, LAST = -(2**63) + 2, 2**63 - 1  # the times that InfluxDB has [ns since 1970]
INFLUX: Mapping[Kind, str] = {"number": "float", "integer": "integer", "boolean": "boolean", "text": "string"}

_HEAD = rb"(?:[^\\ ]++|\\.)++"
_KEY = rb"(?:[^\\=, ]++|\\.)++"
_VALUES: dict[Kind, bytes] = {
    "number": rb"([-.0-9][-+.0-9eE]*+)",
    "integer": rb"(-?[0-9]++)[iu]",
    "boolean": rb"(t(?:rue)?|T(?:rue|RUE)?|f(?:alse)?|F(?:alse|ALSE)?)",
    "text": rb'"((?:[^"\\]++|\\.)*+)"',
}
_VALUE = rb'"(?:[^"\\]++|\\.)*+"|[^" ,\r\n][^ ,\r\n]*+'
_FIELDS = rb"(?:%b)=(?:%b)" % (_KEY, _VALUE)
_LINE = re.compile(rb"\s*(%b) +(%b(?:,%b)*)(?: +(-?\d+))?\s*\Z" % (_HEAD, _FIELDS, _FIELDS), re.DOTALL)
_PAIR = re.compile(rb"(%b)=(%b)(?:,|\Z)" % (_KEY, _VALUE), re.DOTALL)
_TAG = re.compile(rb",(%b)=(%b)(?=,|\Z)" % (_KEY, _KEY), re.DOTALL)
_NAME = re.compile(rb"(?:[^\\,]++|\\.)++", re.DOTALL)
_KINDS = [(kind, re.compile(pattern, re.DOTALL)) for kind, pattern in _VALUES.items()]
_QUOTED = re.compile(r'\\(["\\])')


@dataclass(frozen=True)
class Arrival:
    """Rows of one measurement as `ports.Sink.write` takes them; `lines` says from which line each is, from 1."""

    measurement: str
    frame: pd.DataFrame
    tags: tuple[str, ...]
    lines: Array


@dataclass
class Refusals:
    """The lines that are not taken, by their number from 1; `conflicts`: those of them that are well formed."""

    words: dict[int, str] = field(default_factory=dict)
    conflicts: set[int] = field(default_factory=set)

    def add(self, lines: Sequence[int] | Array, words: str, conflict: bool = False) -> None:
        """Refuse lines; what was said of a line first stands."""
        for line in map(int, lines):
            if line not in self.words and conflict:
                self.conflicts.add(line)
            self.words.setdefault(line, words)


def lines_of(text: bytes) -> list[tuple[int, bytes]]:
    """The lines that are not empty and no comments, with their numbers from 1."""
    return [
        (number, line)
        for number, line in enumerate(split(text), 1)
        if line[:1] not in b"#\r\n \t" or not (line.isspace() or line.lstrip().startswith(b"#"))
    ]


def arrivals(
    lines: Sequence[tuple[int, bytes]],
    unit: int,
    now: int,
    known: Callable[[str], Mapping[str, Known]],
    refusals: Refusals,
) -> list[Arrival]:
    """What lines bring, by measurement in the order in which these appear; what is refused goes to `refusals`.

    Args:
        lines: as `lines_of` gives them.
        unit: the unit of their times. [ns]
        now: the time of lines that have none. [ns since 1970, UTC]
        known: tags and fields that a measurement has already.
    """
    shapes = _cut(lines, refusals)
    heads = {head: _head(head) for shape in shapes for head in {row[0] for row in shape.rows}}
    parts: dict[str, list[_Part]] = {}
    for shape in shapes:
        for measurement, part in _parts(shape, heads, unit, now, refusals):
            parts.setdefault(measurement, []).append(part)
    found = []
    for measurement, group in sorted(parts.items(), key=lambda item: min(part.lines[0] for part in item[1])):
        good = _agreeing(measurement, group, known(measurement), refusals)
        if good:
            found.append(_assembled(measurement, good))
    return found


@dataclass
class _Shape:
    """The lines that have these fields, of these kinds, in this order."""

    names: tuple[bytes, ...]
    kinds: tuple[Kind, ...]
    rows: list[Row] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    match: _Match | None = None

    def learn(self) -> None:
        """Get a pattern."""
        self.match = re.compile(rb"\s*+(%b) %b(?: (-?\d++))?\s*\Z" % (_HEAD, self._fields()), re.DOTALL).match

    def find(self, text: bytes) -> list[Row]:
        """The rows of all lines of this shape in a text without quotes and escapes."""
        line = rb"^([^ \t\r\n][^ \n]*+) %b(?: (-?[0-9]++))?[ \t\r]*$" % self._fields()
        return re.findall(line, text, re.MULTILINE)

    def _fields(self) -> bytes:
        pairs = zip(self.names, self.kinds, strict=True)
        return b",".join(re.escape(name) + b"=" + _VALUES[kind] for name, kind in pairs)


def _all_alike(lines: Sequence[tuple[int, bytes]]) -> _Shape | None:
    """Lines that have all one shape, cut at once; None, when they have not. So most clients send them."""
    text = b"".join(line for _, line in lines)
    if not lines or b'"' in text or b"\\" in text:
        return None
    try:
        names, kinds, _ = _taken_apart(lines[0][1])
    except ValueError:
        return None
    shape = _Shape(names, kinds)
    if not all(shape.find(line) for _, line in (lines[len(lines) // 2], lines[-1])):
        return None
    shape.rows, shape.lines = shape.find(text), [number for number, _ in lines]
    return shape if len(shape.rows) == len(lines) else None


def _cut(lines: Sequence[tuple[int, bytes]], refusals: Refusals) -> list[_Shape]:
    """Cut every line into its parts."""
    if (alike := _all_alike(lines)) is not None:
        return [alike]
    shapes: dict[tuple[tuple[bytes, ...], tuple[Kind, ...]], _Shape] = {}
    recent: dict[bytes, _Shape] = {}  # by the measurement
    patterns = 0
    shape = _Shape((), ())
    match: _Match = _never
    for number, line in lines:
        found = match(line)
        if found is None:
            name = line[: line.find(b",")]
            other = recent.get(name)
            found = other.match(line) if other is not None and other.match is not None else None
            if other is not None and found is not None:
                shape, match = other, other.match or _never
        if found is not None:
            shape.rows.append(found.groups())
            shape.lines.append(number)
            continue
        try:
            names, kinds, row = _taken_apart(line)
        except ValueError as error:
            refusals.add([number], str(error))
            continue
        shape = shapes.setdefault((names, kinds), _Shape(names, kinds))
        shape.rows.append(row)
        shape.lines.append(number)
        recent[line[: line.find(b",")]] = shape
        if len(shape.rows) == 2 and patterns < PATTERNS:
            shape.learn()
            patterns += 1
        match = shape.match or _never
    return list(shapes.values())


def _never(line: bytes) -> re.Match[bytes] | None:
    """What matches no line."""
    return None


def _taken_apart(line: bytes) -> tuple[tuple[bytes, ...], tuple[Kind, ...], Row]:
    """The names of the fields, their kinds, and the row. Raises: ValueError."""
    found = _LINE.match(line)
    if found is None:
        raise ValueError(f"unable to parse {_shown(line)}: {_why(line)}")
    head, fields, time = found.groups()
    names, kinds, values = [], [], []
    for name, value in _PAIR.findall(fields):
        kind, text = _kind(value)
        names.append(name)
        kinds.append(kind)
        values.append(text)
    return tuple(names), tuple(kinds), (head, *values, time)


def _kind(value: bytes) -> tuple[Kind, bytes]:
    """What a value is, and its text without what tells that. Raises: ValueError."""
    for kind, pattern in _KINDS:
        if found := pattern.fullmatch(value):
            return kind, found[1]
    raise ValueError(f"unable to parse the value {_shown(value)}: expected a number, integer, boolean or string")


def _why(line: bytes) -> str:
    """What is wrong with a line that is none."""
    head, _, rest = line.strip().partition(b" ")
    if not rest.strip():
        return "missing fields"
    if head.startswith(b","):
        return "missing measurement"
    if b"=" not in rest:
        return "missing fields"
    return "expected fields as name=value with commas between, then a space and the time as a whole number"


def _shown(line: bytes) -> str:
    text = "".join(c if c.isprintable() else "?" for c in line.strip().decode("utf-8", "replace"))
    return repr(text if len(text) <= 80 else f"{text[:77]}...")


def _head(head: bytes) -> tuple[str, dict[str, str]] | str:
    """The measurement and the tags of what stands before the fields, or what is wrong with it."""
    name = _NAME.match(head)
    if name is None:
        return f"unable to parse {_shown(head)}: missing measurement"
    pairs = _TAG.findall(head, name.end())
    if sum(len(key) + len(value) + 2 for key, value in pairs) != len(head) - name.end():
        return f"unable to parse {_shown(head)}: expected tags as ,name=value"
    try:
        for part in (name[0], *(part for pair in pairs for part in pair)):
            _refuse_name(part)
    except ValueError as error:
        return f"unable to parse {_shown(head)}: {error}"
    tags = {unescaped(key): unescaped(value) for key, value in pairs}
    if len(tags) < len(pairs):
        return f"unable to parse {_shown(head)}: duplicate tags"
    if "time" in tags:
        return f"unable to parse {_shown(head)}: a tag can't be called 'time'"
    return unescaped(name[0]), tags


def _refuse_name(name: bytes) -> None:
    """Raises: ValueError."""
    if len(name.decode("utf-8")) > LONGEST:
        raise ValueError(f"a name has at most {LONGEST} characters")
    if b"\0" in name:
        raise ValueError("a name has no NUL")


@dataclass
class _Part:
    """Rows of one shape and measurement: times in ns, values by field, and which set of tags each row has."""

    lines: Array
    times: Array
    kinds: dict[str, Kind]
    columns: dict[str, Array]
    codes: Array
    tags: list[dict[str, str]]

    def tag_names(self) -> set[str]:
        """All tags that some row has."""
        return {name for tags in self.tags for name in tags}


def _parts(
    shape: _Shape,
    heads: Mapping[bytes, tuple[str, dict[str, str]] | str],
    unit: int,
    now: int,
    refusals: Refusals,
) -> list[tuple[str, _Part]]:
    """The rows of a shape as columns, by measurement."""
    texts, *values, times = zip(*shape.rows, strict=True)
    lines: Array = np.array(shape.lines)
    good: Array = np.ones(len(lines), bool)

    def refuse(rows: Sequence[int], words: str) -> None:
        good[list(rows)] = False
        refusals.add(lines[list(rows)], words)

    try:
        for name in shape.names:
            _refuse_name(name)
        names = [unescaped(name) for name in shape.names]
        if "time" in names:
            raise ValueError("a field can't be called 'time'")
    except ValueError as error:
        refuse(range(len(lines)), f"unable to parse the name of a field: {error}")
        return []
    stamps = _stamps(times, unit, now, refuse)
    kinds = dict(zip(names, shape.kinds, strict=True))
    columns = {
        name: _COLUMNS[kind](column, refuse) for name, kind, column in zip(names, shape.kinds, values, strict=True)
    }
    sets = {head: place for place, head in enumerate(dict.fromkeys(texts))}
    codes: Array = np.fromiter(map(sets.__getitem__, texts), np.intp, len(texts))
    by_measurement: dict[str, list[int]] = {}
    known: list[dict[str, str]] = []
    for head, place in sets.items():
        about = heads[head]
        if isinstance(about, str):
            refuse(np.flatnonzero(codes == place).tolist(), about)
            known.append({})
        else:
            by_measurement.setdefault(about[0], []).append(place)
            known.append(about[1])
    whole = _Part(lines, stamps, kinds, columns, codes, known)
    if len(by_measurement) == 1 and good.all():
        return [(next(iter(by_measurement)), whole)]
    chosen = [(name, good & np.isin(codes, places)) for name, places in by_measurement.items()]
    return [(name, _some(whole, mask)) for name, mask in chosen if mask.any()]


def _some(part: _Part, mask: Array) -> _Part:
    """Some of the rows."""
    codes = part.codes[mask]
    first: dict[int, int] = {}
    for code in codes.tolist():
        first.setdefault(code, len(first))
    return _Part(
        part.lines[mask],
        part.times[mask],
        part.kinds,
        {name: values[mask] for name, values in part.columns.items()},
        np.fromiter(map(first.__getitem__, codes.tolist()), np.intp, len(codes)),
        [part.tags[code] for code in first],
    )


Refuse = Callable[[Sequence[int], str], None]


def _one_by_one(
    values: Sequence[Any], convert: Callable[[Any], Any], nothing: Any, refuse: Refuse, what: str
) -> list[Any]:
    """Convert what can be; refuse the other rows."""
    found = []
    for row, value in enumerate(values):
        try:
            found.append(convert(value))
        except (ValueError, OverflowError):
            refuse([row], f"unable to parse {_shown(value)}: expected {what}")
            found.append(nothing)
    return found


def _stamps(texts: Sequence[bytes | None], unit: int, now: int, refuse: Refuse) -> Array:
    """Times in ns."""
    stamps: Array
    default = str(now // unit).encode()
    given = [text or default for text in texts]
    try:
        stamps = np.fromiter(map(int, given), np.int64, len(given))
    except (OverflowError, ValueError):
        stamps = np.array(_one_by_one(given, _int64, 0, refuse, _TIME), np.int64)
    outside = (stamps < -(-FIRST // unit)) | (stamps > LAST // unit)
    if outside.any():
        refuse(np.flatnonzero(outside).tolist(), f"time outside range: expected {_TIME}; is the precision right?")
        stamps[outside] = 0
    return stamps * unit


_TIME = "a time between 1677 and 2262"


def _int64(text: bytes) -> int:
    number = int(text) if len(text) <= 20 else 2**63
    if not -(2**63) <= number < 2**63:
        raise OverflowError
    return number


def _floats(texts: Sequence[bytes], refuse: Refuse) -> Array:
    values: Array
    try:
        values = numerals.read(texts)
    except ValueError:  # among them what is no JSON, such as `5.`
        values = np.array(_one_by_one(texts, float, 0.0, refuse, "a number"), np.float64)
    endless = ~np.isfinite(values)
    if endless.any():
        refuse(np.flatnonzero(endless).tolist(), "unable to parse a number: expected one below 1.8e308")
    return values


def _integers(texts: Sequence[bytes], refuse: Refuse) -> Array:
    try:
        return np.fromiter(map(int, texts), np.int64, len(texts))
    except (OverflowError, ValueError):
        return np.array(_one_by_one(texts, _int64, 0, refuse, "an integer of 64 bits with a sign"), np.int64)


def _booleans(texts: Sequence[bytes], refuse: Refuse) -> Array:
    return np.fromiter((text[:1] in b"tT" for text in texts), np.bool_, len(texts))


def _strings(texts: Sequence[bytes], refuse: Refuse) -> Array:
    def string(text: bytes) -> str:
        plain = text.decode("utf-8")
        return _QUOTED.sub(r"\1", plain) if "\\" in plain else plain

    values: Array = np.empty(len(texts), object)
    try:
        values[:] = [string(text) for text in texts]
    except ValueError:
        values[:] = _one_by_one(texts, string, "", refuse, "text in UTF-8")
    return values


_COLUMNS: dict[Kind, Callable[[Sequence[bytes], Refuse], Array]] = {
    "number": _floats,
    "integer": _integers,
    "boolean": _booleans,
    "text": _strings,
}


def _agreeing(measurement: str, parts: list[_Part], known: Mapping[str, Known], refusals: Refusals) -> list[_Part]:
    """Those parts whose names and kinds are as the measurement has them, or as an earlier line brought them."""
    has: dict[str, Kind | None] = {name: None if one.tag else one.kind for name, one in known.items()}
    good = []
    for part in sorted(parts, key=lambda part: int(part.lines[0])):
        brings: dict[str, Kind | None] = {**dict.fromkeys(part.tag_names()), **part.kinds}
        words = next(
            (_conflict(measurement, name, kind, has) for name, kind in brings.items() if has.get(name, kind) != kind),
            "",
        )
        both = part.tag_names() & part.kinds.keys()
        if both:
            words = f"{sorted(both)[0]!r} is a tag and a field; expected it to be one of them"
        elif len(has.keys() | brings.keys()) > COLUMNS:
            words = f"measurement {_name(measurement)} would have more than {COLUMNS} tags and fields"
        if words:
            refusals.add(part.lines, words, conflict=True)
            continue
        has.update(brings)
        good.append(part)
    return good


def _conflict(measurement: str, name: str, kind: Kind | None, has: Mapping[str, Kind | None]) -> str:
    old = has[name]
    if kind is None or old is None:
        now, then = ("tag", "field") if kind is None else ("field", "tag")
        return f"{_name(name)} on measurement {_name(measurement)} is a {now}, already exists as a {then}"
    return (
        f"field type conflict: input field {_name(name)} on measurement {_name(measurement)} is type {INFLUX[kind]},"
        f" already exists as type {INFLUX[old]}"
    )


def _name(name: str) -> str:
    plain = "".join(c if c.isprintable() else "?" for c in name)
    return f'"{plain if len(plain) <= 80 else plain[:77] + "..."}"'


def _assembled(measurement: str, parts: list[_Part]) -> Arrival:
    """The rows of several shapes as one frame, in the order of the lines."""
    lines = np.concatenate([part.lines for part in parts])
    order = np.argsort(lines, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    ends = np.cumsum([len(part.lines) for part in parts])
    places = np.split(place, ends[:-1])
    names = sorted({name for part in parts for name in part.tag_names()})
    columns: dict[str, Any] = {}
    for name in names:
        values: Array = np.empty(len(lines), object)
        for part, rows in zip(parts, places, strict=True):
            values[rows] = np.array([tags.get(name, "") for tags in part.tags], object)[part.codes]
        columns[name] = values
    kinds = {name: kind for part in parts for name, kind in part.kinds.items()}
    for name, kind in kinds.items():
        having = [(part.columns[name], rows) for part, rows in zip(parts, places, strict=True) if name in part.columns]
        columns[name] = _column(kind, having, len(lines))
    times = np.concatenate([part.times for part in parts])[order]
    index = pd.DatetimeIndex(times.view("M8[ns]"), name="time").tz_localize("UTC")
    return Arrival(measurement, pd.DataFrame(columns, index=index, copy=False), tuple(names), lines[order])


def _column(kind: Kind, having: list[tuple[Array, Array]], count: int) -> Any:
    """One field of all rows; having: values, and the rows where they belong."""
    gaps: Array = np.ones(count, bool)
    empty: dict[Kind, Any] = {"number": np.nan, "integer": 0, "boolean": False, "text": None}
    values: Array = np.full(count, empty[kind], having[0][0].dtype)
    for some, rows in having:
        values[rows], gaps[rows] = some, False
    if kind == "integer":
        return pd.arrays.IntegerArray(values, gaps)
    return pd.arrays.BooleanArray(values, gaps) if kind == "boolean" else values
