"""A server with the API of any InfluxDB product, in front of a real influxd 1.6.7 that keeps what it acknowledges.

A bucket is a database of that influxd, so `facade.influxd.read(bucket, measurement)` says what is really there. What an
answer rests on is said where it is made: "known" is InfluxData's API documents, its Go and Rust sources or a report of
a user; "assumed" is all else. Not here: Flux, SQL, tasks, `_monitoring`, Flight.
"""

import contextlib
import hashlib
import json
import re
import socket
import struct
import sys
import threading
import time
import urllib.parse
import zlib
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import faults
import lines
from loopback import ServerError, fetch, free_port

ORG, ORG_ID = "field-lab", "0123456789abcdef"
DAY = 86_400
MEGA = 1_000_000
NGINX_413 = (
    b"<html>\n<head><title>413 Request Entity Too Large</title></head>\n<body>\n"
    b"<center><h1>413 Request Entity Too Large</h1></center>\n<hr>\n<center>nginx</center>\n</body>\n</html>\n"
)
CODES = {
    400: "invalid",
    401: "unauthorized",
    403: "forbidden",
    404: "not found",
    405: "method not allowed",
    413: "request too large",
    422: "unprocessable entity",
    429: "too many requests",
    500: "internal error",
    503: "unavailable",
}


@dataclass(frozen=True)
class Rights:
    """What a token may: read and write the buckets it names; with `all` everything, also make and change buckets."""

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    all: bool = False


ALL = Rights(all=True)


@dataclass
class Limits:
    """None: no limit."""

    buckets: int | None = None
    retention: int | None = None  # [s]
    window_bytes: int | None = None  # uncompressed, in each fixed window
    window: float = 300  # [s]
    body: int | None = None  # [bytes] as sent
    columns: int | None = None  # in a measurement, with tags and time


@dataclass(frozen=True)
class Product:
    """How one product differs from the others."""

    build: str  # X-Influxdb-Build of /ping
    version: str  # X-Influxdb-Version
    api: str  # the family of its answers: "1", "2" or "3"
    buckets: bool = False  # /api/v2/buckets, /api/v2/dbrps and /api/v2/orgs
    virtual: bool = False  # a bucket is mapped by itself (OSS since 2.4)
    mapped: bool = False  # InfluxQL needs a mapping
    limits: Limits = field(default_factory=Limits)


# Known: the headers of OSS 2 and v3, 10 MB and 5 databases of v3 Core, 50 MB and 200 columns of the clouds.
# Assumed: the headers of the clouds.
PRODUCTS = {
    "oss2": Product("OSS", "v2.7.11", "2", buckets=True, virtual=True, mapped=True),
    "cloud": Product("Cloud", "2.0", "2", buckets=True, mapped=True, limits=Limits(body=50 * MEGA)),
    "serverless": Product("Cloud", "2.0", "2", buckets=True, mapped=True, limits=Limits(body=50 * MEGA, columns=200)),
    "dedicated": Product("Cloud-Dedicated", "3.0", "2", limits=Limits(body=50 * MEGA, columns=250)),
    "v3": Product("Core", "3.8.0", "3", limits=Limits(buckets=5, body=10_485_760, columns=500)),
    "v1": Product("OSS", "1.6.7", "1"),
}
FREE = {"buckets": 2, "retention": 30 * DAY, "window_bytes": 5 * MEGA}  # known: the free plan of both clouds


class Answer(Exception):
    """An answer, thrown from wherever it is known."""

    def __init__(self, status, body=b"", headers=None):
        super().__init__(status, body)
        self.status, self.headers = status, dict(headers or {})
        kind = "application/json"
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        elif body.startswith(b"<"):
            kind = "text/html"
        self.body = body
        self.headers.setdefault("Content-Type", kind)


class Hung(Exception):
    """The connection ends without an answer; `reset`: at once, with RST."""

    def __init__(self, reset=False):
        super().__init__(reset)
        self.reset = reset


