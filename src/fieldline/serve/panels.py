"""What the page draws, as JSON: the layout, the state of each table, and the numbers of each panel.

Times are whole milliseconds since 1970 UTC. A request is answered by one look at the store; long ranges by windows that
keep the lowest and highest value and the worst flag.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, TypeVar

import numpy as np
import pandas as pd
from fastapi import APIRouter, Depends, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..errors import Rejected
from ..groups import Known, apart, declared, drawable, levels
from ..groups.kinds import is_direction, is_total, sort
from ..ports import Field
from ..sinks.looking import Look, Wanted, Wind
from ..sources.memory import Memory
from . import pictures
from .access import Access, authorize
from .context import Context
from .latest import Series, declared_interval
from .layouts import Layouts
from .pictures import MILLI, SECOND, Asked
from .replies import Json, shown, strict
from .rollup import Heads, Rollup, Roses, Steps
from .states import battery_state, state_of, words_of

T = TypeVar("T")
RUNS = "runs"  # what became of fieldline's own runs is no measurement of the station
LONGEST = 20 * 366 * 86_400_000  # [ms] of a request
MOST_FIELDS = 40  # of a request
DAILY = 366 * 86_400_000 * 3  # [ms] of a fingerprint or a map of what is missing
EDGES = (0.5, 2.0, 4.0, 6.0, 8.0, 10.0)  # [m s-1] lower ends of the classes of a rose; below the first it is calm
_TIME = {"ge": -9_000_000_000_000, "le": 9_000_000_000_000}  # [ms]: what fits into nanoseconds

Bucket = Annotated[str, Query(description="The bucket.", examples=["field"])]
Measurement = Annotated[str, Query(description="The measurement: one table of a logger.", examples=["tower"])]
Station = Annotated[
    str,
    Query(
        description="The series, as the layout has it: the tag `station` (or device_id, node, serial); where the table"
        " has other tags only, all of them, as in `cpu=cpu0,host=a`; empty for all rows of such a table, or of one"
        " without tags.",
        examples=["46m"],
    ),
]
Start = Annotated[int, Query(description="First time [ms since 1970 UTC].", examples=[1750000000000], **_TIME)]
End = Annotated[int, Query(description="Before this time [ms since 1970 UTC].", examples=[1750086400000], **_TIME)]
Fields = Annotated[
    list[str], Query(alias="field", description="The fields, each once.", examples=[["PPFD"]], max_length=MOST_FIELDS)
]
Speed = Annotated[str, Query(description="The field with the wind speed.")]
Direction = Annotated[str, Query(description="The field with the direction that the wind comes from.")]
Time = Annotated[int, Query(description="The time [ms since 1970 UTC].", examples=[1750000000000], **_TIME)]
OneField = Annotated[str, Query(alias="field", description="One field.")]
Points = Annotated[int, Query(ge=50, le=4000, description="How many times there is room for.")]
Good = Annotated[int, Query(ge=0, le=1, description="1: without values that a check failed or suspects.")]


@dataclass(frozen=True)
class Span:
    """One table and a range of time, as a request names them."""

    bucket: Bucket
    measurement: Measurement
    start: Start
    end: End
    station: Station = ""

    names = ("bucket", "measurement", "station", "start", "end")


At = Annotated[Span, Depends()]


@dataclass(frozen=True)
class Desk:
    """What the endpoints share."""

    context: Context
    rollup: Rollup
    heads: Heads
    roses: Roses
    steps: Steps

    def look(
        self, request: Request, at: Span, more: tuple[str, ...], work: Callable[[Look], T], longest: int = LONGEST
    ) -> T:
        """What `work` makes of the table that a request names, once it may and makes sense.

        Raises: HTTPException 400 (unknown parameter, bad range), 401, 403, 404 (no such table or field).
        """
        strict(request, (*at.names, *more), ("field",))
        authorize(self.context, request, "read", at.bucket)
        refuse_range(at, longest)
        return self.ask(at.bucket, at.measurement, work)

    def ask(self, bucket: str, measurement: str, work: Callable[[Look], T]) -> T:
        """As Embedded.look. Raises: HTTPException 404."""
        try:
            return self.context.store.look(bucket, measurement, work)
        except Rejected as error:
            raise HTTPException(404, _without_place(str(error))) from error

    def newest(self, look: Look, station: str) -> int | None:
        """The newest time of a series. [ms]"""
        ends = self.ends(look, station)
        return None if ends is None else ends[1] // MILLI

    def ends(self, look: Look, station: str) -> tuple[int, int] | None:
        """The first and the newest time of a series, or of all for '' where no series has this name. [ns]"""
        known = self.heads.ends(look)
        if station or "" in known or not known:
            return known.get(station)
        return min(first for first, _ in known.values()), max(last for _, last in known.values())

    def midnight(self) -> int:
        """When today began on the station's clock. [ns]"""
        today = int(pictures.local(np.array([self.now()]), self.context.zone)[0]) // pictures.DAY
        return pictures.midnights([today], self.context.zone)[0] * MILLI

    def is_direction(self, field: Field) -> bool:
        """Whether the values of a field go round."""
        at = levels.place(field.name.removesuffix("_corrected"))
        return is_direction(sort(field, at, self.context.aliases), at, field.unit)

    def is_total(self, field: Field) -> bool:
        """Whether windows have the sum of a field's values."""
        at = levels.place(field.name.removesuffix("_corrected"))
        return is_total(sort(field, at, self.context.aliases), at, field)

    def now(self) -> int:
        """[ns]"""
        return int(self.context.now().as_unit("ns").value)


