"""Fields become groups and panels by their names, units and levels."""

import csv
import itertools
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldline.cli import drivers
from fieldline.groups import MOST, Known, arrange, colours, levels, pretty
from fieldline.ports import Field
from fieldline.simulator.tables import TABLES
from fieldline.tables import REGISTRY, Column, DataTable

PROJECT = Path(__file__).parents[1]
HEIGHTS = PROJECT.parent / "shared" / "data" / "us-umb_us-umd_measurement_heights.csv"


def fields(*names, unit="degC", flags=False, **units):
    """Numbers by name as a store knows them, with a tag, a record number and, if wanted, flags."""
    found = {name: Field(name, "number", units.get(name, unit)) for name in names}
    for name in names if flags else ():
        found |= {name + end: Field(name + end, "integer") for end in ("_qc", "_qcbits")}
    return {**found, "RECORD": Field("RECORD", "integer"), "station": Field("station", "text", tag=True)}


def known(*names, station="umbs", measurement="fast", **more):
    return Known("field", measurement, station, fields(*names, **more))


def tower():
    """What a store holds of the simulated tower, flags included."""
    places = {"PARCal_2019": ("testoutput", "Ameriflux_fastdata"), "fastdata": ("ameriflux_atmospheric", "fastdata"),
              "slowdata": ("ameriflux_soil", "slowdata")}  # fmt: skip
    for table in TABLES:
        found = {
            one.name: Field(one.name, "text" if one.kind == "TIME" else "number", one.unit) for one in table.fields
        }
        found |= {name + "_qc": Field(name + "_qc", "integer") for name in list(found) if found[name].kind == "number"}
        found["RECORD"] = Field("RECORD", "integer")
        yield Known(*places.get(table.name, ("field", table.name)), table.station, found)


@pytest.fixture(scope="module")
def station():
    return arrange(tower(), drivers.load(PROJECT / "drivers", "umbs"))


def panels(layout, kind=None, group=None):
    return [p for g in layout.groups if group in (None, g.id) for p in g.panels if kind in (None, p.kind)]


def titled(layout, title):
    return next(panel for panel in panels(layout) if panel.title == title)


def orderly(layout):
    """What holds for every layout."""
    everything = panels(layout)
    ids = [panel.id for panel in everything]
    assert len(set(ids)) == len(ids)
    shown = {(*one.table, one.name) for panel in everything for one in panel.series}
    assert shown == {(*one.table, one.name) for table in layout.tables for one in table.fields}
    assert all(group.panels for group in layout.groups)
    for panel in everything:
        assert 1 <= len(panel.series) <= MOST, panel.title
        assert panel.title and len(panel.title) <= 130
        assert len({one.label for one in panel.series}) == len(panel.series), [one.label for one in panel.series]
        if panel.kind not in ("flags", "missing"):
            assert len({(one.colour, one.dash) for one in panel.series}) == len(panel.series), panel.title
    return everything


@pytest.mark.parametrize(
    ("name", "metres", "soil", "words"),
    [
        ("Temp_46m", 46, False, "46 m"),
        ("RH_avg_3m", 3, False, "3 m"),
        ("CO2_0m", 0, False, "0 m"),
        ("Temp_46m_Max", 46, False, "46 m"),
        ("Soil_temp_7.5cm_st2", 0.075, True, "7.5 cm, plot 2"),
        ("Soil_temp_1m_st3", 1, True, "1 m, plot 3"),
        ("Soil_moisture_0-30cm_1", 0.3, True, "0–30 cm, no. 1"),
        ("T107_10cm_Avg", 0.1, True, "10 cm"),
        ("VWC_2m", 2, True, "2 m"),
        ("TA_1_2_1", None, False, "level 2, plot 1, no. 1"),
        ("TS_1_2_A", None, True, "level 2, plot 1"),
        ("SWC_PI_1", None, True, "no. 1"),
        ("Rain_mm_Tot", None, False, ""),
        ("10m", 10, False, "10 m"),
        ("", None, False, ""),
    ],
)
def test_a_name_tells_where_its_sensor_is(name, metres, soil, words):
    at = levels.place(name)
    assert at.metres == pytest.approx(metres)
    assert levels.words(at, soil) == words


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (("TA_1_1_1",), ["TA 1_1_1"]),
        (("SW_IN_1_2_A",), ["SW_IN 1_2_A"]),
        (("TA_1_1_1", "TA_1_2_1"), ["level 1, plot 1, no. 1", "level 2, plot 1, no. 1"]),
        (("Temp_46m",), ["46 m"]),
    ],
)
def test_a_position_alone_is_called_as_its_name_has_it(names, labels):
    fields = {name: Field(name, "number", "degC" if name.startswith("T") else "W m-2") for name in names}
    panels = [panel for group in arrange([Known("b", "m", "s", fields)]).groups for panel in group.panels]
    assert [one.label for one in next(panel for panel in panels if panel.kind == "lines").series] == labels


