"""InfluxQL over HTTP: the form of the answers, held against influxd, and the foreign clients that ask."""

import itertools
import json
import os
import socket
import subprocess
import time
import urllib.parse

import numpy as np
import pandas as pd
import pytest

from fieldline.errors import Unreachable
from fieldline.influxql import Series
from fieldline.serve.limits import Limits
from fieldline.serve.query import _result
from fieldline.serve.replies import json_bytes
from fieldline.sinks.embedded import Embedded
from loopback import ServerError, fetch
from servers import binary
from serving import serving

LINES = """
m,site=a x=1.5,n=7i,ok=t,s="say ""hi"", you" 1704067200000000000
m,site=a x=2,n=8i 1704067201500000000
m,site=b,more=c\\,d x=-0.25,s="=1+1" 1704067202000000001
m,site=b x=100000000000000000000000 1704067260000000000
other x=1 1704067200000000000
""".strip().replace('""', '\\"')


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("home")) as server:
        server.write(LINES)
        yield server


@pytest.fixture
def both(served, influxd, database):
    """Ask ours and influxd the same; the two bodies."""
    influxd.write(database, LINES)

    def ask(q, accept="application/json", **words):
        def url(base, db):
            return f"{base}/query?" + urllib.parse.urlencode({"q": q, "db": db} | words)

        headers = served.headers(Accept=accept)
        return fetch(url(served.url, "field"), headers=headers), fetch(
            url(influxd.url, database), headers={"Accept": accept}
        )

    return ask


QUESTIONS = [
    "SELECT * FROM m",
    "SELECT x, n, ok, s FROM m",
    'SELECT mean(x) FROM m WHERE time >= 1704067200s AND time < 1704067320s GROUP BY time(1m), "site" fill(null)',
    "SELECT count(x) FROM m GROUP BY *",
    "SELECT last(n) FROM m GROUP BY site",
    "SELECT x FROM nosuch",
    "SELECT x FROM m; SELECT x FROM nosuch; SELECT n FROM m",
    "SHOW MEASUREMENTS",
    "SHOW FIELD KEYS",
    'SHOW TAG VALUES WITH KEY = "site"',
    "SHOW TAG KEYS FROM m",
]


@pytest.mark.parametrize("q", QUESTIONS)
@pytest.mark.parametrize("epoch", ["", "ns", "u", "ms", "s", "m", "h"])
def test_json_is_as_influxd_writes_it(both, q, epoch):
    ours, theirs = both(q, **({"epoch": epoch} if epoch else {}))
    assert json.loads(ours) == json.loads(theirs)


@pytest.mark.parametrize("q", QUESTIONS)
def test_csv_is_as_influxd_writes_it(both, q):
    for epoch in ({}, {"epoch": "ms"}):
        ours, theirs = both(q, "application/csv", **epoch)
        assert ours.decode() == theirs.decode()


@pytest.mark.parametrize("q", QUESTIONS)
@pytest.mark.parametrize("size", [1, 2, 10_000])
def test_parts_are_as_influxd_sends_them(both, q, size):
    ours, theirs = both(q, chunked="true", chunk_size=size, epoch="ns")

    def whole(body, most=10_000):
        """The rows of each statement and series."""
        found = {}
        for line in body.splitlines():
            for result in json.loads(line)["results"]:
                rows = found.setdefault(result["statement_id"], {})
                for series in result.get("series", ()):
                    key = (series.get("name"), tuple(series.get("tags", {}).items()), tuple(series["columns"]))
                    assert len(series["values"]) <= most
                    rows.setdefault(key, []).extend(series["values"])
        return found

    assert whole(ours, size) == whole(theirs)  # influxd does not cut what SHOW answers
    last = json.loads(ours.splitlines()[-1])["results"][-1]
    assert "partial" not in last
    if size == 10_000:
        return
    parts = [json.loads(line)["results"][0] for line in ours.splitlines()]
    for part, after in itertools.pairwise(parts):
        assert ("partial" in part) == (part["statement_id"] == after["statement_id"])


