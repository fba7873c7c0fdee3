"""Ports and requests on 127.0.0.1, for the servers of the tests."""

import contextlib
import json
import os
import random
import socket
import urllib.error
import urllib.request

# below those that clients get, so that a stopped server finds its own free; a worker of pytest-xdist has its own part
PORTS = range(20000, 32000)[int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 8 :: 8]
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy of this machine is none of our business
_dice = random.Random()  # not the global one: a test that seeds it would get the same ports as another one
_given = set()  # a server that is stopped now may want its port again
_dead = []


class ServerError(Exception):
    """What a server answered instead of success: `.status` (0: inside an answer of 200), `.message` and `.body`."""

    def __init__(self, status, body):
        self.status, self.body = status, body
        self.message = body.decode("utf-8", "replace").strip()
        with contextlib.suppress(ValueError, AttributeError):
            words = json.loads(body)
            self.message = words.get("error") or words.get("message") or self.message
        super().__init__(f"{status}: {self.message}")


def free_port():
    """A port of 127.0.0.1 that nothing listens on now, outside those that a client's end of a connection can get."""
    for _ in range(1000):
        port = _dice.choice(PORTS)
        with socket.socket() as probe:
            if port not in _given and probe.connect_ex(("127.0.0.1", port)):
                _given.add(port)
                return port
    raise OSError(f"no free port from {PORTS.start} to {PORTS.stop}")


def dead_port():
    """A port of 127.0.0.1 on which nothing answers, and that nobody else gets as long as this process lives."""
    _dead.append(socket.socket())  # bound, but it does not listen
    _dead[-1].bind(("127.0.0.1", 0))
    return _dead[-1].getsockname()[1]


def fetch(url, data=None, headers=None, method=None):
    """The body of the answer.

    Raises: ServerError for a status of 400 or more; OSError where no answer comes.
    """
    request = urllib.request.Request(url, data, headers or {}, method=method)
    try:
        with DIRECT.open(request, timeout=120) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        with error:
            raise ServerError(error.code, error.read()) from error
