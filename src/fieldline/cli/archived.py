"""The raw archive as a source of rows, read as the configuration and the drivers say today."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

import pandas as pd

from ..errors import InputError
from ..flagging import Checker
from ..ports import Field, Store
from ..settings import Settings
from ..sources.archive import Archive
from ..sources.replay import Replay
from ..tables import DataTable, Layout, Planner
from . import drivers


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

    entries = archive.entries(after, ns(start), ns(end), problems)
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


def ns(time: pd.Timestamp | None) -> int | None:
    """Nanoseconds since 1970 UTC; None stays None."""
    return None if time is None else int(time.as_unit("ns").value)
