"""What arrives of the rows that are handed over, in the original's way (original.py) and in fieldline's.

`python -m benchmarks.losses [--write]` in the project folder prints the table of docs/delivery.md, and with --write
puts it there. A real influxd keeps the rows; the stand-in of the tests in front of it speaks the API of InfluxDB 2, and
goes away when told to.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import original
from .common import FIRST_DAY, PROJECT

sys.path.insert(0, str(PROJECT / "tests"))

BEGIN, END = "<!-- losses: begin, generated -->", "<!-- losses: end -->"
PAGE = PROJECT / "docs" / "delivery.md"
AWAY = 3.0  # [s] that the server is away while a script runs
RUNS, AWAY_RUNS = 10, (3, 4, 5)  # runs of which some find no server; the file is overwritten before each
FIELDLINE = "fieldline"
DRIVER = """
from fieldline import Column, DataTable

class Mast(DataTable):
    \"\"\"A table with a tag among its columns.\"\"\"

    station, table = "mast", "meteo"
    bucket, measurement, timezone = "{bucket}", "{measurement}", "+00:00"
    tags = ("Site",)
    columns = {{"T": Column("T", "degC"), "RH": Column("RH", "%"), "Site": Column("Site", "1", kind="text")}}
"""
SCRIPT = "import sys, pathlib; from fieldline.cli import main; sys.exit(main(None, sys.argv[1:], {project}))"
ENDINGS = {
    "unclosed": "batching, the script is at its end",
    "exiting": "batching, `sys.exit(0)`",
    "flushed": "batching, `write_api.flush()`, end",
    "half_closed": "batching, `client.close()`, end",
    "closed": "batching, `write_api` closed (`with`)",
    "synchronous": "synchronous",
}


@dataclass(frozen=True)
class Arrived:
    """values: how many good values were handed over, and how many of them the server has in the end."""

    what: str
    way: str
    handed: int
    arrived: int

    @property
    def lost(self) -> int:
        """How many are missing."""
        return self.handed - self.arrived


Row = tuple[str, float | str, float | str, str]  # stamp, T, RH, Site


def rows(first: int, count: int) -> list[Row]:
    """Good rows of one second each, all values different."""
    stamps = (divmod(number, 3600) for number in range(first, first + count))
    return [
        (f"{FIRST_DAY} {hour:02}:{rest // 60:02}:{rest % 60:02}", first + n + 0.25, first + n + 0.5, "US UMB")
        for n, (hour, rest) in enumerate(stamps)
    ]


def good(table: Sequence[Row]) -> int:
    """How many values of some rows can be stored: numbers that are finite, under a stamp that is a time."""
    return sum(isinstance(value, float) for stamp, *values, _ in table if "-13-" not in stamp for value in values)


class Place:
    """A server, and a folder for a site that writes to it; every experiment gets a bucket of its own."""

    def __init__(self, folder: Path, server: Any) -> None:
        self.folder, self.server, self.number = folder, server, 0

    def arrive(self, what: str, way: str, act: Callable[[Script], list[Row]]) -> Arrived:
        """One experiment: what it hands over, and what of that arrived."""
        self.number += 1
        script = Script(self.folder / str(self.number), f"try{self.number}", self.server.url, way)
        self.server.create(script.bucket)
        table = act(script)
        self.server.up()
        script.settle()
        found = self.server.influxd.points(script.bucket, original.MEASUREMENT)
        return Arrived(what, way, good(table), sum(found.get(name, 0) for name in ("T", "RH")))

    @contextmanager
    def away(self, seconds: float | None = None) -> Iterator[None]:
        """No server while this lasts, or for so long."""
        self.server.down()
        back = threading.Timer(seconds or 0, self.server.up)
        if seconds is not None:
            back.start()
        try:
            yield
        finally:
            back.join() if seconds is not None else self.server.up()


class Script:
    """A file that a logger program overwrites, and what loads it, in a process of its own."""

    def __init__(self, folder: Path, bucket: str, url: str, way: str) -> None:
        self.folder, self.bucket, self.url, self.way = folder, bucket, url, way
        self.file = folder / "mast.dat"
        (folder / "drivers").mkdir(parents=True)
        (folder / "config").mkdir()
        names = {"bucket": bucket, "measurement": original.MEASUREMENT}
        (folder / "drivers" / "mast.py").write_text(DRIVER.format(**names), encoding="utf-8")
        values = {
            "home": (folder / "home").as_posix(),
            "store": "influxdb",
            "influxdb": {"url": url, "org": original.ORG},
            "jobs": [{"name": "mast", "driver": "mast", "files": [self.file.as_posix()]}],
        }
        (folder / "config" / "site.yaml").write_text(json.dumps(values), encoding="utf-8")  # JSON is YAML

    def load(self, table: Sequence[Row], first: int = 0) -> None:
        """Overwrite the file with some rows, and run what loads it; its exit status says nothing here."""
        head = '"TOA5","mast","CR1000X","1","OS","CPU:mast.CR1X","1","meteo"\n"TIMESTAMP","RECORD","T","RH","Site"\n'
        lines = [f'"{row[0]}",{first + n},{row[1]},{row[2]},"{row[3]}"\n' for n, row in enumerate(table)]
        text = head + '"TS","RN","degC","%",""\n"","","Smp","Smp","Smp"\n' + "".join(lines)
        self.file.write_text(text, encoding="utf-8", newline="\r\n")
        before = time.time() - 60 + first / 100  # a file that was written just now is looked at for a moment longer
        os.utime(self.file, (before, before))
        if self.way == FIELDLINE:
            self._fieldline("run")
        else:
            self._python(PROJECT / "benchmarks" / "original.py", self.way, self.file, self.url, self.bucket)

    def settle(self) -> None:
        """What fieldline's next runs do by themselves: send what waits."""
        if self.way == FIELDLINE:
            self._fieldline("outbox", "send")

    def _fieldline(self, *arguments: str) -> None:
        self._python("-c", SCRIPT.format(project=f"pathlib.Path({str(self.folder)!r})"), *arguments)

    def _python(self, *arguments: str | Path) -> None:
        env = {**os.environ, "INFLUXDB_TOKEN": original.TOKEN, "PYTHONPATH": str(PROJECT / "src")}
        command = [sys.executable, *map(str, arguments)]
        subprocess.run(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=300, check=False)


