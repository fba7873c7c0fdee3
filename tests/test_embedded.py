"""What only the embedded store promises: many processes, one that is killed, a file that is not what it should be."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fieldline.errors import Rejected, Unreachable
from fieldline.ports import Field
from fieldline.sinks import embedded
from fieldline.sinks.embedded import Embedded

SRC = Path(__file__).resolve().parents[1] / "src"
STRESS_SECONDS = float(os.environ.get("FIELDLINE_STRESS_SECONDS", "5"))
T0 = pd.Timestamp("2024-06-01T12:00:00Z")

BEGIN = """
import sys, time
import numpy as np, pandas as pd
from fieldline.sinks.embedded import Embedded
file, argument = sys.argv[1], float(sys.argv[2])
store = Embedded(file)
def rows(first, count):
    index = pd.date_range("2024-06-01T12:00:00Z", periods=count, freq="s") + pd.Timedelta(seconds=first)
    return pd.DataFrame({"n": np.arange(first, first + count), "x": np.arange(first, first + count) / 7}, index=index)
"""
WRITER = """
until, first = time.monotonic() + argument, 0
while time.monotonic() < until or first < 10 * argument:
    store.write("field", "tower", rows(first, 20).assign(station="a"), ("station",))
    first += 10
    print(first + 10, flush=True)
"""
READER = """
until, seen, reads = time.monotonic() + argument, 0, 0
while time.monotonic() < until or reads < argument:
    n = store.read("field", "tower", fields=["n"])["n"]
    assert list(n) == list(range(len(n))), "a read saw half of a write"
    assert len(n) >= seen, "a row was lost"
    seen, reads = len(n), reads + 1
print(reads, flush=True)
"""
ENDLESS = """
first = int(argument)
while True:
    store.write("field", "tower", rows(first, 20), (), {"x": "K"})
    first += 10
    print(first + 10, flush=True)
