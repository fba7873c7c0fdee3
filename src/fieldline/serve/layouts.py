"""What is shown, as JSON: worked out anew when the tables of the store changed, since every page begins by asking."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..groups import Group, Known, Layout, Panel, Shown, Table, arrange
from .context import Context
from .replies import json_bytes

_SETTLED = 2_000_000_000  # [ns] after a write any later one has another time, even where clocks are coarse
_MOST = 8  # layouts that are kept: keys may see different buckets
Stamp = tuple[tuple[int, int, int], ...]


class Layouts:
    """The layouts of one store; safe to use from several threads.

    What the tables are is asked again when the file changed; the layout is made again when they did.
    """

    def __init__(self, context: Context, read: Callable[[], list[Known]]) -> None:
        """read: what the store holds now."""
        self._context, self._read, self._lock = context, read, threading.Lock()
        self._stamp: Stamp = ()
        self._tables: list[Known] = []
        self._made: list[tuple[list[Known], bytes]] = []

    def body(self, may: Callable[[str], bool]) -> bytes:
        """JSON of what is in the buckets that `may` allows."""
        with self._lock:
            seen = [one for one in self._known() if may(one.bucket)]
            for made in self._made:
                if made[0] == seen:
                    return made[1]
            own = self._context
            layout = arrange(seen, own.tables, own.heights, own.aliases, own.instruments)
            self._made = [(seen, json_bytes(told(layout, own.zone))), *self._made[: _MOST - 1]]
            return self._made[0][1]

    def _known(self) -> list[Known]:
        """What the store holds; from memory while nobody wrote to its file."""
        stamp = stamp_of(self._context.store.path)  # before reading: what is written meanwhile is read next time
        if not stamp or stamp != self._stamp:
            self._tables = self._read()
            newest = max((time for _, time, _ in stamp), default=0)
            settled = newest + _SETTLED < self._context.now().as_unit("ns").value
            self._stamp = stamp if settled else ()
        return self._tables


def stamp_of(path: Path) -> Stamp:
    """Inode, time [ns] and size [bytes] of a store's file and of the log beside it; () without a store."""
    files = [path, path.with_name(path.name + ".wal")]
    found = []
    for file in files:
        try:
            about = file.stat()
        except FileNotFoundError:
            continue
        found.append((about.st_ino, about.st_mtime_ns, about.st_size))
    return tuple(found)


def told(layout: Layout, zone: str) -> dict[str, Any]:
    """A layout as JSON."""
    return {
        "zone": zone,
        "stations": sorted({table.station for table in layout.tables if table.station and table.is_of_a_device}),
        "tables": [_told_table(table) for table in layout.tables],
        "groups": [_told_group(group) for group in layout.groups],
    }


def _told_table(table: Table) -> dict[str, Any]:
    return {
        "bucket": table.bucket,
        "measurement": table.measurement,
        "station": table.station,
        "called": table.called,
        "interval_s": table.interval,
        "fields": [_told_field(one) for one in table.fields],
    }


def _told_field(one: Shown) -> dict[str, Any]:
    return {
        "name": one.name,
        "unit": one.symbol,
        "label": one.label,
        "height_m": one.height,
        "depth_m": one.depth,
        "instrument": one.instrument or None,
        "group": one.group,
        "variable": one.sort.variable,
        "colour": one.colour,
        "decimals": one.decimals,
        "limits": None if one.limits == (None, None) else list(one.limits),
        "flags": one.flags,
        "direction": one.direction,
    }


def _told_group(group: Group) -> dict[str, Any]:
    return {"id": group.id, "title": group.title, "panels": [_told_panel(panel) for panel in group.panels]}


def _told_panel(panel: Panel) -> dict[str, Any]:
    return {
        "id": panel.id,
        "kind": panel.kind,
        "title": panel.title,
        "unit": panel.unit,
        "description": panel.description,
        "series": [_told_series(one) for one in panel.series],
        "thresholds": [asdict(one) for one in panel.thresholds],
    }


def _told_series(one: Shown) -> dict[str, Any]:
    return {
        "bucket": one.bucket,
        "measurement": one.measurement,
        "station": one.station,
        "field": one.name,
        "label": one.label,
        "colour": one.colour,
        "dash": one.dash,
        "variable": one.sort.variable,
        "direction": one.direction,
        "sum": one.total,
        "height_m": one.height,
        "depth_m": one.depth,
        "instrument": one.instrument or None,
    }
