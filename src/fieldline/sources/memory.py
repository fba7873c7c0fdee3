"""What is remembered from run to run, in one SQLite file of the home: how far each file has been read, and the runs.

A place moves on in the same transaction as the counts that go with it, and only when the rows are stored. What is lost
here costs time, not rows: a file of which nothing is known is read from its start, and repeats are harmless.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sqlite3
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InputError, Unreachable
from ..ports import Kind
from ..readers.header import parse
from .pieces import Place

log = logging.getLogger(__name__)

_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, state BLOB, head BLOB, mark BLOB, lines BLOB, proof INTEGER);
CREATE TABLE IF NOT EXISTS tables (path TEXT, name TEXT, state TEXT, proof INTEGER, PRIMARY KEY (path, name));
CREATE TABLE IF NOT EXISTS aside (path TEXT, line BLOB, PRIMARY KEY (path, line)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (time INTEGER, row TEXT, proof INTEGER);
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT, proof INTEGER);
"""
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@dataclass
class TableSeen:
    """What is known of one table in one file. newest, last, interval: nanoseconds; the counts are over all runs.

    newest: the largest stamp. last: the stamp of the last row, which is another when the clock was set back. record:
    the highest number since the numbers last began anew.
    """

    bucket: str
    measurement: str
    newest: int | None = None
    last: int | None = None
    record: int | None = None
    interval: int | None = None
    kinds: dict[str, Kind] = field(default_factory=dict)
    read: int = 0
    quarantined: int = 0
    duplicates: int = 0
    missing: int = 0
    late: int = 0
    set_back: int = 0


@dataclass
class FileSeen:
    """What is known of one file: the place reached, its tables by name, when rows last came, what is wrong with it.

    replaced: whether the last rows came because the file was not the one read before.
    """

    place: Place = field(default_factory=Place)
    tables: dict[str, TableSeen] = field(default_factory=dict)
    changed: float | None = None
    trouble: str = ""
    replaced: bool = False