def _without_place(words: str) -> str:
    """A message of the store without the path of its file and the other buckets, which are nobody's business."""
    _, _, rest = words.partition(", bucket ")
    return f"bucket {rest}" if rest else "there is no such bucket"


def refuse_range(at: Span, longest: int) -> None:
    """Raise HTTPException 400 for a range that is none, or too long. [ms]"""
    if at.start >= at.end:
        raise HTTPException(400, f"start: found {at.start}, expected a time before end ({at.end})")
    if at.end - at.start > longest:
        days, most = (span // 86_400_000 for span in (at.end - at.start, longest))
        raise HTTPException(400, f"end: found {days} days after start, expected at most {most}")


def router(context: Context) -> APIRouter:
    """The endpoints."""
    path = context.store.path
    desk = Desk(context, Rollup(path), Heads(path), Roses(path), Steps())
    routes = APIRouter(tags=["page"])
    _whole(routes, desk)
    _lines(routes, desk)
    _daily(routes, desk)
    _wind(routes, desk)
    return routes


# ---- the whole -------------------------------------------------------------------------------------------------------


def _whole(routes: APIRouter, desk: Desk) -> None:
    layouts = Layouts(desk.context, partial(known, desk))

    @routes.get("/api/layout")
    def layout(request: Request) -> Response:
        """Every table and field with label, unit, place and colour, and the panels that show them."""
        strict(request, ())
        access = authorize(desk.context, request, "read", None)
        return Response(layouts.body(lambda bucket: access.may("read", bucket)), media_type=Json.media_type)

    @routes.get("/api/status")
    def status(request: Request) -> Json:
        """How old each table's newest row is, and whether that is good; the last run."""
        strict(request, ())
        access = authorize(desk.context, request, "read", None)
        return Json(
            {
                "now": desk.now() // MILLI,
                "tables": list(_states(desk, access)),
                "run": _run(desk, access),
            }
        )


def known(desk: Desk) -> list[Known]:
    """The tables of the store, each with its series and how far apart their rows are."""
    found = []
    for bucket, measurements in desk.context.store.catalogue().items():
        for measurement, fields in measurements.items():
            if measurement != RUNS and drawable(fields):
                found += desk.ask(bucket, measurement, partial(_known_of, desk, fields))
    return found


def _known_of(desk: Desk, fields: dict[str, Field], look: Look) -> list[Known]:
    every = intervals(desk, look, few(look, desk.heads.newest(look)))
    table = (look.table.bucket, look.table.measurement)
    return [Known(*table, name, fields, step, look.tags(name) or {}) for name, step in every.items()]


def few(look: Look, newest: Mapping[str, int]) -> Mapping[str, int]:
    """The series that are shown, with their newest time [ns]: all devices, but of other tags, of which a table may have
    any number, at most apart.MOST_SERIES."""
    if len(newest) <= apart.MOST_SERIES or look.by_device:
        return newest
    return {name: newest[name] for name in apart.few(newest, apart.MOST_SERIES, pictures.DAY)}


def _states(desk: Desk, access: Access) -> Iterator[dict[str, Any]]:
    """Each table's state."""
    now, midnight = desk.now(), desk.midnight()
    for bucket, measurements in desk.context.store.catalogue().items():
        for measurement, fields in measurements.items() if access.may("read", bucket) else ():
            if measurement != RUNS and drawable(fields):
                work = partial(_of_table, desk, fields, now=now, midnight=midnight)
                yield from desk.ask(bucket, measurement, work)


def _of_table(desk: Desk, fields: dict[str, Field], look: Look, now: int, midnight: int) -> list[dict[str, Any]]:
    """The state of each series of a measurement; what is asked of the store is asked once for all of them."""
    ends = desk.heads.ends(look)
    newest = few(look, {station: last for station, (_, last) in ends.items()})
    every = intervals(desk, look, newest)
    words = called(look, newest)
    battery = next((one for one in drawable(fields) if sort(one, levels.place(one.name)).family == "BATTERY"), None)
    today = look.today(midnight, battery.name if battery else None, newest)
    quiet = {station: time for station, time in newest.items() if station not in today}
    before = look.at(quiet, battery.name) if battery and quiet else {}
    found = []
    for station in newest or ("",):
        rows, volts = today.get(station, (0, before.get(station)))
        name = (look.table.bucket, look.table.measurement, station)
        oldest = ends[station][0] // MILLI if station in ends else None
        more = {
            "called": words.get(station, station),
            "rows_today": rows,
            "oldest": oldest,
            "left_out": len(ends) - len(newest),
        }
        found.append(_told(name, newest.get(station), every.get(station), now) | _battery(volts) | more)
    return found


def called(look: Look, names: Iterable[str]) -> dict[str, str]:
    """What people call series, by their names: devices as they are, others by the tags that tell them apart."""
    tags = {name: look.tags(name) for name in names}
    telling = apart.telling([one for one in tags.values() if one])
    return {name: name if one is None else " ".join(apart.words(one, telling)) for name, one in tags.items()}


def _told(name: tuple[str, str, str], newest: int | None, interval: float | None, now: int) -> dict[str, Any]:
    age = None if newest is None else (now - newest) / SECOND
    state = state_of(age, interval)
    return {
        **dict(zip(("bucket", "measurement", "station"), name, strict=True)),
        "newest": None if newest is None else newest // MILLI,
        "age_s": age,
        "interval_s": interval,
        "state": state,
        "words": words_of(state, age, interval),
    }


def _battery(volts: float | None) -> dict[str, Any]:
    return {"battery": volts, "battery_state": battery_state(volts)}


def intervals(desk: Desk, look: Look, newest: Mapping[str, int]) -> dict[str, float | None]:
    """Seconds between rows of each station: as declared, else as the last rows have it."""
    bucket, measurement = look.table.bucket, look.table.measurement
    of = {name: {"station": name} if name and look.tags(name) is None else {} for name in newest}
    says = {name: declared_interval(desk.context, Series(bucket, measurement, of[name], 0, {}, {}, {})) for name in of}
    asked = desk.steps.usual(look, {name: time for name, time in newest.items() if says[name] is None})
    return {name: says[name] if says[name] is not None else asked[name] for name in newest}


def interval_of(desk: Desk, look: Look, station: str, newest: int | None) -> float | None:
    """As `intervals`, of one series."""
    if newest is not None:
        return intervals(desk, look, {station: newest})[station]
    of = {"station": station} if station and look.tags(station) is None else {}
    return declared_interval(desk.context, Series(look.table.bucket, look.table.measurement, of, 0, {}, {}, {}))


def _nanoseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * SECOND)


