"""How fast checks are beside ioos_qc and beside reading; what they find in a simulated tower with known faults."""

from __future__ import annotations

import json
import os
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fieldline.quality.check import SECOND, Around, Check
from fieldline.quality.checks import (
    agrees_with,
    attenuated,
    between,
    diagnostic,
    flat_line,
    out_of_range_marker,
    rate_of_change,
    spike,
)
from fieldline.quality.judge import judge
from fieldline.simulator import UTC_OFFSET_HOURS, simulate
from fieldline.simulator.faults import HIT, PAIRS
from fieldline.simulator.tables import FAST, FLUX, PAR, SOIL, Table
from fieldline.sources import order

from .common import LINES_OF_HEADER, Figure, Sizes, interleaved, seconds, write_rows

MINUTE = 60 * SECOND
TOOLS = ("fieldline", "ioos_qc", "pecos")

# Speed


def walk(n: int) -> np.ndarray:
    """A random walk with noise, as written by a logger with two decimals, with missing values and a stuck hour."""
    chance = np.random.default_rng(1)
    values = np.round(np.cumsum(chance.normal(size=n)) * 0.01 + chance.normal(size=n), 2)
    values[chance.integers(0, n, n // 1000)] = np.nan
    values[n // 2 : n // 2 + 61] = 3.0
    return values


def _works(values: np.ndarray, times: np.ndarray) -> dict[str, tuple[Check, Callable[[], Any], str]]:
    """Each check, the same test of ioos_qc, and how much faster it is to be."""
    from ioos_qc import qartod

    stamps = times.astype("datetime64[ns]")
    options = {"test_period": 3600, "min_obs": 54}
    return {
        "range": (
            between(-90, 90, suspect=(-60, 60)), lambda: qartod.gross_range_test(values, (-90, 90), (-60, 60)), "4",
        ),
        "spike": (spike(5, 9), lambda: qartod.spike_test(values, 5, 9), "10"),
        "flat line 30/60 min": (
            flat_line(1800, 3600), lambda: qartod.flat_line_test(values, stamps, 1800, 3600, 1e-9), "20",
        ),
        "rate of change": (
            rate_of_change(0.1, 0.2), lambda: qartod.rate_of_change_test(values, stamps, 0.1, 0.2), "1.5",
        ),
        "attenuated 1 h": (
            attenuated(0.5, 0.1, seconds=3600),
            lambda: qartod.attenuated_signal_test(values, stamps, 0.5, 0.1, **options),
            "1.5",
        ),
    }  # fmt: skip


def _quietly(work: Callable[[], Any]) -> Callable[[], Any]:
    def run() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return work()

    return run


def _peak(work: Callable[[], Any]) -> float:
    """The memory that one call takes at most. [MB]"""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def beside_ioos(folder: Path, sizes: Sizes) -> list[Figure]:
    """Checks one by one; the least of some interleaved rounds, since both are pure computing."""
    if find_spec("ioos_qc") is None:
        return [Figure("checks beside ioos_qc", "not measured", "", "`pip install ioos_qc`")]
    n = 2 * sizes.rows
    values, times = walk(n), np.arange(n) * MINUTE
    around = Around(times, MINUTE, lambda name: values)
    figures = []
    for name, (check, other, target) in _works(values, times).items():
        mine, theirs = (lambda check=check: check.function(values, around)), _quietly(other)
        works = {"mine": lambda mine=mine: seconds(mine), "theirs": lambda theirs=theirs: seconds(theirs)}
        taken = {key: min(one) for key, one in interleaved(works, min(sizes.repeats, 5)).items()}
        here = f"fieldline {taken['mine'] * 1e3:.1f} ms, ioos_qc {taken['theirs'] * 1e3:.1f} ms (least of the rounds)"
        if name.startswith("flat"):
            here += f"; at most {_peak(mine):.0f} and {_peak(theirs):.0f} MB"
        ratio = taken["theirs"] / taken["mine"]
        figures.append(Figure(f"{name}, {n:,} values: ioos_qc / fieldline", f"{ratio:.1f}", f"at least {target}", here))
    return figures


def beside_reading(folder: Path, sizes: Sizes) -> list[Figure]:
    """Four checks of each column of a file, beside reading the file."""
    path = folder / "judged.dat"
    rows = write_rows(path, sizes.rows)

    def read() -> pd.DataFrame:
        return pd.read_csv(path, skiprows=[0, *range(2, LINES_OF_HEADER)])

    frame = read()
    frame.index = pd.DatetimeIndex(frame.pop("TIMESTAMP"), tz="UTC")
    each = (between(-50, 60, suspect=(0, 40)), spike(30, 40), rate_of_change(40, 50), flat_line(1800, 3600))
    checks = {name: each for name in frame if name != "RECORD"}
    taken = interleaved(
        {"read": lambda: seconds(read), "judge": lambda: seconds(lambda: judge(frame, checks, SECOND))},
        min(sizes.repeats, 5),
    )
    path.unlink()
    least = {name: min(values) for name, values in taken.items()}
    return [
        Figure(
            f"range, spike, rate and flat line of {rows:,} x {len(checks)}: checks / bare `read_csv`",
            f"{least['judge'] / least['read']:.2f}",
            "at most 5",
            f"checks {least['judge']:.2f} s, pandas {least['read']:.2f} s (least of the rounds)",
        )
    ]


# What is found


@dataclass(frozen=True)
class Limit:
    """Range and spike limits for one unit: beyond any clean value of the simulator, as an operator would set them."""

    low: float
    high: float
    spike: float


LIMITS = {
    "Deg C": Limit(-50, 60, 2),
    "%": Limit(-5, 105, 10),
    "umol/mol": Limit(200, 1500, 30),
    "mmol/mol": Limit(0, 100, 3),
    "m/s": Limit(-1, 60, 4),
    "W/m^2": Limit(-300, 1300, 600),
    "mV": Limit(0, 5000, 200),
    "umol/(m^2 s)": Limit(-100, 100, 30),
    "umol/m^2/s": Limit(-10, 3000, 800),
    "": Limit(-10, 3000, 800),
}
FLAT = {FAST.name: (1800, 3600), FLUX.name: (14_400, 18_000), SOIL.name: (14_400, 18_000), PAR.name: (600, 900)}  # [s]
DRIFT = {"Wind_speed_46m": 1.5, "Total_PPFD_46m": 400.0, "Sonic_temp_34m": 3.5, "CO2_34m": 25.0}  # in the fields' unit
WORDS = {"diag_sonic": "CSAT3A", "diag_irga": "EC150"}
FAULTS = (
    *("spike", "stuck", "out_of_range", "marker_7999", "nan_burst", "diagnostic_bits", "drift"),
    *("gap", "clock_back", "recollect"),
)
OF_ROWS = ("gap", "clock_back", "recollect")


@dataclass
class Found:
    """What one tool did: events found of each fault and how many there were, alarms on clean data and values judged."""

    events: dict[str, list[bool]] = field(default_factory=dict)
    alarms: int = 0
    values: int = 0

    def share(self, fault: str) -> str:
        """`3 of 4`, or a dash for a fault that it was not asked about."""
        return f"{sum(self.events[fault])} of {len(self.events[fault])}" if fault in self.events else "–"


def rules(table: Table) -> dict[str, list[Check]]:
    """The checks of the fields that faults strike."""
    units = {one.name: one.unit for one in table.fields}
    checks: dict[str, list[Check]] = {}
    for name in HIT[table.name]:
        limit = LIMITS[units[name]]
        checks[name] = [
            out_of_range_marker(7999, -7999),
            between(limit.low, limit.high),
            spike(limit.spike),
            flat_line(*FLAT[table.name]),
        ]
    if table is FAST:
        for name, other, *_ in PAIRS:
            checks.setdefault(name, []).append(agrees_with(other, within=DRIFT[name]))
    if table is FLUX:
        checks |= {name: [diagnostic(sensor)] for name, sensor in WORDS.items()}
    return checks


def rows(path: Path) -> pd.DataFrame:
    """A simulated file as it stands, UTC."""
    frame = pd.read_csv(path, skiprows=[0, 2, 3], na_values=["NAN"], index_col="TIMESTAMP", low_memory=False)
    index = pd.to_datetime(frame.index).as_unit("ns").tz_localize("UTC")
    frame.index = index - pd.Timedelta(hours=UTC_OFFSET_HOURS)
    return frame


def series(frame: pd.DataFrame) -> pd.DataFrame:
    """One row a stamp, the later one of two, ascending: what the store holds."""
    return frame[~frame.index.duplicated(keep="last")].sort_index()


def by_fieldline(frame: pd.DataFrame, table: Table) -> dict[str, np.ndarray]:
    """Flags by field."""
    checks = rules(table)
    flags = judge(frame, checks, table.interval * SECOND)
    return {name: flags[f"{name}_qc"].to_numpy() for name in checks}


def by_ioos(frame: pd.DataFrame, table: Table) -> dict[str, np.ndarray]:
    """The same thresholds; it has nothing for diagnostic words and pairs of sensors."""
    from ioos_qc import qartod

    units = {one.name: one.unit for one in table.fields}
    stamps, flags = frame.index.tz_localize(None).to_numpy(), {}
    for name in HIT[table.name]:
        values, limit = frame[name].to_numpy(float), LIMITS[units[name]]
        each = [
            qartod.gross_range_test(values, (limit.low, limit.high)),
            qartod.spike_test(values, limit.spike),
            qartod.flat_line_test(values, stamps, *FLAT[table.name], 1e-9),
        ]
        flags[name] = np.asarray(qartod.qartod_compare([np.ma.filled(one, 9) for one in each]))
    return flags


def by_pecos(frame: pd.DataFrame, table: Table) -> dict[str, np.ndarray]:
    """The same thresholds; spikes as increments, stuck as a range below 1e-9 in the time of suspicion."""
    import logging

    import pecos

    logging.getLogger("pecos").setLevel(logging.ERROR)
    units = {one.name: one.unit for one in table.fields}
    flags = {}
    for name in HIT[table.name]:
        limit, data = LIMITS[units[name]], frame[[name]].tz_localize(None)
        masks = [
            pecos.monitoring.check_range(data, [limit.low, limit.high])["mask"],
            pecos.monitoring.check_increment(data, [None, limit.spike])["mask"],
            pecos.monitoring.check_delta(data, [1e-9, None], FLAT[table.name][0])["mask"],
        ]
        passed = np.logical_and.reduce([mask[name].to_numpy() for mask in masks])
        flags[name] = np.where(data[name].isna(), 9, np.where(passed, 1, 4))
    return flags


JUDGES = {"fieldline": by_fieldline, "ioos_qc": by_ioos, "pecos": by_pecos}


def _events(truth: list[dict[str, Any]], table: Table) -> Iterator[tuple[str, str | None, int, int]]:
    for item in truth:
        if item["table"] == table.name and item["fault"] in FAULTS:
            yield item["fault"], item["field"], pd.Timestamp(item["start"]).value, pd.Timestamp(item["end"]).value


def _rows_found(frame: pd.DataFrame, table: Table, fault: str, start: int, end: int) -> bool:
    """Whether what is said of stamps and record numbers of the time around a fault of rows names it."""
    near = (frame.index.asi8 >= start - 10 * MINUTE) & (frame.index.asi8 <= end + 10 * MINUTE)
    here = frame[near]
    times, records = here.index.asi8, here["RECORD"].to_numpy()
    if fault == "gap":
        return bool(order.holes(times, None, table.interval * SECOND))
    if fault == "clock_back":
        return bool(order.look(times, records, order.Before()).back)
    return bool(here.reset_index().duplicated().any())


def _field_found(flags: np.ndarray, times: np.ndarray, fault: str, start: int, end: int) -> bool:
    said = flags[(times >= start) & (times <= end)]
    return bool((said == 9).all() if fault == "nan_burst" else np.isin(said, (3, 4)).any())


def _look(found: Found, tool: str, folders: tuple[Path, Path], table: Table) -> None:
    clean, faulty = (rows(folder / f"{table.stem}.dat") for folder in folders)
    truth = json.loads((folders[1] / "truth.json").read_text(encoding="utf-8"))
    for said in JUDGES[tool](series(clean), table).values():
        found.alarms += int(np.isin(said, (3, 4)).sum())
        found.values += len(said)
    whole = series(faulty)
    flags = JUDGES[tool](whole, table)
    for fault, name, start, end in _events(truth, table):
        if fault in OF_ROWS and tool == "fieldline":
            found.events.setdefault(fault, []).append(_rows_found(faulty, table, fault, start, end))
        elif (name in flags and fault not in ("drift", "diagnostic_bits")) or tool == "fieldline":
            result = _field_found(flags[str(name)], whole.index.asi8, fault, start, end)
            found.events.setdefault(fault, []).append(result)


def station(folder: Path, days: float, tools: tuple[str, ...] = TOOLS, seed: int = 3) -> dict[str, Found]:
    """Simulate a tower twice, clean and with faults, and let each tool look at it."""
    folders = folder / "clean", folder / "faulty"
    simulate(folders[0], days=days, until=datetime(2024, 6, 25), seed=seed)
    simulate(folders[1], days=days, until=datetime(2024, 6, 25), seed=seed, faults=FAULTS)
    found = {tool: Found() for tool in tools}
    for tool in tools:
        # 13 minutes did not suffice pecos for ten days of rows of 5 s.
        for table in (FAST, FLUX, SOIL) if tool == "pecos" else (FAST, FLUX, SOIL, PAR):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                _look(found[tool], tool, folders, table)
    for path in [path for one in folders for path in one.iterdir()]:
        path.unlink()
    return found


def detection(folder: Path, sizes: Sizes) -> list[Figure]:
    """One row for each fault, one for false alarms."""
    slow = ("pecos",) if sizes.rows < 10_000 else ()  # its check_delta takes seconds for a day
    tools = tuple(tool for tool in TOOLS if tool == "fieldline" or (find_spec(tool) and tool not in slow))
    found = station(folder, max(1.0, min(10.0, sizes.rows / 50_000)), tools)
    figures = []
    for fault in FAULTS:
        here = ", ".join(f"{tool} {one.share(fault)}" for tool, one in found.items() if tool != "fieldline")
        mine = found["fieldline"].share(fault)
        figures.append(Figure(f"simulated tower, fault `{fault}`: found", mine, _wanted(fault), here))
    alarms = {tool: f"{one.alarms / one.values:.4%}" for tool, one in found.items()}
    here = ", ".join(f"{tool} {share}" for tool, share in alarms.items() if tool != "fieldline")
    return [
        *figures,
        Figure("simulated tower without faults: values flagged", alarms["fieldline"], "at most 0.1 %", here),
    ]


def _wanted(fault: str) -> str:
    return "" if fault == "drift" else "all"


PARTS: tuple[Callable[[Path, Sizes], list[Figure]], ...] = (beside_ioos, beside_reading, detection)


def main() -> None:
    """`python -m benchmarks.quality`: the figures of this module alone."""
    import tempfile

    from .common import FULL, QUICK

    sizes = QUICK if os.environ.get("QUICK") else FULL
    for part in PARTS:
        with tempfile.TemporaryDirectory() as folder:
            for one in part(Path(folder), sizes):
                print(f"| {one.what} | {one.value} | {one.target} | {one.here} |", flush=True)


if __name__ == "__main__":
    main()
