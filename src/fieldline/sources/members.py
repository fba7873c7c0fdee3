"""A member of a file of the raw archive: a piece of gzip that tells its own length and what is in it.

It is what RFC 1952 allows, so every gzip program reads it; besides, it has

    FEXTRA    subfield FL: the length of the member, the length of its header, a CRC-32 of the header [4 bytes each]
    FNAME     the name of the file that was read
    FCOMMENT  JSON: station, table, file, number, line, first, last, size, head, crc (that of the content)

so that a search hops from header to header and unpacks nothing. All begin with the same 16 bytes, by which the next one
is found behind bytes that are damaged.

Source: RFC 1952; a length in FEXTRA is the way of BGZF (SAM specification, 4.1).
"""

from __future__ import annotations

import datetime as dt
import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from isal import isal_zlib

LARGEST = 2**28  # bytes in one member; a piece of a file has about 2**24

# gzip, deflate, with FEXTRA, FNAME and FCOMMENT, no time, system unknown; a subfield FL of 12 bytes
_SIGN = b"\x1f\x8b\x08\x1c\0\0\0\0\0\xff\x10\0FL\x0c\0"
_SIZES = struct.Struct("<III")  # of the subfield: length, header, check
_END = struct.Struct("<II")  # of the member: CRC-32 and size of its content
_FIXED = len(_SIGN) + _SIZES.size
_EPOCH = dt.datetime(1970, 1, 1)
_LONGEST_HEADER = 2**20
_TAIL, _CHUNK = 2**16, 2**20  # bytes read at once to find the last member, or the next one
_WORDS = {"station": str, "table": str, "file": str, "number": int, "line": int, "size": int, "head": int, "crc": int}


@dataclass(frozen=True, slots=True)
class Entry:
    """One member of a file of the archive: where it lies and what its header says.

    path, offset, length: the file, and where the member is in it. [bytes]
    file, line: the file that was read, as it was named then, and the line in it, from 1, that is the first row.
    number: later rows have larger ones.
    first, last: the oldest and the newest stamp, both included. [ns since 1970 UTC] None: not known.
    size, head: how many bytes it unpacks to, and how many of these are header lines.
    """

    path: Path
    offset: int
    length: int
    station: str
    table: str
    file: str
    number: int
    line: int
    first: int | None
    last: int | None
    size: int
    head: int = 0

    def overlaps(self, start: int | None, end: int | None) -> bool:
        """Whether a row may lie in start <= time < end. [ns since 1970 UTC] None: no bound."""
        if self.first is None or self.last is None:
            return True
        return (start is None or self.last >= start) and (end is None or self.first < end)


