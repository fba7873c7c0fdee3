"""The list of the faults that stand in the files: `truth.json`, extended with each run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import InputError
from .faults import Event
from .sun import UTC_OFFSET_HOURS

NAME = "truth.json"
STATES = ("half_line", "overwrite")  # true of a file as it is now, not of a moment


def utc(seconds: int) -> str:
    """ISO 8601 with Z for seconds since 1970 on the station's clock."""
    return datetime.fromtimestamp(seconds - UTC_OFFSET_HOURS * 3600, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def entry(event: Event, first: int, last: int) -> dict[str, Any]:
    """An event as listed, no longer than from `first` to `last` [s, station clock], the time that the files show."""
    name = "" if event.fault in STATES else f"/{utc(event.start)}"
    listed: dict[str, Any] = {
        "table": event.table,
        "field": event.field,
        "fault": event.fault,
        "start": utc(max(event.start, first)),
        "end": utc(min(event.end, last)),
    }
    if event.magnitude is not None:
        listed["magnitude"] = event.magnitude
    return listed | dict(event.extra) | {"id": f"{event.table}/{event.fault}{name}"}


def _known(path: Path) -> list[dict[str, Any]]:
    try:
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        return [dict(item, id=str(item["id"])) for item in known]
    except (ValueError, TypeError, KeyError) as error:
        fix = "Delete the file, or simulate into an empty folder."
        raise InputError(str(path), repr(error), "the list of faults of an earlier run", fix) from error


def extend(folder: Path, entries: Iterable[dict[str, Any]], written: frozenset[str]) -> None:
    """Add `entries` to the list: one that goes on becomes longer, a state of a table in `written` is replaced."""
    path = folder / NAME
    before = _known(path)
    stale = {f"{table}/{state}" for table in written for state in STATES}
    listed = {item["id"]: item for item in before if item["id"] not in stale}
    for item in entries:
        earlier = listed.get(item["id"], item)
        spread = {"start": min(earlier["start"], item["start"]), "end": max(earlier["end"], item["end"])}
        listed[item["id"]] = item | spread
    after = sorted(listed.values(), key=lambda item: (item["start"], item["id"]))
    if after != before or not path.exists():
        text = ",\n".join(json.dumps(item) for item in after)
        path.write_text(f"[\n{text}\n]\n" if after else "[]\n", encoding="utf-8", newline="\n")
