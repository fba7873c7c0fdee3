"""One DuckDB file as all threads of a process see it: detached, open for one writer, or open for some readers."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from weakref import WeakValueDictionary

from ._catalog import CREATE, STORE, Cursor, Sql, sql
from ._faults import is_busy
from ._turnstile import Held


class SharedFile:
    """Attaches the file to an empty DuckDB that stays, which is twenty times faster than to start one.

    Args:
        path: the file.
        connect: gives an empty DuckDB that works for this path.
    """

    def __init__(self, path: Path, connect: Callable[[Path], Cursor]) -> None:
        self.path, self._connect = path, connect
        self._mutex = threading.Lock()
        self._duckdb: Cursor | None = None
        self._users, self._written = 0, False

    def missing(self) -> bool:
        """Whether there is no store yet."""
        return not self.path.exists() or (self.path.is_file() and self.path.stat().st_size == 0)

    def make(self) -> None:
        """Make the file if it is missing: aside, so that a store is either not there or whole."""
        if not self.missing():
            return
        aside = self.path.with_name(self.path.name + ".new")
        for leftover in (aside, _log_of(aside)):
            leftover.unlink(missing_ok=True)
        if _log_of(self.path).exists():  # of a file that was taken away: it would be applied to the new one
            _log_of(self.path).replace(_log_of(self.path).with_suffix(".orphan"))
        duckdb = self._connect(self.path)
        duckdb.execute(_attach(aside, write=True))
        for statement in CREATE:
            duckdb.execute(statement)
        duckdb.execute(DETACH)
        duckdb.close()
        aside.replace(self.path)

    def attach(self, write: bool) -> Cursor:
        """A cursor on the file; call this at the turnstile only. Raises: Held."""
        with self._mutex:
            if self._users and (write or self._written):
                raise Held("another thread of this program had the file open")
            if self._duckdb is None:
                self._duckdb = self._connect(self.path)
            if not self._users:
                self._open(self._duckdb, write)
            self._users, self._written = self._users + 1, write
            cursor: Cursor = self._duckdb.cursor()
            return cursor

    def _open(self, duckdb: Cursor, write: bool) -> None:
        try:
            duckdb.execute(_attach(self.path, write))
        except Exception as error:
            if is_busy(self.path, str(error)):
                raise Held(f"it was open elsewhere ({error})") from error
            raise

    def detach(self, cursor: Cursor) -> None:
        """Give back what `attach` gave: what was not committed is undone, and the last one closes the file."""
        with self._mutex:
            cursor.close()
            self._users -= 1
            if not self._users and self._duckdb is not None:
                self._duckdb.execute(DETACH)

    def rest(self) -> None:
        """Let go of everything, unless another thread is at work."""
        with self._mutex:
            if not self._users and self._duckdb is not None:
                self._duckdb.close()
                self._duckdb = None


DETACH = sql("DETACH {store}", store=STORE)


def _attach(path: Path, write: bool) -> Sql:
    place = "'" + str(path).replace("'", "''") + "'"
    mode = "READ_WRITE" if write else "READ_ONLY"
    return sql("ATTACH {place} AS {store} (TYPE duckdb, {mode})", place=Sql(place), store=STORE, mode=Sql(mode))


def _log_of(path: Path) -> Path:
    return path.with_name(path.name + ".wal")


_files: WeakValueDictionary[str, SharedFile] = WeakValueDictionary()
_mutex = threading.Lock()


def shared(path: Path, connect: Callable[[Path], Cursor]) -> SharedFile:
    """The one SharedFile of a path: two in a process would undo each other's locks, which POSIX counts by process."""
    place = path.resolve()
    with _mutex:
        return _files.setdefault(os.path.normcase(place), SharedFile(place, connect))
