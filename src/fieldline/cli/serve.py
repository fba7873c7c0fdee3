"""`fieldline serve`: the store to browsers, Grafana, Telegraf and scripts, while the driver goes on writing it."""

from __future__ import annotations

import argparse
import ipaddress
import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout

from ..errors import Busy, FieldlineError, UsageError
from ..influxql import parse
from ..serve.app import build
from ..serve.context import Context
from ..serve.keys import Keys
from ..serve.run import listen, serve
from ..settings import Settings
from ..sinks.embedded import Embedded
from ..tables import DataTable
from . import DONE, drivers, hints
from .configured import load_settings
from .logs import open_log
from .stores import store_path

log = logging.getLogger(__name__)
_LINGER = 0.2  # [s] the store stays open for the other questions of a dashboard; the driver waits so much longer


def main(options: argparse.Namespace) -> int:
    """Serve until somebody ends it."""
    settings = load_settings(options)
    context = context_of(settings, options.project, loopback=_loopback(options.host))
    _refuse(settings, options.host, context)
    _refuse_home(settings.home)
    with _alone(settings.home) as told, closing(context.store), closing(listen(options.host, options.port)) as ear:
        address = _address(options.host, ear.getsockname()[1])
        here = json.dumps({"address": address, "process": os.getpid()})
        told.write_text(here, encoding="utf-8")
        with open_log(settings.home, settings.log, "serve.log", ("fieldline", "uvicorn", "asyncio")):
            parse("SHOW DATABASES")  # the first question need not wait for the grammar
            try:
                welcome = hints.whole(_welcome(address, context), options)
                serve(build(context), ear, context.limits, lambda: print(welcome, flush=True))
            except KeyboardInterrupt:
                print("ended")
    return DONE


def context_of(settings: Settings, project: Path, loopback: bool) -> Context:
    """What the parts of the server are handed."""
    return Context(
        home=settings.home,
        store=Embedded(store_path(settings), settings.wait_seconds, linger_seconds=_LINGER),
        keys=Keys(settings.home / "keys.json"),
        tables=_tables(project / "drivers"),
        zone=settings.defaults.utc_offset,
        loopback=loopback,
        now=lambda: pd.Timestamp.now("UTC"),
        aliases=settings.quality.aliases,
        heights=settings.quality.site.heights,
        instruments=settings.quality.site.instruments,
    )


def _refuse(settings: Settings, host: str, context: Context) -> None:
    """Refuse what can't be served, or not so. Raises: UsageError, InputError."""
    if settings.store != "embedded":
        found, fix = f"store: {settings.store}", "Let Grafana ask that server, or set `store: embedded`."
        raise UsageError("fieldline serve", found, "the embedded store, which this shows", fix)
    if context.keys.any_good() or context.loopback:
        return
    fix = "Make one: fieldline keys add NAME --read BUCKET. Or leave --host out: then only this machine can connect."
    raise UsageError(f"--host {host}", "no API key", "at least one, since others can connect", fix)


def _refuse_home(home: Path) -> None:
    """Refuse a home in which this user can't write. Raises: UsageError."""
    lock = home / "serve.lock"
    try:
        home.mkdir(parents=True, exist_ok=True)
        with lock.open("a", encoding="utf-8"):
            pass
    except OSError as error:
        fix = "Let its owner give the right to this user, serve as that owner, or choose another --home."
        raise UsageError(str(lock), error.strerror or str(error), "a file that this user can write", fix) from error


@contextmanager
def _alone(home: Path) -> Iterator[Path]:
    """Be the only server of a home; a file, gone afterwards, for what another one should know. Raises: Busy."""
    told, lock = home / "serve.json", FileLock(home / "serve.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        words = f"fieldline serves {home} already{_where(told)}"
        raise Busy(f"{words}; end that first, or choose another --home") from error
    try:
        told.unlink(missing_ok=True)  # of a server that was killed
        yield told
    finally:
        with suppress(OSError):  # Windows, while somebody reads it
            told.unlink(missing_ok=True)
        lock.release()


def _where(told: Path) -> str:
    """Address and process of the server that has the home; nothing where it has not said them yet."""
    try:
        words = json.loads(told.read_text(encoding="utf-8"))
        return f", at {words['address']}/ (process {words['process']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _tables(folder: Path) -> tuple[type[DataTable], ...]:
    """The declared tables of all drivers; one that is broken is told and left out."""
    found: list[type[DataTable]] = []
    for name in drivers.names(folder):
        try:
            found += drivers.load(folder, name)
        except FieldlineError as error:
            print(error, file=sys.stderr)
    return tuple(found)


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _address(host: str, port: int) -> str:
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}"


def _welcome(address: str, context: Context) -> str:
    reading = "a key" if context.keys.any() or not context.loopback else "no key until one is made"
    return f"""{address}/
  browser       open that address
  Grafana       data source InfluxDB, query language InfluxQL, URL {address}, database: a bucket
  Telegraf, influxdb-client, curl   write to {address} with a key: fieldline keys add NAME --write BUCKET
Reading needs {reading}, writing always one. Ctrl-C ends it."""
