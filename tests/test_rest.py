"""The REST part of the server: rows in as JSON, newest rows, devices, histories, files."""

import csv
import io
import json
import urllib.parse
from datetime import datetime

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldline.serve import export
from fieldline.serve.export import csv_text, file_name, stamps
from fieldline.serve.ingest import BadRows, parse
from fieldline.serve.latest import usual_steps
from loopback import ServerError, fetch
from serving import serving

NOW = pd.Timestamp("2026-06-25T10:50:00Z")
AT = "2026-06-25T10:49:00Z"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("home"), now=lambda: NOW, tables=()) as running:
        running.store.create("other", None)
        yield running


def ingest(server, content, key=None, kind="application/json"):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return json.loads(fetch(f"{server.url}/api/ingest", body, server.headers(key, **{"Content-Type": kind})))


def row(measurement="m", time=AT, tags=None, bucket="field", **fields):
    return {"bucket": bucket, "measurement": measurement, "tags": tags or {}, "time": time, "fields": fields}


def refused(call, *args, **words):
    """The status and the words of a refusal."""
    with pytest.raises(ServerError) as caught:
        call(*args, **words)
    return caught.value.status, caught.value.message


def quoted(text):
    return urllib.parse.quote(text, safe="")


def minutes_ago(number, time=NOW):
    return (time - pd.Timedelta(minutes=number)).isoformat()


# ---- ingest


def test_rows_are_in_the_store_when_it_says_so(server):
    rows = [row("durable", minutes_ago(n), {"station": "d1"}, PPFD=600 + n, open=n == 1, note="x") for n in range(3)]
    assert ingest(server, rows) == {"ok": True, "rows": 3}
    with duckdb.connect(server.store.path, read_only=True) as other:
        found = other.sql('SELECT "PPFD", "open", note, station FROM field.durable ORDER BY time').fetchall()
    assert found == [(602.0, False, "x", "d1"), (601.0, True, "x", "d1"), (600.0, False, "x", "d1")]


def test_the_same_rows_twice_are_the_same_as_once(server):
    rows = [row("twice", minutes_ago(n), a=n) for n in range(5)]
    ingest(server, rows)
    assert ingest(server, [*rows, *rows])["rows"] == 10
    assert len(server.store.read("field", "twice")) == 5


def test_a_time_may_be_a_count_since_1970_if_its_unit_is_declared(server):
    epoch = int(NOW.timestamp())
    counts = {"s": epoch, "ms": epoch * 10**3 + 1, "us": epoch * 10**6 + 1, "ns": epoch * 10**9 + 1}
    for unit, count in counts.items():
        ingest(server, row("epochs", {"epoch": count, "unit": unit}, {"unit": unit}, a=1))
    ingest(server, row("epochs", {"epoch": epoch + 0.25, "unit": "s"}, {"unit": "fraction"}, a=1))
    frame = server.store.read("field", "epochs")
    steps = {row.unit: time.value - NOW.value for time, row in frame.iterrows()}
    assert steps == {"s": 0, "ms": 10**6, "us": 10**3, "ns": 1, "fraction": 250 * 10**6}


def test_the_small_form_is_a_row_of_ingest(server):
    small = {"timestamp": "2026-06-25T12:00:00+02:00", "power_ac_w": 1850, "bucket": "field"}
    assert ingest(server, small) == {"ok": True, "rows": 1}
    frame = server.store.read("field", "ingest")
    assert frame["power_ac_w"].tolist() == [1850.0]
    assert frame.index[0] == pd.Timestamp("2026-06-25T10:00Z")


def test_a_row_without_a_bucket_goes_where_its_key_may_write(server):
    key = server.context.keys.add("one bucket", [], ["other"])[0]
    ingest(server, {"timestamp": AT, "power_ac_w": 1}, key)
    assert len(server.store.read("other", "ingest")) == 1
    assert refused(ingest, server, {"timestamp": AT, "power_ac_w": 1})[0] == 422  # this key may write all


