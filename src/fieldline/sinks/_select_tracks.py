"""Windows to what is answered: gaps filled, differences and sums along time, several functions beside each other.

A track is what one function gives in one series, in the order of the answer. Ported in meaning from InfluxDB 1.6.7
(query/iterator.gen.go, functions.go, cursor.go), with arrays in place of its iterators.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..influxql.ranges import EARLIEST
from ..influxql.series import Room
from ..influxql.tree import Call, Fill, Integer, QueryError
from ..ports import Kind
from ._select_cells import duration
from ._select_windows import MOST, Times, Windows, too_many

Values = np.ndarray[Any, Any]
DTYPES: dict[Kind, Any] = {"number": np.float64, "integer": np.int64, "boolean": np.bool_, "text": object}


@dataclass(frozen=True)
class Track:
    """Times [ns], values, and which of them are nothing; NaN is a value that is shown as nothing."""

    times: Times
    values: Values
    nil: Values

    def cut(self, limit: int, offset: int) -> Track:
        """Without the first `offset`, and at most `limit` (0: all) of the rest."""
        if not limit and not offset:
            return self
        part = slice(offset, offset + limit if limit else None)
        return Track(self.times[part], self.values[part], self.nil[part])

    def there(self) -> Track:
        """Without what is nothing."""
        if not self.nil.any():
            return self
        kept = ~self.nil
        return Track(self.times[kept], self.values[kept], self.nil[kept])


def track(times: Times, values: Values, nil: Values | None = None) -> Track:
    """A track in which nothing is missing, or what `nil` says."""
    return Track(times, values, np.zeros(len(times), dtype=np.bool_) if nil is None else nil)


@dataclass(frozen=True)
class Grid:
    """The windows of a range, and the order in which they are answered. start, end: the range [ns]. work: see Plan."""

    windows: Windows
    start: int
    end: int
    descending: bool
    work: Room


def filled(grid: Grid, numbers: Times, values: Values, fill: Fill, kind: Kind) -> Track:
    """Every window of the range, as `fill` says. `numbers`: those of the windows with a value, in order of answer."""
    if fill.how == "none" or not len(numbers):
        return track(grid.windows.starts(numbers), values)
    if grid.windows.edges is not None:
        return _walked(grid, grid.windows.starts(numbers), values, fill, kind)
    last = grid.windows.number(grid.end)
    open_start = grid.start <= EARLIEST
    low = int(numbers.min()) if open_start else grid.windows.number(grid.start)
    count = last - low + 1
    if count > MOST:
        raise too_many(count)
    grid.work.take(count, 1)
    every = np.arange(low, last + 1, dtype=np.int64)
    places = numbers - low
    if grid.descending:
        every, places = every[::-1], count - 1 - places
    whole = np.zeros(count, dtype=values.dtype) if values.dtype != object else np.full(count, "", dtype=object)
    nil = np.ones(count, dtype=np.bool_)
    whole[places], nil[places] = values, False
    _fill(whole, nil, fill, kind)
    return Track(grid.windows.starts(every), whole, nil)


def _fill(values: Values, nil: Values, fill: Fill, kind: Kind) -> None:
    """Fill in place."""
    if fill.how == "number":
        values[nil] = as_kind(fill.value, kind)
        nil[:] = False
    elif fill.how == "previous":
        carry(values, nil)
    elif fill.how == "linear" and kind in ("number", "integer"):
        _interpolate(values, nil, kind)


def as_kind(value: int | float | None, kind: Kind) -> Any:
    """A number of fill() as a value of a kind: nothing of its own for text and truth."""
    if kind == "number":
        return float(value or 0)
    if kind == "integer":
        return int(value or 0)
    return "" if kind == "text" else False


def carry(values: Values, nil: Values) -> None:
    """Repeat the last value where nothing is, in place."""
    latest = np.maximum.accumulate(np.where(nil, -1, np.arange(len(nil))))
    known = nil & (latest >= 0)
    values[known] = values[latest[known]]
    nil[known] = False


def _interpolate(values: Values, nil: Values, kind: Kind) -> None:
    """A straight line between two values, in place; windows count as equally far apart."""
    places = np.arange(len(nil))
    before = np.maximum.accumulate(np.where(nil, -1, places))
    after = np.minimum.accumulate(np.where(nil, len(nil), places)[::-1])[::-1]
    known = nil & (before >= 0) & (after < len(nil))
    low, high = before[known], after[known]
    slope = (values[high] - values[low]) / (high - low)
    line = slope * (places[known] - low) + values[low]
    values[known] = np.trunc(line) if kind == "integer" else line
    nil[known] = False


def _walked(grid: Grid, times: Times, values: Values, fill: Fill, kind: Kind) -> Track:
    """The same window by window, where a clock changes among them."""
    windows, clock = grid.windows, grid.windows.clock
    assert clock is not None
    first, last = (grid.end, grid.start) if grid.descending else (grid.start, grid.end)
    at = int(times[0]) if first <= EARLIEST else windows.of(first)[0]
    stop = int(times[-1]) if last <= EARLIEST else windows.of(last)[0]
    sign = -1 if grid.descending else 1
    zone = clock.at(at)
    out: list[int] = []
    source: list[int] = []
    place = 0
    while place < len(times) or sign * at <= sign * stop:
        if place < len(times) and sign * int(times[place]) <= sign * at:
            out.append(int(times[place]))
            source.append(place)
            place += 1
        else:
            out.append(at)
            source.append(-1)
        if len(out) > MOST:
            raise too_many(len(out))
        at += sign * windows.every
        if (now := clock.at(at - 1)) != zone:
            at += zone - now if abs(zone - now) < windows.every else 0
            zone = now
    grid.work.take(len(out), 1)
    picked = np.asarray(source, dtype=np.int64)
    nil = picked < 0
    whole = values[np.where(nil, 0, picked)].copy()
    if fill.how == "linear" and kind in ("number", "integer"):
        _walk_lines(np.asarray(out, dtype=np.int64), whole, nil, windows.every, kind)
    else:
        _fill(whole, nil, fill, kind)
    return Track(np.asarray(out, dtype=np.int64), whole, nil)


def _walk_lines(times: Times, values: Values, nil: Values, every: int, kind: Kind) -> None:
    """A straight line between two values, by the numbers that their times have among windows of one width."""
    known = np.flatnonzero(~nil)
    for place in np.flatnonzero(nil):
        position = int(np.searchsorted(known, place))
        if 0 < position < len(known):
            low, high = known[position - 1], known[position]
            begin, ending, now = (int(times[each]) // every for each in (low, high, place))
            if ending != begin:
                line = (values[high] - values[low]) / (ending - begin) * (now - begin) + values[low]
                values[place] = np.trunc(line) if kind == "integer" else line
                nil[place] = False


def stepped(steps: Sequence[Call], given: Track, kind: Kind, every: int, descending: bool) -> tuple[Track, Kind]:
    """What the functions along time make of a track, one after the other, and the kind of their values."""
    for step in steps:
        given = given.there()
        given, kind = _step(step, given, kind, every, descending)
    return given, kind


def _step(step: Call, given: Track, kind: Kind, every: int, descending: bool) -> tuple[Track, Kind]:
    if step.name == "cumulative_sum":
        return track(given.times, np.cumsum(given.values)), kind
    if step.name == "moving_average":
        size = step.args[1].value if isinstance(step.args[1], Integer) else 2
        return _moving_average(given, size), "number"
    given = _one_a_time(given)
    if len(given.times) < 2:
        return track(given.times[:0], given.values[:0]), kind if "difference" in step.name else "number"
    gone = np.diff(given.times)
    if step.name == "elapsed":
        return track(given.times[1:], np.sign(gone) * (np.abs(gone) // duration(step, every))), "integer"
    change = np.diff(given.values)
    times = given.times[1:]
    keep = ~(change < 0) if step.name.startswith("non_negative") else np.ones(len(change), dtype=np.bool_)
    if step.name.endswith("derivative"):
        change = change / ((-gone if descending else gone) / duration(step, every))
        kind = "number"
    return track(times[keep], change[keep]), kind


def _one_a_time(given: Track) -> Track:
    """Only the first of rows that have one time."""
    if len(given.times) < 2:
        return given
    kept = np.concatenate(([True], np.diff(given.times) != 0))
    return given if kept.all() else Track(given.times[kept], given.values[kept], given.nil[kept])


def _moving_average(given: Track, size: int) -> Track:
    if len(given.times) < size:
        return track(given.times[:0], np.zeros(0))
    means = np.lib.stride_tricks.sliding_window_view(given.values.astype(np.float64), size).mean(axis=1)
    means[np.maximum.accumulate(np.isnan(means))] = np.nan  # influxd keeps a sum, which stays so
    return track(given.times[size - 1 :], means)


def union(tracks: Sequence[Track], descending: bool) -> Times:
    """The times of all tracks together, in order of answer; a time that comes twice in one comes twice."""
    first = tracks[0].times
    if all(len(each.times) == len(first) and (each.times == first).all() for each in tracks[1:]):
        return first
    keys = np.unique(np.concatenate([_keys(each.times) for each in tracks]), axis=0)
    if descending:
        keys = keys[np.lexsort((keys[:, 1], -keys[:, 0]))]
    return keys[:, 0]


def _keys(times: Times) -> Times:
    """Each time, and how often it came before in the same track."""
    fresh = np.concatenate(([True], np.diff(times) != 0)) if len(times) else np.zeros(0, dtype=np.bool_)
    places = np.arange(len(times))
    begun = np.maximum.accumulate(np.where(fresh, places, 0)) if len(times) else places
    return np.stack([times, places - begun], axis=1)


def aligned(given: Track | None, times: Times, kind: Kind, fill: Fill, descending: bool) -> tuple[Values, Values]:
    """A track on the times of an answer: values, and which are nothing."""
    values = np.zeros(len(times), dtype=DTYPES[kind])
    nil = np.ones(len(times), dtype=np.bool_)
    if given is not None and len(given.times):
        if len(given.times) == len(times):
            values, nil = given.values.copy(), given.nil.copy()
        else:
            index = {tuple(key): place for place, key in enumerate(_keys(times).tolist())}
            places = np.asarray([index[tuple(key)] for key in _keys(given.times).tolist()], dtype=np.int64)
            values = values.astype(given.values.dtype)
            values[places], nil[places] = given.values, given.nil
    return default(values, nil, kind, fill)


def default(values: Values, nil: Values, kind: Kind, fill: Fill) -> tuple[Values, Values]:
    """What stands in a row for a column that has nothing there."""
    if not nil.any():
        return values, nil
    if fill.how == "previous":
        carry(values, nil)
    elif fill.how == "number":
        if kind in ("text", "boolean"):
            values = values.astype(object)
            values[nil] = fill.value
        else:
            values[nil] = as_kind(fill.value, kind)
        nil = np.zeros(len(nil), dtype=np.bool_)
    return values, nil


def arithmetic(op: str, left: tuple[Values, Values], right: tuple[Values, Values]) -> tuple[Values, Values]:
    """Two columns made one; what is nothing on one side is nothing."""
    (a, no_a), (b, no_b) = _number(*left), _number(*right)
    with np.errstate(all="ignore"):
        if op == "/":
            result = np.where(b == 0, 0.0, a / np.where(b == 0, 1, b))
        else:
            result = {"+": np.add, "-": np.subtract, "*": np.multiply}[op](a, b)
    return result, no_a | no_b


def _number(values: Values, nil: Values) -> tuple[Values, Values]:
    """A column for arithmetic."""
    if values.dtype in (np.dtype(object), np.dtype(np.bool_)):
        if not nil.all():
            raise QueryError("unsupported: arithmetic with something that is not a number")
        return np.zeros(len(nil)), nil
    return values, nil


def shown(values: Values, nil: Values) -> Values:
    """A column as `Series` has it."""
    if values.dtype == np.float64:
        return np.where(nil, np.nan, values) if nil.any() else values
    if not nil.any():
        return values
    result = values.astype(object)
    result[nil] = None
    return result
