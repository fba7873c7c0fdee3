"""FileManager: one file in, rows in a bucket out. The pump. And the one place that catches everything."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ConfigError, FieldlineError, InputError
from .ports import Field, Sink, Source, Store
from .sources.archive import Archive
from .sources.files import LoggerFile, Tally
from .sources.memory import Memory
from .sources.quarantine import Quarantine
from .tables import Layout, Planner

if TYPE_CHECKING:
    import pandas as pd

    from .flagging import Checker

log = logging.getLogger(__name__)


def pump(source: Source, sink: Sink, together: Callable[[], AbstractContextManager[None]] = nullcontext[None]) -> int:
    """Write every batch, then tell the source it is done: at least once, never lost. Return rows written.

    Args:
        together: what both do in one ledger is done in one transaction.
    """
    rows = 0
    for batch in source:
        with together():
            rows += sink.write(batch.bucket, batch.measurement, batch.frame, batch.tags, batch.units)
            batch.done()
        del batch  # its frame must not lie in memory beside the next one
    return rows


@dataclass
class FileManager:
    """Joins one file to the tables in it and to a sink.

    store: where rows that are there already, and the fields of a measurement, can be looked up; None: nowhere. create:
    whether `update_db` makes the bucket when it is not there, as a configured job does; the bare script does not.
    checker: makes what gives rows their flags, once there are rows; None: they get none. archive: keeps the bytes.
    """

    path: Path
    sink: Sink
    planner: Planner
    quarantine: Quarantine
    memory: Memory
    store: Store | None = None
    create: bool = False
    checker: Callable[[], Checker] | None = None
    archive: Archive | None = None
    source: LoggerFile = field(init=False)

    def __post_init__(self) -> None:
        known = None if self.store is None else self._known
        flagged = None if self.checker is None else self._flagged
        self.source = LoggerFile(
            self.path, self.planner, self._fields, self.quarantine, self.memory, known, flagged, self.archive
        )

    def new_db(self) -> list[tuple[str, int | None]]:
        """Make the buckets that the tables of this file belong to; return each with the days it keeps rows."""
        buckets = {}
        for layout in self.source.layouts():
            self.sink.create(layout.bucket, layout.keep_days)
            buckets[layout.bucket] = layout.keep_days
        return list(buckets.items())

    def update_db(self) -> int:
        """Load what is new in the file into its bucket; return rows written."""
        try:
            rows = pump(self.source, self.sink, self.memory.ledger.together)
        except InputError as error:
            self.memory.trouble(self.path, str(error))
            raise
        self.memory.trouble(self.path, "")
        return rows

    def _fields(self, layout: Layout) -> Mapping[str, Field]:
        if self.create:
            self.sink.create(layout.bucket, layout.keep_days)
        return self.store.fields(layout.bucket, layout.measurement) if self.store else {}

    def _flagged(self, layout: Layout, frame: pd.DataFrame) -> pd.DataFrame:
        assert self.checker is not None
        return self.checker().add(
            frame, layout.bucket, layout.measurement, layout.tags, layout.units, layout.checks, layout.interval
        )

    def _known(self, layout: Layout, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        assert self.store is not None
        stored = self.store.fields(layout.bucket, layout.measurement)
        names = ["RECORD"] if "RECORD" in stored else [field.name for field in stored.values() if not field.tag]
        after = end + timedelta(microseconds=1)  # ranges are half open
        return self.store.read(layout.bucket, layout.measurement, fields=names, start=start, end=after)


@dataclass
class Outcome:
    """What became of one job in one run, for log, exit code and measurement `runs`; parsed: bytes of whole lines.

    deliveries: rows delivered, waiting, refused for good, and with flags judged again, of the outbox alone.
    """

    job: str
    message: str = "ok"
    ok: bool = True
    seconds: float = 0.0
    tallies: list[Tally] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    parsed: int = 0
    misconfigured: bool = False
    deliveries: dict[str, int] = field(default_factory=dict)

    @property
    def flags(self) -> Counter[int]:
        """How many values got which flag."""
        return sum((tally.flags for tally in self.tallies), Counter[int]())

    def total(self, name: str) -> int:
        """The sum of one count ('read', 'written', 'quarantined', 'duplicates', ...) over the job's tables."""
        return sum(getattr(tally, name) for tally in self.tallies)


Step = Callable[[Outcome], None]


def run(jobs: Iterable[tuple[str, Sequence[Step]]]) -> list[Outcome]:
    """Run every step of every job once; one that fails never stops another."""
    outcomes = []
    for name, steps in jobs:
        outcome, began, problems = Outcome(name), time.monotonic(), list[str]()
        for step in steps:
            try:
                step(outcome)
            except FieldlineError as error:
                outcome.misconfigured |= isinstance(error, ConfigError)
                problems.append(str(error))
                log.error("%s: %s", name, error)
            except Exception as error:
                problems.append(f"a fault in the program, please report it: {error!r}")
                log.exception("%s: a fault in the program", name)
        outcome.seconds = time.monotonic() - began
        if problems:
            outcome.ok, outcome.message = False, "\n".join(dict.fromkeys(problems))
        outcomes.append(outcome)
    return outcomes
