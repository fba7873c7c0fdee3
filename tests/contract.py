"""Whether requests keep to InfluxData's API documents, which lie beside the project and are not part of it."""

import base64
import functools
import os
import warnings
from pathlib import Path

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "openapi"
DOCUMENTS = {
    "oss2": "docs-influxdb-oss-v2-openapi.yaml",
    "serverless": "docs-influxdb3-cloud-serverless-openapi.yaml",
    "v3": "docs-influxdb3-core-openapi.yaml",
    "v1": "docs-influxdb-oss-v1-openapi.yaml",
}


@functools.cache
def load(document):
    """A document, ready to check requests, and the query parameters of each of its operations. It is read once.

    Takes 0.1 to 0.5 s. Without the file the test is skipped; on CI it fails. The document itself is not checked: it is
    not strictly valid (`required: true` in properties).
    """
    path = FOLDER / DOCUMENTS[document]
    if not path.is_file():
        (pytest.fail if "CI" in os.environ else pytest.skip)("InfluxData's API documents are not beside the project")
    from openapi_core import Config, OpenAPI

    with path.open(encoding="utf-8") as file:
        words = yaml.load(file, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    words["servers"] = [{"url": "http://127.0.0.1/"}]
    for path, operation in operations(words):
        if document == "v1" or (document == "oss2" and path[1] in ("/ping", "/health")):
            operation["security"] = []  # logins are off by default in 1.x; these two need no token in 2.x
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        api = OpenAPI.from_dict(words, config=Config(spec_validator_cls=None))
    return api, {path: known(words, path[1], operation) for path, operation in operations(words)}


def operations(words):
    """((method, path), operation) for each operation of a document."""
    for path, item in words["paths"].items():
        for method in item.keys() & {"get", "head", "post", "put", "patch", "delete"}:
            yield (method, path), item[method]


def known(words, path, operation):
    """The query parameters that an operation has."""
    found = [*operation.get("parameters", ()), *words["paths"][path].get("parameters", ())]
    named = words["components"].get("parameters", {})
    found = [named[word["$ref"].rsplit("/", 1)[1]] if "$ref" in word else word for word in found]
    names = {word["name"] for word in found if word["in"] == "query"}
    return names | {"org", "orgID"} if path == "/api/v2/write" else names  # what clients of 2.x always send


def check(requests, document):
    """What is wrong with requests that a facade recorded: a line each, none when all keep to the document.

    A query parameter that the document does not know is wrong too: servers ignore it, so a misspelt one does nothing.

    Args:
        requests: facade.Request objects. A body that was too long to be kept counts as one good line.
        document: oss2 (which speaks for Cloud TSM too), serverless, v3 or v1.
    """
    api, table = load(document)
    found = ((request, problem(api, request) or unknown(table, request)) for request in requests)
    return [f"{request.method} {request.path}: {words}" for request, words in found if words]


def problem(api, request):
    """What a document says against one request, "" for nothing."""
    from openapi_core.exceptions import OpenAPIError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            api.validate_request(standing(request))
    except OpenAPIError as error:
        words, reason = [str(error)], error.__cause__
        while reason is not None:
            faults = getattr(reason, "schema_errors", ())
            words += [fault.message for fault in faults] if faults else [str(reason)]
            reason = reason.__cause__
        return "; ".join(dict.fromkeys(words))
    return ""


def unknown(table, request):
    """The query parameters that no operation of this path has, "" for none."""
    method = request.method.lower()
    names = table.get((method, request.path))
    extra = set() if names is None else request.query.keys() - names  # None: a path with an id in it
    return f"the document does not know {', '.join(sorted(extra))}" if extra else ""


def standing(request):
    """A recorded request in the shape that openapi-core reads."""
    from openapi_core.testing import MockRequest

    kind = request.headers.get("content-type", "")
    body = b"m f=1" if request.body is None else request.body
    if kind.startswith("text/plain") or request.path.endswith(("write", "write_lp")):
        body = base64.b64encode(body)  # the documents call line protocol `format: byte`, which is base64
    headers = {name: value for name, value in request.headers.items() if name not in ("content-type", "host")}
    return MockRequest(
        "http://127.0.0.1/",
        request.method.lower(),
        request.path,
        args=request.query,
        headers=headers,
        data=body or None,
        content_type=kind or "application/json",
    )
