"""When Grafana calls: rules for silence, batteries, failed flags, stuck sensors, waiting rows and failed runs.

The rules stand as Grafana's API takes them; `groups` gives the same ones as files for provisioning have them. Alerts
take no variables, so data sources and stations are written out. A message leads to the panel that shows the trouble.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..groups import Layout, Shown
from . import overview as first
from .frame import Json, arranged
from .names import uid
from .queries import Look, name, select, target, width
from .runs import runs
from .site import RUNS, Site, title_of

GROUP_SECONDS = 60
_PENDING = "5m"  # how long something must be so before anybody is told
_HOUR = 3600
_FAILED_SPAN = 6 * _HOUR
_BATTERY_SPAN = _HOUR
_NOW = '{{ printf "%.4g" $values.B.Value }}'  # what a message says of the value that was compared
_LONGEST_TITLE = 190  # that Grafana takes
_FEWEST = 10  # values that a stuck sensor must have sent


def folder(site: Site) -> tuple[str, str]:
    """The uid and the title of the folder of dashboards and rules."""
    return uid(site.grafana.folder), site.grafana.folder


def rules(site: Site) -> list[Json]:
    """All rules, as POST /api/v1/provisioning/alert-rules takes them."""
    found: list[Json] = []
    for station in site.stations:
        layout, look = site.of(station), Look(site, station, variables=False)
        overview = arranged(first.overview(layout, Look(site, station)))
        told = [*_silent(look, layout), *_batteries(look, layout)]
        found += _leading(told, site.part(station, "overview"), overview)
        found += _stuck(look, layout)
    own = _of_runs(Look(site, "", variables=False))
    return [*found, *_leading(own, site.part("", RUNS), arranged(runs(Look(site, ""))))]


def _leading(found: Iterable[tuple[str, Json]], dashboard: str, panels: Sequence[Json]) -> Iterator[Json]:
    """Rules whose messages lead to a panel of a dashboard, each with the title of its panel before."""
    for title, rule in found:
        whole = f"{title}. "  # stands before the description where the title had to be cut
        number = next(
            one["id"] for one in panels if title == one["title"] or one.get("description", "").startswith(whole)
        )
        place = {"__dashboardUid__": dashboard, "__panelId__": str(number)}
        yield {**rule, "annotations": {**rule["annotations"], **place}}


def groups(site: Site) -> list[Json]:
    """The same rules, as a file for provisioning has them: one group a station, one for the runs."""
    found: dict[str, list[Json]] = {}
    for rule in rules(site):
        kept = {key: value for key, value in rule.items() if key not in ("folderUID", "orgID", "ruleGroup")}
        found.setdefault(rule["ruleGroup"], []).append(kept)
    interval = width(GROUP_SECONDS)
    return [
        {"orgId": 1, "name": group, "folder": folder(site)[1], "interval": interval, "rules": mine}
        for group, mine in found.items()
    ]


def contact_points(site: Site) -> list[Json]:
    """Who is told, as POST /api/v1/provisioning/contact-points takes it; none without an address."""
    if not site.grafana.email:
        return []
    settings = {"addresses": site.grafana.email, "singleEmail": True}
    own = {"uid": site.source(site.runs), "name": site.of_runs}
    return [{**own, "type": "email", "settings": settings, "disableResolveMessage": False}]


def _silent(look: Look, layout: Layout) -> Iterator[tuple[str, Json]]:
    """No row of a table for as long as configured, and for three of its intervals."""
    minutes = look.site.grafana.alerts.no_data_minutes
    for row in first.tables(layout) if minutes else ():
        table = first.called(layout, row)
        span = max(minutes * 60, 3 * (look.site.interval(row) or 0))
        query = select(look, row, [f"count({name(look.site.counter(row))})"], every="")
        asked = [_asked(look, row[0], query, span, 0), _last("B", "A"), _threshold("C", "B", "lt", 1)]
        text = f"No row of {table} came for {width(span)}."
        more = "Is the logger on, LoggerNet collecting, the computer on? `fieldline doctor` tells."
        rule = _rule(look, "no-data", table, f"{table}: no data", asked, text, more, silent="Alerting")
        yield first.age_title(layout, row), rule


def _batteries(look: Look, layout: Layout) -> Iterator[tuple[str, Json]]:
    volts = look.site.grafana.alerts.battery_volts
    for one in first.battery(layout) if volts else ():
        panel = first.battery_title(layout, one)
        span = max(_BATTERY_SPAN, 3 * (look.site.interval(one.table) or 0))
        query = select(look, one.table, [f"mean({name(one.name)})"], every="", apart=True)
        asked = [_asked(look, one.bucket, query, span, 0), _last("B", "A"), _threshold("C", "B", "lt", volts)]
        table, more = first.called(layout, one.table), "Look at charger and load."
        text = f"{one.name} of {table} is {_NOW} V, below {volts:g} V, as a mean of {width(span)}."
        yield panel, _rule(look, "battery", f"{table} {one.name}", f"{panel}: low", asked, text, more)


def _stuck(look: Look, layout: Layout) -> Iterator[Json]:
    """Sensors that have a check for it: all values alike for as long as the check fails them."""
    if not look.site.grafana.alerts.stuck:
        return
    for one in (field for table in layout.tables for field in table.fields):
        given = _flat_line(look.site, one)
        if given is None:
            continue
        span = float(given.get("fail_seconds") or given["suspect_seconds"])
        tolerance = float(given.get("tolerance") or 0)
        spread = select(look, one.table, [f"spread({name(one.name)})"], every="", apart=True)
        count = select(look, one.table, [f"count({name(one.name)})"], every="", apart=True)
        asked = [
            *(_asked(look, one.bucket, spread, span, 0), _asked(look, one.bucket, count, span, 1)),
            *(_last("C", "A"), _last("D", "B")),
            _expression("E", {"type": "math", "expression": f"$C <= {tolerance:g} && $D >= {_FEWEST}"}),
        ]
        table = first.called(layout, one.table)
        text = f"{one.name} of {table} has not changed for {width(span)}."
        yield _rule(
            look,
            "stuck",
            f"{table} {one.name}",
            f"{table} {one.name}: stuck",
            asked,
            text,
            "Look at the sensor and its cable.",
        )


def _flat_line(site: Site, one: Shown) -> Mapping[str, Any] | None:
    """The parameters of the check `flat_line` that is declared for a field."""
    for table in site.tables:
        if (table.bucket, table.measurement) != (one.bucket, one.measurement):
            continue
        for column in table.columns.values():
            if column.name == one.name:
                return next((check.parameters for check in column.checks if check.name == "flat_line"), None)
    return None


def _of_runs(look: Look) -> Iterator[tuple[str, Json]]:
    """What the program tells of itself."""
    given, bucket = look.site.grafana.alerts, look.site.runs
    if given.failed_percent:
        judged = " + ".join(f"sum({name('values_' + one)})" for one in ("good", "suspect", "fail"))
        query = first.of_runs(look, [f"sum({name('values_fail')}) * 100.0 / ({judged})"], every="")
        asked = [
            _asked(look, bucket, query, _FAILED_SPAN, 0),
            _last("B", "A"),
            _threshold("C", "B", "gt", given.failed_percent),
        ]
        span, most = width(_FAILED_SPAN), f"{given.failed_percent:g} %"
        text = f"{_NOW} % of the values of the last {span} failed a check, more than {most}."
        more = "The dashboards of quality and completeness show which ones."
        yield "Values by flag", _rule(look, "flags", "", "Many values fail", asked, text, more)
    if given.failed_runs:
        query = first.of_runs(look, [f"count({name('ok')})"], every="", where=[f"{name('ok')} = false"])
        asked = [
            _asked(look, bucket, query, _HOUR, 0),
            _last("B", "A"),
            _threshold("C", "B", "gt", given.failed_runs - 0.5),
        ]
        text = f"{given.failed_runs} or more jobs failed within an hour."
        yield "Failed jobs", _rule(look, "runs", "", "Runs fail", asked, text, "This panel has their messages.")
    if given.waiting_rows and look.site.outbox:
        query = first.of_runs(look, [f"last({name('waiting')})"], every="")
        asked = [_asked(look, bucket, query, _HOUR, 0), _last("B", "A"), _threshold("C", "B", "gt", given.waiting_rows)]
        text = f"{_NOW} rows wait for the server, more than {given.waiting_rows:,}."
        more = "Nothing is lost; `fieldline outbox` tells why they wait."
        yield "Rows that wait", _rule(look, "outbox", "", "Rows wait", asked, text, more)


def _rule(
    look: Look, kind: str, what: str, title: str, asked: Sequence[Json], text: str, more: str, silent: str = "OK"
) -> Json:
    """A rule. what: '' for one of the program itself. silent: what it is while nothing answers."""
    site, station = look.site, title_of(look.station) if what else RUNS
    bucket = site.bucket(site.runs)
    labels = {"source": site.grafana.source, "station": station, "kind": kind}
    found: Json = {
        "uid": site.uid(station, kind, what) if what else site.uid(bucket, RUNS, kind),
        "title": (f"{site.called(look.station)} {title}" if what else f"{site.of_runs}: {title}")[:_LONGEST_TITLE],
        "orgID": 1,
        "folderUID": folder(site)[0],
        "ruleGroup": f"{site.grafana.source} {station}" if what else f"{site.of_runs} {RUNS}",
        "condition": asked[-1]["refId"],
        "data": list(asked),
        "for": _PENDING,
        "noDataState": silent,
        "execErrState": "Error",
        "isPaused": False,
        "labels": labels if what else {**labels, "bucket": bucket},
        "annotations": {
            "summary": f"{site.called(look.station) if what else site.of_runs}: {text}",
            "description": more,
        },
    }
    if site.grafana.email:
        found["notification_settings"] = {"receiver": site.of_runs}
    return found


def _asked(look: Look, bucket: str, query: str, span: float, number: int) -> Json:
    """A question over the last `span` seconds."""
    model = target(look, bucket, query, number)
    return {
        "refId": model["refId"],
        "datasourceUid": model["datasource"]["uid"],
        "relativeTimeRange": {"from": round(span), "to": 0},
        "model": {**model, "intervalMs": 60_000, "maxDataPoints": 43_200},
    }


def _expression(letter: str, model: Json) -> Json:
    own = {
        "refId": letter,
        "datasource": {"type": "__expr__", "uid": "__expr__"},
        "intervalMs": 1000,
        "maxDataPoints": 43_200,
    }
    return {
        "refId": letter,
        "datasourceUid": "__expr__",
        "relativeTimeRange": {"from": 0, "to": 0},
        "model": {**own, **model},
    }


def _last(letter: str, of: str) -> Json:
    """The last value of an answer."""
    return _expression(letter, {"type": "reduce", "expression": of, "reducer": "last", "settings": {"mode": "dropNN"}})


def _threshold(letter: str, of: str, sign: str, value: float) -> Json:
    """Whether a value is above (gt) or below (lt) another."""
    condition = {
        "type": "query",
        "evaluator": {"type": sign, "params": [value]},
        "operator": {"type": "and"},
        "query": {"params": [letter]},
        "reducer": {"type": "last", "params": []},
    }
    return _expression(letter, {"type": "threshold", "expression": of, "conditions": [condition]})
