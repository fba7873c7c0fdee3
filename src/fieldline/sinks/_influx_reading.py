"""What `ports.Store` asks, as questions of InfluxQL, and their answers as one frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from ..errors import Rejected
from ..ports import AGGREGATES, Aggregate, Field, Kind
from . import _influx_answers as answers
from . import _influx_frames as frames
from . import _influxql as ql
from ._influx_answers import Ask
from ._influx_faults import Place
from ._names import meant

OF_ANY_KIND: tuple[Aggregate, ...] = ("first", "last", "count")


def chosen(
    known: Mapping[str, Field], wanted: Sequence[str] | None, agg: Aggregate | None, place: Place, measurement: str
) -> list[Field]:
    """The fields asked for. Raises: Rejected, when one is not there or cannot be aggregated."""
    where = f"{place}, measurement {measurement!r}"
    if not known:
        raise Rejected(
            f"{where}: found nothing, expected a measurement that was written.\n  See the names with: fieldline read"
        )
    if wanted is None:
        return [field for field in known.values() if not field.tag and _can(field, agg)]
    fields = [_found(known, name, where) for name in dict.fromkeys(wanted)]
    for field in fields:
        if not field.tag and not _can(field, agg):
            raise Rejected(
                f"{where}, field {field.name!r}: found {agg} of a {field.kind} field, expected"
                f" {', '.join(OF_ANY_KIND)}.\n  Ask for one of these, or for the rows as they are."
            )
    return [field for field in fields if not field.tag]


def _can(field: Field, agg: Aggregate | None) -> bool:
    return agg is None or agg in OF_ANY_KIND or field.kind in ("number", "integer")


def _found(known: Mapping[str, Field], name: str, where: str) -> Field:
    if name not in known:
        raise Rejected(
            f"{where}: found no field {name!r}, expected one that was written.\n  {meant(name, list(known))}"
        )
    return known[name]


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


Span = tuple[int | None, int | None]


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
    kinds = {field.name: _kind(field, agg) for field in (asked if shown is None else shown)}
    groups = ql.pieces(measurement, [field.name for field in asked])
    parts = [frames.part(ask(question(names)), tags, {name: kinds[name] for name in names}) for names in groups]
    return frames.frame(parts, tags, kinds, counted=agg == "count")


def _kind(field: Field, agg: Aggregate | None) -> Kind:
    """What a field is in the answer."""
    if agg == "count":
        return "integer"
    return "number" if agg == "mean" else field.kind


def _edges(ask: Ask, measurement: str, fields: Sequence[Field], last: bool) -> list[int]:
    groups = ql.pieces(measurement, [field.name for field in fields])
    return [time for names in groups for time in answers.column(ask(ql.edge(measurement, names, last)), "time")]


def ns(time: pd.Timestamp | None) -> Any:
    """Nanoseconds since 1970 UTC; None stays None. Raises: ValueError, without a zone."""
    if time is None:
        return None
    if time.tzinfo is None:
        raise ValueError(f"expected a time with its zone, found {time}")
    return time.as_unit("ns").value


def width(every: pd.Timedelta | None, agg: Aggregate) -> int:
    """Nanoseconds of a window, 0 for none. Raises: ValueError, when it is no width or `agg` no such name."""
    if agg not in AGGREGATES:
        raise ValueError(f"expected one of {', '.join(AGGREGATES)}, found {agg!r}")
    if every is None:
        return 0
    size = int(every.as_unit("ns").value)
    if size <= 0:
        raise ValueError(f"expected windows wider than nothing, found {every}")
    return size
