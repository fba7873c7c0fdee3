"""The store: is it there and whole, may we use it, and will it take what the tables bring."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ...errors import ConfigError, StoreError
from ...ports import Field
from ...rules import Rules
from ...settings import Settings
from ...tables import Layout
from ..configured import checker
from ..show import counted
from ..stores import SERVERLESS_COLUMNS, influx, store_path
from . import Finding, Visit, fail, of, ok, warn
from .files import fields, places

if TYPE_CHECKING:
    from ...sinks.influx import Influx

PATIENCE = 10  # [s] at most, for each answer of a server or for the turn at the store's file
FREE_BUCKETS, FREE_DAYS = 2, 30  # of the free plan of InfluxDB Cloud
CLOUD = ".cloud2.influxdata.com"
_ONCE = ("reachable", "clock", "token", "buckets")  # the same for every bucket


def look(visit: Visit) -> Iterator[Finding]:
    """Findings about the store that the configuration names."""
    if visit.settings.store == "embedded":
        yield from embedded(visit)
    elif visit.settings.influxdb.url:
        yield from plan(visit.settings, wanted(visit))
        yield from width(visit)
        yield from server(visit)


def wanted(visit: Visit) -> dict[str, int | None]:
    """The buckets that rows go to, with the days that each is to keep; the default one has the runs."""
    own = visit.settings.defaults
    return {own.bucket: own.keep_days} | {layout.bucket: layout.keep_days for layout in visit.layouts}


def embedded(visit: Visit) -> Iterator[Finding]:
    """Findings about the embedded store."""
    path = store_path(visit.settings)
    if not path.exists():
        yield ok("store", f"{path} will be made by the first run")
        return
    if not os.access(path, os.W_OK):
        yield fail("store", f"{path} can't be written", "Give the account that runs fieldline the right to write it.")
    from ...sinks.embedded import Embedded

    store = Embedded(path, wait_seconds=min(PATIENCE, visit.settings.wait_seconds))
    try:
        with closing(store):
            buckets = store.buckets()
            names = [(bucket, name) for bucket in buckets for name in store.measurements(bucket)]
            for bucket, name in names:
                store.latest(bucket, name)
            held_fields = {where: store.fields(*where) for where in names}
    except StoreError as error:
        yield of("store", error)
        return
    size = path.stat().st_size / 1e6
    held = f"{counted(len(names), 'measurement')} in {counted(len(buckets), 'bucket')}"
    yield ok("store", f"{path}: {held}, {size:,.1f} MB")
    yield from retention(wanted(visit), buckets)
    yield from kinds(visit.layouts, held_fields)


def kinds(layouts: Iterable[Layout], stored: Mapping[tuple[str, str], Mapping[str, Field]]) -> Iterator[Finding]:
    """Fields that a class declares as numbers, and that the store took for text before that."""
    for layout in layouts:
        if wrong := layout.kept_as_text(stored.get((layout.bucket, layout.measurement), {})):
            yield warn(
                "kinds",
                f"{layout.bucket}.{layout.measurement}: {', '.join(wrong)} is text, {layout.name} declares a number",
                "Give the column another name in the class and read the file again; docs/files.md.",
            )


def retention(want: Mapping[str, int | None], there: Mapping[str, int | None]) -> Iterator[Finding]:
    """Buckets that keep their rows for another time than the configuration says."""
    for bucket, days in want.items():
        if bucket in there and there[bucket] != days:
            yield warn(
                "retention",
                f"bucket {bucket} keeps rows {_days(there[bucket])}, the configuration says {_days(days)}",
                "Correct `keep_days`, or change the bucket with: python new-db.py FILE --update",
            )


def plan(settings: Settings, want: Mapping[str, int | None]) -> Iterator[Finding]:
    """What the free plan will not take."""
    own = settings.influxdb
    if own.plan != "free":
        return
    names = sorted({own.buckets.get(bucket, bucket) for bucket in want})
    if len(names) > FREE_BUCKETS:
        yield warn(
            "plan",
            f"rows go to {len(names)} buckets ({', '.join(names)}), and the free plan has {FREE_BUCKETS}",
            "Map several to one with `influxdb.buckets`, such as {ameriflux_soil: field}; docs/influxdb.md.",
        )
    long = sorted(bucket for bucket, days in want.items() if days is None or days > FREE_DAYS)
    if long:
        yield warn(
            "plan",
            f"{', '.join(long)} should keep rows longer than the free plan's {FREE_DAYS} days",
            f"Write `keep_days: {FREE_DAYS}` into `defaults` and jobs; the raw archive keeps the bytes for longer.",
        )


def width(visit: Visit) -> Iterator[Finding]:
    """Measurements with more columns than the server takes."""
    own, limit = visit.settings.influxdb, most_columns(visit.settings)
    if limit is None:
        return
    rules, apart = checker(visit.settings, visit.project, None).rules, own.flags == "apart"
    try:
        counts = {where: columns(layouts, rules, apart) for where, layouts in places(visit.layouts).items()}
    except ConfigError:
        return  # `checks` tells what is wrong with them
    for (bucket, measurement), count in counts.items():
        if count > limit:
            yield warn(
                "columns",
                f"{bucket}.{measurement} has {count} columns (tags, time and flags counted), expected {limit} or less",
                "Leave columns out (`others = False` in the class), or tables of one measurement apart."
                if apart
                else "Write `flags: apart` below `influxdb:`, so that flags get a measurement of their own.",
            )
    if counts and max(counts.values()) <= limit:
        yield ok("columns", f"{max(counts.values())} in the widest measurement, of {limit}")


def most_columns(settings: Settings) -> int | None:
    """How many columns a measurement may have there; None: any number."""
    own = settings.influxdb
    narrow = own.plan == "free" or (urlsplit(own.url).hostname or "").endswith(CLOUD)
    return own.columns or (SERVERLESS_COLUMNS if narrow else None)


def columns(layouts: Iterable[Layout], rules: Rules, apart: bool) -> int:
    """How many columns a measurement of these layouts has, the time among them; a field with checks has two flags."""
    names, tags, checked = set[str](), set[str](), set[str]()
    for layout in layouts:
        own = fields(layout)
        names |= own.keys()
        tags |= set(layout.tags)
        checked |= rules.of(layout.measurement, own, layout.checks, layout.interval).keys()
    flags = 2 * len(checked)
    return 1 + len(tags) + (max(len(names), flags) if apart else len(names) + flags)


def server(visit: Visit) -> Iterator[Finding]:
    """Findings about the InfluxDB server, once, and about each bucket on it."""
    own = visit.settings.influxdb
    bounded = own.model_copy(update={"timeout_seconds": min(PATIENCE, own.timeout_seconds)})
    want, told = wanted(visit), set[tuple[str, str]]()
    remote: Influx = influx(visit.settings.model_copy(update={"influxdb": bounded}))  # type: ignore[assignment]
    with closing(remote):
        for bucket, days in want.items():
            found = [Finding(**asdict(one)) for one in remote.rights(bucket, datetime.now(UTC))]
            absent = any(one.name == "bucket" and one.state != "ok" for one in found)
            if absent:
                yield _unmade(bucket)
                found = [one for one in found if one.name in _ONCE]
            for one in found:
                if one.name not in _ONCE:
                    yield Finding(one.name, one.state, f"{bucket}: {one.text}", one.remedy)
                elif (one.name, one.state) not in told:
                    told.add((one.name, one.state))
                    yield one
            if any(one.name in ("reachable", "token") and one.state == "fail" for one in found):
                return
            if any(one.name == "bucket" and one.state == "ok" for one in found):
                yield from retention({bucket: days}, {bucket: remote.keeps(bucket)})


def _unmade(bucket: str) -> Finding:
    """What a bucket that is not there means: nothing is wrong until it can't be made."""
    remedy = "The first run makes it, if the token allows it; or make it now: python new-db.py FILE"
    return warn("bucket", f"{bucket}: is not there, or the token does not see it", remedy)


def _days(days: int | None) -> str:
    return f"{days} days" if days else "for ever"
