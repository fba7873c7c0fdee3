"""Real servers for the tests: influxd 1.6.7 and VictoriaMetrics, on free loopback ports, in folders of their own.

Each is a context manager; what it starts ends with it, and at the latest with this process. Facade puts the API of
every other InfluxDB product in front of influxd.
"""

import atexit
import base64
import json
import os
import shutil
import subprocess
import time
import urllib.parse
from pathlib import Path

import pytest

from facade import ALL, Facade, Rights
from loopback import ServerError, fetch, free_port

__all__ = ["ALL", "Facade", "Influxd", "Rights", "ServerError", "VictoriaMetrics", "binary", "fetch", "free_port"]

DEBIAN = {"influxd": "influxdb", "victoria-metrics": "victoria-metrics", "influx": "influxdb-client", "curl": "curl"}

CONF = """
reporting-enabled = false
bind-address = "127.0.0.1:{backup}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
[http]
  bind-address = "127.0.0.1:{port}"
  auth-enabled = {auth}
  log-enabled = false
  max-row-limit = 0
  max-body-size = 0
[monitor]
  store-enabled = false
[logging]
  level = "warn"
"""


def binary(name):
    """The path of the program `name`; without it the test is skipped, and fails on CI, which installs it."""
    path = shutil.which(name)
    if path is None:
        (pytest.fail if "CI" in os.environ else pytest.skip)(
            f"{name} is not installed; on Debian: apt-get install {DEBIAN[name]}"
        )
    return path


class Process:
    """A server process: started by `start`, ended by `stop` or `kill`, started again at the same place by `restart`."""

    alive = "/"  # a path that answers once the server is up

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process = None
        self.place()

    def place(self):
        """Choose ports; set `self.url`."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        for _ in range(4):  # another process may take a port between its choice and its use
            if self.start():
                return self
            self.place()
        raise OSError(f"{self.words()[0]} does not start:\n{self.log()}")

    def __exit__(self, *_):
        self.kill()

    def log(self):
        """What the server has said so far."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def start(self):
        """Start and wait until it answers; False if it ended instead."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(self.words(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        atexit.register(self.process.kill)
        for _ in range(3000):
            if self.process.poll() is not None:
                return False
            try:
                fetch(self.url + self.alive)
                return True
            except OSError:
                time.sleep(0.01)
        raise OSError(f"{self.words()[0]} does not answer at {self.url}:\n{self.log()}")

    def stop(self):
        """End it as an operator does: it may finish its work."""
        self.end(self.process.terminate)

    def kill(self):
        """End it as a power cut does."""
        self.end(self.process.kill)

    def end(self, how):
        how()
        self.process.wait()
        atexit.unregister(self.process.kill)

    def restart(self):
        """Start again with the same ports and data, as after an outage; a server that still runs is stopped first."""
        self.stop()
        if not self.start():
            raise OSError(f"{self.words()[0]} does not start again:\n{self.log()}")


class Influxd(Process):
    """InfluxDB 1.6.7; with `auth` its administrator is `user` with `password`, and nothing works without a login."""

    alive = "/ping"

    def __init__(self, folder, auth=False):
        self.auth = auth
        self.user, self.password = ("root", "over the hills") if auth else (None, None)
        super().__init__(folder)

    def place(self):
        super().place()
        self.backup = free_port()

    def words(self):
        conf = self.folder / "influxdb.conf"
        values = {"port": self.port, "backup": self.backup, "folder": self.folder.as_posix()}
        conf.write_text(CONF.format(auth=str(self.auth).lower(), **values), encoding="utf-8")
        return [binary("influxd"), "-config", str(conf)]

    def __enter__(self):
        super().__enter__()
        if self.auth:  # the first user may be made without a login
            self.query(f"CREATE USER {self.user} WITH PASSWORD '{self.password}' WITH ALL PRIVILEGES")
        return self

    def headers(self):
        if not self.auth:
            return {}
        login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return {"Authorization": f"Basic {login}"}

    def query(self, q, db=None, epoch="ns"):
        """The series that answer the InfluxQL `q`: dictionaries with name, columns, values and, if grouped, tags.

        Args:
            db: the database asked.
            epoch: the unit of times in the answer: ns, u, ms, s; None: as RFC 3339 text.

        Raises: ServerError with the server's words, also when they come inside an answer of 200.
        """
        words = {"q": q, "db": db, "epoch": epoch}
        body = urllib.parse.urlencode({name: word for name, word in words.items() if word is not None}).encode()
        results = json.loads(fetch(f"{self.url}/query", body, self.headers()))["results"]
        for error in (result["error"] for result in results if "error" in result):
            raise ServerError(0, error.encode())
        return [series for result in results for series in result.get("series", ())]

    def write(self, db, text, precision="ns"):
        """Write line protocol; `precision` is s, ms, us or ns.

        Raises: ServerError with the server's words; good lines of a bad batch are stored all the same.
        """
        data = text.encode() if isinstance(text, str) else text
        words = urllib.parse.urlencode({"db": db, "precision": {"us": "u", "ns": "n"}.get(precision, precision)})
        fetch(f"{self.url}/write?{words}", data, self.headers())

    def read(self, db, measurement, epoch="ns"):
        """Every row of a measurement in the order of time: dictionaries with time, fields and tags that are there."""
        rows = []
        for series in self.query(f'SELECT * FROM "{measurement}"', db, epoch):  # noqa: S608
            rows += [dict(zip(series["columns"], values, strict=True)) for values in series["values"]]
        return [{name: value for name, value in row.items() if value is not None} for row in rows]

    def points(self, db, measurement):
        """The number of values in each field of a measurement: {field: number}."""
        answer = self.query(f'SELECT count(*) FROM "{measurement}"', db)  # noqa: S608
        if not answer:
            return {}
        pairs = zip(answer[0]["columns"][1:], answer[0]["values"][0][1:], strict=True)
        return {name.removeprefix("count_"): number for name, number in pairs}


class VictoriaMetrics(Process):
    """VictoriaMetrics: takes line protocol, keeps a point that comes twice twice, and never refuses a bad line."""

    alive = "/health"

    def words(self):
        return [
            binary("victoria-metrics"),
            f"-httpListenAddr=127.0.0.1:{self.port}",
            f"-storageDataPath={self.folder / 'data'}",
            "-retentionPeriod=100y",
            "-search.latencyOffset=0s",
        ]

    def export(self, match):
        """The series that `match` (a selector such as {__name__=~"m_.*"}) names: metric, values, timestamps [ms]."""
        fetch(f"{self.url}/internal/force_flush")
        words = urllib.parse.urlencode({"match[]": match})
        return [json.loads(line) for line in fetch(f"{self.url}/api/v1/export?{words}").splitlines()]
