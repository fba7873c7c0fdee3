"""What was committed on this machine is in the server once in the end, whatever network, server, power and disk do.

FIELDLINE_OUTAGE_RUNS (864: three days), FIELDLINE_KILLS (200), FIELDLINE_DAMAGES (all) and FIELDLINE_SEED say how much;
the defaults keep the suite fast.
"""

import contextlib
import os
import random
import shutil
import subprocess

import pytest

from delivering import Clock, Mast, header, ns, rows, stored, temp, wanted
from faults import DropAfterStoring, GarbageAnswer, ResetMidBody, Slow, Status, TooLarge

OUTAGE_RUNS = int(os.environ.get("FIELDLINE_OUTAGE_RUNS", "40"))
KILLS = int(os.environ.get("FIELDLINE_KILLS", "12"))
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
        assert "rows wait in the outbox, none is lost" in site.err
        clock.wait(300)
    assert not server.requests
    server.up()
    server.faults = [fault for fault in BAD_DAY for _ in range(2)]
    codes = until_all_is_there(site, clock)
    assert not server.faults, "every fault was met"
    assert codes[-1] == 0 and 1 in codes
    assert stored(server.influxd) == wanted(range(2 * OUTAGE_RUNS))
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
            self.server.influxd.query(f'DELETE FROM "{table}" WHERE time >= {min(wanted([10]))}', "field")

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
            if self.site.waiting() == 0 and code == 0:
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
    """Every 100th byte; by default some of them."""
    all_ = range(0, path.stat().st_size, 100)
    return all_ if os.environ.get("FIELDLINE_DAMAGES") == "all" else sorted(dice.sample(all_, min(most, len(all_))))


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

    each(damaged, overwritten, cut, [0, *places(damaged.site.home / "state.db", random.Random(SEED), 10)])


@pytest.mark.parametrize("overwritten", [True, False])
def test_a_state_with_a_flipped_bit_anywhere_is_made_again_or_right(damaged, overwritten):
    dice = random.Random(SEED)

    def flip(path, place):
        data, bit = bytearray(path.read_bytes()), dice.randrange(8)
        data[place] ^= 1 << bit
        path.write_bytes(data)
        return f"bit {bit} of byte {place} flipped"

    each(damaged, overwritten, flip, places(damaged.site.home / "state.db", dice, 12))


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