def test_a_key_writes_only_its_buckets_and_a_reader_none(server):
    writer = server.context.keys.add("other's", [], ["other"])[0]
    reader = server.context.keys.add("reader", ["*"], [])[0]
    assert refused(ingest, server, row("rights", a=1), writer)[0] == 403
    assert refused(ingest, server, [row("rights", bucket="other", a=1), row("rights", a=1)], writer)[0] == 403
    assert refused(ingest, server, row("rights", a=1), reader)[0] == 403
    assert refused(ingest, server, row("rights", a=1), "wrong")[0] == 401
    assert "rights" not in server.store.measurements("field") + server.store.measurements("other")


def test_nothing_of_a_body_is_taken_when_one_row_is_wrong(server):
    ingest(server, row("kinds", a=1.5, b="text"))
    status, words = refused(ingest, server, [row("atomic", a=1), row("kinds", minutes_ago(1), b=2.5, a="x")])
    assert status == 422
    assert "'a'" in words and "expected number" in words
    assert str(server.store.path.parent) not in words
    assert "atomic" not in server.store.measurements("field")


def test_whole_numbers_and_fractions_are_one_kind(server):
    ingest(server, row("whole", a=1))
    ingest(server, row("whole", minutes_ago(1), a=1.5))
    assert server.store.fields("field", "whole")["a"].kind == "number"


def test_minus_zero_is_a_number(server):
    ingest(server, row("zero", a=-0.0))
    [found] = server.json("/api/latest", bucket="field", measurement="zero")
    assert found["fields"] == {"a": 0}
    assert table(server, measurement="zero")[1][-1] == "-0.0"


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "__proto__", "constructor", 'a"b\\c', "a,b=c d#", "Ω ä"])
def test_strange_names_are_names(server, name):
    ingest(server, row(name, tags={"station": name, name: "x"}, **{f"{name}.": 1}))
    found = server.json("/api/latest", bucket="field", measurement=name)
    assert found[0]["tags"] == {"station": name, name: "x"}
    assert found[0]["fields"] == {f"{name}.": 1.0}
    assert server.json(f"/api/devices/{quoted(name)}/latest")["device_id"] == name
    assert server.json(f"/measurements/{quoted(name)}/latest")["measurements"][0]["nodeId"] == name
    assert server.get("/api/export", bucket="field", measurement=name)


