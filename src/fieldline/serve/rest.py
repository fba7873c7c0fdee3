"""JSON and files for scripts: the newest rows, devices, histories; with ingest and export.

A device is a value of a tag named station, device_id, node or serial; a series without such a tag goes by the name of
its measurement. Times are ISO 8601 UTC with Z.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Path, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request

from ..groups.windows import read_windows
from ..ports import FLAG_ENDS
from .access import authorize
from .asked import example, one_of, seconds
from .context import Context
from .export import router as export
from .intake import router as intake
from .latest import RUNS, Latest, Series, apart, iso, latest_of, of_tags, plain
from .replies import Json, strict
from .states import HEARD, state_of

MOST_ROWS = 100_000  # of an answer
MOST_READ = 2_000_000  # rows that one answer may look at
HISTORY_ROWS = 1_440  # of /measurements/{id}/latest: a day of minutes, as ISEMS has it
_LONGEST = 50 * 366 * 86_400  # [s] that it looks back
HIDDEN_DAYS = 30  # /measurements/latest hides what is silent for longer

_NEWEST = {
    "bucket": "field",
    "measurement": "tower",
    "tags": {"station": "46m"},
    "time": "2026-06-25T10:50:00Z",
    "fields": {"PPFD": 601.2},
    "flags": {"PPFD": 1},
}
_SEEN = {"last_seen": "2026-06-25T10:50:00Z", "time_since_last_seen": 12.5, "status": "online", "state": "good"}
_NODE = {"id": 1, "nodeId": "46m", "bucket": "field", "measurement": "tower", "PPFD": 601.2}
_ISEMS = {"measurements": [{**_NODE, "timestamp": "2026-06-25T10:50:00Z"}]}

_EVERY = "Instead of rows, means of so long: of vectors for directions, and sums for totals such as rain."
Device = Annotated[str, Path(description="A value of the tag station, device_id, node or serial.", examples=["46m"])]
Bucket = Annotated[str | None, Query(description="Only this bucket.", examples=["field"])]
Measurement = Annotated[str | None, Query(description="Only this measurement.", examples=["tower"])]


def router(context: Context) -> APIRouter:
    """The endpoints."""
    routes = APIRouter()
    routes.include_router(intake(context))
    routes.include_router(_newest(context))
    routes.include_router(_devices(context))
    routes.include_router(_isems(context))
    routes.include_router(export(context))
    return routes


def _newest(context: Context) -> APIRouter:
    routes = APIRouter(tags=["REST"])

    @routes.get("/api/latest", responses=example([_NEWEST], "The newest row of each series."))
    def latest(request: Request, bucket: Bucket = None, measurement: Measurement = None) -> Json:
        """The newest row of each series of each measurement. flags: of the fields that have one, as QARTOD numbers."""
        strict(request, ("bucket", "measurement"))
        found = _readable(context, request, bucket)
        if measurement is not None:
            one_of("measurement", measurement, {one.measurement for one in found})
        return Json([_told(one) for one in found if measurement in (None, one.measurement)])

    return routes


def _devices(context: Context) -> APIRouter:
    routes = APIRouter(tags=["REST"])
    latest = latest_of(context)

    @routes.get("/api/devices/status", responses=example({"46m": {**_SEEN, "series": []}}, "By device."))
    def status(
        request: Request,
        within: Annotated[str | None, Query(description="Online means: heard within this.", examples=["10s"])] = None,
    ) -> Json:
        """When each device was last heard. It is online if its newest series is good or late, as the page has it;
        state: good, late, silent, ahead (of the clock) or unknown (how often rows come)."""
        strict(request, ("within",))
        limit = None if within is None else float(seconds("within", within))
        found: dict[str, dict[str, Any]] = {}
        for one in _instruments(_readable(context, request)):
            seen = _seen(latest, one, limit)
            device = found.setdefault(name_of(one), {**seen, "series": []})
            if seen["time_since_last_seen"] < device["time_since_last_seen"]:
                device.update(seen)
            more = {"bucket": one.bucket, "measurement": one.measurement, "tags": one.tags}
            device["series"].append({**more, **seen, "interval": latest.interval(one)})
        return Json(found)

    @routes.get(
        "/api/devices/{device_id:path}/latest",
        responses=example({"device_id": "46m", **_SEEN, "series": [_NEWEST]}, "Its newest rows."),
    )
    def newest(request: Request, device_id: Device) -> Json:
        """The newest row of each series of one device."""
        strict(request, ())
        found = _of_device(context, request, device_id)
        last = max(found, key=lambda one: one.time)
        return Json({"device_id": device_id, **_seen(latest, last, None), "series": [_told(one) for one in found]})

    @routes.get(
        "/api/devices/{device_id:path}/history",
        responses=example(
            {
                "device_id": "46m",
                "start": "2026-06-25T10:45:00Z",
                "end": "2026-06-25T10:50:00Z",
                "series": [{**{key: _NEWEST[key] for key in ("bucket", "measurement", "tags")}, "rows": []}],
            },
            "Rows, oldest first.",
        ),
    )
    def history(
        request: Request,
        device_id: Device,
        duration: Annotated[str, Query(description="How far back.", examples=["5m"])] = "5m",
        every: Annotated[str | None, Query(description=_EVERY, examples=["1s"])] = None,
    ) -> Json:
        """The rows of one device from so long ago until now."""
        strict(request, ("duration", "every"))
        now, length = context.now(), seconds("duration", duration)
        width = None if every is None else seconds("every", every)
        start = now - pd.Timedelta(seconds=length)
        series = _of_device(context, request, device_id)
        _refuse_many(latest, series, length, width)
        told = [
            {**_named(one), "rows": [{"time": time, "fields": row} for time, row in _rows(context, one, start, width)]}
            for one in series
        ]
        span = {"start": iso(start.as_unit("ns").value), "end": iso(now.as_unit("ns").value)}
        return Json({"device_id": device_id, **span, "series": told})

    return routes


def _isems(context: Context) -> APIRouter:
    """The form that the app of ISEMS, the solar mesh, reads; for every measurement."""
    routes = APIRouter(tags=["REST"])

    @routes.get("/measurements/latest", responses=example(_ISEMS, "The newest row of each node."))
    def latest(
        request: Request,
        all: Annotated[
            str | None, Query(description="true: also nodes silent for over 30 days.", examples=["true"])
        ] = None,
    ) -> Json:
        """The newest row of each series, in the form of ISEMS; those silent for more than 30 days only if asked."""
        strict(request, ("all",))
        if all not in (None, "true", "false"):
            raise HTTPException(422, "all: expected true or false")
        now = context.now()
        series = _instruments(_readable(context, request))
        found = [one for one in series if all == "true" or one.age(now) <= HIDDEN_DAYS * 86_400]
        return Json({"measurements": [_node(place, one) for place, one in enumerate(found, 1)]})

    @routes.get("/measurements/{node_id:path}/latest", responses=example(_ISEMS, "Rows, newest first."))
    def newest(
        request: Request,
        node_id: Annotated[str, Path(description="As nodeId in /measurements/latest.", examples=["46m"])],
    ) -> Json:
        """The newest 1440 rows of one node, newest first, in the form of ISEMS."""
        strict(request, ())
        found = [row for one in _of_device(context, request, node_id) for row in _last_rows(context, one)]
        found.sort(key=lambda row: row.time, reverse=True)
        return Json({"measurements": [_node(place, one) for place, one in enumerate(found[:HISTORY_ROWS], 1)]})

    return routes


def name_of(one: Series) -> str:
    """What a series is called in an address: its device, or its measurement where no tag names one."""
    return one.device or one.measurement


def _readable(context: Context, request: Request, bucket: str | None = None) -> list[Series]:
    """The newest rows that the request may see. Raises: HTTPException."""
    access = authorize(context, request, "read", bucket)
    if bucket is not None:
        one_of("bucket", bucket, context.store.buckets())
    return latest_of(context).series(lambda name: bucket in (None, name) and access.may("read", name))


def _instruments(series: list[Series]) -> list[Series]:
    """Without what fieldline writes of its own runs."""
    return [one for one in series if one.measurement != RUNS]


def _of_device(context: Context, request: Request, device: str) -> list[Series]:
    found = _instruments(_readable(context, request))
    one_of("device", device, {name_of(one) for one in found})
    return [one for one in found if name_of(one) == device]


def _named(one: Series) -> dict[str, Any]:
    return {"bucket": one.bucket, "measurement": one.measurement, "tags": one.tags}


def _told(one: Series) -> dict[str, Any]:
    return {**_named(one), "time": iso(one.time), "fields": one.fields, "flags": one.flags}


def _seen(latest: Latest, one: Series, within: float | None) -> dict[str, Any]:
    """When a series was last heard."""
    age = one.age(latest.context.now())
    state = state_of(age, latest.interval(one))
    online = state in HEARD if within is None else state != "ahead" and age <= within
    return {
        "last_seen": iso(one.time),
        "time_since_last_seen": round(age, 3),
        "status": "online" if online else "offline",
        "state": state,
    }


def _node(number: int, one: Series) -> dict[str, Any]:
    """A row as ISEMS has it; `status` is a word of bits there, told as 0x300."""
    fields: dict[str, Any] = dict(one.fields)
    status = fields.get("status")
    if isinstance(status, int | float) and not isinstance(status, bool) and status == int(status) >= 0:
        fields["status"] = f"{int(status):#05x}"
    about = {"bucket": one.bucket, "measurement": one.measurement, "timestamp": iso(one.time)}
    return {**fields, "id": number, "nodeId": name_of(one), **about}


def _refuse_many(latest: Latest, series: list[Series], length: int, width: int | None) -> None:
    """Raise HTTPException 422, if an answer would be too long or look at too much."""
    rows = 0.0
    for one in series:
        step = latest.interval(one) or 1.0
        beside = sum(other.measurement == one.measurement and other.bucket == one.bucket for other in latest.series())
        if width is None and length / step * beside > MOST_READ:
            rows = MOST_ROWS + 1.0
        rows += length / max(step, width or 0)
    if rows > MOST_ROWS:
        raise HTTPException(
            422, f"that is more than {MOST_ROWS:,} rows; ask for means (every=1m) or a shorter duration"
        )


def _rows(
    context: Context, one: Series, start: pd.Timestamp, width: int | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Times and fields of one series, oldest first."""
    every, fields = None, None
    if width is not None:
        every = pd.Timedelta(seconds=width)
        known = context.store.fields(one.bucket, one.measurement)
        numbers = [name for name, field in known.items() if not field.tag and field.kind in ("number", "integer")]
        fields = [name for name in numbers if not name.endswith(FLAG_ENDS)]
        if not fields:
            return
    if every is None:
        frame = context.store.read(one.bucket, one.measurement, start=start)
    else:
        frame = read_windows(
            context.store,
            *(one.bucket, one.measurement),
            every=every,
            fields=fields,
            start=start,
            aliases=context.aliases,
        )
    for row in _series_of(of_tags(frame, one.tags), one):
        yield iso(row.time), dict(row.fields)


