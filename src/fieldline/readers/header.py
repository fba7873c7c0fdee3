"""The four header lines of a TOA5 table ("table-oriented ASCII, format 5"), Campbell Scientific's long header.

    "TOA5","46m","CR5000","1041","CR5000.Std.07","CPU:Y21_46M_PARCal.CR5","6827","PARCal_2019"
    "TIMESTAMP","RECORD","PPFD","Total_PPFD","Diffuse_PPFD","calPPFD","Solar_inci"
    "TS","RN","umol/m^2/s","","","",""
    "","","Smp","Smp","Smp","Smp","Smp"

Line 1: format, station, model, serial, OS, program, signature of the program, table. Line 2: names. Line 3: units.
Line 4: how the logger came from samples to the value (Avg, Smp, Max, TMx: time of the maximum, ...).
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import InputError

Words = tuple[str, ...]
LINES = 4
TIMESTAMP, RECORD = "TIMESTAMP", "RECORD"
TIMES = ("TMX", "TMN")  # of processing: columns that hold the time of an extreme
_BINARY = "a binary table"
_OTHERS = {
    "TOB1": _BINARY,
    "TOB2": _BINARY,
    "TOB3": _BINARY,
    "TOACI1": "a table with the short header",
    "TOA6": "a table of format 6",
    "<?xml version": "an XML table (CSIXML)",
}
_REMEDY = "In LoggerNet's Setup, set the table's output format to 'ASCII Table Data, Long Header (TOA5)'."
_CONVERT = (
    "Files that are there already: convert them to TOA5 with CardConvert. To leave them out: `without` of the job."
)
_BARE = (
    "Is this a file without a header? Name its columns in a class: `pattern` and `names` in docs/add-a-table.md. "
    "Of a mixed array (CR10X, CR23X and the like) LoggerNet's Split makes lines that begin with a time stamp."
)
_WAIT = "If the logger program is still writing, the next run reads it; otherwise it was cut off: copy it again."


@dataclass(frozen=True)
class Header:
    """What the four lines say. `names`, `units` and `processing` are equally long, TIMESTAMP and RECORD included."""

    station: str
    model: str
    serial: str
    os: str
    program: str
    signature: str
    table: str
    names: tuple[str, ...]
    units: tuple[str, ...]
    processing: tuple[str, ...]


def decode(raw: bytes) -> str:
    """Text of a logger file: UTF-8, or the code page of an old Windows program where it is not."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def starts_header(line: bytes) -> bool:
    """Whether `line` is the first of a TOA5 header (quoted or not, with a byte order mark or without)."""
    return line.removeprefix(b"\xef\xbb\xbf").lstrip(b'"').startswith(b"TOA5") and b"," in line[:12]


def parse(lines: Sequence[bytes], where: str, line: int = 1) -> Header:
    """Read the header lines of a table; `lines` may hold fewer than four when the file ends there.

    Args:
        where: the file's name, for messages.
        line: the number of the first line, from 1.

    Raises: InputError, when this is no TOA5 header or an incomplete one.
    """
    rows = [_fields(raw, f"{where}:{line + i}") for i, raw in enumerate(lines[:LINES])]
    if not rows or rows[0][:1] != ["TOA5"]:
        raise _foreign(lines[0] if lines else b"", f"{where}:{line}")
    environment = _trimmed(rows[0])
    if len(rows) < LINES or not lines[LINES - 1].endswith(b"\n"):
        complete = sum(raw.endswith(b"\n") for raw in lines[:LINES])
        raise InputError(
            f"{where}:{line + complete}",
            f"the end of the file after {complete} of the {LINES} header lines",
            "all of them",
            _WAIT,
        )
    if len(environment) != 8:
        raise InputError(
            f"{where}:{line}",
            f"{len(environment)} fields",
            "8: TOA5, station, model, serial, OS, program, signature, table",
            "Was the first line edited? Restore it from the logger program's own file, or collect the table anew.",
        )
    station, model, serial, system, program, signature, table = environment[1:]
    return Header(station, model, serial, system, program, signature, table, *_columns(rows[1:], where, line))


def _fields(raw: bytes, where: str) -> list[str]:
    text = decode(raw.removeprefix(b"\xef\xbb\xbf")).rstrip("\r\n")
    try:
        return next(csv.reader([text]), [])
    except csv.Error as error:
        raise InputError(where, f"fields that can't be told apart ({error})", "a TOA5 header", _REMEDY) from error


def _columns(
    rows: Sequence[Sequence[str]], where: str, line: int
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Names, units and processing, without the empty columns that a spreadsheet adds on the right."""
    names, units, processing = (tuple(row) for row in rows)
    for offset, (row, what) in enumerate([(units, "units"), (processing, "words of processing")], start=2):
        if len(row) != len(names):
            raise InputError(
                f"{where}:{line + offset}",
                f"{len(row)} {what}",
                f"{len(names)}, one for each name in line {line + 1}",
                'A " or a comma inside a unit does this: look at FieldNames and Units in the logger program.',
            )
    width = max((i for i, column in enumerate(zip(names, units, processing, strict=True), 1) if any(column)), default=0)
    names = names[:width]
    for number, name in enumerate(names, start=1):
        if not name or name in names[: number - 1]:
            raise InputError(
                f"{where}:{line + 1} column {number}",
                f"the name {name!r} a second time" if name else "no name",
                "a name of its own for each column",
                "Rename the column in the logger program (FieldNames), or in line 2 of a copy of this file.",
            )
    if TIMESTAMP not in names:
        raise InputError(
            f"{where}:{line + 1}",
            f"the columns {', '.join(names[:5]) or 'none'}",
            f"one called {TIMESTAMP}",
            "In LoggerNet's Setup, tick 'Include Timestamp' in the output options of this table.",
        )
    return names, units[:width], processing[:width]


def _trimmed(row: Sequence[str]) -> list[str]:
    """A first line without the empty fields that a spreadsheet pads it with (the eight own ones may be empty)."""
    width = max((i for i, field in enumerate(row, start=1) if field), default=0)
    return list(row[: max(width, 8)])


def _foreign(line: bytes, where: str) -> InputError:
    """The error for a file that does not begin with a TOA5 header."""
    start = decode(line.removeprefix(b"\xef\xbb\xbf")).lstrip('"').strip()
    for word, what in _OTHERS.items():
        if start.startswith(word):
            fix = f"{_REMEDY}\n  {_CONVERT}" if what == _BINARY else _REMEDY
            return InputError(where, f"{word}, {what}", "TOA5", fix)
    bare = start[:1].isdigit() or start[:1] in ("-", "+")
    return InputError(where, repr(start[:40]) if start else "an empty line", "'TOA5'", _BARE if bare else _REMEDY)
