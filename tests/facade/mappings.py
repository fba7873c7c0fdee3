"""/api/v2/dbrps: which bucket a database of InfluxQL stands for."""

from .answers import Answer, identity, problem
from .buckets import must_own, named, same_org


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
