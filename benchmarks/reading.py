"""How fast a logger file becomes typed rows, beside pandas alone and beside reading it line by line."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path

import pandas as pd

from fieldline.readers import toa5
from fieldline.sources.pieces import Place, advance, read_piece

from .common import COLUMNS, Figure, Sizes, interleaved, ratio, seconds, write_rows


def through_fieldline(path: Path) -> int:
    """Read the file as a run does, in pieces; return the number of rows."""
    place, kinds, count, more = Place(), {}, 0, True
    while more:
        piece = read_piece(path, place)
        for block in toa5.split(piece.data, place.header, path.name, place.line):
            rows = toa5.rows(block, kinds)
            kinds, count = kinds | rows.kinds, count + len(rows.frame)
            place = advance(piece.place, piece.data[: block.end], block.header, block.lines)
        more = piece.more
    return count


def through_pandas(path: Path) -> int:
    """One bare call, which leaves the stamps text."""
    return len(pd.read_csv(path, skiprows=[0, 2, 3]))


def line_by_line(path: Path, rows: int) -> int:
    """The first rows as a plain loop reads them: split at commas, strptime for a stamp, float for a value."""
    with path.open(encoding="utf-8") as file:
        names = [name.strip('"') for name in list(islice(file, 4))[1].rstrip().split(",")]
        frame = pd.DataFrame(_parsed(islice(file, rows)), columns=names).set_index("TIMESTAMP")
    return len(frame)


def _parsed(lines: Iterator[str]) -> Iterator[list[object]]:
    for line in lines:
        stamp, *values = line.rstrip().split(",")
        yield [datetime.strptime(stamp.strip('"'), "%Y-%m-%d %H:%M:%S"), *(float(value.strip('"')) for value in values)]


def parse(folder: Path, sizes: Sizes) -> list[Figure]:
    """Reading alone, nothing stored. The slow way reads a part of the file and its time is scaled."""
    path, slow = folder / "parse.dat", min(sizes.slow_rows, sizes.rows)
    rows = write_rows(path, sizes.rows)
    assert (through_fieldline(path), through_pandas(path), line_by_line(path, slow)) == (rows, rows, slow)
    taken = interleaved(
        {
            "fieldline": lambda: seconds(lambda: through_fieldline(path)),
            "pandas": lambda: seconds(lambda: through_pandas(path)),
            "lines": lambda: seconds(lambda: line_by_line(path, slow)) * rows / slow,
        },
        sizes.repeats,
    )
    here = ", ".join(f"{name} {statistics.median(values):.2f} s" for name, values in taken.items())
    size = f"{rows:,} x {COLUMNS}"
    return [
        Figure(
            f"reading {size}: line by line / fieldline",
            f"{ratio(taken['lines'], taken['fieldline']):.1f}",
            "at least 8",
            here,
        ),
        Figure(
            "the same: line by line / bare `read_csv`", f"{ratio(taken['lines'], taken['pandas']):.1f}", "", "as above"
        ),
        Figure(
            "the same: fieldline / bare `read_csv`",
            f"{ratio(taken['fieldline'], taken['pandas']):.2f}",
            "",
            "as above",
        ),
    ]


PARTS = (parse,)
