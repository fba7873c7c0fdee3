"""Public links: the copies without variables, for everybody who has the link; and what of ours Grafana has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..errors import UsageError
from . import PUBLIC
from .frame import Json
from .grafana_api import Grafana, Refused
from .site import TAG, tag_of
from .stored import stored

MISSING, ELSE = "missing", "not made here"
_RIGHT = "dashboards.public:write"


@dataclass(frozen=True)
class Listed:
    """One dashboard of ours. link: '' if it is not public."""

    uid: str
    title: str
    state: str
    folder: str = ""
    link: str = ""


def listed(grafana: Grafana, made: Sequence[Json]) -> Iterator[Listed]:
    """All that was made, and what else Grafana has of fieldline. Raises: Refused, Away."""
    hits = {one["uid"]: one for one in _hits(grafana)}
    for one in made:
        there = stored(grafana, one)
        if there is None:
            yield Listed(one["uid"], one["title"], MISSING)
            continue
        link = public_link(grafana, one["uid"]) if PUBLIC in one["tags"] else ""
        yield Listed(one["uid"], str(there.json.get("title")), there.state, there.folder_title, link)
    for uid in hits.keys() - {one["uid"] for one in made}:
        hit = hits[uid]
        link = public_link(grafana, uid) if PUBLIC in hit.get("tags", ()) else ""
        yield Listed(uid, hit["title"], ELSE, str(hit.get("folderTitle") or ""), link)


def share(grafana: Grafana, name: str) -> str:
    """The public link of a dashboard, made if there is none. Raises: UsageError, Refused, Away."""
    hit = _pick(grafana, name)
    uid, title = hit["uid"], hit["title"]
    whole = grafana.do(f"dashboard {title!r}", "dashboards:read", lambda api: api.dashboard.get_dashboard(uid))
    if (whole["dashboard"].get("templating") or {}).get("list"):
        fix = f"Share the public copy: fieldline dashboards share {_copy(grafana, hit)}"
        raise UsageError(f"dashboards share {name}", "variables in it", "a dashboard without any", fix)
    there = _public(grafana, uid)
    path = f"/dashboards/uid/{uid}/public-dashboards"
    what = f"public link of {title!r}"
    if there is None:
        body = {"isEnabled": True, "share": "public", "timeSelectionEnabled": True, "annotationsEnabled": False}
        try:
            there = grafana.do(what, _RIGHT, lambda api: api.client.POST(path, json=body))
        except Refused as error:
            if error.status == 404:
                fix = "switch them on: [public_dashboards] enabled = true in grafana.ini"
                raise Refused(f"{what}: this Grafana has no public dashboards; {fix}", 404) from None
            raise
    elif not there.get("isEnabled"):
        number = there["uid"]
        there = grafana.do(what, _RIGHT, lambda api: api.client.PATCH(f"{path}/{number}", json={"isEnabled": True}))
    return _link(grafana, there)


def unshare(grafana: Grafana, name: str) -> bool:
    """End the public link of a dashboard for good; False if there was none. Raises: UsageError, Refused, Away."""
    hit = _pick(grafana, name)
    there = _public(grafana, hit["uid"])
    if there is None:
        return False
    path = f"/dashboards/uid/{hit['uid']}/public-dashboards/{there['uid']}"
    grafana.do(f"public link of {hit['title']!r}", _RIGHT, lambda api: api.client.DELETE(path, accept_empty_json=True))
    return True


def public_link(grafana: Grafana, uid: str) -> str:
    """The public link of a dashboard; '' if it has none that works. Raises: Refused, Away."""
    there = _public(grafana, uid)
    return _link(grafana, there) if there and there.get("isEnabled") else ""


def _link(grafana: Grafana, public: Json) -> str:
    return f"{grafana.url}/public-dashboards/{public['accessToken']}"


def _public(grafana: Grafana, uid: str) -> Json | None:
    found = grafana.find(
        "public link", "dashboards:read", lambda api: api.client.GET(f"/dashboards/uid/{uid}/public-dashboards")
    )
    return dict(found) if isinstance(found, dict) and found.get("accessToken") else None


def _hits(grafana: Grafana) -> list[Json]:
    """Every dashboard with our tag."""
    return list(
        grafana.do(
            "search", "dashboards:read", lambda api: api.search.search_dashboards(tag=TAG, type_="dash-db", limit=5000)
        )
    )


def _pick(grafana: Grafana, name: str) -> Json:
    """The dashboard that a person means: by uid, title or, for its public copy, station. Raises: UsageError."""
    hits, word = _hits(grafana), name.casefold()
    for hit in hits:
        if word in (hit["uid"].casefold(), hit["title"].casefold()):
            return hit
    copies = [one for one in hits if PUBLIC in one.get("tags", ())]
    found = [one for one in copies if tag_of(name) in one["tags"] or one["title"].casefold() == f"{word}: {PUBLIC}"]
    if len(found) == 1:
        return found[0]
    known = ", ".join(sorted(one["uid"] for one in copies)) or "none is there yet"
    fix = "Send them first: fieldline dashboards push" if not hits else "`fieldline dashboards list` shows all."
    raise UsageError(f"dashboards {name}", "no dashboard of ours in Grafana that is called so", f"one of: {known}", fix)


def _copy(grafana: Grafana, hit: Json) -> str:
    """The public copy of the station of a dashboard."""
    stations = {tag for tag in hit.get("tags", ()) if tag.startswith("station:")}
    copies = [one for one in _hits(grafana) if PUBLIC in one.get("tags", ()) and stations & set(one["tags"])]
    return str(copies[0]["uid"]) if copies else "STATION"
