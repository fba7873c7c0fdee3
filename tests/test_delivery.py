"""The way of a row to InfluxDB as a person sees it: what is refused, verbs, exit codes, words, no token anywhere."""

import base64
import json
import socket
import threading
from datetime import UTC, datetime, timedelta

import pytest
from filelock import FileLock

from delivering import BUCKET, Clock, Mast, header, ns, parcel, row, rows, stored, temp, wanted
from faults import GarbageAnswer, Status, TooLarge
from fieldline.outbox import SCHEMA, Queue, Waiting
from fieldline.sources.memory import Memory

SECRET, PASSWORD = "the-Secret-t0ken-of-the-tower", "over-the-hills-4711"


# Lines that a server refuses


@pytest.mark.parametrize("product", ["oss2", "serverless", "dedicated", "v3", "v1"])
def test_one_row_of_another_type_among_many_is_set_aside_alone(facade, tmp_path, product):
    server, count = facade(product), 4990
    server.create(BUCKET)
    year = 365 * 24 * 12  # rows later, in a shard where somebody has made the field a text
    server.influxd.write(BUCKET, f"Met,serial=8321,station=tower Temp=1.5 {ns(-year)}")
    server.influxd.write(BUCKET, f'Met,serial=8321,station=tower Temp="text" {ns(year) + 1}')
    site = Mast(tmp_path / "site", server.url, outbox={"seconds": 300})
    site.put(header() + rows(0, 2499) + row(year, record=2500) + rows(2500, count - 1))
    code, jobs = site.run()
    assert code == 3, site.err
    assert jobs["outbox"]["refused"] == 1
    [(line, why)] = site.refused()
    assert line.rsplit(" ", 1)[1].strip() == str(ns(year) // 10**9)
    assert "type conflict" in why, why
    assert not site.waiting()
    there = {row["time"]: row["Temp"] for row in server.influxd.read(BUCKET, "Met") if ns(0) <= row["time"] < ns(year)}
    assert there == wanted(range(count))
    assert len(server.writes()) < 40


@pytest.mark.parametrize("product", ["oss2", "cloud", "serverless", "dedicated", "v3", "v1"])
def test_one_line_that_nobody_can_read_among_many_is_set_aside_alone(facade, tmp_path, product):
    """Ours are never such; but a disk, or a later version, may make one."""
    server, count, bad = facade(product), 5000, 3210
    server.create(BUCKET)
    site = Mast(tmp_path / "site", server.url, outbox={"seconds": 300})
    site.put(header())
    assert site.run()[0] == 0
    lines = [f"Met Temp={temp(number)} {ns(number)}\n".encode() for number in range(count)]
    lines[bad] = f"Met Temp=1.2.3 {ns(bad)}\n".encode()
    memory = Memory(site.home / "state.db", more=SCHEMA)
    Queue(memory.ledger).add([Waiting(parcel(lines), "Met", ns(0), ns(count - 1), 0.0)])
    memory.close()
    before = len(server.writes())
    code, jobs = site.run()
    assert (code, jobs["outbox"]["refused"], site.waiting()) == (3, 1, 0), site.err
    [(line, why)] = site.refused()
    assert line.encode() == lines[bad]
    assert why
    assert stored(server.influxd) == wanted(number for number in range(count) if number != bad)
    assert len(server.writes()) - before < 40


@pytest.mark.parametrize("product", ["oss2", "v1", "serverless", "v3"])
def test_a_whole_column_of_another_type_is_set_aside_in_few_requests(facade, tmp_path, product):
    server = facade(product)
    server.create(BUCKET)
    site = Mast(tmp_path / "site", server.url, outbox={"seconds": 300})
    count = 2000 if product in ("oss2", "v1") else 300  # the stand-in looks for each bad line as long as we would
    site.put(header() + rows(0, count - 1))
    server.down()
    assert site.run()[0] == 1
    week = 7 * 24 * 12
    for number in range(-week, 3 * week, week):  # a shard is a week
        server.influxd.write(BUCKET, f'Met,serial=8321,station=tower Temp="text" {ns(number) + 1}')
    server.up()
    assert site.call("outbox", "send") == 3, site.err
    assert len(site.refused()) == count
    assert not site.waiting()
    assert len(server.writes()) <= 40


def test_cloud_says_done_before_it_looks_and_is_believed(facade, tmp_path):
    server = facade("cloud")
    site = Mast(tmp_path / "site", server.url)
    site.put(header() + rows(0, 99))
    code, jobs = site.run()
    assert (code, jobs["outbox"]["waiting"]) == (0, 0)
    assert stored(server.influxd) == wanted(range(100))


# Verbs


def with_rows_that_wait(facade, tmp_path, **settings):
    server = facade()
    site = Mast(tmp_path / "site", server.url, **settings)
    site.jobs(
        met={"files": [(site.folder / "met.dat").as_posix()], "bucket": "air"},
        flux={"files": [(site.folder / "flux.dat").as_posix()], "bucket": "fluxes"},
    )
    site.put(header() + rows(0, 9), "met.dat")
    site.put(header(table="Flux") + rows(0, 19), "flux.dat")
    server.down()
    assert site.run()[0] == 1
    return server, site


def test_the_outbox_is_listed_shown_exported_and_dropped_only_when_told_twice(facade, tmp_path):
    server, site = with_rows_that_wait(facade, tmp_path)
    assert site.call("outbox") == 0
    assert "air.Met" in site.out
    assert "fluxes.Flux" in site.out
    assert "deliveries have failed for" in site.out
    assert site.call("outbox", "list", "--json") == 0
    found = json.loads(site.out)
    assert found["waiting"]["rows"] >= 30
    assert found["refused"]["rows"] == 0
    numbers = {line["measurement"]: line["number"] for line in found["lines"]}
    assert site.call("outbox", "show", str(numbers["Met"])) == 0
    assert site.out.count("Met,serial=8321,station=tower") == 10
    out = tmp_path / "waiting.lp"
    assert site.call("outbox", "export", str(numbers["Flux"]), "--out", str(out)) == 0
    assert len([line for line in out.read_text(encoding="utf-8").splitlines() if line.startswith("Flux,")]) == 20
    assert site.call("outbox", "drop", str(numbers["Flux"])) == 0
    assert f"fieldline outbox --config {site.config} drop {numbers['Flux']} --rows 20" in site.out
    before = site.waiting()
    assert site.call("outbox", "drop", str(numbers["Flux"]), "--rows", "19") == 1
    assert site.waiting() == before
    assert site.call("outbox", "drop", str(numbers["Flux"]), "--rows", "20") == 0
    assert site.waiting() == before - 20
    assert site.call("outbox", "show", "4711") == 2
    server.up()
    assert site.call("outbox", "send") == 0, site.err
    assert stored(server.influxd, "Met", bucket="air") == wanted(range(10))
    assert stored(server.influxd, "Flux", bucket="fluxes") == {}
    assert site.call("outbox") == 0
    assert "the outbox is empty" in site.out


def test_what_was_exported_can_be_loaded_as_it_is(facade, tmp_path):
    """By one request, as any tool sends a file: one bucket, one precision."""
    server, site = with_rows_that_wait(facade, tmp_path)
    assert site.call("outbox", "export", "--out", str(tmp_path / "all.lp")) == 2
    assert "rows of the buckets air, field, fluxes" in site.err
    server.create("other")
    for bucket in ("air", "fluxes"):
        out = tmp_path / f"{bucket}.lp"
        assert site.call("outbox", "export", "--bucket", bucket, "--out", str(out)) == 0, site.err
        server.influxd.write("other", out.read_text(encoding="utf-8"), "n")
    assert stored(server.influxd, "Met", bucket="other") == wanted(range(10))
    assert stored(server.influxd, "Flux", bucket="other") == wanted(range(20))


def test_a_word_that_an_act_does_not_look_at_is_refused(facade, tmp_path):
    _, site = with_rows_that_wait(facade, tmp_path)
    for words in (("send", "77"), ("list", "--refused"), ("show", "--json"), ("retry", "4711")):
        assert site.call("outbox", *words) == 2, words


def test_a_long_wait_is_not_sat_out_beside_a_person(facade, tmp_path):
    server = facade()
    site = Mast(tmp_path / "site", server.url)
    site.put(header() + rows(0, 9))
    server.faults = lambda _: Status(429, retry_after=7200)
    assert site.run()[0] == 1
    assert site.call("outbox", "send") == 1
    assert "the server wants to be asked again in 3600 s" in site.err


def test_replayed_rows_that_are_refused_are_told(facade, tmp_path):
    server = facade()
    site = Mast(tmp_path / "site", server.url)
    site.put(header() + rows(0, 9))
    assert site.run()[0] == 0
    server.faults = lambda _: Status(400, body=b'{"code":"invalid","message":"not today"}')
    assert site.call("replay") == 3
    assert "rows were refused and are set aside" in site.out


def test_refused_rows_come_from_the_archive_when_the_state_is_damaged(facade, tmp_path):
    server = facade()
    site = Mast(tmp_path / "site", server.url)
    site.put(header() + rows(0, 9))
    server.faults = lambda _: Status(400, body=b'{"code":"invalid","message":"not today"}')
    assert site.run()[0] == 3
    server.faults = []
    (site.home / "state.db").write_bytes(b"no database" * 1000)
    for log in site.home.glob("state.db-*"):
        log.unlink()
    site.put(header() + rows(10, 19))  # the file is overwritten meanwhile: only the archive has the rows
    for _ in range(3):
        code, _ = site.run()
    assert code == 0, site.err
    assert stored(server.influxd, "Met") == wanted(range(20))


def test_many_series_are_told_before_they_hurt(facade, tmp_path, monkeypatch):
    """Also where each run brings one row, as a tag that is a measured value does."""
    monkeypatch.setattr("fieldline.outbox.box._SERIES", 6)
    server = facade()
    site = Mast(tmp_path / "site", server.url)
    told = []
    for number in range(8):
        site.put(header().replace(b'"tower"', b'"s%d"' % number) + rows(number, number))
        assert site.run()[0] == 0, site.err
        told.append("series by now" in site.out)
    assert told[0] is False
    assert told[-1] is True


def test_two_buckets_and_several_tables_keep_their_order(facade, tmp_path, monkeypatch):
    server, site = with_rows_that_wait(facade, tmp_path)
    clock = Clock(monkeypatch)
    for value in (1.5, 2.5):  # the same points again, with other values
        for name, table in (("met.dat", "Met"), ("flux.dat", "Flux")):
            data = header(table=table) + b"".join(row(number, value=value + number) for number in range(10))
            site.put(data, name)
        assert site.run()[0] == 1
    server.up()
    clock.wait(3600)
    code, _ = site.run()
    assert (code, site.waiting()) == (0, 0), site.err
    last = {ns(number): 2.5 + number for number in range(10)}
    assert stored(server.influxd, "Met", bucket="air") == last
    assert stored(server.influxd, "Flux", bucket="fluxes") == {**wanted(range(20)), **last}


def test_refused_rows_are_told_and_come_back_when_they_are_wanted(facade, tmp_path):
    server = facade()
    site = Mast(tmp_path / "site", server.url)
    site.put(header() + rows(0, 9))
    server.faults = lambda _: Status(400, body=b'{"code":"invalid","message":"not today"}')
    code, jobs = site.run()
    assert code == 3
    assert jobs["outbox"]["refused"] >= 10
    assert f"see them with `fieldline outbox --config {site.config}`" in site.out
    assert site.call("outbox") == 0
    assert "not today" in site.out
    assert {why for _, why in site.refused()} == {why for _, why in site.refused() if "not today" in why}
    server.faults = []
    assert site.call("outbox", "retry") == 0, site.err
    assert stored(server.influxd) == wanted(range(10))
    assert not site.refused()


def test_the_archive_is_loaded_again_by_time_and_again_changes_nothing(facade, tmp_path):
    server = facade()
    site = Mast(tmp_path / "site", server.url)
    site.put(header() + rows(0, 99))
    assert site.run()[0] == 0
    site.append(rows(100, 199))
    assert site.run()[0] == 0
    server.influxd.query('DROP MEASUREMENT "Met"', BUCKET)
    site.path.unlink()
    words = ("--from", "2026-06-25T01:00Z", "--to", "2026-06-25T10:00Z")
    assert site.call("replay", *words, "--dry-run") == 0
    assert stored(server.influxd) == {}
    for _ in range(2):
        assert site.call("replay", *words) == 0, site.err
        assert "108" in site.out  # nine hours of twelve rows
        assert stored(server.influxd) == wanted(range(12, 120))
    assert site.call("replay") == 0, site.err
    assert stored(server.influxd) == wanted(range(200))


def test_a_damaged_part_of_the_archive_costs_itself_only(facade, tmp_path):
    server = facade()
    site = Mast(tmp_path / "site", server.url)
    site.put(header() + rows(0, 99))
    assert site.run()[0] == 0
    [path] = (site.home / "archive").rglob("*.dat.gz")
    first = path.stat().st_size
    for start in (100, 200):
        site.append(rows(start, start + 99))
        assert site.run()[0] == 0
    data = bytearray(path.read_bytes())
    data[first + (len(data) - first) // 4] ^= 0x10
    path.write_bytes(data)
    server.influxd.query('DROP MEASUREMENT "Met"', BUCKET)
    assert site.call("replay") == 1
    assert path.name in site.err
    assert stored(server.influxd) == wanted([*range(100), *range(200, 300)])


def test_update_db_before_new_db_says_so_and_loses_nothing(facade, tmp_path, monkeypatch):
    server, clock = facade(), Clock(monkeypatch)
    site = Mast(tmp_path / "site", server.url)
    site.put(header() + rows(0, 9))
    for number in range(10, 13):
        assert site.call("update-db", str(site.path)) == 1
        assert "python new-db.py" in site.err
        assert "in the outbox, none is lost" in site.err
        assert server.names() == []
        site.append(rows(number, number))
        clock.wait(300)
    assert site.call("new-db", str(site.path)) == 0, site.err
    assert server.names() == [BUCKET]
    assert site.call("update-db", str(site.path)) == 0, site.err
    assert stored(server.influxd) == wanted(range(13))
    assert not site.waiting()


def test_a_run_makes_the_bucket_that_rows_of_update_db_wait_for(facade, tmp_path, monkeypatch):
    server, clock = facade(), Clock(monkeypatch)
    site = Mast(tmp_path / "site", server.url)
    site.put(header() + rows(0, 9))
    assert site.call("update-db", str(site.path)) == 1
    assert f"rows wait: 10 of {BUCKET}.Met" in site.out
    clock.wait(300)
    code, jobs = site.run("--job", "tower")
    assert (code, site.waiting()) == (0, 0), site.err
    assert jobs["tower"]["read"] == 0
    assert "rows delivered" in site.out
    assert stored(server.influxd) == wanted(range(10))


def test_what_is_wrong_for_several_buckets_is_said_once(facade, tmp_path):
    server, site = with_rows_that_wait(facade, tmp_path)
    server.up()
    site.token("wrong-token")
    assert site.call("outbox", "send") == 1
    assert site.err.count("Set `token` in secret.py") == 1
    assert "'air', 'fluxes'" in site.err


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_dry_run_sends_nothing_and_changes_nothing(facade, tmp_path):
    server, site = with_rows_that_wait(facade, tmp_path)
    server.up()
    site.path = site.folder / "met.dat"
    site.append(rows(10, 19))
    before = files(site.folder)
    for _ in range(2):
        code, jobs = site.run("--dry-run")
        assert code == 0, site.err
        assert jobs["met"]["read"] == 10
        assert "a dry run: nothing was written" in site.out
    assert files(site.folder) == before
    assert not server.writes()


# Exit codes and words


def test_every_state_has_its_exit_code_and_its_words(facade, tmp_path, monkeypatch):
    server, clock = facade(), Clock(monkeypatch)
    site = Mast(tmp_path / "site", server.url)
    site.put(header() + rows(0, 9))
    assert site.run()[0] == 0
    code, _ = site.run()
    assert code == 0
    assert "nothing new" in site.out
    server.down()
    site.append(rows(10, 19))
    code, jobs = site.run()
    assert code == 1
    runs = jobs["outbox"]["waiting"] - 10
    assert f"10 rows (and {runs} of `runs`) wait in the outbox, none is lost: {server.url}" in site.err
    assert "found no connection" in site.err
    assert jobs["tower"]["ok"]
    code, _ = site.run()
    assert code == 1
    assert "the next try is in" in site.err
    server.up()
    clock.wait(1200)
    server.faults = [GarbageAnswer(200)]
    code, _ = site.run()
    assert code == 1
    assert "See whether a proxy or a login page stands between" in site.err
    clock.wait(1200)
    site.token("wrong-token")
    code, _ = site.run()
    assert code == 1
    assert "Set `token` in secret.py" in site.err
    site.token(server.token)
    assert site.run()[0] == 0
    with FileLock(site.home / "run.lock"):
        code, _ = site.run()
    assert code == 75
    site.change("influxdb", url="not an address")
    code, _ = site.run()
    assert code == 2
    assert "must begin with http:// or https://" in site.err
    assert stored(server.influxd) == wanted(range(20))


def test_another_server_gets_everything_that_is_still_in_the_files(facade, tmp_path):
    one, two = facade(), facade("v3")
    site = Mast(tmp_path / "site", one.url)
    site.put(header() + rows(0, 9))
    assert site.run()[0] == 0
    one.influxd.query(f'DROP DATABASE "{BUCKET}"')  # both facades have one influxd behind them
    site.change("influxdb", url=two.url)
    code, _ = site.run()
    assert (code, site.waiting()) == (0, 0), site.err
    assert stored(two.influxd) == wanted(range(10))


def test_a_bucket_that_somebody_deleted_is_made_again(facade, tmp_path, monkeypatch):
    server, clock = facade(), Clock(monkeypatch)
    site = Mast(tmp_path / "site", server.url)
    site.put(header() + rows(0, 9))
    assert site.run()[0] == 0
    server.influxd.query(f'DROP DATABASE "{BUCKET}"')
    site.append(rows(10, 19))
    codes = []
    while not codes or (site.waiting() and len(codes) < 3):
        codes.append(site.run()[0])
        clock.wait(1200)
    assert codes[-1] == 0, site.err
    assert stored(server.influxd) == wanted(range(10, 20))


def test_the_newest_first_ends_as_in_order(facade, tmp_path, monkeypatch):
    server, clock = facade(), Clock(monkeypatch)
    site = Mast(tmp_path / "site", server.url, outbox={"newest_first": True, "seconds": 30})
    site.put(header() + rows(0, 19_999))
    server.down()
    assert site.run()[0] == 1
    clock.wait(1200)
    server.up()
    site.append(rows(20_000, 20_004) + row(50, value=777.5))
    code, _ = site.run()
    assert (code, site.waiting()) == (0, 0), site.err
    came = [str(ns(20_004))[:10].encode() in (request.body or b"") for request in server.writes()]
    assert any(came[:2]), "at most the request that was under way goes before"
    assert stored(server.influxd) == {**wanted(range(20_005)), ns(50): 777.5}


def test_the_free_plan_is_kept_to_and_it_is_said(facade, tmp_path, monkeypatch):
    server, clock = facade("cloud"), Clock(monkeypatch)
    site = Mast(tmp_path / "site", server.url, influxdb={"plan": "free"}, outbox={"seconds": 20})
    text = ",".join(f'"c{number}"' for number in range(40)).encode()
    wide = header().replace(b'"Temp"', b'"Temp",' + text).replace(b'""\r\n', b'""' + b',""' * 40 + b"\r\n")
    values = ",".join("1234.5678" for _ in range(40))
    site.put(wide + b"".join(row(number, values) for number in range(20_000)))
    sizes = []
    for _ in range(8):
        before = len(server.writes())
        code, _ = site.run()
        sizes.append(sum(request.size for request in server.writes()[before:]))
        assert code == 0, site.err
        if not site.waiting():
            break
        assert "the plan's 5,000,000 bytes in 5 min are used up" in site.out
        clock.wait(301)
    assert len(sizes) > 2
    assert max(sizes) <= 5_000_000
    assert stored(server.influxd) == wanted(range(20_000))


def test_a_bucket_that_the_plan_does_not_allow_is_told_with_what_to_do(facade, tmp_path, monkeypatch):
    server, now = facade("cloud", free=True), datetime.now(UTC).replace(microsecond=0, tzinfo=None)
    clock = Clock(monkeypatch, now.replace(tzinfo=UTC).timestamp())
    times = [now - timedelta(minutes=30 - number) for number in range(10)]
    site = Mast(tmp_path / "site", server.url)
    site.put(header() + b"".join(row(number, time=time) for number, time in enumerate(times)))
    for _ in range(2):
        assert site.run()[0] == 1
        assert "Set `keep_days` to what this plan allows" in site.err
        assert "python new-db.py" in site.err
        assert "in the outbox, none is lost" in site.err
        clock.wait(300)
    site.change("defaults", keep_days=30)
    assert site.call("new-db", str(site.path)) == 0, site.err
    code, _ = site.run()
    assert (code, site.waiting()) == (0, 0), site.err
    assert list(stored(server.influxd).values()) == [temp(number) for number in range(10)]


# No token, no password, anywhere


class Mirror:
    """Something on the network that answers with the headers it was sent: the worst that a page of errors can do."""

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.socket.close()

    def serve(self):
        while True:
            try:
                one, _ = self.socket.accept()
            except OSError:
                return
            with one:
                asked = one.recv(65536)
                head = b"HTTP/1.1 400 Bad\r\nContent-Type: application/json\r\nConnection: close\r\n"
                body = json.dumps({"code": "invalid", "message": asked.decode("latin-1")[:2000]}).encode()
                one.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)


def no_secret(site, secret, *words):
    """Nothing that was written or said holds the secret, in clear or as it is sent."""
    secrets = [secret, base64.b64encode(f"tower:{secret}".encode()).decode()]
    texts = {"what was printed": "\n".join(words).encode()}
    own = (site.folder / "secret.py", site.config)
    texts |= {path: data for path, data in files(site.folder).items() if path not in own}
    for name, data in texts.items():
        for one in secrets:
            at = data.find(one.encode())
            assert at < 0, (name, data[max(0, at - 300) : at + 50])


@pytest.mark.parametrize("login", [False, True])
def test_no_token_and_no_password_is_ever_written_or_said(facade, tmp_path, login):
    server = facade("v1" if login else "oss2", **({} if login else {"tokens": {SECRET: facade_all()}}))
    url = server.url.replace("//", f"//tower:{PASSWORD}@") if login else server.url
    site = Mast(tmp_path / "site", url, token="" if login else SECRET, log={"level": "DEBUG"})
    site.put(header() + rows(0, 9))
    said, own = [], PASSWORD if login else SECRET

    def do(*words):
        site.call(*words)
        said.extend([site.out, site.err])

    def all_verbs():
        for words in (
            ("run", "--json"),
            ("outbox",),
            ("outbox", "--json"),
            ("outbox", "show"),
            ("outbox", "show", "--refused"),
            ("outbox", "send"),
            ("status", "--json"),
            ("doctor",),
            ("doctor", "--json"),
            ("read", BUCKET),
            ("new-db", str(site.path)),
            ("replay",),
        ):
            do(*words)
        site.append(rows(all_verbs.number, all_verbs.number))
        all_verbs.number += 1

    all_verbs.number = 10
    all_verbs()
    server.faults = lambda _: Status(400, body=f'{{"message":"what is {own}?"}}'.encode())
    all_verbs()
    server.faults = lambda _: Status(401)
    all_verbs()
    server.faults = lambda _: GarbageAnswer(502, f"<html>{own}</html>".encode())
    all_verbs()
    server.faults = lambda _: TooLarge(10)
    all_verbs()
    server.down()
    all_verbs()
    with Mirror() as mirror:
        there = f"127.0.0.1:{mirror.port}"
        site.change("influxdb", url=f"http://tower:{PASSWORD}@{there}" if login else f"http://{there}")
        all_verbs()
    no_secret(site, own, *said)
    site.change("influxdb", url=f"htp://tower:{PASSWORD}@nowhere")
    all_verbs()
    site.change("influxdb", url=f"http://tower:{PASSWORD}@no such machine/")
    all_verbs()
    no_secret(site, PASSWORD, *said) if login else no_secret(site, SECRET, *said)


def facade_all():
    from servers import ALL

    return ALL


def test_no_token_in_the_warnings_of_a_process_of_its_own(facade, tmp_path):
    server = facade(tokens={SECRET: facade_all()})
    site = Mast(tmp_path / "site", server.url, token=SECRET, log={"level": "DEBUG"})
    site.put(header() + rows(0, 9))
    said = []
    for fault in (None, Status(401), Status(503), GarbageAnswer(200)):
        server.faults = lambda _, fault=fault: fault
        site.append(rows(10, 10))
        process = site.start("--json", python=("-X", "dev"), PYTHONWARNINGS="default")
        said.extend(process.communicate())
        assert process.returncode in (0, 1), said
    server.down()
    process = site.start("--json", python=("-X", "dev"))
    said.extend(process.communicate())
    assert "ResourceWarning" not in "".join(said)
    no_secret(site, SECRET, *said)


def test_a_wrong_address_that_is_put_right_costs_nothing(facade, tmp_path, monkeypatch):
    """What waits goes to the right one; nothing is read and queued a second time, and it is said."""
    server, clock = facade("v1"), Clock(monkeypatch)
    server.create(BUCKET)
    with socket.create_server(("127.0.0.1", 0)) as ear:
        nobody = f"http://127.0.0.1:{ear.getsockname()[1]}"
    site = Mast(tmp_path / "site", nobody)
    site.put(header() + rows(0, 9))
    assert site.run()[0] == 1
    waiting = site.waiting()
    clock.wait(1200)
    site.change("influxdb", url=server.url)
    assert site.call("run") == 0
    assert "met.dat" not in site.out and "took nothing, so what waits goes there" in site.out, site.out
    assert waiting == 11 and "11 rows delivered" in site.out, site.out
    assert stored(server.influxd) == wanted(range(10))
    site.change("influxdb", url=nobody)
    assert site.call("run") == 1
    assert "every file is read from its start" in site.out
    assert site.waiting() >= 10


def test_columns_stand_in_the_order_in_which_they_were_written(facade, tmp_path):
    """As with the embedded store; and where nobody knows it any more, as near to it as names allow."""
    server = facade("v1")
    site = Mast(tmp_path / "site", server.url)
    site.put(
        b'"TOA5","tower","CR6","8321","x","x","1","Met"\n"TIMESTAMP","RECORD","Temp","Batt"\n"TS","RN","Deg C","V"\n'
        b'"","","Avg","Min"\n"2026-06-25 10:50:00",1,20.5,12.6\n'
    )
    assert site.run()[0] == 0, site.err
    assert site.call("read", "field", "Met") == 0
    first = "time,station,serial,RECORD,"
    assert site.out.startswith(f"{first}Temp,Batt,Temp_qc,Temp_qcbits"), site.out
    assert site.call("read", "field", "Met", "--field", "Batt", "--field", "Temp") == 0
    assert site.out.startswith("time,station,serial,Batt,Temp\n"), site.out
    (site.home / "state.db").unlink()
    assert site.call("read", "field", "Met") == 0
    assert site.out.startswith(f"{first}Batt,Temp,"), site.out
    assert site.out.splitlines()[0].endswith("_qcbits")
