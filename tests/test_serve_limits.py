"""What a request may cost: slow, endless, swollen and odd requests."""

import contextlib
import gzip
import http.client
import json
import socket
import time
import urllib.parse
import zlib

import pytest

from fieldline.serve.limits import Limits
from loopback import ServerError, fetch
from serving import serving

QUICK = Limits(idle_seconds=1.0, body_seconds=3.0, header_seconds=3.0)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("home"), limits=QUICK) as server:
        server.write("m x=1 1")
        yield server


def port_of(served):
    return int(served.url.rpartition(":")[2])


def raw(served, *parts, pause=0.0, wait=15):
    """Send bytes part by part; what comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", port_of(served)), timeout=wait) as client:
        with contextlib.suppress(OSError):
            for part in parts:
                client.sendall(part)
                time.sleep(pause)
        found = b""
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                found += data
        return found


def head(served, line, *headers, key=True):
    words = [line, f"Host: 127.0.0.1:{port_of(served)}", *headers]
    words += [f"Authorization: Token {served.key}"] if key else []
    return "\r\n".join([*words, "", ""]).encode("latin-1")


def refusal(call, *words, **more):
    with pytest.raises(ServerError) as caught:
        call(*words, **more)
    return caught.value


def still_well(served):
    assert served.query("SELECT x FROM m")[0]["series"]
    assert served.url


def test_a_body_that_stops_is_ended(served):
    answer = raw(served, head(served, "POST /write?db=field HTTP/1.1", "Content-Length: 100"), b"m x=1")
    assert answer.startswith(b"HTTP/1.1 408 ")
    still_well(served)


def test_a_body_of_a_byte_at_a_time_is_ended(served):
    answer = raw(served, head(served, "POST /write?db=field HTTP/1.1", "Content-Length: 100"), *[b"m"] * 60, pause=0.1)
    assert answer.startswith(b"HTTP/1.1 408 ")
    still_well(served)


def test_headers_that_do_not_come_are_ended(served):
    assert raw(served) == b""
    assert raw(served, b"GET /ping HT", *[b"T"] * 8, pause=0.5) == b""
    assert raw(served, b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n") == b""
    still_well(served)


def test_a_connection_that_is_kept_is_not_ended_amid_its_work(served):
    client = http.client.HTTPConnection("127.0.0.1", port_of(served), timeout=60)
    for _ in range(5):
        client.request("GET", "/ping")
        client.getresponse().read()
        time.sleep(0.8)  # all in all longer than headers may take
    client.close()


def test_a_body_of_fifty_megabytes_is_refused(served):
    error = refusal(served.write, b"m x=1 1\n" * (50 * 2**20 // 8))
    assert error.status == 413
    error = refusal(served.write, b"m x=1 1\n" * (50 * 2**20 // 8), path="/api/v2/write")
    assert (error.status, json.loads(error.body)["code"]) == (413, "request too large")
    still_well(served)


def test_an_endless_body_is_refused(served):
    chunk = b"10000\r\n" + b"m x=1 1\n" * 8192 + b"\r\n"
    answer = raw(served, head(served, "POST /write?db=field HTTP/1.1", "Transfer-Encoding: chunked"), *[chunk] * 200)
    assert answer.startswith(b"HTTP/1.1 413 ")
    still_well(served)


def test_a_body_in_chunks_is_taken(served):
    answer = raw(
        served,
        head(served, "POST /write?db=field HTTP/1.1", "Transfer-Encoding: chunked", "Connection: close"),
        b"c\r\nchunked x=1 \r\n2\r\n1\n\r\n0\r\n\r\n",
    )
    assert answer.startswith(b"HTTP/1.1 204 ")


def test_without_a_good_key_a_body_is_short(served):
    for key in ("", "fl_00000000_wrong"):
        assert refusal(served.write, b"m x=1 1\n" * 20_000, key=key).status == 401
        assert refusal(served.write, gzip.compress(b"m x=1 1\n" * 20_000), key=key, headers=ZIPPED).status in (401, 413)


ZIPPED = {"Content-Encoding": "gzip"}


def bomb(megabytes):
    packer = zlib.compressobj(9, wbits=31)
    return b"".join([*(packer.compress(bytes(2**20)) for _ in range(megabytes)), packer.flush()])


def test_bombs_are_refused(served):
    assert refusal(served.write, bomb(60), headers=ZIPPED).status == 413
    assert refusal(served.write, bomb(150), headers=ZIPPED).status == 413
    assert refusal(served.write, gzip.compress(bomb(60)), headers=ZIPPED).status == 400  # packed twice: no lines
    assert refusal(served.write, bomb(20) * 3, headers=ZIPPED).status == 413
    still_well(served)


@pytest.mark.parametrize(
    "body",
    [b"not gzip", gzip.compress(b"m x=1 1")[:-5], b"\x1f\x8b", gzip.compress(b"m x=1") + b"more"],
    ids=["no gzip", "cut off", "two bytes", "more behind it"],
)
def test_broken_gzip_is_refused(served, body):
    assert refusal(served.write, body, headers=ZIPPED).status == 400


def test_other_codings_are_refused(served):
    for coding in ("br", "deflate", "gzip, gzip", "zstd"):
        assert refusal(served.write, b"m x=1 1", headers={"Content-Encoding": coding}).status == 415


def test_a_length_and_chunks_at_once_are_refused(served):
    both = ("Content-Length: 5", "Transfer-Encoding: chunked")
    smuggled = b"0\r\n\r\nGET /ping HTTP/1.1\r\n\r\n"
    answer = raw(served, head(served, "POST /write?db=field HTTP/1.1", *both), smuggled)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: -1"],
        ["Content-Length: 0x10"],
        ["Content-Length: 99999999999999999999999999"],
        ["Transfer-Encoding: gzip"],
        ["Transfer-Encoding: chunked, chunked"],
        ["a b: c"],
        ["x: \x00"],
    ],
)
def test_odd_headers_are_refused(served, lines):
    answer = raw(served, head(served, "POST /write?db=field HTTP/1.1", *lines), b"m x=1\n")
    assert answer[9:12] in (b"400", b"413", b"501"), answer[:200]
    still_well(served)


@pytest.mark.parametrize("size", [40_000, 70_000, 200_000])
def test_long_headers_and_addresses_are_refused(served, size):
    for line, headers in [("GET /ping HTTP/1.1", [f"x: {'a' * size}"]), (f"GET /query?q={'a' * size} HTTP/1.1", [])]:
        answer = raw(served, head(served, line, *headers))
        assert answer[9:12] in (b"400", b"414", b"431"), answer[:100]
    still_well(served)


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS", "PUT", "DELETE", "CONNECT", "PROPFIND", "get"])
def test_other_methods_are_refused(served, method):
    answer = raw(served, head(served, f"{method} /query?q=x HTTP/1.1", "X-Echo: secret", "Connection: close"))
    assert answer[9:12] in (b"405", b"400")
    assert b"secret" not in answer
    assert b"access-control" not in answer.lower()


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.", "[::1", "127.0.0.1@evil.example", "0.0.0.0"]
)
def test_other_names_of_this_machine_are_refused(served, host):
    answer = raw(served, f"GET /ping HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert answer[9:12] in (b"421", b"400")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8086", "127.0.0.1", "[::1]:8086"])
def test_the_names_of_this_machine_are_taken(served, host):
    assert raw(served, f"GET /ping HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()).startswith(
        b"HTTP/1.1 204"
    )


def test_a_page_of_another_site_can_neither_write_nor_read(served):
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        assert refusal(served.write, "m x=1 1", headers=headers).status == 403
    served.write("m x=1 1", headers={"Origin": served.url, "Sec-Fetch-Site": "same-origin"})
    client = http.client.HTTPConnection("127.0.0.1", port_of(served), timeout=60)
    client.request("GET", "/query?q=SHOW+DATABASES", headers=served.headers(Origin="https://evil.example"))
    answer = client.getresponse()
    answer.read()
    assert not [name for name, _ in answer.getheaders() if name.lower().startswith("access-control")]


def test_every_answer_has_the_security_headers(served):
    client = http.client.HTTPConnection("127.0.0.1", port_of(served), timeout=60)
    for method, path in [
        ("GET", "/ping"),
        ("GET", "/nosuch"),
        ("POST", "/write"),
        ("GET", "/openapi.json"),
        ("TRACE", "/"),
    ]:
        client.request(method, path)
        answer = client.getresponse()
        answer.read()
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "server" not in {name.lower() for name, _ in answer.getheaders()}


def test_errors_have_one_form_and_echo_nothing(served):
    text = "<script>alert(1)</script>"
    for path in (
        f"/{text}",
        "/query?x=" + urllib.parse.quote(text),
        f"/api/v2/buckets?limit={urllib.parse.quote(text)}",
    ):
        error = refusal(served.get, urllib.parse.quote(path, safe="/?=%&"))
        assert error.body.startswith(b'{"')
        assert b"<script>" not in error.body
    assert json.loads(refusal(served.get, "/nosuch").body).keys() == {"error"}
    assert json.loads(refusal(served.get, "/api/v2/nosuch").body).keys() == {"code", "message"}


@pytest.mark.parametrize("path", ["/query?db=field&q=SHOW+MEASUREMENTS", "/api/layout", "/api/latest", "/metrics"])
def test_a_store_that_cannot_be_read_is_told_in_the_log_only(tmp_path, caplog, path):
    with serving(tmp_path) as served:
        store = served.context.store
        store.close()
        store.path.write_bytes(b"no DuckDB file")
        caplog.clear()
        error = refusal(served.get, path)
        said = [record.getMessage() for record in caplog.records if record.name.startswith("fieldline")]
        assert (error.status, json.loads(error.body)) == (503, {"error": "the store can't be reached now; try again"})
        assert [words for words in said if words.startswith(f"{store.path}: is not a DuckDB file")] == said[:1]
        assert len(said) == 1


def test_what_nobody_foresaw_is_told_in_one_form_and_logged_once(tmp_path, caplog):
    with serving(tmp_path) as served:
        served.write("m x=1 1")
        object.__setattr__(served.context, "now", lambda: 1 / 0)
        for more in ({}, {"chunked": "true"}):
            caplog.clear()
            with contextlib.suppress(OSError, http.client.HTTPException):
                error = refusal(served.query, "SELECT x FROM m", **more)
                assert error.status == 500
                assert json.loads(error.body) == {"error": "a fault in the server; its log tells more"}
            said = [record for record in caplog.records if record.name.startswith("fieldline")]
            assert [record.getMessage() for record in said] == [
                "a fault in the program, please report it: GET '/query'"
            ]
            assert "ZeroDivisionError" in caplog.text


def test_answers_are_packed_for_those_who_take_it(served):
    served.write("\n".join(f"packed x={n} {n}" for n in range(5000)))
    words = urllib.parse.urlencode({"q": "SELECT x FROM packed", "db": "field", "epoch": "ns"})
    plain = fetch(f"{served.url}/query?{words}", headers=served.headers())
    for more in ("", "&chunked=true&chunk_size=100"):
        packed = fetch(f"{served.url}/query?{words}{more}", headers=served.headers(**{"Accept-Encoding": "gzip, br"}))
        assert len(packed) < len(plain) / 2
        rows = [
            row
            for line in gzip.decompress(packed).splitlines()
            for row in json.loads(line)["results"][0]["series"][0]["values"]
        ]
        assert len(rows) == 5000
    assert fetch(f"{served.url}/query?{words}", headers=served.headers(**{"Accept-Encoding": "gzip;q=0"})) == plain


def test_too_many_requests_at_once_are_told_to_wait(tmp_path):
    with serving(tmp_path, limits=Limits(requests=4, idle_seconds=60)) as served:
        waiting = []
        for _ in range(4):
            client = socket.create_connection(("127.0.0.1", port_of(served)), timeout=60)
            client.sendall(head(served, "POST /write?db=field HTTP/1.1", "Content-Length: 10") + b"m")
            waiting.append(client)
        until(lambda: status_of(fetch, f"{served.url}/ping") == 503)
        for client in waiting:
            client.close()
        until(lambda: status_of(fetch, f"{served.url}/ping") == 200)


def until(true):
    """Wait for something to become true."""
    for _ in range(600):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it does not become true")


def status_of(call, *words):
    """The status of the answer; 200 for every success, 503 also where the server hung up before all was sent."""
    try:
        call(*words)
    except ServerError as error:
        return error.status
    except OSError:
        return 503
    return 200


def test_bodies_at_once_have_a_bound(tmp_path):
    """Bodies that have come but for a byte leave no room for another."""
    with serving(tmp_path, limits=Limits(held=2 * 2**20, idle_seconds=60)) as served:
        body, held = b"m x=1 1\n" * 100_000, []

        def is_full():
            client = socket.create_connection(("127.0.0.1", port_of(served)), timeout=60)
            held.append(client)
            with contextlib.suppress(OSError):
                client.sendall(
                    head(served, "POST /write?db=field HTTP/1.1", f"Content-Length: {len(body)}") + body[:-1]
                )
            return status_of(served.write, body) == 503

        until(is_full)
        for client in held:
            client.close()
        until(lambda: status_of(served.write, body) == 200)
