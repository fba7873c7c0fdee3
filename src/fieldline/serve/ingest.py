"""Rows as JSON, from devices and scripts that speak neither the line protocol nor files.

    {"bucket": "field", "measurement": "tower", "tags": {"station": "46m"},
     "time": "2026-06-25T10:50:00Z", "fields": {"PPFD": 601.2, "door_open": false}}

or a list of such; `"time": {"epoch": 1782384600, "unit": "s"}` where a device has no calendar. A whole body is taken
or none of it: everything is read and checked before the first row is written. {"timestamp": ..., "power_ac_w": ...} is
a row of the measurement `ingest`, for programs written for that form.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ..ports import OWN_ENDS

MOST_ROWS, MOST_FIELDS, MOST_TAGS = 10_000, 500, 20
LONGEST_NAME, LONGEST_TEXT, LONGEST_NUMBER = 200, 10_000, 400  # characters
EARLY = pd.Timedelta(days=1)  # how far ahead of ours a device's clock may be
UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
SMALL = {"timestamp", "power_ac_w", "bucket"}  # the keys of the small form; bucket may be left out
_KEYS = {"bucket", "measurement", "tags", "time", "fields"}
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_TURNING = set("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # they turn text around

Value = float | bool | str


class BadRows(Exception):
    """A body that can't be taken: where, what was found, what was expected. `found` never quotes more than a word."""


@dataclass(frozen=True)
class Row:
    """One point. bucket '': the caller knows which. time: ns since 1970 UTC."""

    bucket: str
    measurement: str
    tags: Mapping[str, str]
    time: int
    fields: Mapping[str, Value]


@dataclass
class Table:
    """The rows of one measurement as a sink takes them."""

    bucket: str
    measurement: str
    rows: list[Row] = field(default_factory=list)

    def frame(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """The frame, and which of its columns are tags. Raises: BadRows, when a field is of two kinds."""
        tags = list(dict.fromkeys(name for row in self.rows for name in row.tags))
        names = list(dict.fromkeys(name for row in self.rows for name in row.fields))
        where = f"measurement {short(self.measurement)}"
        if both := set(tags) & set(names):
            raise BadRows(f"{where}: found {short(min(both))} as a tag and as a field, expected one of them")
        index = pd.DatetimeIndex(np.array([row.time for row in self.rows], dtype="M8[ns]")).tz_localize("UTC")
        columns: dict[str, Any] = {name: [row.tags.get(name, "") for row in self.rows] for name in tags}
        for name in names:
            columns[name] = _column([row.fields.get(name) for row in self.rows], f"{where}, field {short(name)}")
        return pd.DataFrame(columns, index=index), tuple(tags)


def tables(rows: list[Row]) -> list[Table]:
    """The rows by measurement."""
    found: dict[tuple[str, str], Table] = {}
    for row in rows:
        key = (row.bucket, row.measurement)
        found.setdefault(key, Table(*key)).rows.append(row)
    return list(found.values())


def parse(body: bytes, now: pd.Timestamp) -> list[Row]:
    """The rows of a body. Raises: BadRows, which says what is wrong with the first one that is."""
    content = _json(body)
    listed = content if isinstance(content, list) else [content]
    if not 0 < len(listed) <= MOST_ROWS:
        raise BadRows(f"found {len(listed):,} rows, expected 1 to {MOST_ROWS:,}; send more in several requests")
    latest = (now + EARLY).as_unit("ns").value
    return [_row(one, f"row {place}", latest) for place, one in enumerate(listed)]


def short(word: object) -> str:
    """A name from outside, fit for a message: at most 40 characters, all of them visible."""
    return ascii(word if len(str(word)) <= 40 else f"{str(word)[:37]}...")


def _json(body: bytes) -> Any:
    """Strict JSON. Raises: BadRows."""
    try:
        return json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_once,
            parse_constant=_no_number,
            parse_float=_finite,
            parse_int=_finite,
        )
    except UnicodeDecodeError as error:
        raise BadRows(f"byte {error.start}: found no UTF-8, expected JSON in UTF-8") from error
    except json.JSONDecodeError as error:
        raise BadRows(f"line {error.lineno} column {error.colno}: {error.msg}; expected JSON") from error
    except RecursionError as error:
        raise BadRows("found brackets too deep, expected a row or a list of rows") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise BadRows(f"found the key {short(name)} twice in one object, expected it once")
        found[name] = value
    return found


def _no_number(word: str) -> Any:
    raise BadRows(f"found {word}, expected a finite number; leave the field out, or send null")


def _finite(text: str) -> float | int:
    if len(text) > LONGEST_NUMBER or not math.isfinite(number := float(text)):
        raise BadRows(f"found the number {text[:12]}..., expected one that a double holds (at most 1.8e308)")
    return number if any(c in text for c in ".eE") else int(text)


def _row(one: Any, where: str, latest: int) -> Row:
    if not isinstance(one, dict):
        raise BadRows(f"{where}: found {_kind(one)}, expected an object")
    if "timestamp" in one:
        return _small(one, where, latest)
    _refuse_keys(one, _KEYS, where)
    for name in ("measurement", "time", "fields"):
        if name not in one:
            raise BadRows(f"{where}: found no {name!r}, expected one")
    tags, values = _object(one.get("tags", {}), f"{where}.tags"), _object(one["fields"], f"{where}.fields")
    bucket = _name(one["bucket"], f"{where}.bucket") if "bucket" in one else ""
    return Row(
        bucket,
        _name(one["measurement"], f"{where}.measurement"),
        _tags(tags, f"{where}.tags"),
        _time(one["time"], f"{where}.time", latest),
        _fields(values, f"{where}.fields"),
    )