ROW = json.dumps(row(a=1))
BODIES = {
    "empty": b"",
    "no JSON": b"a=1",
    "latin-1": ROW.replace('"m"', '"\xe4"').encode("latin-1"),
    "UTF-16": ROW.encode("utf-16"),
    "brackets": b"[" * 100_000,
    "objects": b'{"a":' * 50_000,
    "cut off": ROW[:-1].encode(),
    "two": (ROW + ROW).encode(),
    "null": b"null",
    "a number": b"1",
    "a list of numbers": b"[1]",
    "no rows": b"[]",
    "5000 digits": ROW.replace(": 1}", ": " + "1" * 5000 + "}").encode(),
    "NaN": ROW.replace(": 1}", ": NaN}").encode(),
    "Infinity": ROW.replace(": 1}", ": Infinity}").encode(),
    "-Infinity": ROW.replace(": 1}", ": -Infinity}").encode(),
    "1e999": ROW.replace(": 1}", ": 1e999}").encode(),
    "a key twice": ROW.replace('{"a": 1}', '{"a": 1, "a": 2}').encode(),
    "bucket twice": ROW.replace('{"bucket"', '{"bucket": "other", "bucket"').encode(),
    "half a character": ROW.replace('"m"', '"\\ud800"').encode(),
    "half a character as text": ROW.replace(": 1}", ': "\\ud800"}').encode(),
}
CHANGES = {
    "another key": {"admin": True},
    "no measurement": {"measurement": None},
    "an empty measurement": {"measurement": ""},
    "a long measurement": {"measurement": "x" * 10_000},
    "NUL": {"measurement": "a\0b"},
    "a line end": {"measurement": "a\nb"},
    "a mark of direction": {"measurement": "a\u202eb"},
    "another mark of direction": {"tags": {"station": "\u2067x"}},
    "an empty tag": {"tags": {"station": ""}},
    "a tag without a name": {"tags": {"": "x"}},
    "a tag that is a number": {"tags": {"station": 1}},
    "a tag that is true": {"tags": {"station": True}},
    "a long tag": {"tags": {"station": "x" * 10_000}},
    "many tags": {"tags": {f"t{n}": "x" for n in range(21)}},
    "tags as a list": {"tags": ["station"]},
    "no field": {"fields": {}},
    "nothing but null": {"fields": {"a": None}},
    "many fields": {"fields": {f"f{n}": 1 for n in range(501)}},
    "a field that is a list": {"fields": {"a": [1]}},
    "a field that is an object": {"fields": {"a": {"b": 1}}},
    "a field called time": {"fields": {"time": 1}},
    "a flag": {"fields": {"a": 1, "a_qc": 1}},
    "a long text": {"fields": {"a": "x" * 10_001}},
    "a tag that is a field": {"tags": {"a": "x"}},
    "a time without a zone": {"time": "2026-06-25T10:49:00"},
    "a date": {"time": "2026-06-25"},
    "a time with words": {"time": "now"},
    "a number as time": {"time": 1782384540},
    "a number as text as time": {"time": "1782384540"},
    "a time without a unit": {"time": {"epoch": 1782384540}},
    "an unknown unit": {"time": {"epoch": 1782384540, "unit": "min"}},
    "a list as unit": {"time": {"epoch": 1782384540, "unit": []}},
    "true as time": {"time": {"epoch": True, "unit": "s"}},
    "text as epoch": {"time": {"epoch": "1782384540", "unit": "s"}},
    "a huge epoch": {"time": {"epoch": 10**30, "unit": "s"}},
    "a huge float": {"time": {"epoch": 1e300, "unit": "s"}},
    "a negative epoch": {"time": {"epoch": -1, "unit": "s"}},
    "ms taken for s": {"time": {"epoch": 1782384540000, "unit": "s"}},
    "year 1": {"time": "0001-01-01T00:00:00Z"},
    "year 9999": {"time": "9999-12-31T23:59:59Z"},
    "year 1969": {"time": "1969-12-31T23:59:59Z"},
    "in ten years": {"time": "2036-06-25T10:49:00Z"},
    "in two days": {"time": "2026-06-27T10:51:00Z"},
    "the 30th of February": {"time": "2026-02-30T10:49:00Z"},
    "25 o'clock": {"time": "2026-06-25T25:00:00Z"},
    "digits of another script": {"time": "２０２６-06-25T10:49:00Z"},
}


def test_the_rows_that_are_changed_here_would_be_taken(server):
    assert ingest(server, ROW.encode())["ok"]


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_that_is_no_row_is_refused_in_words(server, body):
    status, words = refused(ingest, server, body)
    assert status == 422
    assert 10 < len(words) < 400


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_wrong_row_is_refused_with_its_place(server, change):
    changed = {**row(a=1), **change}
    status, words = refused(ingest, server, [row(a=1), changed])
    assert status == 422
    assert "row 1" in words or "measurement 'm'" in words
    assert "expected" in words or "clock" in words or "fieldline's" in words
    assert 10 < len(words) < 400


@pytest.mark.parametrize(
    "small",
    [{"power_ac_w": True}, {"power_ac_w": "5"}, {"power_ac_w": None}, {"power_ac_w": 5, "admin": 1}, {}],
    ids=str,
)
def test_a_wrong_small_form_is_refused(server, small):
    assert refused(ingest, server, {"timestamp": AT, **small})[0] == 422


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"]
)
def test_another_content_type_is_refused(server, kind):
    assert refused(ingest, server, ROW.encode(), kind=kind)[0] == 415


def test_the_key_is_not_taken_from_the_address(server):
    with pytest.raises(ServerError) as caught:
        fetch(f"{server.url}/api/ingest?key={server.key}", ROW.encode(), {"Content-Type": "application/json"})
    assert caught.value.status in (400, 401)
    assert server.key not in caught.value.message


