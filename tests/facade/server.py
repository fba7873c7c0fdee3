"""The HTTP server of a stand-in: connections, bodies, faults."""

import contextlib
import socket
import struct
import sys
import time
import urllib.parse
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import faults
from loopback import ServerError, fetch

from .answers import KEEP, Answer, Hung, Request, problem
from .routes import route
from .writes import WRITES

NGINX_413 = (
    b"<html>\n<head><title>413 Request Entity Too Large</title></head>\n<body>\n"
    b"<center><h1>413 Request Entity Too Large</h1></center>\n<hr>\n<center>nginx</center>\n</body>\n</html>\n"
)


class Server(ThreadingHTTPServer):
    """Knows its connections, so that an outage can cut them."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, *words):
        self.open = set()
        super().__init__(*words)

    def process_request(self, request, address):
        self.open.add(request)
        super().process_request(request, address)

    def shutdown_request(self, request):
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, address):
        """A client that goes away is no news."""

    def cut(self):
        """End every connection, also one whose thread waits for its next request."""
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def reset(connection):
    """Close a connection with RST, now: the files made of it must not keep it open."""
    linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    socket.close(connection.detach())


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with connections that are kept."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 60

    def log_message(self, *_):
        """Say nothing on the terminal."""

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def serve(self):
        facade = self.server.facade
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        request = Request(self.command, url.path, dict(query), clean(self.headers))
        for secret in {"p", "token"} & request.query.keys():
            request.query[secret] = "***"
        with facade.lock:
            facade.requests.append(request)
        try:
            answer = self.answer(facade, request, query)
        except Answer as thrown:
            answer = thrown
        except Hung as hung:
            self.close_connection = True
            if hung.reset:
                reset(self.connection)
            return
        except OSError as error:  # influxd is away: what a server says whose storage is
            answer = problem(503, f"storage: {type(error).__name__}")
        except Exception as error:
            facade.mistakes.append(error)
            answer = problem(500, f"a mistake in the stand-in: {error!r}")
        request.status = answer.status
        self.send(answer)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_HEAD = serve

    def answer(self, facade, request, query):
        length = int(self.headers.get("Content-Length") or 0)
        fault = facade.fault(request) if request.path in WRITES else None
        if isinstance(fault, faults.ResetMidBody):
            self.rfile.read(min(fault.after, length))
            raise Hung(reset=True)
        data = self.rfile.read(length)
        request.sent = len(data)
        small = fault.size if isinstance(fault, faults.TooLarge) else facade.limits.body
        if small is not None and len(data) > small and request.path in WRITES:
            raise too_large(facade)
        body = inflate(data) if self.headers.get("Content-Encoding") == "gzip" else data
        request.size, request.body = len(body), body if len(body) <= KEEP else None
        before(fault)
        try:
            if facade.product.api == "1":
                return passed_on(facade, self, data)
            return route(facade, request, query, body, self.headers)
        finally:
            if isinstance(fault, faults.DropAfterStoring):
                raise Hung

    def send(self, answer):
        self.send_response(answer.status)
        product = self.server.facade.product
        for name, value in {
            **answer.headers,
            "X-Influxdb-Build": product.build,
            "X-Influxdb-Version": product.version,
        }.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if answer.status != 204 and self.command != "HEAD":
            self.wfile.write(answer.body)


def clean(headers):
    """Headers without the value of a token."""
    out = {name.lower(): value for name, value in headers.items()}
    if "authorization" in out:
        out["authorization"] = out["authorization"].split(" ", 1)[0] + " ***"
    return out


def before(fault):
    """What a fault does before anything is stored."""
    if isinstance(fault, faults.Slow):
        time.sleep(fault.seconds)
    elif isinstance(fault, faults.GarbageAnswer):
        raise Answer(fault.code, fault.body, {"Content-Type": "text/html"})
    elif isinstance(fault, faults.Status):
        headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        if fault.body is not None:
            raise Answer(fault.code, fault.body, headers)
        raise problem(fault.code, f"a fault on request: {fault.code}", headers=headers)


def too_large(facade):
    """413. Known: nginx's page on the clouds, JSON on OSS. Assumed: v3's words."""
    if facade.product.api == "3":
        return Answer(413, {"error": "request body too large"})
    if facade.product.build == "Cloud":
        return Answer(413, NGINX_413)
    return problem(413, "unable to read data: points batch is too large")


def passed_on(facade, handler, data):
    """v1: what influxd itself answers to the same request. A HEAD is answered as a GET, without its body."""
    headers = {
        name: value
        for name, value in handler.headers.items()
        if name.lower() in ("authorization", "content-type", "content-encoding", "accept")
    }
    url = facade.influxd.url + handler.path
    method = {"HEAD": "GET"}.get(handler.command, handler.command)
    try:
        out = fetch(url, data if method == "POST" else None, headers, method)
    except ServerError as error:
        return Answer(error.status, error.body)
    return Answer(200, out) if out else Answer(204)


def inflate(data):
    """What one gzip member holds; a second member or rubbish behind it is refused, as strict servers do.

    Raises: Answer 400.
    """
    machine = zlib.decompressobj(31)
    try:
        out = machine.decompress(data) + machine.flush()
    except zlib.error as error:
        raise problem(400, f"unable to read data: gzip: {error}") from error
    if not machine.eof or machine.unused_data:
        raise problem(400, "unable to read data: gzip: unexpected EOF or trailing data")
    return out
