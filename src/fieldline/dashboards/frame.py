"""The JSON that every panel and dashboard has in common: Grafana's classic model, which 10 to 13 read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .names import fitting
from .queries import reference

Json = dict[str, Any]
SCHEMA = 39  # 10.4 and later; newer Grafanas bring it up to date when they load it
PLUGINS = "11.1.0"  # of panels; a panel without one is taken for one of Grafana 6, and is migrated to pieces
COLUMNS = 24
GOOD, GREY, SUSPECT, FAIL, MISSING = "#2e9d5b", "#8e8e8e", "#e0a100", "#d6322d", "#8a6fd1"
MIXED = {"type": "datasource", "uid": "-- Mixed --"}


@dataclass(frozen=True)
class Tile:
    """A panel and how much room it wants; section: the heading that it stands under."""

    panel: Json
    width: int
    height: int
    section: str = ""


def panel(kind: str, title: str, description: str, targets: Sequence[Json], options: Json, **defaults: Any) -> Json:
    """A panel. defaults: of its fields; `overrides`, `interval`, `transformations`, `timeFrom` go where they belong."""
    sources = {one["datasource"]["uid"]: one["datasource"] for one in targets}
    overrides = defaults.pop("overrides", [])
    more = {
        key: defaults.pop(key)
        for key in ("interval", "transformations", "timeFrom", "maxDataPoints")
        if key in defaults
    }
    found: Json = {
        "type": kind,
        "pluginVersion": PLUGINS,
        "title": title,
        "description": description,
        "targets": list(targets),
        "options": options,
        "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
        **{key: value for key, value in more.items() if value},
    }
    if targets:
        found["datasource"] = next(iter(sources.values())) if len(sources) == 1 else MIXED
    return found


def override(label: str, **properties: object) -> Json:
    """What one series has of its own; a name such as custom_lineWidth stands for custom.lineWidth."""
    return {"matcher": {"id": "byName", "options": label}, "properties": _listed(properties)}


def overall(number: int, **properties: object) -> Json:
    """What all series of a question have, whose names only Grafana will know; number: of the question."""
    return {"matcher": {"id": "byFrameRefID", "options": reference(number)}, "properties": _listed(properties)}


def _listed(properties: Mapping[str, object]) -> list[Json]:
    return [{"id": key.replace("_", ".", 1), "value": value} for key, value in properties.items()]


def steps(*pairs: tuple[float | None, str], mode: str = "absolute") -> Json:
    """Thresholds: colours from a value on."""
    return {"mode": mode, "steps": [{"value": value, "color": colour} for value, colour in pairs]}


def mapping(words: dict[str, tuple[str, str]]) -> list[Json]:
    """Values to words with colours."""
    options = {
        value: {"text": text, "color": colour, "index": at} for at, (value, (text, colour)) in enumerate(words.items())
    }
    return [{"type": "value", "options": options}]


def fixed(colour: str) -> Json:
    """One colour for a series."""
    return {"mode": "fixed", "fixedColor": colour}


def legend(calcs: Sequence[str] = ("lastNotNull", "min", "max"), shown: bool = True) -> Json:
    """A legend below, as a table of last, min and max."""
    return {"showLegend": shown, "displayMode": "table", "placement": "bottom", "calcs": list(calcs)}


TOOLTIP: Json = {"mode": "multi", "sort": "none"}


def arranged(tiles: Iterable[Tile]) -> list[Json]:
    """Panels from left to right, each line filled to its right end, under headings if there is more than one."""
    found: list[Json] = []
    sections, y = _sections(tiles), 0
    for section, mine in sections:
        if len(sections) > 1:
            place = {"h": 1, "w": COLUMNS, "x": 0, "y": y}
            found.append({"type": "row", "title": section, "collapsed": False, "panels": [], "gridPos": place})
            y += 1
        for line in _lines(mine):
            height, x = max(tile.height for tile in line), 0
            for at, tile in enumerate(line, 1):
                width = COLUMNS - x if at == len(line) else tile.width
                place = {"h": height, "w": width, "x": x, "y": y}
                title = fitting(tile.panel["title"], width)
                whole = "" if title == tile.panel["title"] else f"{tile.panel['title']}. "
                described = whole + tile.panel["description"]
                found.append({**tile.panel, "title": title, "description": described, "gridPos": place})
                x += width
            y += height
    return [{**one, "id": number} for number, one in enumerate(found, 1)]


def _sections(tiles: Iterable[Tile]) -> list[tuple[str, list[Tile]]]:
    found: dict[str, list[Tile]] = {}
    for tile in tiles:
        found.setdefault(tile.section, []).append(tile)
    return list(found.items())


def _lines(tiles: Sequence[Tile]) -> list[list[Tile]]:
    """Tiles cut into lines of at most 24 columns."""
    found: list[list[Tile]] = []
    room = 0
    for tile in tiles:
        if tile.width > room:
            found.append([])
            room = COLUMNS
        found[-1].append(tile)
        room -= tile.width
    return found
