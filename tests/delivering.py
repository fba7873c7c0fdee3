"""A site that writes to InfluxDB through its outbox, for the proofs that nothing is lost on the way.

Rows are those of growing.py: every row has its number, every value its row. What a server has is compared with them.
"""

import contextlib
import io
import json
import logging
import os
import subprocess
import sys
from datetime import UTC, datetime

from fieldline.cli import main, stores
from fieldline.errors import Denied, Rejected, TooLarge, Unreachable
from fieldline.lineprotocol import split, time_of
from fieldline.outbox import SCHEMA, Queue
from fieldline.parcels import pack, unpack
from fieldline.sources.memory import Memory
from growing import PROJECT, Site, header, row, rows, stamp, temp

__all__ = ["PROJECT", "Clock", "Mast", "Server", "header", "ns", "parcel", "row", "rows", "stored", "temp", "wanted"]

BUCKET = "field"


def ns(number):
    """The stamp of a row as InfluxDB has it. [ns UTC]"""
    return int(stamp(number).replace(tzinfo=UTC).timestamp()) * 10**9


def wanted(numbers):
    """What the server must hold of these rows."""
    return {ns(number): temp(number) for number in numbers}


class Clock:
    """Seconds since 1970 that pass only when they are told to."""

    def __init__(self, monkeypatch, now=None):
        self.now = datetime(2026, 6, 26, tzinfo=UTC).timestamp() if now is None else now
        monkeypatch.setattr(stores, "clock", lambda: self.now)

    def wait(self, seconds):
        self.now += seconds


class Mast(Site):
    """A project of its own: logger files, a configuration, secret.py, a home."""

    def __init__(self, folder, url, token="a-token-that-nobody-may-see", org="field-lab", influxdb=None, **settings):
        own = {"url": url, "org": org, **(influxdb or {})}
        own = {name: value for name, value in own.items() if value is not None}
        self.server = own
        super().__init__(folder, store="influxdb", influxdb=own, **{"outbox": {"seconds": 4}, **settings})
        self.token(token)

    def token(self, text):
        """Put a token into secret.py."""
        (self.folder / "secret.py").write_text(f"class Secret:\n    token = {text!r}\n", encoding="utf-8")

    def jobs(self, **patterns):
        """Read other files: name of a job -> pattern, or a dictionary of the job's settings."""
        values = json.loads(self.config.read_text(encoding="utf-8"))
        files = {
            name: one if isinstance(one, dict) else {"files": [(self.folder / one).as_posix()]}
            for name, one in patterns.items()
        }
        values["jobs"] = [{"name": name, **one} for name, one in files.items()]
        self.config.write_text(json.dumps(values), encoding="utf-8")

    def change(self, section, **values):
        """Change a section of the configuration."""
        all_ = json.loads(self.config.read_text(encoding="utf-8"))
        all_[section] = {**all_.get(section, {}), **values}
        self.config.write_text(json.dumps(all_), encoding="utf-8")

    def call(self, verb, *words):
        """A verb: its exit code; what it prints is in `out` and `err`."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(None, [verb, *words, "--config", str(self.config)], self.folder)
        self.out, self.err = out.getvalue(), err.getvalue()
        return code

    def run(self, *words):
        """One run: its exit code, and what --json says of each job."""
        code = self.call("run", "--json", *words)
        lines = self.out.splitlines()
        return code, {one["job"]: one for one in json.loads(lines[-1])["jobs"]} if lines else {}

    def start(self, *words, verb="run", python=(), before=None, **environ):
        """The same in a process of its own; `before` is called in it first."""
        command = [sys.executable, *python, "-m", "fieldline", verb, "--config", str(self.config), *words]
        env = {**os.environ, **environ, "PYTHONPATH": str(PROJECT / "src"), "INFLUXDB_TOKEN": self.own_token()}
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=env,
            preexec_fn=before,
        )

    def own_token(self):
        text = (self.folder / "secret.py").read_text(encoding="utf-8")
        return text.partition("token = ")[2].strip().strip("'\"")

    @contextlib.contextmanager
    def queue(self):
        """The outbox, to be looked at."""
        memory = Memory(self.home / "state.db", frozen=True, more=SCHEMA)
        try:
            yield Queue(memory.ledger)
        finally:
            memory.close()

    def waiting(self):
        with self.queue() as queue:
            return queue.depth().rows

    def refused(self):
        """The lines that were set aside, with their reasons: [(line, reason)]."""
        with self.queue() as queue:
            dead = [queue.get(number) for number in queue.numbers(dead=True)]
        return [(line.decode(), one.reason) for one in dead for line in split(unpack(one.parcel))]


def stored(influxd, measurement="Met", field="Temp", bucket=BUCKET):
    """What the server holds: time [ns] -> value; without a bucket nothing."""
    names = [name for (name,) in influxd.query("SHOW DATABASES")[0].get("values", ())]
    if bucket not in names:
        return {}
    found = influxd.read(bucket, measurement)
    times = [row["time"] for row in found if field in row]
    assert len(times) == len(set(times)), "a row stands twice"
    return {row["time"]: row[field] for row in found if field in row}


def parcel(lines, bucket=BUCKET, precision="ns"):
    """Lines as a parcel."""
    return pack(bucket, precision, b"".join(lines), len(lines))


class Server:
    """A carrier that keeps points in memory: what the outbox needs of a server, and nothing of HTTP.

    what: called with the lines of each request; it may raise, or return the lines that are taken.
    """

    def __init__(self, what=None, keep_days=None, now=None):
        self.points, self.requests, self.made, self.days, self.now = {}, [], {}, keep_days, now
        self.what = what or (lambda lines: lines)

    def create(self, bucket, keep_days):
        self.made[bucket] = keep_days

    def keeps(self, bucket):
        return self.days

    def clock(self):
        return self.now

    def deliver(self, parcel):
        lines = split(unpack(parcel))
        self.requests.append(lines)
        try:
            self._take(parcel, self.what(lines))
        except Rejected as error:
            self._take(parcel, getattr(error, "taken", []))
            raise

    def _take(self, parcel, lines):
        for line in lines:
            key, fields, _ = line.decode().rsplit(" ", 2)
            self.points[parcel.bucket, key, time_of(line, parcel.precision)] = fields

    def close(self):
        self.closed = True


def quiet():
    """Forget what loggers of other tests left."""
    logging.getLogger("fieldline").handlers.clear()


ERRORS = (Unreachable, Denied, Rejected, TooLarge)