"""


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    """A process of its own, as a second program on the machine would be."""
    environment = {**os.environ, "PYTHONPATH": str(SRC), "PYTHONUTF8": "1"}
    command = [sys.executable, "-c", BEGIN + script, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Embedded]:
    """An empty store with the bucket `field`, in a folder with an awkward name."""
    made = Embedded(tmp_path / "it's µ" / "store.duckdb", wait_seconds=20)
    made.create("field", None)
    yield made
    made.close()


def rows(count: int = 3, first: int = 0) -> pd.DataFrame:
    """Rows one second apart that count."""
    index = pd.date_range(T0, periods=count, freq="s") + pd.Timedelta(seconds=first)
    return pd.DataFrame({"x": np.arange(first, first + count, dtype=float)}, index=index)


def test_one_process_writes_while_eight_read(store: Embedded) -> None:
    """No error anywhere, no row lost, nobody starved: each comes to its number of reads or writes."""
    store.write("field", "tower", rows(1).assign(n=0, station="a")[["n", "x", "station"]], ("station",))
    writer = start(WRITER, store.path, STRESS_SECONDS)
    readers = [start(READER, store.path, STRESS_SECONDS) for _ in range(8)]
    written, error = writer.communicate()
    assert (writer.returncode, error) == (0, "")
    for reader in readers:
        reads, error = reader.communicate()
        assert (reader.returncode, error) == (0, "")
        assert int(reads) >= STRESS_SECONDS
    assert len(written.split()) >= STRESS_SECONDS
    assert list(store.read("field", "tower")["n"]) == list(range(int(written.split()[-1])))
    print(f"\n{len(written.split())} writes in {STRESS_SECONDS:g} s beside 8 readers, the last with {int(reads)} reads")


def test_what_was_reported_written_survives_a_kill(store: Embedded) -> None:
    """Killed at any moment: the next one to open it may be a reader, and finds every row that was reported."""
    reported = 0
    for round_ in range(15):
        child = start(ENDLESS, store.path, reported)
        assert child.stdout is not None
        lines = [child.stdout.readline()]
        time.sleep(random.uniform(0, 0.15))
        child.kill()
        lines += child.stdout.read().split("\n")
        child.communicate()
        reported = max([reported, *(int(line) for line in lines if line.strip())])
        if round_ % 3 == 0:  # else the next writer is the first to open it
            there = list(store.read("field", "tower")["n"])
            assert there == list(range(len(there)))
            assert len(there) >= reported
    assert len(store.read("field", "tower")) >= reported > 0


def test_a_log_that_was_left_behind_is_read_by_a_reader(store: Embedded) -> None:
    """DuckDB applies it in memory; the next writer folds it in."""
    script = "import os; store._file.detach = lambda cursor: os._exit(9)\n"
    store.write("field", "tower", rows())
    child = start(script + 'store.write("field", "tower", rows(5, 4))', store.path, 0)
    child.communicate()
    log = store.path.with_name("store.duckdb.wal")
    assert log.exists()
    assert len(store.read("field", "tower")) == 7
    store.write("field", "tower", rows(1, 9))
    assert not log.exists()
    assert len(store.read("field", "tower")) == 8


def test_threads_of_one_process_share_the_file(store: Embedded) -> None:
    """Two stores on one file, one spelled otherwise: readers beside a writer."""
    other = Embedded(store.path.parent / "." / "store.duckdb")
    store.write("field", "tower", rows())
    faults: list[BaseException] = []

    def work(turn: int) -> None:
        try:
            for number in range(15):
                if turn == 0:
                    other.write("field", "tower", rows(10, number * 10))
                assert len(store.read("field", "tower")) % 10 in (0, 3)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(turn,)) for turn in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert len(store.read("field", "tower")) == 150


def test_plain_duckdb_reads_it(store: Embedded) -> None:
    """The line of the module's docstring, nothing but DuckDB."""
    store.write("field", "tower", rows().assign(station="46m"), ("station",))
    line = """duckdb.connect({file}, read_only=True).sql('FROM field.tower WHERE x > 0').df()"""
    assert line.split("read_only")[1].split("WHERE")[0] in (embedded.__doc__ or "")
    script = f"import duckdb; print({line.format(file=repr(str(store.path)))}.to_csv(index=False), end='')"
    run = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", script], capture_output=True, encoding="utf-8", check=True
    )
    assert run.stdout.split() == ["time,station,x", "2024-06-01", "12:00:01,46m,1.0", "2024-06-01", "12:00:02,46m,2.0"]


def test_a_file_that_somebody_keeps_open_is_waited_for(store: Embedded) -> None:
    """And the message says how long and who; when it is let go in time, nothing is noticed."""
    script = "import duckdb; c = duckdb.connect(file); print('open', flush=True); time.sleep(argument)"
    child = start(script, store.path, 30)
    assert child.stdout is not None
    assert child.stdout.readline().strip() == "open"
    hasty = Embedded(store.path, wait_seconds=0.3)
    for ask in (lambda: hasty.write("field", "tower", rows()), lambda: hasty.buckets()):
        with pytest.raises(Unreachable, match=rf"waited 0\.3 s .*, but it was open in \S+ \(process {child.pid}\)\."):
            ask()
    threading.Timer(0.3, child.kill).start()
    assert store.write("field", "tower", rows()) == 3
    child.communicate()


def test_asking_before_there_is_a_file_makes_none(tmp_path: Path) -> None:
    """A reader that comes too early leaves nothing behind."""
    store = Embedded(tmp_path / "store.duckdb")
    assert (store.buckets(), store.fields("field", "tower"), store.expire(T0)) == ({}, {}, 0)
    for ask in (lambda: store.read("field", "tower"), lambda: store.write("field", "tower", rows())):
        with pytest.raises(Rejected, match=r"Make it with: python new-db\.py FILE"):
            ask()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["", "_fieldline", "TEMP", "pg_catalog", "Field", "a\0b"])
def test_some_names_of_buckets_are_refused(store: Embedded, name: str) -> None:
    """They would be somebody else's schema, or one that differs in case only."""
    with pytest.raises(Rejected, match="Choose another bucket"):
        store.create(name, None)
    store.create("main", 1)
    assert store.buckets() == {"field": None, "main": 1}


