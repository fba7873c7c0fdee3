"""The server for long: readers of every kind beside a driver that writes, and many requests in the same memory.

FIELDLINE_SERVE_SECONDS (60) and FIELDLINE_SERVE_REQUESTS (10000) say how long; the defaults keep the suite fast.
"""

import collections
import json
import os
import random
import re
import subprocess
import sys
import threading
import time
import urllib.parse
from pathlib import Path

import pandas as pd
import pytest

from fieldline.serve.keys import Keys
from growing import Site, header, row
from loopback import DIRECT, ServerError, fetch
from serving import PROJECT, served_by_command

SECONDS = float(os.environ.get("FIELDLINE_SERVE_SECONDS", "6"))
REQUESTS = int(os.environ.get("FIELDLINE_SERVE_REQUESTS", "800"))
STEP = pd.Timedelta("0.2s")
GROWTH = 30 * 2**20  # bytes of memory that any number of requests may take more than the first ones


def now():
    return pd.Timestamp.now("UTC").floor("s").tz_localize(None)


class Logger:
    """A logger file that grows, and the driver that reads it, run after run, each in a process of its own."""

    def __init__(self, folder):
        self.site = Site(folder, defaults={"utc_offset": "+00:00"})
        self.rows, self.next = 0, now() - pd.Timedelta("10min")
        self.site.put(header())
        self.run()

    def run(self):
        """Let the logger write the rows until now, and the driver read them."""
        first, end, lines = self.rows, now(), []
        while self.next < end:
            lines.append(row(self.rows, time=self.next, value=float(self.rows)))
            self.rows, self.next = self.rows + 1, self.next + STEP
        self.site.append(b"".join(lines))
        path = os.pathsep.join([str(PROJECT / "src"), os.environ.get("PYTHONPATH", "")])
        words = [sys.executable, "driver.py", "--config", str(self.site.config), "--json"]
        env = os.environ | {"PYTHONPATH": path, "PYTHONUTF8": "1"}
        done = subprocess.run(words, cwd=PROJECT, env=env, capture_output=True, text=True, encoding="utf-8")
        assert done.returncode == 0, done.stdout + done.stderr
        assert json.loads(done.stdout.splitlines()[-1])["jobs"][0]["written"] == self.rows - first


class Readers:
    """What a dashboard, a page, a script and Prometheus ask; what each saw last never shrinks."""

    def __init__(self, url):
        self.url, self.most, self.news_come = url, {}, True

    def get(self, path, **words):
        asked = urllib.parse.urlencode(words, doseq=True)
        return fetch(f"{self.url}{path}" + (f"?{asked}" if asked else ""))

    def grew(self, name, number):
        before = self.most.get(name, number)
        assert number >= before, f"{name} saw {number} after {before}"
        self.most[name] = number

    def query(self, dice):
        (one,) = self.results("SELECT count(Temp), last(Temp) FROM Met")
        self.grew("query", one["series"][0]["values"][0][1])
        since = dice.choice(("10m", "1h", "6h"))
        question = f"SELECT mean(Temp) FROM Met WHERE time > now() - {since} GROUP BY time(1m) fill(none)"  # noqa: S608
        assert "error" not in self.results(question + "; SHOW FIELD KEYS")[0]

    def results(self, question):
        found = json.loads(self.get("/query", db="field", epoch="ms", q=question))["results"]
        assert not [result for result in found if "error" in result], found
        return found

    def series(self, dice):
        end = time.time_ns() // 10**6
        start = end - dice.choice((600, 3_600, 30_000)) * 1_000
        words = {"bucket": "field", "measurement": "Met", "station": "tower", "field": "Temp"}
        found = json.loads(self.get("/api/series", **words, start=start, end=end, points=dice.choice((100, 2_000))))
        self.grew("series", found["newest"])

    def page(self, dice):
        assert json.loads(self.get("/api/layout"))["tables"]
        tables = json.loads(self.get("/api/status"))["tables"]
        self.grew("page", max(table["newest"] for table in tables if table["measurement"] == "Met"))

    def latest(self, dice):
        (one,) = json.loads(self.get("/api/latest", bucket="field", measurement="Met"))
        self.grew("latest", one["fields"]["Temp"])

    def metrics(self, dice):
        text = self.get("/metrics").decode()
        (value,) = re.findall(r'^fieldline_latest_value{[^}]*field="Temp"[^}]*} (\S+) \d+$', text, re.MULTILINE)
        self.grew("metrics", float(value))

    def export(self, dice):
        form = dice.choice(("csv", "parquet"))
        body = self.get("/api/export", bucket="field", measurement="Met", format=form)
        if form == "csv":
            self.grew("export", body.count(b"\r\n") - 1)
        else:
            assert body[:4] == body[-4:] == b"PAR1"

    def device(self, dice):
        found = json.loads(self.get("/api/devices/tower/history", duration="6h", every="1m"))
        self.grew("device", pd.Timestamp(found["series"][0]["rows"][-1]["time"]))

    def live(self, dice):
        with DIRECT.open(f"{self.url}/api/events?measurement=Met", timeout=90) as stream:
            for _ in range(dice.choice((1, 1, 2))):  # the rows that are there; sometimes also news
                while not (line := stream.readline()).startswith(b"data: "):
                    assert line, "the stream has ended"
                    assert self.news_come, "the driver has ended"
                rows = json.loads(line[6:])["rows"]
                self.grew("live", max((one["fields"]["Temp"] for one in rows), default=self.most.get("live", 0)))


