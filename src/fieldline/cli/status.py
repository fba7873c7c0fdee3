"""`fieldline status`: how every file and table is doing, from the memory of the runs alone."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..clock import at
from ..outbox import SCHEMA
from ..settings import Settings
from ..sources.memory import FileSeen, Memory, TableSeen
from ..sources.memory import key as file_key
from . import hints
from .configured import load_settings
from .examine import place, waiting
from .show import coloured, span, table

_COLOURS = {"growing": "32", "replaced": "32", "waiting": "33", "silent": "31", "gone": "31", "trouble": "31"}
_GRACE = 30 * 60  # [s] a record may be late by this much, or by three intervals, before its table counts as silent


@dataclass(frozen=True)
class Line:
    """One table of one file. Times as ISO 8601 UTC, age and interval in seconds; None where nothing is known."""

    job: str
    file: str
    table: str
    state: str
    read: int = 0
    quarantined: int = 0
    duplicates: int = 0
    missing: int = 0
    late: int = 0
    set_back: int = 0
    newest: str | None = None
    age: float | None = None
    interval: float | None = None
    changed: str | None = None
    trouble: str = ""


def main(options: argparse.Namespace) -> int:
    """Print the state of the last run and of every table."""
    settings, now = load_settings(options), datetime.now(UTC)
    remote = settings.store == "influxdb"
    memory = Memory(settings.home / "state.db", frozen=True, more=SCHEMA if remote else "")
    try:
        lines = list(_lines(settings, options.project, memory, now))
        began, ended, status = (memory.note(name) for name in ("began", "ended", "status"))
        outbox = waiting.outbox_of(memory, settings) if remote else None
    finally:
        memory.close()
    if options.json:
        own = settings.archive
        archive = {"bytes": waiting.archive_size(settings), "megabytes": own.megabytes, "keep_days": own.keep_days}
        report = {
            "verb": "status",
            "home": str(settings.home),
            "run": {"began": began, "ended": ended, "status": status and int(status)},
            "outbox": outbox and asdict(outbox),
            "archive": archive,
            "disk": place.room(settings.home),
            "tables": [asdict(line) for line in lines],
        }
        print(json.dumps(report))
        return 0
    print(_last_run(began, ended, status, now, settings.every_minutes))
    if outbox is not None:
        print(f"outbox: {hints.whole(waiting.in_words(outbox, now), options)}")
    if full := place.room(settings.home):
        print(full)
    print(f"archive: {waiting.archive_in_words(settings)}")
    heads = ("job", "file", "table", "read", "quarantined", "missing", "newest", "age", "every", "state")
    names = _names(lines)
    rows = [_cells(line, name) for line, name in zip(lines, names, strict=True)]
    print(table(heads, rows, _painter(lines)) if lines else "no file is configured")
    for line in lines:
        if line.trouble:
            print(hints.whole(line.trouble, options))
    return 0


def _lines(settings: Settings, project: Path, memory: Memory, now: datetime) -> Iterator[Line]:
    """One line a table of each configured file and of each other one that was read; one for a pattern without files."""
    shown = set[str]()
    for job in settings.jobs:
        for pattern in job.files:
            paths = job.expand(pattern, project)
            if not paths:
                yield Line(job.name, pattern, "-", "waiting", trouble=f"{pattern}: no file of this name yet")
            for path in paths:
                shown.add(file_key(path))
                yield from _of_file(job.name, str(path), memory.files.get(file_key(path), FileSeen()), now)
    for name in sorted(memory.files.keys() - shown):
        yield from _of_file("-", name, memory.files[name], now)


def _of_file(job: str, path: str, seen: FileSeen, now: datetime) -> Iterator[Line]:
    if not seen.tables:
        yield Line(job, path, "-", "trouble" if seen.trouble else "waiting", trouble=seen.trouble)
    for name, one in seen.tables.items():
        yield _line(job, path, name, seen, one, now)


def _line(job: str, path: str, name: str, seen: FileSeen, one: TableSeen, now: datetime) -> Line:
    newest = at(one.newest) if one.newest is not None else None
    age = (now - newest).total_seconds() if newest else None
    interval = one.interval / 1e9 if one.interval else None
    return Line(
        job,
        path,
        name,
        "gone" if _is_gone(path) else _state(seen, age, interval),
        one.read,
        one.quarantined,
        one.duplicates,
        one.missing,
        one.late,
        one.set_back,
        newest.isoformat().replace("+00:00", "Z") if newest else None,
        round(age, 1) if age is not None else None,
        interval,
        datetime.fromtimestamp(seen.changed, UTC).isoformat(timespec="seconds") if seen.changed else None,
        seen.trouble,
    )


def _is_gone(path: str) -> bool:
    """Whether there is no such file; one that can't be looked at (a share without a login) is not gone."""
    try:
        Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _state(seen: FileSeen, age: float | None, interval: float | None) -> str:
    """One word for a file that is there: trouble, waiting (no record yet), silent (overdue), replaced or growing."""
    if seen.trouble:
        return "trouble"
    if age is None:
        return "waiting"
    every = interval or 86_400  # one row alone may be of a daily table
    if age > max(3 * every, every + _GRACE):
        return "silent"
    return "replaced" if seen.replaced else "growing"


def _last_run(began: str | None, ended: str | None, status: str | None, now: datetime, every_minutes: int) -> str:
    if began is None:
        return "no run yet"
    seconds = (now - datetime.fromisoformat(began)).total_seconds()
    end = "it has not come to its end" if not ended or ended < began else f"it ended with exit status {status}"
    return f"last run: {span(seconds)} ago; {end}" + (
        "; is the schedule still on?" if seconds > 3 * every_minutes * 60 else ""
    )


def _names(lines: list[Line]) -> list[str]:
    """How each file is called: by its name alone, or by its whole path where two are called so; a pattern as it is."""
    files = {line.file for line in lines}
    often = Counter(Path(file).name for file in files)
    return [
        line.file if often[Path(line.file).name] > 1 or set("*?[") & set(line.file) else Path(line.file).name
        for line in lines
    ]


def _cells(line: Line, name: str) -> tuple[str, ...]:
    return (
        line.job,
        name,
        line.table,
        f"{line.read:,}",
        f"{line.quarantined:,}",
        f"{line.missing:,}",
        line.newest or "-",
        span(line.age),
        span(line.interval),
        line.state,
    )


def _painter(lines: list[Line]) -> list[str]:
    """A colour for each line, if a person looks at a terminal."""
    return [_COLOURS[line.state] for line in lines] if coloured(sys.stdout) else []
