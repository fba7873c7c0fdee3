"""How fast the embedded store is: `python benchmarks/store.py [--rows 100000 10000000] [--repeats 9] [--folder DIR]`.

Medians in milliseconds through the public calls, so with opening and closing. Loading is compared with a bare INSERT of
the same frame by DuckDB in the same run, because machines differ.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from fieldline.sinks.embedded import Embedded

COLUMNS = 20
START = pd.Timestamp("2024-01-01", tz="UTC")
SECOND = pd.Timedelta("1s")
PORTION = 500_000  # rows


def frame(first: int, rows: int, seed: int = 0) -> pd.DataFrame:
    """Rows of one second each, from the second `first` on: a tag and 20 numbers with 3 decimals."""
    values = np.random.default_rng(seed + first).normal(20, 5, (rows, COLUMNS)).round(3)
    index = pd.date_range(START + first * SECOND, periods=rows, freq="s").as_unit("ns")
    numbers = pd.DataFrame(values, columns=[f"f{place:02}" for place in range(COLUMNS)], index=index)
    return numbers.assign(station="46m")


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def median_ms(works: list[Callable[[], object]]) -> float:
    """The median of several calls. [ms]"""
    return statistics.median(seconds(work) for work in works) * 1000


def bare_insert(folder: Path, rows: pd.DataFrame) -> float:
    """What DuckDB alone needs for the frame, from connect to close. [s]"""
    file = folder / "bare.duckdb"
    flat = rows.tz_localize(None).rename_axis("time").reset_index()

    def load() -> None:
        with duckdb.connect(file) as connection:
            connection.register("frame", flat)
            connection.execute("CREATE TABLE bare AS SELECT * FROM frame LIMIT 0")
            connection.execute("INSERT INTO bare SELECT * FROM frame")

    taken = seconds(load)
    file.unlink()
    return taken


def loading(folder: Path, rows: int = PORTION, repeats: int = 5) -> dict[str, float]:
    """Seconds for one frame of `rows` x 20: bare, through `write`, and the same again over the rows that are there."""
    batch = frame(0, rows)
    taken: dict[str, list[float]] = {"bare": [], "write": [], "again": []}
    for number in range(repeats):
        store = _store(folder / f"loading{number}.duckdb")
        taken["bare"].append(bare_insert(folder, batch))
        taken["write"].append(seconds(lambda store=store: store.write("field", "fast", batch, ("station",))))
        taken["again"].append(seconds(lambda store=store: store.write("field", "fast", batch, ("station",))))
        store.close()
        store.path.unlink()
    return {name: statistics.median(values) for name, values in taken.items()}


def _store(file: Path) -> Embedded:
    store = Embedded(file)
    store.create("field", None)
    return store


def filled(folder: Path, rows: int) -> Embedded:
    """A store with `rows` x 20 rows of one station."""
    store = _store(folder / f"rows{rows}.duckdb")
    for first in range(0, rows, PORTION):
        store.write("field", "fast", frame(first, min(PORTION, rows - first)), ("station",))
    return store


def asking(store: Embedded, rows: int, repeats: int = 9) -> dict[str, float]:
    """Milliseconds of what dashboards ask: one-minute windows over the last 500,000 rows, and the newest row."""
    start = START + max(0, rows - PORTION) * SECOND
    taken = {}
    for agg in ("mean", "min", "max"):

        def ask(agg: str = agg) -> object:
            every = pd.Timedelta("1min")
            return store.read("field", "fast", fields=["f03"], start=start, every=every, agg=agg)

        taken[agg] = median_ms([ask] * repeats)
    taken["latest"] = median_ms([lambda: store.latest("field", "fast")] * repeats)
    taken["expire"] = median_ms([lambda: store.expire(START)] * repeats)
    return taken


def upserting(store: Embedded, rows: int, repeats: int = 9) -> dict[str, float]:
    """Milliseconds of 60 rows: new ones, half of them new, all there already at the end, all in the middle."""
    places = {"new": rows, "half new": rows - 30, "last": rows - 60, "middle": rows // 2}
    taken = {}
    for name, place in places.items():
        step = 30 if name == "half new" else 60 if name == "new" else 0
        begin = int((store.latest("field", "fast").index[0] - START) / SECOND) + 1 - rows
        begin = begin if name in ("new", "half new") else 0
        batches = [frame(place + begin + number * step, 60, seed=number + 1) for number in range(repeats)]
        taken[name] = median_ms([lambda b=batch: store.write("field", "fast", b, ("station",)) for batch in batches])
    return taken


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--folder", type=Path, help="where the files go for the time of the run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        taken = loading(folder)
        print(f"loading {PORTION:,} x {COLUMNS}: " + ", ".join(f"{key} {value:.2f} s" for key, value in taken.items()))
        for rows in options.rows:
            began = time.perf_counter()
            store = filled(folder, rows)
            print(f"{rows:,} rows: loaded in {time.perf_counter() - began:.1f} s, ", end="")
            print(f"{store.path.stat().st_size / 2**20:.0f} MB; ms: ", end="")
            taken = asking(store, rows, options.repeats) | upserting(store, rows, options.repeats)
            print(", ".join(f"{key} {value:.1f}" for key, value in taken.items()))
            store.close()


if __name__ == "__main__":
    main()
