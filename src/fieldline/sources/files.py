"""A logger's file as a source of batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..clock import fixed_offset
from ..ports import Batch, Field, Kind
from ..readers.header import Header, parse, starts_header
from ..tables import Layout, Planner, build
from .pieces import Piece, Place, advance, read_piece
from .quarantine import Quarantine

if TYPE_CHECKING:
    import pandas as pd

    from ..readers.toa5 import Block, Rows


@dataclass
class Tally:
    """What one file gave to one table in one run."""

    file: Path
    layout: Layout
    read: int = 0
    written: int = 0
    quarantined: int = 0
    duplicates: int = 0
    seconds: float = 0.0
    newest: pd.Timestamp | None = None


@dataclass
class LoggerFile:
    """Rows of one file, from `place` on, in pieces; each batch remembers its place when it is done.

    stored: what the store knows of the fields that a layout's rows go to.
    """

    path: Path
    planner: Planner
    stored: Callable[[Layout], Mapping[str, Field]]
    quarantine: Quarantine
    place: Place = field(default_factory=Place)
    tallies: dict[str, Tally] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _kinds: dict[str, dict[str, Kind]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Batch]:
        while True:
            piece = read_piece(self.path, self.place)
            if not piece.data:
                self._note_end(piece)
                return
            before = self.place = piece.place
            yield from self._batches(piece)
            if self.place == before or not piece.more:
                self._note_end(piece)
                return

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

    def _batches(self, piece: Piece) -> Iterator[Batch]:
        from ..readers import toa5  # here, since a run without new rows must not pay for pandas

        header, start = self._header(piece), piece.place
        for block in toa5.split(piece.data, header, str(self.path), start.line):
            place = advance(start, piece.data[: block.end], block.header)
            if block.body:
                yield self._batch(block, place)
            else:
                self.place = place

    def _header(self, piece: Piece) -> Header | None:
        """The header that the first lines of a piece stand under, made up where the format has none."""
        if piece.place.header or starts_header(piece.data[:40]):
            return piece.place.header
        table = self.planner.headerless(self.path)
        if table is None:
            return None
        empty = ("",) * len(table.names)
        return Header(table.station.strip("*"), "", "", "", "", "", self.path.stem, table.names, empty, empty)

    def _batch(self, block: Block, place: Place) -> Batch:
        from ..readers import toa5

        began = time.monotonic()
        layout = self.planner.layout(block.header, self.path)
        tally = self._tally(layout)
        if layout.name not in self._kinds:
            self._kinds[layout.name] = layout.kinds(self.stored(layout))
        rows = toa5.rows(block, self._kinds[layout.name], layout.missing)
        self._kinds[layout.name] |= rows.kinds
        self._count(tally, rows)
        frame = build(layout, block.header, rows.frame, tally.newest)
        if len(frame):
            newest = frame.index.max()
            tally.newest = newest if tally.newest is None else max(newest, tally.newest)

        def done() -> None:
            self.quarantine.add(layout.name, self.path, rows.bad)  # before the place moves on: rather twice than never
            self.place = place
            tally.written += len(frame)
            tally.seconds += time.monotonic() - began

        return Batch(layout.bucket, layout.measurement, frame, layout.tags, layout.units, done)

    def _tally(self, layout: Layout) -> Tally:
        if layout.name not in self.tallies:
            self.tallies[layout.name] = Tally(self.path, layout)
            if layout.absent:
                self.notes.append(f"{layout.name}: the file has no column {', '.join(layout.absent)}; the others are read")
            if fixed_offset(layout.timezone) is None:
                self.notes.append(
                    f"{layout.name}: {layout.timezone} has summer time; loggers keep standard time, for which an offset such "
                    "as -05:00 is right"
                )
        return self.tallies[layout.name]

    @staticmethod
    def _count(tally: Tally, rows: Rows) -> None:
        tally.read += len(rows.frame) + len(rows.bad)
        tally.quarantined += len(rows.bad)
        if rows.frame.index.has_duplicates:
            tally.duplicates += int(rows.frame.reset_index().duplicated().sum())

    def _note_end(self, piece: Piece) -> None:
        """Say what was left in the file: a header or a line that is not complete yet."""
        left = piece.data[self.place.offset - piece.place.offset :]
        if left or (piece.tail and self.place.header is None and self.planner.headerless(self.path) is None):
            parse((left + piece.tail).splitlines(keepends=True), str(self.path), self.place.line)
        if piece.tail:
            self.notes.append(f"the last line has no line end yet ({len(piece.tail)} bytes): it is read when it is complete")
