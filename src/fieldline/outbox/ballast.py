"""A file that only takes room, so that a full disk can still be worked on.

Without it the rows that were delivered could not be deleted, and the disk would stay full.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ..held import patiently

SIZE = 8 * 2**20
RESERVE = 2 * 2**20  # [bytes] with less than that free, what is there is left to the deliveries
_SPARE = 20  # it is made only where that many times its size is free


class Ballast:
    """The file at `path`. None as the path: there is none."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def take(self) -> bool:
        """Make the file, if there is room for much more than it; return whether it is there."""
        if self._path is None:
            return False
        if self._path.exists():
            return True
        if shutil.disk_usage(self._path.parent).free < _SPARE * SIZE:
            return False
        with self._path.open("wb") as file:
            for _ in range(SIZE // 2**20):
                file.write(os.urandom(2**20))  # a file system that compresses would make nothing of zeros
        return True

    def is_tight(self) -> bool:
        """Whether the disk is so full that nothing new may be taken in: it would stop the deliveries, too.

        Then the file is deleted: without any room the outbox can't even be opened.
        """
        if self._path is None or shutil.disk_usage(self._path.parent).free >= RESERVE:
            return False
        self.release()
        return True

    def release(self) -> bool:
        """Delete the file; return whether that made room: on Windows not while another program has it open."""
        if self._path is None or not self._path.exists():
            return False
        try:
            patiently(self._path.unlink)
        except OSError:
            return False
        return True
