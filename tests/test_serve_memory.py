"""What one question may cost: memory, statements, time, and how deep it may be."""

# ruff: noqa: S608  (questions are made of pieces here)

import json
import sys
import urllib.parse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fieldline.influxql import QueryError, Room, SyntaxFault, parse
from fieldline.serve.limits import Limits
from fieldline.sinks.embedded import Embedded
from loopback import ServerError, fetch
from serving import served_by_command, serving

MOST = 700  # MB of the server's process at its peak
T0 = pd.Timestamp("2024-06-01", tz="UTC")
COLUMNS, ROWS = 300, 20_000


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """The home of a store with 300 columns."""
    home = tmp_path_factory.mktemp("home")
    store = Embedded(home / "store.duckdb")
    store.create("field", None)
    for part in range(3):
        times = pd.date_range(T0 + pd.Timedelta(seconds=part * ROWS), periods=ROWS, freq="1s")
        data = np.random.default_rng(part).random((ROWS, COLUMNS))
        store.write("field", "wide", pd.DataFrame(data, times, [f"c{place:03}" for place in range(COLUMNS)]))
    store.close()
    return home


def asked(address, q):
    """The results, by POST as long questions are sent; again where a busy machine has needed too much time."""
    results = []
    for _ in range(5):
        body = fetch(f"{address}/query?db=field&epoch=ms", urllib.parse.urlencode({"q": q}).encode())
        results = json.loads(body)["results"]
        if not any("query-timeout" in result.get("error", "") for result in results):
            break
    return results


def peak(process):
    """The most memory [MB] that a process ever had."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024


WINDOWS = "SELECT mean(c000) FROM wide WHERE time >= '2024-06-01' AND time < '2024-06-12' GROUP BY time(1s)"


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc")
def test_no_question_takes_all_memory(wide):
    with served_by_command(wide) as (address, process):
        with pytest.raises(ServerError, match="found 200 statements, expected at most 100"):
            asked(address, ";".join([WINDOWS] * 200))
        results = asked(address, ";".join([WINDOWS] * 100))
        assert [len(result["series"][0]["values"]) for result in results if "series" in result] == [950_400] * 2
        assert all("max-select-point limit exceeded" in result["error"] for result in results[2:])
        for q in ("SELECT * FROM wide", WINDOWS.replace("c000", "*"), "SELECT median(*) FROM wide GROUP BY time(1s)"):
            (result,) = asked(address, q)
            assert "limit exceeded" in result["error"], q
            assert "ask for a shorter range" in result["error"], q
        (result,) = asked(address, "SELECT * FROM wide LIMIT 5000")
        assert len(result["series"][0]["values"]) == 5_000
        assert peak(process) < MOST


def test_the_statements_of_a_request_share_its_time(tmp_path):
    with serving(tmp_path, limits=replace(Limits(), query_seconds=0.0)) as served:
        for result in served.query("SHOW DATABASES;SHOW MEASUREMENTS"):
            assert "query-timeout limit exceeded: 0 s for a request" in result["error"]


def test_answers_are_counted_by_their_cells(wide):
    store, room = Embedded(wide / "store.duckdb"), Room(1_000)
    (statement,) = parse("SELECT c000, c001 FROM wide LIMIT 300")
    now = T0.value
    store.answer("field", statement, now, room=room)
    assert room.left == 100
    with pytest.raises(QueryError, match=r"of 3 columns/100 cells left to the request"):
        store.answer("field", statement, now, room=room)
    store.close()


LONG = {
    "OR": "SELECT c000 FROM wide WHERE " + " OR ".join(f"c000 = {place}" for place in range(1_200)),
    "AND": "SELECT c000 FROM wide WHERE " + " AND ".join(f"c000 != {place}" for place in range(1_200)),
    "OR of AND": "SELECT c000 FROM wide WHERE " + " OR ".join(["c000 = 1 AND c001 = 2"] * 600),
    "brackets": f"SELECT c000 FROM wide WHERE {'(' * 3_000}c000 = 1{')' * 3_000}",
}
DEEP = {
    **{op: f"SELECT c000{f' {op} 1' * 3_000} FROM wide" for op in ("+", "- 1 +", "*", "/", "%", "&", "|", "^")},
    **{op: f"SELECT c000 FROM wide WHERE c000{f' {op} 1' * 3_000}" for op in ("=", "!=", "<", "<=", ">", ">=")},
    **{op: f"SELECT c000 FROM wide WHERE c000{f' {op} /a/' * 3_000}" for op in ("=~", "!~")},
    "time": f"SELECT c000 FROM wide WHERE time > now(){' - 1s' * 2_000}",
    "sign": f"SELECT c000 FROM wide WHERE c000 > {'- ' * 3_000}c001",
    "call": f"SELECT {'difference(' * 3_000}c000{')' * 3_000} FROM wide",
    "OR in brackets": f"SELECT c000 FROM wide WHERE {'(c000 = 1 OR ' * 3_000}c000 = 1{')' * 3_000}",
    "AND in brackets": f"SELECT c000 FROM wide WHERE {'(c000 = 1 AND ' * 3_000}c000 = 1{')' * 3_000}",
}


@pytest.mark.parametrize("name", LONG)
def test_long_chains_are_answered(wide, name):
    (statement,) = parse(LONG[name])
    store = Embedded(wide / "store.duckdb")
    store.answer("field", statement, T0.value)
    store.close()


@pytest.mark.parametrize("name", DEEP)
def test_what_is_too_deep_is_refused_in_words(name):
    with pytest.raises(SyntaxFault, match="inside each other"):
        parse(DEEP[name])


def test_what_is_nearly_too_deep_is_answered(wide):
    store = Embedded(wide / "store.duckdb")
    for q in (
        f"SELECT c000{' + 1' * 99} FROM wide LIMIT 1",
        f"SELECT c000 FROM wide WHERE {'(c000 = 1 OR (c001 = 1 AND ' * 49}c000 = 1{'))' * 49} LIMIT 1",
        f"SELECT c000 FROM wide WHERE time > now(){' - 1s' * 98} LIMIT 1",
    ):
        (statement,) = parse(q)
        store.answer("field", statement, T0.value)
    store.close()
