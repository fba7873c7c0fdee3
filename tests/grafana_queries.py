"""The questions that Grafana sends for a dashboard: its macros and variables expanded as Grafana does it.

Source: pkg/tsdb/influxdb/influxql of Grafana 10 to 12 ($timeFilter, $__interval), and its rounding of intervals.
"""

import json
import re

from grafana_schemas import panels

MINUTE = 60_000
POINTS = 800  # of a panel, about its width in pixels
UNITS = {"ms": 1, "s": 1000, "m": MINUTE, "h": 60 * MINUTE, "d": 1440 * MINUTE}
NICE = [10, 20, 50, 100, 200, 500, *(s * 1000 for s in (1, 2, 5, 10, 15, 20, 30)),
        *(m * MINUTE for m in (1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 360, 720, 1440, 10080))]  # fmt: skip


def milliseconds(text):
    """A length of time such as 30m or 1d. [ms]"""
    number, unit = re.fullmatch(r"(\d+)(ms|s|m|h|d)", text).groups()
    return int(number) * UNITS[unit]


def words(length):
    """A length [ms] as Grafana writes it."""
    for unit in ("d", "h", "m", "s"):
        if length % UNITS[unit] == 0:
            return f"{length // UNITS[unit]}{unit}"
    return f"{length}ms"


def interval(span, panel):
    """The width of a window. [ms]"""
    wanted = span / panel.get("maxDataPoints", POINTS)
    least = milliseconds(panel["interval"]) if panel.get("interval") else 1
    return max(least, next((nice for nice in NICE if nice >= wanted), NICE[-1]))


def chosen(dashboard, **others):
    """What the variables of a dashboard are: as it is opened, unless told otherwise."""
    found = {one["name"]: one["current"]["value"] for one in dashboard["templating"]["list"]}
    return found | {name: value for name, value in others.items() if name in found}


def expanded(text, values, span, until, every="1m"):
    """A question without macros and variables. span, until: the range [ms]; until since 1970."""
    found = text.replace("$timeFilter", f"time >= {until - span}ms and time <= {until}ms")
    found = found.replace("$__interval", every)
    for name, value in values.items():
        found = found.replace(f"${{{name}:singlequote}}", "'" + value.replace("'", "\\'") + "'")
        found = re.sub(rf"\$\{{{name}\}}|\${name}\b", lambda _, value=value: value, found)
    return re.sub(r"now\(\) - (\d+(?:ms|s|m|h|d))", lambda m: f"{until - milliseconds(m[1])}ms", found)


def questions(dashboard, until, span=None, **others):
    """(panel, target, data source, question) for each target of each panel, annotation and variable."""
    values = chosen(dashboard, **others)
    own = milliseconds(dashboard["time"]["from"].removeprefix("now-"))
    for panel in panels(dashboard):
        range_ms = milliseconds(panel["timeFrom"]) if panel.get("timeFrom") else span or own
        every = words(interval(range_ms, panel))
        for target in panel.get("targets", ()):
            query = expanded(target["query"], values, range_ms, until, every)
            yield panel, target, expanded(target["datasource"]["uid"], values, 1, until), query
    for one in dashboard["annotations"]["list"]:
        if "target" in one:
            query = expanded(one["target"]["query"], values, span or own, until)
            yield (
                {"title": one["name"], "type": "annotation"},
                one["target"],
                expanded(one["datasource"]["uid"], values, 1, until),
                query,
            )
    for one in dashboard["templating"]["list"]:
        if one["type"] == "query":
            yield (
                {"title": one["name"], "type": "variable"},
                one,
                expanded(one["datasource"]["uid"], values, 1, until),
                one["query"],
            )


def left(question):
    """What is left of macros and variables in a question: nothing, if all were known."""
    return re.findall(r"\$\w+|\$\{[^}]*\}|\[\[", question)


def loaded(text):
    """A dashboard from its file."""
    return json.loads(text)