@dataclass
class Request:
    """A request as it came; of its token only that it was there. `status` 0: no answer was sent."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes | None = None  # decompressed; None when longer than KEEP
    size: int = 0  # of the decompressed body [bytes]
    sent: int = 0  # of the body as it came [bytes]
    status: int = 0


KEEP = 262_144  # bodies up to this are kept in `requests` [bytes]


def problem(status, message, **more):
    """An error in the words of the v2 API (known: schema Error), with its header."""
    code = more.pop("code", CODES.get(status, "internal error"))
    headers = {"X-Platform-Error-Code": code, **more.pop("headers", {})}
    return Answer(status, {"code": code, "message": message, **more}, headers)


def identity(name):
    """The id of a bucket: sixteen hex digits that its name alone decides."""
    return hashlib.sha256(name.encode()).hexdigest()[:16]


def seconds(duration):
    """A duration as influxd prints it, such as 720h0m0s, in seconds."""
    total, number = 0, ""
    for sign in duration:
        if sign.isdigit():
            number += sign
        else:
            total, number = total + int(number) * {"h": 3600, "m": 60, "s": 1}[sign], ""
    return total


def span(text):
    """A duration as v3 takes it (7d, 1h, 30m), in seconds; none is 0."""
    units = {"s": 1, "m": 60, "h": 3600, "d": DAY, "w": 7 * DAY}
    if text in (None, "", "none"):
        return 0
    if text[-1] not in units or not text[:-1].isdigit():
        raise Answer(400, {"error": f"invalid duration: {text}"})
    return int(text[:-1]) * units[text[-1]]


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


class Facade:
    """One product on a port of its own; a context manager.

    Args:
        influxd: keeps the data; its databases are the buckets.
        product: oss2, cloud, serverless, dedicated, v3 or v1 (which only passes on, and records).
        tokens: the Rights of each token. None: one token, `facade.token`, with all rights.
        free: with the limits of the free plan of the clouds.
        virtual: whether buckets are mapped by themselves; None: as the product does.

    `faults` is a list of faults (None: no fault), spent one a request to write, or a function of the Request that
    returns one. `requests` is all that came. `limits` may be changed.
    """

    def __init__(self, influxd, product="oss2", tokens=None, free=False, virtual=None):
        self.influxd, self.name, self.product = influxd, product, PRODUCTS[product]
        self.token = "a-token-that-nobody-may-see"
        self.tokens = {self.token: ALL} if tokens is None else dict(tokens)
        self.limits = Limits(**{**vars(self.product.limits), **(FREE if free else {})})
        self.virtual = self.product.virtual if virtual is None else virtual
        self.org, self.org_id = ORG, ORG_ID
        self.faults, self.requests, self.mappings, self.mistakes = [], [], [], []
        self.began, self.used = 0.0, 0
        self.columns = {}
        self.lock = threading.RLock()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.server = None

    def __enter__(self):
        self.up()
        return self

    def __exit__(self, kind, *_):
        self.down()
        if self.mistakes and kind is None:  # a test must not pass because the stand-in is broken
            raise self.mistakes[0]

    def up(self):
        """Listen (again) on the same port."""
        if self.server is None:
            self.server = Server(("127.0.0.1", self.port), Handler)
            self.server.facade = self
            self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
            self.thread.start()

    def down(self):
        """Stop listening and cut every connection, as an outage does."""
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server.cut()
            self.thread.join()
            self.server = None

    def writes(self):
        """The requests to write that came so far."""
        return [request for request in self.requests if request.path in WRITES]

    def create(self, bucket, keep_days=None):
        """Make a bucket behind the API's back, as the vendor's own tool does."""
        keep(self.influxd, bucket, keep_days * DAY if keep_days else 0)

    def fault(self, request):
        """The fault meant for this request to write, or None."""
        if callable(self.faults):
            return self.faults(request)
        with self.lock:
            return self.faults.pop(0) if self.faults else None

    def rights(self, headers):
        """What the token of a request may.

        Known: Token of v2 and Bearer of v3 are both taken; 401 for no token or an unknown one.
        """
        words = headers.get("Authorization", "").split(" ", 1)
        if len(words) == 2 and words[0] in ("Token", "Bearer") and words[1] in self.tokens:
            return self.tokens[words[1]]
        if self.product.api == "3":
            raise Answer(401, {"error": "the request was not authenticated"})
        raise problem(401, "unauthorized access")

    def names(self):
        """The buckets there are."""
        found = self.influxd.query("SHOW DATABASES")[0].get("values", [])
        return [name for (name,) in found if name not in ("_internal", SCRATCH)]


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


# Requests ------------------------------------------------------------------------------------------------------------


def route(facade, request, query, body, headers):
    """The answer of a product of API 2 or 3."""
    path, method = request.path, request.method
    open_to_all = path in ("/ping", "/health") and facade.product.api == "2"  # known: v3 wants a token there too
    rights = ALL if open_to_all else facade.rights(headers)
    if path in ("/ping", "/health"):
        return (ping if path == "/ping" else health)(facade)
    if path in WRITES and method == "POST":
        return write(facade, rights, path, query, body)
    if path == "/query":
        form = dict(urllib.parse.parse_qsl(body.decode())) if body else {}
        return ask(facade, rights, {**form, **query})
    return manage(facade, rights, request, query, body)


def manage(facade, rights, request, query, body):
    """The answer to a request about buckets, mappings, organisations or databases."""
    if facade.product.api == "3":
        table, name = request.path, ""
        there = table == DATABASES
    else:
        table, name = re.fullmatch(r"(/api/v2/\w+|)(?:/(\w+))?.*", request.path, re.DOTALL).groups(default="")
        there = table in TABLES and facade.product.buckets
    if not there:
        return problem(404, "path not found") if facade.product.api == "2" else Answer(404, b"not found")
    handler = HANDLERS.get((request.method, table, bool(name)))
    if handler is None:
        return problem(405, "Method not allowed")
    with facade.lock:
        return handler(facade, rights, query, loaded(facade, body), name)


def ping(facade):
    """Known: 204 without a body in 2.x, 200 with JSON in v3."""
    if facade.product.api == "3":
        return Answer(200, {"version": facade.product.version, "revision": "83b589b883", "process_id": identity("v3")})
    return Answer(204)


def health(facade):
    """Known: JSON in 2.x, the word OK in v3."""
    if facade.product.api == "3":
        return Answer(200, b"OK", {"Content-Type": "text/plain"})
    words = {"name": "influxdb", "message": "ready for queries and writes", "status": "pass", "checks": []}
    return Answer(200, {**words, "version": facade.product.version, "commit": "0" * 10})


def loaded(facade, body):
    """The JSON of a body, {} for none. Raises: Answer 400."""
    try:
        return json.loads(body) if body else {}
    except ValueError as error:
        if facade.product.api == "3":
            raise Answer(400, {"error": f"serde json error: {error}"}) from error
        raise problem(400, f"failed to decode request body: {error}") from error


# Buckets (known: the API documents of OSS v2 and Serverless) ---------------------------------------------------------


def keep(influxd, name, every):
    """Make the database of a bucket, or change how long it keeps points [s]; 0: for ever.

    The length of a shard is that of 2.x: one hour, one day or seven days.
    """
    quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    shard = "1h" if 0 < every < 2 * DAY else "24h" if 0 < every <= 180 * DAY else "168h"
    how = f"DURATION {every}s SHARD DURATION {shard}" if every else f"DURATION INF SHARD DURATION {shard}"
    influxd.query(f"CREATE DATABASE {quoted}")
    influxd.query(f'ALTER RETENTION POLICY "autogen" ON {quoted} {how} DEFAULT')


def drop(influxd, name):
    quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    influxd.query(f"DROP DATABASE {quoted}")


def kept(influxd, name):
    """How long the database of a bucket keeps points [s]; 0: for ever."""
    quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    (policies,) = influxd.query(f"SHOW RETENTION POLICIES ON {quoted}")
    return next(seconds(policy[1]) for policy in policies["values"] if policy[0] == "autogen")


def described(facade, name):
    """A bucket as the API shows it."""
    every, here = kept(facade.influxd, name), f"/api/v2/buckets/{identity(name)}"
    return {
        "id": identity(name),
        "orgID": facade.org_id,
        "type": "user",
        "schemaType": "implicit",
        "name": name,
        "retentionRules": [{"type": "expire", "everySeconds": every}] if every else [],
        "createdAt": "2026-01-01T00:00:00Z",
        "updatedAt": "2026-01-01T00:00:00Z",
        "labels": [],
        "links": {"self": here, "org": f"/api/v2/orgs/{facade.org_id}", "labels": f"{here}/labels"},
    }


def system(facade, name, every):
    """One of the two buckets that every organisation has."""
    rules = [{"type": "expire", "everySeconds": every}]
    return {"id": identity(name), "orgID": facade.org_id, "type": "system", "name": name, "retentionRules": rules}


def listed(facade, rights):
    """Every bucket that a token may see. Known: one sees what one may read; assumed: or write."""
    names = [name for name in facade.names() if rights.all or name in (*rights.read, *rights.write)]
    own = [system(facade, "_tasks", 3 * DAY), system(facade, "_monitoring", 7 * DAY)] if rights.all else []
    return [*own, *(described(facade, name) for name in names)]


def must_own(facade, rights, what):
    """Known: 401 with these words (a report of a user of OSS 2)."""
    if not rights.all:
        raise problem(401, f"{what} is unauthorized")


def same_org(facade, words):
    """Known: 404 and these words for an organisation that is not there."""
    if words.get("org", facade.org) not in (facade.org, facade.org_id):
        raise problem(404, f'organization name "{words["org"]}" not found')
    if words.get("orgID", facade.org_id) != facade.org_id:
        raise problem(404, "organization not found")


def get_buckets(facade, rights, query, _body, _name):
    """Paging: limit (20, at most 100), and offset or after (an id; what comes behind it).

    Assumed: a name that is not there is 404 when the organisation is given, and an empty list when it is not; both
    are reported, so a client must take both.
    """
    same_org(facade, query)
    found = listed(facade, rights)
    if "name" in query:
        found = [bucket for bucket in found if bucket["name"] == query["name"]]
        if not found and {"org", "orgID"} & query.keys():
            raise problem(404, f'bucket "{query["name"]}" not found')
    if "id" in query:
        found = [bucket for bucket in found if bucket["id"] == query["id"]]
    if "after" in query:
        ids = [bucket["id"] for bucket in found]
        found = found[ids.index(query["after"]) + 1 :] if query["after"] in ids else []
    offset, limit = int(query.get("offset", 0)), int(query.get("limit", 20))
    if not 1 <= limit <= 100:
        raise problem(400, "limit must be between 1 and 100")
    links = {"self": f"/api/v2/buckets?descending=false&limit={limit}&offset={offset}"}
    if len(found) > offset + limit:
        links["next"] = f"/api/v2/buckets?descending=false&limit={limit}&offset={offset + limit}"
    return Answer(200, {"links": links, "buckets": found[offset : offset + limit]})


def rule(facade, body):
    """How long a request wants points kept [s]; 0: for ever. Known: the words of the maximum; assumed: of the least."""
    rules = body.get("retentionRules") or [{}]
    every = rules[0].get("everySeconds", 0)
    if 0 < every < 3600:
        raise problem(422, "expiration seconds must be greater than or equal to one hour")
    longest = facade.limits.retention
    if longest is not None and not 0 < every <= longest:
        raise problem(403, "provided retention exceeds orgs maximum retention duration")
    return every


def post_bucket(facade, rights, _query, body, _name):
    """Known: 201, the quota's words with 403, 422 with code conflict for a name that is taken."""
    must_own(facade, rights, f"write:orgs/{facade.org_id}/buckets")
    name = body.get("name")
    if not name:
        raise problem(400, "bucket name is empty" if "name" in body else "missing bucket name")
    same_org(facade, {"orgID": body.get("orgID")})
    if name.startswith("_") or '"' in name:
        raise problem(422, f"bucket name {name} is invalid. Bucket names may not start with underscore")
    if name in facade.names():
        raise problem(422, f"bucket with name {name} already exists", code="conflict")
    if facade.limits.buckets is not None and len(facade.names()) >= facade.limits.buckets:
        raise problem(403, "creating bucket would exceed quota")
    keep(facade.influxd, name, rule(facade, body))
    return Answer(201, described(facade, name))


