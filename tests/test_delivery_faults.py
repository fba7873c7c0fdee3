"""What was committed on this machine is in the server once in the end, whatever network, server, power and disk do.

FIELDLINE_OUTAGE_RUNS (864: three days), FIELDLINE_KILLS (200), FIELDLINE_DAMAGES (100) and FIELDLINE_SEED say how much;
the defaults keep the suite fast.
"""

import contextlib
import itertools
import os
import random
import shutil
import signal
import subprocess
import threading
import time

import pytest

from delivering import Clock, Mast, header, ns, row, rows, stored, temp, wanted
from faults import DropAfterStoring, GarbageAnswer, ResetMidBody, Slow, Status, TooLarge
from fieldline.sources.memory import Memory
from growing import until_one_is_left
from servers import Influxd

OUTAGE_RUNS = int(os.environ.get("FIELDLINE_OUTAGE_RUNS", "40"))
KILLS = int(os.environ.get("FIELDLINE_KILLS", "8"))
SEED = int(os.environ.get("FIELDLINE_SEED", "1"))
BAD_DAY = [
    Status(429, retry_after=1),
    Status(503),
    DropAfterStoring(),
    Slow(0.2),
    ResetMidBody(100),
    GarbageAnswer(502),
    GarbageAnswer(200),
    TooLarge(2000),
    TooLarge(700),
    Status(500),
    Status(429, retry_after="soon"),
]


def until_all_is_there(site, clock, most=60):
    """Runs five minutes apart until nothing waits; their exit codes."""
    codes = []
    while site.waiting() and len(codes) < most:
        code, _ = site.run()
        codes.append(code)
        clock.wait(300)
    assert not site.waiting(), site.err
    return codes


def test_days_without_a_server_lose_nothing(facade, tmp_path, monkeypatch):
    server, clock = facade(), Clock(monkeypatch)
    site = Mast(tmp_path / "site", server.url)
    site.jobs(met="met.dat", flux="flux.dat")
    met, flux = site.put(header(), "met.dat"), site.put(header(table="Flux"), "flux.dat")
    server.down()
    for number in range(OUTAGE_RUNS):
        for path, new in ((met, rows(2 * number, 2 * number + 1)), (flux, rows(number, number))):
            with path.open("ab") as file:
                file.write(new)
        code, jobs = site.run()
        assert code == 1, site.err
        assert jobs["met"]["ok"] and jobs["met"]["written"] == 2 and jobs["flux"]["written"] == 1
        assert jobs["outbox"]["waiting"] >= 3 * (number + 1)
        assert "in the outbox, none is lost" in site.err
        clock.wait(300)
    assert not server.requests
    server.up()
    server.faults = [fault for fault in BAD_DAY for _ in range(2)]
    codes, count = [], 2 * OUTAGE_RUNS
    while server.faults:
        with met.open("ab") as file:
            file.write(rows(count, count))
        count += 1
        codes.append(site.run()[0])
        clock.wait(300)
    assert 1 in codes
    until_all_is_there(site, clock)
    assert len(server.writes()) < 80 + OUTAGE_RUNS // 50, "the outbox sends what waits together"
    assert stored(server.influxd) == wanted(range(count))
    assert stored(server.influxd, "Flux") == wanted(range(OUTAGE_RUNS))
    assert len(server.influxd.read("field", "runs")) > 2 * OUTAGE_RUNS
    before = len(server.writes())
    code, jobs = site.run()
    assert (code, site.waiting(), len(server.writes())) == (0, 0, before)
    assert not site.refused()


@pytest.mark.parametrize("product", ["oss2", "cloud", "serverless", "dedicated", "v3", "v1"])
def test_a_bad_day_of_every_product_loses_nothing(facade, tmp_path, monkeypatch, product):
    server, clock = facade(product), Clock(monkeypatch)
    site, dice = Mast(tmp_path / "site", server.url), random.Random(SEED)
    site.put(header())
    if product == "dedicated":
        server.create("field")  # nobody can through its API
    server.faults = [fault for fault in dice.sample(BAD_DAY, len(BAD_DAY)) for _ in range(2)]
    number = 0
    while server.faults or number < 200:
        new = dice.randint(1, 40)
        site.append(rows(number, number + new - 1))
        number += new
        code, _ = site.run()
        assert code in (0, 1), site.err
        assert stored(server.influxd).items() <= wanted(range(number)).items(), "something is invented"
        clock.wait(300)
        assert number < 3000
    until_all_is_there(site, clock)
    assert stored(server.influxd) == wanted(range(number))
    assert not site.refused()