def test_a_bucket_that_is_not_there_is_told_with_near_names(server):
    assert refused(ingest, server, row(bucket="feld", a=1)) == (404, "no bucket 'feld'; did you mean 'field'?")


def test_more_rows_than_a_request_may_have_are_refused(server):
    status, words = refused(ingest, server, [row(a=1)] * 10_001)
    assert (status, "10,001" in words) == (422, True)


def test_tags_that_differ_in_every_row_are_refused_at_last(server):
    def many(first, last):
        return [row("wide", tags={"id": f"{n:06}"}, a=1) for n in range(first, last)]

    ingest(server, many(0, 10_000))
    status, words = refused(ingest, server, many(10_000, 10_001))
    assert status == 422
    assert "expected at most 10,000" in words and "a field, not a tag" in words
    assert ingest(server, many(5, 10))["ok"]  # those that are there go on


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_whatever_comes_as_json_is_rows_or_words(content):
    """No other error than BadRows, whose words are printable."""
    for value in (content, {**row(a=1), "fields": content}, {**row(a=1), "time": content, "tags": {"x": content}}):
        try:
            parse(json.dumps(value).encode(), NOW)
        except BadRows as bad:
            assert str(bad).isascii() and str(bad).isprintable()


# ---- newest rows, devices


@pytest.fixture(scope="module")
def station(server):
    """Two stations, one silent for 40 days, with flags beside."""
    frame = pd.DataFrame(
        {
            "station": "46m",
            "PPFD": [1.0, 2.0, 3.0],
            "PPFD_qc": [1, 1, 4],
            "PPFD_qcbits": [0, 0, 8],
            "RECORD": [1, 2, 3],
        },
        index=pd.DatetimeIndex([minutes_ago(n) for n in (10, 5, 0.5)]).as_unit("ns"),
    )
    server.store.write("field", "newest", frame, ("station",), {"PPFD": "umol m-2 s-1"})
    old = frame.assign(station="34m")
    server.store.write("field", "newest", old.set_axis(old.index - pd.Timedelta(days=40)), ("station",))
    return server


def test_latest_is_the_newest_row_of_each_series(station):
    found = station.json("/api/latest", bucket="field", measurement="newest")
    assert [one["tags"]["station"] for one in found] == ["34m", "46m"]
    assert found[1] == {
        "bucket": "field",
        "measurement": "newest",
        "tags": {"station": "46m"},
        "time": "2026-06-25T10:49:30Z",
        "fields": {"PPFD": 3.0, "RECORD": 3},
        "flags": {"PPFD": 4},
    }


def test_latest_follows_the_store(station):
    ingest(station, row("follows", a=1))
    assert station.json("/api/latest", measurement="follows")[0]["fields"] == {"a": 1.0}
    ingest(station, row("follows", a=2))
    assert station.json("/api/latest", measurement="follows")[0]["fields"] == {"a": 2.0}


def test_a_reader_of_one_bucket_sees_nothing_of_the_others(station):
    ingest(station, row("hidden", bucket="other", tags={"node": "hidden"}, a=1))
    key = station.context.keys.add("field's reader", ["field"], [])[0]
    assert {one["bucket"] for one in station.json("/api/latest", key)} == {"field"}
    assert "hidden" not in station.json("/api/devices/status", key)
    assert refused(station.get, "/api/latest", key, bucket="other")[0] == 403
    assert refused(station.get, "/api/devices/hidden/latest", key)[0] == 404
    assert refused(station.get, "/measurements/hidden/latest", key)[0] == 404
    assert refused(station.get, "/api/export", key, bucket="other", measurement="hidden")[0] == 403
    assert b"hidden" not in station.get("/metrics", key)
    assert refused(station.get, "/api/latest", "none")[0] == 401


def test_a_device_is_online_by_the_interval_of_its_rows(station):
    found = station.json("/api/devices/status")
    assert found["46m"]["status"] == "online"
    assert found["46m"]["time_since_last_seen"] == 30.0
    assert found["34m"]["status"] == "offline"
    [series] = [one for one in found["46m"]["series"] if one["measurement"] == "newest"]
    assert series["interval"] == pytest.approx((300 + 270) / 2)
    assert station.json("/api/devices/status", within="10s")["46m"]["status"] == "offline"


