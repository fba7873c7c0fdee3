"""Which files each pattern finds, and which class and measurement each gets; of a file only its ends are read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from ...clock import to_utc
from ...errors import InputError, Unreachable
from ...ports import Field
from ...readers import stamps
from ...readers.header import LINES, TIMESTAMP, Header, parse, starts_header
from ...settings import Job
from ...sources.files import made_up
from ...sources.memory import FileSeen, Memory
from ...sources.memory import key as file_key
from ...tables import Layout, Planner
from .. import drivers
from ..show import span
from . import CLOCKS, Finding, Visit, fail, of, ok, warn

EARLY = 600  # [s] a logger's clock may be so far ahead before it is worth a word
_BEGIN, _END = 256 * 1024, 64 * 1024  # [bytes] that are read of a file
_WAIT = "The next run looks again."


def look(visit: Visit) -> Iterator[Finding]:
    """Findings about the files of every job; fills `visit.layouts`."""
    if not visit.settings.jobs:
        yield warn("jobs", "there is none", "Add one to `jobs:` in the configuration.")
    known, owners = remembered(visit), dict[Path, str]()
    for job in visit.settings.jobs:
        try:
            planner = _planner(visit, job)
        except InputError:
            continue  # `drivers` tells that this one can't be imported
        for pattern in job.files:
            yield from _pattern(visit, job, pattern, planner, owners, known)


def remembered(visit: Visit) -> dict[str, FileSeen]:
    """What the runs remember of files; nothing where their memory can't be opened, which `last run` tells."""
    try:
        memory = Memory(visit.settings.home / "state.db", frozen=True)
    except Unreachable:
        return {}
    memory.close()
    return memory.files


def _planner(visit: Visit, job: Job) -> Planner:
    own = visit.settings.for_job(job)
    tables = drivers.load(visit.project / "drivers", job.driver) if job.driver else ()
    return Planner(tables, job.unknown or visit.settings.unknown, own.bucket, own.utc_offset, own.keep_days)


def _pattern(
    visit: Visit, job: Job, pattern: str, planner: Planner, owners: dict[Path, str], known: dict[str, FileSeen]
) -> Iterator[Finding]:
    closed = list[OSError]()
    paths = job.expand(pattern, visit.project, closed.append)
    for error in closed:
        yield warn(
            job.name,
            f"{error.filename}: can't be looked into ({error.strerror})",
            "Give the account that runs fieldline the right to read that folder.",
        )
    if not paths:
        yield warn(job.name, f"{pattern}: no such file", "Correct `files:` of the job, or wait for the logger program.")
        return
    yield ok(job.name, f"{pattern}: {len(paths)} file{'s' * (len(paths) != 1)}")
    for path in paths:
        owner = owners.setdefault(path, job.name)
        if owner != job.name:
            yield fail(
                job.name,
                f"{path}: the job {owner} reads it too",
                "A file belongs to one job: narrow `files:` of one of them.",
            )
        yield from _file(visit, job, path, planner, known.get(file_key(path), FileSeen()))


def _file(visit: Visit, job: Job, path: Path, planner: Planner, seen: FileSeen) -> Iterator[Finding]:
    """Findings about one file: where its rows go, how old they are, what a run said of it."""
    try:
        size, changed, begin, end = _ends(path)
        header = _header(begin, path, planner, seen)
        layout = planner.layout(header, path)
    except OSError as error:
        yield fail(
            job.name,
            f"{path}: can't be read ({error.strerror or error})",
            "Does another program hold it, or may this account not read it? The next run tries again.",
        )
        return
    except InputError as error:
        yield warn(job.name, f"{path}: is empty", _WAIT) if not size else of(job.name, error)
        return
    visit.layouts.append(layout)
    generic = layout.name not in {table.__name__ for table in planner.tables}
    age = visit.now.timestamp() - changed
    text = f"{path}: {'no driver' if generic else layout.name} -> {layout.bucket}.{layout.measurement}"
    yield ok(job.name, f"{text}, changed {span(max(age, 0))} ago")
    if age < -CLOCKS:
        ahead = f"{path}: was changed {span(-age)} in the future"
        yield warn(job.name, ahead, "Set the clock of this computer, or of the one that writes the file.")
    yield from _stamps(visit, job, path, layout, newest(end, header, layout))
    if seen.trouble:
        trouble, _, remedy = seen.trouble.partition("\n")
        yield warn(job.name, f"the last run could not read all of it: {trouble}", remedy.strip() or _WAIT)


def _stamps(visit: Visit, job: Job, path: Path, layout: Layout, last: datetime | None) -> Iterator[Finding]:
    """What the newest stamp says of the declared zone."""
    ahead = (last - visit.now).total_seconds() if last else 0.0
    if ahead > EARLY:
        yield warn(
            job.name,
            f"{path}: the newest record is {span(ahead)} in the future, if the logger's clock is {layout.timezone}",
            "Correct the zone (`utc_offset` of the job, or `timezone` of the class), or set the logger's clock.",
        )


def _ends(path: Path) -> tuple[int, float, bytes, bytes]:
    """The size [bytes] of a file, when it was changed [s since 1970], its first and its last bytes. Raises: OSError."""
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        begin = file.read(_BEGIN)
        file.seek(max(0, status.st_size - _END))
        return status.st_size, status.st_mtime, begin, file.read(_END)


def _header(begin: bytes, path: Path, planner: Planner, seen: FileSeen) -> Header:
    """What the newest rows stand under: as the last run knew it, else as the first lines say. Raises: InputError."""
    if seen.place.header and begin.startswith(seen.place.head):
        return seen.place.header
    table = planner.headerless(path)
    if table is not None and not starts_header(begin[:40]):
        return made_up(table, path)
    return parse(begin.splitlines(keepends=True)[:LINES], str(path))


def newest(end: bytes, header: Header, layout: Layout) -> datetime | None:
    """The stamp of the last whole line, in UTC; None: it can't be read as one."""
    lines = end[: end.rfind(b"\n") + 1].splitlines()
    cells = lines[-1].split(b",") if lines else []
    place = header.names.index(TIMESTAMP)
    if place >= len(cells):
        return None
    cell = cells[place].strip()
    data = np.frombuffer(cell, dtype=np.uint8)
    (time,), (readable,) = stamps.parse(data, np.array([0]), np.array([len(cell)])) if cell else ((0,), (False,))
    if not readable:
        return None
    local = pd.DatetimeIndex([pd.Timestamp(int(time), unit="ns")])
    return to_utc(local, layout.timezone)[0].floor("us").to_pydatetime()


def fields(layout: Layout) -> dict[str, Field]:
    """The fields that rows of this layout have, by name, without tags."""
    kept = [column for column in layout.columns.values() if column.name not in layout.tags]
    return {column.name: Field(column.name, column.kind or "number", column.unit) for column in kept}


def places(layouts: Iterable[Layout]) -> dict[tuple[str, str], list[Layout]]:
    """The layouts by bucket and measurement."""
    found: dict[tuple[str, str], list[Layout]] = {}
    for layout in layouts:
        found.setdefault((layout.bucket, layout.measurement), []).append(layout)
    return found