def test_a_station_called_after_its_height_gives_it_to_its_fields_but_not_to_its_battery():
    layout = arrange([known("PPFD", "Battery_voltage", station="46m", PPFD="umol m-2 s-1", Battery_voltage="V")])
    assert {one.name: one.height for one in layout.tables[0].fields} == {"PPFD": 46, "Battery_voltage": None}


def test_the_simulated_tower_has_every_group_that_the_station_measures(station):
    orderly(station)
    assert [group.id for group in station.groups] == [
        *("temperature", "wind", "gases", "analyser", "radiation", "par", "soil_temperature", "soil_moisture"),
        *("pressure", "precipitation", "fluxes", "power", "logger", "other", "quality"),
    ]
    assert {panel.kind for panel in panels(station)} == {
        *("lines", "pair", "profile", "rose", "depth", "fingerprint", "flags", "missing", "diagnostics", "balance"),
    }


def test_gases_over_heights_are_one_panel_from_the_top_down(station):
    series = [one for one in titled(station, "CO2").series if one.measurement == "fastdata"]
    assert [one.label for one in series] == ["46 m", "34 m", "22 m", "7 m", "3 m", "0 m"]
    assert titled(station, "CO2").unit == "µmol mol⁻¹"


def test_the_soil_is_a_panel_a_plot_and_depth_over_time(station):
    assert [one.label for one in titled(station, "Soil temperature, plot 2").series][:2] == [
        "2 cm, plot 2",
        "7.5 cm, plot 2",
    ]
    assert [one.depth for one in titled(station, "Soil moisture by depth and time").series] == [0.05, 0.15, 0.3]


def test_a_rose_has_speed_then_direction_of_one_instrument(station):
    assert [one.name for one in titled(station, "Wind rose, 46 m").series] == ["Wind_speed_46m", "Wind_dir_46m"]


def test_instruments_at_one_height_are_compared(station):
    names = [{one.name for one in panel.series} for panel in panels(station, "pair")]
    assert {"U_wind_speed_46m", "Wind_speed_46m"} in names
    assert {"Sonic_temp_46m", "Temp_46m"} in names
    assert all(len({one.table for one in panel.series}) == 1 for panel in panels(station, "pair"))


def test_balances_have_the_parts_of_one_table(station):
    assert [one.name for one in titled(station, "Energy balance").series] == ["NETRAD", "H", "LE", "G"]


@pytest.mark.parametrize(
    ("names", "balances"),
    [("NETRAD H LE G", 1), ("NETRAD H LE", 1), ("NETRAD H G", 0), ("H LE G", 0),
     ("SW_IN SW_OUT LW_IN LW_OUT NETRAD", 1), ("SW_IN SW_OUT LW_IN NETRAD", 0), ("SW_IN SW_OUT LW_IN LW_OUT", 0)],
)  # fmt: skip
def test_what_lacks_a_part_is_not_balanced_but_for_the_soil(names, balances):
    assert len(panels(arrange([known(*names.split(), unit="W m-2")]), "balance")) == balances


def test_numbers_in_names_are_in_the_order_of_numbers():
    layout = arrange([known("TC10", "TC2", "TC1", "TC02", unit="degC")])
    assert [one.name for one in panels(layout, "lines")[0].series] == ["TC1", "TC02", "TC2", "TC10"]
    stations = [known("Temp_2m", station=name) for name in ("st10", "st9", "st1")]
    assert [table.station for table in arrange(stations).tables] == ["st1", "st9", "st10"]


def two_paces(slow, *more):
    """A tower every minute, and its daily statistics beside it."""
    heights = [f"Temp_{height}m" for height in (46, 34, 15, 3)]
    daily = [f"{name}_{word}" for name in heights for word in ("Avg", "Max", "Min")]
    fast = replace(known(*heights, "Wind_speed_46m", "Wind_dir_46m"), interval=60.0)
    return arrange([fast, replace(known(*daily, *more, measurement="slow"), interval=slow)])


