"""What is remembered from run to run, in one SQLite file of the home: how far each file has been read, and the runs.

A place moves on in the same transaction as the counts that go with it, and only when the rows are stored.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..ports import Kind
from ..readers.header import parse
from .pieces import Place

_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, head BLOB, offset INTEGER, mark BLOB, line INTEGER, header BLOB, changed REAL,
    trouble TEXT, replaced INTEGER);
CREATE TABLE IF NOT EXISTS tables (
    path TEXT, name TEXT, bucket TEXT, measurement TEXT, newest INTEGER, record INTEGER, interval INTEGER, kinds TEXT,
    read INTEGER, quarantined INTEGER, duplicates INTEGER, missing INTEGER, PRIMARY KEY (path, name));
CREATE TABLE IF NOT EXISTS backups (path TEXT, size INTEGER, changed INTEGER, PRIMARY KEY (path, size, changed));
CREATE TABLE IF NOT EXISTS runs (time INTEGER, row TEXT);
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT);
"""


@dataclass
class TableSeen:
    """What is known of one table in one file. newest, interval: nanoseconds; the counts are over all runs."""

    bucket: str
    measurement: str
    newest: int | None = None
    record: int | None = None
    interval: int | None = None
    kinds: dict[str, Kind] = field(default_factory=dict)
    read: int = 0
    quarantined: int = 0
    duplicates: int = 0
    missing: int = 0


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
    """The state of a home. None as the path: nothing is known and nothing is kept."""

    def __init__(self, path: Path | None, *, frozen: bool = False) -> None:
        """Open or make the file at `path`; `frozen`: never write to it (a dry run)."""
        self._frozen = frozen or path is None
        known = path is not None and (path.exists() or not frozen)
        self._db = sqlite3.connect(path if known and path else ":memory:", isolation_level=None, timeout=30)
        if known and not frozen:
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
        if not (frozen and known):
            self._db.executescript(_SCHEMA)
        self.files = self._load()

    def _load(self) -> dict[str, FileSeen]:
        files = {}
        for path, head, offset, mark, line, header, *state in self._db.execute("SELECT * FROM files"):
            lines = header.splitlines(keepends=True) if header else []
            place = Place(head or b"", offset, mark or b"", line, parse(lines, path) if lines else None, header or b"")
            changed, trouble, replaced = state
            files[path] = FileSeen(place, {}, changed, trouble, bool(replaced))
        for path, name, *values in self._db.execute("SELECT * FROM tables"):
            bucket, measurement, newest, record, interval, kinds, *counts = values
            seen = TableSeen(bucket, measurement, newest, record, interval, json.loads(kinds), *counts)
            files.setdefault(path, FileSeen()).tables[name] = seen
        return files

    def file(self, path: Path) -> FileSeen:
        """What is known of `path`."""
        return self.files.setdefault(key(path), FileSeen())

    def forget(self) -> None:
        """Forget how far files have been read: the store that had their rows is gone."""
        self.files = {}
        with self._transaction():
            self._db.execute("DELETE FROM files")
            self._db.execute("DELETE FROM tables")

    def save(self, path: Path, seen: FileSeen) -> None:
        """Remember the place reached and the counts, durably, at once or not at all."""
        place, name = seen.place, key(path)
        with self._transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (name, place.head, place.offset, place.mark, place.line, place.lines, seen.changed, seen.trouble, seen.replaced),
            )
            for table, one in seen.tables.items():
                values = {**vars(one), "kinds": json.dumps(one.kinds)}.values()
                self._db.execute(
                    "INSERT OR REPLACE INTO tables VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (name, table, *values)
                )

    def trouble(self, path: Path, text: str) -> None:
        """Remember that a file can't be read now, or that it can again (empty text)."""
        seen = self.file(path)
        if seen.trouble != text:
            seen.trouble = text
            self.save(path, seen)

    def new_backups(self, paths: Sequence[Path]) -> list[Path]:
        """Those of `paths` that were never passed to `keep_backups` as they are now."""
        known = set(self._db.execute("SELECT path, size, changed FROM backups"))
        return [path for path in paths if _look(path) not in known]

    def keep_backups(self, paths: Sequence[Path]) -> None:
        """Remember backups that need not be looked at again."""
        looks = [_look(path) for path in paths]
        with self._transaction():
            self._db.executemany("INSERT OR IGNORE INTO backups VALUES (?, ?, ?)", looks)

    def add_runs(self, time: int, rows: Sequence[dict[str, Any]]) -> None:
        """Keep what became of the jobs of one run until the store takes it. time: nanoseconds since 1970, UTC."""
        with self._transaction():
            self._db.executemany("INSERT INTO runs VALUES (?, ?)", [(time, json.dumps(row)) for row in rows])

    def runs(self) -> list[tuple[int, dict[str, Any]]]:
        """The rows that the store has not taken yet, oldest first."""
        return [(time, json.loads(row)) for time, row in self._db.execute("SELECT time, row FROM runs ORDER BY time")]

    def drop_runs(self, until: int) -> None:
        """Forget the rows that the store has taken."""
        with self._transaction():
            self._db.execute("DELETE FROM runs WHERE time <= ?", (until,))

    def note(self, name: str) -> str | None:
        """A remembered word, or None."""
        found = self._db.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
        return found[0] if found else None

    def keep_notes(self, **notes: str) -> None:
        """Remember words by name."""
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO notes VALUES (?, ?)", notes.items())

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        if self._frozen:
            self._db.execute("BEGIN")
            yield
            self._db.execute("ROLLBACK")
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def key(path: Path) -> str:
    """One name for one file, however it was written."""
    return os.path.normcase(path.absolute())


def _look(path: Path) -> tuple[str, int, int]:
    """What tells one state of a file from another."""
    found = path.stat()
    return key(path), found.st_size, found.st_mtime_ns
