"""What became of the jobs of a run: a table for people, an object for programs, a row of the measurement `runs`."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from ..manager import Outcome
from . import hints
from .show import table

log = logging.getLogger(__name__)

SHOWN = ("read", "written", "quarantined", "duplicates", "missing")
COUNTS = (*SHOWN, "late", "set_back")
FLAG_NAMES = {1: "good", 2: "not evaluated", 3: "suspect", 4: "fail", 9: "missing"}


def summary(outcome: Outcome, *without: str) -> dict[str, object]:
    """An outcome as plain values, for --json and the measurement `runs`."""
    counts = {name: outcome.total(name) for name in COUNTS}
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
    values = {
        "job": outcome.job,
        "ok": outcome.ok,
        **counts,
        "bytes": outcome.parsed,
        "flags": {FLAG_NAMES[flag]: count for flag, count in sorted(outcome.flags.items())},
        "seconds": round(outcome.seconds, 3),
        "message": outcome.message,
        **outcome.deliveries,
    }
    return {name: value for name, value in {**values, "tables": tables}.items() if name not in without}


def as_row(outcome: Outcome) -> dict[str, object]:
    """An outcome as a row of the measurement `runs`; `values_fail` and the like count the flags."""
    values = summary(outcome, "tables", "flags")
    flags = {f"values_{name.replace(' ', '_')}": outcome.flags[flag] for flag, name in FLAG_NAMES.items()}
    return {**values, **flags, "message": textwrap.shorten(outcome.message, 500)}


def report(outcomes: Sequence[Outcome], options: argparse.Namespace, queued: bool = False) -> None:
    """Print what became of the jobs: for people a table, problems on standard error; with --json an object.

    queued: rows went to the outbox, which says by itself what it has delivered.
    """
    rows = [
        (
            outcome.job if options.verb == "run" else Path(outcome.job).name,
            f"{one.layout.bucket}.{one.layout.measurement}",
            *(f"{getattr(one, name):,}" for name in SHOWN),
            f"{one.flags[3] + one.flags[4]:,}",
            _stamp(one.newest) or "-",
            f"{one.seconds:.2f}",
        )
        for outcome in outcomes
        for one in outcome.tallies
    ]
    written = "would write" if options.dry_run else "queued" if queued else "written"
    counts = [name if name != "written" else written for name in SHOWN]
    heads = ("job", "measurement", *counts, "flagged", "newest", "seconds")
    if rows:
        print(table(heads, rows))
    for outcome in outcomes:
        _tell(outcome, options)
    if options.dry_run:
        print("a dry run: nothing was written")
    elif not rows and options.verb != "new-db" and all(one.ok and not one.deliveries for one in outcomes):
        print("nothing new")
    if options.json:
        print(json.dumps({"verb": options.verb, "jobs": [summary(outcome) for outcome in outcomes]}))


def _tell(outcome: Outcome, options: argparse.Namespace) -> None:
    """Print the notes of a job and what went wrong in it, and put a line into the log."""
    for note in outcome.notes:
        print(f"note: {hints.whole(note, options)}")
    if outcome.ok and any(outcome.deliveries.values()):
        print(f"{outcome.job}: {_sent(outcome)}")
    if not outcome.ok:
        named = outcome.message.startswith(outcome.job)
        message = hints.whole(outcome.message, options)
        print(message if named else f"{outcome.job}: {message}", file=sys.stderr)
    log.info("%s: %s", outcome.job, in_words(outcome))


def _sent(outcome: Outcome) -> str:
    """What the outbox did; its numbers count the rows of the measurement `runs`, too."""
    done = outcome.deliveries
    words = f"{done.get('delivered', 0):,} rows delivered (those of `runs` among them)"
    if done.get("judged_again"):
        words += f" and the flags of {done['judged_again']:,} judged again"
    refused = f", {done['refused']:,} refused" if done.get("refused") else ""
    waits = f"{done['waiting']:,} wait" if done.get("waiting") else "none waits"
    return f"{words}{refused}, {waits}"


def in_words(outcome: Outcome) -> str:
    """An outcome as a line of the log: what is not nothing."""
    counts = [f"{name.replace('_', ' ')} {outcome.total(name):,}" for name in COUNTS if outcome.total(name)]
    flags = [f"{FLAG_NAMES[flag]} {count:,}" for flag, count in sorted(outcome.flags.items())]
    sent = [f"{name.replace('_', ' ')} {count:,}" for name, count in outcome.deliveries.items()]
    parts = [", ".join([*counts, *sent]) or "nothing new", f"flags: {', '.join(flags)}" if flags else ""]
    words = "ok" if outcome.ok else f"failed: {outcome.message}"
    return "; ".join(part for part in (words, *parts, f"{outcome.seconds:.2f} s") if part)


def _stamp(time: object) -> str | None:
    """A time as ISO 8601 with Z."""
    return None if time is None else str(time).replace(" ", "T").replace("+00:00", "Z")
