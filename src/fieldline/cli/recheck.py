"""`fieldline recheck`: run the checks again over rows that are stored already, after limits or the log have changed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

import pandas as pd

from ..errors import UsageError
from ..ports import Store
from ..settings import Settings
from . import hints
from .configured import checker, load_settings, locked, maintenance_of
from .deliveries import opened
from .judging import declared_tables, judge_measurement
from .show import table
from .times import moment


def main(options: argparse.Namespace) -> int:
    """Judge the rows asked for, day by day, and write the flags that differ from nothing."""
    settings, now = load_settings(options), pd.Timestamp.now("UTC")
    start, end = moment("--from", options.start, now), moment("--to", options.end, now)
    if start is not None and end is not None and not start < end:
        raise UsageError("--from", str(options.start), f"a time before --to {options.end}", "Correct one of them.")
    with locked(settings), opened(options, settings) as work:
        done = list(_all(work.store, options, settings, start, end))
        outcome = work.deliver()
        idle = list(maintenance_of(settings, options.project).idle(_stored(work.store)))
    if outcome is not None and outcome.message != "ok":
        print(hints.whole(outcome.message, options), file=sys.stderr)
    print(
        table(("measurement", "rows", "days", "flags changed"), done)
        if done
        else "nothing is stored that could be judged"
    )
    for line in idle:
        print(f"note: {line}")
    return 0 if outcome is None or outcome.ok else 1


def _stored(store: Store) -> dict[str, set[str]]:
    """The fields that the store has of each station; '' for measurements without the tag."""
    found: dict[str, set[str]] = {}
    for bucket in store.buckets():
        for measurement in store.measurements(bucket):
            if measurement != "runs":
                fields = {one.name for one in store.fields(bucket, measurement).values() if not one.tag}
                latest = store.latest(bucket, measurement)
                for station in latest["station"].astype(str).unique() if "station" in latest else [""]:
                    found.setdefault(station, set()).update(fields)
    return found


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
