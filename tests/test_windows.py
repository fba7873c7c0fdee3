"""Windows of directions: the mean of vectors, from the embedded store and by what `fieldline read` prints."""

import numpy as np
import pandas as pd
import pytest

from fieldline.groups.windows import read_windows, turns
from fieldline.ports import Field
from fieldline.sinks.embedded import Embedded

EVERY = pd.Timedelta("30min")


@pytest.fixture
def store(tmp_path):
    store = Embedded(tmp_path / "store.duckdb")
    store.create("field", None)
    yield store
    store.close()


def written(store, directions, start="2026-06-25T10:00Z", tags=None, unit="deg"):
    index = pd.date_range(start, periods=len(directions), freq="10min", name="time").as_unit("ns")
    frame = pd.DataFrame({"station": tags or "a", "WD_10m": directions, "WS_10m": 2.0}, index=index)
    store.write("field", "met", frame, ("station",), {"WD_10m": unit, "WS_10m": "m s-1"})


def means(store, **asked):
    return read_windows(store, "field", "met", every=EVERY, **asked)


@pytest.mark.parametrize(
    ("directions", "mean"),
    [
        ([350.0, 10.0, 0.0], 0.0),
        ([340.0, 350.0, 0.0], 350.0),
        ([0.0, 10.0, 20.0], 10.0),
        ([-10.0, 350.0, 10.0], 356.64),
        ([80.0, 90.0, 100.0], 90.0),
        ([355.0, -9999.0, 5.0], 0.0),  # what is no direction is left out
        ([350.0, np.nan, 10.0], 0.0),
        ([90.0, 270.0, np.nan], np.nan),  # they cancel out
    ],
)
def test_the_mean_of_directions_is_that_of_vectors(store, directions, mean):
    written(store, directions)
    (found,) = means(store)["WD_10m"]
    assert found == pytest.approx(mean, abs=0.01, nan_ok=True)
    assert not found >= 360


def test_the_other_fields_stay_as_the_store_makes_them(store):
    written(store, [350.0, 10.0, 0.0])
    assert means(store)["WS_10m"].tolist() == [2.0]
    assert means(store, agg="max")["WD_10m"].tolist() == [350.0]


def rained(store, **columns):
    index = pd.date_range("2026-06-25T10:00Z", periods=6, freq="10min", name="time").as_unit("ns")
    units = {"Rain_mm_Tot": "mm", "P_1_1_1": "mm", "Rain_rate": "mm h-1", "T_1_1_1": "degC"}
    for tags, factor in (("a", 1.0), ("b", 10.0)):
        data = {name: [v * factor for v in (0.2, np.nan, 0.4, 1.0, 1.0, 1.0)] for name in units}
        store.write("field", "met", pd.DataFrame({"station": tags, **data, **columns}, index), ("station",), units)


def test_rain_and_other_totals_are_added_up_unless_something_else_is_asked_for(store):
    rained(store, WD_10m=[350.0, 10.0, 0.0] * 2)
    found = means(store)
    for name in ("Rain_mm_Tot", "P_1_1_1"):
        assert found.loc[found["station"] == "a", name].tolist() == pytest.approx([0.6, 3.0])
        assert found.loc[found["station"] == "b", name].tolist() == pytest.approx([6.0, 30.0])
    for name in ("Rain_rate", "T_1_1_1"):
        assert found.loc[found["station"] == "a", name].tolist() == pytest.approx([0.3, 1.0])
    assert found["WD_10m"].tolist() == pytest.approx([0.0] * 4)
    assert means(store, agg="mean")["Rain_mm_Tot"].tolist()[0] == pytest.approx(0.3)
    assert means(store, agg="max")["Rain_mm_Tot"].tolist()[0] == pytest.approx(0.4)
    assert means(store, fields=["T_1_1_1"]).columns.tolist() == ["station", "T_1_1_1"]


def test_each_window_and_series_has_its_own_mean(store):
    written(store, [350.0, 10.0, 0.0, 170.0, 190.0, 180.0])
    written(store, [80.0, 100.0, 90.0], tags="b")
    written(store, [260.0, 280.0, 270.0], start="2026-06-28T10:00Z")
    frame = means(store)
    found = dict(
        zip(zip(frame.index.strftime("%d %H:%M"), frame["station"], strict=True), frame["WD_10m"], strict=True)
    )
    expected = {("25 10:00", "a"): 0, ("25 10:30", "a"): 180, ("25 10:00", "b"): 90, ("28 10:00", "a"): 270}
    assert found == pytest.approx(expected)


def test_a_range_cuts_its_first_and_last_window(store):
    written(store, [100.0, 350.0, 10.0, 350.0, 10.0, 100.0])
    start, end = pd.Timestamp("2026-06-25T10:10Z"), pd.Timestamp("2026-06-25T10:50Z")
    assert means(store, start=start, end=end)["WD_10m"].tolist() == pytest.approx([0, 0])


def test_a_direction_is_told_by_its_name_and_unit():
    assert turns(Field("WindDir_D1_WVT", "number", "Deg"))
    assert turns(Field("WD_1_1_1", "number"))
    assert not turns(Field("WS_1_1_1", "number", "m s-1"))
    assert not turns(Field("Solar_azimuth", "number", "deg"))
    assert not turns(Field("WindDir_SD1_WVT", "number", "deg"))  # a spread of directions does not go round


def test_read_prints_that_mean_with_at_most_twelve_digits(store, tmp_path, capsys):
    from fieldline.cli import main

    written(store, [350.0, 10.0, 0.0, 81.1, 81.2, 81.6])
    store.close()
    (tmp_path / "site.yaml").write_text(f"home: {tmp_path.as_posix()}\n", encoding="utf-8")
    asked = ["field", "met", "--field", "WD_10m", "--every", "30m", "--config", str(tmp_path / "site.yaml")]
    assert main(None, ["read", *asked], tmp_path) == 0
    rows = [line.split(",") for line in capsys.readouterr().out.splitlines()]
    assert [float(row[-1]) for row in rows[1:]] == pytest.approx([0, 81.3], abs=1e-3)
    assert all(len(row[-1]) <= 13 for row in rows[1:])
