"""The next piece of a file that a logger program may be writing to: whole lines only, opened once and briefly.

A file that is open here can't be renamed by a program on Windows, so each piece is read in one short open, and the next
open checks that the file is still the one whose first part has been read: by its header, and by the bytes just before
the place reached. What is behind the last line end is still being written; `13.` of `13.75` would be a valid number.

A program that overwrites a file in place leaves, for a moment, lines that are half new and half old. Rows that were
appended can't be of that kind; whatever else changed in the last moments is read again until it stands still.
"""

from __future__ import annotations

import errno
import io
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from ..errors import InputError
from ..readers.header import LINES, Header

T = TypeVar("T")

PIECE = 16 * 2**20  # bytes read at once: about a row group of DuckDB, which loads twice as fast as halves of one
FIRST = 2 * 2**20  # bytes of the first piece of a file: what is sent elsewhere is under way while the second is read
LONGEST_LINE = 2**20
_MARK = 4096  # bytes before the place reached that must still be there
_TRIES, _PAUSE = 5, 0.2  # a logger program holds its file for moments only
_QUIET = 2.0  # [s] a file that nobody wrote to for so long is not in the middle of being overwritten
_LONG = 5  # pauses in which nothing may change where old bytes may stand behind new ones
_RESTLESS = 15  # pauses after which a file that keeps changing is left to the next run


@dataclass(frozen=True)
class Place:
    """How far a file has been read: `offset` bytes and `line - 1` lines, under `header`.

    head: the first lines, which must still be there. mark: the bytes before `offset`, likewise. lines: `header`'s own.
    size, modified: what the file system said of the file then. [bytes, ns]
    """

    head: bytes = b""
    offset: int = 0
    mark: bytes = b""
    line: int = 1
    header: Header | None = None
    lines: bytes = b""
    size: int = field(default=0, compare=False)
    modified: int = field(default=0, compare=False)


class NotNow(InputError):
    """A file can't be read at the moment: nothing is lost, the next run tries again."""


@dataclass(frozen=True)
class Piece:
    """Whole lines from `place` on. `tail`: what is behind them and has no line end yet. `more`: read on at once.

    replaced: it is not the file that was read before. still: whether nobody wrote to it while it was read.
    """

    data: bytes
    place: Place
    tail: bytes
    more: bool
    replaced: bool
    still: bool = True

    def begins(self, later: Piece) -> bool:
        """Whether a later read of the same place found all of this again, and perhaps more behind it."""
        return later.place == self.place and (later.data + later.tail).startswith(self.data + self.tail)

    def is_like(self, later: Piece) -> bool:
        """Whether a later read of the same place found the same."""
        return (later.place, later.data, later.tail) == (self.place, self.data, self.tail)


def read_piece(path: Path, place: Place, *, again: bool = False) -> Piece:
    """Read on from `place`; from the start, if the file is not the one that `place` speaks of.

    Args:
        again: what comes was not appended since the last run: the file is read as a whole.

    Raises: NotNow, when the file can't be opened or read now, or does not stand still; nothing of it is lost.
        InputError, when it is no text.
    """
    piece = _patiently(path, lambda: _read(path, place))
    steady = same = 0  # pauses since anything else than growth was seen, and since anything was
    for _ in range(_RESTLESS):
        doubts = _doubts(piece, place, again)
        if steady >= doubts and same >= min(doubts, 1):
            return piece
        time.sleep(_PAUSE)
        later = _patiently(path, lambda: _read(path, place))
        steady = steady + 1 if piece.begins(later) else 0
        same = same + 1 if piece.is_like(later) else 0
        piece = later
    if steady >= _LONG:  # it grows all the time, at its end
        return piece
    raise NotNow(
        str(path),
        "contents that keep changing",
        "a file that grows at its end",
        "Is a program overwriting it all the time? The next run tries again.",
    )


def _doubts(piece: Piece, place: Place, again: bool) -> int:
    """In how many pauses a piece must prove to stand still before its rows are taken."""
    if piece.still and time.time() - piece.place.modified / 1e9 > _QUIET:
        return 0
    if piece.replaced and (piece.place.size >= place.size or not piece.data):
        return _LONG  # nobody made it shorter: perhaps not all of it is new yet; or it was emptied just now
    whole = again or piece.replaced or not place.offset
    reserved = b"\0" in piece.data  # space that is filled in a moment, or what a power cut left
    return int(whole or reserved or not piece.still)


