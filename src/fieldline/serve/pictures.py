"""What panels draw, from what the store answers: series with gaps, runs of flags, fingerprints, missing rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from ..clock import fixed_offset
from ..quality import bits as checks
from ..sinks.looking import Look, Numbers, Part, Rows, Wanted
from .rollup import BASE, Rollup, gridded, merged

SECOND, MILLI = 10**9, 10**6  # ns
DAY = 86_400 * SECOND
# Windows that people can say; from 15 minutes on each is so many of the roll-up's.
WIDTHS = tuple(
    width * SECOND
    for width in (
        *(1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200),
        *(86_400, 172_800, 345_600, 691_200, 1_382_400, 2_764_800, 5_529_600),
    )
)
FEW = 20_000  # rows that are windowed faster than the roll-up is asked
GAP = 2.5  # usual steps between two rows: more is a gap


def width(start: int, end: int, points: int) -> int:
    """The narrowest of WIDTHS that needs at most so many windows. [ns]"""
    wanted = (end - start) / points
    return next((one for one in WIDTHS if one >= wanted), WIDTHS[-1])


def local(times: Numbers, zone: str) -> Numbers:
    """Times [ns UTC] as the station's clock shows them, as if that were UTC."""
    offset = fixed_offset(zone)
    if offset is not None:
        return np.asarray(times) + offset // timedelta(microseconds=1) * 1_000
    there = pd.DatetimeIndex(np.asarray(times).astype("M8[ns]"), tz="UTC").tz_convert(zone).tz_localize(None)
    return np.asarray(there.as_unit("ns").asi8)


