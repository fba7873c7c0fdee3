"""The JSON that the page draws from: equal to what the store holds, at every range, also after rows were rewritten."""

import json
import threading
from dataclasses import replace

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fieldline import Column, DataTable, between
from fieldline.cli.serve import context_of
from fieldline.groups import Known
from fieldline.quality.flags import merge
from fieldline.serve import pictures, rollup, states
from fieldline.serve.layouts import Layouts
from fieldline.settings import load
from fieldline.sinks.embedded import Embedded
from fieldline.sinks.looking import Wanted
from fieldline.sources.memory import Memory
from fieldline.tables import REGISTRY
from loopback import ServerError
from serving import serving

DAY = 86_400_000  # ms
START = pd.Timestamp("2024-03-01", tz="UTC")
FIRST = int(START.value // 10**6)
AT = {"bucket": "field", "measurement": "tower", "station": "46m"}


def tower(days=40.0, every=60, seed=1):
    """Rows of one station with a gap, flags of all five sorts and a field without any."""
    rng = np.random.default_rng(seed)
    count = int(days * 86_400 / every)
    index = pd.date_range(START, periods=count, freq=f"{every}s").as_unit("ns")
    flags = rng.choice([1, 2, 3, 4, 9], count, p=[0.9, 0.04, 0.03, 0.02, 0.01])
    frame = pd.DataFrame(
        {
            "Temp_46m": rng.normal(10, 5, count).round(3),
            "Temp_46m_qc": flags,
            "Temp_46m_qcbits": np.where(np.isin(flags, [3, 4]), rng.choice([2, 4, 6], count), 0),
            "Temp_3m": rng.normal(12, 5, count).round(3),
            "Wind_speed_46m": rng.gamma(2, 2, count).round(2),
            "Wind_dir_46m": rng.uniform(0, 360, count).round(1),
            "Soil_temp_2cm_st1": rng.normal(5, 1, count).round(2),
            "Soil_temp_2cm_st2": rng.normal(5, 1, count).round(2),
            "Soil_temp_20cm_st1": rng.normal(6, 1, count).round(2),
            "Battery_voltage": np.full(count, 12.6),
            "RECORD": np.arange(count),
            "note": ["fine"] * count,
            "station": "46m",
        },
        index=index,
    )
    frame.loc[rng.random(count) < 0.05, "Temp_3m"] = np.nan
    return frame[(index < START + pd.Timedelta("5D")) | (index > START + pd.Timedelta("6D"))]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A server of 40 days of rows, a minute each; it is the evening of the last day."""
    frame = tower()
    end = frame.index[-1] + pd.Timedelta("30s")
    with serving(tmp_path_factory.mktemp("panels"), tables=(), now=lambda: end) as server:
        server.store.write("field", "tower", frame, ("station",), {"Temp_46m": "degC", "Temp_3m": "degC"})
        server.frame = frame
        yield server


def around(start, end, **more):
    """The parameters for a part of the rows, in days since the first."""
    return {**AT, "start": FIRST + round(start * DAY), "end": FIRST + round(end * DAY), **more}


def refused(server, path, **words):
    """Status and words of a refusal."""
    with pytest.raises(ServerError) as caught:
        server.json(path, **words)
    return caught.value.status, json.loads(caught.value.body)["error"]


def numbers(values):
    return np.array([np.nan if one is None else one for one in values], dtype=float)


def expected(frame, field, start, width, count, good=False):
    """Mean, lowest, highest, worst flag of each window, by pandas."""
    values = frame[field]
    if good and f"{field}_qc" in frame:
        values = values.where(~frame[f"{field}_qc"].isin([3, 4]))
    window = (frame.index.as_unit("ns").asi8 // 10**6 - start) // width
    groups = values.groupby(window)
    frames = {"mean": groups.mean(), "min": groups.min(), "max": groups.max()}
    if f"{field}_qc" in frame:
        flags = frame[f"{field}_qc"].astype("uint8").groupby(window)
        none = np.zeros(1, dtype=bool)
        frames["worst"] = flags.apply(lambda one: merge([np.array([f], dtype=np.uint8) for f in set(one)], none)[0])
    return {name: one.reindex(range(count)).to_numpy(dtype=float) for name, one in frames.items()}


def test_rows_that_fit_come_as_they_are(served):
    answer = served.json("/api/series", **around(1, 1.1, field=["Temp_46m", "Temp_3m"], points=400))
    rows = served.frame[START + pd.Timedelta("1D") : START + pd.Timedelta("1.1D") - pd.Timedelta("1ns")]
    assert (answer["every_ms"], answer["rows"], len(answer["time"])) == (0, len(rows), len(rows))
    assert answer["time"] == list(rows.index.as_unit("ms").asi8)
    assert np.array_equal(numbers(answer["fields"]["Temp_3m"]["mean"]), rows["Temp_3m"], equal_nan=True)
    assert answer["fields"]["Temp_46m"]["worst"] == list(rows["Temp_46m_qc"])
    assert set(answer["fields"]["Temp_3m"]) == {"mean"}
    assert answer["newest"] == served.frame.index[-1].value // 10**6


@pytest.mark.parametrize("good", [0, 1])
@pytest.mark.parametrize(
    ("start", "end", "points"), [(0, 40, 1000), (0.3, 39.2, 300), (4.5, 6.5, 100), (0, 40, 4000), (-3, 45, 50)]
)
def test_windows_keep_the_extremes_and_the_worst_flag_and_show_gaps(served, start, end, points, good):
    words = around(start, end, field=["Temp_46m", "Temp_3m"], points=points, good=good)
    answer = served.json("/api/series", **words)
    width, times = answer["every_ms"], answer["time"]
    assert width and len(times) <= points + 2
    assert times[0] % width == 0 and times[0] <= words["start"] and words["end"] <= times[-1] + width
    inside = served.frame[
        (served.frame.index.as_unit("ms").asi8 >= times[0])
        & (served.frame.index.as_unit("ms").asi8 < times[-1] + width)
    ]
    assert answer["rows"] == len(inside)
    for field in ("Temp_46m", "Temp_3m"):
        found = answer["fields"][field]
        for name, wanted in expected(inside, field, times[0], width, len(times), bool(good)).items():
            assert np.allclose(numbers(found[name]), wanted, equal_nan=True, atol=2e-6), (field, name)
    if width < DAY / 2 and start < 5 and end > 6:
        gap = times.index(next(t for t in times if t > FIRST + 5 * DAY + width))
        assert [found[name][gap] for name in ("mean", "min", "max")] == [None, None, None]


def test_a_field_that_is_suspect_is_hidden_only_when_asked(served):
    words = around(0, 0.2, field="Temp_46m", points=4000)
    shown, hidden = (served.json("/api/series", **words, good=good)["fields"]["Temp_46m"] for good in (0, 1))
    flags = numbers(shown["worst"])
    assert np.isnan(numbers(hidden["mean"])[np.isin(flags, [3, 4])]).all()
    assert not np.isnan(numbers(shown["mean"])).any()
    assert hidden["worst"] == shown["worst"]


@pytest.mark.parametrize("days", [1, 40])  # by the store alone, and from memory
def test_rain_is_summed_over_windows(tmp_path, days):
    count = days * 1440
    index = pd.date_range(START, periods=count, freq="1min").as_unit("ns")
    rain = np.where(np.arange(count) % 7 == 0, 0.25, 0.0)
    rain[600:700] = np.nan
    frame = pd.DataFrame({"Rain_mm_Tot": rain, "Temp_3m": rain, "station": "46m"}, index=index)
    with serving(tmp_path, tables=(), now=lambda: index[-1]) as server:
        server.store.write("field", "tower", frame, ("station",), {"Rain_mm_Tot": "mm", "Temp_3m": "degC"})
        answer = server.json("/api/series", **around(0, days, field=["Rain_mm_Tot", "Temp_3m"], points=100))
        series = [s for g in server.json("/api/layout")["groups"] for p in g["panels"] for s in p["series"]]
    found = answer["fields"]["Rain_mm_Tot"]
    assert set(found) == {"mean", "sum"} and found["sum"] is True and answer["every_ms"]
    windows = (index.as_unit("ms").asi8 - answer["time"][0]) // answer["every_ms"]
    wanted = pd.Series(rain).groupby(windows).sum(min_count=1).reindex(range(len(answer["time"])))
    assert np.allclose(numbers(found["mean"]), wanted, equal_nan=True)
    assert "min" in answer["fields"]["Temp_3m"]
    assert {one["field"] for one in series if one["sum"]} == {"Rain_mm_Tot"}


def toward(degrees):
    """The direction of the sum of unit vectors; NaN without any. [deg]"""
    angles = np.radians(degrees.dropna())
    return np.degrees(np.arctan2(np.sin(angles).sum(), np.cos(angles).sum())) % 360 if len(angles) else np.nan


@pytest.mark.parametrize("good", [0, 1])
@pytest.mark.parametrize(("start", "end", "points"), [(0, 40, 1000), (0.3, 39.2, 300), (4.5, 6.5, 100), (0, 40, 50)])
def test_a_direction_has_the_mean_of_its_vectors_and_no_band(breezy, start, end, points, good):
    """By the store and by the roll-up, around north, with a value that is no direction."""
    answer = breezy.json("/api/series", **around(start, end, field="Wind_dir_46m", points=points, good=good))
    found, width = answer["fields"]["Wind_dir_46m"], answer["every_ms"]
    assert set(found) == {"mean", "worst"}
    values = breezy.frame["Wind_dir_46m"].where(breezy.frame["Wind_dir_46m"] >= 0)
    if good:
        values = values.where(~breezy.frame["Wind_dir_46m_qc"].isin([3, 4]))
    window = (breezy.frame.index.as_unit("ns").asi8 // 10**6 - answer["time"][0]) // width
    wanted = values.groupby(window).apply(toward).reindex(range(len(answer["time"]))).to_numpy(dtype=float)
    means = numbers(found["mean"])
    assert np.array_equal(np.isnan(means), np.isnan(wanted))
    assert np.nanmax(np.abs((means - wanted + 180) % 360 - 180)) < 1e-3
    assert np.nanmax(np.minimum(means, 360 - means)) < 60, "wind from the north became wind from the south"


def test_a_fingerprint_of_a_direction_is_of_vectors(breezy):
    words = around(0, 40, field="Wind_dir_46m")
    values = np.array([numbers(day) for day in breezy.json("/api/fingerprint", **words)["values"]])
    assert np.nanmax(np.minimum(values, 360 - values)) < 60


def test_directions_that_cancel_out_have_no_mean():
    angles = np.radians([[90, 270], [359, 1], [10, 20]])
    found = pictures.toward(np.sin(angles).sum(axis=1), np.cos(angles).sum(axis=1), np.array([2, 2, 2]))
    assert np.array_equal(found, [np.nan, 0, 15], equal_nan=True)


@pytest.fixture(scope="module")
def breezy(tmp_path_factory):
    """A server of 40 days of wind from around north."""
    frame, rng = tower(), np.random.default_rng(5)
    frame["Wind_dir_46m"] = (rng.normal(0, 20, len(frame)) % 360).round(1)
    frame["Wind_dir_46m_qc"] = rng.choice([1, 4], len(frame), p=[0.9, 0.1])
    frame.loc[frame.index[1000:1100], "Wind_dir_46m"] = -9999.0
    with serving(tmp_path_factory.mktemp("breezy"), tables=(), now=lambda: frame.index[-1]) as server:
        server.store.write("field", "tower", frame, ("station",), {"Wind_dir_46m": "deg"})
        server.frame = frame
        yield server


def test_a_day_that_is_written_anew_shows(tmp_path):
    """From memory too: through this process, and when somebody's own DuckDB wrote."""
    with serving(tmp_path, tables=()) as server:
        server.store.write("field", "tower", tower(40), ("station",))
        words = around(0, 40, field="Temp_3m", points=1000)
        before = server.json("/api/series", **words)["fields"]["Temp_3m"]
        assert before == server.json("/api/series", **words)["fields"]["Temp_3m"]
        other = Embedded(server.store.path)
        anew = tower(40).loc["2024-03-12", ["Temp_3m", "station"]].assign(Temp_3m=500.0)
        other.write("field", "tower", anew, ("station",))
        after = server.json("/api/series", **words)
        touched = [a != b for a, b in zip(before["max"], after["fields"]["Temp_3m"]["max"], strict=True)]
        days = {(time - FIRST) // DAY for time, new in zip(after["time"], touched, strict=True) if new}
        assert days == {11}
        other.close()
        server.store.close()
        with duckdb.connect(server.store.path) as own:
            own.execute("UPDATE field.tower SET Temp_3m = -500 WHERE time::DATE = '2024-03-02'")
        assert (
            min(one for one in server.json("/api/series", **words)["fields"]["Temp_3m"]["min"] if one is not None)
            == -500
        )


def test_rows_that_expired_are_gone_from_memory(tmp_path):
    with serving(tmp_path, tables=()) as server:
        server.store.write("field", "tower", tower(40), ("station",))
        words = around(0, 40, field="Temp_3m", points=1000)
        assert server.json("/api/series", **words)["rows"] == len(tower(40))
        server.store.retain("field", 10)
        server.store.expire(START + pd.Timedelta("40D"))
        assert server.json("/api/series", **words)["rows"] == 10 * 1440


def test_new_rows_of_a_new_station_and_field_are_in_the_layout_at_once(tmp_path):
    with serving(tmp_path, tables=()) as server:
        assert server.json("/api/layout")["groups"] == []
        assert server.json("/api/status")["tables"] == []
        server.store.write("field", "tower", tower(0.1), ("station",))
        assert server.json("/api/layout")["stations"] == ["46m"]
        server.store.write("field", "tower", tower(0.1).assign(station="3m", CO2_3m=400.0), ("station",))
        layout = server.json("/api/layout")
        assert layout["stations"] == ["3m", "46m"]
        assert "gases" in [group["id"] for group in layout["groups"]]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    writes=st.lists(st.tuples(st.integers(0, 20_000), st.integers(1, 600), st.floats(-50, 50)), min_size=1, max_size=6),
    views=st.lists(st.tuples(st.integers(-4_000, 20_000), st.integers(1, 9_000)), min_size=2, max_size=5),
)
def test_memory_and_store_agree_whatever_is_written_between(tmp_path_factory, writes, views):
    """Windows from memory are those that the store gives, after each of several writes, with blocks given up."""
    store = Embedded(tmp_path_factory.mktemp("rollup") / "store.duckdb")
    store.create("field", None)
    kept = rollup.Rollup(store.path, most=300_000)
    wanted = [Wanted("x", part) for part in ("all", "good", "turns", "good turns", "flags")] + [Wanted("", "rows")]
    for minute, count, value in writes:
        index = pd.date_range(START + pd.Timedelta(minutes=7 * minute), periods=count, freq="7min").as_unit("ns")
        flags = np.resize([1, 3, 9, 4, 2], count)
        store.write(
            "field", "m", pd.DataFrame({"x": value + np.arange(count), "x_qc": flags, "x_qcbits": flags}, index=index)
        )
        for first, length in views:
            base = int(START.value) // rollup.BASE + first

            def both(look, base=base, length=length):
                at, found = look.windows("", wanted, base * rollup.BASE, (base + length) * rollup.BASE, rollup.BASE)
                plain = {one: rollup.gridded(at, found[one], base, length) for one in wanted}
                return plain, kept.windows(look, "", wanted, base, length)

            plain, held = store.look("field", "m", both)
            for one in wanted:
                for name, values in plain[one].items():
                    assert np.array_equal(values, held[one][name], equal_nan=values.dtype.kind == "f"), (one, name)
    store.close()


def test_flags_are_runs_with_the_names_of_the_checks(served):
    runs = served.json("/api/flags", **around(1, 1.2, field="Temp_46m", points=1000))["fields"]["Temp_46m"]
    rows = served.frame[START + pd.Timedelta("1D") : START + pd.Timedelta("1.2D") - pd.Timedelta("1ns")]
    bad = [run for run in runs if run[2] in (3, 4)]
    assert {name for run in bad for name in run[3]} == {"between", "spike"}
    assert sum((end - start) // 60_000 + 1 for start, end, _, _ in runs) == len(rows)
    long = served.json("/api/flags", **around(0, 40, field=["Temp_46m", "Temp_3m"], points=200))
    assert long["every_ms"] and long["fields"]["Temp_3m"] == []
    gap = [
        (a[1], b[0])
        for a, b in zip(long["fields"]["Temp_46m"], long["fields"]["Temp_46m"][1:], strict=False)
        if b[0] > a[1]
    ]
    assert len(gap) == 1 and FIRST + 5 * DAY <= gap[0][0] < gap[0][1] <= FIRST + 6.5 * DAY


@pytest.mark.parametrize("zone", ["-05:00", "+05:45", "America/Detroit"])
def test_a_fingerprint_is_by_the_stations_clock(served, zone):
    def work(look):
        asked = pictures.Asked("46m", ("Temp_46m",), FIRST * 10**6, (FIRST + 40 * DAY) * 10**6, 1000)
        return pictures.fingerprint(look, rollup.Rollup(served.store.path), asked, zone)

    made = served.store.look("field", "tower", work)
    there = served.frame["Temp_46m"].copy()
    offset = pd.Timedelta(hours=5, minutes=45) if zone[0] == "+" else pd.Timedelta(hours=-5)
    there.index = (
        there.index.tz_convert(zone).tz_localize(None) if "/" in zone else there.index.tz_localize(None) + offset
    )
    wanted = there.groupby([there.index.normalize(), there.index.hour * 4 + there.index.minute // 15]).mean()
    assert made["slots"] == 96
    days = pd.DatetimeIndex(np.array(made["days"]) * 10**6, tz="UTC")
    local = days.tz_convert(zone).tz_localize(None) if "/" in zone else days.tz_localize(None) + offset
    assert (local == local.normalize()).all()
    for (day, slot), value in wanted.items():
        assert made["values"][local.get_loc(day)][slot] == pytest.approx(value, abs=2e-6)
    assert np.count_nonzero(~np.isnan(made["values"])) == len(wanted)


def test_missing_rows_are_a_share_of_each_day(served):
    answer = served.json("/api/missing", **around(0, 40))
    shares = dict(zip(answer["days"], answer["share"], strict=True))
    assert answer["interval_s"] == 60
    assert shares[FIRST + 5 * DAY] == pytest.approx(1 / 1440, abs=1e-3)
    assert [share for day, share in shares.items() if day not in (FIRST + 5 * DAY, FIRST + 6 * DAY)] == [1.0] * 38


def test_days_before_the_first_row_lack_nothing(served):
    answer = served.json("/api/missing", **around(-10, 40))
    assert answer["share"][:10] == [None] * 10 and answer["share"][10] == 1
    early = served.json("/api/missing", **around(-10, -5))
    assert set(early["share"]) == {None}
    nowhere = served.json("/api/missing", **(around(0, 40) | {"station": "nowhere"}))
    assert set(nowhere["share"]) == {None}


def test_the_first_row_may_come_later(tmp_path):
    """Older rows that are read afterwards make older days count."""
    with serving(tmp_path, tables=(), now=lambda: START + pd.Timedelta("3D")) as server:
        rows = tower(3)
        server.store.write("field", "tower", rows.iloc[1440 * 2 :], ("station",))
        assert server.json("/api/missing", **around(0, 3))["share"] == [None, None, 1]
        server.store.write("field", "tower", rows.iloc[1440 : 1440 * 2 : 2], ("station",))
        assert server.json("/api/missing", **around(0, 3))["share"] == [None, pytest.approx(0.5, abs=0.01), 1]


@pytest.mark.parametrize(("minutes", "slots"), [(1, 96), (15, 96), (30, 48), (50, 24), (1440, 1)])
def test_a_slot_of_a_fingerprint_is_as_long_as_rows_are_apart(tmp_path, minutes, slots):
    index = pd.date_range(START, periods=20 * 1440 // minutes, freq=f"{minutes}min").as_unit("ns")
    with serving(tmp_path, tables=()) as server:
        server.store.write("field", "tower", pd.DataFrame({"x": 1.0, "station": "46m"}, index=index), ("station",))
        answer = server.json("/api/fingerprint", **around(0, 20, field="x"))
        assert answer["slots"] == slots
        whole = [value for day in answer["values"][1:-1] for value in day]
        assert whole.count(1) >= len(whole) * 0.95


def test_a_rose_counts_every_row_once(served):
    answer = served.json("/api/rose", **around(0, 40, speed="Wind_speed_46m", direction="Wind_dir_46m"))
    speed, direction = served.frame["Wind_speed_46m"], served.frame["Wind_dir_46m"]
    assert answer["total"] == sum(map(sum, answer["counts"])) + answer["calm"] == len(served.frame)
    assert answer["calm"] == (speed < answer["edges"][0]).sum()
    north = ((direction >= 348.75) | (direction < 11.25)) & (speed >= 0.5)
    assert sum(answer["counts"][0]) == north.sum()
    assert answer["counts"][4][1] == (direction.between(78.75, 101.25, "left") & speed.between(2, 4, "left")).sum()


def counted(frame, edges, good=False):
    """Rows by sector and class of speed, calm first."""
    if good:
        frame = frame[~frame["Temp_46m_qc"].isin([3, 4])]
    speed, direction = frame["Temp_46m"], frame["Wind_dir_46m"]
    found = np.zeros((16, len(edges) + 1), dtype=int)
    sector = ((direction + 11.25) // 22.5).astype(int) % 16
    np.add.at(found, (sector, np.searchsorted(edges, speed, "right")), 1)
    return found


def test_a_rose_from_memory_is_that_of_the_rows(tmp_path):
    """Whole days and parts of days, with and without bad values, also after a day was written anew."""
    frame = tower(12)
    with serving(tmp_path, tables=()) as server:
        server.store.write("field", "tower", frame, ("station",))
        for step in range(3):
            for start, end in ((0, 12), (0.3, 11.6), (2.2, 2.4), (2.2, 3.1), (-3, 30), (3, 4)):
                for good in (0, 1):
                    words = around(start, end, speed="Temp_46m", direction="Wind_dir_46m", good=good)
                    answer = server.json("/api/rose", **words)
                    times = frame.index.as_unit("ms").asi8
                    rows = frame[(times >= words["start"]) & (times < words["end"])]
                    wanted = counted(rows, answer["edges"], bool(good))
                    assert np.array_equal(answer["counts"], wanted[:, 1:]), (step, start, end, good)
                    assert (answer["calm"], answer["total"]) == (wanted[:, 0].sum(), wanted.sum())
            day = frame.index.floor("D") == START + pd.Timedelta(days=3 + step)
            frame.loc[day, "Wind_dir_46m"] = 100.0 + 50 * step
            server.store.write("field", "tower", frame.loc[day, ["Wind_dir_46m", "station"]], ("station",))


def test_the_soil_is_a_mean_for_each_depth(served):
    fields = ["Soil_temp_20cm_st1", "Soil_temp_2cm_st1", "Soil_temp_2cm_st2"]
    answer = served.json("/api/soil", **around(0, 0.1, field=fields))
    rows = served.frame[START : START + pd.Timedelta("0.1D") - pd.Timedelta("1ns")]
    assert answer["depths"] == [0.02, 0.2]
    assert np.allclose(answer["values"][0], rows[fields[1:]].mean(axis=1), atol=1e-6)


def test_a_profile_has_the_values_nearest_to_a_time(served):
    rows = served.frame
    answer = served.json("/api/profile", **AT, time=FIRST + 61_000, field=["Temp_46m", "Temp_3m"])
    assert answer["fields"]["Temp_46m"] == {"time": FIRST + 60_000, "value": rows["Temp_46m"].iloc[1]}
    silent = served.json("/api/profile", **AT, time=FIRST + round(5.5 * DAY), field="Temp_46m")
    assert silent["fields"] == {"Temp_46m": None}


def test_status_says_how_each_table_is_doing(served):
    (table,) = served.json("/api/status")["tables"]
    assert table["oldest"] == served.frame.index[0].value // 10**6
    assert (table["state"], table["battery"], table["battery_state"]) == ("good", 12.6, "good")
    assert (table["age_s"], table["interval_s"]) == (30, 60)
    midnight = pictures.midnights([FIRST // DAY + 39], served.context.zone)[0]
    assert table["rows_today"] == (served.frame.index.as_unit("ms").asi8 >= midnight).sum()


def test_each_station_of_a_network_has_its_own_state(tmp_path):
    """Of one measurement: rows every minute, every half hour, silent for days, and too few to tell."""
    now = pd.Timestamp("2026-06-25T10:50Z")
    plan = {"quick": ("1min", 90, 0), "slow": ("30min", 40, 0), "quiet": ("10min", 50, 3 * 1440), "new": ("1min", 1, 0)}
    with serving(tmp_path / "home", keys=False, tables=[], now=lambda: now) as server:
        for number, (station, (every, rows, ago)) in enumerate(plan.items()):
            times = pd.date_range(end=now - pd.Timedelta(minutes=ago), periods=rows, freq=every).as_unit("ns")
            volts = np.linspace(12, 11 + number / 4, rows)
            frame = pd.DataFrame({"station": station, "Temp": 1.0, "batt_volt": volts}, index=times)
            server.store.write("field", "nodes", frame, ("station",))
        for _ in range(2):  # what is remembered is the same
            found = {table["station"]: table for table in server.json("/api/status")["tables"]}
            assert {name: table["interval_s"] for name, table in found.items()} == {
                "quick": 60, "slow": 1800, "quiet": 600, "new": None
            }  # fmt: skip
            assert {name: table["state"] for name, table in found.items()} == {
                "quick": "good", "slow": "good", "quiet": "silent", "new": "unknown"
            }  # fmt: skip
            assert {name: table["rows_today"] for name, table in found.items()} == {
                "quick": 90, "slow": 22, "quiet": 0, "new": 1
            }  # fmt: skip
            volts = {name: table["battery"] for name, table in found.items()}
            assert volts == {"quick": 11, "slow": 11.25, "quiet": 11.5, "new": 12}
        frame = pd.DataFrame({"station": "new", "Temp": 1.0}, index=[now - pd.Timedelta("5s")])
        server.store.write("field", "nodes", frame.set_axis(frame.index.as_unit("ns")), ("station",))
        (new,) = (one for one in server.json("/api/status")["tables"] if one["station"] == "new")
        assert (new["interval_s"], new["rows_today"], new["battery"]) == (5, 2, 12)


@pytest.mark.parametrize("tag", ["station", "device_id", "node", "serial"])
def test_devices_are_kept_apart_by_the_tag_that_names_them(tmp_path, tag):
    with serving(tmp_path / "home", keys=False, tables=[]) as server:
        times = pd.date_range(end=pd.Timestamp.now("UTC").floor("s"), periods=60, freq="1min").as_unit("ns")
        for device, value in (("a", 1.0), ("b", 2.0)):
            server.store.write("field", "nodes", pd.DataFrame({tag: device, "Temp": value}, index=times), (tag,))
        found = [(one["station"], one["interval_s"]) for one in server.json("/api/status")["tables"]]
        assert found == [("a", 60), ("b", 60)]
        assert server.json("/api/layout")["stations"] == ["a", "b"]
        words = {"start": times[0].value // 10**6, "end": times[-1].value // 10**6, "field": "Temp"}
        for device, value in (("a", 1.0), ("b", 2.0)):
            answer = server.json("/api/series", bucket="field", measurement="nodes", station=device, **words)
            assert set(answer["fields"]["Temp"]["mean"]) == {value}


@pytest.mark.parametrize(
    ("age", "interval", "state"),
    [(None, 5, "empty"), (-3, 5, "good"), (300, 5, "good"), (1000, 5, "late"), (3600, 5, "silent"),
     (2400, 1800, "good"), (4000, 1800, "late"), (7200, 1800, "silent"), (86_400, None, "unknown"),
     (-601, 5, "ahead"), (-7.4e9, 86_400, "ahead"), (-601, None, "ahead"), (-599, 86_400, "good")],
)  # fmt: skip
def test_a_table_is_late_before_it_is_silent(age, interval, state):
    assert states.state_of(age, interval) == state
    assert states.words_of(state, age, interval)


def test_the_layout_has_the_declared_units_limits_and_interval(tmp_path):
    class PanelsTower(DataTable):
        """Temperature, every minute."""

        table, bucket, measurement, timezone, interval = "t", "field", "tower", "-05:00", 60
        columns = {"Temp_46m": Column("Temp_46m", "degC", (between(-40, 50, suspect=(-30, 40)),))}  # noqa: RUF012

    try:
        with serving(tmp_path, tables=(PanelsTower,)) as server:
            server.store.write("field", "tower", tower(0.1), ("station",))
            layout = server.json("/api/layout")
    finally:
        del REGISTRY["PanelsTower"]
    (table,) = layout["tables"]
    field = next(one for one in table["fields"] if one["name"] == "Temp_46m")
    assert (table["interval_s"], field["unit"], field["limits"], field["height_m"]) == (60, "°C", [-40, 50], 46)
    assert field["flags"] is True
    assert not {"RECORD", "note", "station", "Temp_46m_qc"} & {one["name"] for one in table["fields"]}
    kinds = {panel["kind"] for group in layout["groups"] for panel in group["panels"]}
    assert {"lines", "pair", "rose", "fingerprint", "flags", "missing"} <= kinds


def test_the_layout_is_made_once_until_something_is_written(tmp_path):
    with serving(tmp_path, tables=()) as server:
        server.store.write("field", "tower", tower(0.1), ("station",))
        later = replace(server.context, now=lambda: pd.Timestamp.now("UTC") + pd.Timedelta("1min"))
        read = []

        def known():
            read.append(server.store.catalogue()["field"]["tower"])
            return [Known("field", "tower", "46m", read[-1])]

        layouts = Layouts(later, known)
        first = layouts.body(lambda bucket: True)
        assert layouts.body(lambda bucket: True) is first and len(read) == 1
        assert json.loads(layouts.body(lambda bucket: False))["groups"] == [] and len(read) == 1
        server.store.write("field", "tower", tower(0.1), ("station",))
        assert layouts.body(lambda bucket: True) is first and len(read) == 2, "the same tables give the same layout"
        server.store.write("field", "tower", tower(0.1).assign(CO2_3m=400.0), ("station",))
        assert "CO2_3m" in layouts.body(lambda bucket: True).decode()
        soon = Layouts(server.context, known)
        for _ in range(2):
            count = len(read)
            soon.body(lambda bucket: True)
            assert len(read) == count + 1, "a file that was written just now may change without a new time"


def test_heights_and_other_names_come_from_the_configuration(tmp_path):
    text = """quality:
  site:
    heights: {TA_1_1_1: 46, Boden: -0.3}
    instruments: {"TA_*": Vaisala HMP155}
  aliases: {Boden: TS}
"""
    (tmp_path / "site.yaml").write_text(text, encoding="utf-8")
    own = context_of(load(tmp_path / "site.yaml", project=tmp_path), tmp_path, True)
    with serving(tmp_path, tables=()) as server:
        frame = tower(0.1)[["Temp_3m", "Battery_voltage", "station"]]
        frame = frame.rename(columns={"Temp_3m": "TA_1_1_1", "Battery_voltage": "Boden"})
        server.store.write("field", "tower", frame, ("station",))
        context = replace(server.context, heights=own.heights, aliases=own.aliases, instruments=own.instruments)
        known = [Known("field", "tower", "46m", server.store.fields("field", "tower"))]
        told = json.loads(Layouts(context, lambda: known).body(lambda bucket: True))
    places = {one["name"]: (one["height_m"], one["depth_m"]) for one in told["tables"][0]["fields"]}
    assert places == {"TA_1_1_1": (46, None), "Boden": (None, 0.3)}
    assert {one["name"]: one["instrument"] for one in told["tables"][0]["fields"]} == {
        "TA_1_1_1": "Vaisala HMP155",
        "Boden": None,
    }


def test_status_tells_what_was_set_aside_today(tmp_path):
    """By runs that the store knows, and by those that still wait for it."""
    now = START + pd.Timedelta("20h")
    with serving(tmp_path, tables=(), now=lambda: now) as server:
        assert server.json("/api/status")["run"] is None
        memory = Memory(tmp_path / "state.db")
        memory.keep_notes(began=now.isoformat())
        memory.add_runs(now.value, [{"quarantined": 3, "job": "a"}])
        memory.add_runs((now - pd.Timedelta("2D")).value, [{"quarantined": 50, "job": "a"}])
        memory.close()
        assert server.json("/api/status")["run"]["quarantined_today"] == 3
        index = pd.DatetimeIndex([now - pd.Timedelta("2D"), now - pd.Timedelta("1h")]).as_unit("ns")
        runs = pd.DataFrame({"quarantined": [70, 4], "job": "a"}, index=index)
        server.store.write("field", "runs", runs, ("job",))
        assert server.json("/api/status")["run"]["quarantined_today"] == 7


def test_status_tells_why_the_last_run_failed_to_whom_may_read_all(tmp_path):
    now = START + pd.Timedelta("20h")
    trouble = "/mnt/z/umbs.dat: found no file, expected one. Is the drive connected?"
    with serving(tmp_path, tables=(), now=lambda: now) as server:
        server.store.create("other", None)
        memory = Memory(tmp_path / "state.db")
        memory.keep_notes(began=now.isoformat(), ended=now.isoformat(), status="1")
        earlier = {"job": "tower", "ok": False, "message": "of the run before"}
        memory.add_runs((now - pd.Timedelta("1h")).value, [earlier])
        memory.add_runs(now.value, [{"job": "tower", "ok": False, "message": trouble}, {"job": "b", "ok": True}])
        key = server.context.keys.add("visitor", ["field"], [])[0]
        assert server.json("/api/status")["run"]["troubles"] == [f"tower: {trouble}"]
        assert server.json("/api/status", key)["run"]["troubles"] == []
        memory.drop_runs(now.value)
        times = pd.DatetimeIndex([now - pd.Timedelta("1h"), now, now]).as_unit("ns")
        said = {"ok": [False, False, True], "message": ["of the run before", trouble, "ok"]}
        runs = pd.DataFrame({"job": ["tower", "tower", "b"], **said}, index=times)
        server.store.write("field", "runs", runs, ("job",))
        assert server.json("/api/status")["run"]["troubles"] == [f"tower: {trouble}"]
        memory.keep_notes(status="0")
        assert server.json("/api/status")["run"]["troubles"] == []
        memory.close()


def test_every_panel_of_the_layout_can_be_asked_for(served):
    seen = {}
    for group in served.json("/api/layout")["groups"]:
        for panel in group["panels"]:
            for one in panel["series"]:
                seen[one["bucket"], one["measurement"], one["station"], one["field"]] = one
    for bucket, measurement, station, field in seen:
        words = around(0, 1, field=field) | {"bucket": bucket, "measurement": measurement, "station": station}
        assert served.json("/api/series", **words)["rows"]


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"start": FIRST + DAY}, 400, "before end"),
        ({"start": FIRST - 21 * 366 * DAY}, 400, "expected at most 7320"),
        ({"start": "yesterday"}, 422, "start"),
        ({"start": 10**18}, 422, "start"),
        ({"start": "NaN"}, 422, "start"),
        ({"points": 49}, 422, "points"),
        ({"points": 4001}, 422, "points"),
        ({"good": 2}, 422, "good"),
        ({"field": "Temp_46"}, 404, "Temp_46m"),
        ({"field": "note"}, 404, "expected a field with numbers"),
        ({"field": "station"}, 404, "expected a field with numbers"),
        ({"field": ["Temp_3m", "Temp_3m"]}, 400, "twice"),
        ({"field": [f"x{n}" for n in range(41)]}, 422, "field"),
        ({"bucket": "elsewhere"}, 404, "no such bucket"),
        ({"measurement": "elsewhere"}, 404, "elsewhere"),
        ({"colour": "red"}, 400, "unknown parameter"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(served, change, status, words):
    found = refused(served, "/api/series", **(around(0, 1, field="Temp_46m") | change))
    assert found[0] == status and words in found[1]
    assert str(served.store.path) not in found[1]


def test_a_station_that_is_not_there_has_no_rows(served):
    answer = served.json("/api/series", **(around(0, 1, field="Temp_46m") | {"station": "nowhere'; DROP"}))
    assert (answer["rows"], answer["time"], answer["newest"]) == (0, [], None)


def test_names_may_be_anything(tmp_path):
    names = ['a"b', "<b>", "time", "x' OR 1=1 --", "µ {it} %s", "Temp_2m"]
    index = pd.date_range(START, periods=5_000, freq="1min").as_unit("ns")
    frame = pd.DataFrame({name: np.arange(5_000.0) for name in names}, index=index).assign(station="<i>&'")
    with serving(tmp_path, tables=(), bucket='bu"ck {et}') as server:
        server.store.write('bu"ck {et}', "m'; --", frame, ("station",))
        layout = server.json("/api/layout")
        assert {one["name"] for one in layout["tables"][0]["fields"]} == set(names)
        at = {
            "bucket": 'bu"ck {et}',
            "measurement": "m'; --",
            "station": "<i>&'",
            "start": FIRST,
            "end": FIRST + 4 * DAY,
        }
        for points in (50, 4000):
            answer = server.json("/api/series", **at, field=names, points=points)
            assert answer["rows"] == 5_000


def test_a_key_sees_only_its_buckets(served):
    served.store.create("secret", None)
    served.store.write("secret", "tower", tower(0.1), ("station",))
    key = served.context.keys.add("field only", ["field"])[0]
    assert {one["bucket"] for one in served.json("/api/layout", key)["tables"]} == {"field"}
    assert {one["bucket"] for one in served.json("/api/status", key)["tables"]} == {"field"}
    with pytest.raises(ServerError) as caught:
        served.json("/api/series", key, **(around(0, 0.1, field="Temp_46m") | {"bucket": "secret"}))
    assert caught.value.status == 403


def test_many_may_look_at_once_while_rows_come(tmp_path):
    frame = tower(40)
    with serving(tmp_path, tables=()) as server:
        server.store.write("field", "tower", frame.iloc[:-600], ("station",))
        words, faults = around(0, 40, field=["Temp_46m", "Temp_3m"], points=1000), []

        def look():
            try:
                for _ in range(5):
                    server.json("/api/series", **words)
                    server.json("/api/status")
            except Exception as error:  # told below
                faults.append(error)

        readers = [threading.Thread(target=look) for _ in range(4)]
        for reader in readers:
            reader.start()
        for first in range(len(frame) - 600, len(frame), 100):
            server.store.write("field", "tower", frame.iloc[first : first + 100], ("station",))
        for reader in readers:
            reader.join()
        assert faults == []
        assert server.json("/api/series", **words)["rows"] == len(frame)