@pytest.mark.parametrize(
    ("slow", "words"), [(86_400.0, "daily"), (3_600.0, "hourly"), (1_800.0, "every 30 min"), (600.0, None)]
)
def test_rows_much_further_apart_have_panels_of_their_own(slow, words):
    layout = two_paces(slow)
    orderly(layout)
    titles = [panel.title for panel in panels(layout, "lines")]
    assert (f"Air temperature, {words}" in titles) == (words is not None)
    assert len(titled(layout, "Air temperature").series) == (8 if words is None else 4)
    pairs = {table for panel in panels(layout, "pair") for table in {one.measurement for one in panel.series}}
    assert pairs == {"fast"}


def test_daily_values_have_no_course_of_a_day():
    layout = two_paces(86_400.0, "Wind_speed_46m", "Wind_dir_46m", "RH_46m", "RH_34m", "RH_3m")
    assert {one.measurement for kind in ("rose", "fingerprint", "profile") for panel in panels(layout, kind)
            for one in panel.series} == {"fast"}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "unit", "direction"),
    [("Wind_dir_46m", "deg", True), ("WD_1_1_1", "", True), ("WindDir_D1_WVT", "Deg", True), ("WD", "V", False),
     ("WindDir_SD1_WVT", "Deg", False), ("Wind_dir_Std", "deg", False), ("Solar_zenith", "deg", False)],
)  # fmt: skip
def test_directions_are_known_by_name_and_unit(name, unit, direction):
    assert arrange([known(name, unit=unit)]).tables[0].fields[0].direction is direction


def test_declared_limits_and_units_win_over_those_of_the_name():
    tables = drivers.load(PROJECT / "drivers", "umbs")
    par = {"PPFD": Field("PPFD", "number", "umol/m^2/s"), "Total_PPFD": Field("Total_PPFD", "number", "")}
    layout = arrange([Known("testoutput", "Ameriflux_fastdata", "46m", par)], tables)
    assert [(one.unit, one.limits, one.suspect) for one in layout.tables[0].fields] == [
        ("umol m-2 s-1", (-10, 3000), (-8, 2500))
    ] * 2
    assert layout.tables[0].interval == 5
    assert [(t.value, t.flag) for t in panels(layout, "lines")[0].thresholds] == [
        (-10, 4),
        (-8, 3),
        (2500, 3),
        (3000, 4),
    ]


def test_flags_record_numbers_tags_and_text_are_never_series():
    layout = arrange([Known("b", "m", "", {**fields("Temp_2m", flags=True), "note": Field("note", "text")})])
    assert [(one.name, one.flags) for one in layout.tables[0].fields] == [("Temp_2m", True)]


def test_a_grade_of_eddy_covariance_is_no_flag_of_ours():
    layout = arrange([known("FC", "FC_QC", FC="umol m-2 s-1", FC_QC="grade")])
    assert [(one.name, one.flags) for one in layout.tables[0].fields] == [("FC", False), ("FC_QC", False)]
    assert titled(layout, "Quality grades").kind == "diagnostics"


def test_a_corrected_field_is_a_series_beside_the_raw_one():
    layout = arrange([known("Temp_2m", "Temp_2m_corrected")])
    assert [one.label for one in panels(layout, "lines")[0].series] == ["2 m", "2 m corrected"]


def test_nothing_measured_is_nothing_shown():
    assert arrange([]).groups == ()
    assert arrange([Known("b", "m", "", {"note": Field("note", "text")})]).tables == ()


def test_one_height_has_one_colour_in_every_panel_over_heights(station):
    seen = {}
    for panel in panels(station, "lines") + panels(station, "profile"):
        if len({one.height for one in panel.series}) > 1:
            for one in panel.series:
                if one.height is not None:
                    shades = {colours.shade(colours.of_height(one.height), number) for number in range(3)}
                    assert one.colour in shades, panel.title
                    seen[one.height] = colours.of_height(one.height)
    assert (seen[46], seen[34], seen[15], seen[3]) == ("#d6322d", "#c58300", "#009e73", "#2f80c8")


def test_many_sensors_at_one_height_differ_in_shade_and_dash():
    names = [f"PPFD{letter}_46m" for letter in "ABCDEFGHI"]
    layout = arrange([known(*names, "PPFD_3m", unit="umol m-2 s-1")])
    series = [one for one in titled(layout, "Photosynthetic photon flux density").series if one.height == 46]
    assert len({one.colour for one in series}) == 3 and {one.dash for one in series} == {0, 1, 2, 3}
    assert len({(one.colour, one.dash) for one in series}) == 9


