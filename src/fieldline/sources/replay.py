"""The raw archive as a source of batches: what was read once comes again, as if it had just been read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..ports import Batch, Field
from ..readers.header import Header, parse
from ..tables import Layout, Planner, build
from .archive import Archive
from .files import made_up
from .members import Entry

if TYPE_CHECKING:
    import pandas as pd

    from ..readers.toa5 import Block


@dataclass
class Replay:
    """The rows of some entries of the archive, in the order in which they were read.

    planner: finds the layout for a file. stored: what the store knows of the fields of a layout. flagged: gives rows
    their flags. start, end: rows from `start` to before `end` come, None: all. problems: what could not be read, in
    words; it costs only itself. rows: by measurement, how many came.
    """

    archive: Archive
    entries: Iterable[Entry]
    planner: Callable[[Path], Planner]
    stored: Callable[[Layout], Mapping[str, Field]]
    flagged: Callable[[Layout, pd.DataFrame], pd.DataFrame]
    start: pd.Timestamp | None = None
    end: pd.Timestamp | None = None
    problems: list[str] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Batch]:
        for entry in self.entries:
            try:
                yield from self._batches(entry)
            except InputError as error:
                self.problems.append(str(error))

    def _batches(self, entry: Entry) -> Iterator[Batch]:
        from ..readers import toa5

        content, path = self.archive.read(entry), Path(entry.file)
        planner = self.planner(path)
        header = self._header(planner, path, content[: entry.head])
        for block in toa5.split(content[entry.head :], header, entry.file, entry.line):
            layout = planner.layout(block.header, path)
            frame = self._frame(block, layout)
            if len(frame):
                name = f"{layout.bucket}.{layout.measurement}"
                self.rows[name] = self.rows.get(name, 0) + len(frame)
                frame = self.flagged(layout, frame)
                yield Batch(layout.bucket, layout.measurement, frame, layout.tags, layout.units)

    def _header(self, planner: Planner, path: Path, lines: bytes) -> Header | None:
        if lines:
            return parse(lines.splitlines(keepends=True), str(path))
        table = planner.headerless(path)
        return made_up(table, path) if table else None

    def _frame(self, block: Block, layout: Layout) -> pd.DataFrame:
        """The rows of a block that are wanted; what can't be read is in the quarantine since it was read first."""
        from ..readers import toa5

        rows = toa5.rows(block, layout.kinds(self.stored(layout)), layout.missing)
        frame = build(layout, block.header, rows.frame)
        if self.start is not None:
            frame = frame[frame.index >= self.start]
        return frame if self.end is None else frame[frame.index < self.end]
