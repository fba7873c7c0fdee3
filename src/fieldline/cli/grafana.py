"""`fieldline dashboards push|share|unshare|list`: what goes into a Grafana through its API, and what is there."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from ..dashboards import PUBLIC, Site, dashboards, sharing
from ..dashboards.grafana_api import Grafana
from ..dashboards.push import push
from ..dashboards.site import title_of
from ..dashboards.steps import KEPT, NEW, REFUSED, SAME, SILENT, UPDATED, Step, Way
from ..errors import UsageError
from ..settings import Settings
from . import DONE, FAILED, QUARANTINED
from .configured import load_settings
from .show import table
from .site import site_of, wanted

ATTENTION = QUARANTINED  # done, but a person should look
_LINES = 30  # of what changes in one thing


def send(options: argparse.Namespace) -> int:
    """Bring everything into Grafana; 0 done, 1 something was refused, 3 something of a person's was left alone."""
    settings = load_settings(options)
    with _grafana(settings) as grafana:
        site = site_of(options)
        stations = wanted(site, options.station)
        states: Counter[str] = Counter()
        before: tuple[str, ...] = ()
        way = Way(grafana, options.overwrite, options.dry_run)
        for step in push(way, site, _token(settings), stations):
            states[step.state] += 1
            for line in _told(step, options.dry_run, step.lines == before):
                print(line, flush=True)
            before = step.lines or before
        print(_sum(states, grafana, options.dry_run))
        if options.share and not options.dry_run:
            states.update(_shared(grafana, site, stations or site.stations))
    return FAILED if states[REFUSED] else ATTENTION if states[KEPT] or states[SILENT] else DONE


def share(options: argparse.Namespace) -> int:
    """Print the public link of a dashboard; make it first if there is none."""
    with _grafana(load_settings(options)) as grafana:
        print(sharing.share(grafana, _name(options)))
    return DONE


def unshare(options: argparse.Namespace) -> int:
    """End a public link."""
    with _grafana(load_settings(options)) as grafana:
        ended = sharing.unshare(grafana, _name(options))
    words = "is not public any more; its link leads nowhere" if ended else "was not public"
    print(f"{options.target} {words}", file=sys.stderr)
    return DONE


def show(options: argparse.Namespace) -> int:
    """What of ours is in Grafana, and how it stands."""
    with _grafana(load_settings(options)) as grafana:
        site = site_of(options)
        made = dashboards(site, wanted(site, options.station))
        found = sharing.listed(grafana, made)
        rows = [(one.title, one.state, one.folder or "-", one.link or "-", one.uid) for one in found]
    print(table(("dashboard", "state", "folder", "public link", "uid"), rows))
    return DONE


@contextmanager
def _grafana(settings: Settings) -> Iterator[Grafana]:
    own = settings.grafana
    grafana = Grafana(own.url, own.token.get_secret_value() if own.token else "")
    try:
        yield grafana
    finally:
        grafana.close()


def _token(settings: Settings) -> str:
    """What Grafana shows to the store: a key or token for it alone, else the one that fieldline writes with."""
    own = os.environ.get("FIELDLINE_TOKEN", "").strip()
    if own or settings.store != "influxdb":
        return own
    return settings.influxdb.token.get_secret_value() if settings.influxdb.token else ""


def _name(options: argparse.Namespace) -> str:
    if not options.target:
        fix = f"fieldline dashboards {options.act} STATION"
        raise UsageError(f"dashboards {options.act}", "no name", "a station, or a dashboard's uid or title", fix)
    return str(options.target)


def _told(step: Step, dry: bool, again: bool) -> Iterator[str]:
    """A step as lines: what is the same only in the sum, what changes in full when nothing is written."""
    if step.state == SAME:
        return
    again = again and step.state == SILENT
    yield f"{step.state:<8}  {step.kind:<13}  {step.name}{', for the same reason' if again else ''}"
    if again:
        return
    most = _LINES if dry or step.state in (REFUSED, SILENT) else 1 if step.state == KEPT else 0
    for line in step.lines[:most]:
        yield f"{'':<8}  {line}"
    if most and len(step.lines) > most:
        more = len(step.lines) - most
        yield f"{'':<8}  and {more} more{'' if dry else '; --dry-run shows them'}"


def _sum(states: Counter[str], grafana: Grafana, dry: bool) -> str:
    """What a push did in one line."""
    words = ", ".join(f"{count} {state}" for state, count in states.items() if state != SAME)
    same = f"{states[SAME]} as they are" if states[SAME] else ""
    text = f"{grafana.url} (Grafana {grafana.version}): {', '.join(filter(None, [words, same]))}"
    return f"{text}; nothing was written" if dry or not (states.keys() & {NEW, UPDATED, "deleted"}) else text


def _shared(grafana: Grafana, site: Site, stations: tuple[str, ...]) -> Iterator[str]:
    """Share the public copy of each station; the state of each that was refused."""
    from ..dashboards.grafana_api import Away, Refused

    for station in stations:
        try:
            print(f"{title_of(station)}: {sharing.share(grafana, site.part(station, PUBLIC))}")
        except Away:
            raise
        except (Refused, UsageError) as error:
            print(error, file=sys.stderr)
            yield REFUSED
