"""News from the server: events for the page, Socket.IO for other programs."""

import http.client
import json
import queue
import socket
import threading
import time
import urllib.parse
import urllib.request

import pandas as pd
import pytest
import socketio

from fieldline.serve import live
from fieldline.serve.limits import Limits
from loopback import DIRECT, ServerError, fetch
from serving import serving

NOW = pd.Timestamp.now("UTC").floor("s")
PATIENCE = 90  # [s] for what takes one or two


@pytest.fixture
def server(tmp_path):
    with serving(tmp_path, tables=[]) as running:
        running.store.create("other", None)
        yield running


def put(server, measurement, value, time=NOW, bucket="field", station="46m"):
    frame = pd.DataFrame({"station": [station], "a": [float(value)]}, index=pd.DatetimeIndex([time]).as_unit("ns"))
    server.store.write(bucket, measurement, frame, ("station",))


class Events:
    """The stream of /api/events; `next` is the next payload."""

    def __init__(self, server, key=None, **words):
        asked = urllib.parse.urlencode(words, doseq=True)
        request = urllib.request.Request(f"{server.url}/api/events?{asked}", headers=server.headers(key))
        self.answer = DIRECT.open(request, timeout=PATIENCE)
        self.lines = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.answer.close()

    def next(self):
        while True:
            line = self.answer.readline().decode("utf-8")
            assert line, "the stream has ended"
            self.lines.append(line)
            if line.startswith("data: "):
                assert self.lines[-2] == "event: latest_data\n"
                return json.loads(line[6:])

    def ends(self):
        """Whether the server ends the stream."""
        return self.answer.read() is not None


