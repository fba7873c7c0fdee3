"""A column is known by its name and unit, and gets the limits of AmeriFlux in its own unit, or none."""

import csv
from pathlib import Path

import pytest

from fieldline.quality import variables


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("TA", "TA"), ("TA_1_1_1", "TA"), ("TA_1_2_A", "TA"), ("TA_F", "TA"), ("TA_1", "TA"), ("TA_PI_1_1_1", "TA"),
        ("PPFD_IN_1_1_1", "PPFD_IN"), ("T_SONIC", "T_SONIC"), ("T_SONIC_SIGMA", "T_SONIC_SIGMA"), ("CO2_1_10_1", "CO2"),
        ("FC_SSITC_TEST", "FC_SSITC_TEST"), ("TA_1_1_1_SD", None), ("TA_1_1_1_N", None), ("TA_1_1_1_QC", None),
        ("Temp_46m", "TA"), ("Temp_avg_3m", "TA"), ("AirTC_Avg", "TA"), ("Soil_temp_7.5cm_st2", "TS"),
        ("Soil_moisture_0-30cm_1", "SWC"), ("Downward_PAR_37m", "PPFD_OUT"), ("H2O_34m", "H2O"), ("WS_ms_Avg", "WS"),
        ("AirT_TMx", None), ("RECORD", None), ("Program_Signature", None), ("TA2", None), ("", None), ("Humbug", None),
    ],
)  # fmt: skip
def test_a_name_tells_the_variable(name, variable):
    assert variables.base(name) == variable


@pytest.mark.parametrize(
    ("spelling", "unit"),
    [
        ("Deg C", "degC"), ("deg_C", "degC"), ("°C", "degC"), ("oC", "degC"), ("W/m^2", "W m-2"), ("W m-2", "W m-2"),
        ("µmolPhoton m-2 s-1", "umol m-2 s-1"), ("umol/m^2/s", "umol m-2 s-1"), ("umol/(m^2 s)", "umol m-2 s-1"),
        ("µmolCO2 mol-1", "umol mol-1"), ("mmol/mol", "mmol mol-1"), ("meters/second", "m s-1"), ("furlong", "furlong"),
        ("kg/(m s^2)", "kg m-1 s-2"),
    ],
)  # fmt: skip
def test_a_unit_has_one_spelling(spelling, unit):
    assert variables.unit(spelling) == unit


def test_limits_are_soft_and_hard():
    found = variables.limits("TA_1_1_1", "Deg C")
    assert (found.soft, found.hard) == ((-50, 50), (-55, 55))


def test_limits_come_in_the_columns_own_unit():
    assert variables.limits("TA", "K").soft == pytest.approx((223.15, 323.15))
    assert variables.limits("PA", "hPa").soft == (600, 1050)
    assert variables.limits("VWC_Avg", "m^3/m^3").hard == pytest.approx((-0.05, 1.05))


def test_a_unit_that_does_not_fit_gets_no_limits():
    assert variables.limits("CO2", "mg/m^3") is None
    assert variables.limits("TA", "mV") is None


def test_a_column_without_a_unit_needs_a_name_of_ameriflux():
    assert variables.limits("TA_1_1_1", "").soft == (-50, 50)
    assert variables.limits("Temp_46m", "") is None


def test_an_offset_at_night_is_not_suspect():
    assert variables.limits("SW_IN", "W/m2").soft == (-4, 1300)
    assert variables.limits("PPFD_IN", "umol/m^2/s").soft == (-8, 2400)


def test_a_limit_on_one_side_only():
    assert variables.limits("CO", "nmol mol-1").hard == (-5, None)


def test_aliases_can_be_added_and_taken_away():
    assert variables.base("Lufttemperatur", {"Lufttemperatur": "TA"}) == "TA"
    assert variables.base("Temp_46m", {"Temp_.*": ""}) is None


def test_every_alias_names_a_variable():
    assert set(variables.ALIASES.values()) <= set(variables.table())


def test_units_that_no_logger_is_known_to_spell_are_few():
    unknown = {variable.unit for variable in variables.table().values()} - set(variables._UNITS.values())
    assert unknown == {
        "nm", "W m-2 nm-1", "W m-2 sr-1 nm-1", "nmolSO2 mol-1", "‰ (permil)", "µS cm-1", "µmol L-1",
    }  # fmt: skip


def test_a_total_has_limits_only_over_half_an_hour_or_less():
    assert variables.limits("Rain_Tot", "mm", seconds=1800).soft == (0, 50)
    assert variables.limits("Rain_Tot", "mm", seconds=86_400) is None
    assert variables.limits("Rain_Tot", "mm") is None


def test_the_table_is_whole():
    path = Path(variables.__file__).with_name("variables.tsv")
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines(), delimiter="\t"))
    assert len(rows) == 141
    assert len({row["name"] for row in rows}) == 141
