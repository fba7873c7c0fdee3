"""The newest row of every series, kept until the store's file changes: what REST, Prometheus and live pictures show."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..ports import FLAG_ENDS, Field
from .context import Context

Value = float | int | bool | str
Mark = tuple[tuple[int, int, int], ...]

DEVICE_TAGS = ("station", "device_id", "node", "serial")  # tags whose value names a device; the first that is there
PATIENT_INTERVALS, PATIENT_SECONDS = 5, 600.0  # so many, and at least so long, may the next row take
_SETTLED = 0.1  # [s] after which a file that is written again shows another time
_SHORT = 600  # [s] of new rows that are read to find the newest; for longer ones DuckDB looks at all
_SPANS = (900, 4 * 3600, 4 * 86_400)  # [s] of rows that tell an interval nobody declared
_ROWS_ENOUGH = 3
_ASKED_AGAIN, _NOT_KNOWN = 3600.0, 60.0  # [s] for which an interval is remembered, and that none is known


Name = tuple[str, str]  # bucket and measurement


@dataclass(frozen=True)
class Series:
    """The newest row of one combination of tags. time: ns since 1970 UTC. flags: of the fields that have one."""

    bucket: str
    measurement: str
    tags: Mapping[str, str]
    time: int
    fields: Mapping[str, Value]
    flags: Mapping[str, int]
    units: Mapping[str, str]

    @property
    def device(self) -> str:
        """The value of the tag that names a device; '' without one."""
        return next((self.tags[name] for name in DEVICE_TAGS if self.tags.get(name)), "")

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells it apart; an empty tag is none."""
        return (self.bucket, self.measurement, *sorted((name, value) for name, value in self.tags.items() if value))

    def age(self, now: pd.Timestamp) -> float:
        """Seconds since its newest row."""
        return (now.as_unit("ns").value - self.time) / 1e9


@dataclass(frozen=True)
class Table:
    """A measurement. turn: grows whenever it was written or may have been; the same turn: the same rows."""

    fields: Mapping[str, Field]
    series: tuple[Series, ...]
    turn: int


