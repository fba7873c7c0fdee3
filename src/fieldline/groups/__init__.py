"""What a page and its dashboards show: the fields of a store as groups of panels, laid out by names, units and levels.

    arrange([Known("field", "fastdata", "umbs", store.fields("field", "fastdata"))], tables).groups

Pure: the same fields give the same layout, in the same order.
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
from .kinds import GROUPS, pretty
from .levels import natural
from .panels import MOST, Group, Kind, Panel, Threshold, groups
from .shown import Known, Shown, declared, drawable, shown

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
    "arrange",
    "declared",
    "drawable",
    "pretty",
]


@dataclass(frozen=True)
class Table:
    """The rows of one station in a measurement. interval: as declared, else as known [s]; None: neither."""

    bucket: str
    measurement: str
    station: str
    interval: float | None
    fields: tuple[Shown, ...]


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
    found = []
    for one in sorted(known, key=lambda k: (k.bucket, natural(k.measurement), natural(k.station))):
        fields = shown(one, tables, heights or {}, aliases, instruments or {})
        if fields:
            interval = fields[0].interval
            found.append(Table(one.bucket, one.measurement, one.station, interval, tuple(fields)))
    return Layout(tuple(found), tuple(groups([field for table in found for field in table.fields])))
