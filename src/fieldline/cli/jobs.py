"""`run`, `new-db` and `update-db`: files into the store, and what became of them."""

from __future__ import annotations

import argparse
import functools
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from .. import settings as configuration
from ..errors import Busy, ConfigError, FieldlineError, InputError
from ..manager import FileManager, Outcome, Step, run
from ..patterns import expand
from ..ports import Sink, Store
from ..settings import Defaults, Settings
from ..sinks.lazy import Lazy
from ..sinks.nowhere import Nowhere
from ..sources.quarantine import Quarantine
from ..tables import DataTable, Planner
from . import DONE, FAILED, QUARANTINED, drivers
from .logs import open_log
from .show import table

log = logging.getLogger(__name__)


def main(options: argparse.Namespace) -> int:
    """Do what the verb says, once or for ever; return the exit status."""
    if getattr(options, "forever", False):
        from .forever import repeat

        return repeat(lambda: once(options), lambda: load_settings(options).every_minutes)
    return once(options)


def load_settings(options: argparse.Namespace) -> Settings:
    """The configuration of this command, with an absolute home."""
    config, home = options.config, options.home
    if config is not None and config.exists():
        config = config.absolute()  # what is typed is meant from the working directory; else from the project
    return configuration.from_project(options.project, config, home and home.absolute(), os.environ)


def once(options: argparse.Namespace) -> int:
    """One run under the lock of its home.

    Raises: ConfigError; Busy, when another run works on the same home.
    """
    settings = load_settings(options)
    work = Work(options, settings)
    if options.dry_run:
        return work.do()
    settings.home.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(settings.home / "run.lock", timeout=0):
            open_log(settings.home, settings.log)
            return work.do()
    except Timeout as error:
        raise Busy(f"another run works on {settings.home}; nothing was done, the next run will") from error


class Work:
    """One run: its jobs as steps, its store, its report."""

    def __init__(self, options: argparse.Namespace, settings: Settings) -> None:
        self.options, self.settings = options, settings
        self.lazy = Lazy(functools.partial(open_store, settings))
        self.broken = list[str]()
        self.quarantine = Quarantine(None if options.dry_run else settings.home / "quarantine")

    def do(self) -> int:
        """Run the jobs, report them, and return the exit status."""
        outcomes = run(self._jobs())
        if self.broken:
            outcomes.append(Outcome("drivers", "\n".join(self.broken), ok=False))
        try:
            if not self.options.dry_run and self.options.verb == "run":
                self._remember(outcomes)
            report(outcomes, self.options)
        finally:
            self.lazy.close()
        if not all(outcome.ok for outcome in outcomes):
            return FAILED
        return QUARANTINED if any(outcome.total("quarantined") for outcome in outcomes) else DONE

    def _jobs(self) -> list[tuple[str, Sequence[Step]]]:
        if self.options.verb == "run":
            return [(job.name, list(self._steps(job))) for job in self._wanted()]
        every = functools.cache(self._every_table)
        act = self._make if self.options.verb == "new-db" else self._load
        return [
            (str(path), [functools.partial(self._file, path, every, self.settings.defaults, self.settings.unknown, act)])
            for path in self.options.files
        ]

    def _wanted(self) -> list[configuration.Job]:
        """The configured jobs, or the one asked for."""
        name, jobs = self.options.job, list(self.settings.jobs)
        if name is None and jobs:
            return jobs
        found = [job for job in jobs if job.name == name]
        if not found:
            known = ", ".join(job.name for job in jobs) or "none"
            raise ConfigError([f"--job {name}: no such job; known: {known}" if name else "jobs: there is none; add one"])
        return found

    def _steps(self, job: configuration.Job) -> Iterator[Step]:
        """One step a file, and one for each pattern that matches nothing."""
        tables = functools.cache(
            lambda: drivers.load(self.options.project / "drivers", job.driver) if job.driver else tuple[type[DataTable], ...]()
        )
        own, seen = self.settings.for_job(job), set[Path]()
        for pattern in job.files:
            paths = expand(pattern, self.options.project)
            if not paths:
                yield functools.partial(_no_match, pattern)
            for path in paths:
                if path not in seen:
                    seen.add(path)
                    yield functools.partial(self._file, path, tables, own, job.unknown or self.settings.unknown, self._load)

    def _file(
        self,
        path: Path,
        tables: Callable[[], tuple[type[DataTable], ...]],
        own: Defaults,
        unknown: configuration.Unknown,
        act: Callable[[FileManager, Outcome], None],
        outcome: Outcome,
    ) -> None:
        planner = Planner(tables(), unknown, own.bucket, own.utc_offset, own.keep_days)
        sink: Sink = Nowhere() if self.options.dry_run else self.lazy
        manager = FileManager(path, sink, planner, self.quarantine, self.lazy.fields, create=self.options.verb == "run")
        try:
            act(manager, outcome)
        finally:
            outcome.tallies += manager.source.tallies.values()
            outcome.notes += [f"{path}: {note}" for note in manager.source.notes]

    def _make(self, manager: FileManager, outcome: Outcome) -> None:
        for bucket, keep_days in manager.new_db():
            outcome.notes.append(f"bucket {bucket}: keeps rows {f'{keep_days} days' if keep_days else 'for ever'}")

    def _load(self, manager: FileManager, outcome: Outcome) -> None:
        manager.update_db()

    def _every_table(self) -> tuple[type[DataTable], ...]:
        """The tables of all drivers; one that is broken is left out, and reported."""
        folder, tables = self.options.project / "drivers", list[type[DataTable]]()
        for name in drivers.names(folder):
            try:
                tables += drivers.load(folder, name)
            except InputError as error:
                self.broken.append(str(error))
        return tuple(tables)

    def _remember(self, outcomes: Sequence[Outcome]) -> None:
        """Write one row a job into the measurement `runs`, and delete what is past its retention."""
        import pandas as pd

        now = pd.Timestamp.now("UTC").as_unit("ns")
        rows = [{"job": one.job, "ok": one.ok, **summary(one, "job", "ok", "tables")} for one in outcomes]
        frame = pd.DataFrame(rows, index=pd.DatetimeIndex([now] * len(rows), name="time"))
        bucket = self.settings.defaults.bucket
        self.lazy.create(bucket, self.settings.defaults.keep_days)
        self.lazy.write(bucket, "runs", frame, ("job",), {"seconds": "s"})
        if gone := self.lazy.store.expire(now):
            log.info("deleted %s rows that are past their bucket's retention", f"{gone:,}")


