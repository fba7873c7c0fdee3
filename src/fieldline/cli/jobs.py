"""`run`, `new-db` and `update-db`: files into the store, and what became of them."""

from __future__ import annotations

import argparse
import functools
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal

from .. import settings as configuration
from ..errors import ConfigError, InputError, StoreError, UsageError
from ..ledger import Damaged, Full, set_aside
from ..manager import FileManager, Outcome, Step, run
from ..outbox import RESERVE, SCHEMA, Outbox
from ..patterns import expand
from ..ports import Sink, Store
from ..settings import Defaults, Settings
from ..sinks.lazy import Lazy
from ..sinks.nowhere import Nowhere
from ..sources.archive import Archive
from ..sources.files import Tally
from ..sources.memory import Memory, key
from ..sources.quarantine import Quarantine
from ..tables import DataTable, Planner
from . import DONE, FAILED, QUARANTINED, USAGE, drivers, watched
from .configured import checker, load_settings, locked, maintenance_of
from .deliveries import Opened, deliver, is_behind, rebuild
from .examine.place import room
from .moved import follow
from .report import as_row, report
from .show import span
from .stores import is_tight, open_outbox, open_store, store_path, with_flags_apart

log = logging.getLogger(__name__)
logging.getLogger("fieldline").addHandler(
    logging.NullHandler()
)  # without a log file (a dry run) nothing goes to stderr

_EARLY = timedelta(minutes=10)  # a logger's clock may be so far ahead before it is worth a word
_A_DAY = 86_400  # [s]
_A_JUMP = 31  # [d] a computer may be off so long; what is further was the clock


def main(options: argparse.Namespace) -> int:
    """Do what the verb says, once or for ever; return the exit status."""
    if getattr(options, "forever", False):
        from .forever import repeat

        return repeat(lambda: once(options), lambda: load_settings(options).every_minutes)
    return once(options)


def once(options: argparse.Namespace) -> int:
    """One run under the lock of its home.

    Raises: ConfigError; Busy, when another run works on the same home.
    """
    settings = load_settings(options)
    if options.dry_run:
        return _work(options, settings)
    with locked(settings):
        return _work(options, settings)


def _work(options: argparse.Namespace, settings: Settings) -> int:
    """One run; a second one, if the first finds that what is remembered is damaged."""
    status = FAILED
    tight = not options.dry_run and is_tight(settings)
    for again in (True, False):
        memory = Memory(settings.home / "state.db", frozen=options.dry_run, more=SCHEMA)
        work = Work(options, settings, memory, tight)
        try:
            status = work.do()
        except Damaged as damage:
            if not again or options.dry_run:
                raise
            log.warning("%s", damage)
        finally:
            work.store.close()
            memory.close()
        if not memory.ledger.damaged or options.dry_run:
            break
        kept = set_aside(settings.home / "state.db")
        log.warning("the state is damaged; it was set aside as %s%s", kept, ", and the run is done again" * again)
    return status


