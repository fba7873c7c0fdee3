"""The server of fieldline for tests: the real application on a free port, in a thread or in a process of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.parse
from dataclasses import replace
from pathlib import Path

from fieldline.cli.serve import context_of
from fieldline.serve.app import build
from fieldline.serve.limits import Limits
from fieldline.serve.run import listen, server
from fieldline.settings import Settings
from loopback import fetch

PROJECT = Path(__file__).parents[1]


class Served:
    """A running server: `url`, its `context`, and requests with a key that may do all, unless told otherwise."""

    def __init__(self, url, context, key):
        self.url, self.context, self.key = url, context, key
        self.store = context.store

    def headers(self, key=None, **more):
        key = self.key if key is None else key
        return ({"Authorization": f"Token {key}"} if key else {}) | more

    def get(self, path, key=None, **words):
        """The body of an answer. Raises: loopback.ServerError."""
        asked = urllib.parse.urlencode(words, doseq=True)
        return fetch(f"{self.url}{path}" + (f"?{asked}" if asked else ""), headers=self.headers(key))

    def json(self, path, key=None, **words):
        return json.loads(self.get(path, key, **words))

    def query(self, q, db="field", key=None, epoch="ns", **words):
        """The results of InfluxQL."""
        return self.json("/query", key, q=q, db=db, epoch=epoch, **words)["results"]

    def write(self, text, db="field", key=None, precision="ns", path="/write", headers=None):
        """Write line protocol. Raises: loopback.ServerError."""
        data = text.encode() if isinstance(text, str) else text
        words = urllib.parse.urlencode({"bucket" if "v2" in path else "db": db, "precision": precision})
        fetch(f"{self.url}{path}?{words}", data, self.headers(key, **(headers or {})))


@contextlib.contextmanager
def serving(home, *, limits=None, loopback=True, keys=True, tables=None, bucket="field", now=None):
    """A server of `home` in a thread of this process.

    Args:
        limits: serve.limits.Limits; None: those that everybody has.
        loopback: whether it counts as one that only this machine reaches (it listens on 127.0.0.1 all the same).
        keys: whether a key is made that may read and write all; without any, reading is open.
        tables: the declared tables; None: those of the project's drivers.
        bucket: made before; None: none.
        now: a function for the time; None: the clock.
    """
    home = Path(home)
    context = context_of(Settings(home=home), PROJECT, loopback)
    changes = {"limits": limits or Limits(), "now": now or context.now}
    if tables is not None:
        changes["tables"] = tuple(tables)
    context = replace(context, **changes)
    key = context.keys.add("test", ["*"], ["*"])[0] if keys else ""
    if bucket:
        context.store.create(bucket, None)
    ear, ready = listen("127.0.0.1", 0), threading.Event()
    running = server(build(context), context.limits, ready.set)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [ear]}, daemon=True)
    thread.start()
    try:
        assert ready.wait(120), "the server does not start"
        yield Served(f"http://127.0.0.1:{ear.getsockname()[1]}", context, key)
    finally:
        running.should_exit = True
        thread.join(20)
        ear.close()
        context.store.close()


@contextlib.contextmanager
def served_by_command(home, *words, config=None):
    """`fieldline serve` as a process: (its address, the process)."""
    command = [sys.executable, "-m", "fieldline", "serve", "--home", str(home), "--port", "0", *map(str, words)]
    if config:
        command += ["--config", str(config)]
    flags = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP} if os.name == "nt" else {}
    path = os.pathsep.join([str(PROJECT / "src"), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        command,
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        **flags,
    )
    try:
        line = process.stdout.readline()
        assert line.startswith("http"), line + process.stdout.read()
        yield line.strip().rstrip("/"), process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()


def interrupt(process):
    """End it as Ctrl-C does."""
    process.send_signal(signal.CTRL_BREAK_EVENT if os.name == "nt" else signal.SIGINT)
