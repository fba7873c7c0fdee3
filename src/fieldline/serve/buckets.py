"""What clients of InfluxDB 2 ask about buckets and the organisation, as far as the embedded store has an answer.

There is one organisation, whatever a client calls it. A bucket is made with a key that may write it; only a person at
the machine takes rows away, so buckets are neither deleted nor changed here.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request

from .access import Access, authorize
from .context import Context
from .replies import Json, strict

DAY = 86_400
MADE = "1970-01-01T00:00:00Z"  # nobody asks when a bucket was made, and nobody remembers
ORG = "fieldline"
_KEPT = "buckets are neither changed nor deleted here; on the machine: python new-db.py --update FILE"
Name = Annotated[str | None, Query(description="only the bucket of this name", examples=["field"])]
Id = Annotated[str | None, Query(description="only the bucket of this id")]
Limit = Annotated[int, Query(ge=1, le=100, description="at most so many")]
Offset = Annotated[int, Query(ge=0, description="leave out so many")]


class Rule(BaseModel):
    """How long a bucket keeps its rows [s]; 0: for ever."""

    model_config = ConfigDict(extra="ignore")
    type: str = "expire"
    everySeconds: int = Field(default=0, ge=0, le=36_500 * DAY)


class NewBucket(BaseModel):
    """A bucket to be made."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"examples": [{"orgID": "", "name": "field"}]})
    name: str = Field(min_length=1, max_length=200)
    retentionRules: list[Rule] = Field(default=[], max_length=1)


def router(context: Context) -> APIRouter:
    """The endpoints."""
    routes = APIRouter(prefix="/api/v2", tags=["InfluxDB 2"])
    _add_buckets(routes, context)
    _add_others(routes, context)
    return routes


def _add_buckets(routes: APIRouter, context: Context) -> None:
    @routes.get("/buckets", operation_id="buckets")
    def listed(request: Request, name: Name = None, id: Id = None, limit: Limit = 100, offset: Offset = 0) -> Json:
        """The buckets that the key may read or write."""
        strict(request, ("name", "id", "org", "orgID", "limit", "offset", "after"))
        rows = [_bucket(*bucket) for bucket in _visible(context, request).items()]
        rows = [row for row in rows if name in (None, row["name"]) and id in (None, row["id"])]
        return Json({"links": {"self": "/api/v2/buckets"}, "buckets": rows[offset : offset + limit]})

    @routes.get("/buckets/{id}", operation_id="bucket", responses={404: {"description": "There is no such bucket"}})
    def one(request: Request, id: str) -> Json:
        """One bucket by its id."""
        strict(request, ())
        rows = [_bucket(*bucket) for bucket in _visible(context, request).items()]
        found = next((row for row in rows if row["id"] == id), None)
        if found is None:
            raise HTTPException(404, "bucket not found")
        return Json(found)

    @routes.post(
        "/buckets",
        status_code=201,
        operation_id="make_bucket",
        responses={403: {"description": "The key may not write it"}, 422: {"description": "It is there, or can't be"}},
    )
    def make(request: Request, new: NewBucket) -> Json:
        """Make a bucket."""
        strict(request, ())
        authorize(context, request, "write", new.name)
        if new.name in context.store.buckets():
            raise HTTPException(422, f"bucket with name {new.name} already exists")
        days = _days(new)
        context.store.create(new.name, days)
        return Json(_bucket(new.name, days), 201)

    @routes.api_route("/buckets/{id}", methods=["PATCH", "DELETE"], include_in_schema=False)
    def kept(request: Request, id: str) -> Json:
        """Say why not."""
        _either(context, request)
        raise HTTPException(405, _KEPT, {"Allow": "GET"})


def _add_others(routes: APIRouter, context: Context) -> None:
    @routes.get("/orgs", operation_id="orgs")
    def orgs(request: Request) -> Json:
        """The one organisation."""
        strict(request, ("org", "orgID", "limit", "offset", "descending", "userID"))
        _either(context, request)
        return Json({"links": {"self": "/api/v2/orgs"}, "orgs": [_org()]})

    @routes.get("/me", operation_id="me")
    def me(request: Request) -> Json:
        """Whose key it is."""
        strict(request, ())
        key = _either(context, request).key
        name = key.name if key else "everybody"
        return Json({"id": identity(f"key {name}"), "name": name, "status": "active", "links": {"self": "/api/v2/me"}})

    @routes.get("/dbrps", operation_id="dbrps")
    def mappings(request: Request, db: Name = None) -> Json:
        """Each bucket is the database of its name."""
        strict(request, ("db", "rp", "org", "orgID", "bucketID", "default", "id"))
        wanted = request.query_params.get("bucketID")
        names = [name for name in _visible(context, request) if db in (None, name) and wanted in (None, identity(name))]
        return Json({"content": [_mapping(name) for name in names]})


def _either(context: Context, request: Request) -> Access:
    """What a key may do that may do anything. Raises: HTTPException."""
    try:
        return authorize(context, request, "read")
    except HTTPException as error:
        if error.status_code != 403:
            raise
        return authorize(context, request, "write")


def _visible(context: Context, request: Request) -> dict[str, int | None]:
    """The buckets that a key may read or write, and their days. Raises: HTTPException."""
    access, buckets = _either(context, request), context.store.buckets().items()
    return {name: days for name, days in buckets if access.may("read", name) or access.may("write", name)}


def identity(name: str) -> str:
    """An id as InfluxDB 2 has them, always the same for a name."""
    return hashlib.blake2b(name.encode(), digest_size=8).hexdigest()


def _org() -> dict[str, Any]:
    return {"id": identity(f"org {ORG}"), "name": ORG, "createdAt": MADE, "updatedAt": MADE, "links": {}}


def _bucket(name: str, days: int | None) -> dict[str, Any]:
    rule = {"type": "expire", "everySeconds": (days or 0) * DAY, "shardGroupDurationSeconds": DAY}
    return {
        "id": identity(name),
        "orgID": identity(f"org {ORG}"),
        "type": "user",
        "name": name,
        "retentionRules": [rule] if days else [],
        "createdAt": MADE,
        "updatedAt": MADE,
        "labels": [],
        "links": {"self": f"/api/v2/buckets/{identity(name)}"},
    }


def _mapping(name: str) -> dict[str, Any]:
    return {
        "id": identity(f"mapping {name}"),
        "orgID": identity(f"org {ORG}"),
        "bucketID": identity(name),
        "database": name,
        "retention_policy": "autogen",
        "default": True,
        "virtual": True,
    }


def _days(new: NewBucket) -> int | None:
    """Whole days that it keeps its rows; None: for ever. Raises: HTTPException."""
    seconds = new.retentionRules[0].everySeconds if new.retentionRules else 0
    if seconds % DAY:
        raise HTTPException(422, f"a bucket keeps whole days: expected everySeconds to be a multiple of {DAY}")
    return seconds // DAY or None