@pytest.fixture
def damaged(facade, tmp_path, monkeypatch):
    """A home whose state.db holds rows that wait; the server holds the rows before them."""
    return Damaged(facade(), tmp_path, Clock(monkeypatch))


class Damaged:
    """20 rows are delivered, 40 wait in several parcels; `again` makes everything as it was, but for the damage."""

    def __init__(self, server, folder, clock):
        self.server, self.clock = server, clock
        self.site = Mast(folder / "site", server.url)
        self.site.jobs(met={"files": [(folder / "site" / "met.dat").as_posix()], "keep_days": 3000}, flux="flux.dat")
        self.files = {"Met": self.site.folder / "met.dat", "Flux": self.site.folder / "flux.dat"}
        for table, path in self.files.items():
            self.site.put(header(table=table) + rows(0, 9), path.name)
        assert self.site.run()[0] == 0
        server.down()
        for first in range(10, 30, 5):
            for path in self.files.values():
                with path.open("ab") as file:
                    file.write(rows(first, first + 4))
            assert self.site.run()[0] == 1
        server.up()
        clock.wait(1200)
        self.saved = folder / "saved"
        shutil.copytree(self.site.home, self.saved)
        self.policy = server.influxd.query('SHOW RETENTION POLICIES ON "field"')

    def again(self, overwritten):
        """overwritten: the loggers have begun new files, so that only the archive has the rows that wait."""
        shutil.rmtree(self.site.home)
        shutil.copytree(self.saved, self.site.home)
        for table, path in self.files.items():
            self.site.put(header(table=table) + rows(30 if overwritten else 0, 31), path.name)
            self.server.influxd.query(f'DELETE FROM "{table}" WHERE time >= {ns(10)}', "field")  # noqa: S608

    def check(self, what):
        """At most three runs, and everything is there."""
        told = []
        for _ in range(3):
            code, _ = self.site.run()
            told.append((code, self.site.err))
            assert code in (0, 1), (what, told)
            assert "fault in the program" not in self.site.err, (what, told)
            self.right(what)
            self.clock.wait(700)
            if code == 0 and self.site.waiting() == 0:
                break
        for table in self.files:
            assert stored(self.server.influxd, table) == wanted(range(32)), (what, told)
        assert not self.site.refused()

    def right(self, what):
        """Nothing stands in the server that was not measured, and nothing else was changed there."""
        assert self.server.names() == ["field"], what
        names = {name for (name,) in self.server.influxd.query("SHOW MEASUREMENTS", "field")[0]["values"]}
        assert names == {"Met", "Flux", "runs"}, what
        assert self.server.influxd.query('SHOW RETENTION POLICIES ON "field"') == self.policy, what
        right = {
            ns(n): {"time": ns(n), "Temp": temp(n), "RECORD": n, "station": "tower", "serial": "8321"}
            for n in range(32)
        }
        for table in self.files:
            wrong = [row for row in self.server.influxd.read("field", table) if row != right.get(row["time"])]
            assert not wrong, what
            stored(self.server.influxd, table)


def places(path, dice, most):
    """Every 100th byte (FIELDLINE_DAMAGES says another number); by default some of them."""
    every = os.environ.get("FIELDLINE_DAMAGES")
    all_ = range(0, path.stat().st_size, int(every or 100))
    return all_ if every else sorted(dice.sample(all_, min(most, len(all_))))


def each(damaged, overwritten, harm, places):
    """Harm the state at each place, and see what becomes of it; all that is wrong at once."""
    path, wrong = damaged.site.home / "state.db", []
    for place in places:
        damaged.again(overwritten)
        what = harm(path, place)
        try:
            damaged.check(what)
        except AssertionError as error:
            wrong.append(str(error))
    assert not wrong, f"{len(wrong)} of {len(places)}:\n" + "\n".join(wrong)


