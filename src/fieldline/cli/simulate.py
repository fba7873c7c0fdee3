"""`fieldline simulate`: the files of a simulated flux tower."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime, timedelta

from ..errors import InputError, UsageError
from ..simulator import UTC_OFFSET_HOURS, simulate
from .show import table


def main(options: argparse.Namespace) -> int:
    """Write or continue the files and say what was written."""
    until = _until(options.until)
    faults = [name.strip() for name in options.faults.split(",") if name.strip()]
    try:
        written = simulate(
            options.folder,
            days=options.days,
            until=until,
            seed=options.seed,
            faults=faults,
            progress=lambda text: print(text, file=sys.stderr) if sys.stderr.isatty() else None,
        )
    except OSError as error:
        where, found = str(error.filename or options.folder), error.strerror or str(error)
        fix = "Close the program that has it open, or name another folder."
        raise InputError(where, found, "a folder and files that can be written", fix) from error
    print(table(("file", "table", "rows"), [(one.path, one.table, f"{one.rows:,}") for one in written]))
    return 0


def _until(text: str | None) -> datetime:
    """The end of the simulation on the station's own clock."""
    if text is None:
        return datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=UTC_OFFSET_HOURS)
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError("--until", repr(text), "a time such as 2026-06-25T10:50", "Leave it out for now.") from error
    return time.astimezone(UTC).replace(tzinfo=None) + timedelta(hours=UTC_OFFSET_HOURS) if time.tzinfo else time
