"""What a product, a plan or a token does not allow, as a person sees it: words, exit codes, and nothing lost."""

import pandas as pd
import pytest

from delivering import BUCKET, Clock, Mast, header, ns, parcel, rows, stored, temp, wanted
from facade import ALL, Rights
from fieldline.cli.examine.store import most_columns
from fieldline.cli.stores import open_outbox
from fieldline.errors import Rejected
from fieldline.ledger import Ledger
from fieldline.outbox import SCHEMA, Queue, Waiting
from fieldline.settings import Settings
from fieldline.sources.memory import Memory

WRITER = "a-token-that-may-only-write"


def test_new_db_on_dedicated_says_what_to_type_in_the_vendors_tool(facade, tmp_path):
    server = facade("dedicated")
    site = Mast(tmp_path / "site", server.url, defaults={"keep_days": 3000})
    site.put(header() + rows(0, 9))
    assert site.call("new-db", str(site.path)) == 1
    assert f"influxctl database create --retention-period 3000d {BUCKET}" in site.err
    assert "a fault in the program" not in site.err
    assert server.names() == []
    assert site.call("update-db", str(site.path)) == 1, "rows wait for it meanwhile"
    assert "none is lost" in site.err
    server.create(BUCKET, 3000)
    for _ in range(2):
        assert site.call("new-db", str(site.path)) == 0, site.err
        assert f"bucket {BUCKET} is there" in site.out, "nobody tells whether it was"
    assert site.call("new-db", "--update", str(site.path)) == 1
    assert f"influxctl database update --retention-period 3000d {BUCKET}" in site.err
    assert site.call("update-db", str(site.path)) == 0, site.err
    assert stored(server.influxd) == wanted(range(10))


def test_tries_to_find_a_bad_line_count_against_the_plan(facade, tmp_path, monkeypatch):
    """What is refused was sent, too: 5 MB in five minutes are those of all requests."""
    server, clock = facade("cloud", free=True), Clock(monkeypatch)
    server.limits.window_bytes = server.limits.retention = None  # who counts here is this test
    server.create(BUCKET)
    site = Mast(tmp_path / "site", server.url, influxdb={"plan": "free"}, outbox={"seconds": 60})
    site.put(header())
    assert site.run()[0] == 0
    filler, count, bad = "x" * 600, 4000, {5, 2000, 3999}
    lines = [f'Met Temp={temp(number)},note="{filler}" {ns(number)}\n'.encode() for number in range(count)]
    for number in bad:
        lines[number] = lines[number].replace(b"Temp=", b"Temp=1.2.")
    memory, each = Memory(site.home / "state.db", more=SCHEMA), 1000
    Queue(memory.ledger).add(
        Waiting(parcel(lines[at : at + each]), "Met", ns(at), ns(at + each - 1), clock.now)
        for at in range(0, count, each)
    )
    memory.close()
    sizes, codes = [], []
    while site.waiting() and len(sizes) < 20:
        before = len(server.writes())
        codes.append(site.run()[0])
        sizes.append(sum(request.size for request in server.writes()[before:]))
        clock.wait(301)
    assert max(sizes) <= 5_000_000
    assert len(sizes) > 1
    assert 1 not in codes
    assert {line.encode() for line, _ in site.refused()} == {lines[number] for number in bad}
    assert stored(server.influxd) == wanted(set(range(count)) - bad)


def outbox_for(**influxdb):
    """The outbox of a configuration, before a server that is never asked."""
    settings = Settings.model_validate({"store": "influxdb", "influxdb": influxdb})
    outbox = open_outbox(settings, Ledger(None, SCHEMA), hurried=True)
    outbox._fields[BUCKET, "wide"] = {}
    return outbox


def wide(columns):
    """A row with so many columns, the time among them."""
    index = pd.DatetimeIndex(["2026-06-25T00:00Z"], name="time").as_unit("ns")
    return pd.DataFrame({f"c{number}": [1.5] for number in range(columns - 1)}, index=index)