@pytest.mark.parametrize("overwritten", [True, False])
def test_a_state_that_is_cut_off_anywhere_is_made_again(damaged, overwritten):
    def cut(path, place):
        with path.open("r+b") as file:
            file.truncate(place)
        return f"cut off at {place}"

    each(damaged, overwritten, cut, [0, *places(damaged.site.home / "state.db", random.Random(SEED), 6)])


@pytest.mark.parametrize("overwritten", [True, False])
def test_a_state_with_a_flipped_bit_anywhere_is_made_again_or_right(damaged, overwritten):
    dice = random.Random(SEED)

    def flip(path, place):
        data, bit = bytearray(path.read_bytes()), dice.randrange(8)
        data[place] ^= 1 << bit
        path.write_bytes(data)
        return f"bit {bit} of byte {place} flipped"

    each(damaged, overwritten, flip, places(damaged.site.home / "state.db", dice, 8))


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own, on which `fill` leaves no byte free and `free` makes room again."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("a small disk can't be mounted here: it takes the rights of root")
    yield Disk(folder)
    subprocess.run(["umount", "-l", str(folder)], check=True)


class Disk:
    def __init__(self, folder):
        self.folder, self.filler = folder, folder / "filler"

    def fill(self, but=0):
        free = shutil.disk_usage(self.folder).free - but
        with contextlib.suppress(OSError), self.filler.open("ab", buffering=0) as file:
            os.posix_fallocate(file.fileno(), file.tell(), max(free - free % 4096, 4096))

    def free(self):
        self.filler.unlink()


@pytest.mark.parametrize(
    ("ballast", "left"), [(True, 0), (True, 40_960), (True, 2_500_000), (False, 0), (False, 2**20)]
)
def test_a_full_disk_acknowledges_nothing_that_is_not_stored_and_is_drained(
    facade, tmp_path, monkeypatch, small_disk, ballast, left
):
    server, clock = facade(), Clock(monkeypatch)
    site = Mast(tmp_path / "site", server.url, home=(small_disk.folder / "home").as_posix())
    site.home = small_disk.folder / "home"
    site.put(header() + rows(0, 99))
    assert site.run()[0] == 0
    assert (site.home / "ballast").exists()
    if not ballast:
        (site.home / "ballast").unlink()
    server.down()
    for first in (100, 200):
        site.append(rows(first, first + 99))
        assert site.run()[0] == 1
    waiting = site.waiting()
    small_disk.fill(but=left)
    site.append(rows(300, 2999))
    code, _ = site.run()
    assert code == 1
    assert "a fault in the program" not in site.err
    assert "Free disk space" in site.err or left > 2**21
    opens = ballast or left
    assert not opens or site.waiting() >= waiting, site.err
    clock.wait(1200)
    server.up()
    for _ in range(3):
        site.run()
        clock.wait(1200)
    assert "a fault in the program" not in site.err
    there = stored(server.influxd)
    assert there.items() <= wanted(range(3000)).items()
    assert there.items() >= wanted(range(300 if opens else 100)).items(), "the outbox is not drained"
    small_disk.free()
    code, _ = site.run()
    assert (code, site.waiting()) == (0, 0), site.err
    assert stored(server.influxd) == wanted(range(3000))
    assert (site.home / "ballast").exists()


def test_a_file_that_may_not_grow_loses_nothing(facade, tmp_path):
    resource = pytest.importorskip("resource", reason="the limit of a file's size is POSIX's")
    server = facade()
    site = Mast(tmp_path / "site", server.url)
    site.put(header() + rows(0, 99))
    server.down()
    assert site.run()[0] == 1
    site.append(rows(100, 9999))
    for limit in (100_000, 40_000, 10_000, 0):
        process = site.start(
            before=lambda limit=limit: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        )
        _, err = process.communicate()
        assert process.returncode == 1, err
        assert "a fault in the program" not in err
        assert site.waiting() >= 100
    server.up()
    assert site.call("outbox", "send") == 0, site.err
    code, _ = site.run()
    assert (code, site.waiting()) == (0, 0), site.err
    assert stored(server.influxd) == wanted(range(10_000))


@pytest.fixture
def real(tmp_path):
    """A real influxd with logins."""
    with Influxd(tmp_path / "influxd", auth=True) as server:
        yield server