def test_the_usual_step_is_told_for_each_series_that_has_some_rows():
    times = pd.DatetimeIndex([f"2026-06-25T10:{n:02}Z" for n in (0, 0, 1, 2, 3, 5, 9, 9)]).as_unit("ns")
    frame = pd.DataFrame({"node": list("abaaabcb"), "serial": "", "v": 1.0}, index=times)
    steps = usual_steps(frame, "field", "mesh", ["node", "serial"])
    assert steps == {("field", "mesh", ("node", "a")): 60.0, ("field", "mesh", ("node", "b")): 270.0}
    assert usual_steps(frame[["v"]], "field", "mesh", []) == {("field", "mesh"): 60.0}
    assert usual_steps(frame[:0], "field", "mesh", ["node"]) == {}


def test_history_is_what_the_store_has(station):
    found = station.json("/api/devices/46m/history", duration="8m")
    assert (found["start"], found["end"]) == ("2026-06-25T10:42:00Z", "2026-06-25T10:50:00Z")
    [series] = [one for one in found["series"] if one["measurement"] == "newest"]
    assert [one["fields"]["PPFD"] for one in series["rows"]] == [2.0, 3.0]
    means = station.json("/api/devices/46m/history", duration="1h", every="1h")
    [series] = [one for one in means["series"] if one["measurement"] == "newest"]
    assert series["rows"] == [{"time": "2026-06-25T10:00:00Z", "fields": {"PPFD": 2.0, "RECORD": 2.0}}]


def test_windows_are_those_of_the_page(server):
    times = pd.date_range(end=NOW, periods=6, freq="10min").as_unit("ns")
    columns = {"Wind_dir_46m": [350.0, 10.0, 0.0] * 2, "Rain_mm_Tot": [0.2, 0.4, 0.0, 1.0, 0.0, 0.0], "T_46m": 3.0}
    frame = pd.DataFrame({"station": "vane", **columns}, times)
    units = {"Wind_dir_46m": "deg", "Rain_mm_Tot": "mm", "T_46m": "degC"}
    server.store.write("field", "vane", frame, ("station",), units)
    (one,) = server.json("/api/devices/vane/history", duration="1h", every="30m")["series"]
    wanted = [{"Wind_dir_46m": 0.0, "Rain_mm_Tot": rain, "T_46m": 3.0} for rain in (0.6, 1.0)]
    assert [row["fields"] for row in one["rows"]] == [pytest.approx(row) for row in wanted]
    words = {"bucket": "field", "measurement": "vane", "field": ["Rain_mm_Tot", "Wind_dir_46m"], "every": "30m"}
    for more, cells in (({}, ["0.6", "1.0"]), ({"agg": "mean"}, ["0.2", "0.3333333333333333"])):
        rows = list(csv.DictReader(io.StringIO(server.get("/api/export", **words, **more).decode())))
        assert [float(row["Rain_mm_Tot"]) for row in rows] == pytest.approx([float(cell) for cell in cells])
        assert [float(row["Wind_dir_46m"]) for row in rows] == pytest.approx([0.0, 0.0])


def test_a_history_that_is_too_long_is_refused_with_what_to_do(station):
    ingest(station, [row("fast", (NOW - pd.Timedelta(seconds=n)).isoformat(), {"node": "fast"}, a=n) for n in range(5)])
    status, words = refused(station.get, "/api/devices/fast/history", duration="2d")
    assert status == 422
    assert "more than 100,000 rows" in words and "every=1m" in words
    assert station.json("/api/devices/fast/history", duration="2d", every="1m")


@pytest.mark.parametrize(
    "text", ["5m) |> yield()", "-1y", "1ns", "99999999d", "367d", "0s", "", "5", "5m;", "５m", "1.5h"]
)
def test_a_wrong_duration_is_refused(station, text):
    for path, name in (("/api/devices/46m/history", "duration"), ("/api/devices/status", "within")):
        status, words = refused(station.get, path, **{name: text})
        assert (status, "expected a span" in words) == (422, True), path


