"""The SQLite file of a home: what must happen together happens in one transaction, durably, or not at all.

How far files have been read (sources/memory.py) and the rows that wait for a remote store (outbox/) lie in one file, so
that a place in a file moves on exactly when its rows are safe. A ledger is used by the thread that opened it; another
thread opens its own (`another`).
"""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from .errors import Unreachable
from .held import patiently

_VERSION = 2
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_WAIT = 30  # [s] for the other thread of this run, or a person's `fieldline outbox`
_NOTES = "CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT, proof INTEGER);"


class Damaged(Unreachable):
    """The file can't be used; it is set aside, and what was in it is made again from elsewhere."""


class Full(Unreachable):
    """There is no room on the disk for a change."""


class Ledger:
    """A connection to the file at `path`. None as the path: nothing is known and nothing is kept."""

    def __init__(self, path: Path | None, schema: str, *, small: Sequence[str] = (), frozen: bool = False) -> None:
        """Open or make the file.

        Args:
            schema: statements that make the tables, each harmless when they are there.
            small: tables whose pages are all looked at now; of the others damage shows when it is read.
            frozen: never write to it (a dry run).

        Raises: Damaged; Unreachable, when it can't be opened now.
        """
        self.path, self.frozen, self.damaged = path, frozen, False
        self._schema, self._together, self._opening = schema, False, True
        there = path is not None and path.exists() and path.stat().st_size > 0
        with self._told():
            self._db = _connect(path if there or not frozen else None)
            try:
                self.fresh = self._prepared(small)
            except BaseException:
                self._db.close()
                raise
        self._opening = False

    def _prepared(self, small: Sequence[str]) -> bool:
        """Look at what is there and make what is not; return whether it is (still) as good as new."""
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        tables = {name for (name,) in self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        self._look_for_damage(version, tables, small)
        complete = bool(version) and _names(self._schema) <= tables
        if not self.frozen:
            self._make(bool(version), complete)
        elif not version:  # the run that makes it has only just begun
            self._db.close()
            self._db = _connect(None)
        if self.frozen and not complete:
            self._in_memory(bool(version))
        return self.note("fresh") != "0" if version or not self.frozen else True  # a damaged note: rather twice

    def _look_for_damage(self, version: int, tables: set[str], small: Sequence[str]) -> None:
        if "notes" in tables and self.note("shape") not in (None, self._shape()):
            raise Damaged("found other descriptions of the tables, expected those that were saved")
        for name in sorted(tables & set(small)):
            (found,) = self._db.execute(f"PRAGMA quick_check({name})").fetchone()
            if found != "ok":
                raise Damaged(f"found a damaged file ({found}), expected the state of the runs")
        if version not in (0, _VERSION) or (not version and tables):
            raise Damaged(f"found the form {version} of another version of fieldline, expected {_VERSION}")

    def _make(self, there: bool, complete: bool) -> None:
        """Make the tables that are missing, and remember how all are described."""
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("PRAGMA secure_delete=OFF")  # Debian's SQLite else writes zeros over each parcel that has left
        if not complete:
            new = f"INSERT INTO notes VALUES ('fresh', '1', {proof(('fresh', '1'))});"  # noqa: S608
            new = "DELETE FROM notes WHERE name = 'shape';" if there else new
            make = f"BEGIN IMMEDIATE; {_NOTES} {self._schema} PRAGMA user_version={_VERSION}; {new} COMMIT;"
            self._db.executescript(make)
        if self.note("shape") is None:
            self.keep_notes(shape=self._shape())

    def _shape(self) -> str:
        """A check sum of what describes the tables: SQLite has none, and a name that differs is a table lost."""
        query = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
        return str(proof(self._db.execute(query).fetchall()))

    def _in_memory(self, copied: bool) -> None:
        """Work on a copy that has every table: a file that an older version made is not changed by a dry run."""
        copy = _connect(None)
        if copied:
            self._db.backup(copy)
        self._db.close()
        self._db = copy
        self._db.executescript(f"{_NOTES} {self._schema}")

    def begun(self) -> None:
        """Remember that all which had to be brought here from elsewhere is here; until then it counts as fresh."""
        self.fresh = False
        self.keep_notes(fresh="0")

    def another(self) -> Ledger:
        """A connection of its own to the same file, for another thread."""
        return Ledger(self.path, self._schema, frozen=self.frozen)

    @contextmanager
    def together(self) -> Iterator[None]:
        """All transactions in here are one. It begins with the first of them, so that nobody waits for what is
        only computed before."""
        if self._together:
            yield
            return
        self._together = True
        try:
            yield
        except BaseException:
            self._end("ROLLBACK")
            raise
        else:
            self._end("ROLLBACK" if self.frozen else "COMMIT")
        finally:
            self._together = False

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Changes that are durable at the end, or undone.

        Raises: Full; Damaged; Unreachable, when they can't be made now.
        """
        with self._told():
            if self._db.in_transaction:  # a part of `together`
                yield self._db
                return
            self._db.execute("BEGIN" if self.frozen else "BEGIN IMMEDIATE")
            if self._together:
                yield self._db
                return
            try:
                yield self._db
            except BaseException:
                self._end("ROLLBACK")
                raise
            self._end("ROLLBACK" if self.frozen else "COMMIT")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for questions. Raises: Damaged; Unreachable."""
        with self._told():
            yield self._db

    def _end(self, how: str) -> None:
        """End the transaction, if there is one: a full disk ends it without being asked."""
        with self._told():
            if self._db.in_transaction:
                try:
                    self._db.execute(how)
                except BaseException:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    raise

    def note(self, name: str) -> str | None:
        """A remembered word, or None."""
        with self.reading() as db:
            found = db.execute("SELECT value, proof FROM notes WHERE name = ?", (name,)).fetchone()
        return found[0] if found and found[1] == proof((name, found[0])) else None

    def keep_notes(self, **notes: str) -> None:
        """Remember words by name."""
        with self.transaction() as db:
            values = [(*one, proof(one)) for one in notes.items()]
            db.executemany("INSERT OR REPLACE INTO notes VALUES (?, ?, ?)", values)

    def found_damage(self, what: str) -> Damaged:
        """What to raise where something is not as it was saved; the file is not to be used any more."""
        self.damaged = True
        return Damaged(f"{self.path}: found {what}, expected what was saved.\n  The next run makes it anew.")

    def set_aside(self) -> Path:
        """Close, and rename the file and what belongs to it; return the new name. Raises: Unreachable."""
        assert self.path is not None
        self.close()
        return set_aside(self.path)

    def close(self) -> None:
        """Let go of the file; safe to call twice."""
        self._db.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """SQLite's errors as ours."""
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise self._in_words(error) from error

    def _in_words(self, error: sqlite3.Error | UnicodeDecodeError) -> Unreachable:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if isinstance(error, UnicodeDecodeError):  # it would quote what stands in a damaged file
            code = sqlite3.SQLITE_CORRUPT
        if self._opening and code == sqlite3.SQLITE_ERROR:  # our statements are right; the tables' descriptions are not
            code = sqlite3.SQLITE_CORRUPT
        if code in _DAMAGED:
            self.damaged = True
            return Damaged(f"found a damaged file ({error}), expected the state of the runs")
        kind = Full if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR) else Unreachable
        return kind(
            f"{self.path}: found {error}, expected to keep the state of the runs.\n"
            "  Rows that were stored stay stored, and are only repeated. Free disk space, or give the account that "
            "runs fieldline the right to write there."
        )


