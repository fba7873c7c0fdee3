"""Writing over HTTP: what Telegraf and the clients of InfluxDB send, good lines and bad ones."""

import gzip
import json
import math
import os
import subprocess
import threading

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from influxdb_client import InfluxDBClient, Point, WriteOptions
from influxdb_client.client.write_api import ASYNCHRONOUS, SYNCHRONOUS
from influxdb_client.rest import ApiException

from fieldline.lineprotocol.arrivals import Refusals, arrivals, lines_of
from fieldline.ports import Field
from loopback import ServerError
from servers import binary
from serving import serving


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("home")) as server:
        yield server


def refused(served, *words, **more):
    with pytest.raises(ServerError) as caught:
        served.write(*words, **more)
    return caught.value


def rows(served, measurement, bucket="field"):
    frame = served.store.read(bucket, measurement)
    return [
        {"time": int(time.value)} | {name: value for name, value in row.items() if value == value and value is not None}
        for time, row in zip(frame.index, frame.astype(object).to_dict("records"), strict=True)
    ]


@pytest.mark.parametrize("path", ["/write", "/api/v2/write"])
def test_a_line_is_stored_with_its_kinds_and_tags(served, path):
    name = "kinds" + path.replace("/", "_")
    served.write(
        rf'{name},site=UMBS,a\ b=c\,d x=1.5,n=7i,ok=t,text="say \"x=1, y\"",e=-2E3 1704067200000000123', path=path
    )
    assert rows(served, name) == [
        {
            "time": 1704067200000000123,
            "site": "UMBS",
            "a b": "c,d",
            "x": 1.5,
            "n": 7,
            "ok": True,
            "text": 'say "x=1, y"',
            "e": -2000.0,
        }
    ]


@pytest.mark.parametrize(
    ("precision", "text"),
    [
        *[("", "1704067200000000000"), ("ns", "1704067200000000000"), ("n", "1704067200000000000")],
        *[("u", "1704067200000000"), ("us", "1704067200000000"), ("ms", "1704067200000"), ("s", "1704067200")],
        *[("m", "28401120"), ("h", "473352")],
    ],
)
def test_every_precision_means_what_it_says(served, precision, text):
    served.write(f"precise{precision} x=1 {text}", precision=precision)
    assert rows(served, f"precise{precision}") == [{"time": 1704067200000000000, "x": 1.0}]


def test_a_line_without_a_time_gets_the_servers(served):
    served.write("untimed x=1\nuntimed,t=a x=2\r\nuntimed,t=b x=3")
    found = rows(served, "untimed")
    assert [row["x"] for row in found] == [1.0, 2.0, 3.0]
    assert abs(found[0]["time"] - served.context.now().value) < 60 * 10**9


def test_gzip_is_unpacked_also_in_members(served):
    served.write(
        gzip.compress(b"zipped x=1 1\n") + gzip.compress(b"zipped x=2 2\n"), headers={"Content-Encoding": "gzip"}
    )
    assert [row["x"] for row in rows(served, "zipped")] == [1.0, 2.0]


BAD = [
    ("m x", "missing fields"),
    ("m", "missing fields"),
    ("m ", "missing fields"),
    (",t=a x=1", "missing measurement"),
    ("m x=1 12a", "expected fields"),
    ("m x=1 1 1", "expected fields"),
    ("m x=abc 1", "expected a number, integer, boolean or string"),
    ("m x= 1", "expected fields"),
    ('m x="open 1', "expected fields"),
    ("m,t= x=1 1", "expected tags"),
    ("m,t x=1 1", "expected tags"),
    ("m,t=a,t=b x=1 1", "duplicate tags"),
    ("m,time=a x=1 1", "can't be called 'time'"),
    ("m time=1 1", "can't be called 'time'"),
    ("m x=1e999 1", "below 1.8e308"),
    ("m x=1-2 1", "expected a number"),
    ("m x=9223372036854775808i 1", "64 bits"),
    ("m x=1 9223372036854775808", "time between"),
    ("m,t=a t=1 1", "is a tag and a field"),
    (b"m,t=\xff x=1 1", "utf-8"),
    (b'm x="\xff" 1', "UTF-8"),
    ("m\0 x=1 1", "NUL"),
    (f"{'m' * 1001} x=1 1", "at most 1000 characters"),
]


@pytest.mark.parametrize(("line", "words"), BAD, ids=range(len(BAD)))
def test_a_bad_line_is_told_with_its_number_and_the_good_ones_are_stored(served, line, words, request):
    name = f"partial{request.node.callspec.id}"
    line = line if isinstance(line, bytes) else line.encode()
    error = refused(served, f"{name} good=1 1\n".encode() + line + f"\r\n\n# nothing\n{name} good=2 2".encode())
    assert error.status == 400
    assert error.message.startswith("partial write: ")
    assert "\nline 2: " in error.message
    assert words in error.message
    assert error.message.endswith("dropped=1")
    assert [row["good"] for row in rows(served, name)] == [1.0, 2.0]


