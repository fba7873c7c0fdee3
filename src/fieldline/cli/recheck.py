"""`fieldline recheck`: run the checks again over rows that are stored already, after limits or the log have changed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pandas as pd

from ..errors import InputError, UsageError
from ..flagging import Checker
from ..ports import OWN_ENDS, Store
from ..quality.check import Check
from ..settings import Settings
from ..tables import DataTable
from . import drivers
from .configured import checker, load_settings, locked
from .deliveries import opened
from .show import table
from .times import moment

_DAY = pd.Timedelta(days=1)


def main(options: argparse.Namespace) -> int:
    """Judge the rows asked for, day by day, and write the flags that differ from nothing."""
    settings, now = load_settings(options), pd.Timestamp.now("UTC")
    start, end = moment("--from", options.start, now), moment("--to", options.end, now)
    if start is not None and end is not None and not start < end:
        raise UsageError("--from", str(options.start), f"a time before --to {options.end}", "Correct one of them.")
    with locked(settings), opened(options, settings) as work:
        done = list(_all(work.store, options, settings, start, end))
        outcome = work.deliver()
    if outcome is not None and outcome.message != "ok":
        print(outcome.message, file=sys.stderr)
    print(
        table(("measurement", "rows", "days", "flags changed"), done)
        if done
        else "nothing is stored that could be judged"
    )
    return 0 if outcome is None or outcome.ok else 1


def _all(
    store: Store, options: argparse.Namespace, settings: Settings, start: pd.Timestamp | None, end: pd.Timestamp | None
) -> Iterator[tuple[str, str, str, str]]:
    tables = declared_tables(options.project)
    judge = checker(settings, options.project, store)
    for bucket in [options.bucket] if options.bucket else store.buckets():
        for measurement in [options.measurement] if options.measurement else store.measurements(bucket):
            if measurement != "runs":
                classes = tables.get((bucket, measurement), [])
                rows, days, flags = judge_measurement(store, judge, bucket, measurement, classes, start, end)
                yield f"{bucket}.{measurement}", f"{rows:,}", f"{days:,}", f"{flags:,}"


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
                {**unchecked, **({one.name: one.checks for one in declared.columns.values()} if declared else {})},
                declared.interval if declared else None,
            )
            changed += _changed(part, flagged, names)
            store.write(bucket, measurement, flagged[[name for name in flagged if name not in names]], tags)
        rows, days = rows + len(frame), days + (len(frame) > 0)
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{bucket}.{measurement}: {until:%Y-%m-%d}  ")
        first = until
    return rows, days, changed


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
