"""A logger's file as a source of batches: what is new in it since the last run, whatever has become of it meanwhile."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..clock import fixed_offset
from ..ports import Batch, Field
from ..readers.header import Header, parse, starts_header
from ..tables import Layout, Planner, build
from .memory import FileSeen, Memory, TableSeen
from .pieces import Piece, Place, advance, continues, read_piece
from .quarantine import Quarantine

if TYPE_CHECKING:
    import pandas as pd

    from ..readers.toa5 import Block, Rows
    from .order import Order

log = logging.getLogger(__name__)


@dataclass
class Tally:
    """What one file gave to one table in one run."""

    file: Path
    layout: Layout
    read: int = 0
    written: int = 0
    quarantined: int = 0
    duplicates: int = 0
    missing: int = 0
    seconds: float = 0.0
    newest: pd.Timestamp | None = None


@dataclass
class LoggerFile:
    """What is new in one file, in pieces. A batch that is done moves the place in `memory` on.

    stored: what the store knows of the fields that a layout's rows go to.
    parsed: bytes of whole lines read in this run.
    known: the rows that the store has of a range of time (both ends included), with RECORD; None: it can't be asked.
    """

    path: Path
    planner: Planner
    stored: Callable[[Layout], Mapping[str, Field]]
    quarantine: Quarantine
    memory: Memory
    known: Callable[[Layout, pd.Timestamp, pd.Timestamp], pd.DataFrame] | None = None
    tallies: dict[str, Tally] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    replaced: bool = False
    parsed: int = 0

    def __iter__(self) -> Iterator[Batch]:
        seen = self.memory.file(self.path)
        backups = self._backups(seen)
        piece = read_piece(self.path, seen.place)
        if piece.replaced:
            yield from self._drain(backups, seen)
        self.memory.keep_backups(backups)
        yield from self._follow(self.path, seen, piece)

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

    def _backups(self, seen: FileSeen) -> list[Path]:
        """Siblings that a logger program renamed and nobody has looked at yet, oldest first.

        When the file itself was never read, they are older than fieldline's work here, and are left alone.
        """
        found = [
            path
            for path in self.path.parent.glob("*.backup*")
            if path.name.startswith(self.path.stem) and path.is_file()
        ]
        found = self.memory.new_backups(found)
        if not seen.place.offset:
            self.memory.keep_backups(found)
            return []
        return sorted(found, key=lambda path: path.stat().st_mtime_ns)

    def _drain(self, backups: list[Path], seen: FileSeen) -> Iterator[Batch]:
        """Read what was missed before the file was replaced: the rest of the backup it became, and later ones whole."""
        self.replaced = True
        reached, continued = seen.place, False
        for path in backups:
            if continues(path, reached):
                self.notes.append(f"{self.path.name} was renamed {path.name}: its last rows are read there")
                continued = True
                yield from self._follow(path, seen, read_piece(path, reached))
            elif seen.place.head and self._same_table(path):
                self.notes.append(f"{path.name} came and went between two runs: it is read whole")
                continued = True
                yield from self._follow(path, seen, read_piece(path, Place()))
        if not continued:
            log.info("%s was replaced; it is read from the start", self.path)

    def _same_table(self, path: Path) -> bool:
        """Whether a backup is of the same station and table as the file read so far."""
        head = self.memory.file(self.path).place.header
        lines = read_piece(path, Place()).data.splitlines(keepends=True)[:4]
        mine = parse(lines, str(path))
        return head is None or (head.station, head.table) == (mine.station, mine.table)

    def _follow(self, path: Path, seen: FileSeen, piece: Piece) -> Iterator[Batch]:
        """The rows of `path` from `piece` on."""
        seen.place = piece.place if piece.data else seen.place
        while piece.data:
            before = piece.place
            yield from self._batches(path, seen, piece)
            if seen.place == before or not piece.more:
                break
            piece = read_piece(path, seen.place)
        self._note_end(path, seen, piece)

    def _batches(self, path: Path, seen: FileSeen, piece: Piece) -> Iterator[Batch]:
        from ..readers import toa5  # here, since a run without new rows must not pay for pandas

        start = piece.place
        self.parsed += len(piece.data)
        for block in toa5.split(piece.data, self._header(piece), str(path), start.line):
            place = advance(start, piece.data[: block.end], block.header, block.lines)
            if block.body:
                yield self._batch(path, seen, block, place)
            else:
                seen.place = place

    def _header(self, piece: Piece) -> Header | None:
        """The header that the first lines of a piece stand under, made up where the format has none."""
        if piece.place.header or starts_header(piece.data[:40]):
            return piece.place.header
        table = self.planner.headerless(self.path)
        if table is None:
            return None
        empty = ("",) * len(table.names)
        return Header(table.station.strip("*"), "", "", "", "", "", self.path.stem, table.names, empty, empty)

    def _batch(self, path: Path, seen: FileSeen, block: Block, place: Place) -> Batch:
        from ..readers import toa5

        began = time.monotonic()
        layout = self.planner.layout(block.header, self.path)
        tally, table = self._tally(layout), self._table(seen, layout)
        rows = toa5.rows(block, table.kinds, layout.missing)
        frame = build(layout, block.header, rows.frame, _stamp(table.newest))
        after = self._count(tally, table, layout, rows, frame)

        def done() -> None:
            self.quarantine.add(layout.name, path, rows.bad)  # before the place moves on: rather twice than never
            seen.place, seen.tables[layout.name], seen.changed = place, after, time.time()
            seen.trouble, seen.replaced = "", self.replaced
            self.memory.save(self.path, seen)
            tally.written += len(frame)
            tally.seconds += time.monotonic() - began

        return Batch(layout.bucket, layout.measurement, frame, layout.tags, layout.units, done)

    def _tally(self, layout: Layout) -> Tally:
        if layout.name not in self.tallies:
            self.tallies[layout.name] = Tally(self.path, layout)
            if layout.absent:
                self.notes.append(f"{layout.name}: no column {', '.join(layout.absent)} in the file; the rest is read")
            if fixed_offset(layout.timezone) is None:
                self.notes.append(
                    f"{layout.name}: {layout.timezone} has summer time; loggers keep standard time, for which an "
                    "offset such as -05:00 is right"
                )
        return self.tallies[layout.name]

    def _table(self, seen: FileSeen, layout: Layout) -> TableSeen:
        """What is known of the table, with the kinds of its columns as far as declared or stored."""
        table = seen.tables.get(layout.name) or TableSeen(layout.bucket, layout.measurement)
        stored = {} if layout.name in seen.tables else self.stored(layout)
        return replace(table, kinds=table.kinds | layout.kinds(stored))

    def _count(self, tally: Tally, table: TableSeen, layout: Layout, rows: Rows, frame: pd.DataFrame) -> TableSeen:
        """Add what a block holds to the counts of the run; return what will be known of the table when it is stored."""
        from . import order

        read, quarantined = len(rows.frame) + len(rows.bad), len(rows.bad)
        after = replace(table, kinds=table.kinds | rows.kinds, read=table.read + read)
        after.quarantined += quarantined
        tally.read += read
        tally.quarantined += quarantined
        if len(frame):
            times = frame.index.to_numpy("datetime64[ns]").astype("int64")
            records = rows.frame["RECORD"].to_numpy() if "RECORD" in rows.frame else None
            found = order.look(times, records, table.newest, table.record)
            self._report(layout, found)
            duplicates = self._duplicates(layout, rows, frame, table.newest)
            tally.duplicates += duplicates
            tally.missing += found.missing_records
            after.duplicates += duplicates
            after.missing += found.missing_records
            after.newest = max(int(times.max()), table.newest or 0)
            after.record = None if records is None else int(records[-1])
            after.interval = order.interval(times, table.newest, table.interval)
            tally.newest = _stamp(after.newest)
        return after

    def _report(self, layout: Layout, found: Order) -> None:
        """Say what the order of the rows tells, in the log and to the person."""
        lines = [
            f"{layout.name}: records {first} to {last} are missing"
            if first != last
            else f"{layout.name}: record {first} is missing"
            for first, last in found.missing
        ]
        lines += [
            f"{layout.name}: the logger's clock was set back from {_stamp(before)} to {_stamp(after)}; where stamps "
            "stand twice, the later row is the one that stays"
            for before, after in found.back
        ]
        for line in lines:
            log.warning("%s: %s", self.path, line)
        self.notes += (
            lines if len(lines) <= 5 else [*lines[:5], f"{layout.name}: and {len(lines) - 5} more, see the log"]
        )

    def _duplicates(self, layout: Layout, rows: Rows, frame: pd.DataFrame, newest: int | None) -> int:
        """How many rows were there before: twice in this block, or in the store already."""
        again = 0
        if rows.frame.index.has_duplicates:
            again = int(rows.frame.reset_index().duplicated().sum())
        old = frame[frame.index <= _stamp(newest)] if newest is not None else frame[:0]
        if len(old) and self.known is not None:
            before = self.known(layout, old.index.min(), old.index.max())
            if "RECORD" in old and "RECORD" in before:
                here, there = (set(zip(f.index, f["RECORD"], strict=True)) for f in (old, before))
                return again + len(here & there)
            return again + int(old.index.isin(before.index).sum())
        return again

    def _note_end(self, path: Path, seen: FileSeen, piece: Piece) -> None:
        """Say what was left in the file: a header or a line that is not complete yet."""
        left = piece.data[seen.place.offset - piece.place.offset :] if piece.data else b""
        if left or (piece.tail and seen.place.header is None and self.planner.headerless(self.path) is None):
            parse((left + piece.tail).splitlines(keepends=True), str(path), seen.place.line)
        if piece.tail:
            self.notes.append(
                f"the last line has no line end yet ({len(piece.tail)} bytes): it is read when it has one"
            )


def _stamp(nanoseconds: int | None) -> pd.Timestamp | None:
    if nanoseconds is None:
        return None
    import pandas as pd

    return pd.Timestamp(nanoseconds, tz="UTC")
