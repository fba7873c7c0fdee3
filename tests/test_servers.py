"""The servers that tests start are what they say they are."""

import gzip
import http.client
import json
import time
import urllib.parse

import pytest

import faults
from facade import lines
from servers import ALL, Influxd, Rights, ServerError, VictoriaMetrics, fetch, free_port


def test_what_is_written_is_read_back(influxd, database):
    influxd.write(database, "m,station=46m T=1.5,n=2i 60\nm,station=46m T=2.5 120", "s")
    (series,) = influxd.query("SELECT * FROM m", database)
    assert series["columns"] == ["time", "T", "n", "station"]
    assert series["values"] == [[60_000_000_000, 1.5, 2, "46m"], [120_000_000_000, 2.5, None, "46m"]]
    assert influxd.read(database, "m")[1] == {"time": 120_000_000_000, "T": 2.5, "station": "46m"}
    assert influxd.points(database, "m") == {"T": 2, "n": 1}


def test_an_error_is_raised_with_the_servers_words(influxd, database):
    influxd.write(database, "m T=1.5 60", "s")
    with pytest.raises(ServerError, match="field type conflict"):
        influxd.write(database, 'm T="x" 120', "s")
    with pytest.raises(ServerError, match="error parsing query"):
        influxd.query("SELECT", database)
    with pytest.raises(ServerError, match="database not found"):
        influxd.query("SELECT * FROM m", "nosuch")


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_data_outlives_an_outage(tmp_path, end):
    with Influxd(tmp_path) as server:
        server.query("CREATE DATABASE d")
        server.write("d", "m T=1.5 60", "s")
        getattr(server, end)()
        with pytest.raises(OSError):
            server.query("SHOW DATABASES")
        server.restart()
        assert server.points("d", "m") == {"T": 1}
    assert server.process.poll() is not None


def test_with_logins_nothing_works_without_one(tmp_path):
    with Influxd(tmp_path, auth=True) as server:
        server.query("CREATE DATABASE d")
        server.query("CREATE USER reader WITH PASSWORD 'r'")
        server.query("GRANT READ ON d TO reader")
        server.user, server.password = "reader", "r"
        assert server.query("SHOW MEASUREMENTS", "d") == []
        with pytest.raises(ServerError) as error:
            server.write("d", "m T=1 60", "s")
        assert error.value.status == 403
        server.password = "wrong"
        with pytest.raises(ServerError) as error:
            server.query("SHOW MEASUREMENTS", "d")
        assert error.value.status == 401


def test_victoria_metrics_keeps_what_it_is_sent(tmp_path):
    with VictoriaMetrics(tmp_path) as server:
        fetch(f"{server.url}/write?db=d&precision=s", b"m,station=46m T=1.5 1700000000")
        (series,) = server.export('{__name__="m_T"}')
    assert series["metric"] == {"__name__": "m_T", "db": "d", "station": "46m"}
    assert (series["values"], series["timestamps"]) == ([1.5], [1_700_000_000_000])


def test_a_free_port_is_not_one_that_clients_get():
    assert free_port() < 32768


# The facade


def call(server, path, body=None, method=None, token=None, **query):
    """A request to a facade: the JSON of the answer, or {}."""
    token = server.token if token is None else token
    headers = {"Authorization": f"Token {token}"} if token else {}
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    url = f"{server.url}{path}?{urllib.parse.urlencode(query)}"
    return json.loads(fetch(url, data, headers, method) or b"{}")


def put(server, text, bucket="field", **more):
    """Write line protocol to a facade."""
    return call(server, "/api/v2/write", text, org=server.org, bucket=bucket, precision="s", **more)


def stored(server, bucket="field"):
    """The values of T that are really there."""
    return [row["T"] for row in server.influxd.read(bucket, "m")]


MIXED = b'm T=1 60\nm T="x" 120\nm T=3 180'
BROKEN = b"m T=1 60\nm T= 120\nm T=3 180"