def _series_of(frame: pd.DataFrame, one: Series) -> Iterator[Series]:
    """Each row of a frame that has rows of this series alone."""
    columns = {str(name): plain(frame[name]) for name in frame.columns if name not in one.tags}
    for place, time in enumerate(frame.index.as_unit("ns").asi8.tolist()):  # type: ignore[attr-defined]
        row = {name: values[place] for name, values in columns.items() if values[place] is not None}
        fields, flags = apart(row)
        yield Series(one.bucket, one.measurement, one.tags, time, fields, flags, one.units)


def _last_rows(context: Context, one: Series) -> list[Series]:
    """The newest rows of a series, in no order: looks back further until there are enough, or nothing is left."""
    latest = latest_of(context)
    beside = sum((other.bucket, other.measurement) == (one.bucket, one.measurement) for other in latest.series())
    step = latest.interval(one) or 60.0
    wanted = max(1, min(HISTORY_ROWS, MOST_READ // beside))
    end = pd.Timestamp(one.time + 1, tz="UTC")
    length, frame = wanted * step, pd.DataFrame()
    for _ in range(5):
        start = end - pd.Timedelta(seconds=min(length, _LONGEST))
        frame = of_tags(context.store.read(one.bucket, one.measurement, start=start, end=end), one.tags)
        if len(frame) >= wanted:
            break
        length *= 8
    return list(_series_of(frame.iloc[-HISTORY_ROWS:], one))
