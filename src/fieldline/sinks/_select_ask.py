"""One query of DuckDB for a SELECT of InfluxQL, and its answer as arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ..influxql.ranges import EARLIEST, LATEST
from ..influxql.series import Room
from ..influxql.tree import Expr, QueryError, Select
from ..ports import Kind
from ._catalog import Cursor, Sql, free_name, sql
from ._select_names import Asked
from ._select_tracks import Values
from ._select_where import Names, Piece, joined, tag_condition
from ._select_windows import MOST, Windows


@dataclass(frozen=True)
class Plan:
    """A SELECT ready to be asked of each table: what is left of its condition, its range [ns, both included], names.

    room: for the answers. work: for what they are made of, which is not kept.
    """

    statement: Select
    asked: Asked
    where: Expr | None
    start: int
    end: int
    room: Room
    work: Room

    def dims(self, names: Names) -> list[Sql]:
        """The values of the tags grouped by."""
        return [names.tag(name) for name in self.asked.dims]


def span(start: int, end: int) -> Piece:
    """A range of time [ns], both ends included."""
    bounds = [("time >= make_timestamp_ns(?)", start, EARLIEST), ("time <= make_timestamp_ns(?)", end, LATEST)]
    kept = [(text, value) for text, value, none in bounds if value != none]
    return Piece(Sql(" AND ".join(text for text, _ in kept) or "TRUE"), tuple(value for _, value in kept))


def rows(cursor: Cursor, plan: Plan, names: Names, texts: Sequence[Piece], where: Sequence[Piece]) -> dict[str, Any]:
    """The columns d0.. (tags grouped by), at (time, ns) and c0.. (`texts`) of rows, in the order of the answer."""
    dims, statement = plan.dims(names), plan.statement
    tags = [sql("{it}", it=tag.name) for tag in names.table.tags]
    way = Sql(" DESC" if statement.descending else "")
    heads = _heads(dims, Piece(Sql("epoch_ns(time)")), texts)
    extra = [Piece(sql("{it} AS {name}", it=it, name=f"t{place}")) for place, it in enumerate(tags)]
    chosen = joined("AND", [*where, *_series_limit(plan, names)])
    if not dims and (statement.limit, statement.offset) == (1, 0):
        chosen = joined("AND", [_at_edge(names, chosen, "max" if statement.descending else "min"), chosen])
    inner = sql(
        "SELECT {heads} FROM {table} WHERE {where}{limit}",
        heads=[head.text for head in (*heads, *extra)],
        table=names.table.path,
        where=chosen.text,
        limit=_row_limit(statement, dims, tags, way, _most(plan, len(heads)) + 1),
    )
    values = [value for piece in (*heads, chosen) for value in piece.values]
    return _ask(cursor, plan, _ordered(inner, len(dims), len(texts), len(tags), way), values)


def aggregates(
    cursor: Cursor,
    plan: Plan,
    names: Names,
    texts: Sequence[Piece],
    where: Sequence[Piece],
    frames: Windows | None,
) -> dict[str, Any]:
    """The columns d0.. (tags grouped by), at (numbers of windows) and c0.. (`texts`), in the order of the answer."""
    dims, descending = plan.dims(names), plan.statement.descending
    source, joining, at = _source(names, frames)
    heads = _heads(dims, at, texts)
    chosen = joined("AND", [*where, *_series_limit(plan, names)])
    inner = sql(
        "SELECT {heads} FROM {source} WHERE {where} GROUP BY {keys} LIMIT {most}",
        heads=[head.text for head in heads],
        source=source,
        where=chosen.text,
        keys=[Sql(str(place + 1)) for place in range(len(dims) + 1)],  # by number: any name could be a field's own
        most=Sql(str(_most(plan, len(heads)) + 1)),
    )
    values = [*(value for head in heads for value in head.values), *joining, *chosen.values]
    if dims:
        return _ask(cursor, plan, _ordered(inner, len(dims), len(texts), 0, Sql(" DESC" if descending else "")), values)
    data = _ask(cursor, plan, inner, values)
    order = np.argsort(data["at"], kind="stable")
    return {name: each[order[::-1] if descending else order] for name, each in data.items()}


def edge(
    cursor: Cursor, plan: Plan, names: Names, it: Sql, where: Sequence[Piece], which: str, way: str
) -> dict[str, Any]:
    """The columns at (time, ns) and c0 (`it`) of one row: at the min or max time; of several `way` sorts the values."""
    chosen = joined("AND", [*where, *_series_limit(plan, names)])
    chosen = joined("AND", [_at_edge(names, chosen, which), chosen])
    query = sql(
        "SELECT epoch_ns(time) AS at, {it} AS c0 FROM {table} WHERE {where} ORDER BY 2 {way} LIMIT 1",
        it=it,
        table=names.table.path,
        where=chosen.text,
        way=Sql(way),
    )
    return _ask(cursor, plan, query, chosen.values)


def _at_edge(names: Names, chosen: Piece, which: str) -> Piece:
    """The rows at the min or max time of those chosen: to look for it first is faster than to sort or carry along."""
    text = sql(
        "time = (SELECT {which}(time) FROM {table} WHERE {where})",
        which=Sql(which),
        table=names.table.path,
        where=chosen.text,
    )
    return Piece(text, chosen.values)


def _heads(dims: Sequence[Sql], at: Piece, texts: Sequence[Piece]) -> list[Piece]:
    heads = [Piece(sql("{it} AS {name}", it=it, name=f"d{place}")) for place, it in enumerate(dims)]
    heads.append(Piece(sql("{it} AS at", it=at.text), at.values))
    named = [(it, f"c{place}") for place, it in enumerate(texts)]
    return heads + [Piece(sql("{it} AS {name}", it=it.text, name=name), it.values) for it, name in named]


def _ordered(inner: Sql, dims: int, texts: int, tags: int, way: Sql) -> Sql:
    """Sorted outside of the limit, since DuckDB reserves room for all rows that a sorted limit could let through."""
    first = [*(f"d{place}" for place in range(dims)), "at"]
    keys = [*first, *(f"t{place}" for place in range(tags))]
    return sql(
        "SELECT {shown} FROM ({inner}) ORDER BY {keys}",
        shown=[*first, *(f"c{place}" for place in range(texts))],
        inner=inner,
        keys=[sql("{key}{way}", key=key, way=way) for key in keys],
    )


def _most(plan: Plan, columns: int) -> int:
    """The most rows of so many columns that an answer may be made of."""
    return min(MOST, plan.work.rows(columns))


def _ask(cursor: Cursor, plan: Plan, query: Sql, values: Sequence[Any]) -> dict[str, Any]:
    data: dict[str, Any] = cursor.execute(query, list(values)).fetchnumpy()
    if len(data["at"]) > MOST:
        raise QueryError(f"max-select-point limit exceeded: ({len(data['at'])}/{MOST})")
    plan.work.take(len(data["at"]), len(data))
    return data


def _source(names: Names, frames: Windows | None) -> tuple[Sql, list[Any], Piece]:
    """The table, beside it the starts of windows that no number tells, and the number of a row's window."""
    if frames is None:
        return sql("{table}", table=names.table.path), [], Piece(Sql("0"))
    if frames.edges is None:
        return sql("{table}", table=names.table.path), [], frames.piece()
    start, number = (free_name(name, [column.name for column in names.table.columns]) for name in ("start", "number"))
    text = sql(
        "{table} ASOF JOIN (SELECT unnest(?::BIGINT[]) AS {start}, unnest(?::BIGINT[]) AS {number}) w"
        " ON epoch_ns(time) >= w.{start}",
        table=names.table.path,
        start=start,
        number=number,
    )
    edges = frames.edges.tolist()
    return text, [edges, list(range(len(edges)))], Piece(sql("w.{number}", number=number))


