"""The raw archive: the bytes of the rows as they were read, one file a station, table and day of reading.

    <folder>/<station>/<table>/2024-06-30.dat.gz

A file is a sequence of members (`members.py`), each appended as a whole and readable on its own: the header lines of
the table, then the rows exactly as they stood. So `zcat` of a day is a file that can be loaded. Bytes are never deleted
but by `prune`, and those of a write that failed by itself; behind a member that a power cut tore, the next is found.

Level 2 of ISA-L, measured on rows of 20 columns: 414 MB/s and 39 % of the bytes; zlib's level 1 113 MB/s and 42 %, its
level 6 11 MB/s and 34 %. A tower PC has more room than time.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from os import open as open_folder  # a file descriptor: no text, no encoding
from pathlib import Path
from typing import BinaryIO

from ..errors import InputError, Unreachable
from ..held import is_device, patiently
from .members import Entry, Span, content_of, header_at, last_number, pack, rows_of, spans

_SUFFIX = ".dat.gz"
_DATED = re.compile(r"\d{4}-\d\d-\d\d" + re.escape(_SUFFIX))


class Archive:
    """A folder of such files. None as the folder: nothing is kept (a dry run).

    Only one process may add to it or prune it at a time (the lock of the home sees to that); any number may read.
    """

    def __init__(self, folder: Path | None, level: int = 2) -> None:
        self._folder, self._level = folder, level

    def add(
        self,
        station: str,
        table: str,
        file: Path,
        number: int,
        line: int,
        head: bytes,
        body: bytes,
        first: int | None,
        last: int | None,
        day: dt.date,
    ) -> None:
        """Keep the rows `body` of `file`, and the header lines `head` above them; durable when it returns.

        Args:
            number: larger for later rows; the same for rows that are added again is harmless.
            line: where the first row stands in `file`, counted in lines from 1.
            first, last: the oldest and the newest stamp. [ns since 1970 UTC] None: not known.
            day: the day of reading, UTC.

        Raises: Unreachable, when they can't be written now. To add them again is harmless.
        """
        if self._folder is None:
            return
        rows = {"file": str(file), "number": number, "line": line, "first": first, "last": last}
        member = pack(file.name, {"station": station, "table": table, **rows}, head, body, self._level)
        path = self._folder / safe_name(station) / safe_name(table) / (day.isoformat() + _SUFFIX)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            new = not path.exists()
            patiently(lambda: _append(path, member))
            if new:
                _keep_names(path.parent, *path.parent.parents[:3])
        except OSError as error:
            raise Unreachable(
                f"{path}: found {error.strerror or error}, expected to keep {len(body)} bytes as they were read.\n"
                "  Free disk space, end the program that holds the file, or give the account that runs fieldline the "
                "right to write there. The next run reads the rows again."
            ) from error

    def entries(
        self, after: int = -1, start: int | None = None, end: int | None = None, problems: list[str] | None = None
    ) -> Iterator[Entry]:
        """Members with a number above `after` that may have rows in start <= time < end, in order of their numbers.

        Only headers are read: `read` says whether the content is whole.

        Args:
            start, end: [ns since 1970 UTC] None: no bound. Members without stamps are always among the result.
            problems: gets a message for each part of a file that is damaged, and is passed over.

        Raises: Unreachable, when a file can't be opened now.
        """
        found = []
        for _, path in self._files():
            for entry in _whole(path, problems if problems is not None else []):
                if entry.number > after and entry.overlaps(start, end):
                    found.append(entry)
        found.sort(key=lambda entry: entry.number)  # stable: equal numbers as they were added
        yield from found

    def read(self, entry: Entry) -> bytes:
        """The header lines and the rows of a member, exactly as they were added.

        Raises: InputError, when they are damaged or gone; Unreachable, when the file can't be opened now.
        """
        try:
            with _open(entry.path) as file:
                header = header_at(entry.path, file, entry.offset)
                content = content_of(file, header) if header and header.entry == entry else None
        except OSError as error:
            raise _damage(entry, error.strerror or str(error)) from error
        if content is None:
            raise _damage(entry, "bytes that are not those which were written")
        return content

    def newest(self) -> int:
        """The largest number that was added, -1 when there is none; of each file only the end is read.

        Numbers must have grown within a file. A member that was cut off counts if its header can be read.

        Raises: Unreachable, when a file can't be opened now.
        """
        return max((_newest(path) for _, path in self._files()), default=-1)

    def newest_lately(self, today: dt.date) -> int:
        """As `newest`, of the files alone that were added to last; one or two of each table, however many there are.

        These are the file of the newest day and that of the newest up to `today`: a clock that was ahead once has left
        a file of a day to come, which is not added to any more.

        Raises: Unreachable, when a file can't be opened now.
        """
        return max((_newest(path) for path in self._lately(today)), default=-1)

    def _lately(self, today: dt.date) -> Iterator[Path]:
        stations = _entries(self._folder) if self._folder is not None else []
        for table in (
            table for station in stations if station.is_dir() for table in _entries(station) if table.is_dir()
        ):
            names = [one.name for one in _entries(table) if _DATED.fullmatch(one.name)]
            till = max((name for name in names if name[:10] <= today.isoformat()), default=None)
            yield from (Path(table, name) for name in {max(names, default=None), till} if name)

    def prune(self, today: dt.date, keep_days: int | None, megabytes: int | None) -> list[tuple[Path, int]]:
        """Delete whole files, the oldest days first, never of `today` or later; return each and its size in bytes.

        A file that another program holds stays until the next time.

        Args:
            keep_days: files of days that are more than so many days past are deleted. None: none for their age.
            megabytes: and as many more as it takes to have no more than that. [10**6 bytes] None: none for their size.
        """
        deleted = []
        files = [(day, path, _size(path)) for day, path in self._files()]
        total = sum(size for _, _, size in files)
        for day, path, size in files:
            old = keep_days is not None and (today - day).days > keep_days
            much = megabytes is not None and total > megabytes * 1_000_000
            if day < today and (old or much) and _delete(path):
                total -= size
                deleted.append((path, size))
        return deleted

    def size(self) -> int:
        """How much room all files take. [bytes]"""
        return sum(_size(path) for _, path in self._files())

    def _files(self) -> list[tuple[dt.date, Path]]:
        """The files and their days, oldest first; what else lies in the folder is left alone."""
        if self._folder is None:
            return []
        paths = self._folder.glob(f"*/*/????-??-??{_SUFFIX}")
        return sorted((day, path) for path in paths if (day := _day(path)) is not None)


def safe_name(name: str) -> str:
    """`name` for a folder on every platform; no two names become the same one, even where case counts nothing.

    What is not plainly safe gets a part of its SHA-256 behind it: PARCal_2019 becomes PARCal_2019~e7e4e37e9f.
    """
    if re.fullmatch(r"[a-z0-9_][a-z0-9_-]{0,39}", name) and not is_device(name):
        return name
    sum_ = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return re.sub(r"[^A-Za-z0-9_-]+|^-|^$", "_", name)[:40] + "~" + sum_


def _entries(folder: Path | os.DirEntry[str]) -> list[os.DirEntry[str]]:
    """What is in a folder, if it is there; with less work than pathlib's, since every run looks."""
    try:
        with os.scandir(folder) as found:
            return list(found)
    except FileNotFoundError:
        return []