@pytest.mark.parametrize(
    ("product", "body", "status", "words", "there"),
    [
        ("oss2", MIXED, 422, "failure writing points to database: partial write: field type conflict", [1, 3]),
        ("oss2", BROKEN, 400, "unable to parse 'm T= 120'", []),
        ("cloud", MIXED, 204, "", [1, 3]),
        ("cloud", BROKEN, 400, "unable to parse 'm T= 120'", []),
        ("serverless", MIXED, 400, "partial write has occurred, errors encountered on line(s): line 2", [1, 3]),
        ("serverless", BROKEN, 400, "partial write has occurred, errors encountered on line(s): line 2", [1, 3]),
        ("serverless", b"m T= 60", 400, "no data written", []),
        ("dedicated", MIXED, 201, "", [1, 3]),
        ("dedicated", b"m T= 60", 400, "no data written", []),
        ("v3", BROKEN, 400, "partial write of line protocol occurred", [1, 3]),
        ("v1", MIXED, 400, "partial write: field type conflict", [1, 3]),
    ],
)
def test_each_product_answers_a_bad_batch_in_its_way(facade, product, body, status, words, there):
    server = facade(product)
    server.create("field")
    server.influxd.write("field", "m T=0.5 0")
    path = "/write" if product == "v1" else "/api/v2/write"
    try:
        call(server, path, body, org=server.org, bucket="field", db="field", precision="s")
    except ServerError as error:
        assert error.status == status
        assert words in error.message
    assert server.requests[-1].status == status
    assert stored(server) == [0.5, *there]


def test_v3_names_the_lines(facade):
    server = facade("v3")
    with pytest.raises(ServerError) as error:
        put(server, BROKEN)
    (bad,) = json.loads(error.value.body)["data"]
    assert (bad["original_line"], bad["line_number"]) == ("m T= 120", 2)


def test_a_bucket_is_made_found_changed_and_dropped(facade):
    server = facade("serverless")
    rules = [{"type": "expire", "everySeconds": 7 * 86400}]
    made = call(server, "/api/v2/buckets", {"name": "field", "orgID": server.org_id, "retentionRules": rules})
    (found,) = call(server, "/api/v2/buckets", name="field")["buckets"]
    assert found == made
    assert found["retentionRules"] == rules
    with pytest.raises(ServerError, match="422: bucket with name field already exists"):
        call(server, "/api/v2/buckets", {"name": "field", "orgID": server.org_id})
    with pytest.raises(ServerError, match="points beyond retention"):
        put(server, b"m T=1 60")
    path = f"/api/v2/buckets/{made['id']}"
    assert call(server, path, {"retentionRules": []}, "PATCH")["retentionRules"] == []
    put(server, b"m T=1 60")
    with pytest.raises(ServerError, match="400: limit"):
        call(server, "/api/v2/buckets", limit=1000)
    call(server, path, method="DELETE")
    assert call(server, "/api/v2/buckets", name="field")["buckets"] == []


def test_buckets_come_in_pages(facade):
    server = facade("oss2")
    for number in range(23):
        server.create(f"b{number}")
    first = call(server, "/api/v2/buckets")
    assert len(first["buckets"]) == 20
    assert len(call(server, "/api/v2/buckets", offset=20)["buckets"]) == 5
    assert "next" in first["links"]


