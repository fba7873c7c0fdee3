"""`fieldline outbox`: what waits for the store, what it refused and why; send, retry, export, drop."""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from ..errors import ConfigError, InputError, UsageError
from ..held import put
from ..lineprotocol import split
from ..outbox import SCHEMA, Queue, Trouble, Waiting
from ..parcels import unpack
from ..settings import Settings
from ..sources.memory import Memory
from . import DONE, FAILED, QUARANTINED, hints
from .configured import load_settings, locked
from .deliveries import opened
from .show import span, table

_NS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_SHOWN = 50  # lines of a parcel that are printed; `export` writes all


def main(options: argparse.Namespace) -> int:
    """Do what is asked; return the exit status."""
    _refuse_idle_options(options)
    settings = load_settings(options)
    acts: dict[str, Callable[[argparse.Namespace, Settings], int]] = {
        "list": _list,
        "show": _show,
        "send": _send,
        "retry": _retry,
        "export": _export,
        "drop": _drop,
    }
    return acts[options.act](options, settings)


def _refuse_idle_options(options: argparse.Namespace) -> None:
    """Raises: UsageError, for what this act would not look at."""
    takes = {
        "list": ("json",),
        "show": ("numbers", "refused"),
        "send": ("newest",),
        "retry": ("numbers",),
        "export": ("numbers", "refused", "out", "bucket"),
        "drop": ("numbers", "refused", "rows"),
    }
    for name in ("json", "numbers", "refused", "newest", "out", "bucket", "rows"):
        given = getattr(options, name)
        if given not in (None, False, []) and name not in takes[options.act]:
            words = " ".join(map(str, given)) if name == "numbers" else f"--{name}"
            raise UsageError(
                f"outbox {options.act}", words, "an option that it takes", "See `fieldline outbox --help`."
            )


def _list(options: argparse.Namespace, settings: Settings) -> int:
    """What there is, a line for each measurement and reason."""
    memory = Memory(settings.home / "state.db", frozen=True, more=SCHEMA)
    try:
        queue = Queue(memory.ledger)
        lines, waiting, refused, trouble = queue.overview(), queue.depth(), queue.depth(dead=True), Trouble.of(queue)
    finally:
        memory.close()
    now = datetime.now(UTC).timestamp()
    if options.json:
        found = {
            "verb": "outbox",
            "waiting": asdict(waiting),
            "refused": asdict(refused),
            "trouble": trouble.message,
            "lines": [asdict(line) for line in lines],
        }
        print(json.dumps(found))
        return DONE
    rows = [
        (
            line.number,
            "refused" if line.reason else "waits",
            f"{line.bucket}.{line.measurement}",
            f"{line.rows:,}",
            f"{line.bytes:,}",
            span(now - line.kept),
            _iso(line.first),
            _iso(line.last),
        )
        for line in lines
    ]
    heads = ("first", "state", "measurement", "rows", "bytes", "since", "oldest point", "newest point")
    print(table(heads, rows) if rows else "the outbox is empty")
    for line in lines:
        if line.reason:
            print(f"{line.number}: {hints.whole(line.reason, options)}")
    if trouble.message and waiting.rows:
        said = hints.whole(trouble.message, options)
        print(f"deliveries have failed for {span(now - trouble.since)}: {said}")
    return DONE


def _show(options: argparse.Namespace, settings: Settings) -> int:
    """The lines of some parcels."""
    memory = Memory(settings.home / "state.db", frozen=True, more=SCHEMA)
    try:
        queue = Queue(memory.ledger)
        for one in _chosen(queue, options):
            state = f"refused: {one.reason}" if one.reason else "waits"
            print(f"{one.number}: {one.parcel.rows:,} rows of {one.parcel.bucket}.{one.measurement}; {state}")
            lines = unpack(one.parcel).decode("utf-8", "backslashreplace").splitlines()
            for line in lines[:_SHOWN]:
                print(f"  {line}")
            if len(lines) > _SHOWN:
                command = hints.whole(f"fieldline outbox export {one.number} --out FILE", options)
                print(f"  ... and {len(lines) - _SHOWN:,} more lines; {command}")
    finally:
        memory.close()
    return DONE


