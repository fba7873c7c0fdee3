"""InfluxDB of every kind: influxd alone and behind the API of each product; each refusal, each right, each limit."""

import contextlib
import threading
import traceback
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import contract
import faults
from facade import Rights
from fieldline.errors import Denied, Rejected, StoreError, TooLarge, Unreachable
from fieldline.parcels import pack
from fieldline.sinks import _influx_answers as answers
from fieldline.sinks import _influx_faults as refusals
from fieldline.sinks import _influxql as ql
from fieldline.sinks.influx import Influx, product_of
from loopback import dead_port
from servers import Influxd, VictoriaMetrics

PRODUCTS = ("oss2", "cloud", "serverless", "dedicated", "v3", "v1")
NAMES = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8)
T0 = pd.Timestamp("2024-06-01T12:00:00Z")
TEXT = b"tower PPFD=1.5 1717243200\ntower PPFD=2.5 1717243201\ntower PPFD=3.5 1717243202\n"
BAD = b"tower PPFD=1.5 1717243200\ntower PPFD= 1717243201\ntower PPFD=3.5 1717243202\n"


def rows(count=3, start=T0, **columns):
    index = pd.date_range(start, periods=count, freq="s").as_unit("ns")
    return pd.DataFrame(columns or {"PPFD": np.arange(count, dtype="float64")}, index=index)


@pytest.fixture
def connect():
    """A function that makes an Influx for a facade; closed at the end."""
    with contextlib.ExitStack() as stack:

        def to(server, token="", **more):
            made = Influx(server.url, token or server.token, getattr(server, "org", ""), **more)
            stack.callback(made.close)
            return made

        yield to


@pytest.fixture
def oss2(facade):
    server = facade("oss2")
    server.create("field")
    return server


def parcel(text=TEXT, bucket="field"):
    return pack(bucket, "s", text, text.count(b"\n"))


def refused(influx, text=TEXT, bucket="field"):
    """The error with which a parcel ends."""
    with pytest.raises(StoreError) as caught:
        influx.deliver(parcel(text, bucket))
    return caught.value


# What each refusal means ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("product", PRODUCTS)
def test_each_product_is_told_by_its_ping(facade, connect, product):
    want = {"serverless": "cloud"}.get(product, product)
    assert connect(facade(product)).product == want


def test_a_cloud_is_told_by_its_host():
    assert product_of({}, "eu-central-1-1.aws.cloud2.influxdata.com") == "cloud"
    assert product_of({"x-influxdb-version": "3.0"}, "abc.a.influxdb.io") == "dedicated"
    assert product_of({}, "example.org") == "unknown"


@pytest.mark.parametrize("product", PRODUCTS)
def test_what_is_delivered_is_stored(facade, connect, product):
    server = facade(product)
    server.create("field")
    influx = connect(server)
    influx.deliver(parcel())
    influx.deliver(parcel())
    assert [row["PPFD"] for row in server.influxd.read("field", "tower")] == [1.5, 2.5, 3.5]
    assert all(request.headers["content-encoding"] == "gzip" for request in server.writes())


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (429, Unreachable),
        (500, Unreachable),
        (502, Unreachable),
        (503, Unreachable),
        (504, Unreachable),
        (302, Unreachable),
        (200, Unreachable),
        (202, Unreachable),
        (408, Unreachable),
        (401, Denied),
        (403, Denied),
        (404, Denied),
        (405, Denied),
        (407, Denied),
        (413, TooLarge),
        (400, Rejected),
        (422, Rejected),
        (406, Rejected),
        (411, Rejected),
        (201, Rejected),
    ],
)
def test_a_status_means(oss2, connect, code, kind):
    oss2.faults = [faults.Status(code)]
    error = refused(connect(oss2))
    assert type(error) is kind
    assert oss2.url in str(error) and "'field'" in str(error) and "\n  " in str(error)
    connect(oss2).deliver(parcel())


