"""What goes wrong at a tower, on purpose and on record: when, where, and what it does to values and rows.

Faults of values change columns of one day (`distort`), faults of rows change which rows are written and in which order
(`emit`), faults of files are carried out by `files`. All are functions of (seed, day): nothing is remembered.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as default

import numpy as np

from ..errors import UsageError
from .noise import Floats, Ints, uniform
from .sun import DAY
from .tables import FAST, FLUX, PAR, SOIL, Table

FAULTS = {
    "nan_burst": "NAN for a while in one column",
    "spike": "one value far off",
    "stuck": "one column repeats its value",
    "out_of_range": "values that the sensor cannot read",
    "marker_7999": "the over-range number of FP2 instead of values",
    "diagnostic_bits": "the diagnostic word of sonic or analyser is not 0",
    "drift": "one of two sensors of a quantity runs away within five days, then it is serviced",
    "clock_back": "the logger clock is set back an hour: stamps come again with other values, RECORD goes on",
    "gap": "the logger is off: no rows, RECORD goes on where it stopped",
    "recollect": "the logger's memory is collected again: identical rows stand twice",
    "program_change": "a new program: the file becomes .backup, a new one begins with one column more and RECORD 0",
    "power_cut": "NULs up to the next border of 4 KiB, the next row right behind them",
    "half_line": "the last line of the file has no end yet",
    "overwrite": "the file holds only the rows of the last five minutes",
}
VALUES = ("nan_burst", "spike", "stuck", "out_of_range", "marker_7999")
# Each in a slot of its own, so that no fault hides another. In fastdata a day has nine slots of 160 minutes.
SLOTTED = (*VALUES, "gap", "clock_back", "recollect", "power_cut")
SLOT = DAY // len(SLOTTED)
# How many rows: of fastdata, of the half-hourly tables, of PARCal_2019.
ROWS = {
    "nan_burst": (25, 3, 40),
    "spike": (1, 1, 1),
    "stuck": (75, 12, 240),
    "out_of_range": (6, 1, 12),
    "marker_7999": (12, 2, 24),
}
HIT = {
    "fastdata": (
        *("Temp_46m", "Temp_15m", "Temp_avg_3m", "RH_34m", "H2O_46m"),
        *("H2O_34m", "H2O_7m", "CO2_22m", "CO2_7m", "Cell_temp_46m"),
    ),
    "flux": ("TA_1_1_1", "H", "LE", "FC", "CO2", "H2O", "USTAR"),
    "slowdata": tuple(f"Soil_temp_{sensor}" for sensor in ("2cm_st1", "2cm_st2", "7.5cm_st1", "7.5cm_st3", "20cm_st2")),
    "PARCal_2019": ("PPFD", "Total_PPFD", "Diffuse_PPFD"),
}
# By unit: what a spike adds, and a reading beyond any sensor of the kind.
FAR = {
    "Deg C": (15.0, 99.9),
    "%": (-45.0, 140.0),
    "umol/mol": (250.0, 3500.0),
    "mmol/mol": (15.0, 250.0),
    "m/s": (9.0, 95.0),
    "W/m^2": (900.0, 2500.0),
    "mV": (1500.0, 7500.0),
    "umol/(m^2 s)": (80.0, 900.0),
    "umol/m^2/s": (1800.0, 4500.0),
    "": (1800.0, 4500.0),
}
# The sensor that drifts, the one to compare with, by how much at the end of the five days, as a share or in its unit.
PAIRS = (
    ("Wind_speed_46m", "U_wind_speed_46m", -0.3, "share"),
    ("Total_PPFD_46m", "PPFD_46m", -0.25, "share"),
    ("Sonic_temp_34m", "Temp_34m", 5.0, "offset"),
    ("CO2_34m", "CO2_46m", 40.0, "offset"),
)
DRIFT_DAYS = 5
HOUR = 3600


@dataclass(frozen=True)
class Event:
    """One fault: `start` and `end` are the first and last stamp it touches [s since 1970, station clock]."""

    fault: str
    table: str
    field: str | None
    start: int
    end: int
    magnitude: float | None = None
    extra: Mapping[str, str | int] = default(default_factory=dict)


@dataclass(frozen=True)
class Emission:
    """The rows of a day in the order in which they are written: stamp, row of the course, number within the day."""

    stamps: Ints
    rows: Ints
    numbers: Ints


def select(names: Sequence[str]) -> frozenset[str]:
    """The faults wanted; `all` and `none` are understood.

    Raises: UsageError for a name that is no fault.
    """
    for name in names:
        if name not in FAULTS and name not in {"all", "none"}:
            near = difflib.get_close_matches(name, [*FAULTS, "all", "none"], n=1, cutoff=0.0)[0]
            known = f"all, none or some of: {', '.join(FAULTS)}"
            raise UsageError("faults of the simulator", repr(name), known, f"Did you mean {near!r}?")
    return frozenset(FAULTS) if "all" in names else frozenset(names) - {"none"}


def _number(seed: int, stream: str, day: int, count: int) -> int:
    """A whole number from 0 to count - 1 for this stream and day."""
    return int(uniform(seed, f"faults/{stream}", np.array([day]))[0] * count)


def _column(seed: int, day: int, table: Table, place: int) -> str:
    """The column for the fault number `place`: no two faults of a day share one."""
    columns = HIT[table.name]
    return columns[(_number(seed, f"{table.name}/column", day, len(columns)) + place) % len(columns)]


def _slot(seed: int, day: int, fault: str, room: int) -> int:
    """When `fault` begins in its slot of the day, on a whole minute; `room` seconds of the slot stay behind it."""
    order = np.argsort(uniform(seed, "faults/slots", day * len(SLOTTED) + np.arange(len(SLOTTED))))
    begin = day * DAY + int(order[SLOTTED.index(fault)]) * SLOT
    return begin + 60 * (1 + _number(seed, f"{fault}/minute", day, (SLOT - room) // 60 - 1))


def _value_event(seed: int, day: int, table: Table, fault: str) -> Event:
    rows = ROWS[fault][0 if table is FAST else 2 if table is PAR else 1]
    length = (rows - 1) * table.interval
    if table is FAST:
        start = _slot(seed, day, fault, length)
    else:
        free = (DAY - length) // table.interval
        start = day * DAY + table.interval * (1 + _number(seed, f"{table.name}/{fault}/row", day, free))
    # No two places are equal modulo 5, so that columns differ where there are enough of them.
    name = _column(seed, day, table, VALUES.index(fault))
    add, beyond = FAR[next(column.unit for column in table.fields if column.name == name)]
    magnitude = {"spike": add, "out_of_range": beyond, "marker_7999": 7999.0}.get(fault)
    return Event(fault, table.name, name, start, start + length, magnitude)


def _value_events(seed: int, day: int, table: Table) -> list[Event]:
    """Each fault of values strikes one of three tables a day; one of them strikes PARCal_2019 too."""
    if table is PAR:
        return [_value_event(seed, day, PAR, VALUES[_number(seed, "PARCal_2019", day, len(VALUES))])]
    homes = {fault: (FAST, FAST, FLUX, SOIL)[_number(seed, f"{fault}/table", day, 4)] for fault in VALUES}
    return [_value_event(seed, day, table, fault) for fault, home in homes.items() if home is table]


def _fast_events(seed: int, day: int) -> list[Event]:
    block = day // DRIFT_DAYS
    name, other, amount, kind = PAIRS[_number(seed, "drift/pair", block, len(PAIRS))]
    begin = block * DRIFT_DAYS * DAY
    extra: dict[str, str | int] = {"against": other, "kind": kind}
    drift = Event("drift", FAST.name, name, begin + FAST.interval, begin + DRIFT_DAYS * DAY, amount, extra)
    gap = _slot(seed, day, "gap", 80 * 60)
    back = _slot(seed, day, "clock_back", 2 * HOUR) + HOUR
    again = _slot(seed, day, "recollect", 20 * 60)
    cut = _slot(seed, day, "power_cut", 0)
    return [
        drift,
        Event("gap", FAST.name, None, gap, gap + 60 * (10 + _number(seed, "gap/rows", day, 60))),
        Event("clock_back", FAST.name, None, back - HOUR + 60, back, None, {"seconds": HOUR}),
        Event("recollect", FAST.name, None, again, again + 14 * 60),
        Event("power_cut", FAST.name, None, cut, cut),
    ]


def _flux_events(seed: int, day: int) -> list[Event]:
    name = ("diag_sonic", "diag_irga")[_number(seed, "bits/field", day, 2)]
    start = day * DAY + FLUX.interval * (1 + _number(seed, "bits/row", day, 44))
    bits = float(2 ** _number(seed, "bits", day, 6))
    change = day * DAY + FLUX.interval * (6 + _number(seed, "program/row", day, 36))
    return [
        Event("diagnostic_bits", FLUX.name, name, start, start + 2 * FLUX.interval, bits),
        Event("program_change", FLUX.name, None, change, change),
    ]


def plan(seed: int, day: int, table: Table, chosen: frozenset[str]) -> list[Event]:
    """The chosen faults of one table that touch one station day. half_line and overwrite are states, not events."""
    events = _value_events(seed, day, table) if table.name in HIT else []
    events += _fast_events(seed, day) if table is FAST else _flux_events(seed, day) if table is FLUX else []
    return [event for event in events if event.fault in chosen]


def _wrong(values: Floats, stamps: Ints, event: Event) -> Floats:
    """What the column shows instead, for the rows of the event."""
    size = event.magnitude if event.magnitude is not None else np.nan
    if event.fault == "spike":
        return values + size
    if event.fault == "stuck":
        return np.full_like(values, values[0])
    if event.fault == "drift":
        share = (stamps - event.start) / (event.end - event.start)
        return values * (1.0 + size * share) if event.extra["kind"] == "share" else values + size * share
    return np.full_like(values, size)


def distort(course: Mapping[str, Floats], stamps: Ints, events: Sequence[Event]) -> dict[str, Floats]:
    """A day's course with the faults of values in it; the course handed in stays as it is."""
    seen = dict(course)
    for event in events:
        if event.field is None:
            continue
        values = seen[event.field].copy()
        rows = (stamps >= event.start) & (stamps <= event.end)
        values[rows] = _wrong(values[rows], stamps[rows], event)
        seen[event.field] = values
    return seen


def emit(stamps: Ints, events: Sequence[Event], first: int) -> Emission:
    """The rows of a day in the order of writing, none stamped before `first`."""
    order = rows = np.arange(len(stamps), dtype=np.int64)
    spans = {event.fault: (stamps >= event.start) & (stamps <= event.end) for event in events if event.field is None}
    if "gap" in spans:
        order = rows = order[~spans["gap"]]
    if "clock_back" in spans:
        again = np.flatnonzero(spans["clock_back"])
        behind = int(np.searchsorted(order, again[-1])) + 1
        # Time goes on while the clock repeats itself: the second hour shows the weather of an hour later.
        rows = np.insert(rows, behind, np.minimum(again + len(again), len(stamps) - 1))
        order = np.insert(order, behind, again)
    kept = stamps[order] >= first
    order, rows = order[kept], rows[kept]
    numbers = np.arange(len(order), dtype=np.int64)
    if "recollect" in spans:
        twice = np.flatnonzero(spans["recollect"][order])
        behind = int(twice[-1]) + 1 if len(twice) else 0
        order, rows, numbers = (np.insert(array, behind, array[twice]) for array in (order, rows, numbers))
    return Emission(stamps[order], rows, numbers)
