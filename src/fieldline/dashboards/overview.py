"""What a station does right now: the age of its records, battery, runs, and where it stands."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from ..groups import Layout, Shown
from .frame import COLUMNS, FAIL, GOOD, SUSPECT, Json, Tile, fixed, panel, steps
from .lines import lines
from .queries import DAY, Look, name, select, target, width
from .site import RUNS, Row
from .units import unit

NOW, MAIN = "Now", "At a glance"
_SHOWN = ("temperature", "wind", "gases", "radiation", "par", "soil_temperature", "soil_moisture", "fluxes")
_LEAST_WINDOW = 3600  # [s] rows are counted over an hour, and over twelve intervals of a slower table
_OLDEST = "30d"


def stat(title: str, words: str, targets: list[Json], *, graph: bool = False, fields: str = "", **more: Any) -> Json:
    """One number, large."""
    options = {
        "graphMode": "area" if graph else "none",
        "colorMode": "background_solid" if not graph else "value",
        "justifyMode": "auto",
        "textMode": "auto",
        "wideLayout": True,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
        "orientation": "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": fields, "values": False},
    }
    return panel("stat", title, words, targets, options, **more)


def overview(layout: Layout, look: Look) -> list[Tile]:
    """The tiles of a station's first dashboard; those that stand for more lead there."""
    tiles = [
        *_ages(layout, look),
        *(leading(one, look, "Quality and completeness", "quality") for one in _rows(layout, look)),
        *(leading(one, look, "Battery and power", "power") for one in _battery(layout, look)),
        *(leading(one, look, "Runs", RUNS) for one in now(look)),
    ]
    tiles = evenly(tiles)
    for group in layout.groups:
        drawn = [one for one in group.panels if one.kind == "lines"]
        if group.id in _SHOWN and drawn:
            tile = Tile(lines(drawn[0], look, MAIN).panel, 12, 8, MAIN)
            tiles.append(leading(tile, look, group.title, group.id))
    return [*tiles, *_map(layout, look), _help(look)]


def leading(tile: Tile, look: Look, title: str, part: str) -> Tile:
    """A tile whose panel leads to another dashboard, with the same range and choices; not in a copy for everybody."""
    if not look.variables:
        return tile
    link = {
        "title": title,
        "type": "link",
        "url": f"/d/{look.site.part(look.station, part)}?${{__url_time_range}}&${{__all_variables}}",
        "icon": "dashboard",
        "tooltip": "",
        "tags": [],
        "asDropdown": False,
        "targetBlank": False,
        "includeVars": False,
        "keepTime": False,
    }
    return replace(tile, panel={**tile.panel, "links": [link]})


