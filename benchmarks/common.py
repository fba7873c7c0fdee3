"""What the benchmarks share: logger files made up, children timed, and figures for the table in docs/benchmarks.md."""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]

COLUMNS, LINES_OF_HEADER = 20, 4
HEADER = [
    ["TOA5", "46m", "CR1000X", "1041", "CR1000X.Std.07", "CPU:bench.CR1X", "6827", "fast"],
    ["TIMESTAMP", "RECORD", *(f"f{place:02}" for place in range(COLUMNS))],
    ["TS", "RN", *["degC"] * COLUMNS],
    ["", "", *["Avg"] * COLUMNS],
]
FIRST_DAY, DAY = date(2024, 1, 1), 86_400  # one row a second
TILE = 5_000  # rows of different values, then they come again; stamps and record numbers never do


@dataclass(frozen=True)
class Sizes:
    """How much is measured. files and bytes are those of loggers; repeats: interleaved rounds."""

    rows: int = 500_000
    slow_rows: int = 20_000
    small_bytes: int = 10**6
    large_bytes: int = 10**9
    files: int = 100
    stored: tuple[int, int] = (100_000, 10_000_000)
    repeats: int = 9


FULL = Sizes()
QUICK = Sizes(100_000, 5_000, 10**6, 10**8, 100, (100_000, 1_000_000), 5)


@dataclass(frozen=True)
class Figure:
    """One row of the table: what was measured, the ratio or amount, what it should be, and this machine's numbers."""

    what: str
    value: str
    target: str
    here: str


@dataclass(frozen=True)
class Done:
    """A process that came to its end: how long it took, and what it printed."""

    seconds: float
    out: str
    err: str


def child(*arguments: str | Path) -> Done:
    """Run Python with `arguments` and wait for it.

    Raises: RuntimeError, when it fails: a benchmark of something that does not work is none.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.perf_counter()
        status = subprocess.call([sys.executable, *map(str, arguments)], stdout=out, stderr=err)
        seconds = time.perf_counter() - began
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
    if status:
        raise RuntimeError(f"{' '.join(map(str, arguments))}: exit status {status}\n{texts[1]}")
    return Done(seconds, *texts)


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def interleaved(works: Mapping[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    """What each of `works` says it took, in rounds, so that what disturbs the machine disturbs all of them."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            taken[name].append(work())
    return taken


def ratio(one: Sequence[float], other: Sequence[float]) -> float:
    """The median of the ratios of the rounds."""
    return statistics.median(a / b for a, b in zip(one, other, strict=True))


def header() -> bytes:
    """The four lines at the start of a file."""
    return b"".join(",".join(f'"{word}"' for word in words).encode() + b"\r\n" for words in HEADER)


def lines(first: int, count: int) -> Iterator[bytes]:
    """Rows of one second each, from number `first` on, in portions of a day at most."""
    values = random.Random(1)
    tile = [",".join(str(round(values.gauss(20, 5), 3)) for _ in range(COLUMNS)) for _ in range(min(TILE, count))]
    clocks = [f"{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}" for s in range(DAY)]
    number = first
    while number < first + count:
        day = FIRST_DAY + timedelta(days=number // DAY)
        until = min(first + count, (number // DAY + 1) * DAY)
        numbers = range(number, until)
        portion = [f'"{day} {clocks[n % DAY]}",{n},{tile[n % len(tile)]}\r\n' for n in numbers]
        yield "".join(portion).encode()
        number = until


def write_rows(path: Path, rows: int) -> int:
    """Make a file of `rows` rows; return the number."""
    with path.open("wb") as file:
        file.write(header())
        file.writelines(lines(0, rows))
    before = time.time() - 60  # a run waits a moment for a new file that was written just now
    os.utime(path, (before, before))
    return rows


def write_bytes(path: Path, size: int) -> int:
    """Make a file of about `size` bytes; return the number of rows."""
    row = len(b"".join(lines(0, 1_000))) / 1_000
    return write_rows(path, max(1, int(size / (row + 1))))  # one digit more in the record numbers of long files


def append(path: Path, first: int, count: int) -> None:
    """Let the logger go on: `count` rows from number `first` on."""
    with path.open("ab") as file:
        file.writelines(lines(first, count))
