"""What it costs to bring rows to an InfluxDB: from the file to its answer, through the outbox, and when nothing is new.

The server is a real influxd, on the same cores as what is measured.
"""

from __future__ import annotations

import http.client
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fieldline.ledger import Ledger
from fieldline.outbox import SCHEMA, Outbox, Queue, Waiting
from fieldline.parcels import pack
from fieldline.ports import Field, Parcel
from fieldline.sinks.influx import V1_PRECISION, Influx

from . import original
from .common import COLUMNS, PROJECT, Figure, Sizes, append, child, interleaved, ratio, seconds, write_rows
from .runs import HEAVY, NEW_ROWS, Site

sys.path.insert(0, str(PROJECT / "tests"))

BUCKET = "field"
AWAY = "http://127.0.0.1:9"  # where nobody listens
SMALL, FIVE_MINUTES, LARGE = 12, 300, 100_000  # rows of a batch: a minute or a run of a fast table, a piece of a file
DEPTHS = 4  # how many queues, each ten times as deep as the one before

# What a process and its children took, by the system's account: user and system time. [s]
ACCOUNT = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
taken = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"{taken.ru_utime + taken.ru_stime:.3f}", file=sys.stderr)
sys.exit(status)
"""


class Remote(Site):
    """A site whose rows go to an InfluxDB."""

    def __init__(self, folder: Path, url: str) -> None:
        super().__init__(folder)
        values = json.loads(self.config.read_text(encoding="utf-8"))
        more = {"store": "influxdb", "influxdb": {"url": url}}
        self.config.write_text(json.dumps(values | more), encoding="utf-8")
        self.state = folder / "home" / "state.db"


@contextmanager
def server(folder: Path) -> Iterator[Any]:
    """A real influxd behind a stand-in for InfluxDB 2, which is what the original's client can talk to."""
    from servers import ALL, Facade, Influxd

    with Influxd(folder / "influxd") as influxd, Facade(influxd, "oss2", {original.TOKEN: ALL}) as facade:
        yield facade


def _installed(what: str) -> list[Figure]:
    """What stands in the table where influxd is missing; empty: it is there."""
    if shutil.which("influxd") is None:
        return [Figure(what, "not measured", "", "`apt-get install influxdb`")]
    return []


