"""One DuckDB file as all threads of a process see it: detached, open for one writer, or open for some readers."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary, ref

from ..errors import Unreachable
from ..held import put
from ._catalog import CREATE, STORE, Cursor, Reading, Sql, sql
from ._faults import holder, is_busy
from ._turnstile import Held


class SharedFile:
    """Attaches the file to an empty DuckDB that stays, which is twenty times faster than to start one.

    Args:
        path: the file.
        connect: gives an empty DuckDB that works for this path.

    linger: how long the file may stay open for reading after it was opened, so that questions that come close together
        open it once. A writer waits as much longer at most; 0: it is closed behind each question. [s]
    """

    def __init__(self, path: Path, connect: Callable[[Path], Cursor]) -> None:
        self.path, self._connect = path, connect
        self._mutex = threading.Lock()
        self._duckdb: Cursor | None = None
        self._users, self._written = 0, False
        self._opened: float | None = None  # since when it is open
        self._memory: dict[Hashable, Any] = {}  # of what is read while it is open
        self._limited = False  # whether its DuckDB has less memory
        self.linger = 0.0

    def missing(self) -> bool:
        """Whether there is no store yet."""
        return not self.path.exists() or (self.path.is_file() and self.path.stat().st_size == 0)

    def make(self) -> None:
        """Make the file if it is missing: aside, so that a store is either not there or whole.

        Raises: Unreachable, when the files can't be put in their places now.
        """
        if not self.missing():
            return
        try:
            self._make(self.path.with_name(self.path.name + ".new"))
        except OSError as error:
            raise Unreachable(
                f"{self.path}: found {error.strerror or error}, expected to make the file.\n"
                "  Close the program that holds it or its .wal, or give the account that runs fieldline the right to "
                "write there. The next run tries again."
            ) from error

    def _make(self, aside: Path) -> None:
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
        put(aside, self.path)

    def again(self) -> Cursor | None:
        """A cursor on the file if it is open for reading and may stay so; needs no turnstile."""
        with self._mutex:
            if self._opened is None or self._written or time.monotonic() - self._opened >= self.linger:
                return None
            self._users += 1
            assert self._duckdb is not None
            return Reading(self._duckdb.cursor(), self._memory)

    def attach(self, write: bool) -> Cursor:
        """A cursor on the file; call this at the turnstile only. Raises: Held."""
        with self._mutex:
            if self._users and (write or self._written):
                raise Held("another thread of this program had the file open")
            if not self._users:
                self._shut()
            if self._duckdb is None:
                self._duckdb, self._limited = self._connect(self.path), False
            if not self._users:
                self._open(self._duckdb, write)
            self._users, self._written = self._users + 1, write
            cursor: Cursor = self._duckdb.cursor()
            return cursor if write else Reading(cursor, self._memory)

    def limit(self, cursor: Cursor, statement: Sql) -> None:
        """Set a limit of this DuckDB, once: to set it again costs as much as a question."""
        if not self._limited:
            cursor.execute(statement)
            self._limited = True

    def _open(self, duckdb: Cursor, write: bool) -> None:
        try:
            duckdb.execute(_attach(self.path, write))
        except Exception as error:
            if is_busy(self.path, str(error)):
                raise Held(f"it was open {holder(str(error))}") from error
            raise
        self._opened, self._memory = time.monotonic(), {}
        if self.linger and not write:
            timer = threading.Timer(self.linger, _end_of_time, [ref(self), self._opened])
            timer.daemon = True
            timer.start()

    def end(self, opened: float) -> None:
        """Close what was opened then, unless somebody is at work, who closes it afterwards."""
        with self._mutex:
            if self._opened == opened and not self._users:
                self._shut()

    def _shut(self) -> None:
        if self._opened is not None and self._duckdb is not None:
            self._opened = None
            self._duckdb.execute(DETACH)

    def detach(self, cursor: Cursor) -> None:
        """Give back what `attach` gave: what was not committed is undone, and the last one closes the file."""
        with self._mutex:
            cursor.close()
            self._users -= 1
            late = self._opened is None or time.monotonic() - self._opened >= self.linger
            if not self._users and (self._written or late):
                self._shut()

    def rest(self) -> None:
        """Let go of everything, unless another thread is at work."""
        with self._mutex:
            if not self._users and self._duckdb is not None:
                self._duckdb.close()
                self._duckdb = self._opened = None


def _end_of_time(file: ref[SharedFile], opened: float) -> None:
    if (there := file()) is not None:
        there.end(opened)


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
