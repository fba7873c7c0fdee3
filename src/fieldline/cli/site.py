"""What dashboards are made of: declarations, what the store holds, and the configuration."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from statistics import median

import pandas as pd

from ..dashboards import Site, joined, promised
from ..dashboards.demo import demo
from ..dashboards.site import title_of
from ..errors import StoreError, UsageError
from ..groups import Known, apart
from ..groups.shown import declared
from ..ports import Field, Store
from ..rules import Rules
from ..settings import Settings
from ..settings.model import Grafana
from ..tables import DataTable
from . import drivers
from .configured import load_settings
from .stores import open_store

_RUNS = "runs"
_LOOKS = ("2h", "4D", "60D")  # how far back rows are looked at for the interval of a table


def wanted(site: Site, station: str | None) -> tuple[str, ...] | None:
    """The stations that were asked for; None: all. Raises: UsageError."""
    if station is None:
        return None
    known = {title_of(one): one for one in site.stations}
    if station not in known:
        fix = "Leave it out for all of them."
        raise UsageError(f"--station {station}", "no such station", f"one of: {', '.join(known) or 'none'}", fix)
    return (known[station],)


def site_of(options: argparse.Namespace) -> Site:
    """What the dashboards are made from: declarations, what the store holds, and the configuration.

    Raises: ConfigError, InputError (a driver that can't be imported), UsageError (nothing is known).
    """
    settings = load_settings(options)
    own = settings.quality.site
    tables = _tables(options.project / "drivers", settings, everything=options.demo)
    if options.demo:
        return demo(tables, settings.grafana)
    promises = promised(tables, Rules(settings.quality.defaults, settings.quality.aliases, settings.quality.checks))
    stored, intervals = ((), {}) if options.declared else _stored(settings, tables)
    site = Site(
        joined(promises, list(stored)),
        tables,
        intervals,
        settings.quality.aliases,
        settings.defaults.bucket,
        settings.every_minutes,
        settings.store == "influxdb",
        settings.store == "influxdb" and settings.influxdb.flags == "apart",
        settings.influxdb.buckets if settings.store == "influxdb" else {},
        own.latitude,
        own.longitude,
        _clock(tables, settings),
        _with_address(settings),
        own.heights,
        own.instruments,
    )
    if not site.known:
        fix = "Load a file first (fieldline run), name a driver in a job, or try --demo."
        raise UsageError("dashboards", "no table that is declared or stored", "at least one", fix)
    return site


def _tables(folder: Path, settings: Settings, everything: bool) -> tuple[type[DataTable], ...]:
    """The declared tables of the drivers that jobs name."""
    names = drivers.names(folder) if everything else sorted({job.driver for job in settings.jobs if job.driver})
    return tuple(table for name in names for table in drivers.load(folder, name))


def _clock(tables: tuple[type[DataTable], ...], settings: Settings) -> str:
    """The clock of the loggers: that of the classes, if they agree."""
    clocks = {table.timezone for table in tables}
    return clocks.pop() if len(clocks) == 1 else settings.defaults.utc_offset


def _with_address(settings: Settings) -> Grafana:
    """Grafana's settings, with the address of the store filled in."""
    own = settings.grafana
    if own.store_url or settings.store != "influxdb":
        return own
    return own.model_copy(update={"store_url": settings.influxdb.url})


def _stored(
    settings: Settings, tables: tuple[type[DataTable], ...]
) -> tuple[tuple[Known, ...], dict[tuple[str, str], float]]:
    """What the store holds, and the intervals of tables that nobody declared; nothing, with a word, if it is away."""
    store = open_store(settings)
    try:
        known = tuple(_known(store))
        return known, dict(_intervals(store, known, tables))
    except StoreError as error:
        print(f"the store can't be asked, so only what is declared gets dashboards: {error}", file=sys.stderr)
        return (), {}
    finally:
        store.close()


def _known(store: Store) -> Iterator[Known]:
    """The tables of a store, one for each station."""
    for bucket in sorted(store.buckets()):
        for measurement in store.measurements(bucket):
            if measurement == _RUNS:
                continue
            fields = store.fields(bucket, measurement)
            for station in _stations(store, bucket, measurement, fields):
                by, count = ((), 1) if station else _telling(store, bucket, measurement, fields)
                yield Known(bucket, measurement, station, fields, by=by, series=count)


def _telling(store: Store, bucket: str, measurement: str, fields: Mapping[str, Field]) -> tuple[tuple[str, ...], int]:
    """The tags that tell the series of a table without stations apart, none where they are too many; their number."""
    tags = [name for name, one in fields.items() if one.tag]
    newest = store.latest(bucket, measurement) if tags else None
    if newest is None or len(newest) > apart.MOST_SERIES:
        return (), 1 if newest is None else len(newest)
    values = {tag: newest[tag].fillna("").astype(str).tolist() for tag in tags if tag in newest}
    series = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    return apart.telling(series), len(series)


def _stations(store: Store, bucket: str, measurement: str, fields: Mapping[str, Field]) -> list[str]:
    if "station" not in fields or not fields["station"].tag:
        return [""]
    newest = store.latest(bucket, measurement)
    return sorted({str(one) for one in newest["station"].dropna()}) if "station" in newest else [""]


def _intervals(
    store: Store, known: tuple[Known, ...], tables: tuple[type[DataTable], ...]
) -> Iterator[tuple[tuple[str, str], float]]:
    """The usual time between two rows, where no class declares it. [s]"""
    for one in {(k.bucket, k.measurement): k for k in known}.values():
        if declared(tables, one.bucket, one.measurement).interval is None:
            found = _interval(store, one)
            if found:
                yield (one.bucket, one.measurement), found


def _interval(store: Store, one: Known) -> float | None:
    newest = store.latest(one.bucket, one.measurement).index.max()
    field = next((name for name in ("RECORD", *one.fields) if name in one.fields and not one.fields[name].tag), None)
    for look in _LOOKS if field and not pd.isna(newest) else ():
        rows = store.read(one.bucket, one.measurement, fields=[str(field)], start=newest - pd.Timedelta(look))
        times = rows.index.unique().sort_values()
        if len(times) >= 3:
            return float(median((b - a).total_seconds() for a, b in pairwise(times)))
    return None