def midnights(days: Sequence[int] | Numbers, zone: str) -> list[int]:
    """When days (numbers since 1970 on the station's clock) begin. [ms UTC]"""
    offset = fixed_offset(zone)
    if offset is not None:
        return [int(day) * DAY // MILLI - offset // timedelta(milliseconds=1) for day in days]
    naive = pd.DatetimeIndex(np.asarray(days, dtype="int64") * DAY)
    there = naive.tz_localize(zone, ambiguous=np.ones(len(naive), dtype=bool), nonexistent="shift_forward")
    return [int(one) for one in there.as_unit("ns").asi8 // MILLI]


@dataclass(frozen=True)
class Asked:
    """What a request wants of one table: fields of a station between two times [ns UTC], so many points wide.

    good: without what a check failed or suspects. directions: the fields whose values go round.
    totals: those whose windows have a sum in place of a mean.
    """

    station: str
    fields: tuple[str, ...]
    start: int
    end: int
    points: int
    good: bool = False
    directions: frozenset[str] = frozenset()
    totals: frozenset[str] = frozenset()

    def part(self, name: str) -> Part:
        """What windows of a field are made of."""
        if name in self.directions:
            return "good turns" if self.good else "turns"
        return "good" if self.good else "all"


@dataclass(frozen=True)
class Windows:
    """Windows side by side from number `first` on since 1970, those without rows too. every: [ns]."""

    every: int
    first: int
    count: int
    parts: Mapping[Wanted, Mapping[str, Numbers]]

    @property
    def starts(self) -> Numbers:
        """When each begins. [ns]"""
        return (np.arange(self.count, dtype=np.int64) + self.first) * self.every


def windows(
    look: Look, rollup: Rollup, station: str, wanted: Sequence[Wanted], span: tuple[int, int], every: int
) -> Windows:
    """Whole windows over a span of time, from the roll-up where it is faster and they are made of its windows."""
    first, last = span[0] // every, -(-span[1] // every)
    count = max(1, last - first)
    if every % BASE or look.fits(station, first * every, last * every, FEW):
        at, found = look.windows(station, wanted, first * every, (first + count) * every, every)
        return Windows(every, first, count, {one: gridded(at, found[one], first, count) for one in wanted})
    by = every // BASE
    base = rollup.windows(look, station, wanted, first * by, count * by)
    return Windows(every, first, count, {one: merged(base[one], by) for one in wanted})


def series(look: Look, rollup: Rollup, asked: Asked) -> dict[str, Any]:
    """Rows as they are where they fit, else windows with mean, lowest, highest and worst flag."""
    if look.fits(asked.station, asked.start, asked.end, asked.points):
        times, fields = look.rows(asked.station, asked.fields, asked.start, asked.end)
        return _as_rows(times, {name: _only_good(rows) if asked.good else rows for name, rows in fields.items()})
    flagged = [name for name in asked.fields if look.flagged(name)]
    wanted = [Wanted(name, asked.part(name)) for name in asked.fields] + [Wanted(name, "flags") for name in flagged]
    every = width(asked.start, asked.end, asked.points)
    made = windows(look, rollup, asked.station, [*wanted, Wanted("", "rows")], (asked.start, asked.end), every)
    return {
        "every_ms": max(1, made.every // MILLI),
        "time": made.starts // MILLI,
        "fields": {
            name: {
                **_made(asked, name, made.parts[Wanted(name, asked.part(name))]),
                **({"worst": _nulled(made.parts[Wanted(name, "flags")]["worst"])} if name in flagged else {}),
            }
            for name in asked.fields
        },
        "rows": int(made.parts[Wanted("", "rows")]["rows"].sum()),
    }


def _made(asked: Asked, name: str, parts: Mapping[str, Numbers]) -> dict[str, Any]:
    """What each window of a field has: the sum of totals (lowest and highest rows say nothing of it), else a mean."""
    if name not in asked.totals:
        return dict(_means(parts))
    return {"mean": np.where(parts["count"] > 0, np.round(parts["sum"], 6), np.nan), "sum": True}


def _means(parts: Mapping[str, Numbers]) -> dict[str, Numbers]:
    """The mean of each window with its lowest and highest value, which directions have not."""
    if "sine" in parts:
        return {"mean": toward(parts["sine"], parts["cosine"], parts["count"])}
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = parts["sum"] / parts["count"]
    # Shorter on the wire: a mean of values with some decimals needs no sixteen digits.
    size = np.nanmax(np.abs(mean)) if np.isfinite(mean).any() else 0.0
    return {"mean": np.round(mean, 6) if size >= 1 else mean, "min": parts["low"], "max": parts["high"]}


def toward(sine: Numbers, cosine: Numbers, count: Numbers) -> Numbers:
    """The mean direction by sums of sines and cosines; NaN where they cancel out, as 90 and 270 do. [deg, below 360]"""
    angle = np.round(np.degrees(np.arctan2(sine, cosine)) % 360, 4) % 360
    return np.where(np.hypot(sine, cosine) > 1e-6 * count, angle, np.nan)


def _nulled(flags: Numbers) -> list[int | None]:
    return [flag or None for flag in flags.tolist()]


def _only_good(rows: Rows) -> Rows:
    return Rows(np.where(np.isin(rows.flags, (3, 4)), np.nan, rows.values), rows.flags, rows.bits)


def _as_rows(times: Numbers, fields: Mapping[str, Rows]) -> dict[str, Any]:
    """Rows as they are: only means, and flags where there are any."""
    told = {
        name: {"mean": rows.values} | ({"worst": _nulled(rows.flags)} if rows.flags.any() else {})
        for name, rows in fields.items()
    }
    return {"every_ms": 0, "time": times // MILLI, "fields": told, "rows": len(times)}


def usual(times: Numbers) -> float:
    """The usual step between rows; 0 where there are not two. [ns]"""
    return float(np.median(np.diff(times))) if len(times) > 1 else 0.0


def flags(look: Look, rollup: Rollup, asked: Asked) -> dict[str, Any]:
    """Runs of one flag and the same checks: by row where they fit, else by window."""
    if look.fits(asked.station, asked.start, asked.end, asked.points):
        times, fields = look.rows(asked.station, asked.fields, asked.start, asked.end)
        step = usual(times)
        runs = {name: _runs(times, times, rows.flags, rows.bits, GAP * step) for name, rows in fields.items()}
        return {"every_ms": 0, "fields": runs}
    every = width(asked.start, asked.end, asked.points)
    wanted = [Wanted(name, "flags") for name in asked.fields]
    made = windows(look, rollup, asked.station, wanted, (asked.start, asked.end), every)
    ends = made.starts + every
    runs = {
        one.field: _runs(made.starts, ends, made.parts[one]["worst"], made.parts[one]["bits"], every) for one in wanted
    }
    return {"every_ms": max(1, every // MILLI), "fields": runs}


def _runs(starts: Numbers, ends: Numbers, worst: Numbers, bits: Numbers, gap: float) -> list[list[Any]]:
    """[start ms, end ms, flag, names of checks] of neighbours that are alike; where no flag is there is no run."""
    some = worst > 0
    starts, ends, worst, bits = starts[some], ends[some], worst[some], bits[some]
    if not len(starts):
        return []
    new = (np.diff(worst) != 0) | (np.diff(bits) != 0) | (np.diff(starts) > gap)
    firsts = np.concatenate([[0], np.flatnonzero(new) + 1])
    lasts = np.concatenate([firsts[1:] - 1, [len(starts) - 1]])
    return [
        [int(starts[a]) // MILLI, int(ends[b]) // MILLI, int(worst[a]), list(checks.names(max(0, int(bits[a]))))]
        for a, b in zip(firsts, lasts, strict=True)
    ]


def fingerprint(look: Look, rollup: Rollup, asked: Asked, zone: str, interval: int | None = None) -> dict[str, Any]:
    """Means by day and time of day on the station's clock.

    Args:
        interval: between rows: slots are at least as long [ns]; None: not known.
    """
    one = Wanted(asked.fields[0], asked.part(asked.fields[0]))
    made = windows(look, rollup, asked.station, [one], (asked.start, asked.end), BASE)
    slot = slot_of(interval, asked.end - asked.start)
    at = local(made.starts, zone)
    days, places = at // DAY, at % DAY // slot
    first = int(days[0])
    count = int(days[-1]) - first + 1
    totals = {}
    for name, values in made.parts[one].items():
        totals[name] = np.zeros((count, DAY // slot))
        np.add.at(totals[name], (days - first, places), np.nan_to_num(values))  # in autumn an hour comes twice
    mean = _made(asked, one.field, {**totals, "low": totals["count"], "high": totals["count"]})["mean"]
    return {"days": midnights(range(first, first + count), zone), "slots": DAY // slot, "values": mean}


def slot_of(interval: int | None, span: int) -> int:
    """How long the slots of a day are: as rows are apart, but 15 minutes at least, over months half an hour. [ns]"""
    least = max(interval or 0, BASE if span <= 62 * DAY else 2 * BASE)
    return next((one for one in WIDTHS if one >= least and one % BASE == 0 and DAY % one == 0), DAY)


def missing(
    look: Look, rollup: Rollup, asked: Asked, zone: str, interval: int | None, first_row: int | None, now: int
) -> dict[str, Any]:
    """The share of the rows of each day that came, from the first row on; NaN before. A table that fell silent lacks
    its rows until now, since nobody says whether it was given up.

    Args:
        interval: between rows [ns]; None: not known.
        first_row: of the station, whatever is asked for [ns]; None: it has none.
        now: of today only what is past counts. [ns]
    """
    rows = Wanted("", "rows")
    made = windows(look, rollup, asked.station, [rows], (asked.start, asked.end), BASE)
    days = local(made.starts, zone) // DAY
    first, last = int(days[0]), int(days[-1])
    counts = np.bincount(days - first, weights=made.parts[rows]["rows"], minlength=last - first + 1)
    begins = np.array(midnights(range(first, last + 2), zone), dtype=np.int64) * MILLI
    stop = min(now, int(made.starts[-1]) + BASE)
    opened = np.clip(begins, min(stop, max(stop if first_row is None else first_row, int(made.starts[0]))), stop)
    expected = (opened[1:] - opened[:-1]) / (interval or np.inf)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(expected >= 0.5, np.minimum(1.0, counts / expected), np.nan)
    return {"days": begins[:-1] // MILLI, "rows": counts.astype("int64"), "share": np.round(share, 4)}


def soil(look: Look, rollup: Rollup, asked: Asked, depths: Mapping[str, float]) -> dict[str, Any]:
    """Means by depth and window; fields that share a depth are averaged."""
    drawn = series(look, rollup, asked)
    levels = sorted({depths[name] for name in asked.fields})
    values = []
    for level in levels:
        rows = np.array([drawn["fields"][name]["mean"] for name in asked.fields if depths[name] == level])
        there = ~np.isnan(rows)
        with np.errstate(invalid="ignore", divide="ignore"):
            values.append(np.round(np.where(there, rows, 0).sum(axis=0) / there.sum(axis=0), 6))
    return {"every_ms": drawn["every_ms"], "time": drawn["time"], "depths": levels, "values": values}
