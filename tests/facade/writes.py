"""Line protocol, and what each product says to a body that is wrong in part."""

import time

from loopback import ServerError

from . import lines
from .answers import Answer, identity, problem
from .buckets import same_org
from .databases import make
from .storage import SCRATCH, drop, keep

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