def named(facade, name):
    """The bucket whose id is `name`. Known: 404 and this word."""
    for bucket in facade.names():
        if identity(bucket) == name:
            return bucket
    raise problem(404, "bucket not found")


def get_bucket(facade, rights, _query, _body, name):
    bucket = named(facade, name)
    if not rights.all and bucket not in (*rights.read, *rights.write):
        raise problem(401, f"read:orgs/{facade.org_id}/buckets/{name} is unauthorized")
    return Answer(200, described(facade, bucket))


def patch_bucket(facade, rights, _query, body, name):
    """Retention only: influxd can't rename."""
    must_own(facade, rights, f"write:orgs/{facade.org_id}/buckets/{name}")
    bucket = named(facade, name)
    if body.get("name", bucket) != bucket:
        raise problem(500, "this stand-in can't rename a bucket")
    if "retentionRules" in body:
        keep(facade.influxd, bucket, rule(facade, body))
    return Answer(200, described(facade, bucket))


def delete_bucket(facade, rights, _query, _body, name):
    must_own(facade, rights, f"write:orgs/{facade.org_id}/buckets/{name}")
    drop(facade.influxd, named(facade, name))
    facade.mappings = [mapping for mapping in facade.mappings if mapping["bucketID"] != name]
    return Answer(204)


