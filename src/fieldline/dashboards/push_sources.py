"""Data sources into Grafana, and whether they get an answer from the store.

A mark in the jsonData of a data source, made of what was written, tells whether a person changed it since. Its token
can't be read back, so it is sent where there is none, with other changes, and when the store gives no answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from .diff import mark
from .frame import Json
from .grafana_api import Away, Refused
from .steps import BY_HAND, ELSEWHERE, KEPT, NEW, REFUSED, SAME, SILENT, UPDATED, Plan, Step, Way, lines

_KIND = "data source"
_MARK = "fieldline"
_WRITTEN = ("name", "type", "access", "url")  # whether it is the default is a person's business
OTHER_STORE = (
    "it leads to another store, so nothing more was sent: if that store has moved, change the address in Grafana or let"
    " --overwrite do it; if another installation sent it, give this one a name of its own (grafana.source)"
)
_HEADER, _USER = "httpHeaderName1", "user"  # how it shows who it is, beside what is secret


def push_source(way: Way, source: Json) -> Iterator[Step]:
    """Bring one data source in, and ask it. Raises: Away."""
    name = source["name"]
    made = way.do(_KIND, name, partial(_plan, way, source))
    yield made
    if made.state == REFUSED or (way.dry and made.state == NEW):
        return
    words = _ill(way, source["uid"])
    if words and made.state == SAME and "secureJsonData" in source and not way.dry:
        again = way.do(_KIND, name, partial(_plan, replace(way, overwrite=True), source))
        words = _ill(way, source["uid"])
        if not words or again.state == REFUSED:
            yield again
    if words:
        fix = "grafana.store_url says where Grafana finds it, FIELDLINE_TOKEN what it shows (`fieldline keys add`)"
        yield Step(_KIND, name, SILENT, (f"the store at {source['url']} does not answer it: {words}; {fix}",))


def _plan(way: Way, source: Json) -> Plan:
    name, uid, what = source["name"], source["uid"], f"{_KIND} {source['name']!r}"
    made = {**source, "jsonData": {**source["jsonData"], _MARK: _mark(source)}}
    there = way.grafana.find(what, "datasources:read", lambda api: api.datasource.get_datasource_by_uid(uid))
    if there is None:
        create = partial(way.grafana.do, what, "datasources:create", lambda api: api.datasource.create_datasource(made))
        return Plan(Step(_KIND, name, NEW), create)
    found = tuple(_differences(there, source))
    if there.get("readOnly"):
        return Plan(Step(_KIND, name, KEPT, (ELSEWHERE,)) if found else Step(_KIND, name, SAME))
    ours = (there.get("jsonData") or {}).get(_MARK) == _mark(there)
    if found and not way.overwrite and (not ours or there.get("url") != source["url"]):
        return Plan(Step(_KIND, name, KEPT, (OTHER_STORE if ours else BY_HAND, *found)))
    if not found and not (way.overwrite and "secureJsonData" in source):
        return Plan(Step(_KIND, name, SAME))
    body = _kept(made, there)
    update = partial(
        way.grafana.do, what, "datasources:write", lambda api: api.datasource.update_datasource_by_uid(uid, body)
    )
    return Plan(Step(_KIND, name, UPDATED, found or ("token: sent again",)), update)


def _kept(made: Json, there: Json) -> Json:
    """What is written over a data source. With its version, Grafana refuses if somebody saved it meanwhile."""
    body = {**made, "version": there.get("version"), "isDefault": there.get("isDefault", False)}
    if "secureJsonData" in made:
        return body
    header = (there.get("jsonData") or {}).get(_HEADER)
    words = {**made["jsonData"], **({_HEADER: header} if header else {})}
    return {**body, "jsonData": words, **({_USER: there[_USER]} if there.get(_USER) else {})}


def _mark(source: Json) -> str:
    """The mark of a data source, as it was made or as it is stored."""
    words = {key: value for key, value in (source.get("jsonData") or {}).items() if key not in (_MARK, _HEADER)}
    return mark({**{key: source.get(key) for key in _WRITTEN}, "jsonData": words})


def _differences(there: Json, made: Json) -> Iterator[str]:
    yield from lines(there, {key: made[key] for key in (*_WRITTEN, _USER, "jsonData") if key in made})
    kept = there.get("secureJsonFields") or {}
    if any(not kept.get(key) for key in made.get("secureJsonData", ())):
        yield "token: sent, since it has none"


def _ill(way: Way, uid: str) -> str:
    """What the store or the way to it lacks; '' for nothing, or if this Grafana can't tell."""
    try:
        found = way.grafana.do(_KIND, "datasources:query", lambda api: api.datasource.health(uid))
    except Away:
        raise
    except Refused as error:
        return (error.said or str(error)) if error.status == 400 or error.status >= 500 else ""
    return "" if not isinstance(found, dict) or found.get("status") == "OK" else str(found.get("message"))