@pytest.mark.parametrize(
    "q",
    [
        *(
            "SELECT",
            "SELECT x FORM m",
            "SELECT x FROM m WHERE",
            "SELECT mean( FROM m",
            "DROP DATABASE field",
            "SELECT 1",
        ),
        *("SELECT x INTO y FROM m", "DELETE FROM m", "SHOW USERS", "\0", "é", "SELECT x FROM m; nonsense"),
    ],
)
def test_what_is_not_answered_is_refused_in_words(served, q):
    with pytest.raises(ServerError) as caught:
        served.query(q)
    assert caught.value.status == 400
    assert json.loads(caught.value.body).keys() == {"error"}
    assert caught.value.message.startswith(("error parsing query: ", "unsupported: "))
    assert [row["x"] for row in served.store.read("field", "other").to_dict("records")] == [1.0]


def test_errors_of_a_statement_stand_in_its_place(served):
    results = served.query("SELECT x FROM m; SELECT x FROM nosuch..m; SHOW MEASUREMENTS")
    assert [result["statement_id"] for result in results] == [0, 1, 2]
    assert results[1]["error"] == "database not found: nosuch"
    assert served.query("SELECT x FROM m", db="")[0]["error"] == "database name required"


def from_both(both, q):
    """The error of the whole request, or the results, of ours and of influxd."""
    found = []
    for ask in both:
        try:
            found.append(json.loads(ask(q))["results"])
        except ServerError as error:
            found.append(error.message)
    return found


@pytest.fixture
def asking(served, influxd, database):
    """How to ask ours, and influxd."""
    influxd.write(database, LINES)

    def asks(base, db, headers):
        words = {"db": db, "epoch": "ns"}
        return lambda q: fetch(f"{base}/query?" + urllib.parse.urlencode(words | {"q": q}), headers=headers)

    return asks(served.url, "field", served.headers()), asks(influxd.url, database, {})


def test_a_statement_after_one_that_failed_is_answered(asking):
    """docs/influxql.md: where influxd answers otherwise."""
    mine, theirs = from_both(asking, "SELECT mean(s) FROM m; SELECT count(x) FROM m")
    assert "unsupported mean iterator type" in mine[0]["error"]
    assert mine[1]["series"][0]["values"] == [[0, 4]]
    assert not any("series" in result for result in theirs)
    assert theirs[-1]["error"] == "not executed"


def test_a_regular_expression_that_cannot_be_read_leaves_the_other_statements_alone(asking):
    """docs/influxql.md: where influxd answers otherwise."""
    mine, theirs = from_both(asking, "SELECT x FROM m WHERE site =~ /(/; SELECT count(x) FROM m")
    assert "cannot be worked out" in mine[0]["error"]
    assert mine[1]["series"][0]["values"] == [[0, 4]]
    assert theirs.startswith("error parsing query: error parsing regexp")


def test_the_words_may_come_as_a_form(served):
    headers = served.headers(**{"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"})
    body = urllib.parse.urlencode({"q": "SELECT x FROM m", "epoch": "s"}).encode()
    answer = json.loads(fetch(f"{served.url}/query?db=field", body, headers))
    assert answer["results"][0]["series"][0]["values"][0] == [1704067200, 1.5]


@pytest.mark.parametrize(
    "words",
    [
        {"q": ""},
        {"q": "SHOW DATABASES", "quality": "1"},
        {"q": "SHOW DATABASES", "epoch": "d"},
        {"q": "SHOW DATABASES", "p": "x"},
    ]
    + [{"q": "SHOW DATABASES", "chunked": "true", "chunk_size": word} for word in ("-1", "x", "1e3", "99999999999")]
    + [{"q": ["SHOW DATABASES", "SHOW DATABASES"]}],
)
def test_odd_parameters_are_refused(served, words):
    with pytest.raises(ServerError) as caught:
        served.get("/query", **words)
    assert caught.value.status == 400