def get_orgs(facade, rights, query, _body, _name):
    """Known: without the right to read organisations 401 with these words (reports of users of Telegraf)."""
    must_own(facade, rights, f"read:orgs/{facade.org_id}")
    same_org(facade, query)
    return Answer(200, {"links": {"self": "/api/v2/orgs"}, "orgs": [{"id": facade.org_id, "name": facade.org}]})


# Mappings of databases to buckets ------------------------------------------------------------------------------------


def mapped(facade):
    """Every mapping, with the virtual ones of OSS 2.4 and later."""
    own = {mapping["database"] for mapping in facade.mappings}
    virtual = [
        {
            "id": identity(name),
            "orgID": facade.org_id,
            "bucketID": identity(name),
            "database": name,
            "retention_policy": "autogen",
            "default": True,
            "virtual": True,
        }
        for name in facade.names()
        if facade.virtual and name not in own
    ]
    return [*facade.mappings, *virtual]


def get_dbrps(facade, rights, query, _body, _name):
    """Known: filters, and an organisation that must be given. Assumed: the words when it is not."""
    if not {"org", "orgID"} & query.keys():
        raise problem(400, "Please provide either orgID or org", code="invalid")
    same_org(facade, query)
    filters = {"db": "database", "rp": "retention_policy", "bucketID": "bucketID", "id": "id"}
    found = [
        mapping
        for mapping in mapped(facade)
        if all(mapping[key] == query[word] for word, key in filters.items() if word in query)
        and query.get("default", str(mapping["default"]).lower()) == str(mapping["default"]).lower()
        and (rights.all or visible(facade, rights, mapping))
    ]
    return Answer(200, {"content": found})