def test_isems_sees_its_own_form(station):
    rows = [row("mppt", minutes_ago(n), {"node": "n1"}, status=768, batteryVoltage=12.5) for n in range(2)]
    ingest(station, rows)
    [node] = [one for one in station.json("/measurements/latest")["measurements"] if one["nodeId"] == "n1"]
    assert node["status"] == "0x300"
    assert node["batteryVoltage"] == 12.5
    assert node["timestamp"] == "2026-06-25T10:50:00Z"
    found = station.json("/measurements/n1/latest")["measurements"]
    assert [one["timestamp"] for one in found] == ["2026-06-25T10:50:00Z", "2026-06-25T10:49:00Z"]


def test_nodes_that_are_silent_for_a_month_are_shown_only_if_asked(station):
    def names(**words):
        return {one["nodeId"] for one in station.json("/measurements/latest", **words)["measurements"]}

    assert "34m" not in names() and "34m" in names(all="true")
    assert refused(station.get, "/measurements/latest", all="yes")[0] == 422


def test_a_day_of_minutes_comes_newest_first_whatever_gaps_there_are(server):
    times = pd.date_range(end=NOW - pd.Timedelta(days=2), periods=2_000, freq="1min").as_unit("ns")
    times = times[:1_000].append(times[1_000:] + pd.Timedelta(days=2))
    frame = pd.DataFrame({"node": "long", "a": range(2_000)}, index=times).astype({"a": float})
    server.store.write("field", "gaps", frame, ("node",))
    found = server.json("/measurements/long/latest")["measurements"]
    assert [one["a"] for one in found] == [float(n) for n in range(1_999, 559, -1)]


ASKED = [
    "/api/latest?buckt=field",
    "/api/latest?bucket=field&bucket=field",
    "/api/devices/status?page=-1",
    "/api/devices/46m/latest?limit=1000000000",
    "/api/devices/46m/history?durations=5m",
    "/measurements/latest?al=true",
    "/measurements/46m/latest?all=true",
    "/api/export?bucket=field&measurement=newest&fields=PPFD",
    "/metrics?name=x",
    "/api/events?since=0",
    "/api/ingest?bucket=field",
]


@pytest.mark.parametrize("path", ASKED)
def test_parameters_that_are_not_there_are_refused(station, path):
    with pytest.raises(ServerError) as caught:
        fetch(station.url + path, ROW.encode() if "ingest" in path else None, station.headers())
    assert caught.value.status in (400, 422)
    assert "parameter" in caught.value.message


@pytest.mark.parametrize("name", ["nobody", "<script>", "a/../b", "x" * 5_000, "\u202e", "%"])
def test_a_device_that_is_not_there_is_told(station, name):
    status, words = refused(station.get, f"/api/devices/{quoted(name)}/latest")
    assert status == 404
    assert words.isascii() and len(words) < 300


# ---- export


def table(server, **words):
    text = server.get("/api/export", bucket="field", **words).decode("utf-8")
    return list(csv.reader(io.StringIO(text, newline="")))


def test_the_file_is_what_the_store_has(station):
    found = table(station, measurement="newest", field=["PPFD", "PPFD_qc"], start="2026-06-25T00:00:00Z")
    assert found == [
        ["time", "station", "PPFD", "PPFD_qc"],
        ["2026-06-25T10:40:00Z", "46m", "1.0", "1"],
        ["2026-06-25T10:45:00Z", "46m", "2.0", "1"],
        ["2026-06-25T10:49:30Z", "46m", "3.0", "4"],
    ]


