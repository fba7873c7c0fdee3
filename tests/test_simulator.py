"""The simulated tower: bytes like LoggerNet's, weather that could be, faults where truth.json says."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fieldline.errors import InputError
from fieldline.simulator import FAULTS, simulate
from fieldline.simulator.logger import fp2, header, ieee4, lines, payloads
from fieldline.simulator.sun import position
from fieldline.simulator.tables import FAST, FLUX, PAR, TABLES

END = datetime(2024, 6, 18)
FILES = [f"{table.stem}.dat" for table in TABLES]
PLACES = {table.name: f"{table.stem}.dat" for table in TABLES}


def run(folder: Path, days: float, until: datetime = END, **options):
    simulate(folder, days=days, until=until, **options)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def rows(path: Path) -> pd.DataFrame:
    """Whole rows of a file, in file order; NULs dropped."""
    text = path.read_bytes().replace(b"\0", b"")
    whole = text[: text.rindex(b"\n") + 1].decode()
    frame = pd.read_csv(StringIO(whole), skiprows=[0, 2, 3], na_values=["NAN"])
    frame["TIMESTAMP"] = pd.to_datetime(frame["TIMESTAMP"])
    return frame


def truth(folder: Path) -> list[dict]:
    return json.loads((folder / "truth.json").read_text())


def station(utc: str) -> pd.Timestamp:
    return pd.Timestamp(utc).tz_localize(None) - pd.Timedelta(hours=5)


def within(frame: pd.DataFrame, item: dict) -> pd.DataFrame:
    return frame[frame["TIMESTAMP"].between(station(item["start"]), station(item["end"]))]


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clean")
    simulate(folder, days=6, until=END)
    return folder


@pytest.fixture(scope="module")
def faulty(tmp_path_factory) -> Path:
    """The days of `clean` with every fault."""
    folder = tmp_path_factory.mktemp("faulty")
    simulate(folder, days=6, until=END, faults=["all"])
    return folder


# Bytes


def test_a_file_is_what_loggernet_writes():
    course = {
        "PPFD": np.array([624.6105, np.nan]),
        "Total_PPFD": np.array([573.44, 578.8]),
        "Diffuse_PPFD": np.array([562.04, 0.0]),
        "calPPFD": np.array([8123.0, 1.089]),
        "Solar_inci": np.array([-0.1234, 1000.4]),
    }
    stamps = np.array(["2021-06-25T10:50:05", "2021-06-25T10:50:10"], dtype="datetime64[s]").astype(np.int64)
    text = payloads(PAR.fields, course, np.arange(2))
    data = header(PAR) + b"".join(lines(stamps, np.array([260623, 260624]), text))
    assert data == (
        b'"TOA5","46m","CR5000","1041","CR5000.Std.07","CPU:Y21_46M_PARCal.CR5","6827","PARCal_2019"\r\n'
        b'"TIMESTAMP","RECORD","PPFD","Total_PPFD","Diffuse_PPFD","calPPFD","Solar_inci"\r\n'
        b'"TS","RN","umol/m^2/s","","","",""\r\n'
        b'"","","Smp","Smp","Smp","Smp","Smp"\r\n'
        b'"2021-06-25 10:50:05",260623,624.6105,573.4,562,7999,-0.123\r\n'
        b'"2021-06-25 10:50:10",260624,"NAN",578.8,0,1.089,1000\r\n'
    )


@pytest.mark.parametrize(
    ("number", "short", "long"),
    [
        (0.0, "0", "0"),
        (-0.0001, "0", "-0.0001"),
        (0.0000929, "0", "9.29E-05"),
        (7.99949, "7.999", "7.99949"),
        (7.9996, "8", "7.9996"),
        (12.346, "12.35", "12.346"),
        (-123.46, "-123.5", "-123.46"),
        (799.96, "800", "799.96"),
        (1234.56789, "1235", "1234.568"),
        (9999.0, "7999", "9999"),
        (np.nan, '"NAN"', '"NAN"'),
    ],
)
def test_numbers_have_the_digits_that_the_type_holds(number, short, long):
    assert fp2(np.array([number])) == [short]
    assert ieee4(np.array([number])) == [long]


def test_every_table_is_there_with_its_rows_and_records(clean):
    counts = {name: len(rows(clean / name)) for name in FILES}
    assert list(counts.values()) == [6 * 17280, 6 * 1440, 6 * 48, 6 * 48, 6]
    for name in FILES:
        frame = rows(clean / name)
        assert frame["RECORD"].tolist() == list(range(len(frame)))
        assert frame["TIMESTAMP"].iloc[-1] == END
    assert json.loads((clean / "truth.json").read_text()) == []


def test_daily_times_are_quoted_and_lie_in_the_day_that_ends_at_the_stamp(clean):
    line = (clean / "umbs_daily.dat").read_bytes().splitlines()[4]
    assert line.count(b'"') == 2 * (1 + sum(field.kind == "TIME" for field in TABLES[4].fields))
    frame = rows(clean / "umbs_daily.dat")
    for name in ("Temp_46m_TMx", "CO2_0m_TMn", "Wind_speed_46m_TMx"):
        age = frame["TIMESTAMP"] - pd.to_datetime(frame[name])
        assert (age >= pd.Timedelta(0)).all() and (age < pd.Timedelta(days=1)).all()


def test_daily_extremes_are_those_of_the_minutes(clean):
    fast, daily = rows(clean / "umbs_fastdata.dat"), rows(clean / "umbs_daily.dat")
    assert daily["Temp_46m_Max"].iloc[0] == fast["Temp_46m"].iloc[:1440].max()


# The same whatever the cutting


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    one = run(tmp_path / "a", 0.5)
    assert one == run(tmp_path / "b", 0.5)
    assert one["umbs_fastdata.dat"] != run(tmp_path / "c", 0.5, seed=2)["umbs_fastdata.dat"]


@pytest.mark.parametrize("faults", ["none", "all", *FAULTS])
def test_two_days_at_once_are_two_days_in_pieces(tmp_path, faults):
    whole = run(tmp_path / "whole", 2, faults=[faults])
    start = END - timedelta(days=2)
    for minutes in (7, 611, 1440, 1445, 1999, 2600, 2880):
        part = run(tmp_path / "parts", minutes / 1440, start + timedelta(minutes=minutes), faults=[faults])
    if faults in {"all", "overwrite"}:
        # What was once in an overwritten file stays in the list, so it depends on when the file was written.
        whole.pop("truth.json"), part.pop("truth.json")
    assert part == whole


def test_a_second_run_with_nothing_new_writes_nothing(tmp_path):
    before = run(tmp_path, 0.3, faults=["all"])
    assert simulate(tmp_path, days=0.3, until=END, faults=["all"]) == []
    assert simulate(tmp_path, days=0.3, until=END - timedelta(hours=2), faults=["all"]) == []
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_rows_written_are_rows_returned(tmp_path):
    said: list[str] = []
    written = simulate(tmp_path, days=1.2, until=END, faults=["all"], progress=said.append)
    assert {item.path.name: item.rows for item in written} == {
        path.name: len(rows(path)) for path in tmp_path.iterdir() if path.name != "truth.json"
    }
    assert said and said[-1].startswith("2024-06-17: ")


def test_a_file_with_another_header_is_not_touched(tmp_path):
    foreign = header(replace(FAST, fields=FAST.fields[:3]))
    (tmp_path / "umbs_fastdata.dat").write_bytes(foreign)
    with pytest.raises(InputError, match="Move the file away or choose another folder"):
        simulate(tmp_path, days=1, until=END)
    assert (tmp_path / "umbs_fastdata.dat").read_bytes() == foreign


def test_bad_arguments_are_refused_with_a_remedy(tmp_path):
    with pytest.raises(InputError, match="Did you mean 'spike'"):
        simulate(tmp_path, days=1, until=END, faults=["spkie"])
    with pytest.raises(InputError, match="above 0"):
        simulate(tmp_path, days=0, until=END)
    with pytest.raises(InputError, match="drop the zone"):
        simulate(tmp_path, days=1, until=pd.Timestamp("2024-06-18", tz="UTC").to_pydatetime())


# Plausible


@pytest.mark.parametrize(
    ("moment", "elevation", "azimuth"),
    [("2024-06-20 12:41", 67.9, 180.0), ("2024-03-20 06:46", 0.0, 90.0), ("2024-12-21 12:37", 21.0, 180.0)],
)
def test_the_sun_stands_where_astronomy_says(moment, elevation, azimuth):
    """Noon heights are 90 - 45.56 -+ 23.44 degrees; at the equinox the sun rises in the east."""
    up, around = position(np.array([np.datetime64(moment, "s").astype(np.int64)]))
    assert up[0] == pytest.approx(elevation, abs=0.6)
    assert around[0] == pytest.approx(azimuth, abs=1.5)


def test_light_is_dark_at_night_and_bright_at_noon(clean):
    par = rows(clean / "46m_PARCal_2019.dat")
    hour = par["TIMESTAMP"].dt.hour
    assert par.loc[hour < 3, ["PPFD", "Total_PPFD", "Diffuse_PPFD"]].abs().max().max() < 1.5
    assert par.loc[hour == 12, "PPFD"].min() > 20
    assert 1000 < par["PPFD"].max() < 3000
    assert (par["Diffuse_PPFD"] <= par["Total_PPFD"] + 10).all()


@pytest.mark.parametrize(
    ("until", "low", "high"), [(datetime(2024, 1, 25), -32, 12), (END, 0, 34), (datetime(2024, 10, 10), -8, 28)]
)
def test_quantities_stay_in_the_ranges_of_the_site(tmp_path, until, low, high):
    run(tmp_path, 3, until)
    fast, flux, soil = (rows(tmp_path / name) for name in FILES[1:4])
    assert fast.filter(regex="^Temp").stack().between(low, high).all()
    assert fast.filter(like="RH_").stack().between(5, 100).all()
    assert fast.filter(like="CO2_").stack().between(390, 800).all()
    assert fast.filter(like="H2O_").stack().between(0, 35).all()
    assert fast["Wind_dir_46m"].between(0, 360).all() and fast["Wind_speed_46m"].between(0, 30).all()
    assert flux["PA"].between(95, 102).all() and flux["USTAR"].between(0, 2.5).all() and (flux["P"] >= 0).all()
    assert soil.filter(like="Soil_moisture").stack().between(1, 45).all()
    assert soil.filter(like="Soil_temp").stack().between(-5, 28).all()
    assert not fast.isna().any().any() and not flux.isna().any().any() and not soil.isna().any().any()


def test_soil_damps_and_delays_the_day_with_depth(clean):
    soil = rows(clean / "umbs_slowdata.dat").set_index("TIMESTAMP")
    names = [f"Soil_temp_{depth}_st1" for depth in ("2cm", "7.5cm", "20cm", "50cm")] + ["Soil_temp_1m_st1"]
    swing = soil[names].resample("D", closed="right").agg(lambda day: day.max() - day.min()).mean()
    assert (np.diff(swing[names[:4]]) < 0).all() and swing["Soil_temp_1m_st1"] < 0.3
    calm = soil - soil.rolling(48, center=True).mean()
    peaks = calm.groupby((calm.index - pd.Timedelta(hours=9)).hour)[names[:3]].mean().idxmax()
    assert (np.diff(peaks) > 0).all()


def test_carbon_dioxide_gathers_at_the_ground_at_night(clean):
    fast = rows(clean / "umbs_fastdata.dat")
    hour = fast["TIMESTAMP"].dt.hour
    night, noon = fast[hour.isin([2, 3])].mean(), fast[hour == 13].mean()
    assert night["CO2_0m"] > noon["CO2_0m"] + 15
    assert night["CO2_0m"] > night["CO2_7m"] > night["CO2_46m"]


def test_temperature_falls_with_height_at_noon_and_rises_at_night(clean):
    fast = rows(clean / "umbs_fastdata.dat")
    hour, step = fast["TIMESTAMP"].dt.hour, fast["Temp_avg_3m"] - fast["Temp_46m"]
    assert step[hour == 12].mean() > 0.1 > -0.2 > step[hour == 2].mean()


def test_energy_closes_roughly_and_the_forest_takes_up_carbon_by_day(clean):
    flux = rows(clean / "umbs_flux.dat")
    day = flux[flux["NETRAD"] > 100]
    assert 0.75 < (day["H"] + day["LE"]).sum() / (day["NETRAD"] - day["G"]).sum() < 1.0
    assert day["FC"].mean() < -5 < 0 < flux.loc[flux["PPFD_IN"] < 1, "FC"].mean()


# Faults


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_listed_in_its_form(faulty, fault):
    items = [item for item in truth(faulty) if item["fault"] == fault]
    assert items
    for item in items:
        assert {"table", "field", "fault", "start", "end", "id"} <= set(item)
        assert item["start"].endswith("Z") and item["start"] <= item["end"]
        assert item["table"] in PLACES


def wrong_values(folder: Path, clean: Path, fault: str):
    """Each listed fault of values: its entry, the rows of the file and the same rows without faults."""
    good = {name: rows(clean / name).set_index("TIMESTAMP") for name in FILES}
    for item in truth(folder):
        if item["fault"] == fault:
            name = PLACES[item["table"]]
            both = [rows(path) for path in (folder / name, *folder.glob(f"{name}.backup*"))]
            found = within(pd.concat(both), item).drop_duplicates("TIMESTAMP").set_index("TIMESTAMP")
            assert len(found)
            yield item, found[item["field"]], good[name][item["field"]].loc[found.index]


@pytest.mark.parametrize("fault", ["nan_burst", "spike", "stuck", "out_of_range", "marker_7999"])
def test_faults_of_values_are_in_the_rows_that_truth_names(faulty, clean, fault):
    """Also when all faults are on: none hides another."""
    for item, found, good in wrong_values(faulty, clean, fault):
        match fault:
            case "nan_burst":
                assert found.isna().all()
            case "spike":
                assert (found - good).tolist() == pytest.approx([item["magnitude"]], rel=0.02)
            case "stuck":
                assert found.nunique() == 1 and good.nunique() > 1
            case _:
                assert found.tolist() == pytest.approx([item["magnitude"]] * len(found))


@pytest.mark.parametrize("fault", ["nan_burst", "spike", "stuck", "out_of_range", "marker_7999", "diagnostic_bits"])
def test_only_the_rows_that_truth_names_are_changed(tmp_path, clean, fault):
    run(tmp_path, 6, faults=[fault])
    for name in FILES:
        good, found = rows(clean / name), rows(tmp_path / name)
        changed = ~((good == found) | (good.isna() & found.isna()))
        for item in truth(tmp_path):
            if PLACES[item["table"]] == name:
                changed.loc[within(found, item).index, item["field"]] = False
        assert not changed.any().any()


def test_diagnostic_bits_stand_in_the_word(tmp_path, clean):
    run(tmp_path, 6, faults=["diagnostic_bits"])
    for item, found, good in wrong_values(tmp_path, clean, "diagnostic_bits"):
        assert (found == item["magnitude"]).all() and (good == 0).all()


def test_drift_grows_between_two_sensors_of_a_quantity(tmp_path, clean):
    run(tmp_path, 6, faults=["drift"])
    for item, found, good in wrong_values(tmp_path, clean, "drift"):
        assert item["against"] in rows(tmp_path / "umbs_fastdata.dat")
        bright = good.abs() > 1
        off = (found / good - 1 if item["kind"] == "share" else found - good)[bright]
        quarters = [abs(part).mean() for part in np.array_split(off.to_numpy(), 4)]
        assert quarters == sorted(quarters)


def test_a_gap_has_no_rows_and_record_goes_on(tmp_path):
    run(tmp_path, 6, faults=["gap"])
    fast = rows(tmp_path / "umbs_fastdata.dat")
    assert fast["RECORD"].tolist() == list(range(len(fast)))
    lost = 0
    for item in truth(tmp_path):
        assert within(fast, item).empty
        lost += (station(item["end"]) - station(item["start"])) // pd.Timedelta(minutes=1) + 1
    assert len(truth(tmp_path)) == 6 and len(fast) == 6 * 1440 - lost


def test_a_clock_set_back_repeats_stamps_with_other_values(tmp_path):
    run(tmp_path, 6, faults=["clock_back"])
    fast = rows(tmp_path / "umbs_fastdata.dat")
    assert fast["RECORD"].tolist() == list(range(len(fast)))
    back = fast["TIMESTAMP"].diff() < pd.Timedelta(0)
    items = truth(tmp_path)
    assert fast.loc[back, "TIMESTAMP"].tolist() == [station(item["start"]) for item in items]
    for item in items:
        hour = within(fast, item)
        assert len(hour) == 120 and hour["TIMESTAMP"].nunique() == 60
        assert not hour.drop(columns="RECORD").duplicated().any()


def test_memory_collected_again_repeats_identical_rows(tmp_path):
    run(tmp_path, 6, faults=["recollect"])
    fast = rows(tmp_path / "umbs_fastdata.dat")
    twice = fast[fast.duplicated()]
    assert len(twice) == sum(len(within(twice, item)) for item in truth(tmp_path)) == 15 * 6


def test_a_new_program_makes_a_backup_and_a_wider_file(tmp_path):
    run(tmp_path, 6, faults=["program_change"])
    (item,) = truth(tmp_path)
    old, new = rows(tmp_path / item["backup"]), rows(tmp_path / "umbs_flux.dat")
    assert item["backup"] == "umbs_flux.dat.backup"
    assert set(new) - set(old) == {item["column"]} and new["RECORD"].iloc[0] == 0
    assert new["TIMESTAMP"].iloc[0] == station(item["start"]) == old["TIMESTAMP"].iloc[-1] + pd.Timedelta(minutes=30)
    assert (tmp_path / item["backup"]).read_bytes().startswith(header(FLUX))


def test_a_power_cut_leaves_nuls_up_to_a_border(tmp_path):
    data = run(tmp_path, 2, faults=["power_cut"])["umbs_fastdata.dat"]
    items = truth(tmp_path)
    assert len(items) == 2 and data.count(b"\0") == sum(item["bytes"] for item in items)
    for item in items:
        end = item["offset"] + item["bytes"]
        assert not data[item["offset"] : end].strip(b"\0") and end % 4096 == 0
        assert data[: item["offset"]].endswith(b"\r\n")
        assert data[end:].startswith(f'"{station(item["start"]):%Y-%m-%d %H:%M:%S}",'.encode())


def test_a_half_line_is_finished_by_the_next_run(tmp_path, clean):
    data = run(tmp_path, 1, END - timedelta(days=1), faults=["half_line"])["umbs_slowdata.dat"]
    (item,) = truth(tmp_path)
    last = data.rpartition(b"\n")[2]
    assert last.startswith(f'"{station(item["start"]):%Y-%m-%d %H:%M:%S}",47,'.encode())
    assert run(tmp_path, 1)["umbs_slowdata.dat"].startswith(data)
    assert truth(tmp_path) == []
    assert len(rows(tmp_path / "umbs_slowdata.dat")) == 96


def test_an_overwritten_file_holds_the_last_five_minutes(tmp_path):
    for minutes in (0, 5, 30):
        run(tmp_path, 0.1, END + timedelta(minutes=minutes), faults=["overwrite"])
        par = rows(tmp_path / "46m_PARCal_2019.dat")
        (item,) = truth(tmp_path)
        assert len(par) == len(within(par, item)) == 60
        assert par["TIMESTAMP"].iloc[-1] == END + timedelta(minutes=minutes)
        assert par["RECORD"].iloc[-1] == 0.1 * 17280 - 1 + minutes * 12
