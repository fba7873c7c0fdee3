"""A SELECT of InfluxQL on the embedded store: one query of DuckDB for each measurement, and its answer as series."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..influxql.checks import SELECTORS
from ..influxql.ranges import EARLIEST, LATEST, split
from ..influxql.series import Series
from ..influxql.tree import Binary, Call, Expr, Fill, Integer, Number, QueryError, Ref, Select, walk
from ..ports import Kind
from . import _select_cells as cells_of
from ._catalog import TYPES, Cursor, Sql, Table, free_name, sql
from ._select_cells import Cell, cell
from ._select_names import Asked, asked, fixed_kind
from ._select_sources import matching, tables
from ._select_tracks import Grid, Track, Values, aligned, arithmetic, default, filled, shown, stepped, track, union
from ._select_where import Names, Piece, condition, joined, pinned, tag_condition
from ._select_windows import MOST, Times, Windows, windows


@dataclass(frozen=True)
class Plan:
    """A SELECT ready to be asked of each table: what is left of its condition, its range [ns, both included], names."""

    statement: Select
    asked: Asked
    where: Expr | None
    start: int
    end: int


def select(cursor: Cursor, bucket: str, statement: Select, now_ns: int) -> list[Series]:
    """The answer. Raises: QueryError."""
    found = tables(cursor, bucket, statement.sources)
    where, span = split(statement.where, now_ns, statement.zone)
    end = span.end if span.end is not None else (now_ns if statement.every else LATEST)
    names = asked(statement, found, lambda texts, regex: matching(cursor, texts, regex))
    plan = Plan(statement, names, where, EARLIEST if span.start is None else span.start, end)
    if not names.columns:
        return []
    order = sorted(found, key=lambda table: table.measurement, reverse=statement.descending)
    calls = any(isinstance(part, Call) for _, expr in names.columns for part in walk(expr))
    return [series for table in order for series in (_functions if calls else _rows)(cursor, plan, table)]


# rows as they were written


def _rows(cursor: Cursor, plan: Plan, table: Table) -> Iterator[Series]:
    names = Names(table, plan.asked.kinds)
    refs = list(dict.fromkeys(part for _, expr in plan.asked.columns for part in walk(expr) if isinstance(part, Ref)))
    fields = {ref: names.field(ref.name) for ref in refs if not names.is_tag(ref)}
    present = [Piece(sql("{it} IS NOT NULL", it=found[0])) for found in fields.values() if found]
    if not present or plan.start > plan.end:
        return
    texts = [_cell_of(ref, names) for ref in refs]
    where = [_span(plan.start, plan.end), condition(plan.where, names), joined("OR", present)]
    data = _ask(cursor, plan, names, texts, where, raw=True)
    for group in _grouped(data, len(plan.asked.dims)):
        part = {ref: _column(data[f"c{place}"][group], _kind_of(ref, names)) for place, ref in enumerate(refs)}
        filled_in = {ref: default(*part[ref], _kind_of(ref, names), plan.statement.fill) for ref in refs}
        first, last = (
            (plan.statement.offset, plan.statement.offset + plan.statement.limit)
            if plan.statement.limit
            else (plan.statement.offset, None)
        )
        values = [shown(*_value(expr, filled_in, len(data["at"][group])))[first:last] for _, expr in plan.asked.columns]
        times = np.asarray(data["at"][group][first:last], dtype=np.int64)
        if len(times):
            yield _series(plan, table, data, group, times, values)


def _cell_of(ref: Ref, names: Names) -> Piece:
    """What a name is in a row; a tag that is not there is nothing."""
    if names.is_tag(ref):
        return Piece(sql("nullif({it}, '')", it=names.tag(ref.name)))
    found = names.field(ref.name)
    if found is None and names.table.find(ref.name) is not None and names.table.find(ref.name).field.tag:  # type: ignore[union-attr]
        return Piece(sql("nullif({it}, '')", it=names.tag(ref.name)))
    if found is None:
        return Piece(sql("CAST(NULL AS {kind})", kind=Sql(TYPES[_kind_of(ref, names)])))
    return Piece(found[0])


def _kind_of(ref: Ref, names: Names) -> Kind:
    return "text" if names.is_tag(ref) else names.kinds.get(ref.name, "text")


# functions of rows


def _functions(cursor: Cursor, plan: Plan, table: Table) -> Iterator[Series]:
    names = Names(table, plan.asked.kinds)
    every, descending = plan.statement.every, plan.statement.descending
    calls = list(dict.fromkeys(call for _, expr in plan.asked.columns for call in _outer_calls(expr)))
    cells = [cell(call, plan.asked.kinds, plan.start, plan.end, every, descending) for call in calls]
    there = [each for each in cells if each is not None and names.field(each.field) is not None]
    selector = len(calls) == 1 and calls[0].name in SELECTORS and not every
    tracks: dict[tuple[str, ...], dict[Call, tuple[Track, Kind]]] = {}
    whole = [each for each in there if each.aggregate is not None]
    if whole:
        _merge(tracks, _aggregates(cursor, plan, names, whole, selector))
    for each in (each for each in there if each.aggregate is None):
        _merge(tracks, _along(cursor, plan, names, each))
    for key in sorted(tracks, reverse=descending):
        yield _beside(plan, table, key, tracks[key], _kinds(calls, cells))


def _kinds(calls: Sequence[Call], cells: Sequence[Cell | None]) -> dict[Call, Kind]:
    """The kind of each function's values, where there can be any."""
    kinds = {call: fixed_kind(call) or (each and each.kind) for call, each in zip(calls, cells, strict=True)}
    return {call: kind for call, kind in kinds.items() if kind}


