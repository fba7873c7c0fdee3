"""The data sources that the dashboards ask: one a bucket, InfluxQL, whatever server is behind it."""

from __future__ import annotations

from .frame import Json
from .site import Site

ADDRESS = "http://127.0.0.1:8086"
TOKEN = "$FIELDLINE_TOKEN"


def data_sources(site: Site, url: str = "", token: str = TOKEN) -> list[Json]:
    """All data sources, as POST /api/datasources takes them.

    Args:
        url: where Grafana finds the store; '': as configured.
        token: of InfluxDB 2 or 3, or a key of `fieldline serve`; `name:password` of InfluxDB 1, whose versions before
            1.8 know no tokens, is sent as a login; '': none is sent.
    """
    found = []
    for bucket in site.names:
        settings: Json = {"dbName": bucket, "httpMode": "POST", "version": "InfluxQL", "timeInterval": "1s"}
        one: Json = {
            "uid": site.server_source(bucket),
            "name": site.title(bucket),
            "type": "influxdb",
            "access": "proxy",
            "url": url or site.grafana.store_url or ADDRESS,
            "isDefault": False,
            "jsonData": settings,
        }
        user, _, password = token.partition(":")
        if password:
            one |= {"user": user, "secureJsonData": {"password": password}}
        elif token:
            settings["httpHeaderName1"] = "Authorization"
            one["secureJsonData"] = {"httpHeaderValue1": f"Token {token}"}
        found.append(one)
    return found