@pytest.mark.parametrize(
    "names", [("AT_46m_Max", "AT_46m_Min"), ("AT_46m_Max", "AT_46m_Min", "AT_3m_Max", "AT_3m_Min")]
)
def test_extremes_have_the_colour_of_their_height_and_the_lowest_a_dash(names):
    layout = arrange([known(*names)])
    (panel,) = panels(layout, "lines")
    for one in panel.series:
        assert one.colour == colours.of_height(one.height) and one.dash == (one.at.word == "Min")


def test_titles_tell_panels_apart(station):
    for group in station.groups:
        titles = [panel.title for panel in group.panels]
        assert len(set(titles)) == len(titles), titles
    assert not any("Photosynthetic photon flux density: " in panel.title for panel in panels(station, "pair"))


@pytest.mark.parametrize(
    ("name", "unit", "total"),
    [("P_1_1_1", "mm", True), ("Rain_mm_Tot", "mm", True), ("RainTot", "mm", True), ("SlrMJ_Tot", "MJ m-2", True),
     ("Precip_1m", "", True), ("Rain_rate", "mm", False), ("Precip", "mm h-1", False), ("D_SNOW", "cm", False),
     ("Rain_cum", "mm", False), ("P_1_1_1_Max", "mm", False), ("PA", "kPa", False), ("Temp_46m", "degC", False)],
)  # fmt: skip
def test_totals_are_known_by_name_and_unit(name, unit, total):
    (table,) = arrange([known(name, unit=unit)]).tables
    assert table.fields[0].total is total


def test_totals_of_other_lengths_of_time_do_not_share_an_axis():
    tables = [
        Known("field", measurement, "umbs", fields("Rain_Tot", unit="mm"), every)
        for measurement, every in (("a", 300.0), ("b", 1800.0), ("c", 300.0), ("d", None))
    ]
    lines = panels(arrange(tables), "lines")
    assert [[one.measurement for one in panel.series] for panel in lines] == [["d"], ["a", "c"], ["b"]]


@pytest.mark.parametrize(
    ("name", "unit", "group", "shown"),
    [("Tilt_NS_deg", "deg", "logger", "deg"), ("NR01TK_Avg", "K", "logger", "K"), ("CNR4TC", "degC", "logger", "degC"),
     ("Albedo_Avg", "W m-2", "radiation", ""), ("Tau", "kg m-1 s-2", "fluxes", "kg m-1 s-2"),
     ("PTemp_C", "degC", "logger", "degC"), ("Soil_temp_2cm", "degC", "soil_temperature", "degC"),
     ("AirTC", "degC", "temperature", "degC")],
)  # fmt: skip
def test_what_an_instrument_says_of_itself_is_no_measurement(name, unit, group, shown):
    (table,) = arrange([known(name, unit=unit)]).tables
    assert (table.fields[0].group, table.fields[0].unit) == (group, shown)


def luminance(colour):
    channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_every_colour_can_be_seen_on_a_white_and_on_a_dark_page():
    everything = {colours.of_height(x / 4) for x in range(400)} | {colours.of_depth(x / 100) for x in range(400)}
    everything |= set(colours.PALETTE) | set(colours.COMPONENTS.values())
    shades = {colours.shade(colour, number) for colour in everything for number in (1, 2)}
    for colour in everything | shades:
        assert contrast(colour, "#ffffff") >= 3, colour
        assert contrast(colour, "#14181d") >= 3, colour


def deuteranope(colour):
    """Machado, Oliveira and Fernandes (2009), severity 1."""
    r, g, b = ((int(colour[k : k + 2], 16) / 255) ** 2.2 for k in (1, 3, 5))
    rows = ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881))
    return [255 * max(0.0, x * r + y * g + z * b) ** (1 / 2.2) for x, y, z in rows]


def test_the_four_heights_stay_apart_without_red_and_green():
    seen = [deuteranope(colours.of_height(height)) for height in (46, 34, 15, 3)]
    for one, other in itertools.combinations(seen, 2):
        assert sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5 > 35