def _outer_calls(expr: Expr) -> list[Call]:
    if isinstance(expr, Call):
        return [expr]
    if isinstance(expr, Binary):
        return _outer_calls(expr.left) + _outer_calls(expr.right)
    return []


def _merge(
    into: dict[tuple[str, ...], dict[Call, tuple[Track, Kind]]],
    more: Iterator[tuple[tuple[str, ...], Call, Track, Kind]],
) -> None:
    for key, call, given, kind in more:
        if len(given.times):
            into.setdefault(key, {})[call] = (given, kind)


def _aggregates(
    cursor: Cursor, plan: Plan, names: Names, cells: Sequence[Cell], selector: bool
) -> Iterator[tuple[tuple[str, ...], Call, Track, Kind]]:
    statement = plan.statement
    start, end = cells_of.range_of(cells)
    if start > end:
        return
    ties = bool({tag.field.name for tag in names.table.tags} - set(plan.asked.dims) - pinned(plan.where, names))
    frames = None
    if statement.every:
        frames = windows(
            statement.every, statement.offset_ns, statement.zone, *_known_range(cursor, plan, names, start, end)
        )
    texts: list[Piece] = []
    for each in cells:
        narrow = None if (each.start, each.end) == (start, end) else _span(each.start, each.end)
        texts += cells_of.value(each, names, ties, narrow)
    if selector:
        texts.append(cells_of.moment(cells[0], names))
    present = joined("OR", [Piece(sql("{it} IS NOT NULL", it=it)) for it in dict.fromkeys(_fields(cells, names))])
    where = [_span(start, end), condition(plan.where, names), present]
    data = _ask(cursor, plan, names, texts, where, frames=frames)
    for group in _grouped(data, len(plan.asked.dims)):
        for place, each in enumerate(cells):
            given = _window_track(plan, each, frames, data, group, place, selector)
            given, kind = stepped(each.steps, given, cells_of.kind_after(each), statement.every, statement.descending)
            yield _key(data, group, plan), each.call, given.cut(statement.limit, statement.offset), kind


def _fields(cells: Sequence[Cell], names: Names) -> list[Sql]:
    return [found[0] for each in cells if (found := names.field(each.field))]