def through_wrong_tokens(site, clock, good, influxd, bad, count=24):
    site.put(header())
    for number in range(count):  # 24: two hours
        site.append(rows(number, number))
        site.token(bad)
        code, jobs = site.run()
        assert code == 1
        assert jobs["tower"]["ok"]
        assert "Set `token` in secret.py" in site.err, site.err
        runs = jobs["outbox"]["waiting"] - number - 1
        waits = f"{number + 1} rows (and {runs} of `runs`) wait" if number else f"1 row (and {runs} of `runs`) waits"
        assert f"{waits} in the outbox, none is lost" in site.err
        clock.wait(300)
    assert jobs["outbox"]["waiting"] >= count
    site.token(good)
    code, _ = site.run()
    assert (code, site.waiting()) == (0, 0), site.err
    assert stored(influxd) == wanted(range(count))
    assert not site.refused()


def test_a_wrong_token_keeps_all_until_there_is_a_right_one(facade, tmp_path, monkeypatch):
    server = facade()
    site = Mast(tmp_path / "site", server.url)
    through_wrong_tokens(site, Clock(monkeypatch), server.token, server.influxd, "an-old-token")


def test_a_wrong_login_keeps_all_until_there_is_a_right_one(real, tmp_path, monkeypatch):
    site, clock = Mast(tmp_path / "site", real.url, org=""), Clock(monkeypatch)
    through_wrong_tokens(site, clock, f"{real.user}:{real.password}", real, "root:under the hills", 6)


def test_a_new_token_waits_for_nothing(facade, tmp_path, monkeypatch):
    server, _ = facade(), Clock(monkeypatch)
    site = Mast(tmp_path / "site", server.url, token="an-old-token")
    site.put(header() + rows(0, 9))
    server.down()
    for _ in range(3):
        assert site.run()[0] == 1
    server.up()
    assert site.run()[0] == 1  # not a second has passed
    assert "the next try is in" in site.err
    site.token(server.token)
    code, _ = site.run()
    assert (code, site.waiting()) == (0, 0), site.err
    assert stored(server.influxd) == wanted(range(10))


def test_a_driver_that_is_killed_at_any_moment_delivers_everything_once(facade, tmp_path, monkeypatch, capsys):
    server, dice = facade(), random.Random(SEED)
    site = Mast(tmp_path / "site", server.url)
    site.path.write_bytes(header())
    server.faults = lambda _: dice.choice([None, None, None, Slow(0.3), *BAD_DAY])
    count, done = 0, 0
    began = time.monotonic()
    site.start().communicate()
    whole = time.monotonic() - began  # what a run takes on this machine
    for _ in range(KILLS):
        new = dice.randint(1, 400)
        data = rows(count, count + new - 1)
        cut = dice.randint(0, len(data))
        with site.path.open("ab") as file:
            file.write(data[:cut])
        process = site.start()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(dice.uniform(0.1 * whole, 1.1 * whole))
        with site.path.open("ab") as file:
            file.write(data[cut:])
        count += new
        done += process.poll() is not None
        process.kill()
        _, err = process.communicate()
        assert process.returncode in (-signal.SIGKILL, 0, 1), err
        assert "a fault in the program" not in err
        assert stored(server.influxd).items() <= wanted(range(count)).items(), "something is invented"
    server.faults = []
    clock = Clock(monkeypatch, time.time() + 4000)
    site.run()
    until_all_is_there(site, clock)
    assert stored(server.influxd) == wanted(range(count))
    assert not site.refused()
    assert not (site.home / "quarantine").exists()
    with capsys.disabled():
        print(f"\n{KILLS} drivers, {done} done before they were killed, {count} rows, {len(server.writes())} requests")