def test_other_bodies_are_refused(served):
    for kind, body, status in [
        ("application/json", b'{"q": "SHOW DATABASES"}', 415),
        ("application/x-www-form-urlencoded", b"q=\xff", 400),
        ("application/x-www-form-urlencoded", b"q=x&" * 100, 400),
    ]:
        with pytest.raises(ServerError) as caught:
            fetch(f"{served.url}/query", body, served.headers(**{"Content-Type": kind}))
        assert caught.value.status == status


def test_a_key_sees_only_its_buckets(served):
    served.store.create("secret", None)
    served.write("m x=1 1", db="secret")
    key = served.context.keys.add("narrow", ["field"])[0]
    names = [row[0] for row in served.query("SHOW DATABASES", key=key)[0]["series"][0]["values"]]
    assert names == ["field"]
    assert ["secret"] in served.query("SHOW DATABASES")[0]["series"][0]["values"]
    assert served.query("SELECT x FROM m", key=key)[0]["series"]
    for q, db in [
        ("SELECT x FROM m", "secret"),
        ("SELECT x FROM secret..m", "field"),
        ("SELECT x FROM m, secret.autogen.m", "field"),
        ("SHOW MEASUREMENTS ON secret", "field"),
        ("SHOW RETENTION POLICIES ON secret", "field"),
        ("SHOW TAG VALUES ON secret WITH KEY = t", "field"),
        ("SELECT x FROM m; SELECT x FROM secret..m", "field"),
        ("SELECT x FROM nosuch..m", "field"),
    ]:
        with pytest.raises(ServerError) as caught:
            served.query(q, db, key=key)
        assert caught.value.status == 403, q


def test_a_bucket_is_made_by_its_old_name(served):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    key = served.context.keys.add("maker", ["*"], ["telegraf"])[0]

    def make(q, key):
        body = urllib.parse.urlencode({"q": q}).encode()
        return json.loads(fetch(f"{served.url}/query", body, served.headers(key, **form)))["results"][0]

    assert make('CREATE DATABASE "telegraf" WITH DURATION 720h', key) == {"statement_id": 0}
    assert make("create database telegraf", key) == {"statement_id": 0}
    assert served.store.buckets()["telegraf"] == 30
    assert "whole days" in make("CREATE DATABASE telegraf WITH DURATION 7h", key)["error"]
    for q in ("CREATE DATABASE another", 'CREATE DATABASE "x; DROP"'):
        with pytest.raises(ServerError) as caught:
            make(q, key)
        assert caught.value.status == 403
    with pytest.raises(ServerError) as caught:
        served.query("CREATE DATABASE telegraf")  # by GET
    assert caught.value.status == 400


def test_ping_tells_a_version_that_clients_know(served):
    import urllib.request

    with urllib.request.urlopen(f"{served.url}/ping") as answer:
        assert (answer.status, answer.headers["X-Influxdb-Version"]) == (204, "1.8.10-fieldline")
    assert served.json("/health", key="")["status"] == "pass"


@pytest.mark.parametrize(
    ("words", "told"),
    [({}, ""), *(({"verbose": word}, "") for word in ("", "0", "false")), ({"wait_for_leader": "3s"}, "")]
    + [({"verbose": word, "wait_for_leader": "3s"}, "1.8.10-fieldline") for word in ("1", "true")],
)
def test_ping_takes_what_clients_of_influxdb_send(served, words, told):
    for path in ("/ping", "/api/v2/ping"):
        answer = served.get(path, key="", **words)
        assert answer == (json.dumps({"version": told}, separators=(",", ":")).encode() if told else b"")


@pytest.mark.parametrize("path", ["/ping?verbos=1", "/ping?u=x&p=y", "/api/v2/ping?org=x", "/health?verbose=1"])
def test_ping_knows_no_other_parameters(served, path):
    with pytest.raises(ServerError) as caught:
        served.get(path)
    assert caught.value.status == 400


