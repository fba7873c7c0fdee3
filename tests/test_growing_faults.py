"""Writers and drivers that meet at bad moments: overwriting, renaming, kill -9, eight drivers at once.

FIELDLINE_ROUNDS and FIELDLINE_KILLS say how often; the defaults keep the suite fast.
"""

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time

import duckdb
import pytest

from fieldline.sinks.embedded import Embedded
from fieldline.sources import pieces
from growing import PROJECT, Site, header, row, rows, temp, until_one_is_left, wanted

ROUNDS = int(os.environ.get("FIELDLINE_ROUNDS", "40"))
KILLS = int(os.environ.get("FIELDLINE_KILLS", "12"))
SEED = int(os.environ.get("FIELDLINE_SEED", "1"))
GAP = re.compile(r"records? (\d+)(?: to (\d+))? (?:are|is) missing")


class Writer:
    """A logger program at its worst. It knows when each row was whole in the file, and when it was gone from there."""

    def __init__(self, site, dice):
        self.site, self.path, self.dice = site, site.path, dice
        self.next, self.backups = 0, 0
        self.first = 0  # the rows of the file begin here
        self.whole, self.gone = {}, {}  # row -> time
        self.rewritten = []  # when rows may have been out of the file for a moment
        self.stopped = 0.0  # the longest time between two of its writes [s]
        self.append()

    def act(self):
        """One thing that a program may do to its file."""
        if self.next == self.first:
            self.append()
        else:
            self.dice.choice([self.append, self.append, self.truncate, self.overwrite, self.rename])()

    def append(self):
        new = self._rows()
        self._put("ab", header() + new if self.first == self.next else new)
        self._written()

    def truncate(self):
        """A new file at the same place; some rows of the old one may stand in it, some may be lost."""
        data = self._begin()
        self._put("wb", data)
        self._written()

    def overwrite(self):
        """The same without making it shorter first: for a moment lines are half new and half old."""
        data = self._begin()
        self._put("r+b", data)
        began = time.monotonic()
        with self.path.open("r+b") as file:
            file.truncate(len(data))
        self.stopped = max(self.stopped, time.monotonic() - began)
        self._written()

    def rename(self):
        self.backups += 1
        self.path.rename(self.path.with_name(f"tower.dat.{self.backups}.backup"))
        self._pause()
        self.first = self.next
        self.append()

    def _rows(self):
        self.count = self.dice.randint(1, 60)
        return rows(self.next, self.next + self.count - 1)

    def _begin(self):
        """What a file that is overwritten holds: some of the last rows, or a later beginning, and new ones."""
        begin = self.dice.randint(self.first, self.next)
        now = time.monotonic()
        self.gone |= dict.fromkeys(range(self.first, self.next), now)  # until it is written again, that is
        self.first = begin
        self.rewritten.append([now, None])
        data = header() + rows(begin, self.next - 1) if begin < self.next else header()
        return data + self._rows()

    def _put(self, mode, data):
        """Write in parts, as a buffer is emptied."""
        with self.path.open(mode, buffering=0) as file:
            while data:
                size, began = self.dice.randint(1, 4000), time.monotonic()
                file.write(data[:size])
                data = data[size:]
                self._pause()
                self.stopped = max(self.stopped, time.monotonic() - began)

    def _pause(self):
        time.sleep(self.dice.choice([0, 0, 0.001, 0.005]))

    def _written(self):
        now = time.monotonic()
        self.whole |= dict.fromkeys(range(self.next, self.next + self.count), now)
        self.next += self.count
        for number in range(self.first, self.next):
            self.gone.pop(number, None)
        if self.rewritten and self.rewritten[-1][1] is None:
            self.rewritten[-1][1] = now

    def at_rest(self, began, ended):
        """Whether nothing was overwritten in this time."""
        return all(ended < first or last < began for first, last in self.rewritten)