def test_bad_values_amid_a_run_of_good_lines_cost_only_their_own(served):
    lines = [f"run x={n},y={n}i {n}" for n in range(1, 101)]
    lines[49], lines[70], lines[90] = (
        "run x=1.2.3,y=4i 50",
        "run x=5,y=99999999999999999999i 71",
        "run x=5,y=1i 99999999999999999999",
    )
    error = refused(served, "\n".join(lines))
    assert [word.split(":")[0] for word in error.message.splitlines()[1:-1]] == ["line 50", "line 71", "line 91"]
    assert len(rows(served, "run")) == 97


def test_a_field_of_another_kind_costs_its_line_only(served):
    served.write("conflict x=1,y=2i 1")
    text = "conflict x=5i 2\nconflict x=3,y=4i 3\nconflict y=1.5,x=1 4\nconflict z=t 5"
    error = refused(served, text, path="/api/v2/write")
    assert error.status == 422
    assert (
        'line 1: field type conflict: input field "x" on measurement "conflict" is type integer, already'
        in error.message
    )
    assert "already exists as type float" in error.message
    assert "line 3: field type conflict" in error.message
    assert error.message.endswith("dropped=2")
    assert refused(served, text).status == 400
    assert [row["time"] for row in rows(served, "conflict")] == [1, 3, 5]


def test_the_first_kind_of_a_new_field_stands(served):
    error = refused(served, "firstkind x=1 1\nfirstkind x=2i 2\nfirstkind x=3 3")
    assert "line 2: field type conflict" in error.message
    assert [row["x"] for row in rows(served, "firstkind")] == [1.0, 3.0]


def test_a_tag_cannot_become_a_field_nor_the_other_way(served):
    served.write("roles,t=a x=1 1")
    error = refused(served, 'roles t="b" 2\nroles,x=a y=1 3')
    assert "line 1: " in error.message
    assert "line 2: " in error.message


def test_too_many_fields_are_refused(served):
    error = refused(served, "wide " + ",".join(f"f{n}=1" for n in range(1001)) + " 1")
    assert "more than 1000 tags and fields" in error.message


def test_at_most_a_hundred_bad_lines_are_named(served):
    error = refused(served, "bad\n" * 250)
    assert "\nline 100: " in error.message
    assert "\nand 150 more\n" in error.message
    assert len(error.body) < 20_000


def test_a_bucket_must_be_there(served):
    for lines in ("m x=1", "no line", "", "m x=1\nno line"):
        assert refused(served, lines, db="nosuch").message == 'database not found: "nosuch"'
    error = refused(served, "m x=1", db="nosuch", path="/api/v2/write")
    assert (error.status, json.loads(error.body)["code"]) == (404, "not found")
    assert refused(served, "m x=1", db="").status == 400
    assert refused(served, "m x=1", precision="d").status == 400


def test_rows_that_come_twice_are_one_and_the_later_value_stands(served):
    served.write("twice,t=a x=1 1\ntwice,t=a x=2,y=5 1\ntwice,t=b x=3 1")
    assert rows(served, "twice") == [
        {"time": 1, "t": "a", "x": 2.0, "y": 5.0},
        {"time": 1, "t": "b", "x": 3.0},
    ]


NAMES = st.text(st.characters(codec="utf-8", exclude_characters='\n\r\0\\"\t ,='), min_size=1, max_size=8).filter(
    lambda name: not name.startswith("#") and name.strip() == name and name != "time"
)
VALUES = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=8),
)


def spelt(value):
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        return f"{value}i"
    if isinstance(value, float):
        return repr(value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.tuples(NAMES, st.dictionaries(NAMES.map(lambda name: f"t{name}"), NAMES, max_size=2))
        | st.tuples(st.just("m"), st.just({})),
        min_size=1,
        max_size=4,
    ),
    st.dictionaries(NAMES.map(lambda name: f"f{name}"), VALUES, min_size=1, max_size=3),
    st.integers(2, 4),
)
def test_what_is_written_is_what_arrives(heads, fields, repeats):
    text = "".join(
        f"{','.join([name, *(f'{k}={v}' for k, v in tags.items())])} "
        f"{','.join(f'{k}={spelt(v)}' for k, v in fields.items())} {row}\n"
        for row in range(repeats)
        for name, tags in heads
    )
    refusals = Refusals()
    found = arrivals(lines_of(text.encode()), 1, 0, lambda name: {}, refusals)
    assert not refusals.words
    assert sum(len(arrival.frame) for arrival in found) == repeats * len(heads)
    for arrival in found:
        for _, row in arrival.frame.iterrows():
            for name, value in fields.items():
                came = row[name]
                assert came == value or (isinstance(value, float) and math.isclose(came, value, rel_tol=0))