KINDS = ("query", "series", "page", "latest", "metrics", "export", "device", "live")


def test_eight_readers_and_a_driver_work_at_once_without_one_error(tmp_path):
    logger = Logger(tmp_path / "site")
    with served_by_command(logger.site.home, config=logger.site.config) as (url, process):
        readers, faults, counts = Readers(url), [], collections.Counter()
        until = time.monotonic() + SECONDS

        def repeat(name, over, work, *more):
            try:
                while not (faults or (counts[name] and over())):
                    work(*more)
                    counts[name] += 1
            except Exception as error:
                faults.append((name, error))

        def late():
            return time.monotonic() > until

        jobs = [(name, late, getattr(readers, name), random.Random(name)) for name in KINDS]
        threads = [threading.Thread(target=repeat, args=job) for job in jobs]

        def all_read():
            return not any(thread.is_alive() for thread in threads)

        driver = threading.Thread(target=repeat, args=("driver", all_read, logger.run))  # who waits for news gets some
        for thread in (*threads, driver):
            thread.start()
        driver.join()
        readers.news_come = False
        for thread in threads:
            thread.join()
        print(dict(counts))
        assert not faults
        assert set(counts) == {*KINDS, "driver"}
        assert process.poll() is None
        (one,) = readers.results("SELECT count(Temp), max(Temp) FROM Met")
        assert one["series"][0]["values"][0][1:] == [logger.rows, logger.rows - 1]
    log = (logger.site.home / "logs" / "serve.log").read_text(encoding="utf-8").splitlines()
    assert [line for line in log if " INFO " not in line] == []


def memory(process):
    """Memory of a process [bytes]."""
    pages = Path(f"/proc/{process.pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


class Asker:
    """Many requests of a few kinds, with a key that may do all."""

    def __init__(self, url, key):
        self.url, self.headers = url, {"Authorization": f"Token {key}"}

    def ask(self, path, data=None, **words):
        return fetch(f"{self.url}{path}?{urllib.parse.urlencode(words)}", data, self.headers)

    def query(self, q):
        return self.ask("/query", db="field", q=q)

    def write(self, first, count):
        lines = (f'm,t={n % 3} x={n},s="{"a" * 50}" {n}' for n in range(first, first + count))
        self.ask("/write", "\n".join(lines).encode(), db="field")

    def some(self, first, count):
        """So many queries, and among them other requests and bad ones."""
        for n in range(first, first + count):
            self.query("SELECT x, s FROM m" if n % 50 == 0 else f"SELECT mean(x) FROM m WHERE time > {n}")  # noqa: S608
            if n % 10 == 0:
                with pytest.raises(ServerError):
                    self.query(f"SELEC {n}")
            if n % 20 == 0:
                self.write(n, 1)
            if n % 25 == 0:
                self.ask("/api/latest"), self.ask("/metrics")


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_memory_does_not_grow_with_requests(tmp_path):
    key = Keys(tmp_path / "keys.json").add("all", ["*"], ["*"])[0]
    with served_by_command(tmp_path) as (url, process):
        asker = Asker(url, key)
        asker.ask("/query", urllib.parse.urlencode({"q": "CREATE DATABASE field"}).encode())
        asker.write(0, 2_000)
        asker.some(0, 300)
        before = memory(process)
        for part in range(4):
            asker.some(300 + part * REQUESTS // 4, REQUESTS // 4)
            print(f"{(memory(process) - before) / 2**20:.1f} MiB more")
        assert memory(process) - before < GROWTH