def _run(desk: Desk, access: Access) -> dict[str, Any] | None:
    """The last run of the driver, and how many rows were set aside today; None before the first."""
    path = desk.context.home / "state.db"
    if not path.exists():
        return None
    midnight = desk.midnight()
    memory = Memory(path, frozen=True)
    try:
        began, ended, status = (memory.note(name) for name in ("began", "ended", "status"))
        waiting = memory.runs()
    finally:
        memory.close()
    if began is None:
        return None
    over = ended is not None and ended >= began
    aside = sum(int(row.get(_ASIDE) or 0) for time, row in waiting if time >= midnight)
    return {
        "began": _milliseconds(began),
        "ended": _milliseconds(ended) if ended and over else None,
        "status": _STATUS.get(status or "", f"exit status {status}") if over else "running, or broken off",
        "quarantined_today": aside + _aside(desk, access, midnight),
        "troubles": _troubles(desk, access, waiting, _milliseconds(began) * MILLI) if over and status != "0" else [],
    }


def _troubles(desk: Desk, access: Access, waiting: list[tuple[int, dict[str, Any]]], began: int) -> list[str]:
    """What the failed jobs of the last run say, to whom may read every bucket; of rows that wait, or of the store's.

    Args:
        began: when the run did. [ns]
    """
    if not all(access.may("read", bucket) for bucket in desk.context.store.buckets()):
        return []
    buckets = desk.context.store.catalogue()
    rows: list[Mapping[Any, Any]] = [row for time, row in waiting if time >= began]
    for bucket in buckets if not rows else ():
        if {"ok", "message"} <= buckets[bucket].get(RUNS, {}).keys():
            start = pd.Timestamp(began, unit="ns", tz="UTC")
            rows += desk.context.store.read(bucket, RUNS, fields=["ok", "message"], start=start).to_dict("records")
    return [f"{row.get('job', 'job')}: {row.get('message')}" for row in rows if not row.get("ok", True)]


