"""What the flags of a measurement say, in numbers: one Report a series, one FieldReport a field.

A field `X` has its flags in `X_qc` (QARTOD: 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing) and in `X_qcbits`
which checks spoke. Missing are values that the logger could not give and rows that never came.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .flags import FAIL, GOOD, MISSING, SUSPECT
from .flags import UNKNOWN as NOT_EVALUATED
from .grid import Fingerprint, Flags, Numbers, Span, Timeline, Times, fingerprint, share_by_day, timeline

VERDICTS = {"good": GOOD, "not_evaluated": NOT_EVALUATED, "suspect": SUSPECT, "fail": FAIL, "missing": MISSING}
_HOUR = 3_600 * 10**9  # [ns]
_WORST_HOURS = 5
_USUAL = 0.5  # the share of steps between rows that the interval must have

Names = Callable[[int], Sequence[str]]


@dataclass(frozen=True)
class Hour:
    """An hour (its start) and how many of its values are suspect or failed."""

    start: pd.Timestamp
    count: int

    def as_dict(self) -> dict[str, object]:
        """Plain values, for JSON."""
        return {"start": iso(self.start), "count": self.count}


@dataclass(frozen=True)
class Gap:
    """The longest time without a value: from the last one before (or the range's start) to the next (or its end)."""

    start: pd.Timestamp
    end: pd.Timestamp

    def as_dict(self) -> dict[str, object]:
        """Plain values, for JSON."""
        return {"start": iso(self.start), "end": iso(self.end), "seconds": (self.end - self.start).total_seconds()}


@dataclass(frozen=True)
class FieldReport:
    """One field: how many values have which flag, what the checks said, when, and the grids for its pictures.

    Attributes:
        checks: how many values each check spoke of; the most frequent first.
        worst: the hours with the most suspect and failed values, at most five, the worst first.
        first, last: the stamps of the first and last value. gap: None when the values never
            stand further apart than the interval.
        days: the share of values present, for each UTC day of the range.
    """

    name: str
    unit: str
    good: int
    not_evaluated: int
    suspect: int
    fail: int
    missing: int
    checks: Mapping[str, int]
    worst: tuple[Hour, ...]
    first: pd.Timestamp | None
    last: pd.Timestamp | None
    gap: Gap | None
    days: Numbers = field(repr=False, compare=False)
    timeline: Timeline = field(repr=False, compare=False)
    fingerprint: Fingerprint = field(repr=False, compare=False)

    @property
    def total(self) -> int:
        """Values expected: those that came and those that did not."""
        return self.good + self.not_evaluated + self.suspect + self.fail + self.missing

    @property
    def flagged(self) -> int:
        """Suspect and failed values."""
        return self.suspect + self.fail

    def percent(self, verdict: str) -> float:
        """The share of a verdict (a key of VERDICTS) in what was expected. [%]"""
        return 100 * int(getattr(self, verdict)) / self.total if self.total else 0.0

    def as_dict(self) -> dict[str, object]:
        """Plain values, for JSON; without the grids."""
        return {
            "field": self.name,
            "unit": self.unit,
            "expected": self.total,
            **{verdict: getattr(self, verdict) for verdict in VERDICTS},
            "percent": {verdict: round(self.percent(verdict), 4) for verdict in VERDICTS},
            "checks": dict(self.checks),
            "worst_hours": [hour.as_dict() for hour in self.worst],
            "first": iso(self.first) if self.first is not None else None,
            "last": iso(self.last) if self.last is not None else None,
            "longest_gap": self.gap.as_dict() if self.gap else None,
        }


@dataclass(frozen=True)
class Report:
    """One series in a range (start <= time < end). rows: how many came; absent: how many did not, as far as known."""

    start: pd.Timestamp
    end: pd.Timestamp
    interval: pd.Timedelta | None
    rows: int
    absent: int
    fields: tuple[FieldReport, ...]

    def as_dict(self) -> dict[str, object]:
        """Plain values, for JSON; without the grids."""
        return {
            "start": iso(self.start),
            "end": iso(self.end),
            "interval": self.interval.total_seconds() if self.interval is not None else None,
            "rows": self.rows,
            "absent": self.absent,
            "fields": [one.as_dict() for one in self.fields],
        }


def summarise(
    frame: pd.DataFrame,
    fields: Sequence[str],
    *,
    interval: pd.Timedelta | None,
    start: pd.Timestamp,
    end: pd.Timestamp,
    names: Names,
    units: Mapping[str, str] | None = None,
) -> Report:
    """Report on `fields` of one series.

    Args:
        frame: rows as `ports.Store.read` gives them, oldest first: for a field X the columns X, X_qc and X_qcbits. A
            column may be absent: no X means that no value came, no X_qc that nothing was evaluated.
        interval: how far rows are apart; None: not known, then only rows that came can be counted.
        start, end: the range, itself excluding `end`. Rows outside it are left out.
        names: the checks behind a number in X_qcbits, as `bits.names`.
        units: a unit for each field that has one.
    """
    span = Span(_ns(start), _ns(end), interval.as_unit("ns").value if interval is not None else None)
    times: Times = pd.DatetimeIndex(frame.index).as_unit("ns").asi8
    within = (times >= span.start) & (times < span.end)
    frame, times = frame[within], times[within]
    absent = span.absent(times)
    reports = tuple(_field(frame, name, times, absent, span, names, (units or {}).get(name, "")) for name in fields)
    return Report(start, end, interval, len(times), len(absent), reports)


def joined(parts: Iterable[Report]) -> Report:
    """Reports on different fields of one series in one range, as one. Raises: ValueError, when there are none."""
    reports = list(parts)
    if not reports:
        raise ValueError("joined(): no report; give one at least")
    rows, absent = max(one.rows for one in reports), min(one.absent for one in reports)
    return replace(reports[0], rows=rows, absent=absent, fields=tuple(x for one in reports for x in one.fields))


def usual_interval(index: pd.DatetimeIndex) -> pd.Timedelta | None:
    """The step that more than half of the rows keep; None when there is none, or fewer than three rows."""
    steps = np.diff(index.as_unit("ns").asi8)
    if len(steps) < 2:
        return None
    found, counts = np.unique(steps, return_counts=True)
    best = counts.argmax()
    if found[best] <= 0 or counts[best] <= _USUAL * len(steps):
        return None
    return pd.Timedelta(int(found[best]), unit="ns")


def iso(time: pd.Timestamp) -> str:
    """A time as ISO 8601 with Z."""
    return time.isoformat().replace("+00:00", "Z")


def _field(
    frame: pd.DataFrame, name: str, times: Times, absent: Times, span: Span, names: Names, unit: str
) -> FieldReport:
    present, values = _values(frame, name)
    flags = _flags(frame, name, present)
    came = times[flags != MISSING]
    every_time = np.concatenate([times, absent])
    every_flag = np.concatenate([flags, np.full(len(absent), MISSING, np.uint8)])
    every_value = np.concatenate([values, np.full(len(absent), np.nan)])
    return FieldReport(
        name,
        unit,
        **{verdict: int((every_flag == flag).sum()) for verdict, flag in VERDICTS.items()},
        checks=_checks(frame, name, names),
        worst=_worst_hours(times[(flags == SUSPECT) | (flags == FAIL)]),
        first=_stamp(came[0]) if len(came) else None,
        last=_stamp(came[-1]) if len(came) else None,
        gap=_longest_gap(came, span),
        days=share_by_day(every_time, every_flag != MISSING, span),
        timeline=timeline(every_time, every_flag, span),
        fingerprint=fingerprint(every_time, every_flag, every_value, span),
    )


def _values(frame: pd.DataFrame, name: str) -> tuple[NDArray[np.bool_], Numbers]:
    """Where there is a value, and the values as numbers: NaN for what is none."""
    if name not in frame:
        return np.zeros(len(frame), np.bool_), np.full(len(frame), np.nan)
    column = frame[name]
    present: NDArray[np.bool_] = column.notna().to_numpy()
    if not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)):
        return present, np.full(len(frame), np.nan)
    return present, np.asarray(column.astype("Float64").to_numpy(na_value=np.nan), np.float64)


