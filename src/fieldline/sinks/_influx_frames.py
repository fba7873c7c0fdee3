"""Series, as InfluxDB answers with them, side by side in one frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ..points import answer
from ..ports import Aggregate, Field, Kind
from ._influx_answers import Series


@dataclass
class Part:
    """The rows that one question brought: for each its time [ns], the place of its tags, and a value a field."""

    times: list[int] = field(default_factory=list)
    labels: list[tuple[str, ...]] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)  # how many rows in a row have the label of the same place
    values: dict[str, list[Any]] = field(default_factory=dict)

    def add(self, found: Series, tags: Sequence[str], fields: Sequence[str]) -> None:
        """Take rows whose columns are the time and then `fields`, in that order."""
        if not found.values:
            return
        times, *columns = zip(*found.values, strict=True)
        self.times += times
        self.labels.append(tuple(found.tags.get(tag) or "" for tag in tags))
        self.counts.append(len(times))
        for name, values in zip(fields, columns, strict=True):
            self.values.setdefault(name, []).extend(values)


def part(found: Iterable[Series], tags: Sequence[str], fields: Sequence[str]) -> Part:
    """All series of one question."""
    made = Part()
    for one in found:
        made.add(one, tags, fields)
    return made


def frame(parts: Sequence[Part], tags: Sequence[str], fields: Sequence[Field], agg: Aggregate | None) -> pd.DataFrame:
    """The parts side by side, oldest first and then by tags; `agg` says what the values are, if not the fields."""
    labels = sorted({label for one in parts for label in one.labels})
    ranks = {label: rank for rank, label in enumerate(labels)}
    times, series_of, places = _laid_out(parts, ranks)
    data: dict[str, Any] = {}
    for at, _ in enumerate(tags):
        names = np.array([label[at] for label in labels], dtype=object)
        data[f"c{at}"] = names[series_of] if labels else np.array([], dtype=object)
    for at, one in enumerate(fields, len(tags)):
        cells: list[Any] = [0 if agg == "count" else None] * len(times)
        for place, brought in zip(places, parts, strict=True):
            for row, value in zip(place, brought.values.get(one.name, ()), strict=False):
                if value is not None:
                    cells[row] = value
        data[f"c{at}"] = _array(cells, kind(one, agg))
    text: Kind = "text"
    return answer([*((tag, text) for tag in tags), *((one.name, kind(one, agg)) for one in fields)], data, times)


def _laid_out(parts: Sequence[Part], ranks: Mapping[tuple[str, ...], int]) -> tuple[Any, Any, list[list[int]]]:
    """Times [ns] and series of the rows of the answer, and for each part the row that each of its rows becomes."""
    times = np.concatenate([np.zeros(0, "int64"), *(np.array(one.times, dtype="int64") for one in parts)])
    which = [np.repeat([ranks[label] for label in one.labels], one.counts) for one in parts]
    series_of = np.concatenate([np.zeros(0, "int64"), *which]).astype("int64")
    order = np.lexsort((series_of, times))
    first = np.ones(len(order), dtype=bool)
    first[1:] = (np.diff(times[order]) != 0) | (np.diff(series_of[order]) != 0)
    row = np.empty(len(order), dtype="int64")
    row[order] = np.cumsum(first) - 1
    ends = np.cumsum([len(one.times) for one in parts])
    places = [place.tolist() for place in np.split(row, ends)][: len(parts)]
    return times[order][first], series_of[order][first], places


def kind(of: Field, agg: Aggregate | None) -> Kind:
    """What a field is in the answer."""
    if agg == "count":
        return "integer"
    return "number" if agg == "mean" else of.kind


def _array(cells: list[Any], kind: Kind) -> Any:
    """The cells as `points.answer` takes them: masked where None."""
    if kind == "number":
        return np.array(cells, dtype="float64")
    mask = [cell is None for cell in cells]
    if kind == "text":
        return np.ma.MaskedArray(np.array(cells, dtype=object), mask)
    plain = [0 if cell is None else cell for cell in cells]
    return np.ma.MaskedArray(np.array(plain, dtype="bool" if kind == "boolean" else "int64"), mask)
