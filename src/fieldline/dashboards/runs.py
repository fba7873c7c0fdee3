"""The software watching itself: what became of each run, from the measurement `runs`."""

from __future__ import annotations

from collections.abc import Sequence

from .frame import FAIL, GOOD, GREY, MISSING, SUSPECT, TOOLTIP, Json, Tile, fixed, legend, mapping, override, panel
from .overview import COUNTS, evenly, now, of_runs
from .queries import Look, name, target

_COLOURS = dict(zip(COUNTS, (GOOD, GREY, SUSPECT, FAIL, MISSING), strict=True))
_BLUE, _GREEN, _ORANGE, _RED, _VIOLET = "#2f80c8", "#009e73", "#c58300", "#d6322d", "#8a6fd1"


def runs(look: Look) -> list[Tile]:
    """The tiles of the dashboard about the runs."""
    tiles = evenly(list(now(look)))
    read = (("read", "rows read", _BLUE), ("written", "rows written", _GREEN))
    lost = (
        ("quarantined", "quarantined", _RED),
        ("duplicates", "came twice", _GREY_BLUE),
        ("missing", "missing", _VIOLET),
        ("late", "late", _ORANGE),
        ("set_back", "clock set back", "#b9509a"),
    )
    tiles.append(_counts(look, "Rows", "Rows that the runs of each window read and wrote.", read))
    tiles.append(_counts(look, "Rows that were not as they should be", "Of the rows that were read.", lost))
    tiles.append(_seconds(look))
    flags = [(f"values_{one}", one.replace("_", " "), colour) for one, colour in _COLOURS.items()]
    words = "What the checks said of the values that were read."
    tiles.append(_counts(look, "Values by flag", words, flags, stacked=True))
    if look.site.outbox:
        sent = (("delivered", "delivered", _GREEN), ("refused", "refused for good", _RED))
        tiles.append(_counts(look, "Deliveries", "Rows that the server took, and that it refused for good.", sent))
        tiles.append(_waiting(look))
    return [*tiles, _failures(look)]


_GREY_BLUE = "#4b93a8"


def _counts(look: Look, title: str, words: str, fields: Sequence[tuple[str, str, str]], stacked: bool = False) -> Tile:
    """Sums over the runs of each window, as bars."""
    targets = [
        target(look, look.site.runs, of_runs(look, [f"sum({name(field)})"], fill="none"), number, label)
        for number, (field, label, _) in enumerate(fields)
    ]
    custom: Json = {"drawStyle": "bars", "fillOpacity": 70, "lineWidth": 0, "spanNulls": False}
    if stacked:
        custom["stacking"] = {"mode": "percent", "group": "A"}
    built = panel(
        "timeseries",
        title,
        words,
        targets,
        {"legend": legend(("sum", "max")), "tooltip": TOOLTIP},
        unit="locale" if not stacked else "none",
        decimals=0,
        custom=custom,
        interval=f"{look.site.every_minutes}m",
        overrides=[override(label, color=fixed(colour)) for _, label, colour in fields],
    )
    return Tile(built, 12, 8, "Runs")


def _seconds(look: Look) -> Tile:
    items = [f"mean({name('seconds')}) AS {name('mean')}", f"max({name('seconds')}) AS {name('longest')}"]
    built = panel(
        "timeseries",
        "How long jobs take",
        "Mean and longest of each window; a run that takes longer than the pause between runs comes late.",
        [target(look, look.site.runs, of_runs(look, items, fill="none"), 0, "$col")],
        {"legend": legend(("mean", "max")), "tooltip": TOOLTIP},
        unit="s",
        decimals=2,
        custom={"drawStyle": "line", "showPoints": "always", "pointSize": 3, "spanNulls": False, "lineWidth": 1},
        interval=f"{look.site.every_minutes}m",
        overrides=[override("mean", color=fixed(_BLUE)), override("longest", color=fixed(_ORANGE))],
    )
    return Tile(built, 12, 8, "Runs")


def _waiting(look: Look) -> Tile:
    query = of_runs(look, [f"max({name('waiting')})"])
    built = panel(
        "timeseries",
        "Rows that wait",
        "The most that waited in each window for the server to take them.",
        [target(look, look.site.runs, query, 0, "waiting")],
        {"legend": legend(), "tooltip": TOOLTIP},
        unit="locale",
        decimals=0,
        custom={"drawStyle": "line", "lineWidth": 1, "fillOpacity": 20, "spanNulls": False, "showPoints": "auto"},
        interval=f"{look.site.every_minutes}m",
        overrides=[override("waiting", color=fixed(_ORANGE))],
    )
    return Tile(built, 12, 8, "Runs")


def _failures(look: Look) -> Tile:
    items = [name(one) for one in ("job", "ok", "seconds", "message")]
    query = of_runs(look, items, every="", where=[f"{name('ok')} = false"], end="ORDER BY time DESC LIMIT 50")
    built = panel(
        "table",
        "Failed jobs",
        "The newest 50 of the chosen range: which job, and what it said.",
        [target(look, look.site.runs, query, 0, form="table")],
        {"showHeader": True, "cellHeight": "sm", "frameIndex": 0},
        noValue="none failed",
        custom={"align": "left", "inspect": True},
        overrides=[
            override("ok", mappings=mapping({"false": ("failed", FAIL), "true": ("done", GOOD)})),
            override("message", custom_minWidth=500),
        ],
    )
    return Tile(built, 24, 9, "Failures")
