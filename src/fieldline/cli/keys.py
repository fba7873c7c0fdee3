"""`fieldline keys`: who may read and write through the server."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from .. import settings as configuration
from ..errors import ConfigError, Unreachable, UsageError
from ..serve.keys import ALL, Key, Keys
from ..settings import Settings
from . import DONE, hints
from .configured import load_settings
from .examine.place import busy
from .show import table
from .stores import open_store, store_path

log = logging.getLogger(__name__)


def main(options: argparse.Namespace) -> int:
    """Make, list or revoke keys."""
    settings = load_settings(options)
    keys = Keys(settings.home / "keys.json")
    if options.act == "list":
        print(hints.whole(_listed(keys), options))
        return DONE
    if not options.name:
        raise UsageError(f"keys {options.act}", "no name", "the name of a key", f"fieldline keys {options.act} NAME")
    if options.act == "revoke":
        key = keys.revoke(options.name)
        print(f"{key.name} (fl_{key.id}_...) is not taken any more", file=sys.stderr)
        return DONE
    read, write = options.read or [], options.write or []
    text, key = keys.add(options.name, read if read or write else [ALL], write, options.days)
    print(text)
    for bucket in _strange(settings, [*read, *write]):
        print(
            f"note: there is no bucket {bucket!r} yet; `fieldline read` lists those there are, docs/api.md makes one",
            file=sys.stderr,
        )
    holds = f"reads {_names(key.read)}, writes {_names(key.write)}, {_until(key)}"
    print(
        f"This is shown once; {keys.path} keeps only its hash. {_served(options, settings)}. {key.name}: {holds}.\n"
        "Send it as `Authorization: Token ...`, or as the password of any user.",
        file=sys.stderr,
    )
    return DONE


def _served(options: argparse.Namespace, settings: Settings) -> str:
    """Whether a server takes the keys of this home, and which home has one if it is another."""
    if _is_served(settings.home):
        return "The server that runs on this home takes it at once"
    others = [home for home in _other_homes(options) if home != settings.home and _is_served(home)]
    where = f" (one runs on {', '.join(map(str, others))}, which has keys of its own)" if others else ""
    return f"No server runs on this home{where}"


def _is_served(home: Path) -> bool:
    return busy(home / "serve.lock")


def _other_homes(options: argparse.Namespace) -> list[Path]:
    """The homes of all configurations of the project."""
    homes = list[Path]()
    for path in sorted((options.project / "config").glob("*.yaml")):
        with suppress(ConfigError):  # the log of maintenance is among them
            homes.append(configuration.from_project(options.project, path, None, os.environ).home)
    return list(dict.fromkeys(homes))


def _strange(settings: Settings, named: list[str]) -> list[str]:
    """The buckets named that the store does not have; none where it can't be asked."""
    wanted = dict.fromkeys(name for name in named if name != ALL)
    if not wanted or settings.store != "embedded" or not store_path(settings).exists():
        return []
    store = open_store(settings)
    try:
        there = store.buckets()
    except Unreachable as error:
        log.info("which buckets there are can't be told: %s", error)
        return []
    finally:
        store.close()
    return [name for name in wanted if name not in there]


def _listed(keys: Keys) -> str:
    used, now = keys.used(), datetime.now(UTC)
    rows = [
        (
            key.name,
            f"fl_{key.id}_...",
            _names(key.read),
            _names(key.write),
            key.made[:10],
            _until(key),
            used.get(key.id, "-"),
            key.state(now),
        )
        for key in keys.all()
    ]
    heads = ("name", "key", "reads", "writes", "made", "holds", "last used", "state")
    return table(heads, rows) if rows else "there is no key; make one with: fieldline keys add NAME --write BUCKET"


def _names(buckets: tuple[str, ...]) -> str:
    return "every bucket" if ALL in buckets else ", ".join(buckets) or "nothing"


def _until(key: Key) -> str:
    return f"until {key.expires[:16]}Z" if key.expires else "until revoked"