def visible(facade, rights, mapping):
    return any(identity(name) == mapping["bucketID"] for name in (*rights.read, *rights.write))


def post_dbrp(facade, rights, _query, body, _name):
    """Known: the required words of the body. Assumed: who may, and the words when the same one is there."""
    for word in ("bucketID", "database", "retention_policy"):
        if not body.get(word):
            raise problem(400, f"{word} is required")
    same_org(facade, {word: body[word] for word in ("org", "orgID") if word in body})
    must_own(facade, rights, f"write:orgs/{facade.org_id}/buckets/{body['bucketID']}")
    named(facade, body["bucketID"])
    key = (body["database"], body["retention_policy"])
    there = [mapping for mapping in facade.mappings if mapping["database"] == key[0]]
    if any(mapping["retention_policy"] == key[1] for mapping in there):
        raise problem(422, "DBRP already exists", code="conflict")
    default = body.get("default", False) or not there  # known: the first of a database is its default
    for mapping in there if default else ():
        mapping["default"] = False
    made = {
        "id": identity("/".join(key)),
        "orgID": facade.org_id,
        "bucketID": body["bucketID"],
        "database": key[0],
        "retention_policy": key[1],
        "default": default,
        "virtual": False,
    }
    facade.mappings.append(made)
    return Answer(201, made)


def delete_dbrp(facade, rights, _query, _body, name):
    must_own(facade, rights, f"write:orgs/{facade.org_id}/dbrps/{name}")
    facade.mappings = [mapping for mapping in facade.mappings if mapping["id"] != name]
    return Answer(204)


# Databases of v3 (known: its API document, but for GET: the server sends rows) -----------


def must_administer(rights):
    """Assumed: these words."""
    if not rights.all:
        raise Answer(403, {"error": "the request was not permitted"})