def open_store(settings: Settings) -> Store:
    """The store that the configuration names.

    Raises: ConfigError, for one that this version can't write to.
    """
    if settings.store != "embedded":
        raise ConfigError([f"store: {settings.store} is not supported by this version yet; use `store: embedded`"])
    from ..sinks.embedded import Embedded

    return Embedded(settings.home / "store.duckdb", wait_seconds=settings.wait_seconds)


def _no_match(pattern: str, outcome: Outcome) -> None:
    raise InputError(pattern, "no such file", "at least one file of this name", "Correct `files:` of the job, or wait for it.")


def summary(outcome: Outcome, *without: str) -> dict[str, object]:
    """An outcome as plain values, for --json and the measurement `runs`."""
    counts = {name: outcome.total(name) for name in ("read", "written", "quarantined", "duplicates")}
    tables = [
        {
            "file": str(one.file),
            "table": one.layout.name,
            "bucket": one.layout.bucket,
            "measurement": one.layout.measurement,
            **{name: getattr(one, name) for name in counts},
            "newest": _stamp(one.newest),
            "seconds": round(one.seconds, 3),
        }
        for one in outcome.tallies
    ]
    values = {"job": outcome.job, "ok": outcome.ok, **counts, "seconds": round(outcome.seconds, 3), "message": outcome.message}
    return {name: value for name, value in {**values, "tables": tables}.items() if name not in without}


def report(outcomes: Sequence[Outcome], options: argparse.Namespace) -> None:
    """Print what became of the jobs: for people a table, problems on standard error; with --json an object."""
    rows = [
        (
            outcome.job if options.verb == "run" else Path(outcome.job).name,
            f"{one.layout.bucket}.{one.layout.measurement}",
            *(f"{getattr(one, name):,}" for name in ("read", "written", "quarantined", "duplicates")),
            _stamp(one.newest) or "-",
            f"{one.seconds:.2f}",
        )
        for outcome in outcomes
        for one in outcome.tallies
    ]
    heads = ("job", "measurement", "read", "written", "quarantined", "duplicates", "newest", "seconds")
    if rows:
        print(table(heads, rows))
    for outcome in outcomes:
        for note in outcome.notes:
            print(f"note: {note}")
        if not outcome.ok:
            print(f"{outcome.job}: {outcome.message}", file=sys.stderr)
        log.info("%s: %s", outcome.job, summary(outcome, "job", "tables"))
    if options.dry_run:
        print("a dry run: nothing was written")
    elif not rows and all(outcome.ok for outcome in outcomes) and options.verb != "new-db":
        print("nothing new")
    if options.json:
        print(json.dumps({"verb": options.verb, "jobs": [summary(outcome) for outcome in outcomes]}, ensure_ascii=False))


def _stamp(time: object) -> str | None:
    """A time as ISO 8601 with Z."""
    return None if time is None else str(time).replace(" ", "T").replace("+00:00", "Z")