def test_a_file_that_is_not_a_store(tmp_path: Path) -> None:
    """Text, a cut-off store, a folder, somebody's own DuckDB: each in words, and no row set aside for it."""
    text, cut, own = tmp_path / "text", tmp_path / "cut", tmp_path / "own"
    text.write_bytes(b"time,x\n" * 5000)
    whole = Embedded(cut)
    whole.create("field", None)
    whole.write("field", "tower", rows(50_000))
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    duckdb.connect(own).execute("CREATE TABLE mine (a INTEGER)").close()
    for file, words in ((text, "is not a DuckDB file"), (cut, "is damaged"), (tmp_path, str(tmp_path))):
        with pytest.raises(Unreachable, match=words):
            Embedded(file).read("field", "tower")
    with pytest.raises(Rejected, match=r"new-db\.py"):
        Embedded(own).read("field", "tower")
    Embedded(own).create("field", None)
    assert Embedded(own).write("field", "mine", rows()) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")
def test_a_full_disk_is_said_and_loses_nothing(store: Embedded) -> None:
    """The process that met it goes on, and so does the store."""
    store.write("field", "tower", rows())
    script = """
import resource
from fieldline.errors import Unreachable
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, resource.RLIM_INFINITY))
noise = np.random.default_rng(0).normal(size=(100_000, 5))
frame = pd.DataFrame(noise, columns=list("abcde"), index=rows(100, 100_000).index)
try:
    store.write("field", "tower", frame)
except Unreachable as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(store.write("field", "tower", frame))
"""
    output, error = start(script, store.path, 0).communicate()
    assert error == ""
    assert "cannot grow" in output
    assert output.split()[-1] == "100000"
    assert len(store.read("field", "tower")) == 100_003


