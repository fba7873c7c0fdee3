"""News: the newest rows to browsers and programs, at most once a second and only when the store has changed.

The same payload goes out as Server-Sent Events (`GET /api/events`: the page) and as the Socket.IO event `latest_data`
(at /socket.io: other programs):

    {"now": 1782384601000,
     "rows": [{"bucket": "field", "measurement": "tower", "station": "46m", "tags": {"station": "46m"},
               "time": 1782384600000, "fields": {"PPFD": 601.2}, "flags": {"PPFD": 1}}],
     "changed": [{"bucket": "field", "measurement": "tower"}]}

Times are milliseconds since 1970 UTC. `changed` names the measurements that were written since the payload before (in
the first: all). `rows` has the newest rows among them that are others than before: none, where older rows were written.
One task looks at the time stamp of the store's file for all listeners, four times a second, only while there are any.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Annotated, Any
from weakref import WeakSet

import socketio  # type: ignore[import-untyped]
from fastapi import APIRouter, FastAPI, Query
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import StoreError
from .access import Access, authorize
from .asked import refusals
from .context import Context
from .latest import Mark, Name, Series, Table, latest_of
from .replies import json_bytes, strict

MOST_LISTENERS = 48
LOOK_SECONDS, PAUSE_SECONDS, HEARTBEAT_SECONDS = 0.25, 1.0, 15.0
MOST_NAMES, LONGEST_WISH = 100, 100_000  # measurements that a listener may name; bytes of what it may say
_STREAM = {
    "schema": {"type": "string"},
    "example": 'event: latest_data\ndata: {"now": 1782384601000, "rows": [], "changed": []}\n\n',
}

log = logging.getLogger(__name__)
_hubs: WeakSet[Hub] = WeakSet()


def mount(app: FastAPI, context: Context) -> None:
    """Add both ways of hearing news to the application."""
    hub = Hub(context)
    _hubs.add(hub)
    app.include_router(_events(context, hub))
    app.mount("/socket.io", _Bounded(_Socket(context, hub).server))


def end_all() -> None:
    """Let the listeners of the server in this event loop go, as it ends: their answers would not end by themselves."""
    for hub in list(_hubs):
        hub.end()


class Hub:
    """The listeners, and the task that looks for them; all in the server's event loop."""

    def __init__(self, context: Context) -> None:
        self.context, self.latest = context, latest_of(context)
        self.listeners: set[Listener] = set()
        self.tables: dict[Name, Table] | None = None
        self._mark: Mark | None = None
        self._task: asyncio.Task[None] | None = None

    def add(self, listener: Listener) -> None:
        """Begin to tell a listener. Raises: HTTPException 503, when there are too many."""
        if len(self.listeners) >= MOST_LISTENERS:
            raise HTTPException(503, f"{MOST_LISTENERS} listeners are there already", {"Retry-After": "30"})
        self.listeners.add(listener)
        if self._task is None or self._task.done():
            self.tables = self._mark = None  # what was known when the last one went is old
            self._task = asyncio.create_task(self._watch())
        elif self.tables is not None:
            listener.woken.set()

    def drop(self, listener: Listener) -> None:
        """Tell it no more."""
        self.listeners.discard(listener)

    def end(self) -> None:
        """Let all listeners go, if they are of the event loop that runs."""
        if self._task is None or self._task.get_loop() is not asyncio.get_running_loop():
            return
        for listener in self.listeners:
            listener.over = True
            listener.woken.set()

    async def _watch(self) -> None:
        """Look for changes as long as anybody listens."""
        while self.listeners:
            mark = self.latest.mark()
            if mark == self._mark:
                await asyncio.sleep(LOOK_SECONDS)
                continue
            try:
                self.tables = await asyncio.to_thread(self.latest.tables)
            except StoreError as error:
                log.warning("no news for now: %s", error)
            else:
                self._mark = mark
                for listener in self.listeners:
                    listener.woken.set()
            await asyncio.sleep(PAUSE_SECONDS)


class Listener:
    """One who hears news.

    Args:
        allowed: what it may see, asked again for each payload so that a key that was revoked ends it.
        measurements: those it wants; empty: all.
    """

    def __init__(self, hub: Hub, allowed: Callable[[], Access], measurements: Iterable[str] = ()) -> None:
        self.hub, self.allowed = hub, allowed
        self.woken, self.over = asyncio.Event(), False
        self._told: dict[Any, Series] = {}
        self._turn, self._asked = 0, True
        self.measurements = frozenset(measurements)

    def want(self, measurements: Iterable[str]) -> None:
        """Choose again; the next payload comes at once and has every series of these."""
        self.measurements = frozenset(measurements)
        self._told, self._turn, self._asked = {}, 0, True
        if self.hub.tables is not None:
            self.woken.set()

    async def news(self) -> AsyncIterator[dict[str, Any] | None]:
        """Payloads; None, when there was nothing for a while. Raises: HTTPException, when it may hear no more."""
        while not self.over:
            try:
                await asyncio.wait_for(self.woken.wait(), HEARTBEAT_SECONDS)
            except TimeoutError:
                self.allowed()
                yield None
                continue
            self.woken.clear()
            if self.over:
                return
            asked, self._asked = self._asked, False
            payload = self.payload()
            if asked or payload["changed"]:  # the store's file may have changed without a change of what it may see
                yield payload

    def payload(self) -> dict[str, Any]:
        """What is new since the last one. Raises: HTTPException."""
        access = self.allowed()
        wanted = {
            name: table
            for name, table in (self.hub.tables or {}).items()
            if access.may("read", name[0]) and (not self.measurements or name[1] in self.measurements)
        }
        changed = sorted(name for name, table in wanted.items() if table.turn > self._turn)
        fresh = [one for name in changed for one in wanted[name].series if self._told.get(one.key) != one]
        self._turn = max((table.turn for table in wanted.values()), default=self._turn)
        self._told |= {one.key: one for one in fresh}
        return {
            "now": self.hub.context.now().as_unit("ns").value // 10**6,
            "rows": [_row(one) for one in fresh],
            "changed": [{"bucket": bucket, "measurement": measurement} for bucket, measurement in changed],
        }