def test_influxql_needs_a_mapping_in_the_clouds(facade):
    server = facade("cloud")
    server.create("field")
    put(server, b"m T=1 60")
    ask = {"db": "field", "q": "SELECT T FROM m", "epoch": "s"}
    assert call(server, "/query", **ask)["results"][0]["error"] == "database not found: field"
    (bucket,) = call(server, "/api/v2/buckets", name="field")["buckets"]
    mapping = {"bucketID": bucket["id"], "database": "field", "retention_policy": "autogen", "orgID": server.org_id}
    call(server, "/api/v2/dbrps", mapping)
    assert call(server, "/query", **ask)["results"][0]["series"][0]["values"] == [[60, 1]]
    assert call(server, "/api/v2/dbrps", org=server.org, db="field")["content"][0]["default"]
    shown = call(server, "/query", q="SHOW RETENTION POLICIES ON field")["results"][0]["series"][0]
    assert shown["values"] == [["autogen", "0s", "168h0m0s", 1, True]]
    other = facade("oss2")
    assert ["field"] in call(other, "/query", q="SHOW DATABASES")["results"][0]["series"][0]["values"]
    assert call(other, "/query", **ask)["results"][0]["series"][0]["values"] == [[60, 1]]
    assert call(other, "/api/v2/dbrps", org=server.org)["content"][0]["virtual"]


def test_v3_makes_lists_and_drops_databases(facade):
    server = facade("v3")
    path = "/api/v3/configure/database"
    call(server, path, {"db": "field", "retention_period": "7d"})
    with pytest.raises(ServerError, match="409"):
        call(server, path, {"db": "field"})
    assert call(server, path, format="json") == [{"iox::database": "_internal"}, {"iox::database": "field"}]
    call(server, path, {"db": "field", "retention_period": "30d"}, "PUT")
    with pytest.raises(ServerError, match="write of line protocol failed"):
        put(server, b"m T=1 60")
    call(server, f"{path}/retention_period", method="DELETE", db="field")
    put(server, b"m T=1 60")
    put(server, b"m T=1 60", bucket="other")
    assert stored(server, "other") == [1]
    call(server, path, method="DELETE", db="other")
    assert len(call(server, path, format="json")) == 2
    with pytest.raises(ServerError, match="404"):
        call(server, "/api/v2/buckets")


def test_a_token_may_what_its_rights_say(facade):
    server = facade("oss2", tokens={"w": Rights(write=("field",)), "r": Rights(read=("field",)), "all": ALL})
    server.create("field")
    server.create("other")
    put(server, b"m T=1 60", token="w")
    ask = {"db": "field", "q": "SELECT T FROM m"}
    assert "series" in call(server, "/query", token="r", **ask)["results"][0]
    assert "unauthorized" in call(server, "/query", token="w", **ask)["results"][0]["error"]
    for token, bucket, status in [("r", "field", 403), ("w", "other", 403), ("x", "field", 401), ("", "field", 401)]:
        with pytest.raises(ServerError) as error:
            put(server, b"m T=2 60", bucket, token=token)
        assert error.value.status == status
    with pytest.raises(ServerError, match='404: bucket "nosuch" not found'):
        put(server, b"m T=2 60", "nosuch", token="all")
    with pytest.raises(ServerError, match=r"401: write:orgs/\w+/buckets is unauthorized"):
        call(server, "/api/v2/buckets", {"name": "new", "orgID": server.org_id}, token="w")
    assert stored(server) == [1]
    assert "Token ***" in {request.headers.get("authorization") for request in server.requests}
    assert "all" not in {request.headers.get("authorization") for request in server.requests}


def test_the_free_plan_has_its_limits(facade):
    server = facade("serverless", free=True)
    month = [{"type": "expire", "everySeconds": 30 * 86400}]
    with pytest.raises(ServerError, match="provided retention exceeds orgs maximum retention duration"):
        call(server, "/api/v2/buckets", {"name": "a", "orgID": server.org_id, "retentionRules": []})
    for name in ("a", "field"):
        call(server, "/api/v2/buckets", {"name": name, "orgID": server.org_id, "retentionRules": month})
    with pytest.raises(ServerError, match="403: creating bucket would exceed quota"):
        call(server, "/api/v2/buckets", {"name": "c", "orgID": server.org_id, "retentionRules": month})
    now = int(time.time())
    server.limits.window_bytes = 100
    put(server, b"m T=1 %d" % now)
    with pytest.raises(ServerError, match=r"429: org .* has exceeded limited_write plan limit"):
        put(server, b"m T=2 %d\n" % now * 10)
    server.limits.window = 0
    put(server, b"m T=3 %d" % now)
    server.limits.window_bytes = None
    wide = ",".join(f"c{number}=1" for number in range(199))
    with pytest.raises(ServerError, match="limit is 200"):
        put(server, f"m {wide} {now}".encode())
    assert stored(server) == [3]


