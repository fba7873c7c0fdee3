"""Answers as gzip for those who take it, packed in a thread where that takes long."""

from __future__ import annotations

import asyncio
import zlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LEAST, LONG = 1_000, 50_000  # bytes: below the first nothing is won, from the second on it takes a thread
LEVEL = 1  # JSON of numbers shrinks to a third, at 100 MB/s; level 6 takes four times as long for a fifth less
_PACKED = (
    "image/",
    "font/",
    "audio/",
    "video/",
    "application/gzip",
    "application/zip",
    "application/vnd.apache.parquet",
)


class Squeeze:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or not _accepts(Headers(scope=scope).get("accept-encoding", "")):
            await self.app(scope, receive, send)
            return
        await self.app(scope, receive, _Packer(send))


class _Packer:
    """The answer to one request."""

    def __init__(self, send: Send) -> None:
        self.send = send
        self.start: Message | None = None
        self.packer = zlib.compressobj(LEVEL, wbits=31)
        self.packs = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
            return
        if message["type"] != "http.response.body":
            await self.send(message)
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        if self.start is not None:
            self.packs = _worth(self.start, body, more)
        if self.packs:
            body = await asyncio.to_thread(self._pack, body, more) if len(body) > LONG else self._pack(body, more)
        if self.start is not None:
            if self.packs:
                _announce(self.start, None if more else len(body))
            await self.send(self.start)
            self.start = None
        await self.send({"type": "http.response.body", "body": body, "more_body": more})

    def _pack(self, body: bytes, more: bool) -> bytes:
        return self.packer.compress(body) + self.packer.flush(zlib.Z_SYNC_FLUSH if more else zlib.Z_FINISH)


def _accepts(words: str) -> bool:
    """Whether an Accept-Encoding takes gzip."""
    for word in words.lower().split(","):
        name, _, weight = word.strip().partition(";")
        if name.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _worth(start: Message, body: bytes, more: bool) -> bool:
    """Whether packing wins something."""
    headers = Headers(raw=start["headers"])
    packed = "content-encoding" in headers or headers.get("content-type", "").startswith(_PACKED)
    return not packed and start["status"] not in (204, 206, 304) and (more or len(body) >= LEAST)


def _announce(start: Message, length: int | None) -> None:
    """Say in the headers that the body is packed."""
    headers = MutableHeaders(scope=start)
    headers["Content-Encoding"] = "gzip"
    headers.add_vary_header("Accept-Encoding")
    if length is None:
        del headers["Content-Length"]
    else:
        headers["Content-Length"] = str(length)
