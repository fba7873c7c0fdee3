"""Windows of rows: as the store makes them, but for directions, whose mean is that of vectors, and totals.

The mean of 350 and 10 degrees is north, not 180; an hour has the sum of its rain. No store knows which field is a
direction or a total, so those are told from the others here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from ..ports import Aggregate, Field, Store
from . import levels
from .kinds import is_direction, is_total, sort

_PIECE = pd.Timedelta(days=1)  # rows of so many windows are in memory at once
_LEAST = 1e-6  # the length of a mean vector below which it has no direction, as that of 90 and 270


def turns(field: Field, aliases: Mapping[str, str] | None = None) -> bool:
    """Whether the values of a field go round, as degrees from north do: its name and unit tell."""
    at = levels.place(field.name.removesuffix("_corrected"))
    return field.kind in ("number", "integer") and is_direction(sort(field, at, aliases), at, field.unit)


def adds_up(field: Field, aliases: Mapping[str, str] | None = None) -> bool:
    """Whether windows of a field have its sum, as those of rain: its name and unit tell."""
    at = levels.place(field.name.removesuffix("_corrected"))
    return is_total(sort(field, at, aliases), at, field)


def read_windows(
    store: Store,
    bucket: str,
    measurement: str,
    *,
    every: pd.Timedelta,
    agg: Aggregate | None = None,
    fields: Sequence[str] | None = None,
    start: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
    aliases: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """As `Store.read` with `every`; the mean of a direction is that of its unit vectors. [deg, from 0 to below 360]

    NaN where they cancel out, and of values that are no direction (below -180 or above 360).

    Args:
        agg: None: what suits a field, the sum of a total and the mean of any other.

    Raises: what `Store.read` raises.
    Source: EPA-454/R-99-005 (Meteorological Monitoring Guidance), 6.2.1, the unit vector mean wind direction.
    """
    frame = store.read(bucket, measurement, fields=fields, start=start, end=end, every=every, agg=agg or "mean")
    if agg not in (None, "mean") or frame.empty:
        return frame
    known = store.fields(bucket, measurement)
    tags = [name for name, one in known.items() if one.tag and name in frame]
    measured = {name: one for name, one in known.items() if name in frame and not one.tag}
    if totals := [name for name, one in measured.items() if agg is None and adds_up(one, aliases)]:
        sums = store.read(bucket, measurement, fields=totals, start=start, end=end, every=every, agg="sum")
        frame = _put(frame, sums.set_axis(_keys(sums, tags, pd.DatetimeIndex(sums.index))), tags, totals)
    if turning := [name for name, one in measured.items() if turns(one, aliases)]:
        pieces = _pieces(pd.DatetimeIndex(frame.index), every, start, end)
        parts = [
            _means(store.read(bucket, measurement, fields=turning, start=first, end=last), tags, turning, every)
            for first, last in pieces
        ]
        frame = _put(frame, pd.concat(parts), tags, turning)
    return frame


def _put(frame: pd.DataFrame, found: pd.DataFrame, tags: Sequence[str], names: Sequence[str]) -> pd.DataFrame:
    """The frame with other values in some columns; `found` has windows and tags as its index."""
    values = found.reindex(_keys(frame, tags, pd.DatetimeIndex(frame.index)))
    return frame.assign(**{name: values[name].to_numpy() for name in names})


def _pieces(
    windows: pd.DatetimeIndex, every: pd.Timedelta, start: pd.Timestamp | None, end: pd.Timestamp | None
) -> Iterator[tuple[pd.Timestamp, pd.Timestamp]]:
    """Ranges of whole windows of about a day, where there are any."""
    span = every * max(1, _PIECE // every)
    for first in _floor(windows, span).unique().sort_values():
        last = first + span
        yield first if start is None else max(first, start), last if end is None else min(last, end)


def _floor(times: pd.DatetimeIndex, every: pd.Timedelta) -> pd.DatetimeIndex:
    """The start of the window of each time, counted from 1970."""
    counts, width = times.as_unit("ns").asi8, every.value
    return pd.DatetimeIndex(counts // width * width, tz="UTC").as_unit("ns")


def _keys(frame: pd.DataFrame, tags: Sequence[str], windows: pd.DatetimeIndex) -> pd.MultiIndex:
    """Window and tags of each row; a tag that is not there is ''."""
    words = [frame[tag].astype(object).where(frame[tag].notna(), "").astype(str).to_numpy() for tag in tags]
    return pd.MultiIndex.from_arrays([_floor(windows, pd.Timedelta(1, "ns")), *words, np.zeros(len(frame), dtype=int)])


def _means(rows: pd.DataFrame, tags: Sequence[str], names: Sequence[str], every: pd.Timedelta) -> pd.DataFrame:
    """The mean direction of each window and series. [deg]"""
    keys = _keys(rows, tags, _floor(pd.DatetimeIndex(rows.index), every))
    values = rows[list(names)].astype("float64").set_axis(keys)
    angle = values.where((values >= -180) & (values <= 360)) * (np.pi / 180)
    by = list(range(keys.nlevels))
    sine, cosine = (angle.apply(part).groupby(level=by).mean() for part in (np.sin, np.cos))
    mean = pd.DataFrame(np.degrees(np.arctan2(sine, cosine))).round(9) % 360
    return mean.where(np.hypot(sine, cosine) > _LEAST)
