"""What is remembered from run to run, in one SQLite file of the home: how far each file has been read, and the runs.

A place moves on in the same transaction as the counts that go with it, and only when the rows are stored. What is lost
here costs time, not rows: a file of which nothing is known is read from its start, and repeats are harmless.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..ledger import Damaged, Ledger, check, proof, set_aside
from ..ports import Kind
from ..readers.header import parse
from .archive import Archive
from .pieces import Place

log = logging.getLogger(__name__)

SCHEMA = """
CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, state BLOB, head BLOB, mark BLOB, lines BLOB, proof INTEGER);
CREATE TABLE IF NOT EXISTS tables (path TEXT, name TEXT, state TEXT, proof INTEGER, PRIMARY KEY (path, name));
CREATE TABLE IF NOT EXISTS aside (path TEXT, line BLOB, PRIMARY KEY (path, line)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (time INTEGER, row TEXT, proof INTEGER);
"""
_SMALL = ("files", "tables", "aside", "runs", "notes")


@dataclass
class TableSeen:
    """What is known of one table in one file. newest, last, interval: nanoseconds; the counts are over all runs.

    newest: the largest stamp. last: the stamp of the last row, which is another when the clock was set back. record:
    the highest number since the numbers last began anew. names: the columns of the header over the last
    rows.
    """

    bucket: str
    measurement: str
    newest: int | None = None
    last: int | None = None
    record: int | None = None
    interval: int | None = None
    kinds: dict[str, Kind] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    read: int = 0
    quarantined: int = 0
    duplicates: int = 0
    missing: int = 0
    late: int = 0
    set_back: int = 0


@dataclass
class FileSeen:
    """What is known of one file: the place reached, its tables by name, when rows last came, what is wrong with it.

    replaced: whether the last rows came because the file was not the one read before. tail: the digest of a last line
    behind the place that was taken without its line end.
    """

    place: Place = field(default_factory=Place)
    tables: dict[str, TableSeen] = field(default_factory=dict)
    changed: float | None = None
    trouble: str = ""
    replaced: bool = False
    tail: str = ""


class Memory:
    """The state of a home. None as the path: nothing is known and nothing is kept.

    A file that is damaged is set aside and begun anew; `frozen`, it counts as empty. ledger: the file, for what else is
    to be kept in it. fresh: whether it was begun anew, by this run or one that did not come to its end.
    """

    def __init__(self, path: Path | None, *, frozen: bool = False, more: str = "") -> None:
        """Open or make the file at `path`; `frozen`: never write to it (a dry run). more: other tables.

        Raises: Unreachable, when it can't be opened now.
        """
        try:
            self.ledger, self.files = _opened(path, more, frozen)
        except Damaged as damage:
            log.warning("%s: %s", path, damage)
            if path is not None and not frozen:
                log.warning("it was set aside as %s; every file is read again from its start", set_aside(path))
            else:
                path = None
            self.ledger, self.files = _opened(path, more, frozen)
        self.fresh = self.ledger.fresh

    def file(self, path: Path) -> FileSeen:
        """What is known of `path`."""
        return self.files.setdefault(key(path), FileSeen())

    def forget(self) -> None:
        """Forget how far files have been read: the store that had their rows is gone."""
        self.files = {}
        with self.ledger.transaction() as db:
            db.execute("DELETE FROM files")
            db.execute("DELETE FROM tables")

    def save(self, path: Path, seen: FileSeen, aside: Sequence[bytes] = ()) -> None:
        """Remember the place reached, the counts and the lines set aside, durably, at once or not at all."""
        place, name = seen.place, key(path)
        state = json.dumps([place.offset, place.line, place.size, place.modified, *_condition(seen)])
        values = (name, state, place.head, place.mark, place.lines)
        with self.ledger.transaction() as db:
            db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)", (*values, proof(values)))
            for table, one in seen.tables.items():
                of_table = (name, table, json.dumps(vars(one)))
                db.execute("INSERT OR REPLACE INTO tables VALUES (?, ?, ?, ?)", (*of_table, proof(of_table)))
            db.executemany("INSERT OR IGNORE INTO aside VALUES (?, ?)", [(name, line) for line in aside])

    def trouble(self, path: Path, text: str) -> None:
        """Remember that a file can't be read now, or that it can again (empty text)."""
        seen = self.file(path)
        if seen.trouble != text:
            seen.trouble = text
            self.save(path, seen)

    def is_aside(self, path: Path, line: bytes) -> bool:
        """Whether a line of `path`, as its `digest`, was set aside before."""
        with self.ledger.reading() as db:
            found = db.execute("SELECT 1 FROM aside WHERE path = ? AND line = ?", (key(path), line))
            return found.fetchone() is not None

    def archived(self, archive: Archive) -> int:
        """The number under which bytes were last kept."""
        known = self.note("archived")
        return archive.newest() if known is None else int(known)

    def add_runs(self, time: int, rows: Sequence[dict[str, Any]]) -> None:
        """Keep what became of the jobs of one run until the store takes it. time: nanoseconds since 1970, UTC."""
        with self.ledger.transaction() as db:
            values = [(time, json.dumps(row)) for row in rows]
            db.executemany("INSERT INTO runs VALUES (?, ?, ?)", [(*one, proof(one)) for one in values])

    def runs(self) -> list[tuple[int, dict[str, Any]]]:
        """The rows that the store has not taken yet, oldest first."""
        with self.ledger.reading() as db:
            found = db.execute("SELECT time, row, proof FROM runs ORDER BY time").fetchall()
        return [(time, json.loads(row)) for time, row, saved in found if saved == proof((time, row))]

    def drop_runs(self, until: int) -> None:
        """Forget the rows that the store has taken."""
        with self.ledger.transaction() as db:
            db.execute("DELETE FROM runs WHERE time <= ?", (until,))

    def note(self, name: str) -> str | None:
        """A remembered word, or None."""
        return self.ledger.note(name)

    def keep_notes(self, **notes: str) -> None:
        """Remember words by name."""
        self.ledger.keep_notes(**notes)

    def close(self) -> None:
        """Let go of the file."""
        self.ledger.close()


def _opened(path: Path | None, more: str, frozen: bool) -> tuple[Ledger, dict[str, FileSeen]]:
    """The file, and what it knows of files. Raises: Damaged, Unreachable."""
    ledger = Ledger(path, SCHEMA + more, small=_SMALL, frozen=frozen)
    try:
        return ledger, _files(ledger)
    except BaseException:
        ledger.close()
        raise


def _condition(seen: FileSeen) -> tuple[float | None, str, bool, str]:
    return seen.changed, seen.trouble, seen.replaced, seen.tail


def _files(ledger: Ledger) -> dict[str, FileSeen]:
    """All that is known of files. Raises: Damaged, when a row is not what was saved."""
    files = {}
    with ledger.reading() as db:
        for *values, saved in db.execute("SELECT * FROM files"):
            check(ledger, values, saved)
            path, state, head, mark, lines = values
            offset, line, size, modified, *condition = json.loads(state)
            place = Place(head, offset, mark, line, _header(lines, path), lines, size, modified)
            files[path] = FileSeen(place, {}, *condition)
        for *values, saved in db.execute("SELECT * FROM tables"):
            check(ledger, values, saved)
            path, name, state = values
            files.setdefault(path, FileSeen()).tables[name] = TableSeen(**json.loads(state))
    return files


def _header(lines: bytes, path: str) -> Any:
    try:
        return parse(lines.splitlines(keepends=True), path) if lines else None
    except InputError as error:
        raise Damaged(f"found a header that can't be read ({error})") from error


def digest(text: str) -> bytes:
    """What is remembered of a line that was set aside."""
    return hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=12).digest()


def key(path: Path) -> str:
    """One name for one file, however it was written."""
    return os.path.normcase(path.absolute())