@pytest.mark.parametrize("seed", [SEED, SEED + 1])
def test_a_writer_at_its_worst_loses_only_what_was_overwritten_unread(tmp_path, monkeypatch, capsys, seed):
    """Of one that stops for shorter than a run waits; on a busy machine it may stop longer, and a run wait longer."""
    if seed % 2:
        monkeypatch.setattr(pieces, "PIECE", 2000)  # a file is read in many opens, and changes between them
    for pause in (0.05, 0.2, 1.0):  # at first ten times as long as the writer stops
        monkeypatch.setattr(pieces, "_PAUSE", pause)
        site = Site(tmp_path / str(pause))
        writer = Writer(site, random.Random(seed + 1000))
        try:
            loses_only_what_was_overwritten(site, writer, random.Random(seed), capsys)
        except AssertionError:
            if writer.stopped < pause or pause == 1.0:
                raise
        else:
            return


def loses_only_what_was_overwritten(site, writer, dice, capsys):
    runs, failed, right = [], 0, wanted(*range(80 * ROUNDS))
    for _ in range(ROUNDS // 2):
        thread = threading.Timer(dice.choice([0, dice.uniform(0, 0.4)]), writer.act)
        thread.start()
        began = time.monotonic()
        code, report = site.run()
        ended = time.monotonic()
        thread.join()
        assert code in (0, 1), site.err
        assert not report["quarantined"]
        assert site.stored().items() <= right.items(), "a wrong value"
        failed += code
        if code == 0:
            runs.append((began, ended))
    for _ in range(3):  # what could not be read while it changed
        code, report = site.run()
    assert code == 0
    stored = site.stored()
    assert stored.items() <= wanted(*range(writer.next)).items(), "a wrong value"
    lost = {number for number, time in enumerate(wanted(*range(writer.next))) if time not in stored}
    for number in lost:
        assert number in writer.gone, f"row {number} stands in a file"
        whole, gone = writer.whole[number], writer.gone[number]
        between = [one for one in runs if whole < one[0] and one[1] < gone and writer.at_rest(*one)]
        assert not between, f"row {number} was there during a run"
    said = set()
    for first, last in GAP.findall(site.log()):
        said |= set(range(int(first), int(last or first) + 1))
    assert lost == said
    with capsys.disabled():
        print(f"\n{len(runs)} runs, {failed} told to try again, {writer.next} rows, {len(lost)} overwritten unread")


def driver(site):
    words = [sys.executable, str(PROJECT / "driver.py"), "--config", str(site.config)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8")


def values(site):
    store = Embedded(site.home / "store.duckdb")
    found = list(store.read("field", "Met", fields=["Temp"])["Temp"])
    store.close()
    return found


def test_a_driver_that_is_killed_at_any_moment_loses_nothing(tmp_path, capsys):
    site, dice = Site(tmp_path), random.Random(SEED)
    site.path.write_bytes(header())
    count, done = 0, 0
    for _ in range(KILLS):
        new = dice.randint(1, 400)
        data = rows(count, count + new - 1)
        cut = dice.randint(0, len(data))
        with site.path.open("ab") as file:
            file.write(data[:cut])
        process = driver(site)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(dice.uniform(0.1, 1.5))
        with site.path.open("ab") as file:
            file.write(data[cut:])
        count += new
        done += process.poll() is not None
        process.send_signal(signal.SIGKILL)
        _, err = process.communicate()
        assert process.returncode in (-signal.SIGKILL, 0), err
    last = driver(site)
    _, err = last.communicate()
    assert last.returncode == 0, err
    assert values(site) == [temp(number) for number in range(count)]
    assert not (site.home / "quarantine").exists()
    with capsys.disabled():
        print(f"\n{KILLS} drivers, {done} of them done before they were killed, {count} rows")


def test_of_eight_drivers_one_works(tmp_path):
    """The store is held until the others have ended, so that the one is still at work."""
    site, count = Site(tmp_path, wait_seconds=300), 50_000
    site.put(header() + row(0))
    assert site.run()[0] == 0
    site.path.write_bytes(header() + rows(0, count - 1))
    with duckdb.connect(site.home / "store.duckdb"):
        drivers = [driver(site) for _ in range(8)]
        until_one_is_left(drivers)
    said = [process.communicate()[1] for process in drivers]
    assert sorted(process.returncode for process in drivers) == [0] + 7 * [75]
    assert sum("another run works on" in text for text in said) == 7
    assert values(site) == [temp(number) for number in range(count)]
    assert (site.home / "logs" / "fieldline.log").read_text(encoding="utf-8").count("another run works on") == 7
