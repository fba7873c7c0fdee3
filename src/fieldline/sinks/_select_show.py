"""The SHOWs of InfluxQL on the embedded store: what there is, by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..influxql.ranges import split
from ..influxql.series import Room, Series
from ..influxql.tree import Binary, Expr, QueryError, Ref, Regex, Show, Source, Text, Truth
from . import _catalog as catalog
from ._catalog import Column, Cursor, Table, sql
from ._select_names import kinds_of
from ._select_sources import matching, refuse_unknown, tables
from ._select_where import MIRRORED, Names, Piece, joined, tag_condition

KINDS = {"number": "float", "integer": "integer", "text": "string", "boolean": "boolean"}
MOST = 1_000_000  # values of a tag
EVERYTHING = (Source("", regex=True),)


def show(cursor: Cursor, bucket: str, statement: Show, now_ns: int, room: Room) -> list[Series]:
    """The answer, which takes of the room. Raises: QueryError."""
    bucket = statement.database or bucket
    if statement.what == "databases":
        return [_list("databases", ("name",), [(name,) for name in catalog.buckets(cursor)])]
    if not bucket:
        raise QueryError("database name required")
    if statement.what == "policies":
        return [_policies(cursor, bucket)]
    refuse_unknown(cursor, bucket)
    if statement.what == "measurements":
        return _measurements(cursor, bucket, catalog.measurements(cursor, bucket), statement, now_ns)
    found = tables(cursor, bucket, statement.sources or EVERYTHING)
    where, _ = split(statement.where, now_ns, "")
    _refuse_order(where)
    found.sort(key=lambda table: table.measurement)
    answers = [(table, _rows_of(cursor, table, statement, where, room)) for table in found]
    columns = {"field keys": ("fieldKey", "fieldType"), "tag keys": ("tagKey",), "tag values": ("key", "value")}
    cut = [(table, _cut(rows, statement)) for table, rows in answers]
    return [_list(table.measurement, columns[statement.what], rows) for table, rows in cut if rows]


def _refuse_order(where: Expr | None) -> None:
    """Raise QueryError where something is said to be less or more: this asks for tags, which are equal or not."""
    if isinstance(where, Binary) and where.op in ("AND", "OR"):
        _refuse_order(where.left)
        _refuse_order(where.right)
    elif isinstance(where, Binary) and where.op in MIRRORED:
        raise QueryError("invalid tag comparison operator")


def _policies(cursor: Cursor, bucket: str) -> Series:
    days = catalog.buckets(cursor)
    if bucket not in days:
        raise QueryError(f"database not found: {bucket}")
    kept = f"{24 * (days[bucket] or 0)}h0m0s" if days[bucket] is not None else "0s"
    names = ("name", "duration", "shardGroupDuration", "replicaN", "default")
    return _list("", names, [("autogen", kept, "168h0m0s", 1, True)])


def _measurements(cursor: Cursor, bucket: str, there: Sequence[str], statement: Show, now_ns: int) -> list[Series]:
    names = list(there)
    for source in statement.sources:
        wanted = matching(cursor, names, source.name) if source.regex else {source.name}
        names = [name for name in names if name in wanted]
    if statement.where is not None:
        where, span = split(statement.where, now_ns, "")
        if span.start is not None or span.end is not None:
            raise QueryError("SHOW MEASUREMENTS doesn't support time in WHERE clause")
        _refuse_order(where)
        found = tables(cursor, bucket, [Source(name) for name in names])
        names = [table.measurement for table in found if _has(cursor, table, where)]
    rows = _cut([(name,) for name in names], statement)
    return [_list("measurements", ("name",), rows)] if rows else []


def _has(cursor: Cursor, table: Table, where: Expr | None) -> bool:
    """Whether a measurement has tags as a condition says; `!=` and `!~`: it has the tag, and nowhere the value."""
    if isinstance(where, Binary) and where.op in ("AND", "OR"):
        left, right = _has(cursor, table, where.left), _has(cursor, table, where.right)
        return left and right if where.op == "AND" else left or right
    if not isinstance(where, Binary):
        return isinstance(where, Truth) and where.value
    if not isinstance(where.left, Ref):
        raise QueryError(f"left side of '{where.op}' must be a tag key")
    if where.op in ("=", "!=") and not isinstance(where.right, Text):
        raise QueryError(f"right side of '{where.op}' must be a tag value string")
    tag = table.find(where.left.name)
    if tag is None or not tag.field.tag:
        return False
    turned = {"!=": "=", "!~": "=~"}
    same = Binary(turned.get(where.op, where.op), Ref(where.left.name, "tag"), where.right)
    there = Piece(sql("{tag} <> ''", tag=tag.name))
    chosen = joined("AND", [there, tag_condition(same, Names(table, {}))])
    return bool(_ask(cursor, table, ["1"], chosen, 1)) != (where.op in turned)


def _rows_of(cursor: Cursor, table: Table, statement: Show, where: Expr | None, room: Room) -> list[tuple[Any, ...]]:
    if statement.what == "field keys":
        return sorted((column.field.name, KINDS[column.field.kind]) for column in table.fields)
    chosen = tag_condition(where, Names(table, kinds_of([table])))
    tags = sorted(table.tags, key=lambda column: column.field.name)
    if statement.what == "tag keys":
        return [(tag.field.name,) for tag in tags if _values(cursor, table, tag, chosen, 1)]
    wanted = _wanted(cursor, tags, statement)
    rows: list[tuple[Any, ...]] = []
    for tag in wanted:
        found = _values(cursor, table, tag, chosen, min(MOST, room.rows(2) + 1))
        room.take(len(found), 2)
        rows += [(tag.field.name, value) for value in found]
    return rows


def _wanted(cursor: Cursor, tags: Sequence[Column], statement: Show) -> list[Column]:
    """The tags that WITH KEY names."""
    names = [tag.field.name for tag in tags]
    keys = matching(cursor, names, statement.keys.text) if isinstance(statement.keys, Regex) else set(statement.keys)
    return [tag for tag in tags if (tag.field.name in keys) != statement.negated]


def _values(cursor: Cursor, table: Table, tag: Column, chosen: Piece, most: int) -> list[str]:
    """The values of a tag, sorted. Mostly there is one: its table's statistics tell that without a look at the rows."""
    there = Piece(sql("{where} AND {tag} <> ''", where=chosen.text, tag=tag.name), chosen.values)
    ends = sql("SELECT min({tag}), max({tag}) FROM {t} WHERE {there}", tag=tag.name, t=table.path, there=there.text)
    first, last = cursor.execute(ends, list(there.values)).fetchone()
    if first == last or most == 1:
        return [] if first is None else [first]
    return [value for (value,) in _ask(cursor, table, [tag.name], there, most)]


def _ask(cursor: Cursor, table: Table, wanted: list[str], chosen: Piece, most: int) -> list[tuple[Any, ...]]:
    texts = [catalog.Sql(text) if text == "1" else text for text in wanted]
    query = sql(
        "SELECT DISTINCT {wanted} FROM {table} WHERE {where} ORDER BY 1 LIMIT {most}",
        wanted=texts,
        table=table.path,
        where=chosen.text,
        most=catalog.Sql(str(most)),
    )
    rows: list[tuple[Any, ...]] = cursor.execute(query, list(chosen.values)).fetchall()
    return rows


def _cut(rows: list[tuple[Any, ...]], statement: Show) -> list[tuple[Any, ...]]:
    end = statement.offset + statement.limit if statement.limit else None
    return rows[statement.offset : end]


def _list(name: str, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> Series:
    values = [np.empty(len(rows), dtype=object) for _ in columns]
    for place, row in enumerate(rows):
        for column, value in zip(values, row, strict=True):
            column[place] = value
    return Series(name, None, columns, None, values)
