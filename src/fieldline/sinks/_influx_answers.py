"""What InfluxDB answers to InfluxQL: lines of JSON to series.

    {"results":[{"statement_id":0,"series":[{"name":"m","tags":{"s":"a"},"columns":["time","x"],"values":[[0,1.5]]}]}]}

A long answer comes in several such lines, and all but the last one say `"partial":true`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..ports import FLAG_ENDS, Field, Kind
from ._influxql import keys

KINDS: dict[str, Kind] = {  # where shards disagree on a field, the later one here wins, as in the server
    "boolean": "boolean",
    "string": "text",
    "unsigned": "integer",
    "integer": "integer",
    "float": "number",
}
MINUS_ZERO = re.compile(rb"-0[,\]]")


class Refusal(Exception):
    """The server's words of refusal, from within an answer that begins like success."""


class Torn(Exception):
    """The answer is no JSON or ends too early: a connection broke, or something else than InfluxDB answered."""


@dataclass(frozen=True)
class Series:
    """Some rows of one series; `columns` begins with `time` where rows have one."""

    tags: Mapping[str, str]
    columns: Sequence[str]
    values: Sequence[Sequence[Any]]


Ask = Callable[[str], Iterable[Series]]


def series(lines: Iterable[bytes]) -> Iterator[Series]:
    """The series in an answer, as they come. Raises: Refusal; Torn."""
    more = True  # also an answer without any line is none
    for line in lines:
        if not line.strip():
            continue
        more = False
        for result in _results(line):
            for found in result.get("series", ()):
                yield Series(found.get("tags") or {}, found.get("columns") or (), found.get("values") or ())
            more = bool(result.get("partial"))
    if more:
        raise Torn("an answer that ends before its last part")


def _results(line: bytes) -> list[dict[str, Any]]:
    try:
        whole = json.loads(line, parse_int=_signed) if MINUS_ZERO.search(line) else json.loads(line)
    except ValueError as error:
        raise Torn(f"no JSON: {line[:60].decode('utf-8', 'replace')!r}") from error
    if not isinstance(whole, dict) or not isinstance(whole.get("results", []), list):
        raise Torn(f"other JSON: {line[:60].decode('utf-8', 'replace')!r}")
    results: list[dict[str, Any]] = whole.get("results", [])
    for holder in (whole, *results):
        if holder.get("error"):
            raise Refusal(str(holder["error"]))
    if "results" not in whole:
        raise Torn(f"other JSON: {line[:60].decode('utf-8', 'replace')!r}")
    return results


def _signed(digits: str) -> float | int:
    """JSON has no minus zero among its whole numbers, and InfluxDB writes -0.0 as one."""
    return -0.0 if digits == "-0" else int(digits)


def kinds(found: Iterable[Series]) -> dict[str, Field]:
    """Fields by name, from SHOW FIELD KEYS."""
    order = list(KINDS)
    known: dict[str, str] = {}
    for name, kind in columns(found, "fieldKey", "fieldType"):
        if kind in KINDS and (name not in known or order.index(kind) > order.index(known[name])):
            known[name] = kind
    return {name: Field(name, KINDS[kind]) for name, kind in known.items()}


def columns(found: Iterable[Series], *names: str) -> list[tuple[Any, ...]]:
    """Some columns of an answer, row by row; what has them not is left out."""
    having = [part for part in found if set(names) <= set(part.columns)]
    return [tuple(row[part.columns.index(name)] for name in names) for part in having for row in part.values]


def column(found: Iterable[Series], name: str) -> list[Any]:
    """One column of an answer."""
    return [value for (value,) in columns(found, name)]


def schema(ask: Ask, measurement: str) -> dict[str, Field]:
    """Tags, then fields, by name; empty when the measurement is not there.

    The server keeps no order. So it is `station`, other tags, `RECORD`, other fields, their flags, else by their names.
    """
    fields = kinds(ask(keys(measurement, "FIELD")))
    if not fields:
        return {}
    tags = sorted(map(str, column(ask(keys(measurement, "TAG")), "tagKey")), key=lambda tag: (tag != "station", tag))
    names = sorted(fields, key=lambda name: (_is_flag(name, fields), name != "RECORD", name))
    return {tag: Field(tag, "text", "", True) for tag in tags} | {name: fields[name] for name in names}


def _is_flag(name: str, fields: Container[str]) -> bool:
    return any(name.endswith(end) and name.removesuffix(end) in fields for end in FLAG_ENDS)


PERIODS = {"y": 31_557_600, "M": 2_630_016, "w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
PERIOD = re.compile(r"(\d+)\s*(years?|y|months?|M|weeks?|w|days?|d|hours?|h|minutes?|min|m|seconds?|s)(?![a-z])?")


def days(duration: str) -> int | None:
    """How many days a duration is, as 1.x (720h0m0s) and 3 (30days) write it, rounded up; None: for ever."""
    seconds = sum(
        int(count) * PERIODS["M" if unit.startswith("mo") else unit[0]] for count, unit in PERIOD.findall(duration)
    )
    return -(-seconds // 86_400) or None