def _send(options: argparse.Namespace, settings: Settings) -> int:
    """Send all that waits now."""
    _need_a_server(settings)
    with locked(settings), opened(options, settings, options.newest) as work:
        assert work.outbox is not None
        work.outbox.try_now(options.newest)
        outcome = work.deliver()
        assert outcome is not None
    for note in outcome.notes:
        print(f"note: {hints.whole(note, options)}")
    print(
        ", ".join(f"{count:,} rows {name.replace('_', ' ')}" for name, count in outcome.deliveries.items())
        or outcome.message
    )
    if not outcome.ok:
        print(hints.whole(outcome.message, options), file=sys.stderr)
        return FAILED
    return QUARANTINED if outcome.deliveries["refused"] else DONE


def _retry(options: argparse.Namespace, settings: Settings) -> int:
    """Let refused rows wait again, and send them."""
    _need_a_server(settings)
    with locked(settings), opened(options, settings) as work:
        queue = Queue(work.memory.ledger)
        options.refused = True
        rows = queue.revive(one.number for one in _chosen(queue, options))
    print(f"{rows:,} refused rows wait again")
    return _send(options, settings) if rows else DONE


def _export(options: argparse.Namespace, settings: Settings) -> int:
    """Parcels of one bucket as a file of line protocol in nanoseconds; compressed, if its name ends in .gz."""
    if options.out is None:
        raise UsageError("export", "no --out", "a file to write to", "Add for example --out waiting.lp.gz.")
    memory = Memory(settings.home / "state.db", frozen=True, more=SCHEMA)
    try:
        chosen = _chosen(Queue(memory.ledger), options)
        if options.bucket:
            chosen = [one for one in chosen if one.parcel.bucket == options.bucket]
        buckets = sorted({one.parcel.bucket for one in chosen})
        if len(buckets) > 1:
            found = f"rows of the buckets {', '.join(buckets)}"
            raise UsageError("export", found, "those of one bucket", f"Add for example --bucket {buckets[0]}.")
        rows = _written(chosen, options.out) if chosen else 0
    except OSError as error:
        found = error.strerror or str(error)
        raise InputError(str(options.out), found, "a file that can be written", "Name another with --out.") from error
    finally:
        memory.close()
    if not rows:
        print("nothing to export; no file was written")
        return DONE
    print(f"{rows:,} rows of the bucket {buckets[0]} written to {options.out}, times in ns; they stay in the outbox")
    return DONE


def _written(chosen: Sequence[Waiting], out: Path) -> int:
    """Write the lines, all in one precision, so that the file can be loaded as it is; return how many."""
    part = out.with_name(out.name + ".part")
    with gzip.open(part, "wb") if out.suffix == ".gz" else part.open("wb") as file:
        for one in chosen:
            for line in split(unpack(one.parcel)):
                text, _, time = line.rstrip(b"\n").rpartition(b" ")
                file.write(b"%b %d\n" % (text, int(time) * _NS[one.parcel.precision]))
    put(part, out)
    return sum(one.parcel.rows for one in chosen)


def _drop(options: argparse.Namespace, settings: Settings) -> int:
    """Delete parcels for ever, once the person has said how many rows that is."""
    with locked(settings):
        memory = Memory(settings.home / "state.db", more=SCHEMA)
        try:
            queue = Queue(memory.ledger)
            chosen = _chosen(queue, options)
            rows = sum(one.parcel.rows for one in chosen)
            words = " ".join(["fieldline outbox drop", *map(str, options.numbers), "--refused" * options.refused])
            if options.rows != rows or not rows:
                print(f"this would delete {rows:,} rows for ever; nothing was deleted")
                if rows:
                    print(f"to do it, say how many: {hints.whole(words.strip(), options)} --rows {rows}")
                return DONE if options.rows is None else FAILED
            queue.done(one.number for one in chosen)
        finally:
            memory.close()
    print(f"{rows:,} rows were deleted from the outbox")
    return DONE


def _chosen(queue: Queue, options: argparse.Namespace) -> Sequence[Waiting]:
    """The parcels that a person named, or all that wait, or all that were refused.

    Raises: UsageError, when there is no such parcel.
    """
    numbers = options.numbers or queue.numbers(dead=options.refused)
    found = [(number, queue.get(number)) for number in numbers]
    for number, one in found:
        if one is None:
            raise UsageError("outbox", f"the number {number}", "the number of a parcel", "See `fieldline outbox`.")
    return [one for _, one in found if one is not None]


def _need_a_server(settings: Settings) -> None:
    if settings.store != "influxdb":
        raise ConfigError(["store: rows go to the embedded store at once; only with `store: influxdb` do they wait"])


def _iso(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
