"""Pictures beside lines: between sensors, over height, by wind direction, by depth and time, by date and hour."""

from __future__ import annotations

from collections.abc import Sequence

from ..groups import Panel, Shown
from .frame import FAIL, TOOLTIP, Json, Tile, fixed, legend, override, panel, steps
from .lines import MONTH, described, lines, shortest
from .names import seconds_east, zone
from .queries import Look, name, select, target, width
from .site import rows_of
from .units import scheme, unit

_SECTORS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")
_HOUR = 3600
_PROFILE = {"least": ("min", "#2f80c8"), "mean": ("mean", "#009e73"), "greatest": ("max", FAIL)}
_VALUE = " value"  # behind those words: what was measured; without it, the height of that line


def means(series: Sequence[Shown]) -> list[str]:
    """The mean of each field, under its label."""
    return [f"mean({name(one.name)}) AS {name(one.label)}" for one in series]


def pair(shown: Panel, look: Look, section: str) -> list[Tile]:
    """The difference of two sensors over time, and one against the other."""
    one, other = shown.series
    if one.table != other.table:
        return [lines(shown, look, section)]
    query = select(look, one.table, [f"mean({name(one.name)}) - mean({name(other.name)})"], good=shown.series)
    every = shortest(look, [one.table])
    words = described(shown, look, how="mean")
    difference = panel(
        "timeseries",
        f"{shown.title}, difference",
        words,
        [target(look, one.bucket, query, 0, "difference")],
        {"legend": legend(("lastNotNull", "min", "max", "mean")), "tooltip": TOOLTIP},
        unit=unit(one.unit),
        decimals=one.decimals + 1,
        interval=width(every) if every else "",
        thresholds=steps((None, "transparent"), (0, "text")),
        custom={
            "lineWidth": 1,
            "spanNulls": False,
            "showPoints": "auto",
            "axisCenteredZero": True,
            "thresholdsStyle": {"mode": "line"},
        },
        overrides=[override("difference", color=fixed(one.colour))],
    )
    against = scatter(f"{shown.title}, one against the other", words, look, one, other, every)
    return [Tile(difference, 14, 8, section), Tile(against, 10, 8, section)]


def scatter(title: str, words: str, look: Look, x: Shown, y: Shown, every: float | None) -> Json:
    """Means of two fields of one table as points."""
    query = select(look, x.table, means((x, y)), good=(x, y), fill="none")
    return panel(
        "xychart",
        title,
        words,
        [target(look, x.bucket, query, 0, form="table")],
        xy([(x.label, y.label, y.label)]),
        custom={"show": "points", "pointSize": {"fixed": 4}, "fillOpacity": 50},
        interval=width(every) if every else "",
        maxDataPoints=500,
        overrides=[
            override(
                one.label, unit=unit(one.unit), decimals=one.decimals, color=fixed(y.colour), custom_axisLabel=one.label
            )
            for one in (x, y)
        ],
    )


def xy(pairs: Sequence[tuple[str, str, str]]) -> Json:
    """The options of an XY chart: for each series the columns of x and y in the only table, and its name."""
    series = [
        {
            "name": {"fixed": label},
            "frame": {"matcher": {"id": "byIndex", "options": 0}},
            "x": {"matcher": {"id": "byName", "options": x}},
            "y": {"matcher": {"id": "byName", "options": y}},
        }
        for x, y, label in pairs
    ]
    return {"mapping": "manual", "series": series, "legend": legend((), len(pairs) > 1), "tooltip": TOOLTIP}


def profile(shown: Panel, look: Look, section: str) -> list[Tile]:
    """Least, mean and greatest of the range over height: three columns of values, and three equal ones of heights,
    since the colour of a line is that of its y."""
    targets = []
    for number, one in enumerate(shown.series):
        field = name(one.name)
        items = [f"{how}({field}) AS {name(word + _VALUE)}" for word, (how, _) in _PROFILE.items()]
        items += [f"mean({field}) * 0 + {one.height or 0:g} AS {name(word)}" for word in _PROFILE]
        query = select(look, one.table, items, good=[one], every="")
        targets.append(target(look, one.bucket, query, number, form="table"))
    first = shown.series[0]
    built = panel(
        "xychart",
        shown.title,
        described(shown, look, "Least, mean and greatest value of the chosen range, over height.", how=""),
        targets,
        xy([(word + _VALUE, word, word) for word in _PROFILE]),
        transformations=[{"id": "merge", "options": {}}],
        unit=unit(first.unit),
        decimals=first.decimals,
        custom={"show": "points+lines", "pointSize": {"fixed": 6}, "lineWidth": 1, "axisLabel": first.sort.title},
        overrides=[
            override(word, unit=unit("m"), decimals=1, color=fixed(colour), custom_axisLabel="height")
            for word, (_, colour) in _PROFILE.items()
        ],
    )
    return [Tile(built, 12, 9, section)]