@pytest.mark.parametrize(
    ("unit", "symbol"),
    [
        ("umol m-2 s-1", "µmol m⁻² s⁻¹"),
        ("degC", "°C"),
        ("deg", "°"),
        ("kPa", "kPa"),
        ("mm", "mm"),
        ("", ""),
        ("%", "%"),
    ],
)
def test_units_are_written_as_people_write_them(unit, symbol):
    assert pretty(unit) == symbol


SITE_WORDS = ["Temp", "RH", "CO2", "H2O", "Wind_speed", "Wind_dir", "Soil_temp", "VWC", "PPFD", "SW_IN", "NETRAD", "LE",
              "batt_volt", "diag_irga", "Foo", "x", "TA", "f"]  # fmt: skip
SITE_UNITS = ["degC", "%", "m s-1", "W m-2", "V", "", "umol mol-1", "furlong"]


@pytest.mark.parametrize("columns", [10, 40, 120, 400])
@pytest.mark.parametrize("style", ["heights", "plots", "positions", "numbers"])
def test_sites_of_any_size_stay_readable(columns, style):
    names = {}
    for number in range(columns):
        word = SITE_WORDS[number % len(SITE_WORDS)]
        step = number // len(SITE_WORDS)
        end = {"heights": f"_{step}m", "plots": f"_{step % 4 * 10 + 5}cm_st{step // 4}", "positions": f"_1_{step}_1",
               "numbers": f"{step:02}"}[style]  # fmt: skip
        names[f"{word}{end}"] = SITE_UNITS[number % len(SITE_WORDS) % len(SITE_UNITS)]
    sites = [known(*names, flags=True, **names), known(*names, station="other", **names)]
    layout = arrange(sites)
    orderly(layout)
    assert len(panels(layout, "lines")) <= max(len(SITE_WORDS) + 2, columns / 2)  # of two stations: 4 series each
    assert layout == arrange(sites[::-1])


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.text(min_size=0, max_size=20), st.tuples(st.sampled_from(["number", "integer", "boolean"]),
                    st.sampled_from(SITE_UNITS) | st.text(max_size=5)), max_size=40),
)  # fmt: skip
def test_any_names_and_units_have_a_layout(drawn):
    found = {name: Field(name, kind, unit) for name, (kind, unit) in drawn.items()}
    orderly(arrange([Known("b", "m", "", found)]))


def test_the_ameriflux_names_of_the_station_are_laid_out_with_their_heights():
    if not HEIGHTS.exists():
        assert not os.environ.get("CI"), f"{HEIGHTS} is missing"
        pytest.skip("the table of instrument heights is not here")
    with HEIGHTS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    heights = {row["Variable"]: float(row["Height"]) for row in rows if row["Height"]}
    layout = arrange([known(*heights, unit="")], heights=heights)
    orderly(layout)
    assert titled(layout, "Soil temperature by depth and time").series[0].depth == 0.02


def test_a_voltage_called_v_is_no_wind():
    layout = arrange([known("V", "U", unit="m s-1"), known("V", station="s2", measurement="meter", unit="V")], ())
    (wind,) = panels(layout, "lines", "wind")
    assert {one.station for one in wind.series} == {"umbs"}
    assert {one.station for panel in panels(layout, "lines", "power") for one in panel.series} == {"s2"}


def test_rain_is_blue():
    layout = arrange([known("Rain_mm_Tot", unit="mm")], ())
    assert {one.colour for one in panels(layout, "lines", "precipitation")[0].series} == {"#2f80c8"}


def test_an_instrument_is_what_the_class_says_or_the_configuration():
    declared = {"CO2": Column("CO2_46m", "umol mol-1", instrument="LI-COR LI-7200"), "H2O": Column("H2O_46m", "%")}

    class Gases(DataTable):
        """Gases, every minute."""

        table, bucket, measurement, timezone = "gases", "field", "gases", "+00:00"
        columns = declared

    here = known("CO2_46m", "CO2_46m_corrected", "H2O_46m", "H2O_3m", "Temp_3m", measurement="gases")
    told = {"CO2*": "another", "H2O_4*": "LI-COR LI-7000", "H2O*": "Picarro G2301", "temp*": "not this one"}
    try:
        table = arrange([here], (Gases,), instruments=told).tables[0]
    finally:
        del REGISTRY["Gases"]
    assert {one.name: one.instrument for one in table.fields} == {
        "CO2_46m": "LI-COR LI-7200",
        "CO2_46m_corrected": "LI-COR LI-7200",
        "H2O_46m": "LI-COR LI-7000",
        "H2O_3m": "Picarro G2301",
        "Temp_3m": "",
    }
