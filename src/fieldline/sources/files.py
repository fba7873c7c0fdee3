"""A logger's file as a source of batches: what is new in it since the last run, whatever has become of it meanwhile."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..clock import fixed_offset
from ..errors import InputError
from ..ports import Batch, Field, Kind
from ..readers.header import LINES, Header, decode, parse, starts_header
from ..tables import DataTable, Layout, Planner, build
from . import columns
from .archive import Archive
from .memory import FileSeen, Memory, TableSeen, digest
from .pieces import NotNow, Piece, Place, advance, changed, continues, explained, read_piece
from .quarantine import Quarantine

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from ..readers.toa5 import Block, Rows
    from .order import Before, Order

log = logging.getLogger(__name__)


@dataclass
class Tally:
    """What one file gave to one table in one run.

    duplicates: rows (or lines that can't be read) that were there before. missing: records that the numbers jump over,
    or that were overwritten before they were read. late: rows that came after newer ones and were not there before.
    set_back: how often the logger's clock was set back. flags: how many values got which flag.
    """

    file: Path
    layout: Layout
    read: int = 0
    written: int = 0
    quarantined: int = 0
    duplicates: int = 0
    missing: int = 0
    late: int = 0
    set_back: int = 0
    seconds: float = 0.0
    newest: pd.Timestamp | None = None
    flags: Counter[int] = field(default_factory=Counter)

    def judge(self, frame: pd.DataFrame) -> None:
        """Count the flags that the rows of `frame` bring; a flag that is written again is counted again."""
        for name in frame:
            if str(name).endswith("_qc"):
                flags = frame[name].dropna().astype("int64").to_list()
                self.flags += Counter(flags)


@dataclass
class LoggerFile:
    """What is new in one file, in pieces. A batch that is done moves the place in `memory` on.

    stored: what the store knows of the fields that a layout's rows go to.
    parsed: bytes of whole lines read in this run.
    replaced: whether the file is not the one read before.
    known: the rows that the store has of a range of time (both ends included), with RECORD; None: it can't be asked.
    flagged: gives rows on their way to the store their flags; None: they get none.
    archive: keeps the bytes that were read; None: they are not kept.
    patience: how long nobody must have written to the file before a last line without a line end is taken. [s]
    """

    path: Path
    planner: Planner
    stored: Callable[[Layout], Mapping[str, Field]]
    quarantine: Quarantine
    memory: Memory
    known: Callable[[Layout, pd.Timestamp, pd.Timestamp], pd.DataFrame] | None = None
    flagged: Callable[[Layout, pd.DataFrame], pd.DataFrame] | None = None
    archive: Archive | None = None
    patience: float = 3600.0
    tallies: dict[str, Tally] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    replaced: bool = False
    parsed: int = 0
    _whole: bool = False  # what is read now is read from the start, so rows may have been there before
    _overwritten: set[str] | None = None  # tables looked at since rows may have been overwritten unread

    def __iter__(self) -> Iterator[Batch]:
        seen = self.memory.file(self.path)
        piece = read_piece(self.path, seen.place)
        while True:
            if piece.replaced:
                yield from self._drain(seen)
            self._whole = self._whole or not piece.place.offset
            left = yield from self._take(self.path, seen, piece)
            if len(left) == len(piece.data) or not piece.more:
                break
            piece = read_piece(self.path, seen.place, again=self._whole)
        if left or not piece.tail:
            self._refuse_end(seen, left, piece.tail)
        elif seen.tail != digest(decode(piece.tail)).hex():
            yield from self._last_line(seen, piece)

    def layouts(self) -> list[Layout]:
        """The tables at the start of the file, by its header lines alone.

        Raises: InputError, when there is none yet.
        """
        from ..readers import toa5

        piece = read_piece(self.path, Place())
        found = [
            self.planner.layout(block.header, self.path)
            for block in toa5.split(piece.data, self._header(piece), str(self.path))
        ]
        if not found:
            parse(piece.tail.splitlines(), str(self.path))
        return found

    def _drain(self, seen: FileSeen) -> Iterator[Batch]:
        """Read what was missed before the file was replaced: the rest of the backup it became, and later ones whole."""
        self.replaced, self._overwritten = True, set()
        drained = False
        for path, first in self._backups(seen):
            drained = True
            if first.offset:
                self._overwritten = None
                self.notes.append(f"{self.path.name} was renamed {path.name}: its last rows are read there")
            else:
                self.notes.append(f"{path.name} came and went between two runs: it is read whole")
            yield from self._to_its_end(path, seen, first)
        if not drained:
            log.info("%s was replaced; it is read from the start", self.path)

    def _backups(self, seen: FileSeen) -> Iterator[tuple[Path, Place]]:
        """Siblings that a logger program renamed since the last run, oldest first, and where to read on in each.

        The one that goes on where the file was left is the file itself; what was written to after the file was last
        read came later. Every other one was there before, and so was every one beside a file that was never read.

        Raises: InputError, when one can't be read now: its rows must come first, or they would be forgotten.
        """
        reached, newest, found = seen.place, seen.place.modified, False
        if not reached.offset:
            return
        for modified, path in self._siblings():
            if not found and continues(path, reached):
                found = True
                yield path, reached
            elif modified >= newest and self._same_table(path, reached):
                yield path, Place()

    def _siblings(self) -> list[tuple[int, Path]]:
        """Files called like a backup of this one, with the time of their last change, oldest first.

        Raises: NotNow, when the folder is away: rows of a backup must come before those of the file.
        """
        try:
            names = [path for path in self.path.parent.iterdir() if self._like_backup(path.name)]
            return sorted((changed(path), path) for path in names if path.is_file())
        except PermissionError:
            self.notes.append(f"{self.path.parent} may not be listed: {self.path.name}.backup was not looked for")
            return []
        except OSError as error:
            raise explained(self.path, error) from error

    def _like_backup(self, name: str) -> bool:
        name = name.lower()
        return name.startswith(self.path.stem.lower()) and ".backup" in name and name != self.path.name.lower()

    def _same_table(self, path: Path, reached: Place) -> bool:
        """Whether a backup is of the same station and table as the file read so far."""
        try:
            mine = parse(read_piece(path, Place()).data.splitlines(keepends=True)[:LINES], str(path))
        except NotNow:
            raise
        except InputError as error:
            self.notes.append(f"{path.name} is passed over: {error}")
            return False
        head = reached.header
        return head is None or (head.station, head.table) == (mine.station, mine.table)

    def _to_its_end(self, path: Path, seen: FileSeen, first: Place) -> Iterator[Batch]:
        """The rows of a backup from `first` on.

        Raises: InputError, when it is renamed or replaced meanwhile.
        """
        self._whole, place = not first.offset, first
        while True:
            piece = read_piece(path, place, again=self._whole)
            if piece.replaced:
                raise NotNow(
                    str(path), "another file than a moment ago", "the same", "The next run looks for it again."
                )
            left = yield from self._take(path, seen, piece)
            if len(left) == len(piece.data) or not piece.more:
                break
            place = seen.place
        if left or piece.tail:
            self.notes.append(
                f"{path.name} ends in {len(left + piece.tail)} bytes without a line end, which are not read"
            )

    def _take(self, path: Path, seen: FileSeen, piece: Piece) -> Generator[Batch, None, bytes]:
        """The rows of one piece of `path`; return what stands behind the last of them: a header not complete yet."""
        if not piece.data:
            return b""
        from ..readers import toa5  # here, since a run without new rows must not pay for pandas

        self.parsed += len(piece.data)
        end = 0
        for block in toa5.split(piece.data, self._header(piece), str(path), piece.place.line):
            end = block.end
            place = advance(piece.place, piece.data[:end], block.header, block.lines)
            if block.body:
                yield self._batch(path, seen, block, place)
            else:  # a header alone, which needs no store
                seen.place = place
                self.memory.save(self.path, seen)
        return piece.data[end:]

    def _header(self, piece: Piece) -> Header | None:
        """The header that the first lines of a piece stand under, made up where the format has none."""
        if piece.place.header or starts_header(piece.data[:40]):
            return piece.place.header
        table = self.planner.headerless(self.path)
        return made_up(table, self.path) if table else None

    def _batch(self, path: Path, seen: FileSeen, block: Block, place: Place, tail: str = "") -> Batch:
        """The rows of a block. tail: the digest of the block, when the place stays before it."""
        from ..readers import toa5

        began = time.monotonic()
        layout = self.planner.layout(block.header, self.path)
        tally, table = self._tally(layout), self._table(seen, layout)
        rows = toa5.rows(block, table.kinds, layout.missing)
        frame = build(layout, block.header, rows.frame, _stamp(table.last))
        bad = [row for row in rows.bad if not (self._whole and self.memory.is_aside(self.path, digest(row.text)))]
        counts = Counter(
            read=len(rows.frame) + len(rows.bad), quarantined=len(bad), duplicates=len(rows.bad) - len(bad)
        )
        self._note_columns(layout, table, rows, block.header)
        after = replace(table, kinds=table.kinds | rows.kinds, names=columns.of_file(block.header.names))
        if len(frame):
            counts += self._look(
                layout, after, rows, frame, _records(block.header.names, [row.text for row in rows.bad])
            )
        for name, count in counts.items():
            for one in (tally, after):
                setattr(one, name, getattr(one, name) + count)
        tally.newest = _stamp(after.newest)
        new = len(frame)
        span = (int(frame.index.min().value), int(frame.index.max().value)) if new else (None, None)
        if self.flagged is not None:
            frame = self.flagged(layout, frame)
            tally.judge(frame)

        def done() -> None:
            self.quarantine.add(layout.name, path, bad)  # before the place moves on: rather twice than never
            self._keep_bytes(path, block, place.lines, *span)
            seen.place, seen.tables[layout.name], seen.changed = place, after, time.time()
            seen.trouble, seen.replaced, seen.tail = "", self.replaced, tail
            self.memory.save(self.path, seen, [digest(row.text) for row in bad])
            tally.written += new
            tally.seconds += time.monotonic() - began

        return Batch(layout.bucket, layout.measurement, frame, layout.tags, layout.units, done)

    def _keep_bytes(self, path: Path, block: Block, head: bytes, first: int | None, last: int | None) -> None:
        """Put what was read into the archive, under the next number. head: the header's lines; first, last: stamps."""
        if self.archive is None:
            return
        number, today = self.memory.archived(self.archive) + 1, datetime.now(UTC).date()
        header = block.header
        self.archive.add(header.station, header.table, path, number, block.line, head, block.body, first, last, today)
        self.memory.keep_notes(archived=str(number))

    def _tally(self, layout: Layout) -> Tally:
        if layout.name not in self.tallies:
            self.tallies[layout.name] = Tally(self.path, layout)
            if fixed_offset(layout.timezone) is None:
                self.notes.append(
                    f"{layout.name}: {layout.timezone} has summer time; loggers keep standard time, for which an "
                    "offset such as -05:00 is right"
                )
        return self.tallies[layout.name]

    def _note_columns(self, layout: Layout, table: TableSeen, rows: Rows, header: Header) -> None:
        """Say what is odd about the columns, each once a run. table: what was known before these rows."""
        names = columns.of_file(header.names)
        notes = [*columns.absent(layout, names), *columns.unlike(layout, table.kinds)]
        notes += columns.changed(layout, table.names, names)
        notes += columns.guessed(layout, table.kinds, rows.kinds, header, rows.frame)
        self._say(notes)

    def _say(self, notes: Iterable[str]) -> None:
        self.notes += [note for note in notes if note not in self.notes]

    def _table(self, seen: FileSeen, layout: Layout) -> TableSeen:
        """What is known of the table, with the kinds of its columns as far as declared or stored."""
        table = seen.tables.get(layout.name) or TableSeen(layout.bucket, layout.measurement)
        known = table.kinds | layout.kinds({})
        if layout.name not in seen.tables or not layout.columns.keys() <= known.keys():
            stored = self.stored(layout)
            self._say(columns.declared(layout, stored))
            known = table.kinds | layout.kinds(stored)
        numbers: dict[str, Kind] = dict.fromkeys(layout.measured, "number")
        return replace(table, kinds=numbers | known)

    def _look(
        self, layout: Layout, table: TableSeen, rows: Rows, frame: pd.DataFrame, aside: Collection[int]
    ) -> Counter[str]:
        """What the order of the rows tells, as counts; `table` becomes what is known after them.

        aside: the numbers of records that can't be read.
        """
        from . import order

        times = _nanoseconds(frame.index)
        records = rows.frame["RECORD"].to_numpy() if "RECORD" in rows.frame else None
        before = order.Before(table.newest, table.last, table.record, table.interval)
        overwritten = self._overwritten is not None and layout.name not in self._overwritten
        found = order.look(times, records, before, overwritten)
        found = replace(found, missing=order.without(found.missing, aside))
        if self._overwritten is not None:
            self._overwritten.add(layout.name)
        self._report(layout, found, before, overwritten)
        self._report_holes(layout, times, table.newest, found)
        again = self._again(layout, rows, frame, times, table.newest)
        table.interval = order.interval(times, records, before)
        table.newest = max(int(times.max()), int(times[0]) if table.newest is None else table.newest)
        table.last, table.record = int(times[-1]), order.after(found.record, aside)
        return Counter(
            duplicates=int(again.sum()),
            missing=found.missing_records + found.overwritten,
            late=int((found.late & ~again).sum()),
            set_back=len(found.back),
        )

    def _report(self, layout: Layout, found: Order, before: Before, overwritten: bool) -> None:
        """Say what the order of the rows tells, in the log and to the person."""
        why = "; the file was overwritten since the last run" if overwritten else ""
        lines = [
            f"{layout.name}: records {first} to {last} are missing{why}"
            if first != last
            else f"{layout.name}: record {first} is missing{why}"
            for first, last in found.missing
        ]
        if found.overwritten:
            lines.append(f"{layout.name}: about {found.overwritten} rows after {_iso(before.newest)} are missing{why}")
        lines += [
            f"{layout.name}: the logger's clock was set back from {_iso(before)} to {_iso(after)}; where stamps "
            "stand twice, the later row is the one that stays"
            for before, after in found.back
        ]
        for line in lines:
            log.warning("%s: %s", self.path, line)
        self.notes += (
            lines if len(lines) <= 5 else [*lines[:5], f"{layout.name}: and {len(lines) - 5} more, see the log"]
        )

    def _report_holes(self, layout: Layout, times: npt.NDArray[np.int64], newest: int | None, found: Order) -> None:
        """Say where rows of a table with a declared interval did not come although no record number is missing."""
        from . import order

        if layout.interval is None or found.missing or found.overwritten:
            return
        for before, after, rows in order.holes(times, newest, round(layout.interval * 1e9)):
            line = f"{layout.name}: about {rows} rows between {_iso(before)} and {_iso(after)} did not come: no record"
            line += " number is missing, so the logger was off or did not store them"
            log.warning("%s: %s", self.path, line)
            self.notes.append(line)

    def _again(
        self, layout: Layout, rows: Rows, frame: pd.DataFrame, times: npt.NDArray[np.int64], newest: int | None
    ) -> npt.NDArray[np.bool_]:
        """Which rows were there before: earlier in this block, or in the store already."""
        import numpy as np
        import pandas as pd

        again = np.zeros(len(frame), dtype=bool)
        if rows.frame.index.has_duplicates:
            again |= rows.frame.reset_index().duplicated().to_numpy()
        old = np.flatnonzero(times <= newest) if newest is not None else again.nonzero()[0][:0]
        if len(old) and self.known is not None:
            mine = frame.iloc[old]
            there = self.known(layout, mine.index.min(), mine.index.max())
            names = [name for name in ("RECORD",) if name in mine and name in there]
            here, known = (
                pd.MultiIndex.from_arrays(
                    [_nanoseconds(x.index), *(x[name].fillna(-1).astype("int64") for name in names)]
                )
                for x in (mine, there)
            )
            again[old] |= here.isin(known)
        return again

    def _last_line(self, seen: FileSeen, piece: Piece) -> Iterator[Batch]:
        """The last line without its line end, as it stands, when it is whole and nobody has written to it for long.

        The place stays before it: should more of it come, it is read again and replaces what was taken.

        Raises: InputError, when it is a header that is not complete yet.
        """
        header, tail = self._header(replace(piece, place=seen.place, data=piece.tail)), piece.tail
        if header is None:
            self._refuse_end(seen, b"", tail)
        elif time.time() - piece.place.modified / 1e9 < self.patience or starts_header(tail):
            hours = f"or when nobody has written to the file for {self.patience / 3600:g} h"
            self.notes.append(
                f"the last line has no line end yet ({len(tail)} bytes): it is read when it has one, {hours}"
            )
        else:
            from ..readers import toa5

            block = toa5.Block(header, b"", tail + b"\n", seen.place.line, 0)
            layout = self.planner.layout(header, self.path)
            found = toa5.rows(block, self._table(seen, layout).kinds, layout.missing)
            if len(found.frame) and not found.bad:
                self.notes.append(f"the last line has no line end ({len(tail)} bytes): it was read as it stands")
                yield self._batch(self.path, seen, block, seen.place, digest(decode(tail)).hex())
            else:
                again = "if it is a copy, copy the file again"
                self.notes.append(f"the last line breaks off ({len(tail)} bytes) and is not read; {again}")

    def _refuse_end(self, seen: FileSeen, left: bytes, tail: bytes) -> None:
        """Say that a header is not complete yet. Raises: InputError."""
        if left or (tail and seen.place.header is None and self.planner.headerless(self.path) is None):
            parse((left + tail).splitlines(keepends=True), str(self.path), seen.place.line)


def made_up(table: type[DataTable], path: Path) -> Header:
    """The header of a file that has none, as its class declares it."""
    empty = ("",) * len(table.names)
    return Header(table.station.strip("*"), "", "", "", "", "", path.stem, table.names, empty, empty)


def _nanoseconds(times: pd.Index) -> npt.NDArray[np.int64]:
    return times.to_numpy("datetime64[ns]").astype("int64")


def _stamp(nanoseconds: int | None) -> pd.Timestamp | None:
    if nanoseconds is None:
        return None
    import pandas as pd

    return pd.Timestamp(nanoseconds, tz="UTC")


def _iso(nanoseconds: int | None) -> str:
    """A stamp as a person reads it, ISO 8601 with Z."""
    return str(_stamp(nanoseconds)).replace(" ", "T").replace("+00:00", "Z")


def _records(names: Sequence[str], texts: Iterable[str]) -> set[int]:
    """The record numbers of lines that can't be read as a whole, where this one cell can."""
    if "RECORD" not in names:
        return set()
    place = names.index("RECORD")
    cells = (text.split(",")[place : place + 1] for text in texts)
    return {int(cell[0].strip(' "')) for cell in cells if cell and cell[0].strip(' "').isdecimal()}