def _row(one: Series) -> dict[str, Any]:
    return {
        "bucket": one.bucket,
        "measurement": one.measurement,
        "station": one.device,
        "tags": one.tags,
        "time": one.time // 10**6,
        "fields": one.fields,
        "flags": one.flags,
    }


def _events(context: Context, hub: Hub) -> APIRouter:
    routes = APIRouter(tags=["live"])

    @routes.get(
        "/api/events",
        response_class=Response,
        responses={
            200: {"description": "Server-Sent Events.", "content": {"text/event-stream": _STREAM}},
            **refusals(),
        },
    )
    async def events(
        request: Request,
        measurement: Annotated[list[str] | None, Query(description="Only these; may come several times.")] = None,
    ) -> Response:
        """Server-Sent Events `latest_data`: all newest rows at once, then at most once a second what changed."""
        strict(request, ("measurement",), ("measurement",))
        authorize(context, request, "read")
        if len(measurement or ()) > MOST_NAMES:
            raise HTTPException(422, f"measurement: expected at most {MOST_NAMES} names")
        listener = Listener(hub, lambda: authorize(context, request, "read"), measurement or ())
        hub.add(listener)
        return StreamingResponse(_stream(listener), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    return routes


async def _stream(listener: Listener) -> AsyncIterator[bytes]:
    """The events of one listener, until it goes or may hear no more."""
    try:
        yield b"retry: 2000\n\n"
        async for payload in listener.news():
            yield b":\n\n" if payload is None else b"event: latest_data\ndata: " + json_bytes(payload) + b"\n\n"
    except HTTPException as error:
        log.info("a listener was ended: %s", error.detail)
    finally:
        listener.hub.drop(listener)


class _Socket:
    """Socket.IO: pages of the same origin only, reading rights as everywhere.

    A client may say `{"key": "fl_...", "measurements": ["tower"]}` as its `auth`, and later emit `want` with a list of
    measurements.
    """

    def __init__(self, context: Context, hub: Hub) -> None:
        self.context, self.hub = context, hub
        self.server = socketio.AsyncServer(async_mode="asgi", max_http_buffer_size=LONGEST_WISH)
        self.listeners: dict[str, Listener] = {}
        for handler in (self.connect, self.disconnect, self.want):
            self.server.on(handler.__name__, handler)

    async def connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        """A client wants to hear. Raises: ConnectionRefusedError."""
        connection = HTTPConnection(_with_key(environ["asgi.scope"], auth))
        try:
            authorize(self.context, connection, "read")
            wish = auth.get("measurements") if isinstance(auth, dict) else None
            listener = Listener(self.hub, lambda: authorize(self.context, connection, "read"), _names(wish))
            self.hub.add(listener)
        except (HTTPException, ValueError) as error:
            raise socketio.exceptions.ConnectionRefusedError(getattr(error, "detail", str(error))) from error
        self.listeners[sid] = listener
        self.server.start_background_task(self.tell, sid, listener)

    async def tell(self, sid: str, listener: Listener) -> None:
        """Send news until the client goes or may hear no more."""
        try:
            await self.server.emit("connected", {"server": "fieldline"}, to=sid)
            async for payload in listener.news():
                if sid not in self.listeners:
                    return
                if payload is not None:
                    await self.server.emit("latest_data", payload, to=sid)
        except HTTPException as error:
            await self.server.emit("ended", {"error": str(error.detail)}, to=sid)
            await self.server.disconnect(sid)
        finally:
            self.hub.drop(listener)

    async def disconnect(self, sid: str, reason: str = "") -> None:
        """A client is gone."""
        if listener := self.listeners.pop(sid, None):
            self.hub.drop(listener)
            listener.woken.set()

    async def want(self, sid: str, measurements: Any = None) -> dict[str, Any]:
        """A client chooses measurements."""
        try:
            self.listeners[sid].want(_names(measurements))
        except ValueError as error:
            return {"error": str(error)}
        return {"ok": True}


class _Bounded:
    """The ASGI application of a Socket.IO server, with a limit for clients that never get to say who they are."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.app: ASGIApp = socketio.ASGIApp(server, socketio_path="socket.io")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        new = b"sid=" not in scope.get("query_string", b"")
        if scope["type"] == "http" and new and len(self.server.eio.sockets) >= 2 * MOST_LISTENERS:
            await Response(b"too many clients", 503, {"Retry-After": "30"})(scope, receive, send)
            return
        await self.app(scope, receive, send)


def _with_key(scope: Scope, auth: Any) -> Scope:
    """The request, with the key that a client gave as its `auth` in place of a header."""
    key = auth.get("key") if isinstance(auth, dict) else None
    if not isinstance(key, str):
        return scope
    headers = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
    return {**scope, "headers": [*headers, (b"authorization", b"Token " + key.encode("ascii", "replace"))]}


def _names(wish: Any) -> list[str]:
    """The measurements that a client wants. Raises: ValueError, when it is no list of names."""
    names = [] if wish is None else wish
    if not isinstance(names, list) or len(names) > MOST_NAMES or not all(isinstance(name, str) for name in names):
        raise ValueError(f"measurements: expected a list of at most {MOST_NAMES} names")
    return names
