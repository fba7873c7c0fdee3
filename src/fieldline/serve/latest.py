"""The newest row of every series, kept until the store's file changes: what REST, Prometheus and live pictures show."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..ports import DEVICE_TAGS, FLAG_ENDS, Field
from .context import Context

Value = float | int | bool | str
Mark = tuple[tuple[int, int, int], ...]

RUNS = "runs"  # what became of fieldline's own runs is no device
PATIENT_INTERVALS, PATIENT_SECONDS = 5, 600.0  # so many, and at least so long, may the next row take
_SETTLED = 0.1  # [s] after which a file that is written again shows another time
_SHORT = 600  # [s] of new rows that are read to find the newest; for longer ones DuckDB looks at all
_SPANS = (3_600, 86_400, 400 * 86_400)  # [s] of rows that tell an interval nobody declared
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
    turn: int = 0

    @property
    def tags(self) -> list[str]:
        """The names of its tags."""
        return [name for name, field in self.fields.items() if field.tag]


class Latest:
    """Asks the store when its file has changed, and only for what was written; safe to use from several threads."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._lock = threading.Lock()
        self._mark: Mark | None = None
        self._settled = False
        self._written = 0  # the number of the last write that is in here
        self._hot: Name = ("", "")  # what was written last, and most likely is again
        self._tables: dict[Name, Table] = {}
        self._turn = 0
        self._steps: dict[Name, tuple[dict[tuple[Any, ...], float], pd.Timestamp]] = {}

    def mark(self) -> Mark:
        """What changes with the store: time and size of its file and of the log beside it."""
        path = self.context.store.path
        return tuple(_stamp(one) for one in (path, path.with_name(path.name + ".wal")))

    def tables(self) -> dict[Name, Table]:
        """Every measurement that has rows, by bucket and name. Raises: Unreachable."""
        with self._lock:
            mark = self.mark()
            if mark != self._mark or not self._settled:
                if self._mark is not None and _files(mark) != _files(self._mark):
                    self._tables = {}  # another file has its name now
                self._read(mark == self._mark)
                self._mark, self._settled = mark, self._is_settled(mark)
            return self._tables

    def series(self, wanted: Callable[[str], bool] = lambda bucket: True) -> list[Series]:
        """The newest rows in the buckets that are wanted. Raises: Unreachable."""
        return [one for (bucket, _), table in self.tables().items() if wanted(bucket) for one in table.series]

    def interval(self, one: Series) -> float | None:
        """Seconds from row to row: as declared, or as the last rows have it; None where nothing tells."""
        declared = declared_interval(self.context, one)
        if declared is not None:
            return declared
        name, now = (one.bucket, one.measurement), self.context.now()
        known, asked = self._steps.get(name, ({}, None))
        if asked is None or not 0 <= (now - asked).total_seconds() < (_ASKED_AGAIN if known else _NOT_KNOWN):
            known = self._usual(one)
            self._steps[name] = (known, now)
        return known.get(one.key, known.get(()))

    def patience(self, one: Series) -> float:
        """Seconds after which the newest row is too old to stand for now."""
        return max(PATIENT_INTERVALS * (self.interval(one) or 0.0), PATIENT_SECONDS)

    def _is_settled(self, mark: Mark) -> bool:
        """Whether the next write will show; one that comes with the same stamp of the clock would not."""
        return all(abs(self.context.now().value - time) > _SETTLED * 1e9 for time, _, _ in mark if time)

    def _read(self, same: bool) -> None:
        """Bring the tables up to date. same: the file looks as before."""
        if self._tables:
            number, spans, fields = self._changes(self._hot, same)
            if spans is not None and spans.keys() <= self._tables.keys():
                store = self.context.store
                known = {name: fields if name == self._hot else store.fields(*name) for name in spans}
                self._turn += 1
                new = {name: Table(known[name], self._followed(name, known[name], spans[name])) for name in spans}
                self._tables = self._tables | self._turned(new)
                self._written, self._hot = number, next(iter(new), self._hot)
                return
        self._read_all()

    def _read_all(self) -> None:
        store = self.context.store
        catalogue = {
            (bucket, name): fields for bucket, known in store.catalogue().items() for name, fields in known.items()
        }
        number = self._changes(next(iter(catalogue)), False)[0] if catalogue else 0
        new = {
            name: Table(fields, tuple(rows_of(*name, fields, store.latest(*name))))
            for name, fields in catalogue.items()
        }
        self._turn += 1
        self._tables, self._written, self._hot = self._turned(new), number, next(iter(new), ("", ""))

    def _turned(self, tables: Mapping[Name, Table]) -> dict[Name, Table]:
        return {name: replace(table, turn=self._turn) for name, table in tables.items()}

    def _changes(self, name: Name, same: bool) -> tuple[int, dict[Name, tuple[int, int]] | None, dict[str, Field]]:
        """The number of the last write; first and last time [ns] of what was written since the last time, None if that
        is not known, so that all may be new; and the fields of this measurement."""
        changes, fields = self.context.store.look(
            *name,
            lambda look: (look.changes(self._written), {one.field.name: one.field for one in look.table.columns}),
        )
        if changes.spans is None or not (changes.spans or same):
            return changes.number, None, fields  # in the last case another program wrote
        if any(not measurement for _, measurement, _, _ in changes.spans):
            return changes.number, None, fields  # rows were deleted
        spans: dict[Name, tuple[int, int]] = {}
        for bucket, measurement, first, last in changes.spans:
            low, high = spans.get((bucket, measurement), (first, last))
            spans[bucket, measurement] = (min(low, first), max(high, last))
        return changes.number, spans, fields

    def _followed(self, name: Name, fields: Mapping[str, Field], span: tuple[int, int]) -> tuple[Series, ...]:
        """The newest row of each series: of what was there and a short span of new rows, or of all rows."""
        store = self.context.store
        if span[1] - span[0] > _SHORT * 10**9:
            return tuple(rows_of(*name, fields, store.latest(*name)))
        start, end = (pd.Timestamp(time, tz="UTC") for time in (span[0], span[1] + 1))
        frame = store.read(*name, start=start, end=end)
        tags = [tag for tag, field in fields.items() if field.tag]
        last = ~frame.duplicated(tags, keep="last") if tags else frame.index == frame.index.max()
        known = {one.key: one for one in self._tables[name].series}
        for one in rows_of(*name, fields, frame[last]):
            if one.key not in known or one.time >= known[one.key].time:
                known[one.key] = one
        return tuple(sorted(known.values(), key=lambda one: (one.time, one.key)))

    def _usual(self, one: Series) -> dict[tuple[Any, ...], float]:
        """The usual step of each series of a measurement by its last rows, and under () that of most of them."""
        table = self.tables().get((one.bucket, one.measurement))
        if table is None or not table.series:
            return {}
        end = pd.Timestamp(max(each.time for each in table.series), tz="UTC")
        for seconds in _SPANS:
            start = end - pd.Timedelta(seconds=seconds)
            steps = usual_steps(
                self.context.store.read(one.bucket, one.measurement, start=start),
                one.bucket,
                one.measurement,
                table.tags,
            )
            if steps:
                return {**steps, (): float(np.median(list(steps.values())))}
        return {}


def usual_steps(
    frame: pd.DataFrame, bucket: str, measurement: str, tags: Sequence[str]
) -> dict[tuple[Any, ...], float]:
    """The median time from row to row [s] of each series that has some rows, by `Series.key`."""
    times = pd.Series(frame.index.as_unit("ns").asi8)  # type: ignore[attr-defined]
    names = [frame[tag].fillna("").reset_index(drop=True) for tag in tags]
    groups = times.groupby(names or pd.Series(0, index=times.index), sort=False)
    found: dict[tuple[Any, ...], float] = {}
    for values, each in groups:
        if len(each) >= _ROWS_ENOUGH:
            texts = map(str, values if isinstance(values, tuple) else (values,))
            of = dict(zip(tags, texts, strict=True)) if tags else {}
            key = Series(bucket, measurement, of, 0, {}, {}, {}).key
            found[key] = float(np.median(np.diff(each.to_numpy()))) / 1e9
    return found


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


def _files(mark: Mark) -> int:
    """Which file it is of."""
    return mark[0][2]


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        about = path.stat()
    except FileNotFoundError:
        return (0, 0, 0)
    return (about.st_mtime_ns, about.st_size, about.st_ino)