def _row_limit(statement: Select, dims: Sequence[Sql], tags: Sequence[Sql], way: Sql, top: int) -> Sql:
    """Only the first rows of each series, and never more than one too many."""
    count, most = Sql(str(statement.limit + statement.offset)), Sql(str(top))
    order = [sql("{it}{way}", it=Sql(it), way=way) for it in ("time", *tags)]
    if not statement.limit:
        return sql(" LIMIT {most}", most=most)
    if not dims:
        return sql(" ORDER BY {order} LIMIT {count}", order=order, count=min(count, most, key=int))
    return sql(
        " QUALIFY row_number() OVER (PARTITION BY {dims} ORDER BY {order}) <= {count} LIMIT {most}",
        dims=list(dims),
        order=order,
        count=count,
        most=most,
    )


def _series_limit(plan: Plan, names: Names) -> list[Piece]:
    """SLIMIT and SOFFSET: they count all series that the tags let through, also those without a row in the range."""
    slimit, soffset = plan.statement.slimit, plan.statement.soffset
    if not slimit and not soffset:
        return []
    if not slimit:
        return [Piece(Sql("FALSE"))]
    dims = [name for name in plan.asked.dims if names.tag(name) != "''"]
    if not dims:
        return [Piece(Sql("FALSE" if soffset else "TRUE"))]
    chosen = tag_condition(plan.where, names)
    tags = [names.tag(name) for name in dims]
    text = sql(
        "({tags}) IN (SELECT {tags} FROM {table} WHERE {where} GROUP BY {tags}"
        " ORDER BY concat_ws('|', {present}, {values}) LIMIT {slimit} OFFSET {soffset})",
        tags=tags,
        table=names.table.path,
        where=chosen.text,
        present=[sql("CASE WHEN {tag} <> '' THEN ? END", tag=tag) for tag in tags],
        values=[sql("nullif({tag}, '')", tag=tag) for tag in tags],
        slimit=Sql(str(slimit)),
        soffset=Sql(str(soffset)),
    )
    return [Piece(text, (*chosen.values, *dims))]


def grouped(data: Mapping[str, Any], dims: int) -> Iterator[slice]:
    """The rows of each series."""
    count = len(data["at"])
    if not count:
        return
    changes = np.zeros(count - 1, dtype=np.bool_)
    for place in range(dims):
        values = np.ma.getdata(data[f"d{place}"])
        changes |= values[1:] != values[:-1]
    edges = [0, *(np.flatnonzero(changes) + 1).tolist(), count]
    for first, after in pairwise(edges):
        yield slice(first, after)


def key(data: Mapping[str, Any], group: slice, plan: Plan) -> tuple[str, ...]:
    """The tags of a series."""
    return tuple(str(data[f"d{place}"][group.start]) for place in range(len(plan.asked.dims)))


def column(values: Any, kind: Kind) -> tuple[Values, Values]:
    """Plain values, and which are nothing."""
    missing = np.ma.getmaskarray(values).copy()
    plain = np.ma.getdata(values)
    if kind == "text":
        return plain.astype(object), missing
    return plain.astype({"number": np.float64, "integer": np.int64, "boolean": np.bool_}[kind]), missing
