"""Files of the user that a run needs when there are new rows alone: a mistake in one is told by the next run anyway."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..sources.memory import Memory


def has_changed(memory: Memory, path: Path) -> bool:
    """Whether `path` is not as it was when it was last found good; a file that is not there is one more state."""
    return memory.note(_note(path)) != _mark(path)


def is_good(memory: Memory, path: Path) -> None:
    """Remember that `path` is good as it is."""
    memory.keep_notes(**{_note(path): _mark(path)})


def look(memory: Memory, path: Path, read: Callable[[], object], dry: bool = False) -> None:
    """Read a file that has changed since it was last found good, for what that may raise.

    dry: read it in any case, and remember nothing.
    """
    if dry or has_changed(memory, path):
        read()
        if not dry:
            is_good(memory, path)


def _note(path: Path) -> str:
    return f"good {path}"


def _mark(path: Path) -> str:
    try:
        found = path.stat()
    except OSError:
        return "-"
    return f"{found.st_mtime_ns} {found.st_size}"