def _day(path: Path) -> dt.date | None:
    try:
        return dt.date.fromisoformat(path.name.removesuffix(_SUFFIX))
    except ValueError:
        return None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # pruned by another process just now
        return 0


# Writing


def _append(path: Path, member: bytes) -> None:
    """Write and sync; take back what was written of it when that fails, so that trying again fills no disk."""
    with path.open("ab", buffering=0) as out:
        end = out.seek(0, os.SEEK_END)
        try:
            rest = memoryview(member)
            while rest:
                rest = rest[out.write(rest) :]
            os.fsync(out.fileno())
        except OSError:
            with suppress(OSError):
                out.truncate(end)
            raise


def _keep_names(*folders: Path) -> None:
    """Make the names of new files and folders durable, where that can be done (Windows does it by itself)."""
    for folder in folders if os.name != "nt" else ():
        with suppress(OSError):  # a network drive may not know how
            handle = open_folder(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def _delete(path: Path) -> bool:
    """Whether it is deleted; and so are its folders, when they are empty then."""
    try:
        path.unlink()
    except OSError:
        return False
    with suppress(OSError):
        path.parent.rmdir()
        path.parent.parent.rmdir()
    return True


# Reading


def _open(path: Path) -> BinaryIO:
    """Open for reading. Raises: Unreachable, when it is held or may not be read; OSError, when it is gone or broken."""
    try:
        return patiently(lambda: path.open("rb"))
    except PermissionError as error:
        raise Unreachable(
            f"{path}: found {error.strerror or error}, expected to read a file of the archive.\n"
            "  End the program that holds the file, or give the account that runs fieldline the right to read it; "
            "then try again."
        ) from error


def _whole(path: Path, problems: list[str]) -> list[Entry]:
    """The members of a file that are whole, as far as their headers and ends say."""
    entries = []
    try:
        with _open(path) as file:
            for span in spans(path, file):
                if span.header and span.whole:
                    entries.append(span.header.entry)
                if span.loss:
                    problems.append(_words(path, span))
    except OSError as error:
        problems.append(
            f"{path}: found {error.strerror or error}, expected to read a file of the archive.\n"
            "  Its rows are passed over, but for those before. Check the disk."
        )
    return entries


def _newest(path: Path) -> int:
    try:
        with _open(path) as file:
            return last_number(path, file)
    except OSError:  # gone or broken: `entries` says so
        return -1


def _words(path: Path, span: Span) -> str:
    """What is wrong with a part of a file, and what is lost by it."""
    where, count = f"{path} at byte {span.start}", span.end - span.start
    if span.whole:
        return f"{where}: found {span.loss}, expected a whole member of the archive.\n  Nothing is lost."
    return (
        f"{where}: found {span.loss} ({count} bytes), expected a whole member of the archive.\n"
        f"  Passed over: {rows_of(span.header.entry) if span.header else 'rows that nothing is known of'}. "
        "If the logger's own file still has them, load that again."
    )


def _damage(entry: Entry, found: str) -> InputError:
    return InputError(
        f"{entry.path} at byte {entry.offset}",
        found,
        f"{entry.size} bytes of the archive: {rows_of(entry)}",
        "They can't be read from the archive any more. If the logger's own file still has them, load that again.",
    )
