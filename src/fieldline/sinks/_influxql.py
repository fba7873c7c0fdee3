"""InfluxQL that every InfluxDB answers: 1.x, 2.x and Cloud through a mapping, and 3. Names come from data files.

Pure functions: names in, text out. Times are whole nanoseconds since 1970, so that no server has to read a date.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import quote_plus

from ..ports import Aggregate

LONGEST = 4000  # bytes of a question in an address; servers and proxies take 8 kB, names and times need room
EARLIEST, LATEST = -(2**63) + 2, 2**63 - 2  # ns; what influxd takes as a time
ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
UNITS = (("w", 604_800 * 10**9), ("d", 86_400 * 10**9), ("h", 3_600 * 10**9), ("m", 60 * 10**9), ("s", 10**9))


def name(text: str) -> str:
    """An identifier: a bucket, measurement, tag or field, whatever characters it has."""
    return f'"{text.translate(ESCAPES)}"'


def width(ns: int) -> str:
    """A duration in the largest unit that keeps it whole."""
    unit, size = next(((unit, size) for unit, size in UNITS if ns % size == 0), ("ns", 1))
    return f"{ns // size}{unit}"


def rows(measurement: str, fields: Sequence[str], start: int | None, end: int | None) -> str:
    """The rows as they were written, series by series. Bounds [ns]: start <= time < end."""
    bounds = [f"time >= {start}"] * (start is not None) + [f"time < {end}"] * (end is not None)
    return _select(map(name, fields), measurement, bounds, "GROUP BY *")


def windows(measurement: str, fields: Sequence[str], start: int, end: int, every: int, agg: Aggregate) -> str:
    """One row for each window and series. Bounds and `every` [ns]; `end` is no longer part of the range."""
    cells = (f"{agg}({name(field)})" for field in fields)
    return _select(
        cells, measurement, [f"time >= {start}", f"time < {end}"], f"GROUP BY time({width(every)}), * fill(none)"
    )


def newest(measurement: str, fields: Sequence[str]) -> str:
    """The last row of each series that has one of the fields."""
    return _select(map(name, fields), measurement, [], "GROUP BY * ORDER BY time DESC LIMIT 1")


def edge(measurement: str, fields: Sequence[str], last: bool) -> str:
    """The first or last row of all."""
    return _select(map(name, fields), measurement, [], f"ORDER BY time {'DESC' if last else 'ASC'} LIMIT 1")


def _select(cells: Iterator[str], measurement: str, bounds: Sequence[str], rest: str) -> str:
    where = f" WHERE {' AND '.join(bounds)}" if bounds else ""
    return f"SELECT {', '.join(cells)} FROM {name(measurement)}{where} {rest}"  # noqa: S608


def keys(measurement: str, of: str) -> str:
    """The names of the fields or tags (`of` is FIELD or TAG)."""
    return f"SHOW {of} KEYS FROM {name(measurement)}"


def retention(days: int | None) -> str:
    """How long a 1.x server keeps rows: 30 days are 720h, for ever is INF."""
    return "INF" if days is None else f"{days * 24}h"


def pieces(measurement: str, fields: Sequence[str]) -> Iterator[list[str]]:
    """The fields in groups, each short enough for the address of one question."""
    room = LONGEST - len(quote_plus(name(measurement))) - 300
    piece: list[str] = []
    used = 0
    for field in fields:
        size = len(quote_plus(name(field))) + 16  # with comma and the name of an aggregate
        if piece and used + size > room:
            yield piece
            piece, used = [], 0
        piece.append(field)
        used += size
    if piece:
        yield piece
