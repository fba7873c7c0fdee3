"""Lines as bytes: cut a text into them, and ask a line for its time and its measurement."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..ports import Precision

UNITS: dict[Precision, int] = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}  # in nanoseconds


@dataclass(frozen=True)
class Lines:
    """Some points of one measurement as text: `rows` lines that end in a line feed each.

    first, last: the time of the oldest and of the newest point. [ns since 1970, UTC]
    """

    text: bytes
    rows: int
    first: int
    last: int


HEAD = rb"(?:\\[^\n]|[^\\ \n])*+"
KEY = rb"(?:\\[^\n]|[^\\= \n])*+"
STRING = rb'"(?:\\.|[^"\\])*+"'
VALUE = STRING + rb"|[^ ,\n]*+"
LINE = re.compile(rb"(?:%b (?:%b=(?:%b),?)*+)?[^\n]*+(?:\n|\Z)" % (HEAD, KEY, VALUE), re.DOTALL)
MEASUREMENT = re.compile(rb"(?:\\[^\n]|[^\\, \n])*+")
_ESCAPED = re.compile(r"\\([,= ])")


def split(text: bytes) -> list[bytes]:
    """The lines, each with its line end. A line feed inside a string is no line end."""
    if b'"' in text:
        return [line for line in LINE.findall(text) if line]
    *lines, last = text.split(b"\n")
    lines = [line + b"\n" for line in lines]
    return [*lines, last] if last else lines


def unescaped(name: bytes) -> str:
    """A name or tag value as text."""
    text = name.decode("utf-8", "replace")
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def time_of(line: bytes, precision: Precision) -> int:
    """When the point of a line was. [ns since 1970, UTC]

    Raises: ValueError, for a line without a time.
    """
    return int(line.rstrip().rpartition(b" ")[2]) * UNITS[precision]


def measurement_of(line: bytes) -> str:
    """The measurement of a line."""
    found = MEASUREMENT.match(line)
    return unescaped(found[0] if found else b"")
