"""Grafana dashboards from declarations: one overview, one dashboard a group and one public copy for each station.

    for one in dashboards(Site(known, tables)): print(text(one))

Pure: the same Site gives the same bytes. Classic JSON (v1) with raw InfluxQL, for Grafana 10.4 to 13.
site.py      what they are made from
queries.py   questions with variables or without
frame.py     what all panels have in common, and how they are arranged
lines.py, pictures.py, states.py, overview.py, runs.py   the panels
alerts.py    alert rules and contact points
files.py     all that a folder for Grafana holds
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from ..groups import Group, Layout, Panel, Shown
from . import overview as first
from . import pictures, states
from .frame import SCHEMA, Json, Tile, arranged
from .lines import lines
from .names import variable, zone
from .queries import HIDE_FAILED, HIDE_SUSPECT, SHOW_ALL, STATION, Look, name, select
from .runs import runs
from .site import RUNS, TAG, Row, Site, joined, promised, tag_of, title_of

__all__ = ["PUBLIC", "Site", "dashboards", "joined", "promised", "text"]

PUBLIC = "public"
_PUBLIC_LINES = 2  # panels of each group in the public copy
_INNER = ("analyser", "power", "logger", "other", "quality")  # groups that are no business of everybody
_MAINTENANCE = 1 << 16  # the bit of `_qcbits` that says that a person was at work

_BY_SERIES = ("lines", "diagnostics", "flags", "missing")  # what can be drawn of any number of series
_BESIDE = "Between sensors"
_PATTERNS = "Profiles and patterns"
_MAKERS: Mapping[str, tuple[Callable[[Panel, Look, str], list[Tile]], str]] = {
    "lines": (lambda panel, look, section: [lines(panel, look, section)], ""),
    "diagnostics": (states.diagnostics, ""),
    "balance": (pictures.balance, ""),
    "profile": (pictures.profile, _PATTERNS),
    "rose": (pictures.rose, _PATTERNS),
    "depth": (pictures.depth, _PATTERNS),
    "fingerprint": (pictures.fingerprint, _PATTERNS),
    "pair": (pictures.pair, _BESIDE),
    "flags": (states.flags, "Flags"),
    "missing": (states.missing, "Completeness"),
}


def dashboards(site: Site, stations: tuple[str, ...] | None = None) -> list[Json]:
    """All dashboards, each with a `uid` of its own and without an `id`: as files, as API and Git Sync want them.

    Args:
        stations: only these, and the runs; None: all.
    """
    found = [one for station in stations or site.stations for one in _of_station(site, station)]
    look = Look(site, "")
    about = "What the runs of fieldline read, wrote, flagged and delivered, and what failed."
    found.append(_dashboard(look, RUNS, f"{site.of_runs}: runs", about, runs(look), "now-7d", ()))
    return found


def text(dashboard: Json) -> str:
    """A dashboard as a file: sorted, indented, UTF-8, ending in a line end."""
    return json.dumps(dashboard, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _of_station(site: Site, station: str) -> Iterator[Json]:
    layout, look = site.of(station), Look(site, station)
    if not layout.tables:
        return
    name = site.called(station)
    everything = [one for table in layout.tables for one in table.fields]
    about = f"How {name} is doing: age of the records, rows that came, battery, runs, and the main quantities."
    yield _dashboard(look, "overview", f"{name}: overview", about, first.overview(layout, look), "now-24h", everything)
    for group in layout.groups:
        tiles = _tiles(group, look)
        if tiles:
            mine = [one for panel in group.panels for one in panel.series]
            since = "now-7d" if group.id.startswith("soil") or group.id in ("quality", "fluxes") else "now-24h"
            about = f"{group.title} of {name}, as its tables declare them."
            yield _dashboard(look, group.id, f"{name}: {group.title}", about, tiles, since, mine)
    yield _public(site, station, layout)


def _tiles(group: Group, look: Look) -> list[Tile]:
    """The panels of a group under their headings, what people look at first above."""
    tiles: list[Tile] = []
    for panel in group.panels:
        if panel.kind not in _BY_SERIES and any(look.site.several(one.table) for one in panel.series):
            continue  # it would mix the series of a table
        make, section = _MAKERS[panel.kind]
        tiles += make(panel, look, section or group.title)
    return tiles


def _public(site: Site, station: str, layout: Layout) -> Json:
    """A copy that may be shared with everybody: public dashboards take no variables."""
    look = Look(site, station, variables=False)
    tiles = first.ages(layout, look)
    tiles += [tile for tile in first.overview(layout, look) if tile.panel["type"] in ("geomap", "text")]
    for group in layout.groups:
        if group.id in _INNER:
            continue
        drawn = [one for one in group.panels if one.kind == "lines"][:_PUBLIC_LINES]
        tiles += [lines(one, look, group.title) for one in drawn]
        tiles += [
            tile
            for one in group.panels
            if one.kind == "depth" and not any(look.site.several(each.table) for each in one.series)
            for tile in pictures.depth(one, look, group.title)
        ][:1]
    name = site.called(station)
    about = f"The main quantities of {name}, for everybody. Values that failed a check are left out."
    found = _dashboard(look, PUBLIC, f"{name}: public", about, tiles, "now-24h", ())
    return {**found, "tags": [*found["tags"], PUBLIC], "links": []}


def _dashboard(
    look: Look, part: str, title: str, about: str, tiles: list[Tile], since: str, series: Sequence[Shown]
) -> Json:
    """A whole dashboard. series: what it is about."""
    panels = arranged(tiles)
    station = () if part == RUNS else (tag_of(look.station),)
    return {
        "uid": look.site.part(look.station, part),
        "title": title,
        "description": about,
        "tags": [TAG, *station],
        "schemaVersion": SCHEMA,
        "editable": True,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "liveNow": False,
        "preload": False,
        "refresh": "5m",
        "time": {"from": since, "to": "now"},
        "timepicker": {},
        "timezone": zone(look.site.zone),
        "weekStart": "",
        "version": 0,
        "links": _links(look),
        "annotations": {"list": _annotations(look, part, series)},
        "templating": {"list": _variables(look, panels, series) if look.variables else []},
        "panels": panels,
    }


def _links(look: Look) -> list[Json]:
    """To the other dashboards of the station, and to all of fieldline."""
    pairs = [(f"{title_of(look.station)}", [tag_of(look.station)])] if look.station else []
    return [
        {
            "title": title,
            "type": "dashboards",
            "tags": tags,
            "icon": "external link",
            "tooltip": "",
            "url": "",
            "asDropdown": True,
            "includeVars": True,
            "keepTime": True,
            "targetBlank": False,
        }
        for title, tags in [*pairs, ("All of fieldline", [TAG])]
    ]


_BUILT_IN: Json = {
    "builtIn": 1,
    "datasource": {"type": "grafana", "uid": "-- Grafana --"},
    "enable": True,
    "hide": True,
    "iconColor": "rgba(0, 211, 255, 1)",
    "name": "Annotations & Alerts",
    "type": "dashboard",
}


def _annotations(look: Look, part: str, series: Sequence[Shown]) -> list[Json]:
    """Failed runs where runs are shown, and maintenance where values are."""
    found = [_BUILT_IN]
    if not look.variables:
        return found
    if part in ("overview", RUNS):
        query = first.of_runs(look, [name("message")], every="", where=[f"{name('ok')} = false"])
        found.append(_annotation("Failed runs", "#d6322d", look.source(look.site.runs), query, "message"))
    flagged = [one for one in series if one.flags and not look.site.apart]
    for one in flagged[:1]:
        field = name(f"{one.name.removesuffix('_corrected')}_qcbits")
        where = [f"{field} >= {_MAINTENANCE}", f"{field} < {2 * _MAINTENANCE}"]
        query = select(look, one.table, [f"max({field}) AS {name('bits')}"], where=where, every="1h", fill="none")
        found.append(_annotation(f"Maintenance of {one.name}", "#2f80c8", look.source(one.bucket), query, "bits"))
    return found


def _annotation(title: str, colour: str, source: Json, query: str, column: str) -> Json:
    return {
        "name": title,
        "enable": True,
        "hide": False,
        "iconColor": colour,
        "datasource": source,
        "target": {
            "fromAnnotations": True,
            "query": query,
            "queryType": "tags",
            "rawQuery": True,
            "refId": "Anno",
            "textColumn": column,
        },
    }


def _variables(look: Look, panels: list[Json], series: Sequence[Shown]) -> list[Json]:
    """The variables that the panels use, and no others."""
    used = json.dumps(panels)
    site = look.site
    buckets = sorted({site.bucket(one.bucket) for one in site.known} | {site.bucket(site.runs)})
    found = [_source(site, bucket) for bucket in buckets if f"${{{variable(bucket)}}}" in used]
    if STATION in used:
        found.append(_station(look, series[0].table))
    if "$agg" in used:
        found.append(_custom("agg", "Each window", {"mean": "mean", "median": "median", "min": "min", "max": "max"}))
    if "$flags" in used:
        words = {"hide failed": HIDE_FAILED, "hide suspect and failed": HIDE_SUSPECT, "show all": SHOW_ALL}
        found.append(_custom("flags", "Flagged values", words))
    return found


def _source(site: Site, bucket: str) -> Json:
    return {
        "type": "datasource",
        "name": variable(bucket),
        "label": f"Data: {bucket}",
        "query": "influxdb",
        "regex": f"/(^|\\s){re.escape(bucket)}$/",
        "current": {"selected": False, "text": site.title(bucket), "value": site.server_source(bucket)},
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "options": [],
        "refresh": 1,
        "skipUrlSync": False,
    }


def _station(look: Look, row: Row) -> Json:
    query = f"SHOW TAG VALUES FROM {name(row[1])} WITH KEY = {name('station')}"
    return {
        "type": "query",
        "name": "station",
        "label": "Station",
        "datasource": look.source(row[0]),
        "query": query,
        "definition": query,
        "current": {"selected": False, "text": look.station, "value": look.station},
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "options": [],
        "refresh": 1,
        "regex": "",
        "sort": 1,
        "skipUrlSync": False,
    }


def _custom(word: str, label: str, choices: Mapping[str, str]) -> Json:
    options = [
        {"selected": number == 0, "text": shown, "value": value}
        for number, (shown, value) in enumerate(choices.items())
    ]
    return {
        "type": "custom",
        "name": word,
        "label": label,
        "query": ",".join(f"{shown} : {value}" for shown, value in choices.items()),
        "current": {**options[0], "selected": False},
        "options": options,
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "skipUrlSync": False,
    }