@pytest.mark.parametrize("product", PRODUCTS[:-1])
def test_a_wait_that_a_server_asks_for_is_known(facade, connect, product):
    server = facade(product)
    server.create("field")
    influx = connect(server)
    later = datetime.now(UTC) + timedelta(seconds=90)
    server.faults = [
        faults.Status(429, 30),
        faults.Status(503, f"{later:%a, %d %b %Y %H:%M:%S} GMT"),
        faults.Status(429),
    ]
    assert refused(influx).retry_after == 30
    assert 80 <= refused(influx).retry_after <= 100
    assert refused(influx).retry_after is None


@pytest.mark.parametrize("code", [200, 201, 400, 401, 403, 404, 422, 502])
def test_a_page_of_a_proxy_says_nothing_about_rows(oss2, connect, code):
    oss2.faults = [faults.GarbageAnswer(code)]
    error = refused(connect(oss2))
    assert type(error) is Unreachable
    assert "proxy" in str(error)


def test_a_page_that_says_413_is_413(oss2, connect):
    oss2.faults = [faults.GarbageAnswer(413)]
    assert type(refused(connect(oss2))) is TooLarge


@pytest.mark.parametrize("fault", [faults.Slow(5), faults.ResetMidBody(10), faults.DropAfterStoring()])
def test_a_connection_that_fails_is_unreachable(oss2, connect, fault):
    influx = connect(oss2, timeout_seconds=2)
    until_taken(influx)  # it has asked what it asks before the first one
    oss2.faults = [fault]
    assert type(refused(influx)) is Unreachable
    until_taken(influx)


def until_taken(influx):
    """Deliver once more; a busy machine may need more time for it than the test gives."""
    for _ in range(30):
        with contextlib.suppress(Unreachable):
            return influx.deliver(parcel())
    raise AssertionError("it does not come back")


def test_a_server_that_is_away_comes_back(oss2, connect):
    influx = connect(oss2)
    influx.deliver(parcel())
    oss2.down()
    assert type(refused(influx)) is Unreachable
    with pytest.raises(Unreachable):
        influx.read("field", "tower")
    oss2.up()
    influx.deliver(parcel())
    assert len(influx.read("field", "tower")) == 3


def test_nobody_at_the_address():
    influx = Influx(f"http://127.0.0.1:{dead_port()}", "a-token-that-nobody-may-see")
    assert type(refused(influx)) is Unreachable
    for wrong in ("localhost:8086", "ftp://127.0.0.1", "", "http://", "http://["):
        assert "https://host:8086" in str(refused(Influx(wrong, None)))


def test_a_certificate_that_does_not_fit_is_unreachable(oss2):
    """Here there is none at all."""
    error = refused(Influx(oss2.url.replace("http:", "https:"), oss2.token))
    assert type(error) is Unreachable
    assert "SSL" in str(error)


@pytest.mark.parametrize("product", ["oss2", "cloud", "serverless", "dedicated", "v1"])
def test_an_unknown_bucket_is_kept_for_and_remedied(facade, connect, product):
    error = refused(connect(facade(product)), bucket="nowhere")
    assert type(error) is Denied
    assert error.no_bucket
    assert "python new-db.py FILE" in str(error)


def test_an_unknown_organisation_is_no_unknown_bucket(oss2):
    error = refused(Influx(oss2.url, oss2.token, "elsewhere"))
    assert type(error) is Denied and not error.no_bucket
    assert "INFLUXDB_ORG" in str(error)


@pytest.mark.parametrize(
    ("product", "named"),
    [("oss2", {}), ("cloud", {}), ("serverless", {2}), ("v3", {2}), ("v1", {})],
)
def test_a_bad_line_is_refused_with_the_words_of_the_server(facade, connect, product, named):
    server = facade(product)
    server.create("field")
    error = refused(connect(server), BAD)
    assert type(error) is Rejected
    assert "missing field value" in str(error)
    assert set(error.named) == set(named)
    assert error.dropped in (None, 1)


def test_numbers_of_lines_are_not_believed_where_a_text_has_line_breaks(facade, connect):
    """The server may count those."""
    server = facade("v3")
    server.create("field")
    text = b'tower PPFD=1,t="a\nb" 1717243200\ntower PPFD= 1717243201'
    with pytest.raises(Rejected) as caught:
        connect(server).deliver(pack("field", "s", text, 2))
    assert caught.value.named == {}


