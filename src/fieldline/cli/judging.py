"""Flags that are made again for rows that are stored: which class declares a measurement, and judging it day by day."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from fnmatch import fnmatchcase
from pathlib import Path

import pandas as pd

from ..errors import InputError
from ..flagging import Checker
from ..ports import OWN_ENDS, Store
from ..quality.check import Check
from ..tables import DataTable
from . import drivers
from .progress import Line

_DAY = pd.Timedelta(days=1)


def declared_tables(project: Path) -> dict[tuple[str, str], list[type[DataTable]]]:
    """The declared tables by where their rows go; a driver that is broken is told and left out."""
    found: dict[tuple[str, str], list[type[DataTable]]] = {}
    for name in drivers.names(project / "drivers"):
        try:
            for one in drivers.load(project / "drivers", name):
                found.setdefault((one.bucket, one.measurement), []).append(one)
        except InputError as error:
            print(error, file=sys.stderr)
    return found


def judge_measurement(
    store: Store,
    judge: Checker,
    bucket: str,
    measurement: str,
    classes: list[type[DataTable]],
    start: pd.Timestamp | None,
    end: pd.Timestamp | None,
) -> tuple[int, int, int]:
    """Judge one measurement; return how many rows and days, and how many flags are others than before."""
    known = store.fields(bucket, measurement)
    tags = tuple(name for name, field in known.items() if field.tag)
    names = [name for name, field in known.items() if field.kind in ("number", "integer") and _is_measured(name)]
    flags = [f"{name}_qc" for name in names if f"{name}_qc" in known]  # they bring rows whose values are all missing
    unchecked: dict[str, tuple[Check, ...]] = {name.removesuffix("_qc"): () for name in flags}  # not evaluated any more
    first = start or _first(store, bucket, measurement)
    newest = store.latest(bucket, measurement).index.max()
    last = min(end or newest + _DAY, newest + pd.Timedelta(1, "ns"))
    rows = days = changed = 0
    with closing(Line()) as line:
        while names and first is not None and first < last:
            until = min(first.floor("D") + _DAY, last)
            frame = store.read(bucket, measurement, fields=[*names, *flags], start=first, end=until)
            for declared, part in _by_class(frame, classes):
                flagged = judge.add(
                    part[[*tags, *names]],
                    bucket,
                    measurement,
                    tags,
                    {name: field.unit for name, field in known.items()},
                    {**unchecked, **_checks(declared)},
                    declared.interval if declared else None,
                )
                changed += _changed(part, flagged, names)
                store.write(bucket, measurement, flagged[[name for name in flagged if name not in names]], tags)
            rows, days = rows + len(frame), days + (len(frame) > 0)
            line.show(f"{bucket}.{measurement}: {until:%Y-%m-%d}")
            first = until
    return rows, days, changed


def _checks(declared: type[DataTable] | None) -> dict[str, tuple[Check, ...]]:
    """The checks that a class declares: a column without any gets no flag here either, as when its rows came."""
    return {one.name: one.checks for one in declared.columns.values() if one.checks} if declared else {}


def _changed(before: pd.DataFrame, after: pd.DataFrame, names: list[str]) -> int:
    """How many flags of the fields differ; one that was not there before differs. `after` begins with the same rows."""
    count = 0
    for name in (f"{name}_qc" for name in names):
        if name in after:
            new = after[name].iloc[: len(before)].astype("Float64").fillna(0).to_numpy()
            old = before[name].astype("Float64").fillna(0).to_numpy() if name in before else 0
            count += int((new != old).sum())
    return count


def _by_class(
    frame: pd.DataFrame, classes: list[type[DataTable]]
) -> Iterator[tuple[type[DataTable] | None, pd.DataFrame]]:
    """The rows of each class that writes to a measurement, told apart by the station; None for rows of none."""
    left = frame
    for one in classes:
        stations = left["station"].astype(str) if "station" in left else pd.Series("", index=left.index)
        mine = stations.map(lambda station, one=one: fnmatchcase(station, one.station)).to_numpy(dtype=bool)
        if mine.any():
            yield one, left[mine]
        left = left[~mine]
    if len(left):
        yield None, left


def _is_measured(name: str) -> bool:
    return name != "RECORD" and not name.endswith(OWN_ENDS)


def _first(store: Store, bucket: str, measurement: str) -> pd.Timestamp | None:
    """The day of the oldest row."""
    counts = store.read(bucket, measurement, every=_DAY, agg="count")
    return counts.index.min() if len(counts) else None