def _aside(desk: Desk, access: Access, midnight: int) -> int:
    """How many rows runs have set aside since midnight, of those runs that the store tells about."""

    def work(look: Look) -> int:
        if not look.has(_ASIDE):
            return 0
        wanted = Wanted(_ASIDE, "all")
        _, found = look.windows("", [wanted], midnight, midnight + 2 * pictures.DAY, pictures.DAY)
        return int(np.nansum(found[wanted]["sum"]))

    catalogue = desk.context.store.catalogue().items()
    told = [bucket for bucket, measurements in catalogue if RUNS in measurements and access.may("read", bucket)]
    return sum(desk.ask(bucket, RUNS, work) for bucket in told)


_ASIDE = "quarantined"
_STATUS = {"0": "done", "1": "failed", "2": "wrong configuration", "3": "done, some lines set aside"}


def _milliseconds(iso: str) -> int:
    time = datetime.fromisoformat(iso)
    return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)


# ---- the numbers of a panel ------------------------------------------------------------------------------------------


def _asked(at: Span, fields: list[str], points: int = 1000, good: int = 0) -> Asked:
    names = tuple(dict.fromkeys(fields))
    if len(names) < len(fields):
        raise HTTPException(400, "field: found one twice, expected each once")
    if not names:
        raise HTTPException(400, "field: found none, expected at least one")
    return Asked(at.station, names, at.start * MILLI, at.end * MILLI, points, bool(good))


Make = Callable[[Look, Rollup, Asked], dict[str, Any]]


def _drawn(desk: Desk, request: Request, at: Span, more: tuple[str, ...], asked: Asked, make: Make) -> Json:
    """What `make` makes of fields that are there, with the station's newest time."""

    def work(look: Look) -> dict[str, Any]:
        turning = frozenset(name for name in asked.fields if desk.is_direction(look.field(name)))
        totals = frozenset(name for name in asked.fields if desk.is_total(look.field(name)))
        made = make(look, desk.rollup, replace(asked, directions=turning, totals=totals))
        return {**made, "newest": desk.newest(look, asked.station)}

    longest = DAILY if "points" not in more else LONGEST
    return Json(desk.look(request, at, ("field", *more), work, longest))


