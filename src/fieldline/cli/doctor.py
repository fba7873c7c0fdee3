"""`fieldline doctor`: everything that a run needs, looked at once; each line ok, warn or fail with what to do."""

from __future__ import annotations

import argparse
import functools
import json
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime

from . import DONE, FAILED, USAGE, hints
from .examine import Finding, Visit, bounded, place, program, setup, waiting
from .show import coloured

Look = tuple[str, Callable[[], Iterable[Finding]], float]  # its name, what looks, how long it may take [s]

_COLOURS = {"ok": "32", "warn": "33", "fail": "31"}
_SHORT, _LONG = 30.0, 120.0  # [s]
_ALIKE = 20  # lines without trouble of one name in a row that are printed


def main(options: argparse.Namespace) -> int:
    """Look, print, and return the exit status: 0 nothing fails, 1 something does, 2 the configuration is wrong."""
    logging.getLogger("fieldline").addHandler(logging.NullHandler())
    found: list[Finding] = []
    settings, problems = setup.configuration(options)
    looks: list[Look] = [
        ("program", program.look, _SHORT),
        ("configuration", functools.partial(setup.problems, options, problems), _SHORT),
    ]
    if settings is None:
        looks.append(("drivers", functools.partial(setup.code, options.project, set()), _SHORT))
    else:
        looks += _looks(Visit(options.project, settings, datetime.now(UTC)))
    for name, look, seconds in looks:
        new = [
            replace(one, text=hints.whole(one.text, options), remedy=hints.whole(one.remedy, options))
            for one in bounded(name, look, seconds)
        ]
        found += new
        for line in () if options.json else _pictures(new, coloured(sys.stdout)):
            print(line, flush=True)
    status = USAGE if problems else FAILED if any(one.state == "fail" for one in found) else DONE
    if options.json:
        counts = {state: sum(one.state == state for one in found) for state in _COLOURS}
        report = {"verb": "doctor", "status": status, **counts, "findings": [asdict(one) for one in found]}
        print(json.dumps(report))
    else:
        print(_sum(found))
    return status


def _looks(visit: Visit) -> Iterator[Look]:
    """What to look at, in order; `files` finds the tables that later ones speak of."""
    from .examine import files, store

    used = {job.driver for job in visit.settings.jobs if job.driver}
    yield "secret.py", functools.partial(setup.secret, visit), _SHORT
    yield "drivers", functools.partial(setup.code, visit.project, used), _SHORT
    yield "home", functools.partial(place.home, visit), _SHORT
    yield "clock", functools.partial(place.clock, visit.now), _SHORT
    yield "last run", functools.partial(place.runs, visit), _SHORT
    yield "files", functools.partial(files.look, visit), _LONG
    yield "checks", functools.partial(setup.quality, visit), _SHORT
    yield "store", functools.partial(store.look, visit), _LONG
    yield "outbox", functools.partial(waiting.look, visit), _SHORT
    yield "quarantine", functools.partial(waiting.quarantine, visit), _SHORT
    yield "archive", functools.partial(waiting.archive, visit), _SHORT


def _pictures(found: Iterable[Finding], painted: bool) -> Iterator[str]:
    """A line for each finding, the remedy below it; many that are all well become one."""
    alike: dict[str, int] = {}
    for one in found:
        alike[one.name] = alike.get(one.name, 0) + (one.state == "ok")
        if one.state == "ok" and alike[one.name] > _ALIKE:
            continue
        state = f"\x1b[{_COLOURS[one.state]}m{one.state:<4}\x1b[0m" if painted else f"{one.state:<4}"
        yield f"{state}  {one.name:<13}  {one.text}"
        if one.remedy:
            yield f"{'':<4}  {'':<13}  -> {one.remedy}"
    for name, count in alike.items():
        if count > _ALIKE:
            yield f"{'ok':<4}  {name:<13}  and {count - _ALIKE:,} more; --json lists all"


def _sum(found: list[Finding]) -> str:
    counts = {state: sum(one.state == state for one in found) for state in ("fail", "warn")}
    if not any(counts.values()):
        return "all is well"
    return ", ".join(f"{count} {state}" for state, count in counts.items() if count)