class Memory:
    """The state of a home. None as the path: nothing is known and nothing is kept.

    A file that is damaged is set aside and begun anew; `frozen`, it counts as empty.
    """

    def __init__(self, path: Path | None, *, frozen: bool = False) -> None:
        """Open or make the file at `path`; `frozen`: never write to it (a dry run).

        Raises: Unreachable, when it can't be opened now.
        """
        self._frozen = frozen or path is None
        self._path = path if path is not None and (not frozen or (path.exists() and path.stat().st_size)) else None
        try:
            self._db, self.files = self._opened()
        except _Damaged as damage:
            log.warning("%s: %s", path, damage)
            if path is not None and not frozen:
                log.warning("it was set aside as %s; every file is read again from its start", _set_aside(path))
            else:
                self._path = None
            self._db, self.files = self._opened()

    def _opened(self) -> tuple[sqlite3.Connection, dict[str, FileSeen]]:
        """The database, and what it knows of files. Raises: _Damaged, Unreachable."""
        with self._told():
            db = sqlite3.connect(self._path or ":memory:", isolation_level=None, timeout=30)
            db.text_factory = _text
            try:
                (version,) = db.execute("PRAGMA user_version").fetchone()
                (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
                if found != "ok":
                    raise _Damaged(f"found a damaged file ({found}), expected the state of the runs")
                if version not in (0, _VERSION) or (not version and _has_tables(db)):
                    raise _Damaged(f"found the form {version} of another version of fieldline, expected {_VERSION}")
                if self._path and not self._frozen:
                    db.execute("PRAGMA journal_mode=WAL")
                    db.execute("PRAGMA synchronous=FULL")
                if not version and self._frozen and self._path:  # the run that makes it has only just begun
                    db.close()
                    db = sqlite3.connect(":memory:", isolation_level=None)
                if not version:
                    db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version={_VERSION}; COMMIT;")
                files = _files(db) if version else {}
            except BaseException:
                db.close()
                raise
        return db, files

    def file(self, path: Path) -> FileSeen:
        """What is known of `path`."""
        return self.files.setdefault(key(path), FileSeen())

    def forget(self) -> None:
        """Forget how far files have been read: the store that had their rows is gone."""
        self.files = {}
        with self._transaction():
            self._db.execute("DELETE FROM files")
            self._db.execute("DELETE FROM tables")

    def save(self, path: Path, seen: FileSeen, aside: Sequence[bytes] = ()) -> None:
        """Remember the place reached, the counts and the lines set aside, durably, at once or not at all."""
        place, name = seen.place, key(path)
        state = json.dumps([place.offset, place.line, place.size, place.modified, *_condition(seen)])
        values = (name, state, place.head, place.mark, place.lines)
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)", (*values, _proof(values)))
            for table, one in seen.tables.items():
                of_table = (name, table, json.dumps(vars(one)))
                self._db.execute("INSERT OR REPLACE INTO tables VALUES (?, ?, ?, ?)", (*of_table, _proof(of_table)))
            self._db.executemany("INSERT OR IGNORE INTO aside VALUES (?, ?)", [(name, line) for line in aside])

    def trouble(self, path: Path, text: str) -> None:
        """Remember that a file can't be read now, or that it can again (empty text)."""
        seen = self.file(path)
        if seen.trouble != text:
            seen.trouble = text
            self.save(path, seen)

    def is_aside(self, path: Path, line: bytes) -> bool:
        """Whether a line of `path`, as its `digest`, was set aside before."""
        with self._told():
            found = self._db.execute("SELECT 1 FROM aside WHERE path = ? AND line = ?", (key(path), line))
            return found.fetchone() is not None

    def add_runs(self, time: int, rows: Sequence[dict[str, Any]]) -> None:
        """Keep what became of the jobs of one run until the store takes it. time: nanoseconds since 1970, UTC."""
        with self._transaction():
            values = [(time, json.dumps(row)) for row in rows]
            self._db.executemany("INSERT INTO runs VALUES (?, ?, ?)", [(*one, _proof(one)) for one in values])

    def runs(self) -> list[tuple[int, dict[str, Any]]]:
        """The rows that the store has not taken yet, oldest first."""
        with self._told():
            found = self._db.execute("SELECT time, row, proof FROM runs ORDER BY time").fetchall()
        return [(time, json.loads(row)) for time, row, proof in found if proof == _proof((time, row))]

    def drop_runs(self, until: int) -> None:
        """Forget the rows that the store has taken."""
        with self._transaction():
            self._db.execute("DELETE FROM runs WHERE time <= ?", (until,))

    def note(self, name: str) -> str | None:
        """A remembered word, or None."""
        with self._told():
            found = self._db.execute("SELECT value, proof FROM notes WHERE name = ?", (name,)).fetchone()
        return found[0] if found and found[1] == _proof((name, found[0])) else None

    def keep_notes(self, **notes: str) -> None:
        """Remember words by name."""
        with self._transaction():
            values = [(*one, _proof(one)) for one in notes.items()]
            self._db.executemany("INSERT OR REPLACE INTO notes VALUES (?, ?, ?)", values)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._told():
            self._db.execute("BEGIN" if self._frozen else "BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("ROLLBACK" if self._frozen else "COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk ends it without being asked
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        """SQLite's errors as ours."""
        try:
            yield
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
                raise _Damaged(f"found a damaged file ({error}), expected the state of the runs") from error
            raise Unreachable(
                f"{self._path}: found {error}, expected to keep the state of the runs.\n"
                "  Rows that were stored stay stored, and are only repeated. Free disk space, or give the account that "
                "runs fieldline the right to write there."
            ) from error


class _Damaged(Unreachable):
    """The state can't be used; the next run begins it anew."""


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


def _has_tables(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None


def _condition(seen: FileSeen) -> tuple[float | None, str, bool]:
    return seen.changed, seen.trouble, seen.replaced


def _files(db: sqlite3.Connection) -> dict[str, FileSeen]:
    """All that is known of files. Raises: _Damaged, when a row is not what was saved."""
    files = {}
    for *values, proof in db.execute("SELECT * FROM files"):
        _check(values, proof)
        path, state, head, mark, lines = values
        offset, line, size, modified, changed, trouble, replaced = json.loads(state)
        place = Place(head, offset, mark, line, _header(lines, path), lines, size, modified)
        files[path] = FileSeen(place, {}, changed, trouble, replaced)
    for *values, proof in db.execute("SELECT * FROM tables"):
        _check(values, proof)
        path, name, state = values
        files.setdefault(path, FileSeen()).tables[name] = TableSeen(**json.loads(state))
    return files


def _header(lines: bytes, path: str) -> Any:
    try:
        return parse(lines.splitlines(keepends=True), path) if lines else None
    except InputError as error:
        raise _Damaged(f"found a header that can't be read ({error})") from error


def _check(values: Sequence[object], proof: object) -> None:
    if proof != _proof(values):
        raise _Damaged(f"found a damaged row ({values[0]!r:.80}), expected what was saved")


def _proof(values: Sequence[object]) -> int:
    """A check sum: a flipped bit of a disk must not become a wrong place, or the name of another column."""
    return zlib.crc32(repr(tuple(values)).encode("utf-8", "backslashreplace"))


def _set_aside(path: Path) -> Path:
    """Rename the database and what belongs to it; the log first, which must not be applied to a new one."""
    kept = path.with_name(f"{path.name}.corrupt-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
    try:
        for end in ("-wal", "-shm", ""):
            part = path.with_name(path.name + end)
            if part.exists():
                part.replace(kept.with_name(kept.name + end))
    except OSError as error:
        raise Unreachable(
            f"{path}: found damage, expected to rename the file, which fails ({error.strerror or error}).\n"
            "  Close the program that has it open, or delete it: the next run reads every file again."
        ) from error
    return kept


def digest(text: str) -> bytes:
    """What is remembered of a line that was set aside."""
    return hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=12).digest()


def key(path: Path) -> str:
    """One name for one file, however it was written."""
    return os.path.normcase(path.absolute())
