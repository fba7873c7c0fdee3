"""The outbox in a run: what waits is sent, flags that were made without the server are made again, and it is told."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

from ..errors import Denied, Rejected
from ..held import patiently, write_whole
from ..ledger import set_aside
from ..manager import Outcome, run
from ..outbox import SCHEMA, Delivery, Outbox
from ..ports import Store
from ..settings import Settings
from ..sources.archive import Archive
from ..sources.memory import Memory
from .configured import checker
from .stores import ballast, open_outbox, open_store, with_flags_apart

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Opened:
    """The store that a verb writes to, and what is remembered. outbox: before a store that is elsewhere."""

    settings: Settings
    project: Path
    memory: Memory
    store: Store
    outbox: Outbox | None

    def deliver(self) -> Outcome | None:
        """Send what waits; None: nothing had to be sent."""
        return deliver(self) if self.outbox is not None else None


@contextmanager
def opened(options: argparse.Namespace, settings: Settings, newest_first: bool = False) -> Iterator[Opened]:
    """The store for a verb that a person called: it takes as long as it takes."""
    ballast(settings).is_tight()
    memory = Memory(settings.home / "state.db", more=SCHEMA)
    outbox = None
    if settings.store == "influxdb":
        outbox = open_outbox(settings, memory.ledger, hurried=False, newest_first=newest_first)
    store = with_flags_apart(outbox, settings) if outbox else open_store(settings)
    try:
        yield Opened(settings, options.project, memory, store, outbox)
    finally:
        store.close()
        memory.close()
        if memory.ledger.damaged:
            log.warning("the state is damaged; it was set aside as %s", set_aside(settings.home / "state.db"))


def deliver(work: Opened) -> Outcome:
    """Send what waits, judge again what was judged without the server; return what became of it."""
    [outcome] = run([("outbox", [lambda outcome: _deliver(work, outcome)])])
    return outcome


def _deliver(work: Opened, outcome: Outcome) -> None:
    assert work.outbox is not None
    queue = work.outbox.queue
    done = work.outbox.finish()
    rows, judged = done.rows, 0
    if not queue.depth().rows and queue.unjudged():
        again = _judge_again(work, outcome)
        judged = again.rows
        done = Delivery(
            done.rows + again.rows,
            done.dead + again.dead,
            done.requests + again.requests,
            again.stopped,
            again.failed,
            [*done.notes, *again.notes],
        )
    depth = queue.depth()
    outcome.notes += done.notes
    outcome.deliveries = {"delivered": rows, "waiting": depth.rows, "refused": done.dead}
    if judged:
        outcome.deliveries["judged_again"] = judged
    if done.dead:
        outcome.notes.append(f"{done.dead:,} rows were refused and are set aside: see them with `fieldline outbox`")
    if not depth.rows and not queue.depth(dead=True).rows:  # what was refused is nowhere else than in the archive
        _mark(work)
    if not depth.rows:
        return
    if done.failed:
        outcome.ok = False
        outcome.message = f"{_waiting(work, depth.rows)} in the outbox, none is lost: {done.stopped}"
    else:
        outcome.notes.append(f"{_waiting(work, depth.rows)} in the outbox: {done.stopped}")


def _waiting(work: Opened, rows: int) -> str:
    """How many rows of data wait; those that our own runs left are told apart."""
    assert work.outbox is not None
    runs = work.outbox.queue.rows_of(work.settings.defaults.bucket, "runs")
    more = f" (and {runs:,} of `runs`)" if runs else ""
    return f"{rows - runs:,} row{'' if rows - runs == 1 else 's'}{more} {'waits' if rows - runs == 1 else 'wait'}"


def _judge_again(work: Opened, outcome: Outcome) -> Delivery:
    """Make flags again where the server could not be asked for the rows beside them."""
    import pandas as pd

    from .judging import declared_tables, judge_measurement

    assert work.outbox is not None
    tables, store = declared_tables(work.project), work.store
    judge = checker(work.settings, work.project, store)
    for bucket, measurement, start, stop in work.outbox.queue.unjudged():
        begin, end = (pd.Timestamp(max(0, at), tz="UTC") for at in (start, stop))
        classes = tables.get((bucket, measurement), [])
        try:
            until = end + pd.Timedelta(1, "us")
            rows, _, _ = judge_measurement(store, judge, bucket, measurement, classes, begin, until)
        except Denied as denied:
            log.info("%s.%s is not judged again: %s", bucket, measurement, denied)
            outcome.notes.append(
                "the token may not read, so flags are made without the rows before; all rows are stored"
            )
            rows = 0
        except Rejected as nothing:  # what was to be judged was refused or dropped, so there is no such measurement
            log.info("%s.%s: nothing is judged again: %s", bucket, measurement, nothing)
            rows = 0
        log.info("%s.%s: %s rows judged again, now that the server can be asked", bucket, measurement, f"{rows:,}")
        work.outbox.queue.judged(bucket, measurement)
    return work.outbox.finish()


def _mark(work: Opened) -> None:
    """Remember, outside of the ledger, up to which number the archive's rows are where they belong."""
    number = work.memory.note("archived")
    path = work.settings.home / "delivered.json"
    text = json.dumps({"archived": int(number or -1)})
    if number is None:
        return
    try:
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_whole(path, text.encode("utf-8"))
    except OSError as error:  # it may be older than the truth
        log.info("%s can't be written now: %s", path, error.strerror or error)


def delivered(home: Path) -> int:
    """The number up to which the archive's rows are where they belong; -1: nobody knows, or none.

    What stands there is older than the truth at worst: then rows are sent again, which changes nothing.
    """
    try:
        return int(json.loads(patiently(partial((home / "delivered.json").read_text, encoding="utf-8")))["archived"])
    except FileNotFoundError:
        return -1
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("delivered.json can't be read (%r): everything in the archive is sent again", error)
        return -1


def is_behind(memory: Memory, archive: Archive, today: date) -> bool:
    """Whether the archive has rows that the ledger knows nothing of, although they were kept before it said so.

    Either the run that kept them was killed in that moment, and then they are read again; or the end of the ledger is
    lost (its log, `state.db-wal`, was deleted or cut off; an older copy was put in its place), and they may be nowhere
    else: the logger's file may be a new one by now.
    """
    return archive.newest_lately(today) > int(memory.note("archived") or -1)


def rebuild(work: Opened, archive: Archive, outcome: Outcome) -> None:
    """After the loss of the ledger, or of its end: put the archive's rows that it does not know into the outbox.

    What an older ledger still has waiting goes before them, so that the last value of each point is the one that stays;
    for that reason it is asked what it knew, and not what is delivered by now.
    """
    import functools

    from ..manager import pump
    from .archived import replay

    known, newest = None if work.memory.fresh else work.memory.note("archived"), archive.newest()
    after = delivered(work.settings.home) if known is None else int(known)
    if newest <= after:
        return
    judge = functools.cache(lambda: checker(work.settings, work.project, work.store))
    source = replay(archive, work.settings, work.project, work.store, judge, outcome.notes, after=after)
    pump(source, work.store, work.memory.ledger.together)
    rows = sum(source.rows.values())
    lost = "the state was lost" if known is None else "the end of the state was lost, or a run was cut off"
    if rows:
        outcome.notes.append(f"{lost}: {rows:,} rows of the raw archive are sent, perhaps again")
        log.warning("%s", outcome.notes[-1])
    rebuilt = datetime.now(UTC).isoformat(timespec="seconds")
    work.memory.keep_notes(archived=str(newest), rebuilt=rebuilt)  # numbers go on behind it