def endings(place: Place, count: int) -> Iterator[Arrived]:
    """A script that loads one file and comes to its end."""
    for way, words in ENDINGS.items():
        yield place.arrive(words, way, lambda script: loaded(script, rows(0, count)))
    yield place.arrive("one run", FIELDLINE, lambda script: loaded(script, rows(0, count)))


def loaded(script: Script, table: list[Row], first: int = 0) -> list[Row]:
    """Hand over a file with these rows; return them."""
    script.load(table, first)
    return table


def short_outage(place: Place, count: int) -> Iterator[Arrived]:
    """The server comes back while, or just after, the script runs."""

    def act(script: Script) -> list[Row]:
        with place.away(AWAY):
            return loaded(script, rows(0, count))

    for way in ("unclosed", "closed", "synchronous"):
        yield place.arrive(f"{ENDINGS[way]}; no server for {AWAY:.0f} s", way, act)
    yield place.arrive(f"one run and the next; no server for {AWAY:.0f} s", FIELDLINE, act)


def runs_without_server(place: Place, count: int) -> Iterator[Arrived]:
    """A run every five minutes over a file that is overwritten; three of ten find no server."""

    def act(script: Script) -> list[Row]:
        every: list[Row] = []
        for number in range(RUNS):
            portion = rows(number * count, count)
            if number in AWAY_RUNS:
                with place.away():
                    script.load(portion, number * count)
            else:
                script.load(portion, number * count)
            every += portion
        return every

    words = f"{RUNS} runs, the file overwritten each time, no server in {len(AWAY_RUNS)} of them"
    yield place.arrive(f"{ENDINGS['synchronous']}; {words}", "synchronous", act)
    yield place.arrive(words, FIELDLINE, act)


def bad_cells(place: Place, count: int) -> Iterator[Arrived]:
    """One cell of a file is not as the others."""
    table, last = rows(0, count), count - 1
    stamp, warm, damp, site = table[last]
    broken: dict[str, tuple[str, Row]] = {
        "one value is INF": ("synchronous", (stamp, "INF", damp, site)),
        "one stamp is no time (NaT)": ("synchronous", (stamp.replace("-01-", "-13-", 1), warm, damp, site)),
        "one tag is missing, the others hold a space": ("synchronous", (stamp, warm, damp, "")),
        'a column `T`, and `data_frame_timestamp_column="TIMESTAMP"`': ("stamp_named", table[last]),
    }
    for words, (way, row) in broken.items():
        for each in (way, FIELDLINE):
            yield place.arrive(words, each, lambda script, row=row: loaded(script, [*table[:last], row]))


def whole_numbers(place: Place, count: int) -> Iterator[Arrived]:
    """A column is whole numbers by chance in the first file, and has decimals in the next."""

    def act(script: Script) -> list[Row]:
        first = [(stamp, float(n), damp, site) for n, (stamp, _, damp, site) in enumerate(rows(0, count))]
        return loaded(script, first) + loaded(script, rows(count, count), count)

    for way in ("inferred", FIELDLINE):
        yield place.arrive("a column of whole numbers, which has decimals in the next file", way, act)


PARTS = (endings, short_outage, runs_without_server, bad_cells, whole_numbers)


@contextmanager
def opened(folder: Path) -> Iterator[Place]:
    """The server of an experiment. Raises: RuntimeError, when influxd is not installed."""
    if shutil.which("influxd") is None:
        raise RuntimeError("influxd is not installed; on Debian: apt-get install influxdb")
    from servers import ALL, Facade, Influxd

    with Influxd(folder / "influxd") as influxd, Facade(influxd, "oss2", {original.TOKEN: ALL}) as facade:
        yield Place(folder / "sites", facade)


def table_of(found: Sequence[Arrived]) -> str:
    """The experiments in Markdown."""
    lines = ["| what | way | values handed over | arrived | lost |", "|---|---|---|---|---|"]
    for one in found:
        way = f"**{FIELDLINE}**" if one.way == FIELDLINE else "influxdb-client"
        lost = f"**{one.lost:,}**" if one.lost else "0"
        lines.append(f"| {one.what} | {way} | {one.handed:,} | {one.arrived:,} | {lost} |")
    return "\n".join(lines)


def main() -> None:
    """Try everything, print the table, and write it if asked to."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.losses", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="rewrite the table in docs/delivery.md")
    parser.add_argument("--rows", type=int, default=2_500, help="rows of a file (default: 2,500)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, opened(Path(name)) as place:
        found = [one for part in PARTS for one in part(place, options.rows)]
    print(table_of(found))
    if options.write:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        text = f"{before}{BEGIN}\n{table_of(found)}\n{END}{rest.partition(END)[2]}"
        PAGE.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