def test_half_a_success_is_a_refusal(facade, connect):
    """Dedicated says 201 when it has dropped some."""
    server = facade("dedicated")
    server.create("field")
    assert type(refused(connect(server), BAD)) is Rejected
    assert [row["PPFD"] for row in server.influxd.read("field", "tower")] == [1.5, 3.5]


@pytest.mark.parametrize("product", ["oss2", "serverless", "v3", "v1"])
def test_a_conflict_of_kinds_is_refused(facade, connect, product):
    server = facade(product)
    server.create("field")
    influx = connect(server)
    influx.deliver(parcel())
    error = refused(influx, b'tower PPFD="x" 1717243203\n')
    assert type(error) is Rejected
    assert "type" in str(error)


@pytest.mark.parametrize("product", ["oss2", "v1"])
def test_two_kinds_at_once_are_a_refusal_whatever_the_status(facade, connect, product):
    """2.x says 500 to it, and would for ever."""
    server = facade(product)
    server.create("field")
    assert type(refused(connect(server), b'tower x=1 1717243200\ntower x="a" 1717243201\n')) is Rejected


def test_points_past_retention_are_counted(facade, connect):
    server = facade("oss2")
    server.create("field", 2)
    error = refused(connect(server))
    assert (type(error), error.dropped) == (Rejected, 3)


def answer(status, body, **headers):
    return refusals.Answer(status, headers, body)


def test_lines_that_a_server_names():
    serverless = b'{"code":"invalid","line":2,"message":"partial write has occurred, errors encountered on line(s):'
    assert refusals.named(answer(400, serverless + b' line 2: bad\\nerror parsing line 14 (1-based): worse"}')) == {
        2: "bad",
        14: "worse",
    }
    echoed = b'{"error":"unable to parse \'m t=\\"\\nline 7: x\\" 1\': bad timestamp"}'
    assert refusals.named(answer(400, echoed)) == {}
    echoed = b'{"message":"unable to parse \'m\\nerrors encountered on line(s): \\nline 7: x"}'
    assert refusals.named(answer(400, echoed)) == {}


def test_counts_that_a_server_gives():
    assert refusals.dropped("partial write: points beyond retention policy dropped=2") == 2
    assert refusals.dropped("partial write: unable to parse 'm x=': missing field value dropped=0") is None
    assert refusals.dropped("partial write: field type conflict dropped=0") is None


def test_words_of_a_server_are_short_and_printable():
    place = refusals.Place("http://host", "field", ("secret",))
    said = str(refusals.fault(answer(400, b'{"error":"a\\u001b[31m secret' + b"x" * 2000 + b'"}'), place))
    assert "\x1b" not in said and "secret" not in said
    assert len(said) < 800


# Tokens ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("product", PRODUCTS[:-1])
def test_a_wrong_token_and_one_without_the_right(facade, connect, product):
    tokens = {"a-token-to-write": Rights(write=("field",)), "a-token-to-read": Rights(read=("field",))}
    server = facade(product, tokens=tokens | {"all-of-it": Rights(all=True)})
    server.create("field")
    connect(server, "all-of-it").create("field", None)
    for token, remedy in (("no-such-token", "expected a token"), ("a-token-to-read", "expected the right")):
        error = refused(connect(server, token))
        assert type(error) is Denied
        assert remedy in str(error) and "INFLUXDB_TOKEN" in str(error)
    writer, reader = connect(server, "a-token-to-write"), connect(server, "a-token-to-read")
    assert writer.write("field", "tower", rows()) == 3, "one that may not read what kinds are there"
    with pytest.raises(Denied):
        writer.read("field", "tower")
    assert len(reader.read("field", "tower")) == 3
    with pytest.raises(Denied):
        reader.create("other", None)