def test_a_driver_that_is_killed_while_it_sends_delivers_everything_once(facade, tmp_path, capsys):
    """Before the server stores, between that and its answer, and while the answer is written down."""
    server, dice = facade(), random.Random(SEED)
    site = Mast(tmp_path / "site", server.url)
    site.path.write_bytes(header())
    arrived, wait = threading.Event(), 0.3

    def slow(_):
        arrived.set()
        return Slow(wait)

    server.faults = slow
    count, cut_off = 0, 0
    for _ in range(KILLS):
        new = dice.randint(1, 400)
        site.append(rows(count, count + new - 1))
        count += new
        arrived.clear()
        process = site.start()
        assert arrived.wait(240), "nothing was sent"
        time.sleep(dice.uniform(0, 1.5 * wait))
        cut_off += process.poll() is None
        process.kill()
        _, err = process.communicate()
        assert process.returncode in (-signal.SIGKILL, 0), err
        assert stored(server.influxd).items() <= wanted(range(count)).items(), "something is invented"
    server.faults = []
    code, _ = site.run()
    assert (code, site.waiting()) == (0, 0), site.err
    assert stored(server.influxd) == wanted(range(count))
    assert not site.refused()
    assert cut_off, "none was killed at work"
    with capsys.disabled():
        print(f"\n{KILLS} drivers, {cut_off} killed while they sent, {count} rows, {len(server.writes())} requests")


def test_of_eight_drivers_one_delivers(facade, tmp_path):
    server, count = facade(), 60_000
    site = Mast(tmp_path / "site", server.url, influxdb={"timeout_seconds": 300}, outbox={"seconds": 600})
    site.path.write_bytes(header() + rows(0, count - 1))
    others_are_done = threading.Event()

    def held(_):
        others_are_done.wait(240)

    server.faults = held
    drivers = [site.start() for _ in range(8)]
    until_one_is_left(drivers)
    others_are_done.set()
    said = [process.communicate()[1] for process in drivers]
    assert sorted(process.returncode for process in drivers) == [0] + 7 * [75], said
    assert sum("another run works on" in text for text in said) == 7
    assert stored(server.influxd) == wanted(range(count))
    assert not site.waiting()


@pytest.mark.parametrize("plan", ["any", "free"])
def test_a_clock_that_is_set_back_stops_nothing(facade, tmp_path, monkeypatch, plan):
    server, clock = facade(), Clock(monkeypatch)
    site = Mast(tmp_path / "site", server.url, influxdb={"plan": plan})
    site.put(header() + rows(0, 999))
    assert site.run()[0] == 0
    server.down()
    for _ in range(6):
        site.append(rows(1000, 1009))
        assert site.run()[0] == 1
        clock.wait(300)
    clock.wait(-6 * 3600)
    server.up()
    for number in range(1010, 1016):
        site.append(rows(number, number))
        code, _ = site.run()
        assert (code, site.waiting()) == (0, 0), site.err
        clock.wait(300)
    assert stored(server.influxd) == wanted(range(1016))


def test_a_clock_that_is_years_ahead_makes_no_row_too_old(facade, tmp_path, monkeypatch):
    """What is older than its bucket keeps is so by the server's clock."""
    server, clock = facade(), Clock(monkeypatch)
    site = Mast(tmp_path / "site", server.url, defaults={"keep_days": 3000})
    site.put(header() + rows(0, 9))
    assert site.run()[0] == 0
    server.down()
    site.append(rows(10, 19))
    assert site.run()[0] == 1
    right = clock.now + 1200
    clock.wait(20 * 365 * 86400)
    server.up()
    code, _ = site.run()
    assert (code, site.waiting()) == (0, 0), site.err
    assert not site.refused()
    clock.now = right
    site.append(rows(20, 29))
    assert site.run()[0] == 0, site.err
    assert stored(server.influxd) == wanted(range(30))


class Oracle:
    """Hands out rows with values that no other has, some of them for a point that had another before."""

    def __init__(self, site, dice):
        self.site, self.dice, self.values, self.unique = site, dice, {}, itertools.count(1)
        self.acknowledged = {}

    def hand_out(self, count):
        for _ in range(count):
            new = not self.values or self.dice.random() < 0.8
            number = len(self.values) if new else self.dice.randrange(len(self.values))
            self.values[number] = value = next(self.unique) + 0.5
            with self.site.path.open("ab") as file:
                file.write(row(number, value=value))


