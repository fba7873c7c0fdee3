"""`run`, `new-db` and `update-db`: files into the store, and what became of them."""

from __future__ import annotations

import argparse
import functools
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from filelock import FileLock, Timeout

from .. import settings as configuration
from ..errors import Busy, ConfigError, InputError
from ..manager import FileManager, Outcome, Step, run
from ..patterns import expand
from ..ports import Sink, Store
from ..settings import Defaults, Settings
from ..sinks.lazy import Lazy
from ..sinks.nowhere import Nowhere
from ..sources.files import Tally
from ..sources.memory import Memory
from ..sources.quarantine import Quarantine
from ..tables import DataTable, Planner
from . import DONE, FAILED, QUARANTINED, USAGE, drivers
from .logs import append_line, open_log
from .report import as_row, report
from .show import span

if TYPE_CHECKING:  # a run without new rows must not pay for numpy
    from ..flagging import Checker

log = logging.getLogger(__name__)
logging.getLogger("fieldline").addHandler(
    logging.NullHandler()
)  # without a log file (a dry run) nothing goes to stderr

_EARLY = timedelta(minutes=10)  # a logger's clock may be so far ahead before it is worth a word
_A_DAY = 86_400  # [s]


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
    check_store(settings)
    if options.dry_run:
        return _work(options, settings)
    with locked(settings):
        return _work(options, settings)


@contextmanager
def locked(settings: Settings) -> Iterator[None]:
    """Hold the lock of the home, and log there.

    Raises: Busy, when another run holds it.
    """
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        found = error.strerror or str(error)
        raise ConfigError([f"home: {settings.home} can't be made or used: {found}; choose another folder"]) from error
    try:
        with FileLock(settings.home / "run.lock", timeout=0), open_log(settings.home, settings.log):
            yield
    except Timeout as error:
        raise Busy(busy_message(settings)) from error


def checker(settings: Settings, project: Path, store: Store | None) -> Checker:
    """What gives rows their flags, as the configuration says."""
    from ..flagging import Checker
    from ..rules import Rules
    from ..settings import maintenance

    own = settings.quality
    log = functools.cache(lambda: maintenance.load(Path(own.maintenance), project, settings.defaults.utc_offset))
    site = own.site.model_dump(exclude_none=True)
    return Checker(Rules(own.defaults, own.aliases, own.checks, site, functools.partial(_text, project)), log, store)


def _work(options: argparse.Namespace, settings: Settings) -> int:
    memory = Memory(settings.home / "state.db", frozen=options.dry_run)
    work = Work(options, settings, memory)
    try:
        return work.do()
    finally:
        work.lazy.close()
        memory.close()