class Work:
    """One run: its jobs as steps, its store, its memory, its report.

    tight: the disk is so full that only what waits is delivered.
    """

    def __init__(self, options: argparse.Namespace, settings: Settings, memory: Memory, tight: bool = False) -> None:
        self.options, self.settings, self.memory, self.tight = options, settings, memory, tight
        self.outbox: Outbox | None = None
        if settings.store == "influxdb" and options.verb != "new-db":
            self.outbox = open_outbox(settings, memory.ledger, hurried=options.verb == "run")
        lazy = Lazy(functools.partial(open_store, settings))
        self.store: Store = with_flags_apart(self.outbox, settings) if self.outbox else lazy
        self._lazy = lazy
        self.broken = list[str]()
        self.owners, self.patterns = dict[Path, str](), dict[Path, str]()
        self.checker = functools.cache(functools.partial(checker, settings, options.project, self.store))
        self.quarantine = Quarantine(None if options.dry_run else settings.home / "quarantine")
        self.archive = Archive(None if options.dry_run else settings.home / "archive")

    def do(self) -> int:
        """Run the jobs, report them, and return the exit status."""
        now, scheduled = datetime.now(UTC), self.options.verb == "run"
        moved = follow(self.settings, self.memory)
        if scheduled:
            begin(self.memory, now, self.settings.every_minutes)
        status = FAILED
        try:
            outcomes = run([("disk", [self._no_room])]) if self.tight else self._rebuild() + run(self._jobs())
            outcomes += [one for one in run([("maintenance", [self._maintenance])]) if not one.ok]
            if self.broken:
                outcomes.append(Outcome("drivers", "\n".join(self.broken), ok=False))
            if not self.options.dry_run:
                remembered = run([("runs", [lambda _: self._remember(outcomes, now)])])
                outcomes += self._late([one for one in remembered if not one.ok])
                outcomes += self._late(self._deliver())
                outcomes += self._late([one for one in run([("archive", [self._prune])]) if not one.ok])
            if (word := room(self.settings.home)) and not self.tight:
                moved.append(word)
            told = [Outcome("home", notes=moved)] if moved else []
            report([*outcomes, *told], self.options, self.outbox is not None)
            status = _exit_status(outcomes)
        finally:
            if scheduled:
                self.memory.keep_notes(ended=datetime.now(UTC).isoformat(timespec="seconds"), status=str(status))
        return status

    def _no_room(self, _: Outcome) -> None:
        sent = ", and what waits is delivered meanwhile" if self.outbox else ""
        raise Full(
            f"{self.settings.home}: found less than {RESERVE >> 20} MB free on the disk, expected room for new rows.\n"
            f"  Free disk space. The rows stay in the files{sent}."
        )

    def _deliver(self) -> list[Outcome]:
        """Let the outbox send what waits; return what became of that, if there was anything to do."""
        if self.outbox is None:
            return []
        outcome = deliver(self._opened())
        if not outcome.ok and self.options.verb == "update-db":
            lines = [one for one in self.outbox.queue.overview() if not one.reason]
            waits = [f"{one.rows:,} of {one.bucket}.{one.measurement}" for one in lines]
            outcome.notes.append(f"the file is read; the exit code is 1 because rows wait: {', '.join(waits)}")
        quiet = outcome.ok and not outcome.notes and not any(outcome.deliveries.values())
        return [] if quiet else [outcome]

    def _late(self, outcomes: list[Outcome]) -> list[Outcome]:
        """What became known when the rows of `runs` were on their way: the next run takes it to the store."""
        if outcomes and self.options.verb == "run":
            self.memory.add_runs(time.time_ns(), [as_row(outcome) for outcome in outcomes])
        return outcomes

    def _opened(self) -> Opened:
        return Opened(self.settings, self.options.project, self.memory, self.store, self.outbox)

    def _rebuild(self) -> list[Outcome]:
        """Where the state or its end was lost: what was read and not delivered comes from the archive."""
        if self.options.dry_run or not (self.memory.fresh or self._is_behind()):
            return []
        steps = [lambda outcome: rebuild(self._opened(), self.archive, outcome)] if self.outbox is not None else []
        outcomes = run([("archive", steps)])
        if all(outcome.ok for outcome in outcomes):  # else, and when it is killed, the next run begins it again
            self.memory.ledger.begun()
        return [one for one in outcomes if one.notes or not one.ok]

    def _is_behind(self) -> bool:
        return self.outbox is not None and is_behind(self.memory, self.archive, datetime.now(UTC).date())

    def _prune(self, _: Outcome) -> None:
        """Delete what the archive need not keep any more, once a day; never what was not delivered yet."""
        today, own, before = datetime.now(UTC).date(), self.settings.archive, self.memory.note("pruned")
        if before == today.isoformat():
            return
        self.memory.keep_notes(pruned=today.isoformat())
        if before and abs((today - date.fromisoformat(before)).days) > _A_JUMP:
            log.warning("the clock went from %s to %s: the archive is kept as it is until tomorrow", before, today)
            return
        waiting = self.outbox.queue.oldest() if self.outbox else None
        if waiting is not None:
            today = min(today, datetime.fromtimestamp(waiting.kept, UTC).date())
        for path, size in self.archive.prune(today, own.keep_days, own.megabytes):
            log.info("the archive is over its limits: deleted %s (%s bytes)", path, f"{size:,}")

    def _jobs(self) -> list[tuple[str, Sequence[Step]]]:
        if self.options.verb == "run":
            return [(job.name, list(self._steps(job))) for job in self._wanted()]
        every = functools.cache(self._every_table)
        folder = self.options.project / "drivers"
        paths = [folder / f"{name}.py" for name in drivers.names(folder)]
        if self.options.dry_run or any(watched.has_changed(self.memory, path) for path in paths):
            every()
        act = self._make if self.options.verb == "new-db" else self._load
        return [
            (
                str(path),
                [functools.partial(self._file, path, every, self.settings.defaults, self.settings.unknown, act)],
            )
            for path in _spelled_out(self.options.files)
        ]

    def _watch(self, path: Path, read: Callable[[], object]) -> None:
        """Read a file of the user that has changed, though no new row may need it: a mistake is to be told at once."""
        watched.look(self.memory, path, read, self.options.dry_run)

    def _maintenance(self, _: Outcome) -> None:
        path = self.options.project / self.settings.quality.maintenance
        self._watch(path, lambda: maintenance_of(self.settings, self.options.project))

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
        if job.driver:
            yield lambda _: self._watch(self.options.project / "drivers" / f"{job.driver}.py", tables)
        own = self.settings.for_job(job)
        for pattern in job.files:
            paths = job.expand(pattern, self.options.project)
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
        _refuse_broken_name(path)
        planner = Planner(tables, unknown, own.bucket, own.utc_offset, own.keep_days)
        sink: Sink = Nowhere() if self.options.dry_run else self.store
        there = self.outbox is not None or store_path(self.settings).exists() or not self.options.dry_run
        store = self.store if there else None
        create = self.options.verb == "run"
        manager = FileManager(
            path, sink, planner, self.quarantine, self.memory, store, create, self.checker, self.archive
        )
        try:
            act(manager, outcome)
        finally:
            outcome.tallies += manager.source.tallies.values()
            outcome.parsed += manager.source.parsed
            outcome.notes += [f"{path}: {note}" for note in manager.source.notes]
            outcome.notes += _ahead(manager.source.tallies.values(), datetime.now(UTC))

    def _make(self, manager: FileManager, outcome: Outcome) -> None:
        before = self._buckets()
        for bucket, wanted in manager.new_db():
            days = wanted if self.options.dry_run else self._buckets().get(bucket, wanted)
            if (
                self.options.update and not self.options.dry_run and not self._buckets()
            ):  # a server that does not list them may still change one
                self.store.retain(bucket, wanted)
            if days != wanted and self.options.update:
                self.store.retain(bucket, wanted)
                outcome.notes.append(f"bucket {bucket} keeps rows {_days(wanted)} now; before: {_days(days)}")
                continue
            other = f" (the configuration says {_days(wanted)}; --update changes it)" if days != wanted else ""
            made = "made" if before or self._buckets() else "is there"  # a server that lists none may have had it
            word = "would be made" if self.options.dry_run else "was there" if bucket in before else made
            outcome.notes.append(f"bucket {bucket} {word}, keeps rows {_days(days)}{other}")

    def _buckets(self) -> Mapping[str, int | None]:
        """The buckets that are there already, as far as the store can say; what is wrong, making one tells."""
        if self.options.dry_run:
            return {}
        try:
            return self.store.buckets()
        except StoreError as error:
            log.debug("%s", error)
            return {}

    def _load(self, manager: FileManager, outcome: Outcome) -> None:
        if not sys.stderr.isatty():
            manager.update_db()
        else:
            from .progress import Progress

            def words(rows: int) -> str:
                return f"{manager.path.name}: {rows:,} rows, {manager.source.parsed / 2**20:,.0f} MB"

            manager.sink = progress = Progress(manager.sink, words)
            try:
                manager.update_db()
            finally:
                progress.close()
        self._want_buckets(manager)

    def _want_buckets(self, manager: FileManager) -> None:
        """Make the buckets of a job's file for which update-db left rows in the outbox, though nothing new was read."""
        if self.outbox is None or self.options.verb != "run" or self.options.dry_run:
            return
        seen, queue = self.memory.files.get(key(manager.path)), self.outbox.queue
        if seen and any(queue.wanted(one.bucket) is None for one in seen.tables.values()) and queue.depth().rows:
            manager.new_db()

    def _every_table(self) -> tuple[type[DataTable], ...]:
        """The tables of all drivers; one that is broken is left out, and reported."""
        folder, tables = self.options.project / "drivers", list[type[DataTable]]()
        for name in drivers.names(folder):
            try:
                tables += drivers.load(folder, name)
                if not self.options.dry_run:
                    watched.is_good(self.memory, folder / f"{name}.py")
            except InputError as error:
                self.broken.append(str(error))
        return tuple(tables)

    def _store_is_open(self) -> bool:
        """Whether this run has brought rows to the store already."""
        return self._lazy.opened if self.outbox is None else self.outbox.written > 0

    def _remember(self, outcomes: Sequence[Outcome], now: datetime) -> None:
        """Hand what became of the jobs to the measurement `runs`, and delete what is past its retention.

        A run that found nothing new does not open the store for that: its rows wait for one that does, a day at most.
        """
        if self.options.verb != "run":  # update-db makes no bucket, this one neither
            return
        self.memory.add_runs(time.time_ns(), [as_row(outcome) for outcome in outcomes])
        waiting = self.memory.runs()
        if not waiting or self.tight or self._lazy.away:
            return
        if not (self._store_is_open() or now.timestamp() - waiting[0][0] / 1e9 > _A_DAY):
            return
        import pandas as pd

        bucket = self.settings.defaults.bucket
        frame = pd.DataFrame([row for _, row in waiting])
        frame.index = pd.DatetimeIndex([time for time, _ in waiting], tz="UTC", name="time").as_unit("ns")
        self.store.create(bucket, self.settings.defaults.keep_days)
        self.store.write(bucket, "runs", frame, ("job",), {"seconds": "s"})
        self.memory.drop_runs(waiting[-1][0])
        if gone := self.store.expire(pd.Timestamp(now)):
            log.info("deleted %s rows that are past their bucket's retention", f"{gone:,}")


