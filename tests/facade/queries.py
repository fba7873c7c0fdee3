"""/query: InfluxQL over HTTP, answered by influxd."""

import re
import urllib.parse

from loopback import ServerError, fetch

from .answers import Answer, identity, problem
from .buckets import named
from .mappings import mapped


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
    if facade.product.mapped and (rows := shown(facade, question, name)):
        return Answer(200, {"results": [{"statement_id": 0, "series": [rows]}]})
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


def shown(facade, question, name):
    """What 2.x answers out of its mappings, None for another question.

    Known (Go source): databases are those that are mapped; every duration is 0s, whatever the bucket keeps.
    """
    if re.match(r"SHOW\s+DATABASES", question, re.IGNORECASE):
        return {"name": "databases", "columns": ["name"], "values": [[one] for one in databases(facade)]}
    policies = re.match(r'SHOW\s+RETENTION\s+POLICIES(?:\s+ON\s+"?([^"]+)"?)?', question, re.IGNORECASE)
    if policies is None:
        return None
    found = [mapping for mapping in mapped(facade) if mapping["database"] == (policies[1] or name)]
    return {
        "columns": ["name", "duration", "shardGroupDuration", "replicaN", "default"],
        "values": [[one["retention_policy"], "0s", "168h0m0s", 1, one["default"]] for one in found],
    }


def databases(facade):
    """The databases that are mapped, each once."""
    return list(dict.fromkeys(mapping["database"] for mapping in mapped(facade)))


def target(facade, database):
    """The bucket that a database of InfluxQL stands for, or None."""
    if not facade.product.mapped:
        return database if database in facade.names() else None
    found = [mapping for mapping in mapped(facade) if mapping["database"] == database and mapping["default"]]
    return named(facade, found[0]["bucketID"]) if found else None
