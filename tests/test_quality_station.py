"""The faults of the simulated tower are found, and clean data are left alone."""

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.quality import FAULTS, rules, series, station
from fieldline.cli import main
from fieldline.quality import checks as quality
from fieldline.quality.judge import judge
from fieldline.simulator import simulate
from fieldline.simulator.tables import FAST, FLUX, PAR, SOIL
from fieldline.sinks.embedded import Embedded

DAYS = 3


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return station(tmp_path_factory.mktemp("tower"), DAYS, ("fieldline",), seed=11)["fieldline"]


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "drift"])
def test_every_fault_is_found(found, fault):
    """Drift is found as soon as it is larger than what two sensors may differ; it begins with nothing."""
    assert found.events[fault]
    assert all(found.events[fault])


def test_a_thousandth_of_clean_data_is_flagged_at_most(found):
    assert found.values > 100_000
    assert found.alarms <= found.values / 1000


def test_the_rules_of_the_station_look_at_what_is_there():
    for table in (FAST, FLUX, SOIL, PAR):
        assert set(rules(table)) <= {field.name for field in table.fields}


PROJECT = Path(__file__).parents[1]
STORED = {
    "fastdata": ("ameriflux_atmospheric", "fastdata"),
    "slowdata": ("ameriflux_soil", "slowdata"),
    "PARCal_2019": ("testoutput", "Ameriflux_fastdata"),
    "flux": ("field", "flux"),
}


def demonstration(folder, faults, seed):
    """What the configuration of the demonstration makes of a tower with these faults, by table; and the faults."""
    files, config = folder / "files", folder / "demo.yaml"
    simulate(files, days=2, until=datetime(2026, 7, 3), faults=faults, seed=seed)
    text = (PROJECT / "config" / "demo.yaml").read_text(encoding="utf-8")
    text = text.replace("data/demo/loggernet", files.as_posix()).replace("data/demo", (folder / "home").as_posix())
    config.write_text(text, encoding="utf-8")
    assert main("run", ["--config", str(config)], PROJECT) == 0
    store = Embedded(folder / "home" / "store.duckdb")
    found = {name: store.read(*where) for name, where in STORED.items()}
    store.close()
    return found, json.loads((files / "truth.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("seed", [1, 2])
def test_the_checks_of_the_demonstration_find_what_its_documents_say(tmp_path, seed):
    faults = ["spike", "stuck", "out_of_range", "nan_burst", "gap", "diagnostic_bits"]
    assert f'FAULTS = "{",".join(faults)}"' in (PROJECT / "quickstart.py").read_text(encoding="utf-8")
    found, truth = demonstration(tmp_path, faults, seed)
    looked = 0
    for one in truth:
        if one["field"] and not (one["table"] == "flux" and one["fault"] in ("spike", "stuck")):
            rows = found[one["table"]][pd.Timestamp(one["start"]) : pd.Timestamp(one["end"])]
            assert rows[f"{one['field']}_qc"].isin([9] if one["fault"] == "nan_burst" else [3, 4]).any(), one
            looked += 1
    assert looked >= 6


def test_the_checks_of_the_demonstration_leave_a_tower_without_faults_alone(tmp_path):
    found, _ = demonstration(tmp_path, [], 3)
    flags = pd.concat([frame[name].dropna() for frame in found.values() for name in frame if name.endswith("_qc")])
    assert len(flags) > 200_000
    assert flags.isin([3, 4]).mean() <= 0.001


def minutes(values):
    return pd.DataFrame({"x": values}, index=pd.date_range("2024-06-01", periods=len(values), freq="min", tz="UTC"))


@pytest.mark.parametrize("method", ["average", "differential"])
def test_spikes_of_six_sigma_and_more_are_found_and_few_others(method):
    """sigma: of the distance that the method looks at, in clean data."""
    chance = np.random.default_rng(5)
    n = 100_000
    clean = 20 + 5 * np.sin(np.arange(n) * 2 * np.pi / 1440) + chance.normal(size=n) * 0.1
    distance = np.abs(clean[1:-1] - (clean[:-2] + clean[2:]) / 2)
    sigma = float(np.sqrt(np.mean(distance**2)))
    check = {"x": (quality.spike(4 * sigma, method=method),)}
    assert (judge(minutes(clean), check, 60 * 10**9)["x_qc"] == 3).mean() <= 0.001
    rows = np.arange(10, n - 10, 50)
    # What a spike adds comes on top of what was there, so the distance is at least 6 sigma after the worst of it.
    worst = distance[rows - 1] if method == "average" else np.maximum(*np.abs(_steps(clean, rows)))
    size = (6 * sigma + worst) * chance.choice([-1, 1], len(rows))
    values = clean.copy()
    values[rows] += size
    flags = judge(minutes(values), check, 60 * 10**9)["x_qc"].to_numpy()
    assert (flags[rows] == 3).all()


def _steps(values, rows):
    return values[rows] - values[rows - 1], values[rows] - values[rows + 1]


def test_a_sensor_stuck_for_the_threshold_is_found_wherever_it_begins():
    chance = np.random.default_rng(6)
    check = {"x": (quality.flat_line(1800, 3600),)}
    for start in chance.integers(0, 900, 50):
        values = chance.normal(size=1000)
        values[start : start + 61] = values[start]
        flags = judge(minutes(values), check, 60 * 10**9)["x_qc"].to_numpy()
        assert np.flatnonzero(flags == 3).tolist() == list(range(start + 30, start + 60))
        assert np.flatnonzero(flags == 4).tolist() == [start + 60]


def test_a_stamp_that_comes_twice_is_the_later_row():
    frame = minutes([1.0, 2.0])
    twice = pd.concat([frame, frame * 10])
    assert series(twice)["x"].tolist() == [10.0, 20.0]