def test_a_gzip_body_is_one_whole_member(facade):
    server = facade()
    server.create("field")
    url = f"{server.url}/api/v2/write?org={server.org}&bucket=field&precision=s"
    headers = {"Authorization": f"Token {server.token}", "Content-Encoding": "gzip"}
    whole = gzip.compress(b"m T=1 60")
    fetch(url, whole, headers)
    assert server.writes()[0].body == b"m T=1 60"
    for body in (whole[:-4], whole + whole, b"m T=2 60"):
        with pytest.raises(ServerError, match="400: unable to read data: gzip"):
            fetch(url, body, headers)
    assert stored(server) == [1]


def test_faults_come_in_their_order_and_only_to_writes(facade):
    server = facade()
    server.create("field")
    server.faults = [
        faults.Status(429, retry_after=7),
        faults.GarbageAnswer(),
        faults.TooLarge(5),
        faults.ResetMidBody(3),
        faults.DropAfterStoring(),
        None,
        faults.Slow(0),
    ]
    fetch(f"{server.url}/ping")
    with pytest.raises(ServerError, match="429"):
        put(server, b"m T=1 60")
    assert "error" not in server.influxd.query("SHOW DATABASES")
    url = f"{server.url}/api/v2/write?org={server.org}&bucket=field&precision=s"
    assert b"<html>" in fetch(url, b"m T=2 60", {"Authorization": f"Token {server.token}"})
    with pytest.raises(ServerError, match="413"):
        put(server, b"m T=3 60")
    with pytest.raises(OSError, match=r"reset by peer|[Bb]roken pipe|forcibly closed|aborted"):
        put(server, b"m T=4 60" + b" " * 100_000)
    assert server.influxd.read("field", "m") == []
    with pytest.raises(OSError):
        put(server, b"m T=5 60")
    assert stored(server) == [5]
    put(server, b"m T=6 60")
    put(server, b"m T=7 60")
    assert stored(server) == [7]
    assert [request.status for request in server.writes()] == [429, 200, 413, 0, 0, 204, 204]
    server.faults = lambda request: faults.Status(503) if request.size < 9 else None
    with pytest.raises(ServerError, match="503"):
        put(server, b"m T=8 60")


def test_an_outage_cuts_connections_and_ends_at_the_same_place(facade):
    server = facade()
    server.create("field")
    host = urllib.parse.urlsplit(server.url).netloc
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.request("GET", "/ping")
    connection.getresponse().read()
    server.down()
    with pytest.raises((OSError, http.client.HTTPException)):
        connection.request("GET", "/ping")
        connection.getresponse()
    with pytest.raises(OSError):
        put(server, b"m T=1 60")
    connection.close()
    server.up()
    put(server, b"m T=1 60")
    server.influxd.stop()
    with pytest.raises(ServerError, match="503"):
        put(server, b"m T=2 120")
    server.influxd.restart()
    assert stored(server) == [1]


def test_a_line_end_in_a_string_does_not_end_its_line():
    body = b'# c\nm,a=x"y s="one\ntwo",T=1 1\n\nm T=2 2\nm\\ n,b\\ c=1 d\\=e="=,q=" 3\n'
    assert lines.split(body) == [b'm,a=x"y s="one\ntwo",T=1 1', b"m T=2 2", b'm\\ n,b\\ c=1 d\\=e="=,q=" 3']
    assert lines.tables(body) == [
        (b"m", {b"T"}),
        (b"m", {b"a", b"s", b"T"}),
        (b"m\\ n", {b"b\\ c", b"d\\=e"}),
    ]
