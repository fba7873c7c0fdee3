"""Recorded states of files that grew, were cut, replaced and repaired, each brought to the driver in its turn."""

import base64
import contextlib
import gzip
import io
import json
import os
from pathlib import Path

import pytest

from fieldline.cli import main
from fieldline.readers import toa5
from fieldline.sinks.embedded import Embedded

LOGGERS = Path(__file__).parents[2] / "shared" / "data" / "loggers"
REPLAY = LOGGERS / "CareyLabVT__SCCData" / "FCRweir.replay.jsonl.gz"
PROJECT = Path(__file__).parents[1]
SERIES = {
    "CR3000_Table213": 4,
    "CR3000_Table214": 2,
    "CR1000x_PWS_002_IPconnect_Met": 4,
}

pytestmark = pytest.mark.skipif(
    not LOGGERS.exists() and "CI" not in os.environ,
    reason="the collection of real logger files is not beside the project",
)


def states():
    """The bytes of each state of the recorded file."""
    data = b""
    with gzip.open(REPLAY, "rt", encoding="utf-8") as lines:
        for line in lines:
            state = json.loads(line)
            data = data[: state["keep"]] + base64.b64decode(state["add_b64"])
            yield data


def whole_rows(data):
    """Every complete row of a state: (table, stamp) -> values by name."""
    data = data[: data.rfind(b"\n") + 1]
    rows = {}
    for block in toa5.split(data, None, "state"):
        frame = toa5.rows(block).frame
        keys = [(block.header.table, time) for time in frame.index]
        rows |= dict(zip(keys, frame.to_dict("records"), strict=True))
    return rows


def drive(config):
    """One run of the driver; its exit code and what --json says of the one job."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main("run", ["--config", str(config), "--json"], PROJECT)
    return code, json.loads(out.getvalue().splitlines()[-1])["jobs"][0]


def replay(folder, contents, name):
    """Bring each content of one file to the driver; return the runs' reports and the store's rows."""
    path, config = folder / name, folder / "site.yaml"
    home, file = (folder / "home").as_posix(), path.as_posix()
    config.write_text(f"home: '{home}'\njobs:\n  - name: tower\n    files: ['{file}']\n", encoding="utf-8")
    reports = []
    for data in contents:
        path.write_bytes(data)
        code, report = drive(config)
        assert code in (0, 3), report
        reports.append(report)
    store = Embedded(folder / "home" / "store.duckdb")
    tables = [name for name in store.measurements("field") if name != "runs"]
    return reports, {name: store.read("field", name) for name in tables}


def check(rows, wanted):
    """The store holds every stamp that was ever complete, with its last values, and no more."""
    stored = {
        (table, time.tz_localize(None)): row
        for table, frame in rows.items()
        for time, row in zip(frame.index, frame.to_dict("records"), strict=True)
    }
    assert set(stored) == set(wanted)
    for key, values in wanted.items():
        for name, value in values.items():
            if value is not None and value == value:
                assert stored[key][name] == value, (key, name)


def test_a_recorded_file_ends_in_the_store_complete(tmp_path, capsys):
    contents = list(states())
    assert len(contents) == 463
    wanted = {}
    for data in contents:
        for key, row in whole_rows(data).items():
            present = {name: value for name, value in row.items() if value is not None and value == value}
            wanted[key] = {**wanted.get(key, {}), **present}

    reports, rows = replay(tmp_path, contents, "FCRweir.csv")

    check(rows, wanted)
    read = sum(report["read"] for report in reports)
    lines = sum(data.count(b"\n") - 4 for data in contents)
    parsed = sum(report["bytes"] for report in reports)
    with capsys.disabled():
        share = parsed / sum(map(len, contents))
        print(f"\n{len(contents)} states: {read:,} of {lines:,} rows read, {100 * share:.2f} % of the bytes parsed")
    assert share < 0.03


@pytest.mark.parametrize("name", SERIES)
def test_a_growing_series_ends_in_the_store_complete(tmp_path, name):
    folder = LOGGERS / "MRE-Code-Hub__extract_loggernet"
    contents = [(folder / f"{i}-{name}.dat").read_bytes() for i in range(1, SERIES[name] + 1)]
    wanted = {}
    for data in contents:
        wanted |= whole_rows(data)

    reports, rows = replay(tmp_path, contents, f"{name}.dat")

    check(rows, wanted)
    assert sum(report["read"] for report in reports[1:]) < len(wanted)