class Latest:
    """Asks the store when its file has changed, and only for what was written; safe to use from several threads."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._lock = threading.Lock()
        self._mark: Mark | None = None
        self._settled = False
        self._written = -1  # the number of the last write that is in here
        self._tables: dict[Name, Table] = {}
        self._turn = 0
        self._intervals: dict[tuple[str, str, str], tuple[float | None, pd.Timestamp]] = {}

    def mark(self) -> Mark:
        """What changes with the store: time and size of its file and of the log beside it."""
        path = self.context.store.path
        return tuple(_stamp(one) for one in (path, path.with_name(path.name + ".wal")))

    def tables(self) -> dict[Name, Table]:
        """Every measurement that has rows, by bucket and name. Raises: Unreachable."""
        with self._lock:
            mark = self.mark()
            if mark != self._mark or not self._settled:
                self._tables = self._read(mark == self._mark)
                self._mark, self._settled = mark, self._is_settled(mark)
            return self._tables

    def series(self, wanted: Callable[[str], bool] = lambda bucket: True) -> list[Series]:
        """The newest rows in the buckets that are wanted. Raises: Unreachable."""
        return [one for (bucket, _), table in self.tables().items() if wanted(bucket) for one in table.series]

    def interval(self, one: Series) -> float | None:
        """Seconds from row to row: as declared, or as the last rows have it; None where nothing tells."""
        key, now = (one.bucket, one.measurement, one.device), self.context.now()
        found, asked = self._intervals.get(key, (None, None))
        if asked is None or not 0 <= (now - asked).total_seconds() < (_ASKED_AGAIN if found else _NOT_KNOWN):
            declared = declared_interval(self.context, one)
            found = self._usual(one) if declared is None else declared
            self._intervals[key] = (found, now)
        return found

    def patience(self, one: Series) -> float:
        """Seconds after which the newest row is too old to stand for now."""
        return max(PATIENT_INTERVALS * (self.interval(one) or 0.0), PATIENT_SECONDS)

    def _is_settled(self, mark: Mark) -> bool:
        """Whether the next write will show; one that comes with the same stamp of the clock would not."""
        return all(abs(self.context.now().value - time) > _SETTLED * 1e9 for time, _, _ in mark if time)

    def _read(self, same: bool) -> dict[Name, Table]:
        """All measurements; those that were not written since are as they were. same: the file looks as before."""
        catalogue = self.context.store.catalogue()
        names = [(bucket, name) for bucket, known in catalogue.items() for name in known]
        spans = self._spans(names, same)
        self._turn += 1
        found = {}
        for name in names:
            before = self._tables.get(name)
            if before is not None and spans is not None and name not in spans:
                found[name] = before
            else:
                fields = catalogue[name[0]][name[1]]
                series = self._newest(name, fields, before, spans[name] if spans and name in spans else None)
                found[name] = Table(fields, tuple(series), self._turn)
        return found

    def _spans(self, names: Sequence[Name], same: bool) -> dict[Name, tuple[int, int]] | None:
        """What was written since the last time, first and last time [ns]; None: not known, so all may be new."""
        if not names:
            return None
        before = self._written
        changes = self.context.store.look(*names[0], lambda look: look.changes(max(before, 0)))
        self._written = changes.number
        if before < 0 or changes.spans is None or not (changes.spans or same):
            return None  # in the last case another program wrote
        if any(not measurement for _, measurement, _, _ in changes.spans):
            return None  # rows were deleted
        spans: dict[Name, tuple[int, int]] = {}
        for bucket, measurement, first, last in changes.spans:
            low, high = spans.get((bucket, measurement), (first, last))
            spans[bucket, measurement] = (min(low, first), max(high, last))
        return spans

    def _newest(
        self, name: Name, fields: Mapping[str, Field], before: Table | None, span: tuple[int, int] | None
    ) -> list[Series]:
        """The newest row of each series: of all rows, or of what was there and a short span of new ones."""
        store = self.context.store
        if before is None or span is None or span[1] - span[0] > _SHORT * 10**9:
            return rows_of(*name, fields, store.latest(*name))
        start, end = (pd.Timestamp(time, tz="UTC") for time in (span[0], span[1] + 1))
        frame = store.read(*name, start=start, end=end)
        tags = [tag for tag, field in fields.items() if field.tag]
        last = ~frame.duplicated(tags, keep="last") if tags else frame.index == frame.index.max()
        known = {one.key: one for one in before.series}
        for one in rows_of(*name, fields, frame[last]):
            if one.key not in known or one.time >= known[one.key].time:
                known[one.key] = one
        return sorted(known.values(), key=lambda one: (one.time, one.key))

    def _usual(self, one: Series) -> float | None:
        """The median step of the last rows."""
        end = pd.Timestamp(one.time, tz="UTC")
        for seconds in _SPANS:
            start = end - pd.Timedelta(seconds=seconds)
            frame = self.context.store.read(one.bucket, one.measurement, fields=list(one.fields)[:1], start=start)
            frame = of_tags(frame, one.tags)
            if len(frame) >= _ROWS_ENOUGH:
                return float(np.median(np.diff(frame.index.as_unit("ns").asi8))) / 1e9  # type: ignore[attr-defined]
        return None


@lru_cache(maxsize=4)
def latest_of(context: Context) -> Latest:
    """The one Latest of a server."""
    return Latest(context)


def declared_interval(context: Context, one: Series) -> float | None:
    """Seconds from row to row as a driver declares it."""
    station = one.tags.get("station")
    found = [
        float(table.interval)
        for table in context.tables
        if (table.bucket, table.measurement) == (one.bucket, one.measurement)
        and table.interval is not None
        and (station is None or fnmatchcase(station, table.station))
    ]
    return min(found, default=None)


def rows_of(bucket: str, measurement: str, fields: Mapping[str, Field], frame: pd.DataFrame) -> list[Series]:
    """A Series for each row of a frame, as `Store.latest` gives it."""
    columns = {str(name): plain(frame[name]) for name in frame.columns}
    tags = [name for name in columns if name in fields and fields[name].tag]
    units = {name: field.unit for name, field in fields.items() if field.unit}
    found = []
    for place, time in enumerate(frame.index.as_unit("ns").asi8.tolist()):  # type: ignore[attr-defined]
        row = {name: values[place] for name, values in columns.items() if values[place] is not None}
        of = {name: str(row.pop(name, "")) for name in tags}
        measured, flags = apart(row)
        found.append(Series(bucket, measurement, of, time, measured, flags, units))
    return found


def apart(row: Mapping[str, Any]) -> tuple[dict[str, Value], dict[str, int]]:
    """The measured values of a row, and the flags that stand beside them."""
    flags = {
        name.removesuffix("_qc"): int(value)
        for name, value in row.items()
        if name.endswith("_qc") and not isinstance(value, str)
    }
    return {name: value for name, value in row.items() if not name.endswith(FLAG_ENDS)}, flags


def plain(column: pd.Series) -> list[Any]:
    """The values of a column as Python has them, None where one is missing."""
    if column.dtype == "float64":
        return [None if value != value else value for value in column.tolist()]
    values = column.astype(object)
    return values.where(values.notna(), None).tolist()


def of_tags(frame: pd.DataFrame, tags: Mapping[str, str]) -> pd.DataFrame:
    """The rows of one series."""
    for name, value in tags.items():
        if name in frame.columns:
            frame = frame[frame[name].fillna("") == value]
    return frame


def iso(time: int) -> str:
    """Nanoseconds since 1970 as ISO 8601 with Z."""
    return pd.Timestamp(time, tz="UTC").isoformat().replace("+00:00", "Z")


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        about = path.stat()
    except FileNotFoundError:
        return (0, 0, 0)
    return (about.st_mtime_ns, about.st_size, about.st_ino)