ALIKE = [
    "m,t=a x=1.5,n=2i,b=t 7",
    "m,t=a x=-1e3,n=-2i,b=F",
    "  m x=.5,n=3i,b=true 8 ",
    "\tm,t=b x=1,n=4i,b=f 9\r",
    "m x=1 3",
]


@settings(deadline=None)
@given(st.lists(st.sampled_from(ALIKE), min_size=1, max_size=8))
def test_lines_that_are_alike_are_read_as_when_each_is_read_alone(lines):
    refusals = Refusals()
    together = arrivals(lines_of("\n".join(lines).encode()), 1, 42, lambda name: {}, refusals)
    assert [one.measurement for one in together] == ["m"]
    assert not refusals.words
    for place, line in enumerate(lines):
        (alone,) = arrivals(lines_of(line.encode()), 1, 42, lambda name: {}, refusals)
        row, (only,) = together[0].frame.iloc[place], alone.frame.itertuples()
        assert {name: value for name, value in row.items() if not pd.isna(value) and value != ""} == {
            name: value for name, value in only._asdict().items() if name != "Index"
        }
        assert together[0].frame.index[place] == only.Index


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200) | st.text(alphabet='m,t=a x1i"\\\n tf.e-+#', max_size=80).map(str.encode))
def test_no_bytes_are_a_fault(text):
    refusals = Refusals()
    lines = lines_of(text)
    found = arrivals(lines, 10**9, 0, lambda name: {"x": Field("x", "integer", "", False)}, refusals)
    taken = [line for arrival in found for line in arrival.lines.tolist()]
    assert sorted([*taken, *refusals.words]) == [number for number, _ in lines]


def test_influxd_takes_and_refuses_the_same_lines(influxd, database):
    """What influxd 1.6.7 takes, we take with the same values; what it refuses, we refuse."""
    lines = [
        "m,t=a x=1 1",
        "m,t=a x=1. 2",
        "m,t=a x=.5 3",
        "m,t=a x=-0 5",
        "m,t=a x=1e3 6",
        "m,t=a n=5i 7",
        "m,t=a n=-5i 8",
        "m,t=a b=true 9",
        "m,t=a b=F 10",
        r'm,t=a s="a\"b\\c\d" 11',
        r"m,t\ u=a\,b\=c x=1 12",
        'm s="two\nlines" 13',
        "  m x=1 14",
        "m  x=1  15",
        "m x=1 16 ",
        "m x=007 17",
        "m x=1,x=2 18",
        "m x=+5 4",
        "m x=+5i 4",
        "m x=tru 20",
        "m x=1u 21",
        "m x=1f 22",
        "m,t=a,=b x=1 23",
        "m =1 24",
        "m x=1, 25",
        "m x=--1 26",
        "m x=1i2 27",
        'm s="a"b 28',
        "m x=1 y=2 29",
    ]
    mismatched = []
    for line in lines:
        try:
            influxd.write(database, line)
            there = True
        except ServerError:
            there = False
        refusals = Refusals()
        arrivals(lines_of(line.encode()), 1, 0, lambda name: {}, refusals)
        if there == bool(refusals.words):
            mismatched.append((line, there, refusals.words))
    unsigned, behind_the_quote = "m x=1u 21", 'm s="a"b 28'  # 1.6.7 has no unsigned integers; it drops the b
    assert [line for line, *_ in mismatched] == [unsigned, behind_the_quote]
    found = arrivals(lines_of("\n".join(lines[:17]).encode()), 1, 0, lambda name: {}, Refusals())
    frame = found[0].frame.astype(object).where(found[0].frame.notna(), None)
    ours = [
        {"time": time.value} | {name: value for name, value in row.items() if value not in (None, "")}
        for time, row in zip(frame.index, frame.to_dict("records"), strict=True)
    ]
    assert ours == influxd.read(database, "m")[:-1]


# ---- foreign clients


@pytest.fixture
def client(served):
    with InfluxDBClient(served.url, token=served.key, org="anything", timeout=60_000) as client:
        yield client


def point(name, x, time):
    return Point(name).tag("site", "UMBS").field("x", x).field("n", 3).field("ok", True).field("s", 'a "b"').time(time)


@pytest.mark.parametrize("mode", ["synchronous", "asynchronous", "batching"])
@pytest.mark.parametrize("packed", [False, True])
def test_influxdb_client_writes_in_every_mode(served, mode, packed):
    name = f"client_{mode}_{packed}"
    options = {"synchronous": SYNCHRONOUS, "asynchronous": ASYNCHRONOUS, "batching": WriteOptions(batch_size=50)}[mode]
    with (
        InfluxDBClient(served.url, token=served.key, org="x", enable_gzip=packed) as client,
        client.write_api(write_options=options) as api,
    ):
        waiting = api.write("field", record=[point(name, 0.5, n) for n in range(1, 121)])
        if mode == "asynchronous":
            waiting.get()
    found = rows(served, name)
    assert len(found) == 120
    assert found[0] == {"time": 1, "site": "UMBS", "x": 0.5, "n": 3, "ok": True, "s": 'a "b"'}


