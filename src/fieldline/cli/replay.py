"""`fieldline replay`: bring rows from the raw archive again, to where the configuration says today."""

from __future__ import annotations

import argparse
import functools
import sys

import pandas as pd

from ..errors import UsageError
from ..manager import pump
from ..settings import Settings
from ..sources.archive import Archive
from . import DONE, FAILED, QUARANTINED, hints
from .archived import ns, replay
from .configured import checker, load_settings, locked
from .progress import Progress
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
        progress = Progress(open_.store, lambda rows: f"{rows:,} rows") if sys.stderr.isatty() else None
        pump(source, progress or open_.store, open_.memory.ledger.together)
        if progress is not None:
            progress.close()
        outcome = open_.deliver()
    rows = [(name, f"{count:,}") for name, count in source.rows.items()]
    print(table(("measurement", "rows"), rows) if rows else "the archive has no rows of that time")
    for problem in problems:
        print(problem, file=sys.stderr)
    for note in outcome.notes if outcome is not None else ():
        print(f"note: {hints.whole(note, options)}")
    if outcome is not None and outcome.message != "ok":
        print(hints.whole(outcome.message, options), file=sys.stderr)
    if problems or (outcome is not None and not outcome.ok):
        return FAILED
    return QUARANTINED if outcome is not None and outcome.deliveries.get("refused") else DONE


def _show(settings: Settings, start: pd.Timestamp | None, end: pd.Timestamp | None) -> int:
    """Say what there is, by station, table and file."""
    found: dict[tuple[str, str, str], list[int]] = {}
    problems: list[str] = []
    archive = Archive(settings.home / "archive")
    for entry in archive.entries(start=ns(start), end=ns(end), problems=problems):
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