def _refuse_broken_name(path: Path) -> None:
    """Refuse a name with half a character, which nothing can remember. Raises: InputError."""
    shown = str(path).encode("utf-8", "backslashreplace").decode("utf-8")
    if shown != str(path):
        fix = "Rename the file: a copy from an older system has such a name."
        raise InputError(shown, "a name that is no text", "one in UTF-8", fix)


def _spelled_out(files: Sequence[Path]) -> list[Path]:
    """The files that were named; cmd and PowerShell hand on `*.dat` as it stands, where other shells put names for it.

    Raises: UsageError, when a pattern fits no file.
    """
    found = list[Path]()
    for path in files:
        paths = [path]
        if set("*?") & set(str(path)) and not path.exists():
            paths = expand(str(path), Path.cwd())
        if not paths:
            raise UsageError(
                str(path), "no file of this name", "at least one", "Correct it; `dir` lists what there is."
            )
        found += paths
    return list(dict.fromkeys(found))


def _exit_status(outcomes: Sequence[Outcome]) -> int:
    if any(outcome.misconfigured for outcome in outcomes):
        return USAGE
    if not all(outcome.ok for outcome in outcomes):
        return FAILED
    aside = any(outcome.total("quarantined") or outcome.deliveries.get("refused") for outcome in outcomes)
    return QUARANTINED if aside else DONE


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


def _no_match(pattern: str, outcome: Outcome) -> None:
    raise InputError(
        pattern,
        "no such file",
        "at least one file of this name",
        "Correct `files:` in the configuration, or wait for it.",
    )