def _lines(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/api/series")
    def series(request: Request, at: At, field: Fields, points: Points = 1000, good: Good = 0) -> Json:
        """Rows as they are where they fit (every_ms 0), else windows that begin at `time`.

        A window has the mean, the lowest and the highest value and the worst flag; without rows it is null. Directions
        have the mean of their vectors, and no lowest or highest value. Totals, as of rain, have their sum as `mean`,
        `sum` says so, and no lowest or highest value either.
        """
        return _drawn(desk, request, at, ("points", "good"), _asked(at, field, points, good), pictures.series)

    @routes.get("/api/flags")
    def flags(request: Request, at: At, field: Fields, points: Points = 1000) -> Json:
        """Runs of one flag, with the checks that spoke; where rows don't fit, runs of windows by their worst flag."""
        return _drawn(desk, request, at, ("points",), _asked(at, field, points), pictures.flags)

    @routes.get("/api/soil")
    def soil(request: Request, at: At, field: Fields, points: Points = 400, good: Good = 0) -> Json:
        """Means by depth and time; sensors that share a depth are averaged."""
        asked = _asked(at, field, points, good)
        depths = {name: levels.place(name, heights=desk.context.heights).middle for name in asked.fields}
        if bare := [name for name, depth in depths.items() if depth is None]:
            raise HTTPException(400, f"field: found {shown(bare[0])}, expected names with a depth such as _20cm")
        there = {name: depth for name, depth in depths.items() if depth is not None}
        make: Make = partial(pictures.soil, depths=there)
        return _drawn(desk, request, at, ("points", "good"), asked, make)


def _daily(routes: APIRouter, desk: Desk) -> None:
    zone = desk.context.zone

    @routes.get("/api/fingerprint")
    def fingerprint(request: Request, at: At, field: OneField, good: Good = 0) -> Json:
        """Means by day and time of day on the station's clock; `days` are their midnights.

        A slot is as long as the time between rows, at least 15 minutes; over more than 62 days half an hour.
        """

        def make(look: Look, rollup: Rollup, asked: Asked) -> dict[str, Any]:
            _, newest = desk.ends(look, asked.station) or (None, None)
            step = _nanoseconds(interval_of(desk, look, asked.station, newest))
            return pictures.fingerprint(look, rollup, asked, zone, step)

        return _drawn(desk, request, at, ("good",), _asked(at, [field], 1000, good), make)

    @routes.get("/api/missing")
    def missing(request: Request, at: At) -> Json:
        """The share of the rows of each day that came; null where none could be expected, as before the first."""
        asked = Asked(at.station, (), at.start * MILLI, at.end * MILLI, 1000)

        def work(look: Look) -> dict[str, Any]:
            first, newest = desk.ends(look, at.station) or (None, None)
            interval = interval_of(desk, look, at.station, newest)
            made = pictures.missing(look, desk.rollup, asked, zone, _nanoseconds(interval), first, desk.now())
            return {**made, "interval_s": interval, "newest": None if newest is None else newest // MILLI}

        return Json(desk.look(request, at, (), work, DAILY))


def _wind(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/api/rose")
    def rose(request: Request, at: At, speed: Speed, direction: Direction, good: Good = 0) -> Json:
        """Rows by 16 sectors (north first) and classes of speed; `edges` are the lower ends of the classes."""
        wind = Wind(at.station, speed, direction, EDGES, bool(good))

        def work(look: Look) -> dict[str, Any]:
            look.require((speed, direction))
            counts = desk.roses.counts(look, wind, at.start * MILLI, at.end * MILLI)
            return {
                "edges": EDGES,
                "counts": np.ascontiguousarray(counts[:, 1:]),
                "calm": int(counts[:, 0].sum()),
                "total": int(counts.sum()),
                "newest": desk.newest(look, at.station),
            }

        return Json(desk.look(request, at, ("speed", "direction", "good"), work))

    @routes.get("/api/profile")
    def profile(
        request: Request, bucket: Bucket, measurement: Measurement, field: Fields, time: Time, station: Station = ""
    ) -> Json:
        """The value of each field nearest to a time, at most three intervals or an hour away; else null."""
        strict(request, ("bucket", "measurement", "station", "field", "time"), ("field",))
        authorize(desk.context, request, "read", bucket)

        def work(look: Look) -> dict[str, Any]:
            look.require(field)
            says = declared(desk.context.tables, bucket, measurement).interval or 0
            within = round(max(3 * says, 3_600) * SECOND)
            found = look.nearest(station, field, time * MILLI, within)
            fields = {
                name: {"time": found[name][0] // MILLI, "value": found[name][1]} if name in found else None
                for name in field
            }
            return {"time": time, "fields": fields}

        return Json(desk.ask(bucket, measurement, work))