@dataclass(frozen=True, slots=True)
class Header:
    """A header that is undamaged; its member may not be."""

    entry: Entry
    length: int  # of the header
    crc: int  # of the content


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a file: a member, or bytes that are none.

    loss: what is wrong with it; empty: nothing, as far as its header and its end say.
    """

    start: int
    end: int
    header: Header | None
    whole: bool
    loss: str = ""


def pack(name: str, notes: Mapping[str, Any], head: bytes, body: bytes, level: int) -> bytes:
    """A member with `head` and `body` as its content.

    Args:
        name: of the file that was read. notes: those values of an Entry that the caller knows. level: of ISA-L, 0 to 3.

    Raises: ValueError, when it would be larger than any that is read again.
    """
    size, crc = len(head) + len(body), zlib.crc32(body, zlib.crc32(head))
    if size > LARGEST:
        raise ValueError(f"{size} bytes for one member of the archive, at most {LARGEST} can be kept")
    packed = _deflate(head, body, level)
    comment = json.dumps({**notes, "size": size, "head": len(head), "crc": crc}, separators=(",", ":"))
    text = name.encode("latin-1", "replace").replace(b"\0", b"?") + b"\0" + comment.encode("ascii") + b"\0"
    header = _FIXED + len(text)
    length = header + len(packed) + _END.size
    sizes = _SIZES.pack(length, header, _check(length, header, text))
    return b"".join((_SIGN, sizes, text, packed, _END.pack(crc, size)))


def _check(length: int, header: int, text: bytes) -> int:
    return zlib.crc32(text, zlib.crc32(_END.pack(length, header)))


def _deflate(head: bytes, body: bytes, level: int) -> bytes:
    """Both, deflated so that no member shows inside (bytes that do not shrink are left as they are)."""
    deflate = isal_zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = deflate.compress(head) + deflate.compress(body) + deflate.flush()
    if _SIGN not in packed:
        return packed
    deflate, content, step = isal_zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS), head + body, len(_SIGN) // 2
    parts = (content[at : at + step] for at in range(0, len(content), step))
    return b"".join(deflate.compress(part) + deflate.flush(zlib.Z_FULL_FLUSH) for part in parts) + deflate.flush()


def spans(path: Path, file: BinaryIO) -> Iterator[Span]:
    """The file from its start to its end in parts: whole members, and what lies between them."""
    end, at = file.seek(0, os.SEEK_END), 0
    while at < end:
        header = header_at(path, file, at)
        loss = _loss(file, header, end)
        if header and not loss:
            span = Span(at, at + header.entry.length, header, True)
        elif header and content_of(file, header) is not None:
            span = Span(at, _next(path, file, at + 1, end), header, True, "wrong bytes behind rows that are right")
        else:
            span = Span(at, _next(path, file, at + 1, end), header, False, loss)
        yield span
        at = span.end


def _loss(file: BinaryIO, header: Header | None, end: int) -> str:
    """What the header and the end of a member say is wrong with it; its content is not looked at."""
    if header is None:
        return "no header of a member"
    stop = header.entry.offset + header.entry.length
    if stop > end:
        return f"a member without its last {stop - end} bytes"
    file.seek(stop - _END.size)
    whole = file.read(_END.size) == _END.pack(header.crc, header.entry.size)
    return "" if whole else "a member that is damaged or cut off"


def _next(path: Path, file: BinaryIO, at: int, end: int) -> int:
    """Where the next member with an undamaged header begins, from `at` on; `end` if there is none."""
    while at < end:
        file.seek(at)
        chunk = file.read(_CHUNK)
        place = chunk.find(_SIGN)
        while place >= 0:
            if header_at(path, file, at + place):
                return at + place
            place = chunk.find(_SIGN, place + 1)
        at += max(len(chunk) - len(_SIGN) + 1, 1)
    return end


def last_number(path: Path, file: BinaryIO) -> int:
    """The number of the last member that has an undamaged header; -1 if there is none. Reads the end of the file."""
    start = max(file.seek(0, os.SEEK_END) - _TAIL, 0)
    file.seek(start)
    tail = file.read()
    place = tail.rfind(_SIGN)
    while place >= 0:
        if header := header_at(path, file, start + place):
            return header.entry.number
        place = tail.rfind(_SIGN, 0, place + len(_SIGN) - 1)
    return max((span.header.entry.number for span in spans(path, file) if span.header), default=-1)


def header_at(path: Path, file: BinaryIO, at: int) -> Header | None:
    """The header that begins at `at`; None if there is none, or it is damaged."""
    file.seek(at)
    start = file.read(_FIXED)
    if len(start) < _FIXED or not start.startswith(_SIGN):
        return None
    length, size, check = _SIZES.unpack_from(start, len(_SIGN))
    if not _FIXED < size <= min(_LONGEST_HEADER, length - _END.size):
        return None
    text = file.read(size - _FIXED)
    if len(text) < size - _FIXED or _check(length, size, text) != check:
        return None
    notes = _notes(text)
    if notes is None:
        return None
    crc = notes.pop("crc")
    return Header(Entry(path, at, length, **notes), size, crc)


def _notes(text: bytes) -> dict[str, Any] | None:
    """What the comment says, each word of its kind; None, if it does not (another version wrote it)."""
    try:
        said = json.loads(text.split(b"\0")[1])
        notes = {word: said[word] for word in (*_WORDS, "first", "last")}
    except (ValueError, LookupError, TypeError):
        return None
    good = all(isinstance(notes[word], kind) for word, kind in _WORDS.items())
    good = good and all(notes[word] is None or isinstance(notes[word], int) for word in ("first", "last"))
    return notes if good and 0 <= notes["head"] <= notes["size"] <= LARGEST else None


def content_of(file: BinaryIO, header: Header) -> bytes | None:
    """What the member unpacks to; None if that is not what was packed. Never unpacks more than the header says."""
    entry = header.entry
    file.seek(entry.offset + header.length)
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = inflate.decompress(file.read(entry.length - header.length - _END.size), entry.size + 1)
    except zlib.error:
        return None
    whole = inflate.eof and not inflate.unused_data and len(content) == entry.size
    return content if whole and zlib.crc32(content) == header.crc else None


def rows_of(entry: Entry) -> str:
    """Which rows they are, for a message."""
    known = [stamp for stamp in (entry.first, entry.last) if stamp is not None]
    times = ", " + " to ".join(f"{_EPOCH + dt.timedelta(seconds=t // 10**9):%Y-%m-%d %H:%M:%S}" for t in known) + " UTC"
    times = times if known else ""
    return f"the rows of {entry.table} from line {entry.line} of {entry.file} on (number {entry.number}{times})"