def test_a_login_of_1x(tmp_path):
    """By `token`, or in the address."""
    with Influxd(tmp_path, auth=True) as server:
        login = f"{server.user}:{server.password}"
        for influx in (
            Influx(server.url, login),
            Influx(server.url.replace("//", f"//{login}@"), None),
        ):
            influx.create("field", None)
            influx.write("field", "tower", rows())
            assert len(influx.read("field", "tower")) == 3
            influx.close()
        server.query("CREATE USER reader WITH PASSWORD 'only reads'")
        server.query('GRANT READ ON "field" TO reader')
        for wrong in (f"{server.user}:wrong", "", "reader:only reads"):
            with contextlib.closing(Influx(server.url, wrong)) as influx:
                assert type(refused(influx)) is Denied
                with pytest.raises(Denied):
                    influx.create("other", None)
        with contextlib.closing(Influx(server.url, "reader:only reads")) as influx:
            assert len(influx.read("field", "tower")) == 3


def test_a_token_that_cannot_be_one(oss2):
    error = refused(Influx(oss2.url, "a\ntoken"))
    assert type(error) is Denied
    assert "a\ntoken" not in str(error)
    Influx(oss2.url, f" {oss2.token}\n", oss2.org).deliver(parcel())


def test_the_token_is_in_no_message(facade, connect, caplog):
    """Nor in what the errors were raised from, nor in a log at its most talkative."""
    caplog.set_level("DEBUG")
    server = facade("oss2")
    influx = connect(server)
    said = []

    def note(attempt):
        with pytest.raises(StoreError) as caught:
            attempt()
        said.append("".join(traceback.format_exception(caught.value)) + repr(caught.value))

    echo = f'{{"message":"what is {server.token}?"}}'.encode()
    for fault in (*(faults.Status(code, None, echo) for code in (400, 401, 403, 404, 429, 500)), faults.Status(302)):
        server.faults = [fault]
        note(lambda: influx.deliver(parcel()))
    note(lambda: influx.read("nowhere", "tower"))
    note(lambda: influx.retain("nowhere", 1))
    said.append(repr(influx) + str(influx.rights("field")))
    server.down()
    note(lambda: influx.deliver(parcel()))
    password = "-".join(("over", "the", "hills"))  # in one piece it would be in a line of the traceback
    for url in (server.url.replace("//", f"//me:{password}@"), f"http://me:{password}@[", f"me:{password}@host"):
        note(lambda url=url: Influx(url, None).deliver(parcel()))
    text = "\n".join(said) + caplog.text
    assert server.token not in text
    assert password not in text


# Buckets --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("product", ["oss2", "cloud", "serverless", "v3", "v1"])
def test_a_bucket_is_made_once_and_keeps_its_days(facade, connect, product):
    server = facade(product)
    influx = connect(server)
    for days in (30, 7):
        influx.create("field", days)
    influx.create("for-ever", None)
    assert influx.buckets() == {"field": 30, "for-ever": None}
    for days in (14, 14, None):
        influx.retain("field", days)
        assert influx.buckets()["field"] == influx.keeps("field") == days
    assert influx.keeps("for-ever") is None
    influx.write("field", "tower", rows(start=pd.Timestamp.now("UTC")))
    assert len(influx.read("field", "tower")) == 3, "its mapping is there too"
    with pytest.raises(Denied, match="nowhere"):
        influx.retain("nowhere", 3)
    assert influx.keeps("nowhere") is None


def test_a_bucket_made_elsewhere_gets_its_mapping(facade, connect):
    server = facade("cloud")
    server.create("field")
    influx = connect(server)
    influx.deliver(parcel())
    with pytest.raises(Rejected, match=r"python new-db\.py FILE"):
        influx.read("field", "tower")
    influx.create("field", None)
    influx.create("field", None)
    assert len(influx.read("field", "tower")) == 3
    assert len(server.mappings) == 1


def test_buckets_beyond_a_page_are_listed(facade, connect):
    server = facade("oss2")
    for number in range(103):
        server.create(f"b{number}")
    assert len(connect(server).buckets()) == 103


def test_an_organisation_may_be_named_by_its_id(facade):
    server = facade("oss2")
    influx = Influx(server.url, server.token, server.org_id)
    influx.create("field", None)
    influx.deliver(parcel())
    assert influx.buckets() == {"field": None}
    with pytest.raises(Denied, match="INFLUXDB_ORG"):
        Influx(server.url, server.token, "elsewhere").create("other", None)


