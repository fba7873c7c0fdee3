"""A SELECT of InfluxQL on the embedded store: one query of DuckDB for each measurement, and its answer as series."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..influxql.checks import SELECTORS
from ..influxql.ranges import EARLIEST, LATEST, split
from ..influxql.series import Room, Series
from ..influxql.tree import Binary, Call, Expr, Fill, Integer, Number, Ref, Select, walk
from ..ports import Kind
from . import _select_ask as ask
from . import _select_cells as cells_of
from ._catalog import TYPES, Cursor, Sql, Table, sql
from ._select_ask import Plan, column, grouped, key, span
from ._select_cells import Cell, cell
from ._select_names import asked, fixed_kind
from ._select_sources import matching, tables
from ._select_tracks import Grid, Track, Values, aligned, arithmetic, default, filled, shown, stepped, track, union
from ._select_where import Names, Piece, condition, joined, pinned
from ._select_windows import Times, Windows, windows

Found = tuple[tuple[str, ...], Call, Track, Kind]  # what a function gives in the series of some tags


def select(cursor: Cursor, bucket: str, statement: Select, now_ns: int, room: Room) -> list[Series]:
    """The answer, which takes of the room. Raises: QueryError."""
    found = tables(cursor, bucket, statement.sources)
    where, span = split(statement.where, now_ns, statement.zone)
    end = span.end if span.end is not None else (now_ns if statement.every else LATEST)
    names = asked(statement, found, lambda texts, regex: matching(cursor, texts, regex))
    plan = Plan(statement, names, where, EARLIEST if span.start is None else span.start, end, room, Room(room.left))
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
    where = [span(plan.start, plan.end), condition(plan.where, names), joined("OR", present)]
    data = ask.rows(cursor, plan, names, texts, where)
    for group in grouped(data, len(plan.asked.dims)):
        group = _cut(group, plan.statement)
        times = np.asarray(data["at"][group], dtype=np.int64)
        if not len(times):
            continue
        plan.room.take(len(times), 1 + len(plan.asked.columns))
        parts: dict[Expr, tuple[Values, Values]] = {}
        for place, ref in enumerate(refs):
            kind = _kind_of(ref, names)
            parts[ref] = default(*column(data[f"c{place}"][group], kind), kind, plan.statement.fill)
        values = [shown(*_value(expr, parts, len(times))) for _, expr in plan.asked.columns]
        yield _series(plan, table, key(data, group, plan), times, values)


def _cut(group: slice, statement: Select) -> slice:
    """The rows of a series that LIMIT and OFFSET leave."""
    first = min(group.start + statement.offset, group.stop)
    return slice(first, min(first + statement.limit, group.stop) if statement.limit else group.stop)


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
    if selector and not plan.asked.dims and whole and calls[0].name in ("first", "last"):
        _merge(tracks, _edge(cursor, plan, names, whole[0]))
    elif whole:
        _merge(tracks, _aggregates(cursor, plan, names, whole, selector))
    for each in (each for each in there if each.aggregate is None):
        _merge(tracks, _along(cursor, plan, names, each))
    for tags in sorted(tracks, reverse=descending):
        yield _beside(plan, table, tags, tracks[tags], _kinds(calls, cells))


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
    more: Iterator[Found],
) -> None:
    for tags, call, given, kind in more:
        if len(given.times):
            into.setdefault(tags, {})[call] = (given, kind)


def _aggregates(cursor: Cursor, plan: Plan, names: Names, cells: Sequence[Cell], selector: bool) -> Iterator[Found]:
    statement = plan.statement
    start, end = cells_of.range_of(cells)
    if start > end:
        return
    ties = bool({tag.field.name for tag in names.table.tags} - set(plan.asked.dims) - pinned(plan.where, names))
    frames = _frames(cursor, plan, names, start, end)
    texts: list[Piece] = []
    places: list[int] = []
    for each in cells:
        narrow = None if (each.start, each.end) == (start, end) else span(each.start, each.end)
        places.append(len(texts))
        texts += cells_of.value(each, names, ties, narrow)
    if selector:
        texts.append(cells_of.moment(cells[0], names))
    data = ask.aggregates(cursor, plan, names, texts, [span(start, end), condition(plan.where, names)], frames)
    for group in grouped(data, len(plan.asked.dims)):
        for each, place in zip(cells, places, strict=True):
            part = {
                name: data[name][group] for name in ("at", *(f"c{place + more}" for more in range(2))) if name in data
            }
            given = _window_track(plan, each, frames, part, place, selector)
            given, kind = stepped(each.steps, given, cells_of.kind_after(each), statement.every, statement.descending)
            yield key(data, group, plan), each.call, given.cut(statement.limit, statement.offset), kind


def _edge(cursor: Cursor, plan: Plan, names: Names, each: Cell) -> Iterator[Found]:
    """The first or last value of all: what lies between need not be read."""
    found = names.field(each.field)
    if found is None or plan.start > plan.end:
        return
    there = Piece(sql("{it} IS NOT NULL", it=found[0]))
    first = each.call.name == "first"
    way = "ASC" if first and each.kind == "boolean" else "DESC"
    where = [span(plan.start, plan.end), condition(plan.where, names), there]
    data = ask.edge(cursor, plan, names, found[0], where, "min" if first else "max", way)
    values, _ = column(data["c0"], each.kind)
    given = track(np.asarray(data["at"], dtype=np.int64), values)
    yield (), each.call, given.cut(plan.statement.limit, plan.statement.offset), each.kind


def _window_track(
    plan: Plan, each: Cell, frames: Windows | None, part: Mapping[str, Any], place: int, selector: bool
) -> Track:
    """The windows of one function in one series, filled."""
    kind = cells_of.kind_after(each)
    values, missing = column(part[f"c{place}"], kind)
    assert each.aggregate is not None
    name = each.aggregate.name
    if name == "stddev":  # of one value it is not a number
        values, missing = np.where(missing, np.nan, values), np.ma.getdata(part[f"c{place + 1}"]) == 0
    kept = ~missing & (values > 0) if name == "count" else ~missing
    values = values[kept]
    if frames is None:
        start = 0 if plan.start == EARLIEST else plan.start
        times = part[f"c{place + 1}"][kept] if selector else np.full(len(values), start)
        return track(np.ma.getdata(times).astype(np.int64), values)
    fill = Fill("number", 0) if name == "count" and plan.statement.fill.how == "null" else plan.statement.fill
    numbers = np.ma.getdata(part["at"])[kept].astype(np.int64)
    return filled(Grid(frames, each.start, each.end, plan.statement.descending, plan.work), numbers, values, fill, kind)


def _frames(cursor: Cursor, plan: Plan, names: Names, start: int, end: int) -> Windows | None:
    every, offset, zone = plan.statement.every, plan.statement.offset_ns, plan.statement.zone
    return windows(every, offset, zone, *_known_range(cursor, plan, names, start, end)) if every else None


def _known_range(cursor: Cursor, plan: Plan, names: Names, start: int, end: int) -> tuple[int, int]:
    """The range for windows: where a zone needs to know it, an open beginning is that of the table."""
    if start > EARLIEST or not plan.statement.zone:
        return start, end
    (first,) = cursor.execute(sql("SELECT min(epoch_ns(time)) FROM {table}", table=names.table.path)).fetchone()
    return (end if first is None else min(int(first), end)), end


def _along(cursor: Cursor, plan: Plan, names: Names, each: Cell) -> Iterator[Found]:
    """Functions along the rows themselves."""
    found = names.field(each.field)
    if found is None or each.start > each.end:
        return
    where = [span(each.start, each.end), condition(plan.where, names), Piece(sql("{it} IS NOT NULL", it=found[0]))]
    plain = replace(plan, statement=replace(plan.statement, limit=0, offset=0))
    data = ask.rows(cursor, plain, names, [Piece(found[0])], where)
    for group in grouped(data, len(plan.asked.dims)):
        values, _ = column(data["c0"][group], each.kind)
        given = track(np.asarray(data["at"][group], dtype=np.int64), values)
        given, kind = stepped(each.steps, given, each.kind, 0, plan.statement.descending)
        yield key(data, group, plan), each.call, given.cut(plan.statement.limit, plan.statement.offset), kind


def _beside(
    plan: Plan,
    table: Table,
    key: tuple[str, ...],
    tracks: Mapping[Call, tuple[Track, Kind]],
    kinds: Mapping[Call, Kind],
) -> Series:
    """The functions of one series beside each other."""
    times = union([given for given, _ in tracks.values()], plan.statement.descending)
    plan.room.take(len(times), 1 + len(plan.asked.columns))
    parts: dict[Expr, tuple[Values, Values]] = {}
    for call, usual in kinds.items():
        given, kind = tracks.get(call, (None, usual))
        parts[call] = aligned(given, times, kind, plan.statement.fill, plan.statement.descending)
    values = [shown(*_value(expr, parts, len(times))) for _, expr in plan.asked.columns]
    return _series(plan, table, key, times, values)


def _value(expr: Expr, parts: Mapping[Any, tuple[Values, Values]], count: int) -> tuple[Values, Values]:
    """A column: what was asked, or made of it."""
    if isinstance(expr, Binary):
        return arithmetic(expr.op, _value(expr.left, parts, count), _value(expr.right, parts, count))
    if isinstance(expr, Number | Integer):
        return np.full(count, expr.value), np.zeros(count, dtype=np.bool_)
    if expr not in parts:
        return np.full(count, np.nan), np.ones(count, dtype=np.bool_)
    return parts[expr]


def _series(plan: Plan, table: Table, key: tuple[str, ...], times: Times, values: Sequence[Values]) -> Series:
    tags = dict(zip(plan.asked.dims, key, strict=True)) if plan.asked.grouped else None
    return Series(table.measurement, tags, _names(plan), times, values)


def _names(plan: Plan) -> tuple[str, ...]:
    return (plan.statement.time_name, *(name for name, _ in plan.asked.columns))
