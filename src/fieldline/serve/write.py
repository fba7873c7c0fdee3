"""Line protocol over HTTP as InfluxDB 1.8 and 2 take it: Telegraf and every client of theirs writes so.

    POST /write?db=field&precision=s               par46m,station=46m PPFD=601.2 1704067200
    POST /api/v2/write?bucket=field&precision=s

Good lines are stored, whatever the others are. Bad ones are told with their numbers: 400, or from the second address
422 when they are well formed and a field has another kind in the store. 204 means that all are stored for good.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from .. import __version__
from ..errors import Rejected
from ..lineprotocol.arrivals import Refusals, arrivals, lines_of
from .access import authorize
from .context import Context
from .replies import VERSION, Body, Json, strict, unit_of

STEP = 50_000  # lines that are read and written at a time
MEASUREMENTS = 1_000  # in one step: each is a transaction of some milliseconds
TOLD = 100  # bad lines that an answer names
_RESPONSES: dict[int | str, dict[str, Any]] = {
    204: {"description": "All lines are stored"},
    400: {"description": "Some lines are bad; the others are stored"},
    401: {"description": "No key, or not a good one"},
    403: {"description": "The key may not write this bucket"},
    404: {"description": "There is no such bucket"},
    413: {"description": "The body is too large"},
    422: {"description": "Some fields have another kind in the store; the other lines are stored"},
    503: {"description": "The store is busy: try again"},
}
_LINES = {
    "requestBody": {
        "required": True,
        "content": {
            "text/plain": {
                "schema": {"type": "string"},
                "example": "par46m,station=46m PPFD=601.2,RECORD=7i 1704067200000000000",
            }
        },
    }
}
_PING: dict[int | str, dict[str, Any]] = {
    200: {"description": "The version, where `verbose` asks for it"},
    204: {"description": "The server is there; the headers tell its version"},
    400: {"description": "A parameter is unknown"},
}
Verbose = Annotated[str, Query(description="anything but 0 and false: the version as JSON")]
Leader = Annotated[str, Query(description="what clients of InfluxDB send; there is nobody to wait for")]
Db = Annotated[str, Query(description="the bucket", examples=["field"])]
Precision = Annotated[str, Query(description="the unit of times: ns, u, ms, s, m or h", examples=["s"])]


def router(context: Context) -> APIRouter:
    """The endpoints."""
    routes = APIRouter(tags=["InfluxDB"])

    @routes.get("/ping", status_code=204, responses=_PING, operation_id="ping")
    @routes.head("/ping", status_code=204, include_in_schema=False)
    @routes.get("/api/v2/ping", status_code=204, responses=_PING, operation_id="ping_v2")
    @routes.head("/api/v2/ping", status_code=204, include_in_schema=False)
    def ping(request: Request, verbose: Verbose = "", wait_for_leader: Leader = "") -> Response:
        """Whether the server is there."""
        strict(request, ("verbose", "wait_for_leader"))
        if verbose in ("", "0", "false"):
            return Response(status_code=204, headers=VERSION)
        return Json({"version": VERSION["X-Influxdb-Version"]}, headers=VERSION)

    @routes.get("/health")
    def health(request: Request) -> Json:
        """Whether the server is there, in words."""
        strict(request, ())
        about = {"name": "fieldline", "message": "ready for queries and writes", "status": "pass", "checks": []}
        return Json({**about, "version": __version__})

    @routes.post("/write", status_code=204, responses=_RESPONSES, operation_id="write", openapi_extra=_LINES)
    def write(request: Request, body: Body, db: Db = "", precision: Precision = "") -> Response:
        """Store lines, as InfluxDB 1.8 does."""
        strict(request, ("db", "rp", "precision", "consistency"))
        if not db:
            raise HTTPException(400, "database is required", VERSION)
        return _stored(context, request, db, precision, body, f'database not found: "{db}"')

    @routes.post("/api/v2/write", status_code=204, responses=_RESPONSES, operation_id="write_v2", openapi_extra=_LINES)
    def write_v2(request: Request, body: Body, bucket: Db = "", precision: Precision = "") -> Response:
        """Store lines, as InfluxDB 2 does; the organisation may be called anything."""
        strict(request, ("org", "orgID", "bucket", "precision"))
        if not bucket:
            raise HTTPException(400, "bucket is required", VERSION)
        return _stored(context, request, bucket, precision, body, f'bucket "{bucket}" not found')

    return routes


def _stored(context: Context, request: Request, bucket: str, precision: str, body: bytes, gone: str) -> Response:
    """Store what can be and tell of the rest. Raises: HTTPException, Unreachable."""
    authorize(context, request, "write", bucket)
    unit = unit_of("precision", precision or "ns")
    lines, refusals = lines_of(body), Refusals()
    try:
        for first in range(0, len(lines), STEP):
            _store(context, bucket, lines[first : first + STEP], unit, refusals)
    except Rejected:
        _refuse_missing(context, bucket, gone)
        raise
    if refusals.words or not lines:  # then the store may not have been asked
        _refuse_missing(context, bucket, gone)
    if refusals.words:
        conflicts = len(refusals.conflicts) == len(refusals.words)
        status = 422 if conflicts and request.url.path.startswith("/api/v2/") else 400
        raise HTTPException(status, told(refusals), VERSION)
    return Response(status_code=204, headers=VERSION)


def _refuse_missing(context: Context, bucket: str, gone: str) -> None:
    """Raise HTTPException 404 unless the bucket is there."""
    if bucket not in context.store.buckets():
        raise HTTPException(404, gone, VERSION)


def _store(context: Context, bucket: str, lines: list[tuple[int, bytes]], unit: int, refusals: Refusals) -> None:
    """Store some lines, all in one turn. Raises: Rejected, when there is no such bucket; Unreachable."""
    now = context.now().as_unit("ns").value
    with context.store.together(bucket) as turn:
        found = arrivals(lines, unit, now, turn.fields, refusals)
        for arrival in found[MEASUREMENTS:]:
            refusals.add(arrival.lines, f"more than {MEASUREMENTS} measurements at once")
        for arrival in found[:MEASUREMENTS]:
            try:
                turn.write(arrival.measurement, arrival.frame, arrival.tags)
            except Rejected as error:
                refusals.add(arrival.lines, " ".join(str(error).split()), conflict=True)


def told(refusals: Refusals) -> str:
    """The lines that were not taken, in the words of InfluxDB, which clients look for."""
    lines = sorted(refusals.words.items())
    listed = [f"line {number}: {words}" for number, words in lines[:TOLD]]
    more = [f"and {len(lines) - TOLD} more"] if len(lines) > TOLD else []
    return "\n".join(["partial write: errors encountered on line(s):", *listed, *more, f"dropped={len(lines)}"])
