"""The functions of a SELECT as SQL: which aggregate of which field, over which range of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..influxql.checks import AGGREGATES, SELECTORS
from ..influxql.tree import Call, Duration, Integer, Number, Ref
from ..ports import Kind
from ._catalog import Sql, sql
from ._select_where import Names, Piece

WRAP = 2**64
PLAIN = {
    "mean": "avg({it})",
    "sum": "sum({it})",
    "count": "count({it})",
    "min": "min({it})",
    "max": "max({it})",
    "median": "median({it})",
    "stddev": "stddev_samp({it})",
    "first": "arg_min({it}, time)",
    "last": "arg_max({it}, time)",
}
ONE_OF_EQUALS = {  # where several series may have a value at one time, the larger one counts
    "first": "arg_max({it}, row(-epoch_ns(time), {it}))",
    "last": "arg_max({it}, row(epoch_ns(time), {it}))",
}
FIRST_OF_TRUTHS = "arg_min({it}, row(epoch_ns(time), {it}))"  # and of truth values the false one
WHEN = {
    "first": "min(epoch_ns(time)) FILTER ({it} IS NOT NULL{more})",
    "last": "max(epoch_ns(time)) FILTER ({it} IS NOT NULL{more})",
    "min": "arg_min(epoch_ns(time), row({it}, epoch_ns(time))) FILTER ({it} IS NOT NULL{more})",
    "max": "-arg_max(-epoch_ns(time), row({it}, -epoch_ns(time))) FILTER ({it} IS NOT NULL{more})",
}


@dataclass(frozen=True)
class Cell:
    """A function of a field: an aggregate or none, and what is made of its windows (or of the rows), inside first.

    start, end: the range of time that it looks at [ns], both included.
    """

    call: Call
    steps: tuple[Call, ...]
    aggregate: Call | None
    field: str
    kind: Kind
    start: int
    end: int


def cell(call: Call, kinds: Mapping[str, Kind], start: int, end: int, every: int, descending: bool) -> Cell | None:
    """What a call asks; None when nobody has written the field. What looks back sees windows before the range."""
    steps: list[Call] = []
    inner = call
    while inner.name not in AGGREGATES and isinstance(inner.args[0], Call):
        steps.append(inner)
        inner = inner.args[0]
    if inner.name not in AGGREGATES:
        steps.append(inner)
    ref = inner.args[0]
    if not isinstance(ref, Ref) or ref.name not in kinds or ref.cast == "tag":
        return None
    aggregate = inner if inner.name in AGGREGATES else None
    back = sum(_looks_back(step) for step in steps) * every
    start, end = (start, end + back) if descending else (start - back, end)
    if start < -(2**63):
        start += WRAP  # as the clock of influxd does: nothing is in such a range
    return Cell(call, tuple(reversed(steps)), aggregate, ref.name, kinds[ref.name], start, end)


def _looks_back(step: Call) -> int:
    """How many windows before the range are looked at."""
    return 0 if step.name == "cumulative_sum" else 1


def kind_after(cell: Cell) -> Kind:
    """The kind of a cell's values before its steps."""
    name = cell.aggregate.name if cell.aggregate else ""
    if name == "count":
        return "integer"
    return "number" if name in ("mean", "median", "stddev") else cell.kind


def value(cell: Cell, names: Names, ties: bool, bounds: Piece | None) -> list[Piece]:
    """The aggregate, nothing where there is none; of a deviation also how many values it is of.

    Args:
        ties: whether several rows of one series may have one time.
        bounds: the range of time of this one, if it is narrower than that of the others.
    """
    found = names.field(cell.field)
    if found is None or cell.aggregate is None:
        return [Piece(Sql("NULL"))]
    it, kind = found
    narrow = sql(" FILTER ({it})", it=bounds.text) if bounds else Sql("")
    values = bounds.values if bounds else ()
    name = cell.aggregate.name
    if name == "percentile":
        return _percentile(cell.aggregate, it, narrow, values)
    if name == "spread":
        return [Piece(sql("max({it}){n} - min({it}){n}", it=it, n=narrow), values * 2)]
    template = PLAIN[name]
    if ties and name in ONE_OF_EQUALS:
        template = FIRST_OF_TRUTHS if (name, kind) == ("first", "boolean") else ONE_OF_EQUALS[name]
    text = Sql(sql(template, it=it) + narrow)
    if name == "sum" and kind == "integer":
        text = sql("CAST({it} AS BIGINT)", it=text)
    if name == "stddev":
        return [Piece(text, values), Piece(sql("count({it}){n}", it=it, n=narrow), values)]
    return [Piece(text, values)]


def _percentile(call: Call, it: Sql, narrow: Sql, values: tuple[object, ...]) -> list[Piece]:
    """The nearest rank: no value stands where none is."""
    share = float(call.args[1].value) if isinstance(call.args[1], Number | Integer) else 0.0
    rank = sql("CAST(floor(count({it}){n} * ? / 100 + 0.5) AS BIGINT)", it=it, n=narrow)
    kept = (
        sql(" FILTER ({it} IS NOT NULL)", it=it)
        if not narrow
        else Sql(narrow[:-1] + sql(" AND {it} IS NOT NULL)", it=it))
    )
    text = sql("CASE WHEN {r} > 0 THEN list_sort(list({it}){kept})[{r}] END", r=rank, it=it, kept=kept)
    return [Piece(text, (*values, share, *values, *values, share))]


def moment(cell: Cell, names: Names) -> Piece:
    """When the value that a selector chose was measured [ns]."""
    found = names.field(cell.field)
    if found is None or cell.aggregate is None or cell.aggregate.name not in SELECTORS:
        return Piece(Sql("NULL"))
    it = found[0]
    if cell.aggregate.name in WHEN:
        return Piece(sql(WHEN[cell.aggregate.name], it=it, more=Sql("")))
    share = float(cell.aggregate.args[1].value) if isinstance(cell.aggregate.args[1], Number | Integer) else 0.0
    rank = sql("CAST(floor(count({it}) * ? / 100 + 0.5) AS BIGINT)", it=it)
    rows = sql("list_sort(list(row({it}, epoch_ns(time))) FILTER ({it} IS NOT NULL))", it=it)
    return Piece(sql("CASE WHEN {r} > 0 THEN struct_extract({rows}[{r}], 2) END", r=rank, rows=rows), (share, share))


def duration(step: Call, every: int) -> int:
    """The unit of a derivative or of elapsed() [ns]."""
    if len(step.args) == 2 and isinstance(step.args[1], Duration):
        return step.args[1].value
    return 1 if step.name == "elapsed" else every or 10**9


def range_of(cells: Sequence[Cell]) -> tuple[int, int]:
    """The range that all cells together look at."""
    return min(cell.start for cell in cells), max(cell.end for cell in cells)
