"""What `ports.Store` asks, as questions of InfluxQL, and their answers as one frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from ..ports import Aggregate, Field
from . import _influx_answers as answers
from . import _influx_frames as frames
from . import _influxql as ql
from ._asked import kind_of
from ._influx_answers import Ask

Span = tuple[int | None, int | None]


def rows(ask: Ask, measurement: str, known: Mapping[str, Field], fields: Sequence[Field], span: Span) -> pd.DataFrame:
    """The rows as they were written."""
    start, end = span
    return _joined(ask, measurement, known, fields, lambda names: ql.rows(measurement, names, start, end), None)


def windows(
    ask: Ask,
    measurement: str,
    known: Mapping[str, Field],
    fields: Sequence[Field],
    span: Span,
    every: int,
    agg: Aggregate,
) -> pd.DataFrame:
    """One row for each window of `every` ns and series. The range is always said: without one, servers end at now."""
    start, end = span
    if start is None:
        start = min(_edges(ask, measurement, fields, last=False), default=0)
    if end is None:
        end = max(_edges(ask, measurement, fields, last=True), default=0) + 1
    low, high = max(start, ql.EARLIEST), min(end, ql.LATEST)
    asked = fields if low < high else []
    return _joined(
        ask, measurement, known, asked, lambda names: ql.windows(measurement, names, low, high, every, agg), agg, fields
    )


def newest(ask: Ask, measurement: str, known: Mapping[str, Field]) -> pd.DataFrame:
    """The newest row of each series."""
    fields = [field for field in known.values() if not field.tag]
    tags = [field.name for field in known.values() if field.tag]
    frame = _joined(ask, measurement, known, fields, lambda names: ql.newest(measurement, names), None)
    if not tags:
        return frame.iloc[-1:]
    return frame[~frame.duplicated(subset=tags, keep="last")]


def _joined(
    ask: Ask,
    measurement: str,
    known: Mapping[str, Field],
    asked: Sequence[Field],
    question: Callable[[Sequence[str]], str],
    agg: Aggregate | None,
    shown: Sequence[Field] | None = None,
) -> pd.DataFrame:
    """The answers to as many questions as the fields need, side by side."""
    tags = [field.name for field in known.values() if field.tag]
    kinds = {field.name: kind_of(field, agg) for field in (asked if shown is None else shown)}
    groups = ql.pieces(measurement, [field.name for field in asked])
    parts = [frames.part(ask(question(names)), tags, {name: kinds[name] for name in names}) for names in groups]
    return frames.frame(parts, tags, kinds, counted=agg == "count")


def _edges(ask: Ask, measurement: str, fields: Sequence[Field], last: bool) -> list[int]:
    groups = ql.pieces(measurement, [field.name for field in fields])
    return [time for names in groups for time in answers.column(ask(ql.edge(measurement, names, last)), "time")]
