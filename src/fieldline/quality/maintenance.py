"""What people wrote about instruments: times in which values are flagged by hand, and gains and offsets for a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a run without new rows must not pay for pandas
    import pandas as pd


@dataclass(frozen=True)
class Entry:
    """One line of the log. start, end: UTC, both included; None: open. flag: as in flags.py, or None: a correction.

    place: where it stands, as in `config/maintenance.yaml:2`.
    """

    station: str
    fields: tuple[str, ...]
    start: datetime | None
    end: datetime | None
    reason: str
    who: str = ""
    flag: int | None = None
    gain: float = 1.0
    offset: float = 0.0
    place: str = ""

    def holds(self, station: str, name: str) -> bool:
        """Whether the entry speaks of this field of this station."""
        return fnmatchcase(station, self.station) and any(fnmatchcase(name, pattern) for pattern in self.fields)


@dataclass(frozen=True)
class Log:
    """All entries, in the order of the file; a later one wins."""

    entries: tuple[Entry, ...] = ()

    def overrule(self, flags: pd.DataFrame, station: str) -> pd.DataFrame:
        """`flags` (columns `<field>_qc`, `<field>_qcbits`) with those that a person set instead of the computed ones.

        A value that is missing stays missing.
        """
        from .bits import BITS
        from .flags import MISSING

        for column in [str(name) for name in flags if str(name).endswith("_qc")]:
            for entry in self._flagging(station, column.removesuffix("_qc")):
                where = _within(flags, entry) & (flags[column] != MISSING)
                if where.any():
                    flags.loc[where, column] = entry.flag
                    flags.loc[where, f"{column}bits"] |= 1 << BITS["maintenance"]
        return flags

    def flags(self, name: str) -> bool:
        """Whether an entry flags a field of this name, of any station."""
        return any(
            one.flag is not None and any(fnmatchcase(name, pattern) for pattern in one.fields) for one in self.entries
        )

    def idle(self, stored: Mapping[str, Collection[str]]) -> Iterator[str]:
        """What to say of entries that speak of no station or no field that there is: a name was misspelled, perhaps.

        Args:
            stored: the fields of each station.
        """
        for entry in self.entries:
            stations = [name for name in stored if fnmatchcase(name, entry.station)]
            if not stations:
                known = ", ".join(sorted(filter(None, stored))) or "none"
                yield f"{entry.place}: no station {entry.station!r} is stored ({known}); the entry does nothing"
            for pattern in entry.fields if stations else ():
                if not any(fnmatchcase(name, pattern) for station in stations for name in stored[station]):
                    where = f" of station {', '.join(sorted(stations))}" if entry.station != "*" else ""
                    yield f"{entry.place}: no field {pattern!r}{where} is stored; it does nothing"

    def corrected(self, frame: pd.DataFrame, stations: pd.Series[str], names: Sequence[str]) -> pd.DataFrame:
        """Columns `<field>_corrected` = value × gain + offset, for those of `names` that an entry corrects.

        Args:
            stations: the station of each row.
        """
        columns: dict[str, pd.Series[float]] = {}
        for name in names:
            for entry in (one for one in self.entries if one.flag is None):
                mine = stations.map({one: entry.holds(one, name) for one in stations.unique()}).to_numpy(dtype=bool)
                if mine.any():
                    where = _within(frame, entry) & mine
                    before = columns.get(f"{name}_corrected", frame[name] * float("nan"))
                    columns[f"{name}_corrected"] = before.mask(where, frame[name] * entry.gain + entry.offset)
        return frame.assign(**columns)

    def _flagging(self, station: str, name: str) -> Iterator[Entry]:
        return (entry for entry in self.entries if entry.flag is not None and entry.holds(station, name))


def _within(frame: pd.DataFrame, entry: Entry) -> pd.Series[bool]:
    """Which rows lie in the time of an entry."""
    times = frame.index.to_series()
    inside = times.notna()
    if entry.start is not None:
        inside &= times >= entry.start
    if entry.end is not None:
        inside &= times <= entry.end
    return inside
