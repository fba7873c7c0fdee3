"""The OpenAPI document: true, with examples, and no request that it describes is a fault of the server."""

import json
import os

import pandas as pd
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from openapi_spec_validator import validate
from schemathesis import GenerationMode
from schemathesis.checks import content_type_conformance, not_a_server_error, status_code_conformance

from fieldline.serve.limits import Limits
from loopback import fetch
from serving import serving

EXAMPLES = int(os.environ.get("FIELDLINE_REQUESTS", "6"))  # of each operation and kind
OURS = ("/api/ingest", "/api/latest", "/api/devices", "/measurements", "/api/export", "/metrics")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("home"), tables=(), limits=Limits(requests=500)) as running:
        now = pd.Timestamp.now("UTC").as_unit("ns")
        frame = pd.DataFrame({"station": "46m", "PPFD": [1.0], "PPFD_qc": [1]}, index=pd.DatetimeIndex([now]))
        running.store.write("field", "tower", frame, ("station",))
        yield running


@pytest.fixture(scope="module")
def document(server):
    """Without the stream of news, which does not end."""
    found = server.json("/openapi.json")
    del found["paths"]["/api/events"]
    return found


def asks(server, operation, mode, checks):
    """A test that asks one operation."""

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(operation.as_strategy(generation_mode=mode))
    def ask(case):
        answer = case.call(base_url=server.url, headers=server.headers(), timeout=120)
        case.validate_response(answer, checks=checks)

    return ask


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_no_request_is_a_fault_of_the_server(document, server, mode):
    """Requests as the document has them, and ones with something wrong: words, never a 500."""
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        operation = found.ok()
        ours = operation.path.startswith(OURS)
        more = [status_code_conformance, content_type_conformance] if ours else []
        try:
            asks(server, operation, mode, [not_a_server_error, *more])()
        except Unsatisfiable:  # where nothing can be wrong
            assert mode is GenerationMode.NEGATIVE


def test_the_document_is_one(document):
    validate(document)


def test_every_endpoint_has_an_example_and_says_what_it_does(document):
    for path, operations in document["paths"].items():
        if not path.startswith(OURS):
            continue
        for operation in operations.values():
            assert operation.get("description") or operation.get("summary"), path
            for content in operation["responses"]["200"]["content"].values():
                assert content.get("example") is not None or content["schema"].get("format") == "binary", path
            for parameter in operation.get("parameters", ()):
                assert parameter["schema"].get("examples") or parameter.get("description"), (path, parameter["name"])


def test_the_examples_work(document, server):
    for example in document["paths"]["/api/ingest"]["post"]["requestBody"]["content"]["application/json"][
        "examples"
    ].values():
        body = json.loads(json.dumps(example["value"]).replace("2026-06-25T10:50:00Z", "2026-01-01T00:00:00Z"))
        headers = server.headers(**{"Content-Type": "application/json"})
        assert json.loads(fetch(f"{server.url}/api/ingest", json.dumps(body).encode(), headers))["ok"]
    for path, operations in document["paths"].items():
        if "get" not in operations or not path.startswith(OURS):
            continue
        words = {
            one["name"]: one["schema"]["examples"][0]
            for one in operations["get"].get("parameters", ())
            if one["schema"].get("examples")
        }
        place = path.format(**{name: word for name, word in words.items() if f"{{{name}}}" in path})
        assert server.get(place, **{name: word for name, word in words.items() if f"{{{name}}}" not in path})
