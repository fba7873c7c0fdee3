"""The next piece of a file that a logger program may be writing to: whole lines only, opened once and briefly.

A file that is open here can't be renamed by a program on Windows, so each piece is read in one short open, and the next
open checks that the file is still the one whose first part has been read: by its header, and by the bytes just before
the place reached. What is behind the last line end is still being written; `13.` of `13.75` would be a valid number.
"""

from __future__ import annotations

import errno
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import InputError
from ..readers.header import LINES, Header

PIECE = 8 * 2**20  # bytes read at once: large enough for the parser's full speed, small enough for a bounded memory
LONGEST_LINE = 2**20
_MARK = 4096  # bytes before the place reached that must still be there
_TRIES, _PAUSE = 5, 0.2  # a logger program holds its file for moments only


@dataclass(frozen=True)
class Place:
    """How far a file has been read: `offset` bytes and `line - 1` lines, under `header`.

    head: the first lines, which must still be there. mark: the bytes before `offset`, likewise. lines: `header`'s own.
    """

    head: bytes = b""
    offset: int = 0
    mark: bytes = b""
    line: int = 1
    header: Header | None = None
    lines: bytes = b""


@dataclass(frozen=True)
class Piece:
    """Whole lines from `place` on. `tail`: what is behind them and has no line end yet. `more`: read on at once."""

    data: bytes
    place: Place
    tail: bytes
    more: bool
    replaced: bool


def read_piece(path: Path, place: Place) -> Piece:
    """Read on from `place`; from the start, if the file is not the one that `place` speaks of.

    Raises: InputError, when the file can't be opened or read now; nothing of it is lost.
    """
    piece = _patiently(path, place)
    if not piece.replaced:
        return piece
    for _ in range(_TRIES):  # a program that overwrites a file in place is perhaps in the middle of it: wait for it
        time.sleep(_PAUSE)
        again = _patiently(path, place)
        if again == piece:
            break
        piece = again
    return piece


def _patiently(path: Path, place: Place) -> Piece:
    for remaining in reversed(range(_TRIES)):
        try:
            return _read(path, place)
        except OSError as error:
            if not remaining or not isinstance(error, PermissionError) or path.is_dir():
                raise _explained(path, error) from error
            time.sleep(_PAUSE)
    raise AssertionError("unreachable: the loop returns or raises")


def _read(path: Path, place: Place) -> Piece:
    with path.open("rb") as file:
        replaced = not _continues(file, place)
        if replaced:
            place = Place()
        file.seek(place.offset)
        data = file.read(PIECE)
    whole = data.rfind(b"\n") + 1
    if not whole and len(data) > LONGEST_LINE:
        raise InputError(
            f"{path}:{place.line}",
            f"no line end in {len(data):,} bytes",
            "a text file with one record a line",
            "Is this a binary table (TOB1, TOB3)? Set its output format to 'ASCII Table Data, Long Header (TOA5)'.",
        )
    return Piece(data[:whole], place, data[whole:], len(data) == PIECE, replaced)


def _continues(file: BinaryIO, place: Place) -> bool:
    """Whether the open file still holds what was read of it."""
    if file.read(len(place.head)) != place.head:
        return False
    file.seek(place.offset - len(place.mark))
    return file.read(len(place.mark)) == place.mark


def continues(path: Path, place: Place) -> bool:
    """Whether `path` holds what `place` speaks of; no, if it can't be opened."""
    try:
        with path.open("rb") as file:
            return _continues(file, place)
    except OSError:
        return False


def advance(place: Place, data: bytes, header: Header, lines: bytes) -> Place:
    """The place behind `data`, which has been read from `place` on and stands under `header` at its end."""
    return Place(
        head=place.head or b"".join(data[: 64 * 1024].splitlines(keepends=True)[:LINES]),
        offset=place.offset + len(data),
        mark=(place.mark + data[-_MARK:])[-_MARK:],
        line=place.line + data.count(b"\n"),
        header=header,
        lines=lines or place.lines,
    )


def _explained(path: Path, error: OSError) -> InputError:
    """The error of the operating system in words that help."""
    where, expected = str(path), "a file that can be read"
    if isinstance(error, FileNotFoundError):
        return InputError(
            where, "no such file", "a file", "Was it renamed or moved just now? The next run looks again."
        )
    if isinstance(error, IsADirectoryError) or path.is_dir():
        return InputError(where, "a folder", "a file", "Name the files in it, for example with *.dat behind it.")
    if isinstance(error, PermissionError):
        fix = "Another program holds it, or this account may not read it. The next run tries again."
        return InputError(where, f"no permission to open it ({error.strerror})", expected, fix)
    if error.errno == errno.ELOOP:
        return InputError(where, "links that point at each other", expected, "Replace the link by the file itself.")
    return InputError(
        where, f"{error.strerror or error}", expected, "Is a network drive away? The next run tries again."
    )
