"""Into Grafana through its API: folder, data sources, dashboards, who is told, alert rules.

Everything has a uid of its own, so a second push finds what the first one wrote, and writes nothing where nothing
differs. What a person changed since is left alone, and so is the folder that a person moved it to.

    for step in push(Way(Grafana(url, token)), site): print(step.state, step.kind, step.name)

grafana_api.py   the connection, and refusals in words
steps.py         one thing, looked at, compared and written
stored.py        how a change by hand is known
diff.py          what differs, for a person
push_sources.py, push_alerts.py
sharing.py       public links, and what is there
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from . import alerts, dashboards, sources
from .diff import changes
from .frame import Json
from .grafana_api import Away, Refused
from .push_alerts import push_alerts
from .push_sources import OTHER_STORE, push_source
from .site import Site
from .steps import BY_HAND, ELSEWHERE, KEPT, NEW, OTHERS, REFUSED, SAME, UPDATED, Plan, Step, Way
from .stored import BY_HAND as HAND
from .stored import CURRENT, FOREIGN, PROVISIONED, note, stored

_LEFT = {HAND: BY_HAND, FOREIGN: OTHERS}  # states that --overwrite alone changes, and why


def push(way: Way, site: Site, token: str = "", stations: tuple[str, ...] | None = None) -> Iterator[Step]:
    """Do one thing after another. What is refused is told, and the rest goes on.

    Args:
        token: what the data sources show to the store; '': they are made without, and keep what they have.
        stations: dashboards and rules of these only; None: of all.

    Raises: Away, when nothing more can be done.
    """
    way.grafana.hide(token)
    title = alerts.folder(site)[1]
    try:
        uid, is_there = _folder(way, *alerts.folder(site))
    except Away:
        raise
    except Refused as error:
        yield Step("folder", title, REFUSED, (str(error),))
        return
    yield way.do("folder", title, partial(_new_folder, way, title, uid, is_there))
    elsewhere = False
    for source in sources.data_sources(site, token=token):
        for step in push_source(way, source):
            elsewhere |= step.lines[:1] == (OTHER_STORE,)
            yield step
    if elsewhere:
        return  # what asks another store shows another's values, and would tell another's people
    for one in dashboards(site, stations):
        yield way.do("dashboard", one["title"], partial(_dashboard, way, one, uid))
    yield from push_alerts(way, site, stations, uid)


def _folder(way: Way, uid: str, title: str) -> tuple[str, bool]:
    """The folder to write to, ours or one that a person has called so, and whether it is there."""
    if way.grafana.find("folder", "folders:read", lambda api: api.folder.get_folder(uid)):
        return uid, True
    listed = way.grafana.do("folders", "folders:read", lambda api: api.folder.get_all_folders())
    found = next((str(one["uid"]) for one in listed if one.get("title") == title), "")
    return found or uid, bool(found)


def _new_folder(way: Way, title: str, uid: str, is_there: bool) -> Plan:
    if is_there:
        return Plan(Step("folder", title, SAME))
    what = f"folder {title!r}"
    create = partial(way.grafana.do, what, "folders:create", lambda api: api.folder.create_folder(title, uid))
    return Plan(Step("folder", title, NEW), create)


def _dashboard(way: Way, made: Json, folder: str) -> Plan:
    title, there = made["title"], stored(way.grafana, made)
    if there is None:
        return Plan(Step("dashboard", title, NEW), partial(_save, way, made, folder, 0))
    found = tuple(changes(there.json, made)) if there.state != CURRENT else ()
    if there.state == PROVISIONED:
        return Plan(Step("dashboard", title, KEPT, (ELSEWHERE, *found)) if found else Step("dashboard", title, SAME))
    if there.state in _LEFT and not way.overwrite:
        return Plan(Step("dashboard", title, KEPT, (_LEFT[there.state], *found)))
    moved = there.folder != folder
    if there.state == CURRENT and not (way.overwrite and moved):
        return Plan(Step("dashboard", title, SAME))
    place = folder if way.overwrite else there.folder  # who moved it wants it there
    back = ("folder: moved back",) if way.overwrite and moved else ()
    return Plan(Step("dashboard", title, UPDATED, (*back, *found)), partial(_save, way, made, place, there.version))


def _save(way: Way, made: Json, folder: str, version: int) -> object:
    """Write a dashboard. Without `overwrite` Grafana refuses if somebody saved it since we looked."""
    body = {
        "dashboard": {**made, "version": version},
        "folderUid": folder,
        "message": note(made),
        "overwrite": way.overwrite,
    }
    right = "dashboards:write" if version else "dashboards:create"
    return way.grafana.do(f"dashboard {made['title']!r}", right, lambda api: api.dashboard.update_dashboard(body))
