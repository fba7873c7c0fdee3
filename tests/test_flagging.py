"""Flags beside values: written with rows, rewritten when neighbours arrive, the same in whatever pieces rows come."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldline.errors import ConfigError
from fieldline.flagging import Flagging
from fieldline.ports import Field
from fieldline.quality.bits import BITS
from fieldline.quality.checks import between, flat_line, spike
from fieldline.quality.maintenance import Entry, Log
from fieldline.rules import Rules

MINUTE = 60 * 10**9
CHECKS = {"T": (between(-50, 50, suspect=(-30, 40)), spike(5, 20), flat_line(300, 600)), "U": (between(0, 100),)}


def frame(values, start="2026-06-25", station="a"):
    times = pd.date_range(start, periods=len(values), freq="1min", tz="UTC", unit="ns", name="time")
    return pd.DataFrame({"T": values, "U": 1.0, "station": station}, index=times)


class Kept:
    """A store of one measurement in memory: a later row fills and replaces, as ports.Sink says."""

    def __init__(self):
        self.rows = {}

    def write(self, rows):
        for time, row in zip(rows.index, rows.to_dict("records"), strict=True):
            known = self.rows.setdefault((time, str(row["station"])), {})
            known |= {name: value for name, value in row.items() if value is not None and value == value}

    def read(self, fields, start, end):
        rows = {key: row for key, row in self.rows.items() if start <= key[0] <= end}
        index = pd.DatetimeIndex([time for time, _ in rows], name="time", tz="UTC").as_unit("ns")
        columns = [*fields, "station"]
        return pd.DataFrame(
            [{c: row.get(c, np.nan) for c in columns} for row in rows.values()], index, columns
        ).sort_index()

    def load(self, rows, checks=CHECKS, log=None):
        self.write(Flagging(checks, ("station",), MINUTE, self.read, log or Log()).add(rows))
        return self

    def flags(self, name="T_qc", station="a"):
        return [row[name] for (_, who), row in sorted(self.rows.items()) if who == station]


def test_flags_stand_beside_values_that_nobody_touched():
    kept = Kept().load(frame([20.0, 60.0, np.nan, 35.0, 45.0]))
    assert kept.flags() == [1, 4, 9, 1, 3]
    assert kept.flags("T_qcbits")[1] == 1 << BITS["between"]
    assert [row.get("T") for _, row in sorted(kept.rows.items())] == [20.0, 60.0, None, 35.0, 45.0]


def test_whole_numbers_stay_whole_numbers():
    rows = frame([20.0, 20.0]).assign(RECORD=[1, 2], door=[True, False])
    kept = Kept().load(rows)
    for time in ("2026-06-25 00:02", "2026-06-25 00:03"):
        more = frame([20.0], time).assign(RECORD=[3], door=[True])
        flagged = Flagging(CHECKS, ("station",), MINUTE, kept.read).add(more)
        assert len(flagged) > 1  # an older row's flags come along
        assert str(flagged["RECORD"].dtype) == "Int64" and str(flagged["door"].dtype) == "boolean"
        assert str(flagged["T"].dtype) == "float64" and "int" in str(flagged["T_qc"].dtype).lower()


def test_the_newest_spike_is_judged_when_its_successor_arrives():
    kept = Kept().load(frame([20.0, 20.0, 35.0]))
    assert kept.flags()[-1] == 1  # in range; as a spike not evaluated yet
    kept.load(frame([20.0], "2026-06-25 00:03"))
    assert kept.flags()[2] == 3
    assert kept.flags("T_qcbits")[2] == 1 << BITS["spike"]


def test_series_do_not_see_each_other():
    both = pd.concat([frame([20.0, 20.0, 20.0]), frame([20.0, 49.0, 20.0], station="b")])
    kept = Kept().load(both)
    assert kept.flags(station="a")[1] == 1
    assert kept.flags(station="b")[1] == 4


def test_rows_in_any_order_and_twice_get_the_flags_of_the_row_that_stands():
    rows = frame([20.0, 20.0, 20.0, 20.0])
    kept = Kept().load(pd.concat([rows, rows.assign(T=60.0).iloc[[2]], rows.iloc[[0]]]).iloc[::1])
    assert kept.flags()[2] == 4
    assert [row["T"] for _, row in sorted(kept.rows.items())] == [20.0, 20.0, 60.0, 20.0]


def test_what_a_person_wrote_has_the_last_word():
    start = datetime(2026, 6, 25, 0, 1, tzinfo=UTC)
    entry = Entry("a", ("T",), start, start.replace(minute=2), "calibration", "me", flag=4)
    kept = Kept().load(frame([20.0, 20.1, np.nan, 20.3]), log=Log((entry,)))
    assert kept.flags()[:3] == [1, 4, 9]
    assert kept.flags("T_qcbits")[1] == 1 << BITS["maintenance"]
    assert kept.flags("U_qc") == [1, 1, 1, 1]


def test_a_correction_makes_a_column_of_its_own():
    start = datetime(2026, 6, 25, 0, 1, tzinfo=UTC)
    log = Log((Entry("a", ("T",), start, start, "drift", gain=2.0, offset=1.0),))
    rows = frame([10.0, 10.0, 10.0])
    corrected = log.corrected(rows, rows["station"], ["T", "U"])
    assert corrected["T_corrected"].tolist()[1] == 21.0
    assert corrected["T_corrected"].isna().tolist() == [True, False, True]
    assert corrected["T"].tolist() == [10.0, 10.0, 10.0]
    assert "U_corrected" not in corrected


VALUES = st.lists(st.sampled_from([20.0, 20.0, 20.0, 21.0, 45.0, 60.0, np.nan]), min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(VALUES, st.lists(st.integers(1, 59), max_size=6), st.randoms())
def test_the_same_flags_in_whatever_pieces_rows_arrive(values, cuts, order):
    rows = frame(values)
    whole = Kept().load(rows)
    pieces = [rows.iloc[a:b] for a, b in zip([0, *sorted(cuts)], [*sorted(cuts), len(rows)], strict=True) if a < b]
    again = order.choice(pieces)
    in_order, any_order = Kept(), Kept()
    for piece in [*pieces, again]:
        in_order.load(piece)
    order.shuffle(pieces)
    for piece in pieces:
        any_order.load(piece)
    assert in_order.rows == whole.rows
    assert any_order.rows == whole.rows


def fields(**units):
    return {name: Field(name, "number", unit) for name, unit in units.items()}


def test_a_name_of_ameriflux_brings_its_limits():
    (check,) = Rules().of("m", fields(TA_1_1_1="Deg C", Other="mV"), {}, None)["TA_1_1_1"]
    assert (check.name, dict(check.parameters)["suspect"]) == ("between", (-50, 50))


def test_the_class_wins_over_the_name_and_the_configuration_over_both():
    declared = {"TA": (between(-10, 10), spike(1, 2))}
    rules = Rules(checks={"m*": {"T?": {"between": {"low": 0, "high": 5}, "spike": False}}})
    (check,) = rules.of("met", fields(TA="Deg C"), declared, 60.0)["TA"]
    assert dict(check.parameters)["high"] == 5
    assert rules.of("other", fields(TA="Deg C"), declared, 60.0)["TA"] == declared["TA"]


def test_defaults_can_be_switched_off():
    assert Rules(defaults=False).of("m", fields(TA="Deg C"), {}, None) == {}


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"betwen": {"low": 0}}, "quality.checks.m.T: unknown check 'betwen'; did you mean 'between'?"),
        ({"betwen": False}, "did you mean 'between'?"),
        ({"spike": {"suspekt": 1}}, "unknown parameter 'suspekt'; did you mean 'suspect'?"),
        ({"between": {"low": 5, "high": 1}}, "between"),
    ],
)
def test_a_misspelled_check_is_told_with_its_place(choice, words):
    with pytest.raises(ConfigError) as error:
        Rules(checks={"m": {"T": choice}}).of("m", fields(T="K"), {}, None)
    assert words in str(error.value)


def band_file(value):
    """A file of percentiles as AmeriFlux publishes them, the same value everywhere."""
    rows = [f"{window},{half / 2 + 0.25},{value}" for window in range(1, 13) for half in range(48)]
    return "\n".join(["DOY2,HR2,TA", *rows])


def test_a_band_is_read_from_the_files_of_a_site():
    files = {"bands/X_LOWER2.csv": band_file(10), "bands/X_UPPER2.csv": band_file(20)}
    choice = {"percentile_band": {"files": "bands/X", "variable": "TA", "utc_offset_hours": -5, "margin": 0}}
    rules = Rules(checks={"m": {"T": choice}}, text=files.__getitem__)
    kept = Kept().load(frame([15.0, 25.0, np.nan]), rules.of("m", fields(T="K"), {}, None))
    assert kept.flags() == [1, 3, 9]


def test_a_band_that_is_not_there_is_told():
    choice = {"percentile_band": {"files": "bands/X", "variable": "TA", "utc_offset_hours": -5}}
    with pytest.raises(ConfigError, match=r"bands/X_LOWER2.csv"):
        Rules(checks={"m": {"T": choice}}).of("m", fields(T="K"), {}, None)


def test_the_site_is_given_to_checks_against_the_sun():
    pytest.importorskip("pvlib")
    choice = {"not_at_night": {}}
    rules = Rules(checks={"m": {"S": choice}}, site={"latitude": 45.56, "longitude": -84.71, "altitude": 234.0})
    (check,) = rules.of("m", fields(S="W m-2"), {}, None)["S"]
    assert check.parameters["latitude"] == 45.56


def test_a_missing_value_keeps_two_others_apart_however_rows_arrive(tmp_path):
    """The embedded store leaves out rows without a value; their flags must bring them back as context."""
    from fieldline.flagging import Checker
    from fieldline.sinks.embedded import Embedded

    values = [1.0, 1.0, 1.0, np.nan, 10.0, 1.0, np.nan, 1.0, 1.0, 1.0]
    rows = frame(values).drop(columns="U")
    got = []
    for name, pieces in {"whole": [rows], "each": [rows.iloc[[i]] for i in range(len(rows))]}.items():
        store = Embedded(tmp_path / f"{name}.duckdb")
        store.create("b", None)
        checker = Checker(Rules(), Log, store)
        for piece in pieces:
            flagged = checker.add(piece, "b", "m", ("station",), {}, {"T": (spike(1, 3),)}, 60.0)
            store.write("b", "m", flagged, ("station",))
        got.append(store.read("b", "m", fields=["T_qc"])["T_qc"].tolist())
    assert got[0] == got[1] == [2, 1, 2, 9, 2, 2, 9, 2, 1, 2]


def test_a_correction_is_for_its_station_alone():
    both = pd.concat([frame([10.0, 10.0]), frame([10.0, 10.0], station="b")])
    log = Log((Entry("b", ("T", "RECORD"), None, None, "drift", gain=2.0),))
    corrected = log.corrected(both.assign(RECORD=1), both["station"], ["T"])
    assert corrected["T_corrected"].tolist()[2:] == [20.0, 20.0]
    assert corrected["T_corrected"].isna().tolist()[:2] == [True, True]


def test_a_field_without_checks_can_be_flagged_by_hand(tmp_path):
    from fieldline.flagging import Checker

    log = Log((Entry("*", ("T",), None, None, "broken", flag=4),))
    flagged = Checker(Rules(), lambda: log).add(frame([1.0, np.nan]), "b", "m", ("station",), {}, {}, None)
    assert flagged["T_qc"].tolist() == [4, 9]


def test_a_value_that_stays_is_judged_when_its_stamp_comes_again_without_it():
    kept = Kept().load(frame([500.0, 20.0]))
    kept.load(frame([np.nan]))
    assert kept.flags()[0] == 4


def test_a_partner_from_another_table_of_the_measurement_is_seen():
    from fieldline.quality.checks import agrees_with

    kept = Kept()
    kept.write(frame([1.0, 1.0]).drop(columns="T").assign(U=500.0))
    checks = {"T": (agrees_with("U", within=1, fail=5),)}
    kept.load(frame([5.0, 5.0]).drop(columns="U"), checks)
    assert kept.flags() == [4, 4]