def get_databases(facade, rights, query, _body, _name):
    if query.get("format") not in ("json", "jsonl", "csv", "pretty", "parquet"):
        raise Answer(400, {"error": "invalid query string: missing field `format`"})
    names = ["_internal", *(name for name in facade.names() if rights.all or name in rights.read)]
    return Answer(200, [{"iox::database": name} for name in names])


def make(facade, name, every):
    """Make a database of v3. Assumed: the words of its limit."""
    limit = facade.limits.buckets
    if limit is not None and len(facade.names()) >= limit:
        raise Answer(422, {"error": f"Adding a new database would exceed limit of {limit} databases"})
    keep(facade.influxd, name, every)


def post_database(facade, rights, _query, body, _name):
    must_administer(rights)
    if not body.get("db"):
        raise Answer(400, {"error": "serde json error: missing field `db`"})
    if body["db"] in facade.names():
        raise Answer(409, {"error": f"attempted to create a resource that already exists: {body['db']}"})
    make(facade, body["db"], span(body.get("retention_period")))
    return Answer(200)


def put_database(facade, rights, _query, body, _name):
    must_administer(rights)
    keep(facade.influxd, there(facade, body.get("db")), span(body.get("retention_period")))
    return Answer(200)


def delete_database(facade, rights, query, _body, _name):
    must_administer(rights)
    drop(facade.influxd, there(facade, query.get("db")))
    return Answer(200)


def there(facade, name):
    """`name`, if it is a database. Assumed: the words."""
    if name not in facade.names():
        raise Answer(404, {"error": f"the requested resource was not found: {name}"})
    return name


# Queries -------------------------------------------------------------------------------------------------------------


def failed(words):
    """An InfluxQL error, which comes with 200 (known: 1.x and 2.x)."""
    return Answer(200, {"results": [{"statement_id": 0, "error": words}]})


def ask(facade, rights, words):
    """InfluxQL over HTTP.

    Known: in 2.x a database without a mapping is "database not found", DDL is not offered, what a token may not read
    is an error of the statement. Assumed: v3's words for a database that is not there, and the statuses of rights.
    """
    question, name = words.get("q", ""), words.get("db", "")
    verb = question.split(None, 1)[0].upper() if question.strip() else ""
    if not verb:
        return problem(400, 'missing required parameter "q"')
    if verb not in ("SELECT", "SHOW", "EXPLAIN"):
        return failed(f"not implemented: {' '.join(question.upper().split()[:2])}")
    bucket = target(facade, name)
    if bucket is None:
        if facade.product.mapped:
            return failed(f"database not found: {name}" if name else "database name required")
        return Answer(404, {"error": f"database not found: {name}"})
    if not rights.all and bucket not in rights.read:
        return failed(f"read:orgs/{facade.org_id}/buckets/{identity(bucket)} is unauthorized")
    sent = {
        "q": question,
        "db": bucket,
        **{key: words[key] for key in ("epoch", "chunked", "chunk_size") if key in words},
    }
    try:
        return Answer(200, fetch(f"{facade.influxd.url}/query", urllib.parse.urlencode(sent).encode()))
    except ServerError as error:
        return Answer(error.status, error.body)


def target(facade, database):
    """The bucket that a database of InfluxQL stands for, or None."""
    if not facade.product.mapped:
        return database if database in facade.names() else None
    found = [mapping for mapping in mapped(facade) if mapping["database"] == database and mapping["default"]]
    return named(facade, found[0]["bucketID"]) if found else None


# Writes --------------------------------------------------------------------------------------------------------------

SCRATCH = "parse only"  # a database where lines show whether they can be read
PRECISIONS = {
    "": "ns",
    "ns": "ns",
    "us": "us",
    "ms": "ms",
    "s": "s",
    "n": "ns",
    "u": "us",
    "auto": "ns",
    "nanosecond": "ns",
    "microsecond": "us",
    "millisecond": "ms",
    "second": "s",
}


def write(facade, rights, path, query, body):
    """Line protocol, answered as the product answers."""
    bucket = query.get("bucket" if path == "/api/v2/write" else "db", "")
    precision = PRECISIONS.get(query.get("precision", ""))
    if precision is None:
        raise problem(400, f'invalid precision "{query["precision"]}"; valid precision units are ns, us, ms, and s')
    with facade.lock:
        bucket = may_write(facade, rights, path, query, bucket)
        throttle(facade, len(body))
        table = facade.limits.columns and added(facade, bucket, body)
        answer = STORES[facade.name](facade, bucket, body, precision, query)
        if table:
            facade.columns.update(table)
        return answer