def _connect(path: Path | None) -> sqlite3.Connection:
    db = sqlite3.connect(path or ":memory:", isolation_level=None, timeout=_WAIT)
    db.text_factory = _text
    return db


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


def _names(schema: str) -> set[str]:
    """The tables that a schema makes."""
    words = schema.split()
    return {words[at + 5] for at in range(len(words) - 5) if words[at : at + 2] == ["CREATE", "TABLE"]}


def proof(values: Sequence[object]) -> int:
    """A check sum: a flipped bit of a disk must not become a wrong place or the name of another field."""
    return zlib.crc32(repr(tuple(values)).encode("utf-8", "backslashreplace"))


def set_aside(path: Path) -> Path:
    """Rename a database and what belongs to it; the log first, which must not be applied to a new one."""
    kept = path.with_name(f"{path.name}.corrupt-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
    try:
        for end in ("-wal", "-shm", ""):
            part = path.with_name(path.name + end)
            if part.exists():
                patiently(partial(part.replace, kept.with_name(kept.name + end)))
    except OSError as error:
        raise Unreachable(
            f"{path}: found damage, expected to rename the file, which fails ({error.strerror or error}).\n"
            "  Close the program that has it open, or delete it: the next run reads every file again."
        ) from error
    return kept


def check(ledger: Ledger, values: Sequence[object], found: object) -> None:
    """Raises: Damaged, when `found` is not the proof of `values`."""
    if found != proof(values):
        raise ledger.found_damage(f"a damaged row ({values[0]!r:.80})")
