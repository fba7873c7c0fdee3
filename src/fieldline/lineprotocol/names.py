r"""How names, tag values and strings are written, and which are refused.

Seen with influxd 1.6.7; InfluxDB 3 by its parser:

    found in a name or tag value    influxd 1.6.7                           InfluxDB 3
    \ at the end                    refuses the line                        refuses the line
    \ before , or space or =        field: refuses; measurement: drops it   ends the name there
    \ before "                      drops it (measurement and field)        keeps it
    \ before \                      keeps both                              keeps one
    line feed                       ends the line there                     ends the line there
    tab                             drops it at the start                   ends the name there
    NUL                             drops it at the start
    nothing                         refuses the line                        refuses the line
    measurement that begins with #  takes the line for a comment            takes the line for a comment
    a field or tag named time       drops the field, refuses the tag        refuses it
    half a character (a surrogate)  stores U+FFFD

None of this may come to pass unseen, so all of it is refused here, and control characters altogether. Every other text
is read back as it was, with `,`, space and `=` behind a backslash (in a measurement `=` needs none).
"""

from __future__ import annotations

import re

from ..errors import Rejected

_CONTROL = re.compile(r"[\x00-\x1f]")
_AMBIGUOUS = re.compile(r'\\(?:[,= "\\]|\Z)')
_SPECIAL = re.compile(r"[,= ]")
_SPECIAL_IN_MEASUREMENT = re.compile(r"[, ]")


def measurement(name: str) -> bytes:
    """The name of a measurement as it is written. Raises: Rejected."""
    where = f"measurement {name!r}"
    if name.startswith("#"):
        raise _refused(where, "a # at its start", "another character: such a line is a comment", _RENAME)
    return _SPECIAL_IN_MEASUREMENT.sub(r"\\\g<0>", _plain(name, where, _RENAME)).encode()


def key(name: str, where: str) -> bytes:
    """The name of a tag or field as it is written; `where` says which it is. Raises: Rejected."""
    where = f"{where}, {name!r}"
    if name == "time":
        raise _refused(where, "the name that InfluxDB keeps for the time", "any other", _RENAME)
    return _SPECIAL.sub(r"\\\g<0>", _plain(name, where, _RENAME)).encode()


def tag_value(value: str, where: str) -> bytes:
    """A tag value that is not empty, as it is written. Raises: Rejected."""
    return _SPECIAL.sub(r"\\\g<0>", _plain(value, where, _REPLACE)).encode()


def string(value: str, where: str) -> bytes:
    """The value of a text field as it is written, quotes included. Raises: Rejected, for half a character."""
    return b'"%b"' % _encoded(value, where).replace(b"\\", rb"\\").replace(b'"', rb"\"")


_RENAME = "Give it another name in the driver."
_REPLACE = "Replace it in the driver, or let the column be a field: a string may have any character."
_ENCODING = "Correct the encoding of the input."


def _plain(text: str, where: str, fix: str) -> str:
    """The text, if every InfluxDB reads it as it is once it is escaped."""
    if not text:
        raise _refused(where, "nothing", "at least one character", fix)
    if found := _CONTROL.search(text):
        raise _refused(where, f"the control character {found[0]!r} in {text[:80]!r}", "none", fix)
    if found := _AMBIGUOUS.search(text):
        there = f"before {found[0][1:]!r}" if found[0][1:] else "at the end"
        raise _refused(where, f"a backslash {there} in {text[:80]!r}", "none there: InfluxDB misreads it", fix)
    _encoded(text, where)
    return text


def _encoded(text: str, where: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise _refused(where, f"{text[:80]!r} with half a character", "text", _ENCODING) from error


def _refused(where: str, found: str, expected: str, fix: str) -> Rejected:
    return Rejected(f"{where}: found {found}, expected {expected}.\n  {fix}")
