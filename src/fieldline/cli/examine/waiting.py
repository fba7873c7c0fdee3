"""What waits or was set aside in the home: outbox, quarantine, raw archive; also for `fieldline status`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ...outbox import SCHEMA, Queue, Trouble
from ...settings import Settings
from ...sources.archive import Archive
from ...sources.memory import Memory
from ..show import counted, span
from . import Finding, Visit, ok, warn

WARN, FULL = 50, 80  # [%] of the cap of the outbox, as its own warnings
_DAY = 86_400  # [s]
_COUNTED = 64 * 2**20  # [bytes] of a file of the quarantine in which rows are counted


@dataclass(frozen=True)
class Waiting:
    """The outbox in a few figures. oldest: since when the first row waits; None: none does. full: of its cap. [%]

    trouble: why the last delivery failed; since: since when.
    """

    rows: int = 0
    oldest: str | None = None
    bytes: int = 0
    full: float = 0.0
    refused: int = 0
    trouble: str = ""
    since: str | None = None


def outbox(settings: Settings) -> Waiting:
    """The outbox of a home, as the last run left it. Raises: Unreachable, Damaged."""
    memory = Memory(settings.home / "state.db", frozen=True, more=SCHEMA)
    try:
        return outbox_of(memory, settings)
    finally:
        memory.close()


def outbox_of(memory: Memory, settings: Settings) -> Waiting:
    """The outbox beside the memory of the runs (opened with its SCHEMA). Raises: Unreachable, Damaged."""
    queue = Queue(memory.ledger)
    depth, dead, trouble = queue.depth(), queue.depth(dead=True), Trouble.of(queue)
    kept = [line.kept for line in queue.overview() if not line.reason] if depth.rows else []
    failing = trouble.message if depth.rows else ""
    return Waiting(
        depth.rows,
        _iso(min(kept)) if kept else None,
        depth.bytes,
        round(100 * depth.bytes / (settings.outbox.megabytes * 1_000_000), 1),
        dead.rows,
        failing,
        _iso(trouble.since) if failing and trouble.since else None,
    )


def in_words(one: Waiting, now: datetime) -> str:
    """The outbox in a line."""
    if not one.rows:
        text = "empty"
    else:
        text = f"{one.rows:,} rows wait, the oldest for {_age(one.oldest, now)}; {one.full:g} % full"
    if one.refused:
        text += f"; {one.refused:,} rows were refused"
    if one.trouble:
        failing = f"deliveries fail for {_age(one.since, now)}" if one.since else "deliveries fail"
        text += f"; {failing}: {' '.join(one.trouble.split())}"
    return text


def look(visit: Visit) -> Iterator[Finding]:
    """Findings about the outbox."""
    one = outbox(visit.settings)
    text = in_words(one, visit.now)
    if visit.settings.store != "influxdb":
        if one.rows or one.refused:
            remedy = "They wait for an InfluxDB: write `store: influxdb`, or `fieldline outbox export` and then drop."
            yield warn("outbox", text, remedy)
        return
    if one.full >= FULL:
        yield warn("outbox", text, "At 100 % the oldest rows are deleted: mend the connection, or raise the cap.")
    elif one.trouble or one.full >= WARN:
        yield warn("outbox", text, "Nothing is lost: the next run tries again; now: fieldline outbox send")
    elif one.refused:
        yield warn("outbox", text, "See why with: fieldline outbox show --refused; then retry, export or drop them.")
    else:
        yield ok("outbox", text)


def quarantine(visit: Visit) -> Iterator[Finding]:
    """Findings about rows that could not be read."""
    folder = visit.settings.home / "quarantine"
    files = sorted(folder.glob("*.jsonl"))
    since = visit.now.timestamp() - _DAY
    fresh = [path for path in files if path.stat().st_mtime > since]
    if not fresh:
        text = f"nothing new in 24 h ({len(files)} older files in {folder})" if files else "empty"
        yield ok("quarantine", text)
        return
    rows = sum(count(path) for path in fresh)
    names = ", ".join(path.name for path in fresh[:5]) + ", ..." * (len(fresh) > 5)
    grown = counted(len(fresh), "file has grown", "files have grown")
    yield warn(
        "quarantine",
        f"{grown} in the last 24 h, with {counted(rows, 'row')} in all: {names}",
        f"Look into {folder}: each line says file, line and reason.",
    )


def count(path: Path) -> int:
    """How many rows there are in a file of the quarantine, in its first 64 MiB."""
    with path.open("rb") as file:
        return file.read(_COUNTED).count(b"\n")


def archive_size(settings: Settings) -> int:
    """How much room the raw archive takes. [bytes]"""
    return Archive(settings.home / "archive").size()


def archive_in_words(settings: Settings) -> str:
    """The raw archive in a line."""
    own = settings.archive
    most = f"of at most {own.megabytes:,} MB" if own.megabytes else "without a limit of its size"
    kept = f"kept {own.keep_days} days" if own.keep_days else "kept for ever"
    return f"{archive_size(settings) / 1e6:,.1f} MB {most}; {kept}"


def archive(visit: Visit) -> Iterator[Finding]:
    """Findings about the raw archive; its members are not read, which would take long."""
    own, text = visit.settings.archive, archive_in_words(visit.settings)
    if own.megabytes is None and own.keep_days is None:
        yield warn("archive", text, "Nothing is ever deleted there: set `archive.keep_days` or `archive.megabytes`.")
    else:
        yield ok("archive", text)


def _age(then: str | None, now: datetime) -> str:
    return span((now - datetime.fromisoformat(then)).total_seconds()) if then else "-"


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