def _window_track(
    plan: Plan, each: Cell, frames: Windows | None, data: Mapping[str, Any], group: slice, place: int, selector: bool
) -> Track:
    """The windows of one function in one series, filled."""
    kind = cells_of.kind_after(each)
    count = np.ma.getdata(data[f"c{2 * place + 1}"][group])
    values, missing = _column(data[f"c{2 * place}"][group], kind)
    assert each.aggregate is not None
    if each.aggregate.name == "stddev":
        values, missing = np.where(missing, np.nan, values), count == 0  # of one value it is not a number
    kept = ~missing & (count > 0)
    values = values[kept]
    if frames is None:
        if selector:
            return track(np.ma.getdata(data[f"c{2 * place + 2}"][group])[kept].astype(np.int64), values)
        start = 0 if plan.start == EARLIEST else plan.start
        return track(np.full(len(values), start, dtype=np.int64), values)
    fill = plan.statement.fill
    if each.aggregate.name == "count" and fill.how == "null":
        fill = Fill("number", 0)
    numbers = np.ma.getdata(data["at"][group])[kept].astype(np.int64)
    return filled(Grid(frames, each.start, each.end, plan.statement.descending), numbers, values, fill, kind)


def _known_range(cursor: Cursor, plan: Plan, names: Names, start: int, end: int) -> tuple[int, int]:
    """The range for windows: where a zone needs to know it, an open beginning is that of the table."""
    if start > EARLIEST or not plan.statement.zone:
        return start, end
    (first,) = cursor.execute(sql("SELECT min(epoch_ns(time)) FROM {table}", table=names.table.path)).fetchone()
    return (end if first is None else min(int(first), end)), end


def _along(cursor: Cursor, plan: Plan, names: Names, each: Cell) -> Iterator[tuple[tuple[str, ...], Call, Track, Kind]]:
    """Functions along the rows themselves."""
    found = names.field(each.field)
    if found is None or each.start > each.end:
        return
    where = [_span(each.start, each.end), condition(plan.where, names), Piece(sql("{it} IS NOT NULL", it=found[0]))]
    plain = replace(plan, statement=replace(plan.statement, limit=0, offset=0))
    data = _ask(cursor, plain, names, [Piece(found[0])], where, raw=True)
    for group in _grouped(data, len(plan.asked.dims)):
        values, _ = _column(data["c0"][group], each.kind)
        given = track(np.asarray(data["at"][group], dtype=np.int64), values)
        given, kind = stepped(each.steps, given, each.kind, 0, plan.statement.descending)
        yield _key(data, group, plan), each.call, given.cut(plan.statement.limit, plan.statement.offset), kind


def _beside(
    plan: Plan,
    table: Table,
    key: tuple[str, ...],
    tracks: Mapping[Call, tuple[Track, Kind]],
    kinds: Mapping[Call, Kind],
) -> Series:
    """The functions of one series beside each other."""
    times = union([given for given, _ in tracks.values()], plan.statement.descending)
    parts: dict[Expr, tuple[Values, Values]] = {}
    for call, usual in kinds.items():
        given, kind = tracks.get(call, (None, usual))
        parts[call] = aligned(given, times, kind, plan.statement.fill, plan.statement.descending)
    values = [shown(*_value(expr, parts, len(times))) for _, expr in plan.asked.columns]
    tags = dict(zip(plan.asked.dims, key, strict=True)) if plan.asked.grouped else None
    return Series(table.measurement, tags, _names(plan), times, values)


def _value(expr: Expr, parts: Mapping[Any, tuple[Values, Values]], count: int) -> tuple[Values, Values]:
    """A column: what was asked, or made of it."""
    if isinstance(expr, Binary):
        return arithmetic(expr.op, _value(expr.left, parts, count), _value(expr.right, parts, count))
    if isinstance(expr, Number | Integer):
        return np.full(count, expr.value), np.zeros(count, dtype=np.bool_)
    if expr not in parts:
        return np.full(count, np.nan), np.ones(count, dtype=np.bool_)
    return parts[expr]


# asking


def _span(start: int, end: int) -> Piece:
    bounds = [("time >= make_timestamp_ns(?)", start, EARLIEST), ("time <= make_timestamp_ns(?)", end, LATEST)]
    kept = [(text, value) for text, value, none in bounds if value != none]
    return Piece(Sql(" AND ".join(text for text, _ in kept) or "TRUE"), tuple(value for _, value in kept))


