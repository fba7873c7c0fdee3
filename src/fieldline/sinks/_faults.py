"""What is wrong with the file of the embedded store, in words, from what DuckDB says of it."""

from __future__ import annotations

import re
import sys
from pathlib import Path, PureWindowsPath

from ..errors import Rejected, StoreError, Unreachable

BUSY = (
    "could not set lock on file",
    "unique file handle conflict",
    "different configuration",
    "used by another process",
    "already open in",  # Windows says the rest in the language of the machine; this is DuckDB's own
)
IN_USE_ON_WINDOWS = (32, 33)  # ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION
_SHARE_ALL = 0x7  # others may read, write and delete meanwhile
HOLDER = re.compile(r"(?:held|open) in\s+(\S.*?) \(PID (\d+)\)")
UNFIT = ("cannot encode str", "conversion error", "out of range")
FAULTS = (
    (
        ("not a valid duckdb",),
        "is not a DuckDB file",
        "Move it away, make the buckets again with new-db.py and load the files again.",
    ),
    (
        ("corrupt", "checksum", "could not read enough", "replaying wal"),
        "is damaged",
        "Put back a copy; or move it and its .wal away, make the buckets with new-db.py and load the files again.",
    ),
    (("no space left", "disk full", "not enough space", "file too large"), "cannot grow", "Free some disk space."),
    (
        ("permission denied", "access is denied", "read-only file system"),
        "may not be opened",
        "Give the account that runs fieldline the right to write the file and its folder.",
    ),
    (("newer version", "older version"), "was made by another version of DuckDB", "Run: pip install --upgrade duckdb"),
)


def is_busy(path: Path, message: str) -> bool:
    """Whether DuckDB could not open the file because somebody else has it."""
    return any(word in message.lower() for word in BUSY) or ("cannot open file" in message.lower() and _in_use(path))


def holder(message: str) -> str:
    """Where a busy file is open, as far as DuckDB says it: 'in python3 (process 1352)'."""
    found = HOLDER.search(message)
    words = " ".join(message.split())
    return f"in {PureWindowsPath(found[1]).name} (process {found[2]})" if found else f"elsewhere ({words})"


def _in_use(path: Path) -> bool:
    """Whether Windows says so; DuckDB repeats it in the language of the machine, so ask again for the number.

    Python's own `open` goes through the C runtime, for which a file in use and one without the right are both EACCES.
    """
    if sys.platform != "win32":
        return False
    import _winapi

    try:
        handle = _winapi.CreateFile(
            str(path), _winapi.GENERIC_READ, _SHARE_ALL, _winapi.NULL, _winapi.OPEN_EXISTING, 0, _winapi.NULL
        )
    except OSError as error:
        return error.winerror in IN_USE_ON_WINDOWS
    _winapi.CloseHandle(handle)
    return True  # it opens by now: whoever had it has just let go


def fault(path: Path, message: str) -> StoreError:
    """The error to raise for what DuckDB said: with a file that can be put right the rows are kept."""
    said = message.strip().splitlines()[0] if message.strip() else "nothing"
    if "_fieldline" in said and "does not exist" in said:
        return Rejected(
            f"{path}: found a DuckDB file without a bucket, expected one that new-db.py made.\n"
            "  Make it with: python new-db.py FILE"
        )
    if any(word in message.lower() for word in UNFIT):
        return Rejected(
            f"{path}: found a value that cannot be kept or computed ({said}).\n"
            "  Correct it where it comes from; broken text means a wrong `encoding` of the file."
        )
    for words, what, remedy in FAULTS:
        if any(word in message.lower() for word in words):
            return Unreachable(f"{path}: {what} (DuckDB: {said}).\n  {remedy}")
    return Unreachable(
        f"{path}: found an error of DuckDB, expected none ({said}).\n"
        "  The rows are kept and will be tried again; if it stays, please report it."
    )