def end_to_end(folder: Path, sizes: Sizes) -> list[Figure]:
    """A whole file, until the server has all of it: beside the original's way, and beside the server alone."""
    if missing := _installed("a file to InfluxDB"):
        return missing
    with server(folder) as facade:
        site = Remote(folder / "site", facade.influxd.url)
        path = site.files / "fast.dat"
        rows = write_rows(path, sizes.rows)
        bodies = _ready_made(folder / "away", path, rows)
        works = {
            "fieldline": lambda: _load(site, facade, path, rows),
            "alone": lambda: _post(facade, bodies, rows),
        }
        taken = interleaved(works, max(1, sizes.repeats // 2))
        own = [_load(site, facade, path, rows, "cpu") for _ in range(max(1, sizes.repeats // 4))]
        theirs = {way: _by_the_client(facade, path, way) for way in ("compressed", "synchronous")}
    size = f"{rows:,} x {COLUMNS}"
    (packed, there), (plain, plain_there) = theirs["compressed"], theirs["synchronous"]
    least = {name: min(values) for name, values in taken.items()}
    cpu = min(own)
    return [
        Figure(
            f"{size} from a file to InfluxDB: processor time of the original's way with gzip / fieldline's",
            f"{packed / cpu:.1f}",
            "at least 5",
            f"{packed:.1f} s ({there:,} rows arrived), {cpu:.1f} s",
        ),
        Figure(
            "the same, sent as it is (as the original does) / fieldline's",
            f"{plain / cpu:.1f}",
            "",
            f"{plain:.1f} s ({plain_there:,} rows arrived); 2.6 times the bytes on the line",
        ),
        Figure(
            "the same: time until all is acknowledged / that of the server for the same bytes ready-made",
            f"{least['fieldline'] / least['alone']:.2f}",
            "at most 1.15",
            f"{least['fieldline']:.2f} s, {least['alone']:.2f} s (least of the rounds)",
        ),
    ]


def _fresh(facade: Any, bucket: str = BUCKET) -> None:
    facade.influxd.query(f'DROP DATABASE "{bucket}"')
    facade.create(bucket)


def _acknowledged(facade: Any, measurement: str, rows: int, bucket: str = BUCKET) -> None:
    found = facade.influxd.points(bucket, measurement).get("RECORD", 0)
    if found != rows:
        raise RuntimeError(f"found {found} rows in the server, expected {rows}")


def _load(site: Remote, facade: Any, path: Path, rows: int, what: str = "wall") -> float:
    """One run over a file as if it were the first one. [s]"""
    site.forget()
    _fresh(facade)
    command = (PROJECT / "driver.py", "--config", site.config, "--json")
    done = child(*command) if what == "wall" else child("-c", ACCOUNT, sys.executable, *command)
    _acknowledged(facade, "fast", rows)
    return done.seconds if what == "wall" else float(done.err.splitlines()[-1])


def _by_the_client(facade: Any, path: Path, way: str) -> tuple[float, int]:
    """The original's way, in a process of its own: what that process took [s], and how many rows arrived.

    A whole file is one request, which a busy influxd gives up after 10 s; the work of the process was the same.
    """
    _fresh(facade)
    script = PROJECT / "benchmarks" / "original.py"
    command = ["-c", ACCOUNT, sys.executable, str(script), way, str(path), facade.url, BUCKET]
    done = subprocess.run([sys.executable, *command], capture_output=True, encoding="utf-8", check=False)
    arrived = facade.influxd.points(BUCKET, original.MEASUREMENT).get("RECORD", 0)
    if done.returncode and "timeout" not in done.stderr:
        raise RuntimeError(f"{way}: exit status {done.returncode}\n{done.stderr}")
    return float(done.stderr.split()[-1]), arrived


def _ready_made(folder: Path, path: Path, rows: int) -> list[Parcel]:
    """What a run sends for a file, from the outbox of one that found no server."""
    site = Remote(folder, AWAY)
    shutil.copy2(path, site.files / path.name)
    _run_away(site)
    queue = _queue(site.state)
    parcels = [one.parcel for one in queue.of(BUCKET, "fast")]
    queue.ledger.close()
    if sum(one.rows for one in parcels) != rows:
        raise RuntimeError(f"found {sum(one.rows for one in parcels)} rows in the outbox, expected {rows}")
    return parcels


def _run_away(site: Remote) -> float:
    """A run that delivers nothing, and fails for that alone. [s]"""
    command = [sys.executable, str(PROJECT / "driver.py"), "--config", str(site.config), "--json"]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    taken = time.perf_counter() - began
    failed = [job["job"] for job in json.loads(done.stdout.splitlines()[-1])["jobs"] if not job["ok"]]
    if failed != ["outbox"]:
        raise RuntimeError(f"found failed jobs {failed}, expected the outbox alone\n{done.stdout}{done.stderr}")
    return taken


def _queue(state: Path) -> Queue:
    return Queue(Ledger(state, SCHEMA))


def _post(facade: Any, parcels: list[Parcel], rows: int) -> float:
    """The same bytes over one connection, one request after the other. [s]"""
    _fresh(facade)
    wire = http.client.HTTPConnection("127.0.0.1", facade.influxd.port)

    def post() -> None:
        for one in parcels:
            path = f"/write?db={BUCKET}&precision={V1_PRECISION[one.precision]}"
            wire.request("POST", path, one.body, {"Content-Encoding": "gzip"})
            answer = wire.getresponse()
            answer.read()
            if answer.status != 204:
                raise RuntimeError(f"influxd answers {answer.status}")

    taken = seconds(post)
    wire.close()
    _acknowledged(facade, "fast", rows)
    return taken


class Taker:
    """A carrier that takes everything at once."""

    def create(self, bucket: str, keep_days: int | None) -> None:
        """Nothing is to be made."""

    def deliver(self, parcel: Parcel) -> None:
        """It is stored, says this one."""

    def clock(self) -> None:
        """It has none."""

    def keeps(self, bucket: str) -> None:
        """For ever."""

    def fields(self, bucket: str, measurement: str) -> dict[str, Field]:
        """It knows of none."""
        return {}

    def close(self) -> None:
        """Nothing is open."""


def frame(first: int, rows: int) -> pd.DataFrame:
    """Rows of one second each: a tag and 20 numbers with 3 decimals."""
    values = np.random.default_rng(first).normal(20, 5, (rows, COLUMNS)).round(3)
    start = pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(first, "s")
    index = pd.date_range(start, periods=rows, freq="s", unit="ns", name="time")
    numbers = pd.DataFrame(values, columns=[f"f{place:02}" for place in range(COLUMNS)], index=index)
    return numbers.assign(station="46m")


def commits(folder: Path, sizes: Sizes) -> list[Figure]:
    """Rows a second that are safe in the outbox when `write` returns, in small and in large batches."""
    few = [_committed(folder, size, 200) for size in (SMALL, 60, FIVE_MINUTES)]
    return [*few, _committed(folder, min(LARGE, sizes.rows), 3)]


def _committed(folder: Path, size: int, count: int) -> Figure:
    ledger = Ledger(folder / f"{size}.db", SCHEMA)
    box = Outbox(ledger, Taker, background=False)

    def write(batch: pd.DataFrame) -> float:
        return seconds(lambda: box.write(BUCKET, "fast", batch, ("station",)))

    write(frame(count * size, size))  # imports, and what a measurement needs once
    each = statistics.median(write(frame(number * size, size)) for number in range(count))
    empty = statistics.median(seconds(lambda: ledger.keep_notes(bench="")) for _ in range(20))
    ledger.close()
    return Figure(
        f"rows a second into the outbox, committed, {size:,} x {COLUMNS} at once",
        f"{size / each:,.0f}",
        "at least 20,000" if size >= FIVE_MINUTES else "",
        f"{each * 1e3:.1f} ms a batch; an empty commit {empty * 1e3:.1f} ms",
    )


def filled(path: Path, rows: int, size: int = SMALL) -> Ledger:
    """An outbox in which so many rows wait, in parcels of `size`, put there in few transactions."""
    ledger = Ledger(path, SCHEMA)
    queue = Queue(ledger)
    text = b"".join(
        b"fast,station=46m " + b",".join(b"f%02d=%d.25" % (n, row + n) for n in range(COLUMNS)) + b" %d\n"
        for row in range(size)
    )
    start = 1_704_067_200
    for first in range(0, rows, 10_000):
        parcels = []
        for number in range(first, min(first + 10_000, rows), size):
            lines = text % tuple(range(start + number, start + number + size))
            times = (start + number) * 10**9, (start + number + size - 1) * 10**9
            parcels.append(Waiting(pack(BUCKET, "s", lines, size), "fast", *times, time.time()))
        queue.add(parcels)
    return ledger


def _drained(ledger: Ledger, make: Callable[[], Any], rows: int) -> float:
    """Rows a second out of a queue."""
    box = Outbox(ledger, make, background=False)
    taken = seconds(box.finish)
    left = box.queue.depth().rows
    ledger.close()
    if left:
        raise RuntimeError(f"found {left} of {rows} rows left in the outbox, expected none")
    return rows / taken


def draining(folder: Path, sizes: Sizes) -> list[Figure]:
    """How fast queues of different depths go to a carrier that takes all at once; the deepest also to influxd."""
    deepest = 2 * sizes.rows
    depths = [max(SMALL, deepest // 10**power // SMALL * SMALL) for power in reversed(range(DEPTHS))]
    speeds = {}
    for rows in depths:
        speeds[rows] = _drained(filled(folder / f"{rows}.db", rows), Taker, rows)
    first, last = speeds[depths[1]], speeds[depths[-1]]
    figures = [
        Figure(
            f"draining parcels of {SMALL} rows: rows a second at a depth of {depths[-1]:,} / of {depths[1]:,}",
            f"{last / first:.2f}",
            "about 1",
            ", ".join(f"{rows:,} rows {speed:,.0f}/s" for rows, speed in speeds.items()),
        )
    ]
    if shutil.which("influxd"):
        rows = depths[-2]
        with server(folder) as facade:
            _fresh(facade)
            speed = _drained(filled(folder / "real.db", rows), lambda: Influx(facade.influxd.url, None), rows)
        figures.append(Figure(f"the same, {rows:,} rows to influxd", f"{speed:,.0f}/s", "", ""))
    return figures


def start_up(folder: Path, sizes: Sizes) -> list[Figure]:
    """A run with nothing new, with an empty outbox and with a deep one while it is too early for the next try."""
    depth = 2 * sizes.rows // SMALL * SMALL
    empty, deep = Remote(folder / "empty", AWAY), Remote(folder / "deep", AWAY)
    for site in (empty, deep):
        write_rows(site.files / "fast.dat", 100)
        _run_away(site)
    queue = _queue(empty.state)
    queue.done(queue.numbers(dead=False))
    for bucket, measurement, *_ in queue.unjudged():
        queue.judged(bucket, measurement)
    queue.ledger.keep_notes(delivery="{}")
    queue.ledger.close()
    filled(deep.state, depth).close()
    works = {
        "empty": lambda: empty.run(0).seconds,
        "import pandas": lambda: child("-c", "import pandas").seconds,
        "deep": lambda: _waiting_run(deep),
    }
    taken = interleaved(works, sizes.repeats)
    here = ", ".join(f"{name} {statistics.median(values):.2f} s" for name, values in taken.items())
    imported = set(_imports(empty.run(0, "-X", "importtime").err)) & set(HEAVY)
    return [
        Figure(
            'nothing new, store influxdb / `python -c "import pandas"`',
            f"{ratio(taken['empty'], taken['import pandas']):.2f}",
            "at most 1.0",
            here,
        ),
        Figure(f"of {', '.join(HEAVY)} it imports", ", ".join(sorted(imported)) or "none", "none", ""),
        Figure(
            f"nothing new while {depth:,} rows wait for the next try / while none waits",
            f"{ratio(taken['deep'], taken['empty']):.2f}",
            "about 1",
            "as above",
        ),
    ]


def _waiting_run(site: Remote) -> float:
    """A run that is too early to try again: it fails, since rows wait. [s]"""
    queue = _queue(site.state)
    trouble = json.loads(queue.ledger.note("delivery") or "{}")
    queue.ledger.keep_notes(delivery=json.dumps(trouble | {"not_before": time.time() + 600}))
    queue.ledger.close()
    return _run_away(site)


def _imports(err: str) -> list[str]:
    return [line.rpartition("|")[2].strip() for line in err.splitlines() if line.startswith("import time:")]


def few_rows(folder: Path, sizes: Sizes) -> list[Figure]:
    """What a minute of new rows costs, to influxd and to the embedded store."""
    if missing := _installed(f"{NEW_ROWS} new rows to InfluxDB"):
        return missing
    with server(folder) as facade:
        sites = {"influxd": Remote(folder / "remote", facade.influxd.url), "embedded": Site(folder / "embedded")}
        rows = dict.fromkeys(sites, 1_000)
        for name, site in sites.items():
            site.run(write_rows(site.files / "fast.dat", rows[name]))

        def go_on(name: str) -> float:
            append(sites[name].files / "fast.dat", rows[name], NEW_ROWS)
            rows[name] += NEW_ROWS
            return sites[name].run(NEW_ROWS).seconds

        works: dict[str, Callable[[], float]] = {name: lambda name=name: go_on(name) for name in sites}
        taken = interleaved(works, sizes.repeats)
    return [
        Figure(
            f"{NEW_ROWS} new rows to InfluxDB / to the embedded store",
            f"{ratio(taken['influxd'], taken['embedded']):.2f}",
            "",
            ", ".join(f"{name} {statistics.median(values):.2f} s" for name, values in taken.items()),
        )
    ]


PARTS = (end_to_end, commits, draining, start_up, few_rows)
