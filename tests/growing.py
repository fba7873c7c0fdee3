"""A site with one logger file, for the proofs about files that grow: every row has its number, every value its row."""

import contextlib
import io
import itertools
import json
import os
import time
from datetime import datetime, timedelta
from pathlib import Path

from fieldline.cli import main
from fieldline.manager import FileManager
from fieldline.sinks.embedded import Embedded
from fieldline.sources.memory import Memory
from fieldline.sources.quarantine import Quarantine
from fieldline.tables import Planner

PROJECT = Path(__file__).parents[1]
T0 = datetime(2026, 6, 25)
STEP = timedelta(minutes=5)
_ticks = itertools.count()


def header(*more, table="Met", record=True):
    """The four lines of a table with the column Temp and `more`."""
    names = ["TIMESTAMP", *(["RECORD"] if record else []), "Temp", *more]
    lines = [
        ["TOA5", "tower", "CR6", "8321", "CR6.Std.12", "CPU:tower.CR6", "31415", table],
        names,
        [""] * len(names),
        [""] * len(names),
    ]
    return "".join(",".join(f'"{word}"' for word in line) + "\r\n" for line in lines).encode()


def stamp(number):
    return T0 + STEP * number


def temp(number):
    """The value of a row: with its last digit missing it is another one."""
    return float(f"{10 + number * 7.31 % 20:.2f}{number % 10}{1 + number % 9}")


def row(number, *more, record=None, time=None, value=None):
    """Row `number` as its line; `record` False: without one."""
    words = [f'"{time or stamp(number)}"', str(number if record is None else record)]
    words = words[:1] if record is False else words
    return (",".join([*words, str(temp(number) if value is None else value), *map(str, more)]) + "\r\n").encode()


def rows(first, last, **more):
    """The lines of the rows `first` to `last`, both included."""
    return b"".join(row(number, **more) for number in range(first, last + 1))


def settled(path):
    """Make the file look as if nobody had written to it for half an hour; later calls make later files."""
    when = time.time_ns() - 1_800 * 10**9 + next(_ticks) * 10**9
    os.utime(path, ns=(when, when))
    return path


class Site:
    """A folder with a logger file, a configuration and a home."""

    def __init__(self, folder, pattern="*.dat", **settings):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.path, self.home = folder, folder / "tower.dat", folder / "home"
        self.config = folder / "site.yaml"
        files = [(folder / pattern).as_posix()]
        values = {"home": self.home.as_posix(), "jobs": [{"name": "tower", "files": files}], **settings}
        self.config.write_text(json.dumps(values), encoding="utf-8")  # JSON is YAML

    def put(self, data, name="tower.dat"):
        """Write a file as a whole."""
        path = self.folder / name
        path.write_bytes(data)
        return settled(path)

    def append(self, data):
        with self.path.open("ab") as file:
            file.write(data)
        settled(self.path)

    def rename(self, name):
        """What a logger program does when the header changes: the file becomes a backup."""
        return self.path.rename(self.folder / name)

    def run(self, *words):
        """One run of the driver: its exit code and what --json says of the one job."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main("run", ["--config", str(self.config), "--json", *words], PROJECT)
        self.out, self.err = out.getvalue(), err.getvalue()
        lines = self.out.splitlines()
        return code, json.loads(lines[-1])["jobs"][0] if lines else {}

    def counts(self):
        """What is remembered of the counts of the one table."""
        memory = Memory(self.home / "state.db", frozen=True)
        try:
            (seen,) = memory.files.values()
            (table,) = seen.tables.values()
            return table
        finally:
            memory.close()

    def trouble(self):
        memory = Memory(self.home / "state.db", frozen=True)
        try:
            return {Path(name).name: seen.trouble for name, seen in memory.files.items()}
        finally:
            memory.close()

    def stored(self, measurement="Met"):
        """Stamp -> value of what the store holds."""
        store = Embedded(self.home / "store.duckdb")
        try:
            frame = store.read("field", measurement)
        finally:
            store.close()
        assert frame.index.is_unique
        return dict(zip(frame.index.tz_localize(None).to_pydatetime(), frame["Temp"], strict=True))

    def log(self):
        return (self.home / "logs" / "fieldline.log").read_text(encoding="utf-8")

    def quarantined(self):
        """The lines that were set aside."""
        files = sorted((self.home / "quarantine").glob("*.jsonl"))
        return [json.loads(line) for path in files for line in path.read_text(encoding="utf-8").splitlines()]


def wanted(*numbers):
    """What the store must hold of these rows."""
    return {stamp(number): temp(number) for number in numbers}


def manager(path, sink, memory=None, store=None, folder=None):
    """A file joined to a sink, without configuration."""
    return FileManager(path, sink, Planner(), Quarantine(folder), memory or Memory(None), store)


def until_one_is_left(processes):
    """Wait until all processes but one have ended, four minutes at most."""
    until = time.monotonic() + 240
    while sum(process.poll() is None for process in processes) > 1 and time.monotonic() < until:
        time.sleep(0.05)
