"""Which part answers which request."""

import json
import re
import urllib.parse

from .answers import Answer, identity, problem
from .buckets import delete_bucket, get_bucket, get_buckets, get_orgs, patch_bucket, post_bucket
from .databases import delete_database, delete_period, get_databases, post_database, put_database
from .mappings import delete_dbrp, get_dbrps, post_dbrp
from .products import ALL
from .queries import ask
from .writes import WRITES, write

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
    ("DELETE", f"{DATABASES}/retention_period", False): delete_period,
}


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
        there = table in (DATABASES, f"{DATABASES}/retention_period")
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
