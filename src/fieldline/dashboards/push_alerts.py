"""Who is told, and the rules, into Grafana: what came through its API nobody can edit on its pages."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial

from . import alerts
from .frame import Json
from .grafana_api import Away, Refused
from .site import RUNS, Site, title_of
from .steps import GONE, KEPT, NEW, OTHERS, REFUSED, UPDATED, Plan, Step, Way, lines
from .stored import apart

_READ, _WRITE = "alert.provisioning:read", "alert.provisioning:write"
_OWN = "fieldline-"


def push_alerts(way: Way, site: Site, stations: tuple[str, ...] | None, folder: str) -> Iterator[Step]:
    """Bring contact points in, then rules; delete rules of these stations that are not made any more. Raises: Away."""
    for point in alerts.contact_points(site):
        yield way.do("contact point", point["name"], partial(_point, way, point))
    try:
        listed = way.grafana.do("alert rules", _READ, lambda api: api.alertingprovisioning.get_alertrules_all())
    except Away:
        raise
    except Refused as error:
        yield Step("alert rule", "all of them", REFUSED, (str(error),))
        return
    there = {one["uid"]: one for one in listed or []}
    mine = {title_of(one) for one in (site.stations if stations is None else stations)} | {RUNS}
    made = [{**one, "folderUID": folder} for one in alerts.rules(site) if one["labels"]["station"] in mine]
    for rule in made:
        yield way.do("alert rule", rule["title"], partial(_rule, way, rule, there.get(rule["uid"])))
    for rule in there.values():
        if rule["uid"] not in {one["uid"] for one in made} and _is_ours(rule, site, mine):
            yield way.do("alert rule", rule["title"], partial(_end, way, rule))


def _point(way: Way, made: Json) -> Plan:
    name, what = made["name"], f"contact point {made['name']!r}"
    listed = way.grafana.do(what, _READ, lambda api: api.alertingprovisioning.get_contactpoints(name))
    there = next((one for one in listed or [] if (one.get("name"), one.get("type")) == (name, made["type"])), None)
    if there is None:
        create = partial(way.grafana.do, what, _WRITE, lambda api: api.alertingprovisioning.create_contactpoint(made))
        return Plan(Step("contact point", name, NEW), create)
    uid = there["uid"]
    update = partial(
        way.grafana.do,
        what,
        _WRITE,
        lambda api: api.alertingprovisioning.update_contactpoint(uid, {**made, "uid": uid}),
    )
    found = lines(there, {key: value for key, value in made.items() if key != "uid"})
    return way.provisioned(Step("contact point", name, UPDATED, found), there, update)


def _rule(way: Way, made: Json, there: Json | None) -> Plan:
    title, what = made["title"], f"alert rule {made['title']!r}"
    if there is None:
        create = partial(way.grafana.do, what, _WRITE, lambda api: api.alertingprovisioning.create_alertrule(made))
        return Plan(Step("alert rule", title, NEW), create)
    if apart(_asked(there), _asked(made)) and not way.overwrite:
        return Plan(Step("alert rule", title, KEPT, (OTHERS,)))
    compared = {"notification_settings": None, **made}  # a receiver that is not wanted any more is a difference too
    del compared["orgID"], compared["folderUID"]  # who moved the rule wants it there
    body = {**made, "folderUID": there.get("folderUID") or made["folderUID"]}
    update = partial(
        way.grafana.do, what, _WRITE, lambda api: api.alertingprovisioning.update_alertrule(made["uid"], body)
    )
    return way.provisioned(Step("alert rule", title, UPDATED, lines(there, compared)), there, update)


def _asked(rule: Json) -> set[str]:
    """The data sources that a rule asks."""
    return {str(one.get("datasourceUid")) for one in rule.get("data") or []} - {"__expr__"}


def _end(way: Way, rule: Json) -> Plan:
    what, uid = f"alert rule {rule['title']!r}", rule["uid"]
    delete = partial(way.grafana.find, what, _WRITE, lambda api: api.alertingprovisioning.delete_alertrule(uid))
    return Plan(Step("alert rule", rule["title"], GONE, ("it is not made any more",)), delete)


def _is_ours(rule: Json, site: Site, stations: Collection[str]) -> bool:
    """Whether a push of this installation wrote a rule, for one of these stations."""
    labels = rule.get("labels") or {}
    if not str(rule["uid"]).startswith(_OWN) or rule.get("provenance") != "api":
        return False
    if labels.get("source") != site.grafana.source or labels.get("station") not in stations:
        return False
    return "bucket" not in labels or labels["bucket"] == site.bucket(site.runs)
