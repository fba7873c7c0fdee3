"""Bands over time: flags, diagnostic words by the names of their bits, grades, and days with all their rows."""

from __future__ import annotations

import itertools

from ..groups import Panel, Shown
from ..quality.diagnostics import SENSORS, Sensor
from .frame import (
    FAIL,
    GOOD,
    GREY,
    MISSING,
    SUSPECT,
    TOOLTIP,
    Json,
    Tile,
    legend,
    mapping,
    overall,
    override,
    panel,
    steps,
)
from .lines import MONTH, described, lines, shortest, spanned
from .pictures import day_offset
from .queries import DAY, Look, alias, name, select, target, width

FLAGS = {"1": ("good", GOOD), "2": ("not evaluated", GREY), "3": ("suspect", SUSPECT), "4": ("fail", FAIL),
         "9": ("missing", MISSING)}  # fmt: skip
_GRADES = {"0": ("best", GOOD), "1": ("good", "#7d8a2e"), "2": ("poor", SUSPECT)}
_PAIRED = 9  # bits of which two at a time are named too


def _timeline(height: float = 0.9, values: str = "never") -> Json:
    return {
        "showValue": values,
        "rowHeight": height,
        "mergeValues": True,
        "alignValue": "left",
        "legend": {**legend(()), "displayMode": "list"},
        "tooltip": TOOLTIP,
    }


def flags(shown: Panel, look: Look, section: str) -> list[Tile]:
    """The worst flag of each window; nothing where values are missing."""
    series = [one for one in shown.series if one.kind != "boolean"]
    quickest = shortest(look, [one.table for one in series])
    targets, overrides = [], []
    for number, one in enumerate(series):
        flag = name(f"{one.name.removesuffix('_corrected')}_qc")
        measurement = look.flags_of(one.table)
        query = select(look, one.table, [f"max({flag})"], where=[f"{flag} < 9"], measurement=measurement, apart=True)
        targets.append(target(look, one.bucket, query, number, alias(look, one)))
        if span := spanned(look, one.table, quickest):
            overrides.append(_spanning(look, one, number, span))
    words = "The worst flag of each window: good, not evaluated, suspect or fail. No band: no value."
    words = described(shown, look, words, how="")
    built = panel(
        "state-timeline",
        shown.title,
        words,
        targets,
        _timeline(),
        mappings=mapping(FLAGS),
        color={"mode": "thresholds"},
        thresholds=steps((None, GREY)),
        custom={"fillOpacity": 80, "lineWidth": 0, "spanNulls": False},
        interval=width(quickest) if quickest else "",
        overrides=overrides,
    )
    return [Tile(built, 24, 3 + len(series), section)]


def _spanning(look: Look, one: Shown, number: int, span: int) -> Json:
    """How long a gap may be in the band of a series, or of all series of a question."""
    if look.site.telling(one.table):
        return overall(number, custom_spanNulls=span)
    return override(one.label, custom_spanNulls=span)


def diagnostics(shown: Panel, look: Look, section: str) -> list[Tile]:
    """Diagnostic words by the names of their bits, or grades."""
    series = [one for one in shown.series if one.kind != "boolean"]
    if not series:
        return [lines(shown, look, section)]
    quickest = shortest(look, [one.table for one in series])
    targets, overrides, words = [], [], []
    for number, one in enumerate(series):
        query = select(look, one.table, [f"max({name(one.name)})"], good=[one], apart=True)
        targets.append(target(look, one.bucket, query, number, alias(look, one)))
        kind, known = _meaning(look, one)
        own: dict[str, object] = {"mappings": mapping(known)}
        if span := spanned(look, one.table, quickest):
            own["custom_spanNulls"] = span
        mine = overall(number, **own) if look.site.telling(one.table) else override(one.label, **own)
        overrides.append(mine)
        words.append(f"{one.label}: {kind}.")
    built = panel(
        "state-timeline",
        shown.title,
        described(shown, look, "The highest word of each window. " + " ".join(words), how=""),
        targets,
        _timeline(values="auto"),
        color={"mode": "thresholds"},
        thresholds=steps((None, GOOD), (1, SUSPECT)),
        decimals=0,
        custom={"fillOpacity": 80, "lineWidth": 0, "spanNulls": False},
        interval=width(quickest) if quickest else "",
        overrides=overrides,
    )
    return [Tile(built, 24, 4 + len(series), section)]


def _meaning(look: Look, one: Shown) -> tuple[str, dict[str, tuple[str, str]]]:
    """What the numbers of a word mean: as its check says; a grade; else only that 0 is well."""
    if one.sort.family == "GRADE":
        return "0 is best (0 to 2) or 1 (1 to 9)", _GRADES
    for table in look.site.tables:
        for column in table.columns.values():
            if (table.bucket, table.measurement, column.name) == (one.bucket, one.measurement, one.name):
                for check in column.checks:
                    if check.name == "diagnostic":
                        sensor = str(check.parameters["sensor"])
                        return f"bits of {sensor}", words_of(SENSORS[sensor])
    return "0 is well; declare `diagnostic(sensor)` for the names of the bits", {"0": ("well", GOOD)}


def words_of(sensor: Sensor) -> dict[str, tuple[str, str]]:
    """The words of a sensor: all is well, what is special, each bit alone, and two at a time where bits are few."""
    found = {str(sensor.required): ("well", GOOD)}
    found |= {str(word): (text, FAIL) for word, text in sensor.special.items()}
    most = 2 if len(sensor.bits) <= _PAIRED else 1
    for count in range(1, most + 1):
        for bits in itertools.combinations(sorted(sensor.bits), count):
            mask = sum(1 << bit for bit in bits)
            warns = not (mask & sensor.fail or mask & sensor.required)
            text = ", ".join(sensor.bits[bit] for bit in bits)
            found.setdefault(str(sensor.required ^ mask), (text, SUSPECT if warns else FAIL))
    return found


def missing(shown: Panel, look: Look, section: str) -> list[Tile]:
    """The share of the rows of each day, for every table whose interval is known."""
    plain = [one for one in shown.series if not look.site.crowd(one.table)]
    known = [(one, every) for one in plain if (every := look.site.interval(one.table))]
    if not known:
        return []
    targets = []
    for number, (one, every) in enumerate(known):
        field = name(look.site.counter(one.table))
        item = f"count({field}) * 100.0 / {DAY / every:g}"
        query = select(look, one.table, [item], every=f"1d{day_offset(look)}", fill="0", apart=True)
        targets.append(target(look, one.bucket, query, number, alias(look, one)))
    built = panel(
        "status-history",
        f"{shown.title}, day by day",
        "The share of the rows that each day should have, on the station's clock, for the newest 30 days. "
        "The first of them and today are not whole days, so they have less.",
        targets,
        {
            "showValue": "never",
            "rowHeight": 0.9,
            "colWidth": 0.95,
            "legend": {**legend(()), "displayMode": "list"},
            "tooltip": TOOLTIP,
        },
        unit="percent",
        decimals=1,
        min=0,
        max=100,
        color={"mode": "thresholds"},
        thresholds=steps((None, FAIL), (1, "#c58300"), (90, SUSPECT), (99, GOOD)),
        custom={"fillOpacity": 85, "lineWidth": 0},
        timeFrom=MONTH,
    )
    return [Tile(built, 24, 4 + len(known), section)]
