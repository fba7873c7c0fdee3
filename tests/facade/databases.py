"""/api/v3/configure/database. Known: its API document, but for the answer to GET: the server sends rows."""

from .answers import Answer
from .products import DAY
from .storage import drop, keep


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


def delete_period(facade, rights, query, _body, _name):
    """From now on it keeps its points for ever."""
    must_administer(rights)
    keep(facade.influxd, there(facade, query.get("db")), 0)
    return Answer(204)


def there(facade, name):
    """`name`, if it is a database. Assumed: the words."""
    if name not in facade.names():
        raise Answer(404, {"error": f"the requested resource was not found: {name}"})
    return name


def span(text):
    """A duration as v3 takes it (7d, 1h, 30m), in seconds; none is 0."""
    units = {"s": 1, "m": 60, "h": 3600, "d": DAY, "w": 7 * DAY}
    if text in (None, "", "none"):
        return 0
    if text[-1] not in units or not text[:-1].isdigit():
        raise Answer(400, {"error": f"invalid duration: {text}"})
    return int(text[:-1]) * units[text[-1]]
