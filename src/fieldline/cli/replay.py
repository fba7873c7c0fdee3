"""`fieldline replay`: bring rows from the raw archive again, to where the configuration says today."""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

import pandas as pd

from ..errors import InputError, UsageError
from ..flagging import Checker
from ..manager import pump
from ..ports import Field, Sink, Store
from ..settings import Settings
from ..sources.archive import Archive
from ..sources.replay import Replay
from ..tables import DataTable, Layout, Planner
from . import DONE, FAILED, QUARANTINED, drivers
from .configured import checker, load_settings, locked
from .show import table
from .times import moment


def main(options: argparse.Namespace) -> int:
    """Load the rows asked for; return the exit status."""
    settings, now = load_settings(options), pd.Timestamp.now("UTC")
    start, end = moment("--from", options.start, now), moment("--to", options.end, now)
    if start is not None and end is not None and not start < end:
        raise UsageError("--from", str(options.start), f"a time before --to {options.end}", "Correct one of them.")
    if options.dry_run:
        return _show(settings, start, end)
    from .deliveries import opened

    with locked(settings), opened(options, settings) as open_:
        archive = Archive(settings.home / "archive")
        problems: list[str] = []
        judge = functools.cache(lambda: checker(settings, options.project, open_.store))
        source = replay(archive, settings, options.project, open_.store, judge, problems, start=start, end=end)
        pump(source, _Told(open_.store), open_.memory.ledger.together)
        outcome = open_.deliver()
    rows = [(name, f"{count:,}") for name, count in source.rows.items()]
    print(table(("measurement", "rows"), rows) if rows else "the archive has no rows of that time")
    for problem in problems:
        print(problem, file=sys.stderr)
    for note in outcome.notes if outcome is not None else ():
        print(f"note: {note}")
    if outcome is not None and outcome.message != "ok":
        print(outcome.message, file=sys.stderr)
    if problems or (outcome is not None and not outcome.ok):
        return FAILED
    return QUARANTINED if outcome is not None and outcome.deliveries.get("refused") else DONE


def _show(settings: Settings, start: pd.Timestamp | None, end: pd.Timestamp | None) -> int:
    """Say what there is, by station, table and file."""
    found: dict[tuple[str, str, str], list[int]] = {}
    problems: list[str] = []
    archive = Archive(settings.home / "archive")
    for entry in archive.entries(start=_ns(start), end=_ns(end), problems=problems):
        count = found.setdefault((entry.station or "-", entry.table, entry.file), [0, 0])
        count[0], count[1] = count[0] + 1, count[1] + entry.size
    rows = [(*key, f"{count:,}", f"{size:,}") for key, (count, size) in found.items()]
    print(
        table(("station", "table", "file", "pieces", "bytes"), rows) if rows else "the archive has nothing of that time"
    )
    for problem in problems:
        print(problem, file=sys.stderr)
    print("a dry run: nothing was written")
    return FAILED if problems else DONE


def replay(
    archive: Archive,
    settings: Settings,
    project: Path,
    store: Store,
    judge: Callable[[], Checker],
    problems: list[str],
    *,
    after: int = -1,
    start: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
) -> Replay:
    """The archive as a source: what has a number larger than `after`, with rows from `start` to before `end`."""

    def stored(layout: Layout) -> Mapping[str, Field]:
        store.create(layout.bucket, layout.keep_days)
        return store.fields(layout.bucket, layout.measurement)

    def flagged(layout: Layout, frame: pd.DataFrame) -> pd.DataFrame:
        where = (layout.bucket, layout.measurement, layout.tags, layout.units, layout.checks, layout.interval)
        return judge().add(frame, *where)

    entries = archive.entries(after, _ns(start), _ns(end), problems)
    return Replay(archive, entries, _planners(settings, project), stored, flagged, start, end, problems)


def _planners(settings: Settings, project: Path) -> Callable[[Path], Planner]:
    """What finds the planner of the job that reads a file, also when the file is gone."""

    @functools.cache
    def of(name: str | None) -> Planner:
        job = next((job for job in settings.jobs if job.name == name), None)
        own = settings.for_job(job) if job else settings.defaults
        unknown = (job.unknown if job else None) or settings.unknown
        tables = functools.cache(lambda: _tables(project / "drivers", job.driver if job else None, job is None))
        return Planner(tables, unknown, own.bucket, own.utc_offset, own.keep_days)

    def planner(path: Path) -> Planner:
        for job in settings.jobs:
            for pattern in job.files:
                full = (project / Path(pattern).expanduser()).as_posix()
                if fnmatchcase(path.as_posix(), full) or fnmatchcase(path.as_posix(), full.replace("**/", "")):
                    return of(job.name)
        return of(None)

    return planner


def _tables(folder: Path, driver: str | None, every: bool) -> tuple[type[DataTable], ...]:
    """The tables of a driver; of all that can be imported, if the file belongs to no job."""
    if driver:
        return drivers.load(folder, driver)
    found: list[type[DataTable]] = []
    for name in drivers.names(folder) if every else ():
        try:
            found += drivers.load(folder, name)
        except InputError as error:
            print(error, file=sys.stderr)
    return tuple(found)


class _Told:
    """A sink around a sink that says on a terminal how far it is."""

    def __init__(self, inner: Sink) -> None:
        self._inner, self._rows = inner, 0

    def create(self, bucket: str, keep_days: int | None) -> None:
        """See ports.Sink."""
        self._inner.create(bucket, keep_days)

    def write(
        self,
        bucket: str,
        measurement: str,
        frame: pd.DataFrame,
        tags: tuple[str, ...] = (),
        units: Mapping[str, str] | None = None,
    ) -> int:
        """See ports.Sink."""
        rows = self._inner.write(bucket, measurement, frame, tags, units)
        self._rows += rows
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{self._rows:,} rows  ")
        return rows

    def close(self) -> None:
        """See ports.Sink."""
        self._inner.close()


def _ns(time: pd.Timestamp | None) -> int | None:
    return None if time is None else int(time.as_unit("ns").value)