def test_influxdb_client_is_told_of_a_conflict(client):
    api = client.write_api(write_options=SYNCHRONOUS)
    api.write("field", record="told x=1 1")
    with pytest.raises(ApiException) as caught:
        api.write("field", record='told x="a" 2')
    assert caught.value.status == 422


def test_influxdb_client_finds_and_makes_buckets(served, client):
    api = client.buckets_api()
    assert api.find_bucket_by_name("field").name == "field"
    assert api.find_bucket_by_name("nosuch") is None
    from influxdb_client import BucketRetentionRules

    made = api.create_bucket(
        bucket_name="made",
        org="anything",
        retention_rules=BucketRetentionRules(type="expire", every_seconds=7 * 86_400),
    )
    assert made.retention_rules[0].every_seconds == 7 * 86_400
    assert served.store.buckets()["made"] == 7
    assert api.find_bucket_by_id(made.id).name == "made"
    assert {bucket.name for bucket in api.find_buckets().buckets} >= {"field", "made"}
    for bad in ("made", "_own", "MADE", ""):
        with pytest.raises((ApiException, ValueError)):
            api.create_bucket(bucket_name=bad, org="x")
    with pytest.raises(ApiException) as caught:
        api.delete_bucket(made)
    assert caught.value.status == 405
    assert client.ping()
    assert client.health().status == "pass"
    assert client.users_api().me().name == "test"
    assert client.organizations_api().find_organizations()[0].name == "fieldline"


def test_telegraf_finds_what_it_asks_for(served):
    """As its outputs `influxdb` and `influxdb_v2` send it: gzip, a user agent, and everything in one body."""
    text = (
        b"cpu,cpu=cpu0,host=pc usage_idle=99.1,usage_user=0.2 1704067200000000000\n"
        b"mem,host=pc used=123456789i,used_percent=12.5 1704067200000000000\n"
        b"cpu,cpu=cpu1,host=pc usage_idle=98.1,usage_user=0.3 1704067200000000000\n"
        b'diskio,host=pc,name=sda reads=5u,state="ok" 1704067200000000000\n'
    )
    headers = {"Content-Encoding": "gzip", "Content-Type": "text/plain; charset=utf-8", "User-Agent": "Telegraf"}
    served.write(gzip.compress(text), headers=headers, path="/api/v2/write")
    assert [row["cpu"] for row in rows(served, "cpu")] == ["cpu0", "cpu1"]
    assert rows(served, "mem")[0]["used"] == 123456789
    assert rows(served, "diskio")[0] | {"reads": 5, "state": "ok"} == rows(served, "diskio")[0]


def test_the_sink_of_fieldline_writes_to_its_own_server(served):
    """Two fieldlines: one sends to the other as to any InfluxDB."""
    import pandas as pd

    from fieldline.sinks.influx import Influx

    sink = Influx(served.url, served.key, "fieldline")
    sink.create("relayed", 30)
    frame = pd.DataFrame({"x": [1.0, 2.0]}, index=pd.to_datetime([1, 2], utc=True))
    assert sink.write("relayed", "m", frame) == 2
    sink.close()
    assert len(rows(served, "m", "relayed")) == 2


def test_curl_writes(served, tmp_path):
    (tmp_path / "lines.txt").write_bytes(b"curled x=1 1\ncurled x=2 2\n")
    words = [
        binary("curl"),
        "-sS",
        "--fail",
        "-u",
        f"anybody:{served.key}",
        "--data-binary",
        f"@{tmp_path / 'lines.txt'}",
    ]
    subprocess.run([*words, f"{served.url}/write?db=field"], check=True, env=os.environ | {"no_proxy": "*"})
    assert len(rows(served, "curled")) == 2


def test_of_two_kinds_that_come_at_once_one_is_refused(served):
    """What a field is, is settled where it is stored: neither is turned into the other."""
    for number in range(12):
        refusals = []

        def send(value, number=number, refusals=refusals):
            try:
                served.write(f"race{number} x={value} 1704067200000000000\nrace{number} y=1 1704067200000000000")
            except ServerError as error:
                refusals.append(error.message)

        threads = [threading.Thread(target=send, args=[value]) for value in ("1i", "1.5")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (words,) = refusals
        assert "field type conflict" in words
        assert "dropped=1" in words
        assert rows(served, f"race{number}")[0]["x"] == (1.5 if "type integer," in words else 1)