def may_write(facade, rights, path, query, bucket):
    """The name of the bucket to write to.

    Known: 403 and its words (Go source of OSS 2), 404 and its words (API documents).
    """
    if facade.product.api == "3":
        return may_write_v3(facade, rights, bucket)
    if facade.name == "oss2" and path == "/api/v2/write":
        if not {"org", "orgID"} & query.keys():
            raise problem(400, "failed to decode request body: organization not found")
        same_org(facade, query)
    found = [name for name in facade.names() if bucket in (name, identity(name))]
    if not found:
        raise problem(404, f'bucket "{bucket}" not found')
    if not rights.all and found[0] not in rights.write:
        raise problem(403, "insufficient permissions for write")
    return found[0]


def may_write_v3(facade, rights, bucket):
    """Known: v3 makes a database that is not there. Assumed: its words."""
    if not rights.all and bucket not in rights.write:
        raise Answer(403, {"error": "the request was not permitted"})
    if not bucket:
        raise Answer(400, {"error": "invalid query string: missing field `db`"})
    if bucket not in facade.names():
        make(facade, bucket, 0)
    return bucket


def throttle(facade, size):
    """Known: 429, Retry-After to the end of a fixed window, and the words."""
    allowed, now = facade.limits.window_bytes, time.monotonic()
    if allowed is None:
        return
    if now - facade.began >= facade.limits.window:
        facade.began, facade.used = now, 0
    if facade.used + size > allowed:
        wait = max(1, int(facade.began + facade.limits.window - now) + 1)
        words = f"org {facade.org_id} has exceeded limited_write plan limit"
        raise problem(429, words, headers={"Retry-After": str(wait)})
    facade.used += size


def added(facade, bucket, body):
    """The columns of each measurement after this write. Assumed: the words of the limit; nothing is written then."""
    table = {}
    for name, keys in lines.tables(body):
        known = table.setdefault((bucket, name), facade.columns.get((bucket, name), set()))
        if not keys <= known:
            table[bucket, name] = known | keys
    for (_, name), keys in table.items():
        if len(keys) + 1 > facade.limits.columns:
            words = (
                f"couldn't create columns in table `{name.decode()}`; applying this write would result in "
                f"{len(keys) + 1} columns, limit is {facade.limits.columns}"
            )
            raise Answer(422, {"error": words}) if facade.product.api == "3" else problem(400, words, line=1)
    return table


def refusal(facade, database, data, precision):
    """What influxd says against a body, or "" when it stored all of it."""
    try:
        facade.influxd.write(database, data, precision)
    except ServerError as error:
        return error.message
    return ""


def refused(facade, database, items, precision):
    """Store (number, line) pairs; return those that influxd refuses, with its words.

    The rest is stored; writing a line again is writing it once, so halving is harmless.
    """
    words = refusal(facade, database, b"\n".join(line for _, line in items), precision)
    if not words:
        return []
    if len(items) == 1:
        return [(*items[0], words.removeprefix("partial write: ").split(" dropped=")[0])]
    middle = len(items) // 2
    halves = (items[:middle], items[middle:])
    return [bad for half in halves for bad in refused(facade, database, half, precision)]


def malformed(facade, body, precision):
    """The lines that can't be read, each with influxd's words; nothing is stored where it counts."""
    keep(facade.influxd, SCRATCH, 0)
    if not refusal(facade, SCRATCH, body, precision):
        return []
    drop(facade.influxd, SCRATCH)
    keep(facade.influxd, SCRATCH, 0)
    bad = refused(facade, SCRATCH, list(enumerate(lines.split(body), 1)), precision)
    drop(facade.influxd, SCRATCH)
    return [item for item in bad if "field type conflict" not in item[2]]


