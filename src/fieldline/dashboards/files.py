"""All that a folder for Grafana holds: dashboards as plain JSON (Git Sync takes that), and files for provisioning.

dashboards/*.json                      every dashboard
provisioning/dashboards/fieldline.yaml where Grafana finds them
provisioning/datasources/fieldline.yaml
provisioning/alerting/fieldline.yaml   rules and contact points
"""

from __future__ import annotations

from collections.abc import Mapping

from . import alerts, dashboards, sources, text
from .site import Site
from .yaml_text import dump

FOLDER = "/etc/grafana/fieldline/dashboards"
_MADE = "Made by `fieldline dashboards export`, which overwrites it: change config/site.yaml or drivers/ instead."
_SOURCES = """
One data source a bucket. Grafana replaces $FIELDLINE_TOKEN by what its environment holds: a token of InfluxDB 2 or 3,
or a key that `fieldline keys add grafana --read '*'` printed.
InfluxDB 1 before 1.8 knows no tokens: write `user: NAME` and `secureJsonData: {password: $PASSWORD}` in the place of
httpHeaderName1 and its value.
InfluxDB 2 and Cloud need a DBRP mapping for each bucket; `new-db.py` makes it."""
_DASHBOARDS = """
The dashboards lie in the folder `path`; put another one there if Grafana finds them elsewhere."""
_ALERTS = """
A doubled dollar sign is one: Grafana would take what follows a single one for a name in its environment."""


def files(site: Site, stations: tuple[str, ...] | None = None) -> dict[str, str]:
    """Path within the folder -> text, sorted by path. stations: dashboards of these only; None: of all."""
    found = {f"dashboards/{one['uid']}.json": text(one) for one in dashboards(site, stations)}
    found["provisioning/datasources/fieldline.yaml"] = dump(
        {
            "apiVersion": 1,
            "datasources": [_source(one) for one in sources.data_sources(site)],
        },
        _MADE + _SOURCES,
    )
    found["provisioning/dashboards/fieldline.yaml"] = dump(_literal(_provider(site)), _MADE + _DASHBOARDS)
    found["provisioning/alerting/fieldline.yaml"] = dump(_literal(_alerting(site)), _MADE + _ALERTS)
    return dict(sorted(found.items()))


def _provider(site: Site) -> dict[str, object]:
    # Without folderUid: Grafana makes the folder of the rules first, by its title, and takes no second one of that name
    provider = {
        "name": site.grafana.source,
        "orgId": 1,
        "folder": alerts.folder(site)[1],
        "type": "file",
        "disableDeletion": False,
        "allowUiUpdates": False,
        "updateIntervalSeconds": 60,
        "options": {"path": FOLDER},
    }
    return {"apiVersion": 1, "providers": [provider]}


def _alerting(site: Site) -> dict[str, object]:
    found: dict[str, object] = {"apiVersion": 1, "groups": alerts.groups(site)}
    points = [
        {"orgId": 1, "name": one["name"], "receivers": [{key: one[key] for key in one if key != "name"}]}
        for one in alerts.contact_points(site)
    ]
    return found | ({"contactPoints": points} if points else {})


def _source(one: Mapping[str, object]) -> dict[str, object]:
    """A data source in a file: its token is a name in Grafana's environment, and nothing else is one."""
    plain = {key: _literal(value) for key, value in one.items() if key != "secureJsonData"}
    return {**plain, "secureJsonData": one["secureJsonData"], "editable": False}


def _literal(value: object) -> object:
    """Every dollar sign doubled."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, Mapping):
        return {key: _literal(one) for key, one in value.items()}
    return [_literal(one) for one in value] if isinstance(value, list) else value
