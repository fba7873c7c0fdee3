"""The questions that the embedded store is asked, as SQL: rows, windows, the newest row of each series, and writing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..ports import Aggregate, Kind
from ._asked import kind_of
from ._catalog import Column, Sql, Table, sql

AGGREGATE_SQL: dict[Aggregate, str] = {
    "mean": "avg({field})",
    "min": "min({field})",
    "max": "max({field})",
    "first": "arg_min({field}, time)",
    "last": "arg_max({field}, time)",
    "count": "count({field})",
    "sum": "sum({field})",
}


@dataclass(frozen=True)
class Query:
    """SQL, its values, and the name and kind of each column `c0`, `c1`, ... that it gives beside `at`."""

    statement: Sql
    values: list[int]
    columns: list[tuple[str, Kind]]


def rows(table: Table, fields: Sequence[Column], start: int | None, end: int | None) -> Query:
    """The rows as they were written, where at least one of `fields` has a value."""
    asked = [*table.tags, *fields]
    values, condition = _range(fields, start, end)
    statement = sql(
        "SELECT time AS at, {columns} FROM {table} WHERE {condition} ORDER BY {order}",
        columns=_numbered([sql("{name}", name=column.name) for column in asked]),
        table=table.path,
        condition=condition,
        order=["time", *(column.name for column in table.tags)],
    )
    return Query(statement, values, [(column.field.name, column.field.kind) for column in asked])


def windows(
    table: Table, fields: Sequence[Column], start: int | None, end: int | None, every: int, agg: Aggregate
) -> Query:
    """One row for each window of `every` ns and series; `at` counts windows from 1970."""
    values, condition = _range(fields, start, end)
    tags = [sql("{name}", name=column.name) for column in table.tags]
    cells = [_aggregate(column, agg) for column in fields]
    # // rounds towards zero, and a window before 1970 starts at its lower end
    window = sql("epoch_ns(time) // {every} - CAST(epoch_ns(time) % {every} < 0 AS BIGINT)", every=Sql(str(every)))
    statement = sql(
        "SELECT {window} AS at, {columns} FROM {table} WHERE {condition} GROUP BY {keys} ORDER BY {keys}",
        window=window,
        columns=_numbered([*tags, *cells]),
        table=table.path,
        condition=condition,
        keys=[Sql("1"), *tags],  # the first column, by its number: any name could be a field's own
    )
    kinds = [(column.field.name, column.field.kind) for column in table.tags]
    return Query(statement, values, [*kinds, *((column.field.name, kind_of(column.field, agg)) for column in fields)])


def newest(table: Table) -> Query:
    """The last row of each combination of tags."""
    asked = table.columns
    tags = [column.name for column in table.tags]
    by_series = sql(
        "SELECT {keys} FROM {table} {group}",
        keys=[Sql("max(time) AS time"), *tags],
        table=table.path,
        group=sql("GROUP BY {tags}", tags=tags) if tags else Sql(),
    )
    statement = sql(
        "SELECT time AS at, {columns} FROM {table} JOIN ({newest}) USING ({keys}) ORDER BY {keys}",
        columns=_numbered([sql("{name}", name=column.name) for column in asked]),
        table=table.path,
        newest=by_series,
        keys=["time", *tags],
    )
    return Query(statement, [], [(column.field.name, column.field.kind) for column in asked])


def _numbered(expressions: Sequence[Sql]) -> list[Sql]:
    """Columns called c0, c1, ...: field names may differ in case only, and result columns may not."""
    return [sql("{it} AS {alias}", it=it, alias=f"c{place}") for place, it in enumerate(expressions)]


def _range(fields: Sequence[Column], start: int | None, end: int | None) -> tuple[list[int], Sql]:
    bounds = [("time >= make_timestamp_ns(?)", start), ("time < make_timestamp_ns(?)", end)]
    parts = [Sql(part) for part, value in bounds if value is not None]
    present = [sql("{name} IS NOT NULL", name=column.name) for column in fields]
    parts.append(Sql("(" + (" OR ".join(present) or "FALSE") + ")"))
    return [value for _, value in bounds if value is not None], Sql(" AND ".join(parts))


def _aggregate(column: Column, agg: Aggregate) -> Sql:
    cell = sql(AGGREGATE_SQL[agg], field=column.name)
    whole = agg == "sum" and column.field.kind == "integer"
    return sql("CAST({cell} AS BIGINT)", cell=cell) if whole else cell


SPAN = "time >= make_timestamp_ns(?) AND time <= make_timestamp_ns(?)"


def any_between(table: Table) -> Sql:
    """Whether the table has rows from one time to another, both included."""
    return sql("SELECT EXISTS (FROM {table} WHERE {span})", table=table.path, span=Sql(SPAN))


def insert(table: Table, columns: Sequence[Column]) -> Sql:
    """Add the rows of `frame`."""
    names = ["time", *(column.name for column in columns)]
    return sql("INSERT INTO {table} ({names}) SELECT {names} FROM frame", table=table.path, names=names)


def merge(table: Table, columns: Sequence[Column]) -> Sql:
    """Add the rows of `frame`, or what they bring to rows of the same time and tags between two times.

    The two times are constants, so that DuckDB leaves out what was written long before.
    """
    names = [column.name for column in columns]
    brought = [column.name for column in columns if not column.field.tag]
    same = [sql("t.{tag} = s.{tag}" if tag.name in names else "t.{tag} = ''", tag=tag.name) for tag in table.tags]
    return sql(
        "MERGE INTO {table} AS t USING frame AS s ON {same} WHEN MATCHED THEN UPDATE SET {update}"
        " WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({new})",
        table=table.path,
        same=Sql(" AND ".join(["t.time = s.time", SPAN.replace("time ", "t.time "), *same])),
        update=[sql("{name} = COALESCE(s.{name}, t.{name})", name=name) for name in brought],
        names=["time", *names],
        new=[sql("s.{name}", name=name) for name in ["time", *names]],
    )


def past(table: tuple[str, str, str], verb: str) -> Sql:
    """`SELECT EXISTS (...)` or `DELETE` of the rows before a time."""
    if verb == "DELETE":
        return sql("DELETE FROM {table} WHERE time < make_timestamp_ns(?)", table=table)
    return sql("SELECT EXISTS (FROM {table} WHERE time < make_timestamp_ns(?))", table=table)
