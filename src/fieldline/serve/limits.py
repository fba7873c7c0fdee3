"""What a request may cost, and where it may come from; checked before any part of the server sees it.

The body is read here, whole, within its limits and inflated; the parts get it in one piece. So a slow, endless or
swollen body costs what `Limits` says and nothing more.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .replies import problem, shown

log = logging.getLogger(__name__)

SECURITY = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_LOCAL = ("localhost", "127.0.0.1", "::1")
FAULT = "a fault in the server; its log tells more"
NO_KEYS = "the keys can't be read; the log tells more"
_TOLD = "fieldline.told"
_LONG_POLLS = ("/socket.io", "/api/events")  # requests that wait for news are no work


@dataclass(frozen=True)
class Limits:
    """What requests may cost.

    body: bytes of a body as sent. inflated: and after inflation. unknown: bytes of a body without a good key.
    headers: bytes of the address and all headers. held: bytes of all bodies at once. requests: at once. idle_seconds:
    without one byte of a body. body_seconds: for all of it. header_seconds: for the headers. query_seconds: for one
    answer of the store.
    """

    body: int = 10 * 2**20
    inflated: int = 50 * 2**20
    unknown: int = 64 * 2**10
    headers: int = 32 * 2**10
    held: int = 256 * 2**20
    requests: int = 64
    idle_seconds: float = 20.0
    body_seconds: float = 60.0
    header_seconds: float = 20.0
    query_seconds: float = 30.0


class Refused(Exception):
    """A request that no part of the server gets to see."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


class Gone(Exception):
    """The client went away."""


