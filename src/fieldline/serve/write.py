"""Line protocol, as Telegraf and the InfluxDB clients send it."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from .. import __version__
from .context import Context
from .replies import Json, strict

VERSION = {"X-Influxdb-Version": "1.8.10-fieldline", "X-Influxdb-Build": "OSS"}


def router(context: Context) -> APIRouter:
    """The endpoints."""
    routes = APIRouter(tags=["InfluxDB"])

    @routes.api_route("/ping", methods=["GET", "HEAD"], status_code=204, operation_id="ping")
    @routes.api_route("/api/v2/ping", methods=["GET", "HEAD"], status_code=204, operation_id="ping_v2")
    def ping() -> Response:
        """Whether the server is there."""
        return Response(status_code=204, headers=VERSION)

    @routes.get("/health")
    def health(request: Request) -> Json:
        """Whether the server is there, in words."""
        strict(request, ())
        about = {"name": "fieldline", "message": "ready for queries and writes", "status": "pass", "checks": []}
        return Json({**about, "version": __version__})

    return routes
