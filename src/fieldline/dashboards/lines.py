"""Series over time: lines with a band from least to greatest, points for directions, bars for precipitation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..groups import Panel, Shown
from .frame import FAIL, SUSPECT, TOOLTIP, Json, Tile, fixed, legend, overall, override, panel, steps
from .queries import Look, alias, name, select, target, width
from .site import Row
from .units import unit

BANDS = 4  # lines in a panel that have room for a band each: twelve series in all
_DASHES = ([10, 6], [3, 5], [14, 5, 3, 5], [20, 8])
MONTH = "30d"  # what panels show that a day says nothing to, while the range is one up to now
_SELDOM = 12 * 3600  # [s] rows so far apart are two in a day
_SPANS = 2.5  # a line goes on over a gap of as many intervals; it is one row that lacks, seen in windows that don't fit


def chosen(look: Look, one: Shown) -> str:
    """The function that a window of this field becomes: what people choose, where that means anything."""
    if one.kind == "boolean" or one.direction:
        return "last"  # a mean of directions around north points south, and InfluxQL has none of vectors
    if one.total:
        return "sum"
    if one.sort.family in ("DIAG", "GRADE"):
        return "max"
    return {"Max": "max", "Min": "min"}.get(one.at.word, look.agg)


def lines(shown: Panel, look: Look, section: str) -> Tile:
    """A panel of the layout as lines over time."""
    series = shown.series
    several = any(look.site.telling(one.table) for one in series)
    banded = len(series) <= BANDS and not several and all(chosen(look, one) == look.agg for one in series)
    targets, overrides = [], []
    quickest = shortest(look, [one.table for one in series])
    for number, one in enumerate(series):
        targets.append(_target(look, one, number, banded, len(series) == 1))
        overrides += _overrides(look, one, number, banded, quickest)
    defaults = _defaults(shown)
    if any(one.sort.family == "P" and one.total for one in series):
        defaults["custom"] |= {"drawStyle": "bars", "fillOpacity": 60}
    elif all(one.direction for one in series):
        defaults["custom"] |= {"drawStyle": "points", "pointSize": 3}
        defaults |= {"min": 0, "max": 360}
    built = panel(
        "timeseries",
        shown.title,
        described(shown, look),
        targets,
        {"legend": legend(), "tooltip": TOOLTIP},
        overrides=overrides,
        interval=width(quickest) if quickest else "",
        timeFrom=MONTH if quickest and quickest >= _SELDOM else "",
        **defaults,
    )
    wide = len(series) > 6
    return Tile(built, 24 if wide else 12, 10 if wide or several else 8, section)


def shortest(look: Look, rows: Sequence[Row]) -> float | None:
    """The shortest interval of these tables, if one is known. [s]"""
    return min(filter(None, (look.site.interval(row) for row in rows)), default=None)


def _target(look: Look, one: Shown, number: int, banded: bool, alone: bool) -> Json:
    field, function = name(one.name), chosen(look, one)
    if not banded:
        query = select(look, one.table, [f"{function}({field})"], good=[one], apart=True)
        return target(look, one.bucket, query, number, alias(look, one, alone))
    items = [f"{how}({field}) AS {name(label)}" for how, label in zip((function, "min", "max"), band(one), strict=True)]
    return target(look, one.bucket, select(look, one.table, items, good=[one], apart=True), number, "$col")


def band(one: Shown) -> tuple[str, str, str]:
    """What the line, its lower and its upper bound are called."""
    return one.label, f"{one.label}, least", f"{one.label}, greatest"


def _overrides(look: Look, one: Shown, number: int, banded: bool, quickest: float | None) -> list[Json]:
    own: dict[str, object] = {"color": fixed(one.colour)}
    if one.dash:
        own["custom_lineStyle"] = {"fill": "dash", "dash": _DASHES[(one.dash - 1) % len(_DASHES)]}
    span = spanned(look, one.table, quickest)
    if span:
        own["custom_spanNulls"] = span
    if look.site.telling(one.table):
        return [overall(number, custom_spanNulls=span)] if span else []  # each series has a colour of its own
    if not banded:
        return [override(one.label, **own)]
    _, least, greatest = band(one)
    edge = {
        "color": fixed(one.colour),
        "custom_lineWidth": 0,
        "custom_showPoints": "never",
        "custom_hideFrom": {"legend": True, "tooltip": True, "viz": False},
        **({"custom_spanNulls": span} if span else {}),
    }
    fill = {"custom_fillBelowTo": least, "custom_fillOpacity": 12}
    return [override(one.label, **own), override(least, **edge), override(greatest, **edge, **fill)]


def spanned(look: Look, row: Row, quickest: float | None) -> int:
    """How long a gap may be in a line that has fewer rows than the panel has windows; 0: not at all. [ms]"""
    mine = look.site.interval(row)
    if mine is None:
        return 2 * 3600 * 1000
    return 0 if mine == quickest else round(mine * _SPANS * 1000)


def _defaults(shown: Panel) -> dict[str, Any]:
    one = shown.series[0]
    custom: Json = {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 0,
        "showPoints": "auto",
        "pointSize": 4,
        "spanNulls": False,
        "axisLabel": "",
    }
    found: dict[str, Any] = {
        "unit": unit(one.unit),
        "decimals": max(one.decimals for one in shown.series),
        "custom": custom,
    }
    if shown.thresholds:
        found["thresholds"] = limits(shown)
        custom["thresholdsStyle"] = {"mode": "dashed"}
    return found


def limits(shown: Panel) -> Json:
    """The limits of the checks as dashed lines."""
    colours = {3: SUSPECT, 4: FAIL}
    unique = {one.value: colours[one.flag] for one in sorted(shown.thresholds, key=lambda one: one.flag)}
    return steps((None, "transparent"), *sorted(unique.items()))


def described(shown: Panel, look: Look, words: str = "", how: str | None = None) -> str:
    """What a panel shows, for its corner: each series with field, place, instrument, table, interval and averaging.

    Args:
        words: instead of the description that the layout has.
        how: what a window becomes in a picture that is no lines over time; '': it has none. None: as lines have it.
    """
    parts = [words or shown.description]
    for one in shown.series:
        every = look.site.interval(one.table)
        where = f"{one.station} {one.measurement}".strip() + (f", every {width(every)}" if every else "")
        window = _how(look, one) if how is None else how
        by = f" ({one.instrument})" if one.instrument else ""
        tags = look.site.telling(one.table)
        crowd = look.site.crowd(one.table)
        each = f", {crowd:,} series together" if crowd else f", one for each {', '.join(tags)}" if tags else ""
        said = f"{where}{each}{window and '; each window: ' + window}"
        parts.append(f"- {one.label}: `{one.name}`{by} of {said}{_judged(one)}")
    if shown.thresholds and how is None:
        parts.append("Dashed lines: limits of the checks; yellow: suspect beyond, red: fails beyond.")
    return "\n".join(parts)


def _how(look: Look, one: Shown) -> str:
    """What a window becomes, in words."""
    if one.direction:
        return "the last value, whatever is chosen above: a mean across north would point south"
    function = chosen(look, one)
    return "as chosen above (a mean, if nothing is)" if function == "$agg" else function


def _judged(one: Shown) -> str:
    low, high = one.limits
    if low is None and high is None:
        return ""
    return f"; fails outside {'' if low is None else f'{low:g}'} to {'' if high is None else f'{high:g}'}"