class Guard:
    """ASGI middleware around all others.

    Args:
        app: what it guards.
        limits: what a request may cost.
        loopback: whether only this machine can connect; then the request must have asked for this machine by name, so
            that no page of the internet whose name points here (DNS rebinding) reads the station.
        trusted: whether a request with such headers has a good key.
    """

    def __init__(
        self, app: ASGIApp, limits: Limits, loopback: bool, trusted: Callable[[Mapping[str, str]], bool]
    ) -> None:
        self.app, self.limits, self.loopback, self.trusted = app, limits, loopback, trusted
        self.requests = self.held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket" and (words := self._stranger(Headers(scope=scope))):
            log.warning("refused a connection: %s", words)
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self.app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = _Answer(send)
        counted = not scope["path"].startswith(_LONG_POLLS)
        self.requests += counted
        try:
            await self._pass_on(scope, receive, answer)
        except Gone:
            pass
        except Refused as refusal:
            await answer.refuse(scope["path"], refusal.status, refusal.words)
        except Exception as error:  # nothing of it goes to the client, all of it into the log
            log_fault(scope, error)
            await answer.refuse(scope["path"], 500, FAULT)
        finally:
            self.requests -= counted

    async def _pass_on(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        headers = Headers(scope=scope)
        self._refuse_oddities(scope, headers)
        if self.requests > self.limits.requests:
            raise Refused(503, "too many requests at once; try again in a second")
        body = _Body(self, headers, receive)
        try:
            if body.announced:
                await body.read()
            await self.app(scope, body.again, answer)
        finally:
            self.held -= body.held

    def _refuse_oddities(self, scope: Scope, headers: Headers) -> None:
        size = len(scope["raw_path"]) + len(scope["query_string"]) + sum(len(n) + len(v) for n, v in headers.raw)
        if size > self.limits.headers:
            raise Refused(431, f"address and headers have at most {self.limits.headers:,} bytes; send a query as POST")
        if words := self._stranger(headers):
            raise Refused(421, words)
        if "content-length" in headers and "transfer-encoding" in headers:
            raise Refused(400, "a request has either a Content-Length or a Transfer-Encoding")
        if scope["method"] not in ("GET", "HEAD", "OPTIONS") and _foreign(headers):
            raise Refused(403, "a page of another site may not write here")

    def _stranger(self, headers: Headers) -> str | None:
        """Why this host was not meant, if so."""
        if not self.loopback:
            return None
        hosts = headers.getlist("host")
        name = _hostname(hosts[0]) if len(hosts) == 1 else None
        if name in _LOCAL:
            return None
        return (
            f"found the host {shown(', '.join(hosts))}, expected 127.0.0.1 or localhost; a proxy must send such a name"
        )


class _Body:
    """The body of one request."""

    def __init__(self, guard: Guard, headers: Headers, receive: Receive) -> None:
        self.guard, self.headers, self.receive = guard, headers, receive
        self.limits = guard.limits
        self.held = 0
        self.data: bytes | None = b""
        length = headers.get("content-length", "")
        self.length = int(length) if length.isdecimal() and length.isascii() else 0
        self.announced = self.length > 0 or "transfer-encoding" in headers

    async def again(self) -> Message:
        """What the application receives: the body in one piece, then what the client does next."""
        if self.data is None:
            return await self.receive()
        data, self.data = self.data, None
        return {"type": "http.request", "body": data, "more_body": False}

    async def read(self) -> None:
        """Read and inflate. Raises: Refused, Gone."""
        coding = self.headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("identity", "gzip", ""):
            raise Refused(415, f"found the Content-Encoding {shown(coding)}, expected gzip or none")
        try:
            data = await self._all()
        except Refused as refusal:
            if refusal.status in (401, 413):
                await self._let_finish()
            raise
        if coding == "gzip":
            data = await asyncio.to_thread(_inflated, data, self._most(self.limits.inflated))
            self._hold(len(data))
        self.data = data

    async def _all(self) -> bytes:
        self._refuse_long(self.length)
        pieces, total = [], 0
        until = _now() + self.limits.body_seconds
        while True:
            piece, more = await self._piece(until)
            total += len(piece)
            self._hold(len(piece))
            self._refuse_long(total)
            pieces.append(piece)
            if not more:
                return b"".join(pieces)

    async def _piece(self, until: float) -> tuple[bytes, bool]:
        """The next bytes, and whether more come."""
        try:
            message = await asyncio.wait_for(self.receive(), min(self.limits.idle_seconds, until - _now()))
        except TimeoutError:
            raise Refused(408, "the body came too slowly") from None
        if message["type"] == "http.disconnect":
            raise Gone
        return message.get("body", b""), message.get("more_body", False)

    def _refuse_long(self, size: int) -> None:
        if size <= self.limits.unknown:
            return
        if size > self.limits.body:
            raise Refused(413, f"a body has at most {self.limits.body:,} bytes; send it in parts, or as gzip")
        if not self.guard.trusted(self.headers):
            raise Refused(401, f"a body of more than {self.limits.unknown:,} bytes needs a good API key")

    def _most(self, most: int) -> int:
        """How long the body may become: short, if no good key is there."""
        return most if self.guard.trusted(self.headers) else self.limits.unknown

    def _hold(self, size: int) -> None:
        self.held += size
        self.guard.held += size
        if self.guard.held > self.limits.held:
            raise Refused(503, "too much is being sent at once; try again in a second")

    async def _let_finish(self) -> None:
        """Let a client that sends without looking come to its end, so that it sees the answer; for a while."""
        if "expect" in self.headers:
            return
        until, most = _now() + min(5.0, self.limits.idle_seconds), 10 * self.limits.body
        try:
            while most > 0:
                piece, more = await self._piece(until)
                most -= len(piece)
                if not more:
                    return
        except Refused:
            return


class _Answer:
    """What is sent, with the headers that every answer has."""

    def __init__(self, send: Send) -> None:
        self.send, self.started = send, False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
        await self.send(message)

    async def refuse(self, path: str, status: int, words: str) -> None:
        """An error, unless an answer is on its way; the connection ends, since the body may not have been read."""
        if self.started:
            return
        body = problem(path, status, words)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
        if status == 503:
            headers["Retry-After"] = "1"
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await self({"type": "http.response.start", "status": status, "headers": raw})
        await self({"type": "http.response.body", "body": body})


def log_fault(scope: Scope, error: Exception) -> None:
    """Tell the log of a fault, once."""
    if not scope.get(_TOLD):
        scope[_TOLD] = True
        where = f"{scope['method']} {shown(scope['path'])}"
        log.error("a fault in the program, please report it: %s", where, exc_info=error)


def _inflated(data: bytes, most: int) -> bytes:
    """What was packed with gzip, which may have several members. Raises: Refused."""
    pieces, left = [], most
    try:
        while data:
            member = zlib.decompressobj(wbits=31)
            piece = member.decompress(data, left + 1)
            left -= len(piece)
            if left < 0:
                raise Refused(413, f"the body has more than {most:,} bytes when it is unpacked; send it in parts")
            if not member.eof:
                raise Refused(400, "the body ends in the middle of its gzip")
            pieces.append(piece)
            data = member.unused_data
    except zlib.error:
        raise Refused(400, "the body is not gzip, as its Content-Encoding says") from None
    return b"".join(pieces)


def _hostname(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _foreign(headers: Headers) -> bool:
    """Whether a page of another site made a browser send this."""
    origin = headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc.lower() != headers.get("host", "").lower()
    return headers.get("sec-fetch-site", "none") not in ("none", "same-origin")


def _now() -> float:
    return asyncio.get_running_loop().time()