def _patiently(path: Path, act: Callable[[], T]) -> T:
    for remaining in reversed(range(_TRIES)):
        try:
            return act()
        except OSError as error:
            if not remaining or not isinstance(error, PermissionError) or path.is_dir():
                raise explained(path, error) from error
            time.sleep(_PAUSE)
    raise AssertionError("unreachable: the loop returns or raises")


def _read(path: Path, place: Place) -> Piece:
    with path.open("rb", buffering=0) as file:
        before = os.fstat(file.fileno())
        count = PIECE if place.offset else min(FIRST, PIECE)
        data = _behind(file, place, count)
        replaced = data is None
        if data is None:
            place, count = Place(), min(FIRST, PIECE)
            data = _bytes(file, 0, count)
        after = os.fstat(file.fileno())
    still = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    place = replace(place, size=after.st_size, modified=after.st_mtime_ns)
    whole = data.rfind(b"\n") + 1
    if not whole and len(data) > LONGEST_LINE:
        raise InputError(
            f"{path}:{place.line}",
            f"no line end in {len(data):,} bytes",
            "a text file with one record a line",
            "Is this a binary table (TOB1, TOB3)? Set its output format to 'ASCII Table Data, Long Header (TOA5)', or "
            "convert it with CardConvert.",
        )
    return Piece(data[:whole], place, data[whole:], len(data) == count, replaced, still)


def _behind(file: io.FileIO, place: Place, count: int) -> bytes | None:
    """Up to `count` bytes behind `place`; None, if the open file does not hold what was read of it.

    The mark and what is behind it come in one read, so that nothing can happen in between.
    """
    if _bytes(file, 0, len(place.head)) != place.head:
        return None
    data = _bytes(file, place.offset - len(place.mark), len(place.mark) + count)
    return data[len(place.mark) :] if data.startswith(place.mark) else None


def _bytes(file: io.FileIO, offset: int, count: int) -> bytes:
    """Up to `count` bytes; fewer at the end of the file only."""
    file.seek(offset)
    parts = list[bytes]()
    while count and (part := file.read(count)):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def continues(path: Path, place: Place) -> bool:
    """Whether `path` holds what `place` speaks of.

    Raises: NotNow, when it can't be opened now.
    """

    def look() -> bool:
        with path.open("rb", buffering=0) as file:
            return _behind(file, place, 0) is not None

    return _patiently(path, look)


def changed(path: Path) -> int:
    """When a file was last written to. [ns] 0: that can't be told; it may be gone."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def advance(place: Place, data: bytes, header: Header, lines: bytes) -> Place:
    """The place behind `data`, which has been read from `place` on and stands under `header` at its end."""
    return replace(
        place,
        head=place.head or b"".join(data[: 64 * 1024].splitlines(keepends=True)[:LINES]),
        offset=place.offset + len(data),
        mark=(place.mark + data[-_MARK:])[-_MARK:],
        line=place.line + data.count(b"\n"),
        header=header,
        lines=lines or place.lines,
    )


def explained(path: Path, error: OSError) -> NotNow:
    """The error of the operating system in words that help."""
    where, expected = str(path), "a file that can be read"
    if isinstance(error, FileNotFoundError):
        return NotNow(where, "no such file", "a file", "Was it renamed or moved just now? The next run looks again.")
    if isinstance(error, IsADirectoryError) or path.is_dir():
        return NotNow(where, "a folder", "a file", "Name the files in it, for example with *.dat behind it.")
    if isinstance(error, PermissionError):
        fix = "Another program holds it, or this account may not read it. The next run tries again."
        return NotNow(where, f"no permission to open it ({error.strerror})", expected, fix)
    if error.errno == errno.ELOOP:
        return NotNow(where, "links that point at each other", expected, "Replace the link by the file itself.")
    return NotNow(where, f"{error.strerror or error}", expected, "Is a network drive away? The next run tries again.")