def test_files_take_no_notice_of_what_others_append_to_an_address(served):
    for path in ("/", "/openapi.json", "/favicon.ico"):
        assert served.get(path, key="") == served.get(path, key="", utm_source="mail")


def test_the_influx_shell_asks_and_writes(served):
    host, port = served.url.removeprefix("http://").split(":")
    words = [binary("influx"), "-host", host, "-port", port, "-username", "anybody", "-password", served.key]

    def influx(*more):
        done = subprocess.run(
            [*words, *more], capture_output=True, text=True, check=True, env=os.environ | {"no_proxy": "*"}
        )
        return done.stdout + done.stderr

    assert "field" in influx("-execute", "SHOW DATABASES")
    assert influx("-database", "field", "-precision", "ns", "-execute", "INSERT shelled,t=a x=4.5 99") == ""
    out = influx("-database", "field", "-precision", "ns", "-format", "csv", "-execute", "SELECT * FROM shelled")
    assert out.splitlines() == ["name,time,t,x", "shelled,99,a,4.5"]
    assert "1.5" in influx("-database", "field", "-execute", "SELECT mean(x) FROM m WHERE n = 7 GROUP BY site")
    with pytest.raises(subprocess.CalledProcessError) as caught:
        influx("-database", "field", "-execute", "DROP MEASUREMENT m")
    assert "unsupported" in caught.value.stdout + caught.value.stderr


def test_curl_asks(served):
    words = [binary("curl"), "-sS", "--fail", "--compressed", "-G", "-H", f"Authorization: Token {served.key}"]
    words += [f"{served.url}/query", "--data-urlencode", "db=field", "--data-urlencode", "q=SELECT x FROM m"]
    done = subprocess.run(words, capture_output=True, check=True, env=os.environ | {"no_proxy": "*"})
    assert json.loads(done.stdout)["results"][0]["series"][0]["values"][0] == ["2024-01-01T00:00:00Z", 1.5]


def test_long_answers_become_text_fast():
    """Not timed here: benchmarks/ does. What matters is that gaps are null and no value changes on the way."""
    times = np.arange(100_000, dtype=np.int64) * 10**9
    values = np.linspace(-1, 1, 100_000)
    values[::7] = np.nan
    series = Series("m", None, ("time", "x", "s"), times, [values, np.array([None, "é"] * 50_000, object)])
    began = time.perf_counter()
    text = json_bytes(_result(0, [series], 10**6))
    print(f"{time.perf_counter() - began:.3f} s")
    rows = json.loads(text)["series"][0]["values"]
    assert rows[0] == [0, None, None]
    assert rows[1] == [1000, values[1], "é"]
    assert len(rows) == 100_000


@pytest.mark.parametrize("form", ["", "&chunked=true"])
def test_a_question_whose_client_leaves_ends(tmp_path, form):
    """This one would take half a minute, in which nobody could write."""
    index = pd.date_range("2024-01-01", periods=1_000_000, freq="s", tz="UTC", name="time")
    question = "SELECT count(x) FROM long WHERE " + " AND ".join(f"x != {number}.5" for number in range(10_000))  # noqa: S608
    with serving(tmp_path, limits=Limits(query_seconds=1_000)) as served:
        served.store.write("field", "long", pd.DataFrame({"x": np.arange(float(len(index)))}, index=index))
        hasty = Embedded(served.store.path, wait_seconds=0.1)
        body = urllib.parse.urlencode({"q": question}).encode()
        client = socket.create_connection(("127.0.0.1", int(served.url.rpartition(":")[2])))
        request = f"POST /query?db=field{form} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Token {served.key}\r\n"
        kind = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
        client.sendall((request + kind).encode() + body)
        began = time.monotonic()
        with pytest.raises(Unreachable):
            while True:
                assert time.monotonic() < began + 120, "the question does not begin"
                hasty.create("field", None)
        client.close()
        Embedded(served.store.path, wait_seconds=20).create("other", None)
