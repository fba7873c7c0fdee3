"""What a page and its dashboards show: the fields of a store as groups of panels, laid out by names, units and levels.

    arrange([Known("field", "fastdata", "umbs", store.fields("field", "fastdata"))], tables).groups

Pure: the same fields give the same layout, in the same order.
apart.py    what tells series apart that no station names
levels.py   height, depth, plot and replicate from a name
kinds.py    group, family, unit and decimals of a field
colours.py  one colour a height
shown.py    a field with all that is known of it
panels.py   fields to panels
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..tables import DataTable
from . import apart
from .kinds import GROUPS, pretty
from .levels import height_of, natural
from .panels import MOST, Group, Kind, Panel, Threshold, groups
from .shown import Known, Shown, changed, declared, drawable, shown

__all__ = [
    "GROUPS",
    "MOST",
    "Group",
    "Kind",
    "Known",
    "Layout",
    "Panel",
    "Shown",
    "Table",
    "Threshold",
    "apart",
    "arrange",
    "declared",
    "drawable",
    "pretty",
]


@dataclass(frozen=True)
class Table:
    """The rows of one station in a measurement, or of one series. interval: as declared, else as known [s]; None:
    neither.
    """

    bucket: str
    measurement: str
    station: str
    interval: float | None
    fields: tuple[Shown, ...]

    @property
    def is_of_a_device(self) -> bool:
        """Whether its name is that of a station or another device."""
        return self.fields[0].apart is None

    @property
    def called(self) -> str:
        """The series in words, such as 'cpu0'; of a station, its name."""
        words = self.fields[0].apart
        return self.station if words is None else " ".join(words)


@dataclass(frozen=True)
class Layout:
    """All that is shown."""

    tables: tuple[Table, ...]
    groups: tuple[Group, ...]


def arrange(
    known: Iterable[Known],
    tables: Sequence[type[DataTable]] = (),
    heights: Mapping[str, float] | None = None,
    aliases: Mapping[str, str] | None = None,
    instruments: Mapping[str, str] | None = None,
) -> Layout:
    """Lay out what a store holds.

    Args:
        known: tables of the store; those without a drawable field are left out.
        tables: the declared tables, for units, limits and intervals.
        heights: where instruments are, by the name of the field, below the ground with a minus. [m]
        aliases: as for quality.variables.base.
        instruments: what measures a field that its class does not say it of, by patterns of names.
    """
    known, found = list(known), []
    words = apart.told(known)
    alike: dict[object, list[Shown]] = {}  # what differs by nothing but the station, of which there may be thousands
    for one in sorted(known, key=lambda k: (k.bucket, natural(k.measurement), natural(k.station))):
        key = (one.bucket, one.measurement, one.interval, id(one.fields), height_of(one.station))
        if key not in alike:
            alike[key] = shown(one, tables, heights or {}, aliases, instruments or {})
        fields = [changed(each, station=one.station) for each in alike[key]]
        name = words.get((one.bucket, one.measurement, one.station))
        if name is not None or one.by:
            fields = [changed(each, apart=name, many=bool(one.by)) for each in fields]
        if fields:
            interval = fields[0].interval
            found.append(Table(one.bucket, one.measurement, one.station, interval, tuple(fields)))
    return Layout(tuple(found), tuple(groups([field for table in found for field in table.fields])))
