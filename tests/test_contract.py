"""Wrong requests are found by InfluxData's API documents, and good ones pass."""

import pytest

import contract
from facade import Request

HEADERS = {"authorization": "Token ***", "content-type": "text/plain; charset=utf-8", "content-encoding": "gzip"}
JSON = {"authorization": "Token ***", "content-type": "application/json"}
WRITE = {"org": "field-lab", "bucket": "field", "precision": "s"}
LINE = b"m T=1 60"
GOOD = Request("POST", "/api/v2/write", WRITE, HEADERS, LINE)


@pytest.mark.parametrize(
    ("document", "request_"),
    [
        ("oss2", GOOD),
        ("serverless", GOOD),
        ("v3", GOOD),
        ("v1", GOOD),
        ("oss2", Request("POST", "/api/v2/write", WRITE, HEADERS, None, 10**7)),
        ("oss2", Request("GET", "/ping", {}, {})),
        ("oss2", Request("GET", "/query", {"db": "field", "q": "SHOW MEASUREMENTS"}, JSON)),
        ("oss2", Request("POST", "/api/v2/buckets", {}, JSON, b'{"name": "a", "orgID": "0123456789abcdef"}')),
        ("oss2", Request("PATCH", "/api/v2/buckets/0123456789abcdef", {}, JSON, b'{"retentionRules": []}')),
        ("v3", Request("GET", "/api/v3/configure/database", {"format": "json"}, JSON)),
        ("v1", Request("POST", "/write", {"db": "field", "precision": "s"}, {"content-type": "text/plain"}, LINE)),
    ],
)
def test_a_good_request_passes(document, request_):
    assert contract.check([request_], document) == []


@pytest.mark.parametrize(
    ("document", "words", "request_"),
    [
        ("oss2", "precision", Request("POST", "/api/v2/write", {**WRITE, "precision": "min"}, HEADERS, LINE)),
        ("oss2", "query parameter: org", Request("POST", "/api/v2/write", {"bucket": "a"}, HEADERS, LINE)),
        ("oss2", "precison", Request("POST", "/api/v2/write", {**WRITE, "precison": "s"}, HEADERS, LINE)),
        ("oss2", "Security", Request("POST", "/api/v2/write", WRITE, {"content-type": "text/plain"}, LINE)),
        ("oss2", "'br'", Request("POST", "/api/v2/write", WRITE, {**HEADERS, "content-encoding": "br"}, LINE)),
        ("oss2", "mimetype", Request("POST", "/api/v2/write", WRITE, JSON, LINE)),
        ("oss2", "body", Request("POST", "/api/v2/write", WRITE, HEADERS, b"")),
        ("oss2", "Path not found", Request("GET", "/api/v2/nonsense", {}, JSON)),
        ("oss2", "put not found", Request("PUT", "/api/v2/buckets", {}, JSON, b"{}")),
        ("oss2", "'name' is a required", Request("POST", "/api/v2/buckets", {}, JSON, b'{"orgID": "0"}')),
        ("oss2", "maximum of 100", Request("GET", "/api/v2/buckets", {"limit": "1000"}, JSON)),
        ("serverless", "post not found", Request("POST", "/query", {}, JSON, b"{}")),
        ("v3", "format", Request("GET", "/api/v3/configure/database", {}, JSON)),
        ("v1", "precision", Request("POST", "/write", {"db": "a", "precision": "ns"}, {}, LINE)),
    ],
)
def test_a_wrong_request_is_found(document, words, request_):
    (problem,) = contract.check([GOOD, request_], document)
    assert words in problem
    assert problem.startswith(f"{request_.method} {request_.path}: ")


def test_what_a_facade_records_can_be_checked(facade):
    from servers import fetch

    server = facade("oss2")
    server.create("field")
    headers = {"Authorization": f"Token {server.token}", "Content-Type": "text/plain"}
    fetch(f"{server.url}/api/v2/write?org={server.org}&bucket=field&precision=s", LINE, headers)
    assert contract.check(server.requests, "oss2") == []