@pytest.mark.parametrize(
    ("influxdb", "warned", "refused"),
    [
        ({"url": "https://eu-central-1-1.aws.cloud2.influxdata.com"}, 161, None),
        ({"url": "https://eu-central-1-1.aws.cloud2.influxdata.com", "columns": 500}, 401, 501),
        ({"url": "https://eu-central-1-1.aws.cloud2.influxdata.com", "plan": "free"}, 161, 201),
        ({"url": "http://influx.example.org", "plan": "free"}, 161, 201),
        ({"url": "http://influx.example.org"}, None, None),
        ({"url": "http://cloud2.influxdata.com.example.org"}, None, None),
    ],
)
def test_how_many_columns_a_server_takes_is_known_by_its_name_and_plan(influxdb, warned, refused):
    """Serverless takes 200, TSM of the same host more: so the host alone warns, the free plan and `columns` refuse."""
    for count in (160, 161, 200, 201, 400, 401, 500, 501):
        outbox = outbox_for(**influxdb)
        try:
            if refused and count >= refused:
                with pytest.raises(Rejected, match=f"found {count} columns"):
                    outbox.write(BUCKET, "wide", wide(count))
                continue
            assert outbox.write(BUCKET, "wide", wide(count)) == 1
            told = [note for note in outbox.notes if f"has {count} columns" in note]
            assert bool(told) == bool(warned and count >= warned), (count, outbox.notes)
            assert all("influxdb.flags: apart" in note for note in told)
        finally:
            outbox.close()
            outbox.queue.ledger.close()


@pytest.mark.parametrize("url", ["https://eu-central-1-1.aws.cloud2.influxdata.com", "http://influx.example.org"])
@pytest.mark.parametrize("more", [{}, {"plan": "free"}, {"columns": 500}, {"plan": "free", "columns": 500}])
def test_doctor_and_outbox_know_of_the_same_columns(url, more):
    settings = Settings.model_validate({"store": "influxdb", "influxdb": {"url": url, **more}})
    outbox = open_outbox(settings, Ledger(None, SCHEMA), hurried=True)
    assert most_columns(settings) == (outbox._cap.columns or outbox._cap.likely_columns)
    outbox.queue.ledger.close()


def test_a_token_that_may_only_write_delivers_and_says_that_flags_are_not_judged_again(facade, tmp_path):
    server = facade(tokens={WRITER: Rights(write=(BUCKET,)), "all-of-it": ALL})
    server.create(BUCKET)
    checks = {"Met": {"Temp": {"spike": {"suspect": 100}}}}
    site = Mast(tmp_path / "site", server.url, WRITER, quality={"checks": checks})
    site.put(header())
    for first in (0, 10):
        site.append(rows(first, first + 9))
        code, jobs = site.run()
        assert code == 0, site.err
        assert jobs["outbox"]["waiting"] == 0
        assert "the token may not read, so flags are made without the rows before" in site.out
        with site.queue() as queue:
            assert not queue.unjudged(), "it would be tried again for ever"
    assert stored(server.influxd) == wanted(range(20))
    code, _ = site.run()
    assert (code, "the token may not read" in site.out) == (0, False)


@pytest.mark.parametrize("wrong", [365, -365])
def test_a_clock_that_is_wrong_for_a_run_throws_nothing_away(facade, tmp_path, monkeypatch, wrong):
    """Though rows may wait for ten days only."""
    server, clock = facade(), Clock(monkeypatch)
    site = Mast(tmp_path / "site", server.url, outbox={"seconds": 4, "days": 10})
    site.put(header())
    server.down()
    for number, shift in enumerate((0, wrong, -wrong)):
        clock.wait(300 + shift * 86_400)
        site.append(rows(10 * number, 10 * number + 9))
        assert site.run()[0] == 1
        assert "were deleted" not in site.out
    server.up()
    clock.wait(3600)
    assert site.run()[0] == 0, site.err
    assert stored(server.influxd) == wanted(range(30))