def _ask(
    cursor: Cursor,
    plan: Plan,
    names: Names,
    texts: Sequence[Piece],
    where: Sequence[Piece],
    *,
    raw: bool = False,
    frames: Windows | None = None,
) -> dict[str, Any]:
    """The columns d0.. (tags grouped by), at, c0.. of one query, in the order of the answer."""
    statement = plan.statement
    dims = [names.tag(name) for name in plan.asked.dims]
    source, joining, at = _source(names, frames)
    if raw:
        at = Piece(Sql("epoch_ns(time)"))
    heads = [*(Piece(sql("{it} AS {name}", it=it, name=f"d{place}")) for place, it in enumerate(dims))]
    heads.append(Piece(sql("{it} AS at", it=at.text), at.values))
    heads += [Piece(sql("{it} AS {name}", it=it.text, name=f"c{place}"), it.values) for place, it in enumerate(texts)]
    chosen = joined("AND", [*where, *_series_limit(plan, names)])
    keys = [Sql(str(place + 1)) for place in range(len(dims) + 1)]  # by number: any name could be a field's own
    way = Sql(" DESC" if statement.descending else "")
    order = [sql("{key}{way}", key=key, way=way) for key in keys]
    if raw:
        order += [sql("{it}{way}", it=tag.name, way=way) for tag in names.table.tags]
    query = sql(
        "SELECT {heads} FROM {source} WHERE {where}{group}{window} ORDER BY {order} LIMIT {most}",
        heads=[head.text for head in heads],
        source=source,
        where=chosen.text,
        group=Sql("") if raw else sql(" GROUP BY {keys}", keys=keys),
        window=_row_limit(statement, dims, way) if raw else Sql(""),
        order=order,
        most=Sql(str(_most(statement, raw and not dims))),
    )
    values = [value for head in heads for value in head.values] + joining + list(chosen.values)
    data: dict[str, Any] = cursor.execute(query, values).fetchnumpy()
    if len(data["at"]) > MOST:
        raise QueryError(f"max-select-point limit exceeded: ({len(data['at'])}/{MOST})")
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


def _most(statement: Select, whole: bool) -> int:
    """How many rows are fetched at most: one more than may be answered, so that it is seen."""
    if whole and statement.limit:
        return min(statement.limit + statement.offset, MOST + 1)
    return MOST + 1


def _row_limit(statement: Select, dims: Sequence[Sql], way: Sql) -> Sql:
    """Only the first rows of each series, where there are several."""
    if not statement.limit or not dims:
        return Sql("")
    return sql(
        " QUALIFY row_number() OVER (PARTITION BY {dims} ORDER BY time{way}) <= {count}",
        dims=list(dims),
        way=way,
        count=Sql(str(statement.limit + statement.offset)),
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


# what came


def _grouped(data: Mapping[str, Any], dims: int) -> Iterator[slice]:
    """The rows of each series."""
    count = len(data["at"])
    if not count:
        return
    changes = np.zeros(count - 1, dtype=np.bool_)
    for place in range(dims):
        values = np.ma.getdata(data[f"d{place}"])
        changes |= values[1:] != values[:-1]
    edges = [0, *(np.flatnonzero(changes) + 1).tolist(), count]
    for first, after in zip(edges, edges[1:], strict=False):
        yield slice(first, after)


def _key(data: Mapping[str, Any], group: slice, plan: Plan) -> tuple[str, ...]:
    return tuple(str(data[f"d{place}"][group.start]) for place in range(len(plan.asked.dims)))


def _column(values: Any, kind: Kind) -> tuple[Values, Values]:
    """Plain values, and which are nothing."""
    missing = np.ma.getmaskarray(values).copy()
    plain = np.ma.getdata(values)
    if kind == "text":
        return plain.astype(object), missing
    return plain.astype({"number": np.float64, "integer": np.int64, "boolean": np.bool_}[kind]), missing


def _series(
    plan: Plan, table: Table, data: Mapping[str, Any], group: slice, times: Times, values: Sequence[Values]
) -> Series:
    tags = dict(zip(plan.asked.dims, _key(data, group, plan), strict=True)) if plan.asked.grouped else None
    return Series(table.measurement, tags, _names(plan), times, values)


def _names(plan: Plan) -> tuple[str, ...]:
    return (plan.statement.time_name, *(name for name, _ in plan.asked.columns))
