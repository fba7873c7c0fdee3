"""Rows that could not be read, kept as they stood: one file of JSON lines a station and table."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Unreachable
from ..held import is_device, patiently

if TYPE_CHECKING:  # a run that finds nothing new must not pay for pandas
    from ..readers.toa5 import BadRow


_LONGEST = 120  # characters of a name; Windows takes 260 for a whole path


class Quarantine:
    """A folder of such files. None as the folder: nothing is written (a dry run)."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def add(self, name: str, file: Path, rows: Sequence[BadRow]) -> None:
        """Keep `rows` of `file` in `<name>.jsonl`, durably; each with file, line, reason and text.

        Raises: Unreachable, when they can't be written now.
        """
        if self._folder is None or not rows:
            return
        path = self._folder / file_name(name)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lines = "".join(_line(file, row) for row in rows).encode("utf-8", "backslashreplace")
            patiently(lambda: _append(path, lines))
        except OSError as error:
            raise Unreachable(
                f"{path}: found {error.strerror or error}, expected to keep {len(rows)} rows that can't be read.\n"
                "  Close the program that has the file open, free disk space, or give the account that runs fieldline "
                "the right to write there. The next run reads the rows again."
            ) from error


def file_name(name: str) -> str:
    """The file of a table of this name, such that every system has files of that name."""
    plain = re.sub(r"[^\w.-]+", "_", name)
    if not _is_a_name(plain):
        plain = re.sub(r"[^\x21-\x7e]+", "_", plain)[:_LONGEST]
        plain = f"{plain}~{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:10]}"
    return f"{'_' * is_device(plain)}{plain}.jsonl"


def _is_a_name(name: str) -> bool:
    """Whether this system takes such a name: not too long, and of letters that it has (in the locale C only ASCII)."""
    try:
        return len(os.fsencode(name)) <= 2 * _LONGEST and len(name) <= _LONGEST
    except UnicodeEncodeError:
        return False


def _line(file: Path, row: BadRow) -> str:
    values = {"file": str(file), "line": row.line, "reason": row.reason, "text": row.text}
    return json.dumps(values, ensure_ascii=False) + "\n"


def _append(path: Path, lines: bytes) -> None:
    """Write behind the last whole line: a power cut may have left a part of one."""
    with path.open("a+b") as out:
        end = out.seek(0, os.SEEK_END)
        out.seek(max(end - 1, 0))
        torn = out.read(1) not in (b"", b"\n")
        out.write(b"\n" * torn + lines)
        out.flush()
        os.fsync(out.fileno())