class Work:
    """One run: its jobs as steps, its store, its memory, its report."""

    def __init__(self, options: argparse.Namespace, settings: Settings, memory: Memory) -> None:
        self.options, self.settings, self.memory = options, settings, memory
        self.lazy = Lazy(functools.partial(open_store, settings))
        self.broken = list[str]()
        self.owners, self.patterns = dict[Path, str](), dict[Path, str]()
        self.checker = functools.cache(functools.partial(checker, settings, options.project, self.lazy))
        self.quarantine = Quarantine(None if options.dry_run else settings.home / "quarantine")

    def do(self) -> int:
        """Run the jobs, report them, and return the exit status."""
        now, scheduled = datetime.now(UTC), self.options.verb == "run"
        if not store_path(self.settings).exists():
            self.memory.forget()
        if scheduled:
            begin(self.memory, now, self.settings.every_minutes)
        status = FAILED
        try:
            outcomes = run(self._jobs())
            if self.broken:
                outcomes.append(Outcome("drivers", "\n".join(self.broken), ok=False))
            if not self.options.dry_run:
                remembered = run([("runs", [lambda _: self._remember(outcomes, now)])])
                outcomes += [one for one in remembered if not one.ok]
            report(outcomes, self.options)
            status = _exit_status(outcomes)
        finally:
            if scheduled:
                self.memory.keep_notes(ended=datetime.now(UTC).isoformat(timespec="seconds"), status=str(status))
        return status

    def _jobs(self) -> list[tuple[str, Sequence[Step]]]:
        if self.options.verb == "run":
            return [(job.name, list(self._steps(job))) for job in self._wanted()]
        every = functools.cache(self._every_table)
        act = self._make if self.options.verb == "new-db" else self._load
        return [
            (
                str(path),
                [functools.partial(self._file, path, every, self.settings.defaults, self.settings.unknown, act)],
            )
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
            raise ConfigError(
                [f"--job {name}: no such job; known: {known}" if name else "jobs: there is none; add one"]
            )
        return found

    def _steps(self, job: configuration.Job) -> Iterator[Step]:
        """One step a file, and one for each pattern that matches nothing; one alone where the driver is not there."""
        if job.driver and not drivers.exists(self.options.project / "drivers", job.driver):
            yield lambda outcome: drivers.refuse(self.options.project / "drivers", str(job.driver))
            return
        tables = functools.cache(
            lambda: (
                drivers.load(self.options.project / "drivers", job.driver)
                if job.driver
                else tuple[type[DataTable], ...]()
            )
        )
        own = self.settings.for_job(job)
        for pattern in job.files:
            paths = expand(pattern, self.options.project)
            if not paths:
                yield functools.partial(_no_match, pattern)
            for path in paths:
                owner = self.owners.setdefault(path, job.name)
                if owner != job.name:
                    raise ConfigError([f"the jobs {owner} and {job.name} both read {path}: a file belongs to one job"])
                if self.patterns.setdefault(path, pattern) == pattern:
                    yield functools.partial(
                        self._file, path, tables, own, job.unknown or self.settings.unknown, self._load
                    )

    def _file(
        self,
        path: Path,
        tables: Callable[[], tuple[type[DataTable], ...]],
        own: Defaults,
        unknown: Literal["load", "refuse"],
        act: Callable[[FileManager, Outcome], None],
        outcome: Outcome,
    ) -> None:
        planner = Planner(tables, unknown, own.bucket, own.utc_offset, own.keep_days)
        sink: Sink = Nowhere() if self.options.dry_run else self.lazy
        store = self.lazy if store_path(self.settings).exists() or not self.options.dry_run else None
        manager = FileManager(
            path, sink, planner, self.quarantine, self.memory, store, self.options.verb == "run", self.checker
        )
        try:
            act(manager, outcome)
        finally:
            outcome.tallies += manager.source.tallies.values()
            outcome.parsed += manager.source.parsed
            outcome.notes += [f"{path}: {note}" for note in manager.source.notes]
            outcome.notes += _ahead(manager.source.tallies.values(), datetime.now(UTC))

    def _make(self, manager: FileManager, outcome: Outcome) -> None:
        for bucket, wanted in manager.new_db():
            days = wanted if self.options.dry_run else self.lazy.buckets()[bucket]
            other = f" (the configuration says {_days(wanted)}; it was made before)" if days != wanted else ""
            outcome.notes.append(f"bucket {bucket} keeps rows {_days(days)}{other}")

    def _load(self, manager: FileManager, outcome: Outcome) -> None:
        if not sys.stderr.isatty():
            manager.update_db()
            return
        from .progress import Progress

        manager.sink = progress = Progress(manager.sink, manager.path, lambda: manager.source.parsed)
        try:
            manager.update_db()
        finally:
            progress.close()

    def _every_table(self) -> tuple[type[DataTable], ...]:
        """The tables of all drivers; one that is broken is left out, and reported."""
        folder, tables = self.options.project / "drivers", list[type[DataTable]]()
        for name in drivers.names(folder):
            try:
                tables += drivers.load(folder, name)
            except InputError as error:
                self.broken.append(str(error))
        return tuple(tables)

    def _remember(self, outcomes: Sequence[Outcome], now: datetime) -> None:
        """Hand what became of the jobs to the measurement `runs`, and delete what is past its retention.

        A run that found nothing new does not open the store for that: its rows wait for one that does, a day at most.
        """
        import time

        if self.options.verb == "run":
            self.memory.add_runs(time.time_ns(), [as_row(outcome) for outcome in outcomes])
        waiting = self.memory.runs()
        if not waiting or not (self.lazy.opened or now.timestamp() - waiting[0][0] / 1e9 > _A_DAY):
            return
        import pandas as pd

        bucket = self.settings.defaults.bucket
        frame = pd.DataFrame([row for _, row in waiting])
        frame.index = pd.DatetimeIndex([time for time, _ in waiting], tz="UTC", name="time").as_unit("ns")
        self.lazy.create(bucket, self.settings.defaults.keep_days)
        self.lazy.write(bucket, "runs", frame, ("job",), {"seconds": "s"})
        self.memory.drop_runs(waiting[-1][0])
        if gone := self.lazy.expire(pd.Timestamp(now)):
            log.info("deleted %s rows that are past their bucket's retention", f"{gone:,}")


def _exit_status(outcomes: Sequence[Outcome]) -> int:
    if any(outcome.misconfigured for outcome in outcomes):
        return USAGE
    if not all(outcome.ok for outcome in outcomes):
        return FAILED
    return QUARANTINED if any(outcome.total("quarantined") for outcome in outcomes) else DONE


def begin(memory: Memory, now: datetime, budget_minutes: float) -> None:
    """Remember that a run begins, and say so if the one before took too long or did not come to its end."""
    began, ended = memory.note("began"), memory.note("ended")
    if began and (not ended or ended < began):
        log.warning("the run that began at %s did not come to its end; what it left undone is done now", began)
    elif began and ended:
        took = (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds() / 60
        if took > budget_minutes:
            log.warning("the run that began at %s took %.1f min; runs are %s min apart", began, took, budget_minutes)
    memory.keep_notes(began=now.isoformat(timespec="seconds"), process=str(os.getpid()))


def busy_message(settings: Settings) -> str:
    """Who holds the lock, since when, and whether that is too long; also in the log."""
    memory = Memory(settings.home / "state.db", frozen=True)
    began, process = memory.note("began"), memory.note("process")
    memory.close()
    text = f"another run works on {settings.home}; nothing was done, the next run will"
    if began:
        minutes = (datetime.now(UTC) - datetime.fromisoformat(began)).total_seconds() / 60
        text = text.replace(";", f" since {began} (process {process});")
        if minutes > settings.every_minutes:
            text += (
                f".\n  It has worked for {minutes:.0f} min, runs are {settings.every_minutes} min apart: is it stuck?"
            )
    append_line(settings.home, text)
    return text


def store_path(settings: Settings) -> Path:
    """Where the embedded store lies."""
    return settings.home / "store.duckdb"


def check_store(settings: Settings) -> None:
    """Raises: ConfigError, for a store that this version can't write to."""
    if settings.store != "embedded":
        raise ConfigError([f"store: {settings.store} is not supported by this version yet; use `store: embedded`"])


def open_store(settings: Settings) -> Store:
    """The store that the configuration names.

    Raises: ConfigError, for one that this version can't write to.
    """
    check_store(settings)
    from ..sinks.embedded import Embedded

    return Embedded(store_path(settings), wait_seconds=settings.wait_seconds)


def _ahead(tallies: Iterable[Tally], now: datetime) -> Iterator[str]:
    """What to say of tables whose newest record has not been measured yet."""
    for one in tallies:
        if one.newest is not None and one.newest > now + _EARLY:
            ahead = span((one.newest - now).total_seconds())
            yield (
                f"{one.file}: {one.layout.name}: the newest record is {ahead} in the future; is the clock "
                f"({one.layout.timezone}) declared right, and the logger's clock set?"
            )


def _days(days: int | None) -> str:
    return f"{days} days" if days else "for ever"


def _text(project: Path, name: str) -> str:
    """The text of a file that the configuration names. Raises: ValueError."""
    try:
        return (project / name).read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{name} cannot be read: {error.strerror or error}") from error


def _no_match(pattern: str, outcome: Outcome) -> None:
    raise InputError(
        pattern,
        "no such file",
        "at least one file of this name",
        "Correct `files:` in the configuration, or wait for it.",
    )