class Client:
    """A client of Socket.IO; `next` is the next payload."""

    def __init__(self, server, key=None, measurements=None, transports=None, **headers):
        self.told, self.words = queue.Queue(), queue.Queue()
        self.client = socketio.Client(reconnection=False)
        self.client.on("latest_data", self.told.put)
        self.client.on("connected", self.words.put)
        self.client.on("ended", self.words.put)
        auth = {"key": server.key if key is None else key, "measurements": measurements}
        self.client.connect(server.url, headers=headers, auth=auth, transports=transports, wait_timeout=PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        away = threading.Thread(target=self.client.disconnect, daemon=True)
        away.start()
        away.join(1)  # by polling its last question is open for half a minute

    def next(self):
        return self.told.get(timeout=PATIENCE)


def next_rows(listener):
    """The next payload that has rows: a measurement that may have been written is told, too."""
    while not (payload := listener.next())["rows"]:
        pass
    return payload


def either(server, transport):
    return Events(server) if transport == "events" else Client(server, transports=[transport])


@pytest.mark.parametrize("transport", ["events", "websocket", "polling"])
def test_all_newest_rows_come_at_once_and_then_what_changed(server, transport):
    put(server, "tower", 1)
    put(server, "soil", 2)
    with either(server, transport) as listener:
        first = listener.next()
        assert first["changed"] == [{"bucket": "field", "measurement": name} for name in ("soil", "tower")]
        assert first["rows"][1] == {
            "bucket": "field",
            "measurement": "tower",
            "station": "46m",
            "tags": {"station": "46m"},
            "time": NOW.value // 10**6,
            "fields": {"a": 1.0},
            "flags": {},
        }
        assert abs(first["now"] - time.time() * 1000) < 60_000
        put(server, "tower", 3, NOW + pd.Timedelta(seconds=1))
        then = next_rows(listener)
        assert then["changed"] == [{"bucket": "field", "measurement": "tower"}]
        assert [one["fields"] for one in then["rows"]] == [{"a": 3.0}]


def test_a_listener_is_not_ended_for_having_nothing_to_say(tmp_path):
    """A connection whose headers do not come is; a WebSocket has none any more."""
    with serving(tmp_path, tables=[], limits=Limits(header_seconds=2.0)) as server:
        put(server, "tower", 1)
        with Events(server) as events, Client(server, transports=["websocket"]) as client:
            assert events.next()["rows"] and client.next()["rows"]
            with socket.create_connection(("127.0.0.1", urllib.parse.urlsplit(server.url).port)) as silent:
                assert silent.recv(1) == b""
            put(server, "tower", 2, NOW + pd.Timedelta(seconds=1))
            assert [one["fields"] for one in next_rows(events)["rows"]] == [{"a": 2.0}]
            assert [one["fields"] for one in next_rows(client)["rows"]] == [{"a": 2.0}]


def test_what_a_listener_may_not_see_is_no_news_to_it(server):
    put(server, "tower", 1)
    put(server, "secret", 1, bucket="other")
    key = server.context.keys.add("field's", ["field"], [])[0]
    with Events(server, key) as events, Events(server) as all_of_it:
        assert events.next()["rows"] and all_of_it.next()["rows"]
        put(server, "secret", 2, NOW + pd.Timedelta(seconds=1), bucket="other")
        while "secret" not in {one["measurement"] for one in all_of_it.next()["rows"]}:
            pass
        put(server, "tower", 2, NOW + pd.Timedelta(seconds=1))
        told = [events.next()]
        while not told[-1]["rows"]:
            told.append(events.next())
        assert all(one["changed"] for one in told)


def test_a_change_of_older_rows_is_told_without_rows(server):
    put(server, "tower", 1)
    with Events(server) as events:
        events.next()
        put(server, "tower", 5, NOW - pd.Timedelta(days=1))
        assert {**events.next(), "now": 0} == {
            "now": 0,
            "rows": [],
            "changed": [{"bucket": "field", "measurement": "tower"}],
        }


def test_a_listener_may_want_some_measurements_only(server):
    put(server, "tower", 1)
    put(server, "soil", 2)
    with Events(server, measurement=["soil", "x"]) as events, Client(server, measurements=["tower"]) as client:
        assert [one["measurement"] for one in events.next()["rows"]] == ["soil"]
        assert [one["measurement"] for one in client.next()["rows"]] == ["tower"]
        assert client.client.call("want", ["soil"]) == {"ok": True}
        assert [one["measurement"] for one in client.next()["rows"]] == ["soil"]
        for wrong in ("soil", [1], ["x"] * 1000, {"measurements": []}):
            assert "error" in client.client.call("want", wrong)


def test_news_come_at_most_once_a_second_and_none_are_lost(server):
    put(server, "tower", 0)
    with Events(server) as events:
        events.next()
        began = time.monotonic()
        for value in range(1, 31):
            put(server, "tower", value, NOW + pd.Timedelta(seconds=value))
        told = []
        while not told or told[-1]["rows"][0]["fields"]["a"] != 30:
            told.append(next_rows(events))
        assert len(told) <= 2 + (time.monotonic() - began) / live.PAUSE_SECONDS


def test_a_listener_hears_only_the_buckets_of_its_key(server):
    put(server, "tower", 1)
    put(server, "secret", 1, bucket="other")
    key = server.context.keys.add("field's", ["field"], [])[0]
    with Events(server, key) as events, Client(server, key) as client:
        for told in (events.next(), client.next()):
            assert {one["bucket"] for one in told["rows"] + told["changed"]} == {"field"}


def test_without_a_good_key_nobody_listens(server):
    writer = server.context.keys.add("writer", [], ["field"])[0]
    for key, status in [("wrong", 401), (writer, 403)]:
        with pytest.raises(ServerError) as caught:
            fetch(f"{server.url}/api/events", headers=server.headers(key))
        assert caught.value.status == status
        with pytest.raises(socketio.exceptions.ConnectionError):
            Client(server, key)


def test_a_key_that_is_revoked_ends_its_streams(server):
    put(server, "tower", 1)
    key = server.context.keys.add("short", ["field"], [])[0]
    with Events(server, key) as events, Client(server, key) as client:
        events.next(), client.next()
        server.context.keys.revoke("short")
        put(server, "tower", 2)
        assert events.ends()
        assert client.words.get(timeout=PATIENCE) == {"server": "fieldline"}
        assert "error" in client.words.get(timeout=PATIENCE)
        client.client.wait()
        assert not client.client.connected


def test_a_page_of_another_site_hears_nothing(server):
    for transport in ("polling", "websocket"):
        with pytest.raises(socketio.exceptions.ConnectionError):
            Client(server, transports=[transport], Origin="https://example.com")
    with Client(server, Origin=server.url) as client:
        assert client.words.get(timeout=PATIENCE)


def test_there_are_only_so_many_listeners(server, monkeypatch):
    monkeypatch.setattr(live, "MOST_LISTENERS", 2)
    put(server, "tower", 1)
    with Events(server) as one, Events(server) as two:
        one.next(), two.next()
        with pytest.raises(ServerError) as caught:
            fetch(f"{server.url}/api/events", headers=server.headers())
        assert caught.value.status == 503
        with pytest.raises(socketio.exceptions.ConnectionError):
            Client(server)
    until = time.monotonic() + PATIENCE
    while True:  # those that went make room
        try:
            with Events(server) as three:
                assert three.next()["rows"]
            return
        except urllib.error.HTTPError:
            assert time.monotonic() < until
            time.sleep(0.1)


def test_clients_that_say_nothing_are_limited(server, monkeypatch):
    monkeypatch.setattr(live, "MOST_LISTENERS", 2)
    address = urllib.parse.urlsplit(server.url).netloc
    found = []
    for _ in range(6):
        connection = http.client.HTTPConnection(address, timeout=PATIENCE)
        connection.request("GET", "/socket.io/?EIO=4&transport=polling")
        found.append(connection.getresponse().status)
        connection.close()
    assert found == [200] * 4 + [503] * 2


def test_nobody_is_looked_for_when_nobody_listens(server, monkeypatch):
    """The task that looks ends with the last listener and begins anew with the next one."""
    asked = []
    real = live.latest_of(server.context).mark
    monkeypatch.setattr(live.latest_of(server.context), "mark", lambda: asked.append(1) or real())
    put(server, "tower", 1)
    time.sleep(2 * live.LOOK_SECONDS)
    assert not asked
    with Events(server) as events:
        events.next()
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        asked.clear()
        time.sleep(3 * live.PAUSE_SECONDS)
        if not asked:
            break
    assert not asked
    with Events(server) as events:
        assert events.next()["rows"]


def test_news_come_while_a_writer_is_at_work(server):
    """Several listeners, and a writer that writes as fast as it can."""
    put(server, "tower", 0)
    over = threading.Event()

    def work():
        for number in range(100_000):
            if over.is_set():
                return
            put(server, "tower", number, NOW + pd.Timedelta(seconds=number))

    writer = threading.Thread(target=work)
    writer.start()
    try:
        with Events(server) as one, Events(server) as two, Client(server) as three:
            for listener in (one, two, three):
                found = [next_rows(listener)["rows"][0]["fields"]["a"] for _ in range(3)]
                assert found == sorted(set(found))
    finally:
        over.set()
        writer.join()


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "__proto__", "a\nb", 'x"', "\u202e"])
def test_names_are_told_as_they_are(server, name):
    put(server, name, 1, station=name)
    with Events(server) as events, Client(server) as client:
        for told in (events.next(), client.next()):
            assert (told["rows"][0]["measurement"], told["rows"][0]["station"]) == (name, name)
