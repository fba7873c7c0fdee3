"""The store that the configuration names, and the outbox before one that is elsewhere."""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..ledger import Ledger
from ..ports import Store
from ..settings import Settings

if TYPE_CHECKING:  # a run without new rows must not pay for pandas
    from ..outbox import Ballast, Outbox, Remote

clock = time.time  # seconds since 1970; a proof of long outages puts another one here
_FREE_WINDOW = 5_000_000  # bytes in 5 min that the free plans of InfluxDB Cloud take
CLOUD = ".cloud2.influxdata.com"
SERVERLESS_COLUMNS = 200  # of a measurement, in InfluxDB Cloud Serverless, on any plan


def store_path(settings: Settings) -> Path:
    """Where the embedded store lies."""
    return settings.home / "store.duckdb"


def open_store(settings: Settings) -> Store:
    """The store that the configuration names, to be asked, or to be written to at once."""
    if settings.store == "influxdb":
        return with_flags_apart(influx(settings), settings)
    from ..sinks.embedded import Embedded

    return Embedded(store_path(settings), wait_seconds=settings.wait_seconds)


def influx(settings: Settings) -> Remote:
    """The InfluxDB that the configuration names."""
    from ..sinks.influx import Influx

    own = settings.influxdb
    token = own.token.get_secret_value() if own.token else None
    return Influx(
        own.url,
        token,
        own.org,
        timeout_seconds=own.timeout_seconds,
        columns=own.columns,
        buckets=own.buckets,
        proxy=own.proxy,
        proxy_login=own.proxy_login.get_secret_value() if own.proxy_login else None,
        ca_file=own.ca_file,
    )


def with_flags_apart(store: Store, settings: Settings) -> Store:
    """`store`, or one around it that keeps flags in measurements of their own, as configured."""
    if settings.influxdb.flags == "beside":
        return store
    from ..sinks.apart import Apart

    return Apart(store)


def destination(settings: Settings) -> str:
    """What tells the store that rows go to from another one; it stands in the log, so without a login."""
    own = settings.influxdb
    return "embedded" if settings.store == "embedded" else f"influxdb {re.sub('//[^/]*@', '//', own.url)} {own.org}"


def ballast(settings: Settings) -> Ballast:
    """What keeps room on the disk for deliveries."""
    from ..outbox import Ballast

    return Ballast(settings.home / "ballast" if settings.store == "influxdb" else None)


def is_tight(settings: Settings) -> bool:
    """Whether the disk is so full that a run takes in nothing new; makes room for what waits, if there is a ballast."""
    if settings.store == "influxdb":
        return ballast(settings).is_tight()
    from ..outbox import RESERVE

    return shutil.disk_usage(settings.home).free < RESERVE


def open_outbox(settings: Settings, ledger: Ledger, *, hurried: bool, newest_first: bool = False) -> Outbox:
    """The outbox before the InfluxDB of the configuration; nothing is opened until there is something to deliver.

    Args:
        hurried: whether deliveries must end before the next run begins; else they take as long as they take.
    """
    from ..outbox import Cap, Outbox, Policy

    own, limits = settings.influxdb, settings.outbox
    free = own.plan == "free"
    token = own.token.get_secret_value() if own.token else ""
    login = own.proxy_login.get_secret_value() if own.proxy_login else ""
    way = (destination(settings), own.url, token, own.proxy, login, own.ca_file)  # what is new in it is tried at once
    secret = hashlib.blake2b(repr(way).encode(), digest_size=8).hexdigest()
    return Outbox(
        ledger,
        lambda: influx(settings),
        Policy(
            seconds=limits.seconds if hurried else None,
            window_bytes=_FREE_WINDOW if free else None,
            newest_first=limits.newest_first or newest_first,
        ),
        Cap(
            limits.megabytes * 1_000_000,
            limits.days,
            own.columns or (SERVERLESS_COLUMNS if free else None),
            SERVERLESS_COLUMNS if (urlsplit(own.url).hostname or "").endswith(CLOUD) else None,
        ),
        to=secret,
        now=lambda: clock(),
        ballast=ballast(settings),
    )