def rose(shown: Panel, look: Look, section: str) -> list[Tile]:
    """How often the wind comes from where, and how strongly."""
    speed, direction = shown.series
    field = name(direction.name)
    targets = []
    for number, sector in enumerate(_SECTORS):
        low, high = number * 45 - 22.5, number * 45 + 22.5
        within = f"({field} >= {low % 360} {'OR' if low < 0 else 'AND'} {field} < {high})"
        query = select(look, direction.table, [f"count({field})"], good=[direction], where=[within], every="")
        targets.append(target(look, direction.bucket, query, number, sector))
    often = panel(
        "bargauge",
        f"{shown.title}: where it comes from",
        described(shown, look, "How many rows of the chosen range had the wind from each of eight directions.", how=""),
        targets,
        {
            "displayMode": "basic",
            "valueMode": "color",
            "namePlacement": "left",
            "showUnfilled": True,
            "sizing": "auto",
            "minVizWidth": 8,
            "minVizHeight": 16,
            "maxVizHeight": 300,
            "orientation": "horizontal",
            "legend": legend((), False),
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        },
        unit="none",
        decimals=0,
        min=0,
        color=fixed(direction.colour),
    )
    if speed.table != direction.table:
        return [Tile(often, 10, 9, section)]
    every = shortest(look, [speed.table])
    query = select(
        look,
        speed.table,
        [f"last({field}) AS {name(direction.label)}", f"mean({name(speed.name)}) AS {name(speed.label)}"],
        good=shown.series,
        fill="none",
    )
    strong = scatter(
        f"{shown.title}: speed by direction",
        described(shown, look, "One point a window: its mean speed and its last direction.", how=""),
        look,
        direction,
        speed,
        every,
    )
    strong["targets"][0]["query"] = query
    return [Tile(often, 10, 9, section), Tile(strong, 14, 9, section)]


def depth(shown: Panel, look: Look, section: str) -> list[Tile]:
    """Depth over time, the surface above: the mean where several sensors share a depth."""
    placed: dict[float, list[Shown]] = {}
    for one in shown.series:
        placed.setdefault(one.depth or 0.0, []).append(one)
    targets = []
    for number, (_, members) in enumerate(sorted(placed.items(), reverse=True)):
        total = " + ".join(f"mean({name(one.name)})" for one in members)
        item = total if len(members) == 1 else f"({total}) / {len(members)}"
        query = select(look, members[0].table, [item], good=members)
        targets.append(target(look, members[0].bucket, query, number, _below(members[0].depth or 0.0)))
    first = shown.series[0]
    every = shortest(look, [one.table for one in shown.series])
    colours = {"celsius": ("RdYlBu", True)}.get(unit(first.unit), ("Blues", False))
    options: Json = {
        "calculate": False,
        "color": {"mode": "scheme", "scheme": colours[0], "fill": "dark-orange", "scale": "linear", "exponent": 0.5,
                  "steps": 64, "reverse": colours[1]},
        "cellGap": 0,
        "showValue": "never",
        "yAxis": {"axisPlacement": "left", "reverse": False, "axisLabel": "depth"},
        "rowsFrame": {"layout": "auto", "value": shown.title},
        "cellValues": {"unit": unit(first.unit), "decimals": first.decimals},
        "filterValues": {"le": -1e9},
        "legend": {"show": True},
        "tooltip": {"mode": "single", "yHistogram": False, "showColorScale": True},
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
    }  # fmt: skip
    words = f"{shown.description} The surface is above."
    built = panel(
        "heatmap",
        shown.title,
        described(shown, look, words, how="mean"),
        targets,
        options,
        interval=width(every) if every else "",
    )
    return [Tile(built, 12, 8, section)]


def _below(depth: float) -> str:
    """A depth as the name of a row: Grafana sorts rows by the numbers that their names begin with, upwards. [m]"""
    return f"{-round(100 * depth, 4) or 0:g} cm"


def fingerprint(shown: Panel, look: Look, section: str) -> list[Tile]:
    """A line a day, the newest above, a column an hour, on the station's clock: 30 days, whatever the range."""
    one = shown.series[0]
    item = f"mean({name(one.name)}) AS {name('value')}"
    query = select(look, one.table, [item], good=[one], every="1h", fill="none")
    built = panel(
        "table",
        shown.title,
        described(
            shown, look, f"{shown.description} Means of an hour, the newest 30 days, the last one above.", how=""
        ),
        [target(look, one.bucket, query, 0, form="table")],
        {"showHeader": True, "cellHeight": "sm", "frameIndex": 0},
        transformations=_days_by_hours(zone(look.site.zone)),
        timeFrom=MONTH,
        unit=unit(one.unit),
        decimals=one.decimals,
        color={"mode": scheme(one.unit)},
        custom={
            "align": "center",
            "inspect": False,
            "minWidth": 40,
            "cellOptions": {"type": "color-background", "mode": "basic"},
        },
        overrides=[
            override(
                "day\\hour", custom_width=100, custom_cellOptions={"type": "auto"}, unit="string", custom_align="left"
            )
        ],
    )
    return [Tile(built, 24, 10, section)]


