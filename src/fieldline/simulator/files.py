"""Continuing the files of a folder, row after row, as LoggerNet does at each collection."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from .faults import Emission, Event, distort, emit, plan
from .logger import header, lines, payloads, second_program
from .noise import Floats
from .sun import DAY
from .tables import FLUX, PAR, SOIL, Table
from .truth import entry

BORDER = 4096  # bytes; a power cut leaves NULs up to here
COLLECTION = 300  # seconds between two collections; what a file holds that is overwritten each time
TAIL = 65_536  # bytes that hold the last rows


@dataclass(frozen=True)
class Written:
    """A file that got rows, of which table, and how many whole rows."""

    path: Path
    table: str
    rows: int


@dataclass(frozen=True)
class Place:
    """How far a file has come: the stamps of its first and last whole rows, the last record, what stands behind it."""

    first: int
    last: int
    record: int
    rest: str


def _row(path: Path, line: bytes) -> tuple[int, int, str]:
    """Stamp [s, station clock], record and the rest of one row."""
    try:
        stamp, record, rest = line.decode().strip("\0\r\n").split(",", 2)
        return int(np.datetime64(stamp.strip('"'), "s").astype(np.int64)), int(record), rest
    except ValueError as error:
        fix = "Move the file away; the simulator then begins a new one."
        raise InputError(str(path), repr(line[:60]), "a row that the simulator wrote", fix) from error


def _program(path: Path, table: Table, start: bytes) -> Table:
    """The table as this file has it: the first or the second program of the logger."""
    programs = [table, second_program(table)] if table is FLUX else [table]
    for program in programs:
        if start.startswith(header(program)):
            return program
    found = f"the header {start[:80]!r}..."
    fix = "Move the file away or choose another folder; rows of two headers must not mix."
    raise InputError(str(path), found, f"the header of {table.stem}.dat as this version writes it", fix)


def look(path: Path, table: Table) -> tuple[Table, list[bytes], bytes]:
    """The program of a file, its first and its last whole rows, and a last line without its end.

    Raises: InputError when the file has another header.
    """
    if not path.exists() or path.stat().st_size == 0:
        return table, [], b""
    with path.open("rb") as file:
        start = file.read(TAIL)
        program = _program(path, table, start)
        size = len(header(program))
        file.seek(max(size, path.stat().st_size - TAIL))
        whole, end, half = file.read().rpartition(b"\n")
    if not end:
        return program, [], half
    # The first line of the tail may be cut; the first one of the file stands in for it.
    return program, [start[size:].split(b"\n", 1)[0], *whole.split(b"\n")[1:]], half


def _place(path: Path, known: list[bytes]) -> Place | None:
    """How far a file has come, by its first and last whole rows; None when there are none."""
    if not known:
        return None
    first, _, _ = _row(path, known[0])
    return Place(first, *_row(path, known[-1]))


class DataFile:
    """One table's file during one run."""

    def __init__(self, folder: Path, table: Table, seed: int, chosen: frozenset[str], span: tuple[int, int]) -> None:
        """`span`: where a new file begins (excluded) and the last moment [s since 1970, station clock]."""
        self.path, self.seed, self.chosen = folder / f"{table.stem}.dat", seed, chosen
        self.source, self.until = table, span[1]
        self.table, known, self.half = look(self.path, table)
        self.place = _place(self.path, known)
        # A file of half a row begins with that row.
        start = _row(self.path, self.half)[0] - 1 if self.half and not known else span[0]
        self.first = self.place.first if self.place else start + 1
        self.seen = self.place.last if self.place else start
        self.record = self.place.record if self.place else -1
        self.rows: dict[Path, int] = {}
        self.truth: list[dict[str, Any]] = []
        self.newest: deque[bytes] | None = None
        if table is PAR and "overwrite" in chosen:
            self.newest = deque((line + b"\n" for line in known), maxlen=COLLECTION // table.interval)

    @property
    def begin(self) -> int:
        """The station day in which this run's first row can lie."""
        return (self.seen - 1) // DAY if self.place else self.seen // DAY

    def add(self, day: int) -> None:
        """Write the rows of one station day that are due."""
        stamps = self.source.stamps(day)
        if day < self.begin or stamps[0] > self.until or stamps[-1] <= self.seen:
            return
        events = plan(self.seed, day, self.source, self.chosen)
        emission = emit(stamps, events, self.first)
        late = np.flatnonzero(emission.stamps > self.until)
        stop = int(late[0]) if len(late) else len(emission.stamps)
        course = distort(self.source.course(self.seed, day, stamps), stamps, events)
        start = self._start(emission, course)
        if start < stop:
            self._write(emission, course, events, range(start, stop))
        self._tell(events, int(stamps[0]), min(int(stamps[-1]), self.until))

    def _start(self, emission: Emission, course: dict[str, Floats]) -> int:
        """The position of the first row that is due in this day's emission."""
        if self.place is None or not len(emission.stamps) or emission.stamps[0] > self.place.last:
            return 0
        alike = np.flatnonzero(emission.stamps == self.place.last)
        texts = payloads(self.table.fields, course, emission.rows[alike])
        # When no values agree (other faults were chosen before), the first row of that stamp counts as written.
        fits = [int(place) for place, text in zip(alike, texts, strict=True) if text == self.place.rest]
        if len(alike):
            return (fits[-1] if fits else int(alike[0])) + 1
        later = np.flatnonzero(emission.stamps > self.place.last)
        return int(later[0]) if len(later) else len(emission.stamps)

    def _write(self, emission: Emission, course: dict[str, Floats], events: list[Event], due: range) -> None:
        before = emission.numbers[due.start - 1] if due.start else -1
        shift = self.record - int(before)
        for part, event in self._parts(emission, events, due):
            if event and event.fault == "program_change":
                self._change_program(event)
                shift = -int(emission.numbers[part.start])
            text = payloads(self.table.fields, course, emission.rows[part])
            rows = lines(emission.stamps[part], emission.numbers[part] + shift, text)
            if self.newest is not None:
                self.newest.extend(rows)
                self.rows[self.path] = len(self.newest)
            else:
                cut = event if event and event.fault == "power_cut" else None
                self._append(rows, cut, int(emission.stamps[part][-1]))
        self.record = shift + int(emission.numbers[due.stop - 1])

    def _parts(self, emission: Emission, events: list[Event], due: range) -> Iterator[tuple[slice, Event | None]]:
        """The positions that are due, cut where something happens to the file; each part with what precedes it."""
        cuts: dict[int, Event | None] = {due.start: None}
        for event in events:
            place = int(np.searchsorted(np.maximum.accumulate(emission.stamps), event.start))
            new = event.fault == "power_cut" or (event.fault == "program_change" and self.table is self.source)
            if new and place in due and (place or self.record >= 0):
                cuts[place] = event
        starts = sorted(cuts)
        for start, stop in zip(starts, [*starts[1:], due.stop], strict=True):
            yield slice(start, stop), cuts[start]

    def _change_program(self, event: Event) -> None:
        backup, count = self.path.with_name(f"{self.path.name}.backup"), 0
        while backup.exists():
            count += 1
            backup = self.path.with_name(f"{self.path.name}.backup{count}")
        if self.path.exists():
            self.path.rename(backup)
        self.rows[backup] = self.rows.pop(self.path, 0)
        self.table, self.place = second_program(self.source), None
        extra: dict[str, str | int] = {"column": self.table.fields[-1].name, "backup": backup.name}
        self.truth.append(entry(replace(event, extra=extra), event.start, event.start))

    def _append(self, rows: list[bytes], cut: Event | None, last: int) -> None:
        half_line = self.source is SOIL and "half_line" in self.chosen and last + self.source.interval > self.until
        if half_line:
            rows[-1] = rows[-1][: len(rows[-1]) * 3 // 5]
            self.truth.append(entry(Event("half_line", self.source.name, None, last, last), last, last))
        data = b"".join(rows)
        size = self.path.stat().st_size if self.path.exists() else 0
        data = self._rest_of(data)
        if not size:
            data = header(self.table) + data
        elif cut:
            hole = BORDER - size % BORDER
            self.truth.append(entry(replace(cut, extra={"offset": size, "bytes": hole}), cut.start, cut.start))
            data = b"\0" * hole + data
        with self.path.open("ab") as file:
            file.write(data)
        count = sum(row.endswith(b"\n") for row in rows)
        self.rows[self.path] = self.rows.get(self.path, 0) + count

    def _rest_of(self, data: bytes) -> bytes:
        """The bytes that follow the half line on disk, if one stands there."""
        half, self.half = self.half, b""
        if not data.startswith(half) and not half.startswith(data):
            fix = "Use the seed and faults of the earlier runs, or move the file away."
            raise InputError(str(self.path), repr(half), f"a beginning of {data[:60]!r} as its last line", fix)
        return data[len(half) :]

    def _tell(self, events: list[Event], begin: int, end: int) -> None:
        """List the faults of values and rows that the rows of this run show; faults of files are listed when done."""
        since = max(begin, self.seen + 1) if self.newest is None else max(begin, self.until - COLLECTION + 1)
        for event in events:
            at_once = event.fault in {"clock_back", "recollect"}
            reached = since <= event.end <= end if at_once else event.start <= end and event.end >= since
            if reached and event.fault not in {"program_change", "power_cut"}:
                self.truth.append(entry(event, self.first if at_once else max(since, self.first), end))

    def finish(self) -> list[Written]:
        """Close the run: an overwritten file is written now. What was written, a file each."""
        if self.newest and self.rows:
            self.path.write_bytes(header(self.table) + b"".join(self.newest))
            begin, end = (_row(self.path, self.newest[place])[0] for place in (0, -1))
            self.truth.append(entry(Event("overwrite", self.source.name, None, begin, end), begin, end))
        return [Written(path, self.source.name, rows) for path, rows in self.rows.items() if rows]