def test_dedicated_says_what_to_type(facade, connect):
    server = facade("dedicated")
    influx = connect(server)
    with pytest.raises(Denied, match="influxctl database create --retention-period 30d field"):
        influx.create("field", 30)
    with pytest.raises(Denied, match="influxctl database update"):
        influx.retain("field", None)
    with pytest.raises(Denied, match="influxctl database list"):
        influx.buckets()
    server.create("field")
    influx.create("field", 30)
    assert influx.keeps("field") is None


@pytest.mark.parametrize("product", ["cloud", "serverless"])
def test_the_free_plan_says_what_it_allows(facade, connect, product):
    server = facade(product, free=True)
    influx = connect(server, buckets={"third": "one"})
    for days in (None, 90):
        with pytest.raises(Denied, match=r"retention(?s:.*)keep_days"):
            influx.create("one", days)
    influx.create("one", 30)
    influx.create("two", 30)
    with pytest.raises(Denied, match=r"quota(?s:.*)influxdb\.buckets"):
        influx.create("three", 30)
    influx.create("third", 30)
    influx.write("third", "tower", rows(start=pd.Timestamp.now("UTC")))
    assert len(server.influxd.read("one", "tower")) == 3
    assert influx.buckets() == {"third": 30, "two": 30}


def test_five_databases_of_3_core(facade, connect):
    influx = connect(facade("v3"))
    for number in range(5):
        influx.create(f"b{number}", None)
    with pytest.raises(Denied, match="limit of 5"):
        influx.create("b5", None)


def test_more_columns_than_the_server_takes_are_refused_before(facade, connect):
    server = facade("serverless")
    influx = connect(server, columns=10)
    influx.create("field", None)
    influx.write("field", "tower", rows(**{f"c{number}": [1.0] * 3 for number in range(9)}))
    sent = len(server.writes())
    with pytest.raises(Rejected, match=r"found 11 columns(?s:.*)expected at most 10"):
        influx.write("field", "tower", rows(c9=[1.0] * 3))
    assert len(server.writes()) == sent


@pytest.mark.parametrize("bucket", ['a"; DROP DATABASE field; --', "a b", "é", "it's", "select"])
def test_a_bucket_may_have_any_name(influxd, bucket):
    with contextlib.closing(Influx(influxd.url, None)) as influx:
        influx.create(bucket, 30)
        influx.retain(bucket, None)
        influx.write(bucket, "tower", rows())
        assert len(influx.read(bucket, "tower")) == 3
        assert bucket in influx.buckets()
        influxd.query(f"DROP DATABASE {ql.name(bucket)}")


# Every request, by the vendor's documents -----------------------------------------------------------------------------


@pytest.mark.parametrize("product", ["oss2", "cloud", "serverless", "v3"])
def test_every_request_keeps_to_the_document_of_the_product(facade, connect, product):
    server = facade(product)
    influx = connect(server)
    influx.create("field", 30)
    influx.create("field", 30)
    influx.create("for-ever", None)
    influx.retain("for-ever", 9)
    influx.retain("for-ever", None)
    influx.keeps("field")
    now = pd.Timestamp.now("UTC").floor("s")
    influx.write("field", "tower", rows(start=now, a=[1.0, 2.0, 3.0], s=["x"] * 3), ("s",))
    influx.read("field", "tower")
    influx.read("field", "tower", every=pd.Timedelta("1min"))
    influx.latest("field", "tower")
    influx.measurements("field")
    influx.buckets()
    influx.rights("field")
    document = {"cloud": "oss2"}.get(product, product)
    asked = [one for one in server.requests if not (product == "serverless" and one.path == "/ping")]  # in no document
    wrong = set(contract.check(asked, document))
    if product != "v3":  # 2.x reads it all the same, in its source http/legacy/influxql_handler.go
        wrong -= {"GET /query: the document does not know chunked"}
    assert wrong == set()


