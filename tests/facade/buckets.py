"""/api/v2/buckets and /api/v2/orgs. Known: the API documents of OSS v2 and Serverless."""

from .answers import Answer, identity, problem
from .products import DAY
from .storage import drop, keep, kept


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