def _flags(frame: pd.DataFrame, name: str, present: NDArray[np.bool_]) -> Flags:
    """The flag of each row: 9 wherever the value is missing, 2 where no check has said anything yet."""
    flags = np.full(len(frame), NOT_EVALUATED, np.uint8)
    if f"{name}_qc" in frame:
        stored = _whole(frame[f"{name}_qc"])
        known = np.isin(stored, list(VERDICTS.values()))
        flags[known] = stored[known]
    flags[~present] = MISSING
    return flags


def _checks(frame: pd.DataFrame, name: str, names: Names) -> dict[str, int]:
    counted = Counter[str]()
    if f"{name}_qcbits" in frame:
        for bits, count in zip(*np.unique(_whole(frame[f"{name}_qcbits"]), return_counts=True), strict=True):
            for check in names(int(bits)) if bits > 0 else ():
                counted[check] += int(count)
    return dict(counted.most_common())


def _whole(column: pd.Series[int]) -> Times:
    return np.asarray(column.astype("Int64").fillna(0).to_numpy(), np.int64)


def _worst_hours(times: Times) -> tuple[Hour, ...]:
    hours, counts = np.unique(times // _HOUR, return_counts=True)
    order = np.lexsort((hours, -counts))[:_WORST_HOURS]
    return tuple(Hour(_stamp(hours[i] * _HOUR), int(counts[i])) for i in order)


def _longest_gap(came: Times, span: Span) -> Gap | None:
    edges = np.concatenate([[span.start], came, [span.end]])
    steps = np.diff(edges)
    longest = int(steps.argmax())
    if steps[longest] <= 1.5 * (span.interval or 0):
        return None
    return Gap(_stamp(edges[longest]), _stamp(edges[longest + 1]))


def _stamp(time: int | np.int64) -> pd.Timestamp:
    return pd.Timestamp(int(time), unit="ns", tz="UTC")


def _ns(time: pd.Timestamp) -> int:
    return int(time.as_unit("ns").value)