def store_oss2(facade, bucket, body, precision, _query):
    """Known (Go source, reports): a line that can't be read: 400 and nothing is stored. A conflict of types or a point
    beyond retention: 422, the rest is stored. No point at all: 400. A new field with two types in one body: 500."""
    if not body.strip():
        raise problem(400, "writing requires points")
    bad = malformed(facade, body, precision)
    if bad:
        raise problem(400, "\n".join(words for *_, words in bad))
    words = refusal(facade, bucket, body, precision)
    if words.startswith("partial write"):
        raise problem(422, f"failure writing points to database: {words}")
    if words:
        raise problem(500, f"unexpected error writing points to database: {words}")
    return Answer(204)


def store_cloud(facade, bucket, body, precision, _query):
    """Known (API document): a line that can't be read: 400 and nothing is stored; all else is 204, whatever becomes of
    the points later."""
    if not body.strip():
        raise problem(400, "writing requires points")
    bad = malformed(facade, body, precision)
    if bad:
        raise problem(400, bad[0][2])
    refusal(facade, bucket, body, precision)
    return Answer(204)


def judged(facade, bucket, body, precision):
    """How many lines there are, and those refused; the others are stored."""
    if not refusal(facade, bucket, body, precision):
        return 0, []
    items = list(enumerate(lines.split(body), 1))
    return len(items), refused(facade, bucket, items, precision)


def itemised(count, bad):
    """The body of Serverless and Dedicated (known: API document), up to 100 lines. Assumed: the words of one line."""
    start = "no data written" if len(bad) == count else "partial write has occurred"
    each = "\n".join(f"line {number}: {words}" for number, _, words in bad[:100])
    return {"code": "invalid", "line": bad[0][0], "message": f"{start}, errors encountered on line(s): {each}"}


def store_serverless(facade, bucket, body, precision, _query):
    """Known: 400 whether some or all lines were refused; the message says which."""
    count, bad = judged(facade, bucket, body, precision)
    return Answer(400, itemised(count, bad), {"X-Platform-Error-Code": "invalid"}) if bad else Answer(204)


def store_dedicated(facade, bucket, body, precision, _query):
    """Known: 201 when some lines were refused (API document; its pages say 400 since 2024), 400 when all were."""
    count, bad = judged(facade, bucket, body, precision)
    return Answer(201 if len(bad) < count else 400, itemised(count, bad)) if bad else Answer(204)


def store_v3(facade, bucket, body, precision, query):
    """Known (API document, Rust tests): 400, up to 100 lines listed; with accept_partial=false nothing is stored.
    Assumed: the words of one line are influxd's."""
    strict = query.get("accept_partial") == "false"
    if strict and (bad := malformed(facade, body, precision)):
        return Answer(400, {"error": "write of line protocol failed", "data": rows(bad)})
    count, bad = judged(facade, bucket, body, precision)
    if not bad:
        return Answer(204)
    words = "partial write of line protocol occurred" if len(bad) < count else "write of line protocol failed"
    return Answer(400, {"error": words, "data": rows(bad)})


def rows(bad):
    """Refused lines as v3 lists them."""
    return [
        {"original_line": line.decode("utf-8", "replace"), "line_number": number, "error_message": words}
        for number, line, words in bad[:100]
    ]


STORES = {
    "oss2": store_oss2,
    "cloud": store_cloud,
    "serverless": store_serverless,
    "dedicated": store_dedicated,
    "v3": store_v3,
}
WRITES = ("/api/v2/write", "/write", "/api/v3/write_lp")
BUCKETS, MAPPINGS, ORGS, DATABASES = "/api/v2/buckets", "/api/v2/dbrps", "/api/v2/orgs", "/api/v3/configure/database"
TABLES = (BUCKETS, MAPPINGS, ORGS)
HANDLERS = {  # by method, path, and whether an id follows
    ("GET", BUCKETS, False): get_buckets,
    ("POST", BUCKETS, False): post_bucket,
    ("GET", BUCKETS, True): get_bucket,
    ("PATCH", BUCKETS, True): patch_bucket,
    ("DELETE", BUCKETS, True): delete_bucket,
    ("GET", ORGS, False): get_orgs,
    ("GET", MAPPINGS, False): get_dbrps,
    ("POST", MAPPINGS, False): post_dbrp,
    ("DELETE", MAPPINGS, True): delete_dbrp,
    ("GET", DATABASES, False): get_databases,
    ("POST", DATABASES, False): post_database,
    ("PUT", DATABASES, False): put_database,
    ("DELETE", DATABASES, False): delete_database,
}
