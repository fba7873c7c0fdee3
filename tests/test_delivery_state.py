"""The end of the state is lost and the logger's file is a new one: its rows come from the archive, by themselves."""

import os
import random
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import pytest

from delivering import PROJECT, Clock, Mast, header, ns, row, rows, stored, wanted
from fieldline.sources.archive import Archive
from fieldline.sources.memory import Memory

SEED = int(os.environ.get("FIELDLINE_SEED", "1"))


class Power:
    """A site in which SQLite's log (`state.db-wal`) stays beside the state, as after a power cut."""

    def __init__(self, facade, folder, monkeypatch):
        self.server, self.clock = facade(), Clock(monkeypatch)
        self.site = Mast(folder / "site", self.server.url)
        self.state = self.site.home / "state.db"
        self.site.put(header() + rows(0, 9))
        assert self.site.run()[0] == 0

    def cut_after(self, *runs):
        """Runs that read some bytes each; what the disk holds when the power goes: the state, and its log."""
        memory = Memory(self.state, frozen=True)  # keeps the log from being put into the file when a run ends
        for data in runs:
            self.site.append(data)
            assert self.site.run()[0] in (0, 1), self.site.err
            self.clock.wait(1200)
        kept = {end: self.state.with_name(f"state.db{end}").read_bytes() for end in ("", "-wal")}
        memory.close()
        assert len(kept["-wal"]) > 4000
        for path in self.site.home.glob("state.db*"):
            path.unlink()
        self.state.write_bytes(kept[""])
        return kept["-wal"]

    def log(self, data):
        self.state.with_name("state.db-wal").write_bytes(data)

    def run_until_all_is_there(self):
        codes = []
        for _ in range(3):
            codes.append(self.site.run()[0])
            self.clock.wait(1200)
        assert codes[-1] == 0, self.site.err
        assert self.site.waiting() == 0
        assert "nothing new" in self.site.out, "it is brought once"


@pytest.fixture
def power(facade, tmp_path, monkeypatch):
    return Power(facade, tmp_path, monkeypatch)


@pytest.mark.parametrize("away", [True, False])
def test_rows_of_a_lost_log_come_from_the_archive(power, away):
    """Whether they were delivered by then or not; and it is said."""
    if away:
        power.server.down()
    power.cut_after(rows(10, 19), rows(20, 29))
    power.server.up()
    power.site.put(header() + rows(30, 39))
    code, jobs = power.site.run()
    assert code == 0, power.site.err
    assert "the end of the state was lost, or a run was cut off: 20 rows of the raw archive are sent" in power.site.out
    assert "archive" in jobs
    assert stored(power.server.influxd) == wanted(range(40))
    power.run_until_all_is_there()
    assert stored(power.server.influxd) == wanted(range(40))


def test_the_last_value_of_a_point_stays_when_the_log_is_lost(power):
    """The older state still has an earlier value waiting, and sends it again."""
    power.server.down()
    power.site.append(row(10, value=1.5))
    assert power.site.run()[0] == 1
    power.clock.wait(1200)
    power.server.up()
    power.cut_after(row(10, value=2.5), row(11, value=3.5))
    assert stored(power.server.influxd) == {**wanted(range(10)), ns(10): 2.5, ns(11): 3.5}
    power.site.put(header() + row(12))
    power.run_until_all_is_there()
    assert stored(power.server.influxd) == {**wanted(range(13)), ns(10): 2.5, ns(11): 3.5}


