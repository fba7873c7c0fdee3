"""Points to line protocol: against the serialiser of influxdb-client, and against bare writers of numbers as text.

The bare writers have the easier task: the same numbers as CSV, without names, tags and times in each row. polars and
pyarrow are measured where they are installed (the extra `bench`). How many threads polars has is settled when it is
imported, so each number of threads is a process of its own: `python -m benchmarks.encoding THREADS ROWS SLOW_ROWS
REPEATS`, THREADS 0 for all.
"""

from __future__ import annotations

import io
import json
import os
import statistics
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .common import Figure, Sizes, child, interleaved, ratio, seconds

COLUMNS, GAPS, ROWS = 20, 0.02, 100_000
Works = dict[str, Callable[[], float]]


def measured(rows: int) -> np.ndarray[Any, Any]:
    """Values with gaps, of full precision."""
    dice = np.random.default_rng(1)
    values = dice.normal(20, 5, (rows, COLUMNS))
    values[dice.random((rows, COLUMNS)) < GAPS] = np.nan
    return values


def numbers(rows: int) -> dict[str, pd.DataFrame]:
    """The frames: only numbers, 20 columns."""
    values = measured(rows)
    names = [f"Temp_{place}m" for place in range(COLUMNS)]
    scales = 10.0 ** (np.arange(COLUMNS) % 4 - 1)  # about 2, 20, 200 and 2,000
    logger = pd.DataFrame(np.round(values * scales, 2), columns=names)
    logger["Temp_0m"] = values[:, 0]  # a column with gain and offset has full precision
    logger["RECORD"] = np.arange(rows) + 1_234_567
    for place in (17, 18, 19):
        logger[f"Temp_{place}m_qc"] = np.where(np.isnan(values[:, place]), 9, 1)
    return {
        "three decimals": pd.DataFrame(values.round(3), columns=names),
        "as a logger has them": logger[[name for name in logger if name not in names[16:]]],
        "full precision": pd.DataFrame(values, columns=names),
    }


def writers(bare: pd.DataFrame, slow_rows: int, threads: int) -> Works:
    """What is measured: each returns seconds for 100,000 rows."""
    from influxdb_client.client.write.dataframe_serializer import data_frame_to_list_of_points
    from influxdb_client.client.write_api import PointSettings

    from fieldline import lineprotocol
    from fieldline.points import points

    index = pd.date_range("2024-01-01", periods=len(bare), freq="s", tz="UTC", unit="ns")
    frame = bare.set_axis(index).assign(station="umbs")
    few, few_bare, tidy = frame.head(slow_rows), bare.head(slow_rows), points(frame, ("station",))
    asked: dict[str, Any] = {"data_frame_measurement_name": "m", "data_frame_tag_columns": ["station"]}
    settings = PointSettings()
    works: dict[str, tuple[int, Callable[[], object]]] = {
        "fieldline": (len(bare), lambda: lineprotocol.encode("m", tidy, "s")),
        "fieldline, in chunks": (len(bare), lambda: sum(len(one.text) for one in lineprotocol.chunks("m", tidy, "s"))),
        "pandas": (len(few), lambda: few_bare.to_csv(None, index=False)),
        "client": (len(few), lambda: data_frame_to_list_of_points(few, settings, "s", **asked)),
    }
    if threads:
        works |= peers(bare)
    else:
        works = {"fieldline": works["fieldline"], **peers(bare)}
    return {name: lambda rows=rows, work=work: seconds(work) * ROWS / rows for name, (rows, work) in works.items()}


def peers(bare: pd.DataFrame) -> dict[str, tuple[int, Callable[[], object]]]:
    """The bare writers that are installed."""
    works: dict[str, tuple[int, Callable[[], object]]] = {}
    if find_spec("polars"):
        import polars as pl

        fast = pl.from_dict({name: bare[name].to_numpy() for name in bare})
        works["polars"] = len(bare), lambda: fast.write_csv(None)
    if find_spec("pyarrow"):
        import pyarrow as pa
        from pyarrow import csv

        table = pa.Table.from_pandas(bare)
        works["pyarrow"] = len(bare), lambda: csv.write_csv(table, io.BytesIO())
    return works


def taken(threads: int, sizes: Sizes) -> dict[str, dict[str, list[float]]]:
    """Seconds for 100,000 rows of each frame and writer, in rounds."""
    rows = min(ROWS, sizes.rows)
    words = (threads, rows, min(rows, sizes.slow_rows), sizes.repeats)
    return json.loads(child("-m", "benchmarks.encoding", *map(str, words)).out)  # type: ignore[no-any-return]


def thousands(rounds: Mapping[str, list[float]], names: list[str]) -> str:
    """Thousand rows a second, the median of the rounds."""
    rates = {name: ROWS / 1_000 / statistics.median(rounds[name]) for name in names}
    return ", ".join(f"{name} {rate:,.0f}" for name, rate in rates.items()) + " thousand rows/s"


def fastest(rounds: Mapping[str, list[float]]) -> str:
    """The bare writer that takes the least."""
    there = [name for name in ("polars", "pyarrow", "pandas") if name in rounds]
    return min(there, key=lambda name: statistics.median(rounds[name]))


def encoding(folder: Path, sizes: Sizes) -> list[Figure]:
    """How fast points become lines."""
    figures = []
    alone, all_threads = taken(1, sizes), taken(0, sizes)
    for name, rounds in alone.items():
        what = f"line protocol, {ROWS:,} x {COLUMNS}, {name}"
        best = fastest(rounds)
        share = 100 * ratio(rounds[best], rounds["fieldline"])
        shown = list(dict.fromkeys(["fieldline", "fieldline, in chunks", "client", best]))
        figures += [
            Figure(
                f"{what}: client's DataFrame serialiser / fieldline",
                f"{ratio(rounds['client'], rounds['fieldline']):.1f}",
                "at least 4",
                thousands(rounds, shown),
            ),
            Figure(
                f"the same: share of the speed of {best}, CSV, one thread",
                f"{share:.0f} %",
                "at least 40 %",
                "as above",
            ),
        ]
        if "polars" in (rounds := all_threads[name]):
            share = 100 * ratio(rounds["polars"], rounds["fieldline"])
            here = thousands(rounds, ["fieldline", "polars"])
            figures.append(
                Figure(f"the same: of polars, {os.cpu_count()} threads (ours: one)", f"{share:.0f} %", "", here)
            )
    return figures


PARTS = (encoding,)


def main(threads: int, rows: int, slow_rows: int, repeats: int) -> None:
    """Measure with so many threads for polars (0: all), and print the seconds as JSON."""
    if threads:
        os.environ["POLARS_MAX_THREADS"] = str(threads)
    found = {}
    for name, bare in numbers(rows).items():
        works = writers(bare, slow_rows, threads)
        interleaved(works, 1)  # the first time pays for imports
        found[name] = interleaved(works, repeats)
    print(json.dumps(found))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
