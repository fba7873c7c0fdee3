"""A tower that is not there: the files LoggerNet would write at US-UMB, plausible weather, faults on demand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from ..errors import UsageError
from .faults import FAULTS, select
from .files import DataFile, Written
from .sun import DAY, UTC_OFFSET_HOURS
from .tables import TABLES
from .truth import extend

__all__ = ["FAULTS", "UTC_OFFSET_HOURS", "Written", "simulate"]

EPOCH = datetime(1970, 1, 1)
SHOWN = datetime(2024, 7, 1)  # the end of a run that names none: examples look the same everywhere


def _span(days: float, until: datetime | None) -> tuple[int, int]:
    """Begin and end of a run [s since 1970, station clock]."""
    if not days > 0:
        raise UsageError(
            "days of the simulator", repr(days), "a number above 0", "Say how many days back a file begins."
        )
    moment = until or SHOWN
    if moment.tzinfo is not None:
        fix = "Convert it to UTC-5 and drop the zone."
        raise UsageError(
            "end of the simulation", moment.isoformat(), "a time of the station clock, without a zone", fix
        )
    end = int((moment - EPOCH).total_seconds())
    return end - round(days * DAY), end


def simulate(
    folder: Path,
    *,
    days: float,
    until: datetime | None = None,
    seed: int = 1,
    faults: Sequence[str] = (),
    progress: Callable[[str], None] | None = None,
) -> list[Written]:
    """Write the tables of the tower into `folder`, or continue those that are there.

    A value depends on seed, stamp and column only: two runs of a day each give the bytes of one run of two days. RECORD
    counts from 0 at the first row of a new file.

    Args:
        days: how far before `until` a new file begins; a file that is there goes on behind its last whole row.
        until: the last stamp, on the station's clock (UTC-5, no zone); None is 2024-07-01 00:00.
        faults: names out of FAULTS, `all` or `none`. What is injected is listed in `folder/truth.json`, times in UTC.
        progress: is told one line a day.

    Returns:
        The files that got rows; none when nothing is new.

    Raises: UsageError for an unknown fault or a range that is none; InputError for a file that is not the simulator's.
    """
    span, chosen = _span(days, until), select(faults)
    folder.mkdir(parents=True, exist_ok=True)
    files = [DataFile(folder, table, seed, chosen, span) for table in TABLES]
    # Day by day through all tables: memory stays bounded, and a day's weather is made once for all of them.
    for day in range(min(file.begin for file in files), (span[1] - 1) // DAY + 1):
        for file in files:
            file.add(day)
        if progress:
            rows = sum(sum(file.rows.values()) for file in files)
            progress(f"{(EPOCH + timedelta(days=day)).date()}: {rows:,} rows")
    written = [item for file in files for item in file.finish()]
    entries = [item for file in files for item in file.truth]
    extend(folder, entries, frozenset(item.table for item in written))
    return written
