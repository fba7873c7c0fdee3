"""Series, as InfluxDB answers with them, side by side in one frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ..points import answer
from ..ports import Kind
from ._influx_answers import Series

TYPES: dict[Kind, Any] = {"number": "float64", "integer": "int64", "boolean": "bool", "text": object}
Cells = np.ma.MaskedArray[Any, Any]
masked: Any = np.ma  # whose functions have no hints


@dataclass
class Part:
    """What one question brought, piece by piece: times [ns], the tags of the series, and a masked array a field."""

    times: list[Any] = field(default_factory=list)
    labels: list[tuple[str, ...]] = field(default_factory=list)
    cells: dict[str, list[Cells]] = field(default_factory=dict)


def part(found: Iterable[Series], tags: Sequence[str], fields: Mapping[str, Kind]) -> Part:
    """All series of one question, whose columns are the time and then `fields`, in that order."""
    made = Part()
    for one in found:
        if one.values:
            times, *columns = zip(*one.values, strict=True)
            made.times.append(np.array(times, dtype="int64"))
            made.labels.append(tuple(one.tags.get(tag) or "" for tag in tags))
            for (name, kind), values in zip(fields.items(), columns, strict=True):
                made.cells.setdefault(name, []).append(_array(values, kind))
    return made


def frame(parts: Sequence[Part], tags: Sequence[str], fields: Mapping[str, Kind], counted: bool) -> pd.DataFrame:
    """The parts side by side, oldest first and then by tags; where rows are `counted`, none are 0."""
    labels = sorted({label for one in parts for label in one.labels})
    times, series_of, places = _laid_out(parts, {label: rank for rank, label in enumerate(labels)})
    data: dict[str, Any] = {}
    for at, _ in enumerate(tags):
        data[f"c{at}"] = np.array([*(label[at] for label in labels), ""], dtype=object)[series_of]
    for at, (name, kind) in enumerate(fields.items(), len(tags)):
        cells: Cells = masked.masked_all(len(times), dtype=TYPES[kind])
        for place, brought in zip(places, parts, strict=True):
            if name in brought.cells:
                values = masked.concatenate(brought.cells.pop(name))
                there = ~masked.getmaskarray(values)
                cells[place[there]] = values[there]
        data[f"c{at}"] = cells.filled(0) if counted else cells
    text: Kind = "text"
    return answer([*((tag, text) for tag in tags), *fields.items()], data, times)


def _laid_out(parts: Sequence[Part], ranks: Mapping[tuple[str, ...], int]) -> tuple[Any, Any, list[Any]]:
    """Times [ns] and series of the rows of the answer, and for each part the row that each of its rows becomes."""
    none = np.zeros(0, dtype="int64")
    times = np.concatenate([none, *(piece for one in parts for piece in one.times)])
    counts = [len(piece) for one in parts for piece in one.times]
    series_of = np.repeat(np.array([ranks[label] for one in parts for label in one.labels], dtype="int64"), counts)
    order = np.lexsort((series_of, times))
    first = np.ones(len(order), dtype=bool)
    first[1:] = (np.diff(times[order]) != 0) | (np.diff(series_of[order]) != 0)
    row = np.empty(len(order), dtype="int64")
    row[order] = np.cumsum(first) - 1
    ends = np.cumsum([sum(map(len, one.times)) for one in parts])
    return times[order][first], series_of[order][first], np.split(row, ends.astype("int64"))[: len(parts)]


def _array(values: Sequence[Any], kind: Kind) -> Cells:
    """Some values of one field, None masked; what is of another kind in an old shard is no value of this kind."""
    if kind != "text" and any(isinstance(value, str) for value in values):
        values = [None if isinstance(value, str) else value for value in values]
    if kind == "number":
        numbers = np.array(values, dtype="float64")
        return np.ma.MaskedArray(numbers, np.isnan(numbers))
    mask = [value is None for value in values]
    if kind == "text":
        return np.ma.MaskedArray(np.array(values, dtype=object), mask)
    return np.ma.MaskedArray(np.array([value or 0 for value in values], dtype=TYPES[kind]), mask)
