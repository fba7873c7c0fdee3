"""Files that another program holds: Windows lets nobody open, replace or delete one meanwhile, and it is soon over.

A virus scanner, a backup or the search of Windows looks at every file just after it was written, for moments; a
spreadsheet holds one until a person closes it.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

DEVICES = re.compile(r"con|prn|aux|nul|(com|lpt)[0-9¹²³]", re.IGNORECASE)  # in every folder, with any ending
# [s] between one try and the next; elsewhere a refusal is one of rights, and waiting changes nothing
PAUSES: tuple[float, ...] = (0.1, 0.2, 0.4) if sys.platform == "win32" else ()


def patiently(work: Callable[[], T]) -> T:
    """Do `work`, and again after each pause as long as another program holds the file.

    Raises: PermissionError, when it is still held or may not be touched at all; what else `work` raises, at once.
    """
    for pause in PAUSES:
        try:
            return work()
        except PermissionError:
            time.sleep(pause)
    return work()


def is_device(name: str) -> bool:
    """Whether Windows would open a device instead of a file of this name: what is written to NUL is gone."""
    return DEVICES.fullmatch(name.split(".")[0].rstrip()) is not None


def put(part: Path, path: Path) -> None:
    """Let `part`, which is whole, take the place of `path`; when that fails, `part` is gone.

    Raises: OSError, when somebody holds `path` (PermissionError) or it can't be written for another reason.
    """
    try:
        patiently(lambda: part.replace(path))
    except OSError:
        with suppress(OSError):
            part.unlink()
        raise


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is never seen half: durably, aside, then in its place. Raises: OSError."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    put(part, path)
