"""What a page asks of one measurement, as it is at one moment: rows, windows, flags, roses, the newest row.

Each question is one query; a look may hold several, between which nobody writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..errors import Rejected
from ..ports import DEVICE_TAGS, Field
from . import _catalog as catalog
from ._catalog import STORE, Column, Cursor, Sql, Table, sql
from ._names import meant

Numbers = npt.NDArray[Any]
Part = Literal["all", "good", "turns", "good turns", "flags", "rows"]
# What a window is made of. all, good: of every value, of those that no check failed or suspects; turns, good turns: the
# same of directions, which have a mean only as vectors and no lowest one; flags: the worst, and the checks that failed
# or suspected something; rows: how many there are.
PARTS: Mapping[Part, tuple[str, ...]] = {
    "all": ("sum", "count", "low", "high"),
    "good": ("sum", "count", "low", "high"),
    "turns": ("sine", "cosine", "count"),
    "good turns": ("sine", "cosine", "count"),
    "flags": ("worst", "bits"),
    "rows": ("rows",),
}
# QARTOD's order, as quality.flags.merge has it: missing, unknown, good, suspect, fail. By comparisons, since what
# others wrote into a field may be any number.
_RANK = "CASE {qc} WHEN 1 THEN 3 WHEN 3 THEN 4 WHEN 4 THEN 5 WHEN 2 THEN 2 WHEN 9 THEN 1 END"
BY_RANK = np.array([0, 9, 2, 1, 3, 4], dtype=np.uint8)
_GOOD = "CASE WHEN {qc} IN (3, 4) THEN NULL ELSE {field} END"
_BITS = "bit_or(CASE WHEN {qc} IN (3, 4) THEN CAST({bits} AS BIGINT) END)"
# What is no direction, such as -9999, would be one: 81 degrees.
_ANGLE = "CASE WHEN {it} BETWEEN -180 AND 360 THEN radians({it}) END"
_MADE = {
    **{"sum": "sum({it})", "count": "count({it})", "low": "min({it})", "high": "max({it})"},
    **{"sine": "sum(sin({it}))", "cosine": "sum(cos({it}))"},
}
DAY = 86_400 * 10**9  # ns
_NUMBER = ("number", "integer", "boolean")
_SPECIAL = re.compile(r"([\\,=])")  # what stands between tags in the name of a series
_NO_TAG = "="
_PAIR = re.compile(r"((?:[^\\,=]|\\.)+)=((?:[^\\,=]|\\.)*)(,|\Z)", re.DOTALL)


def name_of(tags: Mapping[str, str]) -> str:
    """The name of a series that no tag of a device names: `cpu=cpu0,host=a`, by the names of the tags.

    An empty tag is none, so that a tag that comes later changes no name; the series without any is `=`. A backslash
    stands before `\\`, `,` and `=`.
    """
    there = [pair for pair in sorted(tags.items()) if pair[1]]
    return ",".join("=".join(_SPECIAL.sub(r"\\\1", word) for word in pair) for pair in there) or _NO_TAG


def tags_of(name: str) -> dict[str, str] | None:
    """The tags in a name that `name_of` made; None: it is none."""
    found, place = dict[str, str](), 0
    if name == _NO_TAG:
        return found
    while match := _PAIR.match(name, place):
        tag, value = (re.sub(r"\\(.)", r"\1", word, flags=re.DOTALL) for word in match.group(1, 2))
        found[tag] = value
        place = match.end()
        if not match[3]:
            return found
    return None


@dataclass(frozen=True)
class Wanted:
    """One part of the windows of one field; field: '' for `rows`."""

    field: str
    part: Part


@dataclass(frozen=True)
class Wind:
    """A speed and a direction of one series. edges: lower ends of the classes of speed; below the first it is calm.
    good: without rows that a check failed or suspects."""

    station: str
    speed: str
    direction: str
    edges: tuple[float, ...]
    good: bool = False


@dataclass(frozen=True)
class Changes:
    """What was written since a look. number: of the last write. spans: first and last time [ns] by bucket and
    measurement; None: too much to tell, so anything may have changed."""

    number: int
    spans: tuple[tuple[str, str, int, int], ...] | None


@dataclass(frozen=True)
class Look:
    """One measurement of an open store. Times are nanoseconds since 1970 UTC, ranges half open.

    where: names it in messages. station: the name of a series: of the rows of one device, where a tag says whose they
    are (DEVICE_TAGS); of one combination of tags (`name_of`) where all tags say something else. There, and where no tag
    is, '' stands for all rows.
    """

    table: Table
    cursor: Cursor
    where: str

    def require(self, fields: Iterable[str]) -> None:
        """Raise Rejected, naming near ones, unless each is a field with numbers."""
        for name in fields:
            self._column(name)

    def field(self, name: str) -> Field:
        """A field with numbers. Raises: Rejected, naming near ones."""
        return self._column(name).field

    def has(self, name: str) -> bool:
        """Whether there is such a field with numbers."""
        column = self.table.find(name)
        return column is not None and not column.field.tag and column.field.kind in _NUMBER

    def flagged(self, field: str) -> bool:
        """Whether flags stand beside a field."""
        return self.table.find(f"{field}_qc") is not None

    def changes(self, since: int) -> Changes:
        """What was written after the write number `since`."""
        return changes(self.cursor, since)

    def tags(self, station: str) -> dict[str, str] | None:
        """The tags of a series by its name, all that the table has; None where a tag of a device names it, or none."""
        if self.by_device or not self.table.tags:
            return None
        said = tags_of(station) or {}
        return {column.field.name: said.get(column.field.name, "") for column in self.table.tags}

    def stations(self, start: int | None = None) -> dict[str, tuple[int, int]]:
        """The first and the newest time of each series with rows since `start`."""
        statement = sql(
            "SELECT {tags}, epoch_ns(min(time)), epoch_ns(max(time)) FROM {table} WHERE {since} GROUP BY {tags}",
            tags=self._columns(),
            table=self.table.path,
            since=Sql("TRUE" if start is None else "time >= make_timestamp_ns(?)"),
        )
        rows = self.cursor.execute(statement, [] if start is None else [start]).fetchall()
        ends = sorted((self._named(tags), int(first), int(last)) for *tags, first, last in rows if last is not None)
        return {name: (first, last) for name, first, last in ends}

    def today(self, start: int, field: str | None, of: Iterable[str]) -> dict[str, tuple[int, float | None]]:
        """For each of some series with rows since `start` their number, and the last value of a field among them."""
        statement = sql(
            "SELECT e.fieldline_name, count(*), arg_max({cell}, time) FROM {table} {join} GROUP BY 1",
            cell=self._value(self._column(field)) if field else Sql("NULL"),
            table=self.table.path,
            join=self._join(),
        )
        rows = self.cursor.execute(statement, self._ends(dict.fromkeys(of, start))).fetchall()
        return {str(name): (int(count), None if last is None else float(last)) for name, count, last in rows}

    def at(self, times: Mapping[str, int], field: str) -> dict[str, float]:
        """The value of a field at one time of each series; those without one are left out."""
        statement = sql(
            "SELECT e.fieldline_name, any_value({cell}) FROM {table} {join}"
            " AND time = make_timestamp_ns(e.fieldline_newest) GROUP BY 1",
            cell=self._value(self._column(field)),
            table=self.table.path,
            join=self._join(),
        )
        rows = self.cursor.execute(statement, self._ends(times)).fetchall()
        return {str(name): float(value) for name, value in rows if value is not None}

    def count(self, start: int) -> int:
        """The number of rows since `start`, of all series."""
        statement = sql("SELECT count(*) FROM {table} WHERE time >= make_timestamp_ns(?)", table=self.table.path)
        (count,) = self.cursor.execute(statement, [start]).fetchone()
        return int(count)

    def steps(self, newest: Mapping[str, int], back: int) -> dict[str, Numbers]:
        """The times of the last 200 rows of each series, no further than `back` before its newest one. [ns]"""
        statement = sql(
            "SELECT e.fieldline_name, max(epoch_ns(time), 200) FROM {table} {join}"
            " AND time BETWEEN make_timestamp_ns(e.fieldline_newest - {back})"
            " AND make_timestamp_ns(e.fieldline_newest) GROUP BY 1",
            table=self.table.path,
            join=self._join(back),
            back=Sql(str(int(back))),
        )
        rows = self.cursor.execute(statement, self._ends(newest)).fetchall()
        return {str(name): np.array(times[::-1], dtype=np.int64) for name, times in rows}

    def fits(self, station: str, start: int, end: int, most: int) -> bool:
        """Whether there are at most so many rows."""
        statement = sql(
            "SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {condition} LIMIT {limit})",
            table=self.table.path,
            condition=self._condition(station),
            limit=Sql(str(int(most) + 1)),
        )
        (count,) = self.cursor.execute(statement, [start, end, *self._tag(station)]).fetchone()
        return int(count) <= most

    def rows(self, station: str, fields: Sequence[str], start: int, end: int) -> tuple[Numbers, dict[str, Rows]]:
        """Times, and for each field values, flags and bits as they were written; NaN and 0 where there is none."""
        columns = [self._column(name) for name in fields]
        cells = [cell for column in columns for cell in (self._value(column), *self._beside(column.field.name))]
        statement = sql(
            "SELECT epoch_ns(time) AS at, {cells} FROM {table} WHERE {condition} ORDER BY time",
            cells=_numbered(cells),
            table=self.table.path,
            condition=self._condition(station),
        )
        data = self._arrays(statement, [start, end, *self._tag(station)])
        found = {}
        for place, name in enumerate(fields):
            value, flag, bits = (data[f"c{place * 3 + k}"] for k in range(3))
            found[name] = Rows(_filled(value, np.nan), _small(flag), _filled(bits, 0).astype("int64"))
        return data["at"], found

    def windows(
        self, station: str, wanted: Sequence[Wanted], start: int, end: int, every: int
    ) -> tuple[Numbers, dict[Wanted, dict[str, Numbers]]]:
        """Windows of `every` ns that have rows: their numbers since 1970, and the parts of each.

        sum, low, high, sine, cosine: NaN where there is no value. worst: 0 where there is no flag.
        """
        cells = [cell for one in wanted for cell in self._cells(one)]
        statement = sql(
            "SELECT epoch_ns(time) // {every}{floor} AS at, {cells} FROM {table} WHERE {condition}"
            " GROUP BY 1 ORDER BY 1",
            every=Sql(str(int(every))),
            floor=_floor("time", start, every),
            cells=_numbered(cells),
            table=self.table.path,
            condition=self._condition(station),
        )
        data = self._arrays(statement, [start, end, *self._tag(station)])
        found, place = {}, 0
        for one in wanted:
            found[one] = {name: _part(name, data[f"c{place + k}"]) for k, name in enumerate(PARTS[one.part])}
            place += len(PARTS[one.part])
        return data["at"], found

    def nearest(self, station: str, fields: Sequence[str], time: int, within: int) -> dict[str, tuple[int, float]]:
        """The value of each field that is nearest to a time, and its time; those without one are left out."""
        columns = [self._column(name) for name in fields]
        away = Sql(f"abs(epoch_ns(time) - {int(time)})")
        cells = []
        for column in columns:
            value = self._value(column)
            there = sql("{value} IS NOT NULL", value=value)
            cells += [
                sql("arg_min({what}, {away}) FILTER ({there})", what=what, away=away, there=there)
                for what in (Sql("epoch_ns(time)"), value)
            ]
        statement = sql(
            "SELECT {cells} FROM {table} WHERE {condition}",
            cells=_numbered(cells),
            table=self.table.path,
            condition=self._condition(station),
        )
        row = self.cursor.execute(statement, [time - within, time + within + 1, *self._tag(station)]).fetchone()
        pairs = {name: (row[2 * place], row[2 * place + 1]) for place, name in enumerate(fields)}
        return {name: (int(at), float(value)) for name, (at, value) in pairs.items() if at is not None}

    def roses(self, wind: Wind, start: int, end: int) -> Iterator[tuple[int, Numbers]]:
        """Rows of each day of UTC that has some, by sector of 22.5 degrees (0 is around north) and class of speed (0 is
        below the first edge): the day's number since 1970, and 16 rows of counts."""
        fast, where = (self._value(self._column(name), wind.good) for name in (wind.speed, wind.direction))
        steps = Sql(" + ".join(f"CAST(s >= {float(edge)!r} AS UTINYINT)" for edge in wind.edges))
        statement = sql(
            "SELECT CAST(epoch_ns(t) // {day}{floor} AS INTEGER) AS at,"
            " CAST(floor((d + 11.25) / 22.5) AS UTINYINT) % 16 AS sector, {steps} AS step, count(*) AS rows"
            " FROM (SELECT time AS t, {fast} AS s, {where} AS d FROM {table} WHERE {condition})"
            " WHERE s IS NOT NULL AND d BETWEEN 0 AND 360 GROUP BY 1, 2, 3",
            day=Sql(str(DAY)),
            floor=_floor("t", start, DAY),
            steps=steps,
            fast=fast,
            where=where,
            table=self.table.path,
            condition=self._condition(wind.station),
        )
        data = self._arrays(statement, [start, end, *self._tag(wind.station)])
        at, sector, step, count = (
            np.ma.getdata(data[name]).astype("int64") for name in ("at", "sector", "step", "rows")
        )
        windows, places = np.unique(at, return_inverse=True)
        counts = np.zeros((len(windows), 16, len(wind.edges) + 1), dtype=np.int64)
        counts[places, sector, step] = count
        yield from zip(windows.tolist(), counts, strict=True)

    def _cells(self, wanted: Wanted) -> list[Sql]:
        """What a part of a window is made of, in the order of PARTS."""
        if wanted.part == "rows":
            return [Sql("count(*)")]
        column = self._column(wanted.field)
        if wanted.part == "flags":
            qc, bits = self._beside(column.field.name)
            return [sql(f"max({_RANK})", qc=qc), sql(_BITS, qc=qc, bits=bits)]
        value = self._value(column, wanted.part.startswith("good"))
        if "sine" in PARTS[wanted.part]:
            value = sql(_ANGLE, it=value)
        return [sql(_MADE[name], it=value) for name in PARTS[wanted.part]]

    def _value(self, column: Column, good: bool = False) -> Sql:
        """A field as a number; `good`: NULL where its flag is suspect or fail."""
        name = column.name
        plain = sql("{it}" if column.field.kind == "number" else "CAST({it} AS DOUBLE)", it=name)
        qc = self.table.find(f"{column.field.name}_qc") if good else None
        return sql(_GOOD, qc=qc.name, field=plain) if qc and qc.field.kind in _NUMBER else plain

    def _beside(self, field: str) -> list[Sql]:
        """The columns of its flags and bits; NULL where there are none."""
        found = [self.table.find(field + end) for end in ("_qc", "_qcbits")]
        return [sql("{it}", it=one.name) if one and one.field.kind in _NUMBER else Sql("NULL") for one in found]

    def _column(self, name: str) -> Column:
        """The column of a field that can be drawn. Raises: Rejected, naming near ones."""
        column = self.table.find(name)
        if column is None or column.field.tag or column.field.kind not in _NUMBER:
            names = [c.field.name for c in self.table.fields if c.field.kind in _NUMBER]
            what = "found no field" if column is None else "found text in"
            raise Rejected(f"{self.where}: {what} {name!r}, expected a field with numbers.\n  {meant(name, names)}")
        return column

    @property
    def by_device(self) -> bool:
        """Whether a tag says whose the rows are, so that it alone names series."""
        return any(column.field.name in DEVICE_TAGS for column in self.table.tags)

    @property
    def naming(self) -> tuple[str, ...]:
        """The names of the tags that name a series: with another one, names may be others."""
        return tuple(column.field.name for column in self._naming())

    def _naming(self) -> list[Column]:
        """The tags that name a series: that of the device, or all."""
        tags = {column.field.name: column for column in self.table.tags}
        device = next((tags[name] for name in DEVICE_TAGS if name in tags), None)
        return [device] if device else [tags[name] for name in sorted(tags)]

    def _columns(self) -> list[Sql]:
        """Their columns; never none, so that there is something to group by."""
        return [sql("{it}", it=column.name) for column in self._naming()] or [Sql("''")]

    def _named(self, values: Sequence[object]) -> str:
        """The name of a series by the values of these columns."""
        words = ["" if value is None else str(value) for value in values]
        if self.by_device or not self.table.tags:
            return words[0]
        return name_of({column.field.name: word for column, word in zip(self._naming(), words, strict=True)})

    def _values(self, station: str) -> list[str] | None:
        """The values of these columns by the name of a series; None: there is none of this name."""
        if self.by_device:
            return [station]
        tags = self.tags(station)
        said = tags_of(station)
        if tags is None or said is None or not said.keys() <= tags.keys():
            return None
        return [tags[column.field.name] for column in self._naming()]

    def _join(self, back: int = 0) -> Sql:
        """Series and a time of each, as `_ends` binds them, and no row that is too old for any of them.

        Their columns have names that no tag has, since `name` is a usual one.
        """
        own = [(column.name, f"fieldline_{place}") for place, column in enumerate(self._naming())]
        return sql(
            "JOIN (SELECT unnest(?::VARCHAR[]) AS fieldline_name, unnest(?::BIGINT[]) AS fieldline_newest{lists}) e"
            " ON {same} time >= make_timestamp_ns(? - {back})",
            lists=Sql("".join(f", unnest(?::VARCHAR[]) AS {alias}" for _, alias in own)),
            same=Sql("".join(sql("{tag} = e.{alias} AND", tag=tag, alias=alias) + " " for tag, alias in own)),
            back=Sql(str(int(back))),
        )

    def _ends(self, times: Mapping[str, int]) -> list[object]:
        """What `_join` binds: series, a time of each, their tags, and the first of the times."""
        told = {name: values for name in times if (values := self._values(name)) or not self._naming()}
        lists = [list(one) for one in zip(*(values or () for values in told.values()), strict=True)]
        lists = lists or [[] for _ in self._naming()]
        return [list(told), [times[name] for name in told], *lists, min(times.values(), default=0)]

    def _condition(self, station: str) -> Sql:
        """The range and the series; times are bound first, then what `_tag` gives."""
        parts = ["time >= make_timestamp_ns(?)", "time < make_timestamp_ns(?)"]
        if self._is_one(station):
            there = self._values(station) is not None
            parts += [sql("{tag} = ?", tag=column.name) for column in self._naming()] if there else ["FALSE"]
        return Sql(" AND ".join(parts))

    def _tag(self, station: str) -> list[str]:
        return (self._values(station) or []) if self._is_one(station) else []

    def _is_one(self, station: str) -> bool:
        """Whether the name means one series, not all rows."""
        return bool(station) or self.by_device

    def _arrays(self, statement: Sql, values: Iterable[object]) -> dict[str, Numbers]:
        found: dict[str, Numbers] = self.cursor.execute(statement, list(values)).fetchnumpy()
        return found