def test_a_range_is_half_open_and_may_be_said_in_three_ways(station):
    start, end = pd.Timestamp("2026-06-25T10:40Z"), pd.Timestamp("2026-06-25T10:45Z")
    said = [
        ("2026-06-25T10:40:00Z", "2026-06-25T06:45:00-04:00"),
        (start.value // 10**6, end.value // 10**6),
        ("-10m", "-5m"),
    ]
    for first, last in said:
        found = table(station, measurement="newest", field="PPFD", start=first, end=last)
        assert [one[0] for one in found[1:]] == ["2026-06-25T10:40:00Z"]


def test_windows_come_as_asked(station):
    found = table(station, measurement="newest", field="PPFD", start="-1h", every="1h", agg="max")
    assert found[1:] == [["2026-06-25T10:00:00Z", "46m", "3.0"]]


def test_no_cell_is_a_formula_and_negative_numbers_stay_numbers(server):
    texts = ["=1+1", "+1", "-1", "@A1", "\tx", "\rx", "\nx", " =1", "＝1", "fine", "a=b", ""]
    rows = [row("cells", minutes_ago(n), {"id": f"-{n}"}, a=-1.5, **{"=name": text}) for n, text in enumerate(texts)]
    ingest(server, rows)
    heads, *found = table(server, measurement="cells")
    assert heads == ["time", "id", "a", "'=name"]
    assert {one[2] for one in found} == {"-1.5"}
    assert {one[1] for one in found} == {f"'-{n}" for n in range(len(texts))}
    assert {one[3] for one in found} == {f"'{text}" for text in texts[:9]} | {"fine", "a=b", ""}


def test_a_text_that_begins_with_nul_is_no_formula_either(server):
    """The line protocol takes such texts, as InfluxDB does, and a spreadsheet may pass over the NUL."""
    server.write('nul text="\0=1+1" 1750000000000000000')
    found = server.get("/api/export", bucket="field", measurement="nul").decode("utf-8")
    assert found.splitlines()[1].endswith(",'\0=1+1")


def test_parquet_has_no_value_where_there_is_none(server, tmp_path):
    server.write("lacking n=1i,on=t 1750000000000000000\nlacking f=1.5 1750000001000000000")
    path = tmp_path / "lacking.parquet"
    path.write_bytes(server.get("/api/export", bucket="field", measurement="lacking", format="parquet"))
    rows = duckdb.read_parquet(str(path)).order("time").project('n, "on", f').fetchall()
    assert rows == [(1, True, None), (None, None, 1.5)]
    kinds = dict(
        zip(duckdb.read_parquet(str(path)).columns, map(str, duckdb.read_parquet(str(path)).types), strict=True)
    )
    assert (kinds["n"], kinds["f"]) == ("BIGINT", "DOUBLE")


def test_parquet_is_the_same_with_its_kinds(station, tmp_path):
    path = tmp_path / "rows.parquet"
    path.write_bytes(station.get("/api/export", bucket="field", measurement="newest", format="parquet"))
    found = duckdb.read_parquet(str(path)).order("time").fetchall()
    assert len(found) == 6
    assert found[-1][1:4] == ("46m", 3.0, 4)


def test_a_long_range_comes_in_pieces_without_a_row_lost_or_twice(server):
    times = pd.date_range(end=NOW, periods=130_000, freq="5s").as_unit("ns")
    frame = pd.DataFrame({"node": "long", "a": range(130_000), "b": 1.5}, index=times).astype({"a": float})
    server.store.write("field", "pieces", frame, ("node",))
    found = table(server, measurement="pieces", field="a")
    assert [one[2] for one in found[1:]] == [f"{n}.0" for n in range(130_000)]


def test_rows_of_which_no_field_was_asked_are_left_out_and_an_empty_range_has_its_heads(server):
    ingest(server, [row("sparse", minutes_ago(2), a=1), row("sparse", minutes_ago(1), b=1)])
    assert len(table(server, measurement="sparse", field="b")) == 2
    assert len(table(server, measurement="sparse")) == 3
    assert table(server, measurement="sparse", end="2000-01-01T00:00:00Z") == [["time", "a", "b"]]


@pytest.mark.parametrize(
    ("measurement", "start", "name"),
    [
        ("tower", None, "fieldline_field_tower_start_20260625T105000Z.csv"),
        ('../../a"b\r\nX: y', None, "fieldline_field_..-..-a-b-X-y_start_20260625T105000Z.csv"),
        ("CON", NOW, "fieldline_field_CON_20260625T105000Z_20260625T105000Z.csv"),
        ("Ω" * 300, None, "fieldline_field_-_start_20260625T105000Z.csv"),
    ],
)
def test_the_name_of_the_file_is_safe(measurement, start, name):
    class Wanted:
        bucket = "field"
        end = None

    Wanted.measurement, Wanted.start = measurement, start
    assert file_name(Wanted, "csv", NOW) == name


WRONG = {
    "no such measurement": ({"measurement": "newst"}, 404, "did you mean 'newest'"),
    "no such field": ({"field": "PPDF"}, 404, "did you mean 'PPFD'?"),
    "a mean of a text": ({"measurement": "cells", "field": "=name", "every": "1h"}, 422, "is no number"),
    "only a tag": ({"field": "station"}, 422, "that is not a tag"),
    "start after end": ({"start": "-1h", "end": "-2h"}, 422, "before end"),
    "a time without a zone": ({"start": "2026-06-25T10:00:00"}, 422, "expected a time"),
    "a time far away": ({"start": "9999-01-01T00:00:00Z"}, 422, "expected a time"),
    "words": ({"start": "now() - 1h"}, 422, "expected a time"),
    "no such format": ({"format": "xlsx"}, 422, "csv or parquet"),
    "no such aggregate": ({"every": "1h", "agg": "median"}, 422, "expected one of"),
    "an aggregate without windows": ({"agg": "mean"}, 422, "every=10m"),
    "windows of nothing": ({"every": "0s"}, 422, "expected a span"),
    "no measurement": ({"measurement": None}, 422, "measurement"),
}


@pytest.mark.parametrize(("change", "status", "words"), WRONG.values(), ids=WRONG)
def test_a_wrong_export_is_refused_in_words(station, change, status, words):
    ingest(station, row("cells", **{"=name": "x"}))
    asked = {name: word for name, word in ({"measurement": "newest"} | change).items() if word is not None}
    found = refused(station.get, "/api/export", bucket="field", **asked)
    assert found[0] == status
    assert words in found[1]


def test_a_range_with_too_many_rows_is_refused_with_what_to_do(station, monkeypatch):
    monkeypatch.setitem(export.MOST_ROWS, "csv", 2)
    status, words = refused(station.get, "/api/export", bucket="field", measurement="newest", field="PPFD")
    assert status == 422
    assert "6 rows, expected at most 2" in words and "every=10m" in words


@given(st.lists(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)), min_size=1, max_size=20))
def test_times_of_a_file_are_those_that_read_prints(times):
    index = pd.DatetimeIndex(times).tz_localize("UTC").as_unit("ns")
    assert stamps(index).tolist() == [time.isoformat().replace("+00:00", "Z") for time in index]