def _days_by_hours(clock: str) -> list[Json]:
    """What makes a table of days and hours of one of times and values.

    The columns stand in the order in which hours come, so rows are sorted by the hour first. Grouping takes nothing
    together: it is there because a column that it makes has no title from the data source, which all hours would have.
    """
    grouped: Json = {word: {"operation": "groupby", "aggregations": []} for word in ("day", "hour")}
    grouped["value"] = {"operation": "aggregate", "aggregations": ["lastNotNull"]}
    told = {"targetField": "Time", "destinationType": "string", "dateFormat": "[day=]YYYY-MM-DD [hour=]HH"}
    matrix = {"rowField": "day", "columnField": "hour", "valueField": "value (lastNotNull)", "emptyValue": "null"}
    chain: tuple[tuple[str, Json], ...] = (
        ("convertFieldType", {"fields": {}, "conversions": [{**told, "timezone": clock}]}),
        ("extractFields", {"source": "Time", "format": "kvp", "replace": False}),
        ("sortBy", {"fields": {}, "sort": [{"field": "hour"}]}),
        ("groupBy", {"fields": grouped}),
        ("groupingToMatrix", matrix),
        ("sortBy", {"fields": {}, "sort": [{"field": "day\\hour", "desc": True}]}),
    )
    return [{"id": each, "options": options} for each, options in chain]


def balance(shown: Panel, look: Look, section: str) -> list[Tile]:
    """What goes in and out beside what is left, for radiation or energy."""
    parts = {one.sort.variable: one for one in shown.series}
    radiation = "SW_IN" in parts or "LW_IN" in parts
    sides = _radiation(parts) if radiation else _energy(parts)
    row = shown.series[0].table
    every = shortest(look, rows_of(shown.series))
    targets, overrides = [], []
    for number, (label, words, colour) in enumerate(sides):
        used = [one for one in parts.values() if name(one.name) in words]
        targets.append(target(look, row[0], select(look, row, [words], good=used), number, label))
        overrides.append(override(label, color=fixed(colour)))
    built = panel(
        "timeseries",
        shown.title,
        described(shown, look, how="mean"),
        targets,
        {"legend": legend(("lastNotNull", "min", "max", "mean")), "tooltip": TOOLTIP},
        unit=unit(shown.series[0].unit),
        decimals=shown.series[0].decimals,
        interval=width(every) if every else "",
        custom={"lineWidth": 1, "spanNulls": False, "showPoints": "auto", "fillOpacity": 0},
        overrides=overrides,
    )
    return [Tile(built, 12, 9, section), *([] if radiation else [_closure(shown, look, section, sides, every)])]


def _closure(
    shown: Panel, look: Look, section: str, sides: Sequence[tuple[str, str, str]], every: float | None
) -> Tile:
    """The turbulent fluxes against the available energy."""
    (across, x, _), (up, y, colour) = sides
    items = [f"{x} AS {name(across)}", f"{y} AS {name(up)}"]
    query = select(look, shown.series[0].table, items, good=shown.series, fill="none")
    built = panel(
        "xychart",
        f"{shown.title}: closure",
        f"{up} against {across}, a point a window. Closed: on the diagonal.",
        [target(look, shown.series[0].bucket, query, 0, form="table")],
        xy([(across, up, up)]),
        custom={"show": "points", "pointSize": {"fixed": 4}, "fillOpacity": 50},
        interval=width(every) if every else "",
        maxDataPoints=500,
        unit=unit(shown.series[0].unit),
        decimals=0,
        overrides=[override(label, color=fixed(colour), custom_axisLabel=label) for label in (across, up)],
    )
    return Tile(built, 12, 9, section)


def _terms(parts: dict[str, Shown], signs: dict[str, str]) -> str:
    """mean("a") - mean("b") of the parts that are there."""
    words = " ".join(f"{sign} mean({name(parts[one].name)})" for one, sign in signs.items() if one in parts)
    return words.removeprefix("+ ") if not words.startswith("- ") else f"0 {words}"


def _radiation(parts: dict[str, Shown]) -> list[tuple[str, str, str]]:
    signs = {"SW_IN": "+", "SW_OUT": "-", "LW_IN": "+", "LW_OUT": "-"}
    found = [("incoming minus outgoing", _terms(parts, signs), "#c58300")]
    return [*found, ("net radiation, measured", _terms(parts, {"NETRAD": "+"}), "#2f80c8")]


def _energy(parts: dict[str, Shown]) -> list[tuple[str, str, str]]:
    available = "net radiation" + (" minus soil heat flux" if "G" in parts else "")
    return [
        (available, _terms(parts, {"NETRAD": "+", "G": "-"}), "#2f80c8"),
        ("H + LE", _terms(parts, {"H": "+", "LE": "+"}), "#d6322d"),
    ]


def day_offset(look: Look) -> str:
    """How far the station's day begins after that of UTC, for GROUP BY time(1d, ...)."""
    late = -seconds_east(look.site.zone) % (24 * _HOUR)
    return f", {width(late)}" if late else ""
