"""What all parts of the server answer with: one form of error, JSON written fast, and no unknown parameters."""

from __future__ import annotations

import asyncio
import difflib
import re
from collections.abc import Callable, Collection, Coroutine
from typing import Annotated, Any

import orjson
from fastapi import Depends
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

VERSION = {"X-Influxdb-Version": "1.8.10-fieldline", "X-Influxdb-Build": "OSS"}
UNITS = {  # of times, as clients of InfluxDB name them [ns]
    "ns": 1,
    "n": 1,
    "u": 10**3,
    "us": 10**3,
    "µ": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
_CODES = {  # of InfluxDB 2
    400: "invalid",
    401: "unauthorized",
    403: "forbidden",
    404: "not found",
    405: "method not allowed",
    408: "request timeout",
    409: "conflict",
    413: "request too large",
    415: "unsupported media type",
    422: "unprocessable entity",
    429: "too many requests",
    503: "unavailable",
}
_HIDDEN = {
    "u": "send the key as the password of a basic login, or as `Authorization: Token ...`",
    "p": "a key in the address stands in logs; send it as `Authorization: Token ...` or as the password of a login",
}


class Json(Response):
    """JSON by orjson: numpy arrays as lists, NaN as null."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The bytes of the body."""
        return json_bytes(content)


def json_bytes(content: Any, pretty: bool = False) -> bytes:
    """JSON; numpy arrays as lists, NaN as null."""
    return orjson.dumps(content, option=_OPTIONS | (orjson.OPT_INDENT_2 if pretty else 0))


def problem(path: str, status: int, words: str) -> bytes:
    """The body of an error: {"error": ...}, or as InfluxDB 2 has it where its own clients ask."""
    if path.startswith("/api/v2/"):
        return json_bytes({"code": _CODES.get(status, "internal error"), "message": words})
    return json_bytes({"error": words})


def strict(request: Request, allowed: Collection[str], repeated: Collection[str] = ()) -> None:
    """Refuse parameters that the request does not have, and ones that stand there twice.

    Args:
        allowed: all that it has.
        repeated: those of them that may come several times.

    Raises: HTTPException 400.
    """
    refuse_unknown([name for name, _ in request.query_params.multi_items()], allowed, repeated)


def refuse_unknown(names: list[str], allowed: Collection[str], repeated: Collection[str] = ()) -> None:
    """As `strict`, for names that came some other way. Raises: HTTPException 400."""
    for name in names:
        if name not in allowed:
            raise HTTPException(400, f"unknown parameter {shown(name)}{_instead(name, allowed)}")
        if name not in repeated and names.count(name) > 1:
            raise HTTPException(400, f"parameter {shown(name)} is there more than once")


def unit_of(parameter: str, name: str) -> int:
    """The unit of times that a parameter names. [ns] Raises: HTTPException 400."""
    if name not in UNITS:
        raise HTTPException(400, f"{parameter}: expected one of {', '.join(UNITS)}", VERSION)
    return UNITS[name]


def shown(text: str) -> str:
    """A few characters of what a client sent, fit for a message."""
    plain = re.sub(r"[^\x20-\x7e]", "?", text)
    return repr(plain if len(plain) <= 60 else f"{plain[:57]}...")


async def _bytes(request: Request) -> bytes:
    return await request.body()


Body = Annotated[bytes, Depends(_bytes)]  # a parameter of an endpoint: the body, within the limits and inflated


class Direct(APIRoute):
    """A route whose function is handed request and body, and reads them itself: its other parameters are for the
    document only. What FastAPI does for them takes as long as a small answer of the store.

    request.state.loop: the event loop, for a thread that has something to ask there."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers a request."""

        async def answer(request: Request) -> Response:
            request.state.loop = asyncio.get_running_loop()
            response: Response = await run_in_threadpool(self.endpoint, request, await request.body())
            return response

        return answer


def _instead(name: str, allowed: Collection[str]) -> str:
    if name in _HIDDEN:
        return f"; {_HIDDEN[name]}"
    near = difflib.get_close_matches(name, allowed, 1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(sorted(allowed)) or 'none'}"