def test_nanoseconds_are_kept():
    index = pd.DatetimeIndex([1, 10**9, 10**3], tz="UTC").as_unit("ns")
    assert csv_text(pd.DataFrame({"a": [1.0, None, 0.1]}, index=index), head=True).splitlines() == [
        "time,a",
        "1970-01-01T00:00:00.000000001Z,1.0",
        "1970-01-01T00:00:01Z,",
        "1970-01-01T00:00:00.000001Z,0.1",
    ]


def test_a_row_of_the_future_is_ahead_for_page_rest_and_prometheus_alike(tmp_path):
    with serving(tmp_path) as served:
        served.write("far,station=far x=1 9214646400000000000")  # the year 2262
        now = served.context.now().as_unit("ns").value
        served.write("\n".join(f"near,station=near x={back} {now - back * 10**9}" for back in range(60)))
        page = {table["measurement"]: table for table in served.json("/api/status")["tables"]}
        rest = served.json("/api/devices/status")
        for name, state, status in (("far", "ahead", "offline"), ("near", "good", "online")):
            assert (page[name]["state"], rest[name]["state"], rest[name]["status"]) == (state, state, status)
        assert "a clock is wrong" in page["far"]["words"]
        assert served.json("/api/devices/status", within="10s")["far"]["status"] == "offline"
        values = [line for line in served.get("/metrics").decode().splitlines() if line.startswith("fieldline_latest_")]
        assert all('station="near"' in line for line in values)
        assert values