def test_every_request_to_1x_keeps_to_its_document(facade, connect):
    server = facade("v1")
    influx = connect(server)
    influx.create("field", 30)
    influx.retain("field", 60)
    influx.write("field", "tower", rows(start=pd.Timestamp.now("UTC").floor("us")))
    influx.read("field", "tower", every=pd.Timedelta("1min"))
    influx.buckets()
    assert contract.check(server.requests, "v1") == []


# Reading --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def local(influxd, database):
    with contextlib.closing(Influx(influxd.url, None)) as influx:
        yield influx, database


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(measurement=NAMES, tag=NAMES, field=NAMES, value=NAMES)
def test_any_name_is_found_again_or_refused_before(local, measurement, tag, field, value):
    influx, bucket = local
    assume(tag != field)
    influxd_has = influx.measurements(bucket)
    try:
        influx.write(bucket, measurement, rows(1, **{field: [1.5]}).assign(**{tag: value}), (tag,))
    except Rejected as error:
        assert "\n  " in str(error)
        assert influx.measurements(bucket) == influxd_has
        return
    back = influx.read(bucket, measurement, fields=[field])
    assert (1.5, value) in list(zip(back[field], back[tag], strict=True))
    assert measurement in influx.measurements(bucket)


def test_more_fields_than_one_question_takes_come_in_one_frame(local):
    influx, bucket = local
    names = [f"a long name of a field, number {number}" for number in range(400)]
    frame = pd.DataFrame(np.arange(1200.0).reshape(3, 400), index=rows().index, columns=names)
    frame.iloc[1, :390] = np.nan
    influx.write(bucket, "wide", frame.assign(s=["a", "b", "a"]), ("s",))
    assert len(list(ql.pieces("wide", names))) > 3
    back = influx.read(bucket, "wide", fields=names)
    pd.testing.assert_frame_equal(back[names], frame, check_names=False, check_freq=False)
    assert list(back["s"]) == ["a", "b", "a"]
    newest = influx.latest(bucket, "wide")
    assert list(newest.index) == [T0 + pd.Timedelta("1s"), T0 + pd.Timedelta("2s")]
    whole = influx.read(bucket, "wide", fields=names, every=pd.Timedelta("1h"), agg="count")
    assert list(whole[names[0]]) == [2, 0]


def test_rows_of_any_time_are_found(local):
    """Before 1970 and after now, also in windows without bounds: servers would end them at now."""
    influx, bucket = local
    index = pd.DatetimeIndex(["1678-01-01", "1969-12-31T23:59:59.5", "2024-06-01", "2261-12-31"], tz="UTC").as_unit(
        "ns"
    )
    influx.write(bucket, "tower", pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0]}, index=index))
    assert list(influx.read(bucket, "tower").index) == list(index)
    assert list(influx.latest(bucket, "tower")["x"]) == [4]
    back = influx.read(bucket, "tower", every=pd.Timedelta("77min"), agg="sum")
    assert list(back.index) == list(index.floor("77min"))
    assert list(back["x"]) == [1, 2, 3, 4]
    assert influx.read(bucket, "tower", start=index[2], end=index[2], every=pd.Timedelta("1h")).empty


def test_long_answers_come_whole(local):
    """In pieces of 10,000 rows, several series."""
    influx, bucket = local
    count = 25_000
    frame = rows(count, x=np.arange(count), s=np.where(np.arange(count) % 3 == 0, "a", "b"))
    assert influx.write(bucket, "long", frame, ("s",)) == count
    back = influx.read(bucket, "long")
    assert list(back["x"]) == list(range(count))
    assert back["x"].dtype == "Int64"
    assert list(back["s"]) == list(frame["s"])


def test_a_minus_stays(local):
    influx, bucket = local
    influx.write(bucket, "tower", rows(x=[-0.0, 0.0, -0.5]))
    assert list(np.signbit(influx.read(bucket, "tower")["x"])) == [True, False, True]