@dataclass(frozen=True)
class Rows:
    """Values (NaN: missing), flags and bits (0: none) of one field."""

    values: Numbers
    flags: Numbers
    bits: Numbers


def changes(cursor: Cursor, since: int) -> Changes:
    """What was written to the store after the write number `since`."""
    return catalog.recall(cursor, ("changes", since), lambda: _changes(cursor, since))


def _changes(cursor: Cursor, since: int) -> Changes:
    if not cursor.execute(catalog.HAS_WRITES, [STORE, catalog.CATALOG]).fetchall():
        return Changes(0, ())  # nothing was written since this is noted
    (last,) = cursor.execute(catalog.LAST_WRITE).fetchone() or (0,)
    if last == since:
        return Changes(last, ())
    rows = cursor.execute(catalog.WRITES_SINCE, [since]).fetchall()
    whole = len(rows) == last - since
    return Changes(int(last), tuple(rows) if whole else None)


def _floor(time: str, start: int, every: int) -> Sql:
    """What makes a window's number that of the window below, since `//` rounds toward 1970."""
    return Sql("" if start >= 0 else f" - CAST(epoch_ns({time}) % {int(every)} < 0 AS BIGINT)")


def _numbered(cells: Sequence[Sql]) -> list[Sql]:
    return [sql("{it} AS {alias}", it=cell, alias=f"c{place}") for place, cell in enumerate(cells)]


def _part(name: str, values: Numbers) -> Numbers:
    if name in ("sum", "low", "high", "sine", "cosine"):
        return _filled(values, np.nan).astype("float64", copy=False)
    if name == "worst":
        return np.asarray(BY_RANK[_filled(values, 0).astype("int64")])
    return _filled(values, 0).astype("int64")


def _filled(values: Numbers, by: float) -> Numbers:
    """Plain numbers; DuckDB gives a masked array, or one of objects where all is NULL."""
    plain = np.ma.getdata(values)
    if plain.dtype == object:
        return np.full(len(plain), by)
    mask = np.ma.getmaskarray(values)
    return np.where(mask, by, plain) if mask.any() else plain


def _small(flags: Numbers) -> Numbers:
    """Flags as bytes; what is none of ours counts as no flag."""
    plain = _filled(flags, 0)
    return np.where(np.isin(plain, BY_RANK), plain, 0).astype("uint8")
