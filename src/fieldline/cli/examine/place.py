"""The home of a site: may it be written, is there room, does the clock go right, when was the last run."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path, PureWindowsPath

from filelock import FileLock, Timeout

from ...settings import Settings
from ...sources.archive import Archive
from ...sources.memory import Memory
from ..show import span
from . import Finding, Visit, fail, ok, warn

LEAST, LITTLE = 100_000_000, 1_000_000_000  # [bytes] free on the disk
_REMOTE = 4  # DRIVE_REMOTE of GetDriveTypeW
FIRST_YEAR = 2024  # a clock before it has lost its battery
_ROOM = "Free some disk space, or give `home` in the configuration a larger disk."


def home(visit: Visit) -> Iterator[Finding]:
    """Findings about writing to the home, and the room there."""
    folder = visit.settings.home
    there = nearest(folder)
    if folder.exists() and there != folder:
        yield fail("home", f"{folder} is a file, expected a folder", "Rename the file, or choose another `home`.")
        return
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"fieldline")
    except OSError as error:
        yield fail(
            "home",
            f"{there}: can't be written ({error.strerror or error})",
            "Give the account that runs fieldline the right to write there, or choose another `home`.",
        )
    else:
        yield ok("home", f"{folder} can be written" if there == folder else f"{folder} will be made by the first run")
    if on_a_share(str(there)):
        yield warn(
            "home",
            f"{there} is on another computer, where the memory of the runs (state.db) does not work reliably",
            "Choose a `home` on a disk of this computer; the logger's files may lie anywhere.",
        )
    yield disk(shutil.disk_usage(there).free, growth(visit.settings), there)


def on_a_share(folder: str) -> bool:
    """Whether Windows has a folder from another computer, by its name or behind a drive letter."""
    if sys.platform != "win32":
        return False
    import ctypes

    drive = PureWindowsPath(folder).drive
    return drive.startswith("\\\\") or ctypes.windll.kernel32.GetDriveTypeW(f"{drive}\\") == _REMOTE


def nearest(folder: Path) -> Path:
    """The folder, or the first one above it that is there."""
    return next((one for one in (folder, *folder.parents) if one.is_dir()), Path(folder.anchor))


def growth(settings: Settings) -> int:
    """By how much the archive and the outbox may still grow under their caps. [bytes]"""
    most = settings.archive.megabytes
    grow = max(0, most * 1_000_000 - Archive(settings.home / "archive").size()) if most else 0
    state = settings.home / "state.db"
    if settings.store == "influxdb":
        used = state.stat().st_size if state.exists() else 0
        grow += max(0, settings.outbox.megabytes * 1_000_000 - used)
    return grow


def disk(free: int, grow: int, folder: Path) -> Finding:
    """What so much free room means. [bytes]"""
    text = f"{_mega(free)} free at {folder}"
    if free < LEAST:
        return fail("disk", text, _ROOM)
    if free < LITTLE:
        return warn("disk", text, _ROOM)
    if free < grow:
        return warn(
            "disk",
            f"{text}; outbox and archive may grow by {_mega(grow)} more",
            f"{_ROOM} Or lower `outbox.megabytes` and `archive.megabytes`.",
        )
    return ok("disk", text)


def room(home: Path) -> str:
    """A word where the disk of a home is nearly full; empty where it is not."""
    folder = nearest(home)
    free = shutil.disk_usage(folder).free
    return f"the disk is nearly full: {_mega(free)} free at {folder}. {_ROOM}" if free < LEAST else ""


def _mega(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"


def clock(now: datetime) -> Iterator[Finding]:
    """Findings about the clock of this computer, by itself."""
    text = f"{now.isoformat(timespec='seconds').replace('+00:00', 'Z')} on this computer"
    if now.year < FIRST_YEAR:
        yield warn("clock", text, "Set the clock of this computer, or let it follow a time server.")
    else:
        yield ok("clock", text)


def runs(visit: Visit) -> Iterator[Finding]:
    """Findings about the memory of the runs, the last one and the lock."""
    path = visit.settings.home / "state.db"
    memory = Memory(path, frozen=True)
    try:
        if path.exists() and memory.ledger.path is None:
            yield warn(
                "state",
                f"{path} is damaged",
                "The next run sets it aside and reads every file from its start, which changes nothing that is stored.",
            )
        began, ended, status, process = (memory.note(name) for name in ("began", "ended", "status", "process"))
    finally:
        memory.close()
    held = busy(visit.settings.home / "run.lock")
    if held:
        yield _under_way(visit, began, process)
    if began is None:
        yield warn("last run", "none yet", "Run `python driver.py`, then let the computer start it: docs/schedule.md.")
        return
    if held and (not ended or ended < began):
        return
    yield _last(visit, began, ended, status)


def busy(path: Path) -> bool:
    """Whether another process holds a lock. It is taken for a moment, if it is free."""
    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # `home` tells that the folder can't be written
        return False


def _under_way(visit: Visit, began: str | None, process: str | None) -> Finding:
    seconds = (visit.now - datetime.fromisoformat(began)).total_seconds() if began else 0.0
    text = f"a run is under way, since {began or 'just now'} (process {process or '?'})"
    if seconds > visit.settings.every_minutes * 60:
        return warn("lock", text, f"Runs are {visit.settings.every_minutes} min apart: is it stuck? If so, end it.")
    return ok("lock", text)


def _last(visit: Visit, began: str, ended: str | None, status: str | None) -> Finding:
    seconds = (visit.now - datetime.fromisoformat(began)).total_seconds()
    text, log = f"{span(seconds)} ago", visit.settings.home / "logs" / "fieldline.log"
    if not ended or ended < began:
        return warn("last run", f"{text}; it did not come to its end", f"See {log}; the next run does what is left.")
    text += f", exit status {status}"
    if seconds > 3 * visit.settings.every_minutes * 60:
        return warn(
            "last run", text, "Is the schedule still on? Look at Task Scheduler, cron or `driver.py --forever`."
        )
    if status not in ("0", "3"):
        return warn("last run", text, f"See {log} for what failed; nothing is lost, the next run tries again.")
    return ok("last run", text)