def evenly(tiles: Sequence[Tile]) -> list[Tile]:
    """Tiles in lines of at most four, as many in each as in the others, or one less."""
    lines = math.ceil(len(tiles) / 4)
    found, at = [], 0
    for left in range(lines, 0, -1):
        count = math.ceil((len(tiles) - at) / left)
        found += [replace(tile, width=COLUMNS // count) for tile in tiles[at : at + count]]
        at += count
    return found


def tables(layout: Layout) -> list[Row]:
    """The tables of a station."""
    return [(one.bucket, one.measurement, one.station) for one in layout.tables]


def ages(layout: Layout, look: Look) -> list[Tile]:
    """When the newest record of each table came, and nothing else."""
    return evenly(list(_ages(layout, look)))


def called(layout: Layout, row: Row) -> str:
    """A table in titles: its measurement, with its bucket where that of another bucket is called so too."""
    buckets = {one.bucket for one in layout.tables if one.measurement == row[1]}
    return row[1] if len(buckets) == 1 else f"{row[1]} of {row[0]}"


def age_title(layout: Layout, row: Row) -> str:
    """The title of the panel that tells how old the records of a table are."""
    return f"{called(layout, row)}: newest record"


def battery_title(layout: Layout, one: Shown) -> str:
    """The title of the panel of a battery, with its name where its table has several."""
    several = sum(other.table == one.table for other in battery(layout)) > 1
    return f"Battery{f' {one.name}' if several else ''}, {called(layout, one.table)}"


def _ages(layout: Layout, look: Look) -> Iterator[Tile]:
    """When the newest record of each table came."""
    for row in tables(layout):
        field = look.site.counter(row)
        query = select(
            look, row, [name(field)], every="", time=f"time > now() - {_OLDEST}", end="ORDER BY time DESC LIMIT 1"
        )
        built = stat(
            age_title(layout, row),
            f"How long ago the newest record of {row[1]} was made, by the logger's clock.",
            [target(look, row[0], query, 0, form="table")],
            fields="/^time$/i",
            unit="dateTimeFromNow",
            color=fixed("#2f80c8"),
            noValue=f"none in {_OLDEST}",
        )
        yield Tile(built, 6, 4, NOW)


def window(look: Look, row: Row) -> tuple[float, float] | None:
    """Over which time rows are counted, and how many there should be. [s]"""
    every = look.site.interval(row)
    if not every:
        return None
    span = max(_LEAST_WINDOW, 12 * every)
    return span, span / every


def _rows(layout: Layout, look: Look) -> Iterator[Tile]:
    """Which share of the newest rows of each table came."""
    for row in tables(layout):
        expected = window(look, row)
        if expected is None or look.site.several(row):  # of several series nobody knows how many there should be
            continue
        span, count = expected
        item = f"count({name(look.site.counter(row))}) * 100.0 / {count:g}"
        query = select(look, row, [item], every="", time=f"time > now() - {width(span)}")
        built = stat(
            f"{called(layout, row)}: rows that came",
            f"Rows of the last {width(span)}, of {count:g} that should have come.",
            [target(look, row[0], query, 0, "rows")],
            unit="percent",
            decimals=0,
            thresholds=steps((None, FAIL), (1, SUSPECT), (90, GOOD)),
            color={"mode": "thresholds"},
            noValue="none",
        )
        yield Tile(built, 6, 4, NOW)


def battery(layout: Layout) -> list[Shown]:
    """The batteries of a station, extremes left out."""
    found = [one for table in layout.tables for one in table.fields if one.sort.family == "BATTERY"]
    return [one for one in found if one.at.statistic == "" and one.unit in ("V", "")]


def _battery(layout: Layout, look: Look) -> Iterator[Tile]:
    for one in battery(layout):
        query = select(look, one.table, [f"min({name(one.name)})"], good=[])
        every = look.site.interval(one.table)
        low = look.site.grafana.alerts.battery_volts
        built = stat(
            battery_title(layout, one),
            f"`{one.name}` of {one.station} {one.measurement}; the line has the least of each window.",
            [target(look, one.bucket, query, 0, one.label)],
            graph=True,
            unit=unit(one.unit),
            decimals=2,
            thresholds=steps((None, FAIL), (low, GOOD)) if low else steps((None, GOOD)),
            color={"mode": "thresholds"},
            interval=width(every) if every else "",
        )
        yield Tile(built, 6, 4, NOW)


def of_runs(look: Look, items: list[str], **more: Any) -> str:
    """A question to the measurement `runs`, which has no stations."""
    return select(look, (look.site.runs, RUNS, ""), items, **more)


def now(look: Look) -> Iterator[Tile]:
    """The last run of the program that brings the rows, and what waits."""
    bucket = look.site.runs
    day = {"every": "", "time": "time > now() - 1d"}
    age = of_runs(look, [name("read")], every="", time=f"time > now() - {_OLDEST}", end="ORDER BY time DESC LIMIT 1")
    yield Tile(
        stat(
            "Last run",
            "How long ago fieldline last told of a run. A run that finds nothing new tells with the next that does.",
            [target(look, bucket, age, 0, form="table")],
            fields="/^time$/i",
            unit="dateTimeFromNow",
            color=fixed("#2f80c8"),
            noValue=f"none in {_OLDEST}",
        ),
        *(6, 4, NOW),
    )
    failed = of_runs(look, [f"count({name('ok')})"], where=[f"{name('ok')} = false"], **day)
    yield Tile(
        stat(
            "Failed jobs of a day",
            "How many jobs failed in the last 24 hours; the dashboard of the runs has their messages.",
            [target(look, bucket, failed, 0, "failed")],
            unit="none",
            decimals=0,
            noValue="0",
            color={"mode": "thresholds"},
            thresholds=steps((None, GOOD), (1, FAIL)),
        ),
        *(6, 4, NOW),
    )
    yield Tile(_passed(look, day), 6, 4, NOW)
    if look.site.outbox:
        waiting = of_runs(look, [f"last({name('waiting')})"], every="", time="time > now() - 7d")
        most = look.site.grafana.alerts.waiting_rows or 1
        yield Tile(
            stat(
                "Rows that wait",
                "Rows on the station's computer that the server has not taken yet.",
                [target(look, bucket, waiting, 0, "waiting")],
                unit="locale",
                decimals=0,
                color={"mode": "thresholds"},
                thresholds=steps((None, GOOD), (1, SUSPECT), (max(most, 2), FAIL)),
                noValue="0",
            ),
            *(6, 4, NOW),
        )


COUNTS = ("good", "not_evaluated", "suspect", "fail", "missing")


def _passed(look: Look, day: dict[str, str]) -> Json:
    judged = " + ".join(f"sum({name('values_' + one)})" for one in ("good", "suspect", "fail"))
    query = of_runs(look, [f"sum({name('values_good')}) * 100.0 / ({judged})"], **day)
    return stat(
        "Values that pass",
        "Of the values that checks judged in the last 24 hours, of all stations, the share that is good.",
        [target(look, look.site.runs, query, 0, "good")],
        unit="percent",
        decimals=1,
        color={"mode": "thresholds"},
        thresholds=steps((None, FAIL), (80, SUSPECT), (95, GOOD)),
        noValue="none judged",
    )


def _map(layout: Layout, look: Look) -> Iterator[Tile]:
    """Where the station stands. No store holds that, so the question carries it."""
    site, rows = look.site, tables(layout)
    if site.latitude is None or site.longitude is None or not rows:
        return
    field = name(site.counter(rows[0]))
    items = [
        f"count({field}) AS {name('rows')}",
        f"count({field}) * 0 + {site.latitude:g} AS {name('latitude')}",
        f"count({field}) * 0 {'-' if site.longitude < 0 else '+'} {abs(site.longitude):g} AS {name('longitude')}",
    ]
    query = select(look, rows[0], items, every="", time=f"time > now() - {width(DAY)}")
    built = panel(
        "geomap",
        "Where it stands",
        "The place of the station, with its rows of the last day.",
        [target(look, rows[0][0], query, 0, form="table")],
        {
            "view": {"id": "fit", "allLayers": True, "zoom": 9},
            "controls": {"showZoom": True, "mouseWheelZoom": False, "showAttribution": True, "showScale": True},
            "basemap": {"type": "default", "name": "Map", "config": {}},
            "layers": [
                {
                    "type": "markers",
                    "name": "station",
                    "config": {"style": {"size": {"fixed": 8}, "color": {"fixed": "#d6322d"}, "opacity": 0.9}},
                    "location": {"mode": "coords", "latitude": "latitude", "longitude": "longitude"},
                    "tooltip": True,
                }
            ],
            "tooltip": {"mode": "details"},
        },
    )
    yield Tile(built, 12, 8, MAIN)


_CHOICE = "With *Flagged values* above, people choose which values are drawn"
_LEFT_OUT = "Values that failed a check are left out here"
_HELP = """
**Flags** say what the checks found: good, not evaluated, suspect, fail. {flags}; none is ever changed or deleted.
**A gap is a gap**: no line goes across hours without rows. *No data* in a panel: no row has this value in the chosen
range; *newest record* tells whether rows come at all. **Times** are on the station's clock. The *i* beside a title
tells fields, intervals and averaging.
"""


def _help(look: Look) -> Tile:
    """How to read the dashboards, for who opens one for the first time."""
    words = " ".join(_HELP.split()).format(flags=_CHOICE if look.variables else _LEFT_OUT)
    options = {"mode": "markdown", "content": words}
    return Tile(panel("text", "How to read this", "For who is here for the first time.", [], options), 12, 8, MAIN)
