"""The application on a port: uvicorn, and what it needs to end cleanly and to keep slow clients from staying."""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from ..errors import UsageError
from .limits import Limits
from .live import end_all

HEADERS = 64 * 2**10  # bytes of a request's first line and headers
MESSAGE = 2**20  # bytes of a message of a WebSocket
GOODBYE = 3  # seconds for answers that are under way when the server ends


def listen(host: str, port: int) -> socket.socket:
    """A socket on which nobody else listens. Raises: UsageError."""
    where = f"--host {host} --port {port}"
    if not 0 <= port < 2**16:  # getaddrinfo would take another one
        raise UsageError(where, "no such port", "0 to 65535", "Leave it out for 8086.")
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        ear = socket.socket(family, kind, proto)
    except (OSError, OverflowError, UnicodeError) as error:
        fix = "Use 127.0.0.1 for this machine alone, 0.0.0.0 for all."
        raise UsageError(where, str(error), "an address of this machine and a port", fix) from error
    try:
        if sys.platform == "win32":
            ear.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ear.bind(address)
        ear.listen(2048)
    except OSError as error:
        ear.close()
        other = port + 1 if port < 2**16 - 1 else 8087
        if error.errno == errno.EACCES:
            fix = "Ports below 1024 are the administrator's: leave --port out, or put a proxy before the server."
            if sys.platform == "win32":  # which says so of ports that it has set aside, too
                fix = f"Windows has set the port aside, or another program has it to itself: try --port {other}."
            raise UsageError(where, "no right to this port", "one that this user may open", fix) from error
        fix = f"Another program (an InfluxDB, fieldline with another home?) has the port: try --port {other}."
        raise UsageError(where, error.strerror or str(error), "a port that is free", fix) from error
    return ear


def serve(app: ASGIApp, ear: socket.socket, limits: Limits, ready: Callable[[], None] = lambda: None) -> None:
    """Answer until Ctrl-C or a signal to end. Raises: KeyboardInterrupt, when all is closed."""
    server(app, limits, ready).run(sockets=[ear])


def server(app: ASGIApp, limits: Limits, ready: Callable[[], None] = lambda: None) -> uvicorn.Server:
    """A server that does not run yet; `ready` is called when it answers."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        http=type("Protocol", (_Hasty,), {"seconds": limits.header_seconds}),
        ws_max_size=MESSAGE,
        h11_max_incomplete_event_size=HEADERS,
        server_header=False,
        proxy_headers=False,  # whoever is on this machine could claim any address
        timeout_keep_alive=30,
        timeout_graceful_shutdown=GOODBYE,
    )
    return _Telling(config, ready)


class _Telling(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self.ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As the base class has it, and then say so."""
        await super().startup(sockets)
        if self.started:
            self.ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As the base class has it, after those who only wait for news have been let go."""
        end_all()
        await super().shutdown(sockets)


class _Hasty(H11Protocol):
    """HTTP/1.1 that ends a connection whose headers don't come; uvicorn itself waits for ever."""

    seconds: float

    def connection_made(self, transport: Any) -> None:
        """A client is there."""
        super().connection_made(transport)
        self.late: asyncio.TimerHandle | None = None
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Some bytes came."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        super().connection_lost(exc)
        if self.late is not None:
            self.late.cancel()

    def _watch(self) -> None:
        """Let the clock run while headers are awaited, from the first moment on."""
        if self.late is not None and not self._waits():
            self.late.cancel()
            self.late = None
        elif self.late is None and self._waits():
            self.late = self.loop.call_later(self.seconds, self._end)

    def _waits(self) -> bool:
        """Whether headers are awaited: no request is being answered, and the connection is no WebSocket by now."""
        busy = self.cycle is not None and not self.cycle.response_complete
        return not busy and self.transport.get_protocol() is self

    def _end(self) -> None:
        self.late = None
        if self._waits() and not self.transport.is_closing():
            self.transport.close()