def test_an_answer_that_breaks_off_is_not_taken_for_all():
    whole = b'{"results":[{"series":[{"name":"m","columns":["time","x"],"values":[[1,2]]}],"partial":true}]}\n'
    for torn in ([], [b"\n"], [whole], [whole[:40]], [b"<html>\n"], [b"[]\n"], [b'{"a":1}\n']):
        with pytest.raises(answers.Torn):
            list(answers.series(torn))
    assert list(answers.series([b'{"results":[]}'])) == []
    for refused in (b'{"error":"no"}', b'{"results":[{"error":"no"}]}'):
        with pytest.raises(answers.Refusal, match="no"):
            list(answers.series([refused]))


def test_days_of_every_product():
    durations = {"720h0m0s": 30, "0s": None, "": None, "30days": 30, "1h0m0s": 1, "2days 1h": 3, "36h30m0s": 2}
    assert {text: answers.days(text) for text in durations} == durations


def test_other_shards_other_kinds():
    """A field of two kinds in different shards is what the server makes of it."""
    found = [answers.Series({}, ["fieldKey", "fieldType"], [["x", "integer"], ["x", "float"], ["b", "boolean"]])]
    assert {name: field.kind for name, field in answers.kinds(found).items()} == {"x": "number", "b": "boolean"}


def test_threads_read_and_deliver_at_once_and_closing_ends_nothing(local):
    influx, bucket = local
    influx.write(bucket, "tower", rows())
    failed = []

    def work(what):
        try:
            for _ in range(30):
                what()
        except Exception as error:
            failed.append(error)

    jobs = (lambda: influx.deliver(parcel(bucket=bucket)), lambda: influx.read(bucket, "tower"), influx.close)
    threads = [threading.Thread(target=work, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    influx.close()
    influx.close()
    assert len(influx.read(bucket, "tower")) == 3


def test_victoriametrics_takes_the_same_bytes(tmp_path):
    """A server of others, which keeps numbers only."""
    with VictoriaMetrics(tmp_path) as server, contextlib.closing(Influx(server.url, None)) as influx:
        assert influx.product == "unknown"
        assert influx.write("field", "tower", rows(x=[601.25, 0.1, -2.5]).assign(s="a b,=c"), ("s",)) == 3
        (series,) = server.export('{__name__="tower_x"}')
        assert (series["metric"]["s"], series["values"]) == ("a b,=c", [601.25, 0.1, -2.5])


# What the token may ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("product", ["oss2", "cloud", "serverless", "v3", "v1"])
def test_all_is_well(facade, connect, product):
    server = facade(product)
    influx = connect(server)
    influx.create("field", 30)
    found = influx.rights("field", datetime.now(UTC))
    assert {one.state for one in found} == {"ok"}, found
    assert {"reachable", "clock", "token", "bucket", "write", "read"} <= {one.name for one in found}
    assert influx.measurements("field") == [], "nothing was stored"


def test_what_is_wrong_is_found_with_a_remedy(facade, connect):
    tokens = {"a-token-to-read": Rights(read=("field",)), "all-of-it": Rights(all=True)}
    server = facade("cloud", tokens=tokens)
    influx = connect(server, "all-of-it")

    def states(one, bucket="field", now=None):
        return {found.name: found.state for found in one.rights(bucket, now) if found.state != "ok"}

    assert states(influx) == {"bucket": "warn", "write": "fail", "read": "fail"}
    server.create("field")
    assert states(influx) == {"mapping": "warn", "read": "fail"}
    influx.create("field", None)
    assert states(influx, now=datetime.now(UTC) + timedelta(hours=6)) == {"clock": "warn"}
    assert states(connect(server, "a-token-to-read")) == {"write": "fail"}
    assert states(connect(server, "no-such-token")).get("token") == "fail"
    assert all(one.remedy for one in connect(server, "no-such-token").rights("field") if one.state != "ok")
    server.down()
    assert states(influx) == {"reachable": "fail"}


def test_looking_makes_no_bucket(facade, connect):
    """3 makes what is written to."""
    server = facade("v3")
    found = connect(server).rights("field", datetime.now(UTC))
    assert {one.name: one.state for one in found if one.state != "ok"} == {
        "bucket": "warn",
        "write": "warn",
        "read": "fail",
    }
    assert server.names() == []
