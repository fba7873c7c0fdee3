"""The parts of the server as one application, with its limits."""

from __future__ import annotations

import importlib
import importlib.util
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from .. import __version__
from ..errors import InputError, Rejected, Unreachable
from .access import trusted
from .context import Context
from .keys import Unreadable
from .limits import FAULT, NO_KEYS, Guard, Refused, log_fault
from .replies import Json, problem
from .squeeze import Squeeze

log = logging.getLogger(__name__)

PARTS = ("query", "write", "buckets", "rest", "metrics", "panels", "page", "live")
_PLAIN = {
    "Not Found": "there is nothing at this address; /openapi.json lists what there is",
    "Method Not Allowed": "this address is not for that method",
}
DESCRIPTION = (
    "The embedded store of a station by the protocols of InfluxDB, Grafana, Telegraf and Prometheus, and as JSON. "
    "An API key goes into the header: `Authorization: Token fl_...`."
)


def build(context: Context) -> ASGIApp:
    """The application.

    A part has `router(context)`, or `mount(app, context)` where routes are not enough; what must run beside the
    requests it appends to `app.state.beside`, as functions that return an async context manager.
    """
    app = FastAPI(
        title="fieldline",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,  # the page that FastAPI makes of the document loads scripts from elsewhere
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
        default_response_class=Json,
        lifespan=_lifespan,
    )
    app.state.beside = list[Callable[[], AbstractAsyncContextManager[Any]]]()
    for name in PARTS:
        _include(app, context, name)
    _tell_errors(app)
    return Guard(Squeeze(app), context.limits, context.loopback, partial(_trusted, context))


def _trusted(context: Context, headers: Mapping[str, str]) -> bool:
    """Whether a request has a good key. Raises: Refused, when nothing can tell."""
    try:
        return trusted(context.keys, headers)
    except Unreadable as error:
        log.error("%s", error)
        raise Refused(503, NO_KEYS) from error


def _include(app: FastAPI, context: Context, name: str) -> None:
    if importlib.util.find_spec(f"{__package__}.{name}") is None:
        return
    part = importlib.import_module(f".{name}", __package__)
    if hasattr(part, "mount"):
        part.mount(app, context)
    if hasattr(part, "router"):
        app.include_router(part.router(context))


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for beside in app.state.beside:
            await stack.enter_async_context(beside())
        yield


def _tell_errors(app: FastAPI) -> None:
    """Errors in one form."""

    @app.exception_handler(HTTPException)
    def told(request: Request, error: HTTPException) -> Response:
        words = _PLAIN.get(str(error.detail), str(error.detail))
        return _answer(request, error.status_code, words, error.headers)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> Response:
        return _answer(request, 422, "; ".join(_words(one) for one in error.errors()[:10]))

    @app.exception_handler(Rejected)
    @app.exception_handler(InputError)
    def refused(request: Request, error: Exception) -> Response:
        return _answer(request, 400, str(error))

    @app.exception_handler(Unreadable)
    def no_keys(request: Request, error: Unreadable) -> Response:
        log.error("%s", error)
        return _answer(request, 503, NO_KEYS, {"Retry-After": "60"})

    @app.exception_handler(Unreachable)
    def unreachable(request: Request, error: Unreachable) -> Response:
        log.error("%s", error)
        return _answer(request, 503, "the store can't be reached now; try again", {"Retry-After": "5"})

    @app.exception_handler(Exception)
    def fault(request: Request, error: Exception) -> Response:
        log_fault(request.scope, error)
        return _answer(request, 500, FAULT)


def _answer(request: Request, status: int, words: str, headers: Any = None) -> Response:
    body = problem(request.url.path, status, words)
    more = {"X-Influxdb-Error": "".join(c if " " <= c <= "~" else " " for c in words)[:500].strip()}
    return Response(body, status, {**more, **(headers or {})}, "application/json")


def _words(error: Any) -> str:
    """What is wrong with one value, without the value."""
    return f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}"
