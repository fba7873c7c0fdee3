"""A dashboard as Grafana has it, and whether a person changed it.

That is told by the note of its newest version: a push notes `fieldline 0.1.0 [mark]`, the mark being that of what it
wrote; whoever saves the dashboard after that makes a version with another note or none. So a dashboard in Grafana is
byte for byte the one that `export` writes, nothing of ours is in it, and what Grafana adds, fills in or brings up to
date is never taken for a change. Where a Grafana does not tell its notes, a dashboard that holds all that was made is
taken for ours, any other one for a person's.

One that a push wrote, but which asks none of the data sources that ours asks, is of another installation whose station
has the same name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from .. import __version__
from .diff import covers, mark
from .frame import Json
from .grafana_api import Grafana

CURRENT, OUTDATED, BY_HAND, PROVISIONED = "current", "outdated", "changed by hand", "from a file or Git"
FOREIGN = "of another installation"
_NOTE = re.compile(r"fieldline \S+ \[([0-9a-f]{16})\]")
_NEWEST = 5  # versions that are asked for


@dataclass(frozen=True)
class Stored:
    """A dashboard as Grafana has it. state: current, outdated, changed by hand, or of another origin."""

    json: Json
    state: str
    version: int
    folder: str
    folder_title: str


def stored(grafana: Grafana, made: Json) -> Stored | None:
    """The dashboard that Grafana has for one that was made; None if it has none. Raises: Refused, Away."""
    what = f"dashboard {made['title']!r}"
    found = grafana.find(what, "dashboards:read", lambda api: api.dashboard.get_dashboard(made["uid"]))
    if found is None:
        return None
    there, meta = found["dashboard"], found.get("meta") or {}
    version = int(there.get("version") or meta.get("version") or 0)
    if meta.get("provisioned"):
        state = PROVISIONED
    else:
        noted = _noted(grafana, what, made["uid"], version)
        state = _by_note(noted, there, made) if noted else _by_content(there, made)
    return Stored(there, state, version, str(meta.get("folderUid") or ""), str(meta.get("folderTitle") or ""))


def note(made: Json) -> str:
    """The note of a version that a push writes."""
    return f"fieldline {__version__} [{mark(made)}]"


def _by_note(noted: str, there: Json, made: Json) -> str:
    if noted == mark(made):
        return CURRENT
    return FOREIGN if apart(_sources(there), _sources(made)) else OUTDATED


def apart(one: set[str], other: set[str]) -> bool:
    """Whether two things ask data sources, and none in common."""
    return bool(one and other and not one & other)


def _sources(dashboard: Json) -> set[str]:
    """The uids of the data sources that a dashboard asks as it is opened."""
    variables = (dashboard.get("templating") or {}).get("list") or []
    chosen = {
        str((one.get("current") or {}).get("value") or "") for one in variables if one.get("type") == "datasource"
    }
    panels = dashboard.get("panels") or []
    asked = [target.get("datasource") for one in panels for target in one.get("targets") or []]
    named = {str(one.get("uid")) for one in asked if isinstance(one, dict) and one.get("type") == "influxdb"}
    return {one for one in chosen | named if one and "$" not in one}


def _by_content(there: Json, made: Json) -> str:
    return CURRENT if covers(there, made) else BY_HAND


def _noted(grafana: Grafana, what: str, uid: str, version: int) -> str:
    """The mark in the note of the version that counts; '': it has none, or Grafana does not tell."""
    found: Any = grafana.find(
        what,
        "dashboards:write",
        lambda api: api.client.GET(f"/dashboards/uid/{uid}/versions", params={"limit": _NEWEST}),
    )
    listed = found.get("versions") if isinstance(found, dict) else found  # a bare list in older ones
    words = next((str(one.get("message") or "") for one in listed or [] if one.get("version") == version), "")
    match = _NOTE.fullmatch(words)
    return match[1] if match else ""
