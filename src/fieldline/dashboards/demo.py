"""The simulated tower as a site, for examples: what its files hold once they are loaded."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from ..groups import Known
from ..ports import FLAG_ENDS, Field
from ..rules import Rules
from ..settings.model import Grafana
from ..tables import DataTable
from .site import RECORD, Site

BUCKET = "field"


def demo(tables: Sequence[type[DataTable]], grafana: Grafana | None = None) -> Site:
    """The simulated tower, read with `tables`; what they don't know goes into the bucket `field`."""
    from ..simulator.sun import LATITUDE, LONGITUDE, UTC_OFFSET_HOURS
    from ..simulator.tables import TABLES, Table

    def known(table: Table) -> Known:
        mine = next(
            (one for one in tables if fnmatchcase(table.station, one.station) and fnmatchcase(table.name, one.table)),
            None,
        )
        columns = dict(mine.columns) if mine else {}
        names = {one.name: columns[one.name].name if one.name in columns else one.name for one in table.fields}
        fields = {
            names[one.name]: Field(
                names[one.name],
                "text" if one.kind == "TIME" else "number",
                columns[one.name].unit if one.name in columns else one.unit,
            )
            for one in table.fields
        }
        measurement = mine.measurement if mine else table.name
        checks = {one.name: one.checks for one in columns.values() if one.checks}
        judged = Rules().of(measurement, fields, checks, table.interval)
        fields |= {name + end: Field(name + end, "integer") for name in judged for end in FLAG_ENDS}
        fields |= {RECORD: Field(RECORD, "integer"), "station": Field("station", "text", tag=True)}
        return Known(mine.bucket if mine else BUCKET, measurement, table.station, fields)

    found = {table.name: known(table) for table in TABLES}
    return Site(
        tuple(sorted(found.values(), key=lambda one: (one.bucket, one.measurement, one.station))),
        tuple(tables),
        {(one.bucket, one.measurement): table.interval for table, one in zip(TABLES, found.values(), strict=True)},
        runs=BUCKET,
        latitude=LATITUDE,
        longitude=LONGITUDE,
        zone=f"{UTC_OFFSET_HOURS:+03d}:00",
        grafana=grafana or Grafana(),
    )