def _small(one: dict[str, Any], where: str, latest: int) -> Row:
    _refuse_keys(one, SMALL, where)
    power = one.get("power_ac_w")
    if isinstance(power, bool) or not isinstance(power, int | float):
        raise BadRows(f"{where}.power_ac_w: found {_kind(power)}, expected a number")
    bucket = _name(one["bucket"], f"{where}.bucket") if "bucket" in one else ""
    return Row(bucket, "ingest", {}, _time(one["timestamp"], f"{where}.timestamp", latest), {"power_ac_w": power})


def _refuse_keys(one: Mapping[str, Any], known: set[str], where: str) -> None:
    if unknown := [name for name in one if name not in known]:
        raise BadRows(f"{where}: found the key {short(unknown[0])}, expected only {', '.join(sorted(known))}")


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadRows(f"{where}: found {_kind(value)}, expected an object")
    return value


def _tags(tags: Mapping[str, Any], where: str) -> dict[str, str]:
    if len(tags) > MOST_TAGS:
        raise BadRows(f"{where}: found {len(tags)}, expected at most {MOST_TAGS}")
    return {_own(name, where): _name(value, f"{where}.{short(name)}") for name, value in tags.items()}


def _fields(values: Mapping[str, Any], where: str) -> dict[str, Value]:
    if len(values) > MOST_FIELDS:
        raise BadRows(f"{where}: found {len(values)}, expected at most {MOST_FIELDS}")
    found = {}
    for name, value in values.items():
        if name.endswith(OWN_ENDS):
            raise BadRows(f"{where}: found {short(name)}, but names that end in {', '.join(OWN_ENDS)} are fieldline's")
        if value is not None:
            found[_own(name, where)] = _value(value, f"{where}.{short(name)}")
    if not found:
        raise BadRows(f"{where}: found no value, expected at least one")
    return found


def _value(value: Any, where: str) -> Value:
    """Numbers are floats, so that a field's kind never depends on its first value."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return float(value)
    if not isinstance(value, str):
        raise BadRows(f"{where}: found {_kind(value)}, expected a number, true or false, or text")
    if len(value) > LONGEST_TEXT:
        raise BadRows(f"{where}: found {len(value):,} characters, expected at most {LONGEST_TEXT:,}")
    if any(c == "\0" or unicodedata.category(c) == "Cs" for c in value):
        raise BadRows(f"{where}: found NUL or half a character, expected text")
    return value


def _own(name: str, where: str) -> str:
    """The name of a tag or field."""
    if name == "time":
        raise BadRows(f"{where}: found 'time', which is what the row's time is called; expected another name")
    return _name(name, f"{where}, name")


def _name(value: Any, where: str) -> str:
    """A bucket, measurement, name of a field or tag, or value of a tag."""
    if not isinstance(value, str):
        raise BadRows(f"{where}: found {_kind(value)}, expected text")
    if not 0 < len(value) <= LONGEST_NAME:
        raise BadRows(f"{where}: found {len(value):,} characters, expected 1 to {LONGEST_NAME}")
    if any(c in _TURNING or unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in value):
        raise BadRows(f"{where}: found {short(value)}, expected no control characters and no marks of direction")
    return value


def _time(value: Any, where: str, latest: int) -> int:
    time = _epoch(value, where) if isinstance(value, dict) else _stamp(value, where)
    if not 0 <= time <= latest:
        raise BadRows(f"{where}: expected a time from 1970 to one day from now; see to the device's clock and zone")
    return time


def _epoch(value: dict[str, Any], where: str) -> int:
    _refuse_keys(value, {"epoch", "unit"}, where)
    unit, epoch = value.get("unit"), value.get("epoch")
    if not isinstance(unit, str) or unit not in UNITS:
        raise BadRows(f"{where}.unit: expected one of {', '.join(UNITS)}")
    if isinstance(epoch, bool) or not isinstance(epoch, int | float):
        raise BadRows(f"{where}.epoch: found {_kind(epoch)}, expected a number of {unit} since 1970 UTC")
    if isinstance(epoch, float):  # a double has microseconds in our century, not more
        return round(epoch * (UNITS[unit] / 1_000)) * 1_000 if abs(epoch) < 1e17 else -1
    return epoch * UNITS[unit]


def _stamp(value: Any, where: str) -> int:
    expected = 'expected RFC 3339 with its zone, such as 2026-06-25T10:50:00Z, or {"epoch": ..., "unit": "s"}'
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise BadRows(f"{where}: found {_kind(value)}, {expected}")
    try:
        return int(pd.Timestamp(value.upper()).as_unit("ns").value)
    except ValueError as error:  # the 30th of February, the year 9999
        raise BadRows(f"{where}: found no such time, {expected}") from error


def _kind(value: Any) -> str:
    """What was found, in a word or two."""
    if isinstance(value, str):
        return f"the text {short(value)}"
    names = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), "null")


def _column(values: list[Value | None], where: str) -> Any:
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) > 1:
        raise BadRows(f"{where}: found values of two kinds, expected all numbers, all texts, or all true or false")
    if kinds == {bool}:
        return pd.array([pd.NA if value is None else bool(value) for value in values], dtype="boolean")
    if kinds == {str}:
        return np.array(values, dtype=object)
    return np.array([np.nan if value is None else value for value in values], dtype="float64")