def test_a_log_that_is_cut_off_or_damaged_loses_nothing(power, tmp_path):
    power.server.down()
    log, dice = power.cut_after(*(rows(number, number + 4) for number in range(10, 40, 5))), random.Random(SEED)
    power.server.up()
    saved = shutil.copytree(power.site.home, tmp_path / "saved")
    for _ in range(6):
        shutil.rmtree(power.site.home)
        shutil.copytree(saved, power.site.home)
        power.server.influxd.query(f"DELETE FROM Met WHERE time >= {ns(10)}", "field")  # noqa: S608
        place = dice.randrange(len(log))
        data = bytearray(log if dice.random() < 0.5 else log[:place])
        if len(data) > place:
            data[place] ^= 1 << dice.randrange(8)
        power.log(data)
        power.site.put(header() + rows(40, 44))
        power.run_until_all_is_there()
        assert stored(power.server.influxd) == wanted(range(45)), place


def test_an_older_copy_of_the_state_in_its_place_loses_nothing(power, tmp_path):
    copy = shutil.copy(power.state, tmp_path / "copy")
    power.site.append(rows(10, 19))
    assert power.site.run()[0] == 0
    shutil.copy(copy, power.state)
    power.server.influxd.query(f"DELETE FROM Met WHERE time >= {ns(10)}", "field")  # noqa: S608
    power.site.put(header() + rows(20, 29))
    power.run_until_all_is_there()
    assert stored(power.server.influxd) == wanted(range(30))


def test_numbers_go_on_behind_what_was_brought_back(power):
    """Else rows of two times would have one number, and a later replay could mix them up."""
    power.cut_after(rows(10, 19), rows(20, 29))
    power.site.put(header() + rows(30, 39))
    power.run_until_all_is_there()
    power.site.append(rows(40, 49))
    power.run_until_all_is_there()
    numbers = [entry.number for entry in Archive(power.site.home / "archive").entries()]
    assert len(numbers) == len(set(numbers)) == 5
    power.server.influxd.query("DROP MEASUREMENT Met", "field")
    assert power.site.call("replay") == 0
    assert stored(power.server.influxd) == wanted(range(50))


def test_a_dry_run_says_nothing_of_it_and_changes_nothing(power):
    power.cut_after(rows(10, 19))
    before = {path: path.read_bytes() for path in power.site.home.rglob("*") if path.is_file()}
    assert power.site.run("--dry-run")[0] == 0
    assert "raw archive" not in power.site.out
    assert {path: path.read_bytes() for path in power.site.home.rglob("*") if path.is_file()} == before


def test_a_run_with_nothing_new_looks_at_the_archive_without_pandas(power):
    words = [sys.executable, "-X", "importtime", str(PROJECT / "driver.py"), "--config", str(power.site.config)]
    env = {**os.environ, "INFLUXDB_TOKEN": power.server.token}
    done = subprocess.run(words, capture_output=True, text=True, encoding="utf-8", env=env)
    assert done.returncode == 0, done.stderr
    assert "nothing new" in done.stdout
    names = {line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if "|" in line}
    assert "fieldline.sources.archive" in names
    assert not names & {"pandas", "numpy", "duckdb", "influxdb_client"}


def test_only_the_newest_files_of_the_archive_are_looked_at(tmp_path):
    """Those of the newest day, and of the newest up to today, should the clock have been ahead once."""
    archive, today, number = Archive(tmp_path / "archive"), date(2026, 6, 25), 0
    assert archive.newest_lately(today) == -1
    assert Archive(None).newest_lately(today) == -1
    words = (tmp_path / "tower.dat", 1, b"", b"1\r\n", None, None)
    for day in (today - timedelta(days=2), today - timedelta(days=1), date(2027, 6, 25), today):
        for table in ("Met", "Flux"):
            number += 1
            archive.add("tower", table, words[0], number, *words[1:], day)
            assert archive.newest_lately(max(day, today)) == number
    looked_at = {path.name[:10] for path in archive._lately(today)}
    assert looked_at == {"2026-06-25", "2027-06-25"}
    archive.add("tower", "Met", words[0], number + 1, *words[1:], today)
    assert archive.newest_lately(today) == archive.newest() == number + 1
    (tmp_path / "archive" / "note.txt").write_text("mine", encoding="utf-8")
    assert archive.newest_lately(datetime.now(UTC).date()) >= number