def test_a_long_frame_is_written_in_steps(store: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit is refused before the first of them, even if it stands in the last row."""
    monkeypatch.setattr(embedded, "STEP_ROWS", 7)
    store.write("field", "tower", rows(50).assign(n=range(50)))
    wrong = rows(50).assign(x=-1.0, n=[1.0] * 49 + [0.5])
    with pytest.raises(Rejected, match=r"'n'.*0\.5"):
        store.write("field", "tower", wrong)
    assert list(store.read("field", "tower")["x"]) == list(range(50))


def test_what_is_written_together_is_durable_together(store: Embedded) -> None:
    """One turn: its measurements see each other's kinds, and nobody sees half of it."""
    with store.together("field") as turn:
        assert turn.fields("tower") == {}
        assert turn.write("tower", rows()) == 3
        assert turn.fields("tower") == {"x": Field("x", "number", "", False)}
        turn.write("tower", rows(first=2).assign(y=1))
        with pytest.raises(Rejected, match="expected number as until now"):
            turn.write("tower", rows(first=9).assign(x="word"))
        turn.write("soil", rows(1))
        assert turn.write("soil", rows(0)) == 0
    assert list(store.read("field", "tower")["x"]) == [0, 1, 2, 3, 4]
    assert store.measurements("field") == ["soil", "tower"]


def test_of_what_is_written_together_nothing_stays_when_it_fails(store: Embedded) -> None:
    """Neither rows nor what the catalogue learnt of them; the store works on."""
    with pytest.raises(Rejected, match="cannot be kept"), store.together("field") as turn:
        turn.write("tower", rows())
        turn.write("soil", rows(1).assign(word="\ud800"))
    with pytest.raises(KeyError), store.together("field") as turn:
        turn.write("tower", rows())
        raise KeyError
    assert store.measurements("field") == []
    store.write("field", "tower", rows())
    assert len(store.read("field", "tower")) == 3


def test_a_turn_that_asks_for_nothing_opens_nothing(tmp_path: Path) -> None:
    """And one without its bucket says so when it asks."""
    store = Embedded(tmp_path / "store.duckdb")
    with store.together("field"):
        pass
    assert not list(tmp_path.iterdir())
    store.create("other", None)
    for work in (lambda turn: turn.fields("m"), lambda turn: turn.write("m", rows())):
        with pytest.raises(Rejected, match="found no bucket 'field'"), store.together("field") as turn:
            work(turn)


def test_a_long_turn_lets_others_have_theirs(store: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two of its writes; what it wrote before is durable then, and what others brought is seen."""
    monkeypatch.setattr(embedded, "TURN", 0.0)
    with store.together("field") as turn:
        assert turn.fields("tower") == {}
        other = threading.Thread(target=store.write, args=["field", "tower", rows()])
        other.start()
        while other.is_alive():
            turn.write("soil", rows())
        with pytest.raises(Rejected):
            turn.write("tower", rows().assign(x="word"))
    assert list(store.read("field", "tower")["x"]) == [0, 1, 2]


def test_a_process_that_asked_ends_without_a_word(store: Embedded) -> None:
    """Nothing of DuckDB is kept by the thread that watches: it would be told of at the end."""
    store.write("field", "tower", rows())
    script = """
from fieldline.influxql import parse
(statement,) = parse("SELECT x FROM tower")
for wait in (0.0, argument):
    store.answer("field", statement, 0, unwanted=lambda: False)
    time.sleep(wait)
"""
    child = start(script, store.path, 0.5)
    said, error = child.communicate()
    assert (child.returncode, said, error) == (0, "", "")


def test_text_that_is_none_is_set_aside(store: Embedded) -> None:
    """Half a character would otherwise be tried again for ever."""
    for frame in (rows(1).assign(t="a\udcff"), rows(1).rename(columns={"x": "x\udcff"})):
        with pytest.raises(Rejected, match="encoding"):
            store.write("field", "tower", frame)
    with pytest.raises(Rejected, match="encoding"):
        store.write("field", "tower\udcff", rows())
    store.write("field", "tower", rows(2).assign(n=2**62))
    with pytest.raises(Rejected, match="cannot be kept or computed"):
        store.read("field", "tower", every=pd.Timedelta("1D"), agg="sum")


NUMBERS = st.none() | st.floats(allow_nan=False, allow_infinity=False, width=32)
ROW = st.tuples(st.integers(-3, 3), st.sampled_from(["", "a", "A"]), NUMBERS, st.none() | st.text(max_size=3))
FRAMES = st.lists(st.lists(ROW, min_size=1, max_size=8), min_size=1, max_size=5)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames=FRAMES, step=st.sampled_from([2, 1000]))
def test_a_store_is_a_dictionary_of_points(
    tmp_path_factory: pytest.TempPathFactory, frames: list[list[tuple[int, str, float, str]]], step: int
) -> None:
    """Any sequence of frames: a later value that is there replaces an earlier one."""
    store = Embedded(tmp_path_factory.mktemp("model") / "store.duckdb")
    store.create("field", None)
    model: dict[tuple[int, str], dict[str, object]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded, "STEP_ROWS", step)
        for frame in frames:
            store.write("field", "tower", _frame(frame), ("tag",))
    for second, tag, x, t in (row for frame in frames for row in frame):
        brought = {name: value for name, value in (("x", x), ("t", t)) if value is not None}
        if brought:
            model.setdefault((second, tag), {}).update(brought)
    assert _points(store) == model
    store.close()


def _frame(rows: list[tuple[int, str, float, str]]) -> pd.DataFrame:
    seconds, tag, x, t = zip(*rows, strict=True)
    index = pd.to_datetime(seconds, unit="s", utc=True)
    data = {"tag": tag, "x": np.array(x, dtype=float), "t": pd.Series(t, dtype=object).to_numpy()}
    return pd.DataFrame(data, index=index)


def _points(store: Embedded) -> dict[tuple[int, str], dict[str, object]]:
    if not store.fields("field", "tower"):
        return {}
    back = store.read("field", "tower")
    return {
        (int(time.timestamp()), row.pop("tag")): {name: value for name, value in row.items() if not pd.isna(value)}
        for time, row in zip(back.index, back.to_dict("records"), strict=True)
    }