@pytest.mark.parametrize("newest", [False, True])
def test_every_row_that_was_acknowledged_arrives_with_its_last_value(facade, tmp_path, monkeypatch, newest):
    server, clock, dice = facade(), Clock(monkeypatch), random.Random(SEED + newest)
    site = Mast(tmp_path / "site", server.url, outbox={"seconds": 1, "newest_first": newest})
    site.path.write_bytes(header())
    oracle = Oracle(site, dice)
    events = [
        *[lambda: None] * 3,
        server.down,
        server.up,
        lambda: site.token("an-old-token"),
        lambda: site.token(server.token),
        lambda: clock.wait(-6 * 3600),
        lambda: clock.wait(3600),
        lambda: server.faults.extend(dice.sample(BAD_DAY, 3)),
        lambda: server.influxd.kill(),
        lambda: server.influxd.restart(),
        lambda: (site.home / "state.db").write_bytes(b"rubbish" * 1000),
    ]
    given = {}
    for _ in range(int(os.environ.get("FIELDLINE_ROUNDS", "30"))):
        dice.choice(events)()
        oracle.hand_out(dice.randint(0, 30))
        code, jobs = site.run()
        assert code in (0, 1), site.err
        assert "a fault in the program" not in site.err
        if jobs["tower"]["ok"]:
            given = dict(oracle.values)
        clock.wait(300)
    assert given
    server.influxd.restart()
    server.up()
    server.faults = []
    site.token(server.token)
    clock.wait(3600)
    oracle.hand_out(1)
    site.run()
    until_all_is_there(site, clock)
    assert stored(server.influxd) == {ns(number): value for number, value in oracle.values.items()}
    assert not site.refused()


def lost(server, site, runs):
    """Rows that wait, in as many parcels; then the logger's file is begun anew and the state is lost."""
    server.down()
    for number in range(runs):
        site.append(rows(10 * number, 10 * number + 9))
        assert site.run()[0] == 1
    site.put(header() + rows(10 * runs, 10 * runs + 9))
    (site.home / "state.db").write_bytes(b"rubbish" * 1000)
    server.up()


@pytest.mark.parametrize(
    "verb", ["outbox send", "replay --from 2026-06-25 --to 2026-06-25T00:01Z", "update-db tower.dat"]
)
def test_another_verb_that_finds_the_state_lost_does_not_keep_the_next_run_from_making_it_again(facade, tmp_path, verb):
    server = facade()
    site = Mast(tmp_path / "site", server.url)
    site.put(header())
    lost(server, site, 5)
    words = [str(site.path) if word == site.path.name else word for word in verb.split()]
    assert site.call(*words) in (0, 1), site.err
    code, _ = site.run()
    assert (code, site.waiting()) == (0, 0), site.err
    assert stored(server.influxd) == wanted(range(60))


def test_a_state_is_made_again_although_the_run_that_does_it_is_killed(facade, tmp_path, monkeypatch):
    server, dice = facade(), random.Random(SEED)
    site = Mast(tmp_path / "site", server.url)
    site.put(header())
    lost(server, site, 40)
    for _ in range(max(3, KILLS // 4)):
        process = site.start()
        time.sleep(dice.uniform(0.5, 1.6))
        process.kill()
        process.communicate()
    clock = Clock(monkeypatch, time.time() + 4000)
    site.run()
    until_all_is_there(site, clock)
    assert stored(server.influxd) == wanted(range(410))


def test_a_log_that_a_power_cut_left_damaged_is_made_good_by_the_files(damaged):
    """What a disk lost although it said that it was written is read again, as long as the logger's file has it."""
    home, dice = damaged.site.home, random.Random(SEED)
    damaged.again(overwritten=False)
    damaged.server.down()
    memory = Memory(home / "state.db", frozen=True)  # keeps the log from being put into the file when the run ends
    assert damaged.site.run()[0] == 1
    kept = {end: (home / f"state.db{end}").read_bytes() for end in ("", "-wal")}
    memory.close()
    assert len(kept["-wal"]) > 4000
    damaged.server.up()
    for place in sorted(dice.sample(range(len(kept["-wal"])), 8)):
        damaged.again(overwritten=False)
        (home / "state.db").write_bytes(kept[""])
        data = bytearray(kept["-wal"][:place] if dice.random() < 0.5 else kept["-wal"])
        if len(data) > place:
            data[place] ^= 1 << dice.randrange(8)
        (home / "state.db-wal").write_bytes(data)
        damaged.check(f"the log at {place}")
