"""Dashboards from declarations: what Grafana's schemas say of them, how they are laid out, and what stands in them."""

import copy
import csv
import json
import os
import re
import warnings
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldline.cli import drivers, main
from fieldline.dashboards import Site, alerts, dashboards, joined, promised, sources, text
from fieldline.dashboards.demo import demo
from fieldline.dashboards.files import files
from fieldline.dashboards.frame import arranged
from fieldline.dashboards.names import LETTERS, fitting, seconds_east, slug, uid, variable, zone
from fieldline.dashboards.yaml_text import dump
from fieldline.groups import MOST, Known
from fieldline.ports import Field
from fieldline.settings import Settings
from fieldline.settings.model import Alerts, Grafana
from grafana_queries import questions
from grafana_schemas import mistakes, needed, panels, rule_mistakes
from grafana_transformations import shown, transformed
from influxql_cases import real
from test_groups import HEIGHTS

PROJECT = Path(__file__).parents[1]
MADE = PROJECT / "grafana"
EXPORTS = {
    "umbs": ["--declared", "--config", str(MADE / "umbs.yaml")],
    "demo": ["--demo", "--config", str(MADE / "demo.yaml")],
}
COMMITTED = sorted(MADE.glob("*/dashboards/*.json"))
WIDEST = 24


@pytest.fixture(scope="module")
def tables():
    return drivers.load(PROJECT / "drivers", "umbs")


@pytest.fixture(scope="module")
def tower(tables):
    return demo(tables)


@pytest.fixture(scope="module")
def made(tower):
    return {one["uid"]: one for one in dashboards(tower)}


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def titled(dashboard, title):
    return next(one for one in panels(dashboard) if one["title"] == title)


def queries(dashboard):
    return [target["query"] for one in panels(dashboard) for target in one.get("targets", ())]


def export(folder, name):
    assert main("dashboards", ["export", str(folder), *EXPORTS[name]], PROJECT) == 0


# ---- what is committed


@pytest.mark.parametrize("name", EXPORTS)
def test_what_is_committed_is_what_is_made(name, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["fieldline", "dashboards", "export", str(tmp_path), *EXPORTS[name]])
    assert main(project=PROJECT) == 0
    new = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    old = {
        path.relative_to(MADE / name).as_posix(): path.read_bytes()
        for path in (MADE / name).rglob("*")
        if path.is_file()
    }
    assert sorted(new) == sorted(old)
    assert [name for name in new if new[name] != old[name]] == [], "run the commands of grafana/README.md"


def test_the_same_site_gives_the_same_bytes(tower, tables):
    assert files(tower) == files(demo(tables))


# ---- Grafana's own words


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: f"{path.parts[-3]}/{path.stem}")
def test_a_dashboard_is_valid_for_grafana(path):
    needed()
    assert mistakes(read(path)) == []


PLANTED = {
    "a misspelt key": lambda d: d["panels"][1].update(tittle="x"),
    "a panel wider than the screen": lambda d: d["panels"][1]["gridPos"].update(w=30),
    "a legend that is nowhere": lambda d: chart(d)["options"]["legend"].update(placement="left"),
    "no schemaVersion": lambda d: d.pop("schemaVersion"),
    "a style of lines that is none": lambda d: chart(d)["fieldConfig"]["defaults"]["custom"].update(drawStyle="curves"),
    "an option of another panel": lambda d: chart(d)["options"].update(graphMode="area"),
    "a type of panels that is none": lambda d: chart(d).update(type="graph2"),
    "a colour mode that is none": lambda d: chart(d)["fieldConfig"]["defaults"].update(color={"mode": "rainbow"}),
    "an override that is none": lambda d: chart(d)["fieldConfig"]["overrides"][0]["properties"].append(
        {"id": "custom.lineWidht", "value": 1}
    ),
    "an override with a wrong value": lambda d: chart(d)["fieldConfig"]["overrides"][0]["properties"].append(
        {"id": "custom.drawStyle", "value": 3}
    ),
    "a variable of a kind that is none": lambda d: d["templating"]["list"][0].update(type="magic"),
    "a threshold without a colour": lambda d: chart(d)["fieldConfig"]["defaults"]["thresholds"]["steps"][0].pop(
        "color"
    ),
}


def chart(dashboard):
    """A time series with limits and overrides."""
    return next(
        p for p in panels(dashboard) if p["type"] == "timeseries" and "thresholds" in p["fieldConfig"]["defaults"]
    )


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_mistake_is_found(name, made):
    needed()
    wrong = copy.deepcopy(made["fieldline-umbs-temperature"])
    assert mistakes(wrong) == []
    PLANTED[name](wrong)
    assert mistakes(wrong)


def lost(ours, theirs, at=""):
    """What of ours is not in theirs, by its path; keys that only they have are their defaults."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [
            w
            for key in ours
            for w in (lost(ours[key], theirs[key], f"{at}/{key}") if key in theirs else [f"{at}/{key}"])
        ]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [w for n, pair in enumerate(zip(ours, theirs, strict=True)) for w in lost(*pair, f"{at}/{n}")]
    return [] if ours == theirs and type(ours) is type(theirs) else [f"{at}: {ours!r:.80} became {theirs!r:.80}"]


def test_grafanas_own_models_lose_nothing_of_a_dashboard():
    """from_json and to_json of Grafana's foundation SDK, and once more: nothing changes but defaults that are added."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the models of classic dashboards call themselves deprecated when imported
        if "CI" not in os.environ:
            pytest.importorskip("grafana_foundation_sdk")
        from grafana_foundation_sdk.cog.encoder import JSONEncoder
        from grafana_foundation_sdk.models import dashboard as sdk

    def round_trip(one):
        return json.loads(JSONEncoder(sort_keys=True).encode(sdk.Dashboard.from_json(copy.deepcopy(one))))

    for path in COMMITTED:
        ours = read(path)
        once = round_trip(ours)
        assert lost(ours, once) == [], path.name
        assert round_trip(once) == once


# ---- what stands in them


def test_uids_stay_short_and_apart(made):
    assert all(re.fullmatch(r"[a-z0-9_-]{1,40}", one) for one in made)
    assert "id" not in next(iter(made.values()))
    assert {
        "fieldline-umbs-overview",
        "fieldline-umbs-temperature",
        "fieldline-umbs-public",
        "fieldline-field-runs",
    } <= set(made)
    assert len({one["title"] for one in made.values()}) == len(made)


@given(st.text(max_size=20), st.text(max_size=20))
def test_other_buckets_have_other_variables(one, other):
    assert re.fullmatch(r"ds_[a-z0-9_]*", variable(one))
    if one != other:
        assert variable(one) != variable(other)
    assert variable("ameriflux_atmospheric") == "ds_ameriflux_atmospheric"
    assert len({variable(name) for name in ("tower-a", "tower_a", "tower a", "東京", "大阪")}) == 5


@given(st.lists(st.text(max_size=30), min_size=1, max_size=4), st.lists(st.text(max_size=30), min_size=1, max_size=4))
def test_other_words_give_another_uid(one, other):
    assert len(uid("fieldline", *one)) <= 40
    assert re.fullmatch(r"[A-Za-z0-9_-]+", uid("fieldline", *one))
    if "-".join(one) != "-".join(other):
        assert uid("fieldline", *one) != uid("fieldline", *other)


def test_every_field_is_on_some_dashboard(tower, made):
    for station in tower.stations:
        mine = "\n".join(q for one in made.values() if f"station:{slug(station)}" in one["tags"] for q in queries(one))
        for table in tower.of(station).tables:
            for one in table.fields:
                assert f'"{one.name}"' in mine, one.name


def test_gaps_stay_gaps_and_the_crosshair_is_shared(made):
    for dashboard in made.values():
        assert dashboard["graphTooltip"] == 1
        for one in panels(dashboard):
            custom = one["fieldConfig"]["defaults"].get("custom", {})
            if one["type"] == "timeseries":
                assert custom["spanNulls"] is False
                assert one["options"]["legend"]["showLegend"] and one["options"]["legend"]["calcs"]
            for query in (target["query"] for target in one["targets"]):
                assert "fill(previous)" not in query and "fill(linear)" not in query


def test_a_slow_table_beside_a_quick_one_is_still_a_line():
    """Windows are as narrow as the quick table's rows, so the slow one has a row in few of them."""
    quick, slow = (Known("field", name, "a", {"RH_" + place: Field("RH_" + place, "number", "%")})
                   for name, place in (("quick", "2m"), ("slow", "10m")))  # fmt: skip
    site = Site((quick, slow), intervals={("field", "quick"): 60, ("field", "slow"): 600})
    made = {one["uid"]: one for one in dashboards(site)}
    panel = titled(made["fieldline-a-temperature"], "Relative humidity")
    spans = {
        each["matcher"]["options"]: p["value"]
        for each in panel["fieldConfig"]["overrides"]
        for p in each["properties"]
        if p["id"] == "custom.spanNulls"
    }
    assert panel["interval"] == "1m"
    assert spans == dict.fromkeys(("10 m", "10 m, least", "10 m, greatest"), 600 * 2500)


def test_a_height_has_one_colour_everywhere(made):
    found = {}
    for dashboard in made.values():
        for one in panels(dashboard):
            if one["type"] != "timeseries":
                continue
            for each in one["fieldConfig"]["overrides"]:
                colours = [p["value"]["fixedColor"] for p in each["properties"] if p["id"] == "color"]
                if re.fullmatch(r"\d+ m", each["matcher"]["options"]):
                    found.setdefault(each["matcher"]["options"], set()).update(colours)
    assert found["46 m"] == {"#d6322d"}
    assert all(len(colours) == 1 for colours in found.values()), found


def test_lines_have_titles_series_and_colours_of_the_layout_that_the_page_draws(tower, made):
    checked = 0
    for station in tower.stations:
        for group in tower.of(station).groups:
            for one in (each for each in group.panels if each.kind == "lines"):
                panel = titled(made[f"fieldline-{slug(station)}-{group.id}"], fitting(one.title, 12))
                colours = {
                    each["matcher"]["options"]: p["value"]["fixedColor"]
                    for each in panel["fieldConfig"]["overrides"]
                    for p in each["properties"]
                    if p["id"] == "color"
                }
                asked = "".join(target["alias"] + target["query"] for target in panel["targets"])
                for series in one.series:
                    assert colours[series.label] == series.colour, (one.title, series.label)
                    assert series.label in asked and f'"{series.name}"' in asked
                    checked += 1
    assert checked > 100


def test_xy_charts_have_all_that_grafana_draws_points_by(made):
    """It skips series that do not name their table, and migrates panels that are older than 11.1 to pieces.

    Source: migrations.ts and utils.ts of public/app/plugins/panel/xychart, Grafana 11 to 13.
    """
    charts = [one for dashboard in made.values() for one in panels(dashboard) if one["type"] == "xychart"]
    assert len(charts) > 20
    for one in charts:
        assert float(one["pluginVersion"].rpartition(".")[0]) >= 11.1
        assert len(one["targets"]) == 1 or [each["id"] for each in one["transformations"]] == ["merge"]
        for series in one["options"]["series"]:
            assert series["frame"]["matcher"] == {"id": "byIndex", "options": 0}
            for axis in "xy":
                assert series[axis]["matcher"]["id"] == "byName"
                column = f' AS "{series[axis]["matcher"]["options"]}"'
                assert all(column in target["query"] for target in one["targets"]), (one["title"], column)
        ys = [series["y"]["matcher"]["options"] for series in one["options"]["series"]]
        given = {
            each["matcher"]["options"]: p["value"]["fixedColor"]
            for each in one["fieldConfig"]["overrides"]
            for p in each["properties"]
            if p["id"] == "color"
        }
        assert len({given[y] for y in ys}) == len(ys), "a line has the colour of its y"


def test_every_panel_says_for_which_grafana_it_is_made(made):
    assert {one.get("pluginVersion") for dashboard in made.values() for one in panels(dashboard)} == {"11.1.0"}


def test_the_surface_is_above_in_a_picture_of_depths(made):
    """Grafana sorts the rows of a heat map by the numbers that their names begin with, if all do, the least below.

    Source: prepareHeatmapData in public/app/plugins/panel/heatmap/fields.ts, parseSampleValue of @grafana/prometheus.
    """
    maps = [one for dashboard in made.values() for one in panels(dashboard) if one["type"] == "heatmap"]
    assert len(maps) == 6
    for one in maps:
        names = [target["alias"] for target in one["targets"]]
        assert sorted(names, key=lambda text: float(text.split()[0])) == names
        assert all(re.fullmatch(r"-?[0-9.]+ cm", text) for text in names)
    deep = titled(made["fieldline-umbs-soil_temperature"], "Soil temperature by depth and time, plot 1")
    assert [target["alias"] for target in deep["targets"]] == ["-100 cm", "-50 cm", "-20 cm", "-7.5 cm", "-2 cm"]
    assert '"Soil_temp_1m_st1"' in deep["targets"][0]["query"]


def test_a_fingerprint_has_a_column_an_hour_and_the_newest_day_above(made):
    panel = titled(made["fieldline-umbs-temperature"], "Air temperature by date and hour, 46 m")
    start = int(datetime(2024, 6, 1, 19, tzinfo=UTC).timestamp() * 1000)  # 14:00 on the station's clock
    times = [start + at * 3_600_000 for at in range(60)]
    table = [["Time", "", times], ["value", "value", list(range(60))]]
    first, *hours = transformed(table, panel["transformations"])
    assert [shown(column) for column in hours] == [f"{hour:02}" for hour in range(24)]
    assert first[2] == ["2024-06-04", "2024-06-03", "2024-06-02", "2024-06-01"]
    assert [column[2][3] for column in hours] == [None] * 14 + list(range(10))
    assert [each["matcher"]["options"] for each in panel["fieldConfig"]["overrides"]] == [shown(first)]


@pytest.mark.parametrize(
    ("dashboard", "title", "unit", "decimals"),
    [
        ("temperature", "Air temperature", "celsius", 1),
        ("temperature", "Relative humidity", "percent", 1),
        ("gases", "CO2", "suffix:µmol mol⁻¹", 1),
        ("gases", "H2O", "suffix:mmol mol⁻¹", 2),
        ("par", "Photosynthetic photon flux density", "suffix:µmol m⁻² s⁻¹", 0),
        ("precipitation", "Precipitation", "suffix:mm", 1),
        ("analyser", "Cell pressure", "suffix:mV", 1),
        ("radiation", "Radiation", "Wm2", 0),
        ("pressure", "Air pressure", "pressurekpa", 2),
        ("wind", "Wind speed", "velocityms", 2),
        ("wind", "Wind direction", "degree", 0),
        ("power", "Battery", "suffix:V", 2),
    ],
)
def test_units_and_decimals(made, dashboard, title, unit, decimals):
    defaults = titled(made[f"fieldline-umbs-{dashboard}"], title)["fieldConfig"]["defaults"]
    assert (defaults["unit"], defaults["decimals"]) == (unit, decimals)


def test_limits_of_checks_are_dashed_lines(made):
    defaults = titled(made["fieldline-umbs-temperature"], "Sonic temperature")["fieldConfig"]["defaults"]
    assert defaults["custom"]["thresholdsStyle"] == {"mode": "dashed"}
    values = [step["value"] for step in defaults["thresholds"]["steps"]]
    assert values == [None, -55, -50, 50, 55]


def test_few_lines_have_bands_and_many_have_none(made):
    banded = titled(made["fieldline-umbs-wind"], "Vertical wind")
    assert [t["query"].count(" AS ") for t in banded["targets"]] == [3, 3]
    fills = [
        p for each in banded["fieldConfig"]["overrides"] for p in each["properties"] if p["id"] == "custom.fillBelowTo"
    ]
    assert [p["value"] for p in fills] == ["46 m, least", "34 m, least"]
    assert " AS " not in "".join(t["query"] for t in titled(made["fieldline-umbs-gases"], "CO2")["targets"])


def test_a_direction_is_never_averaged_and_rain_is_a_sum(made):
    wind = titled(made["fieldline-umbs-wind"], "Wind direction")
    assert all("last(" in target["query"] for target in wind["targets"])
    assert wind["fieldConfig"]["defaults"]["custom"]["drawStyle"] == "points"
    rain = titled(made["fieldline-umbs-precipitation"], "Precipitation")
    assert all("sum(" in target["query"] for target in rain["targets"])


def test_a_description_says_field_place_table_interval_and_averaging(made):
    words = titled(made["fieldline-umbs-soil_temperature"], "Soil temperature, plot 1")["description"]
    assert "- 2 cm, plot 1: `Soil_temp_2cm_st1` of umbs slowdata, every 30m" in words
    assert "each window: as chosen above" in words and "fails outside -45.25 to 70.25" in words


def test_a_description_speaks_of_a_choice_and_of_limits_only_where_there_are_some(made):
    for dashboard in made.values():
        for one in panels(dashboard):
            chosen = any("$agg" in target["query"] for target in one["targets"])
            assert ("as chosen above" in one["description"]) == chosen, (dashboard["uid"], one["title"])
            dashed = one["fieldConfig"]["defaults"].get("custom", {}).get("thresholdsStyle") == {"mode": "dashed"}
            assert ("Dashed lines" in one["description"]) == dashed, (dashboard["uid"], one["title"])


def test_a_public_copy_has_no_variables(made):
    public = [one for name, one in made.items() if name.endswith("-public")]
    assert len(public) == 2
    for one in public:
        assert one["templating"]["list"] == [] and one["links"] == []
        left = set(re.findall(r"\$\{?\w+", text(one))) - {"$timeFilter", "$__interval", "$col"}
        assert left == set(), left
        assert all(p["datasource"]["type"] in ("influxdb", "datasource") for p in panels(one) if p["targets"])
        assert [each["name"] for each in one["annotations"]["list"]] == ["Annotations & Alerts"]


def test_variables_are_those_that_are_used(made):
    for one in made.values():
        names = {each["name"] for each in one["templating"]["list"]}
        used = set(re.findall(r"\$\{?(ds_\w+|station|agg|flags)\b", text(one)))
        assert names == used, one["uid"]


def test_stations_whose_names_are_alike_do_not_lead_to_each_other():
    fields = {"Temp_2m": Field("Temp_2m", "number", "degC")}
    known = [Known("field", "met", station, fields) for station in ("東京", "大阪", "A", "a", "a b", "a-b")]
    found = dashboards(Site(tuple(known)))
    tags = {one["title"]: one["tags"][1] for one in found if one["title"].endswith(": overview")}
    assert len(tags) == len(set(tags.values())) == 6


def test_dashboards_of_a_station_lead_to_each_other(made):
    links = made["fieldline-umbs-wind"]["links"]
    assert [link["tags"] for link in links] == [["station:umbs"], ["fieldline"]]
    assert all(link["keepTime"] and link["includeVars"] and link["asDropdown"] for link in links)


def test_panels_of_an_overview_lead_to_the_dashboards_that_show_more(made):
    uids = set()
    for one in panels(made["fieldline-umbs-overview"]):
        for link in one.get("links", ()):
            uid, _, choices = link["url"].removeprefix("/d/").partition("?")
            uids.add(uid)
            assert choices == "${__url_time_range}&${__all_variables}"
    assert uids <= set(made)
    assert {"fieldline-umbs-temperature", "fieldline-umbs-quality", "fieldline-umbs-power"} <= uids
    assert "fieldline-field-runs" in uids
    assert not any(one.get("links") for one in panels(made["fieldline-umbs-public"]))


def test_flags_that_are_kept_apart_are_asked_there(tables):
    site = Site(joined(promised(tables)), tables, apart=True)
    found = {one["uid"]: one for one in dashboards(site)}
    assert not any("_qc" in query for query in queries(found["fieldline-umbs-temperature"]))
    flags = [query for query in queries(found["fieldline-umbs-quality"]) if "_qc" in query]
    assert flags and all('_flags" WHERE' in query for query in flags)


def test_a_diagnostic_word_is_shown_by_the_names_of_its_bits():
    from fieldline import Column, DataTable
    from fieldline.quality.diagnostics import diagnostic

    class Sonic(DataTable):
        """A sonic with its word."""

        station, table, bucket, measurement, timezone, interval = "s", "Sonic_test", "field", "sonic", "+00:00", 60
        columns = {"diag_sonic": Column("diag_sonic", "1", (diagnostic("CSAT3B"),))}  # noqa: RUF012

    site = Site(joined(promised([Sonic])), (Sonic,))
    found = {one["uid"]: one for one in dashboards(site)}
    panel = titled(found["fieldline-s-analyser"], "Diagnostic bits")
    words = panel["fieldConfig"]["overrides"][0]["properties"][0]["value"][0]["options"]
    assert words["0"]["text"] == "well"
    assert words["1"]["text"] == "amplitude low" and words["5"]["text"] == "amplitude low, tracking"
    assert "bits of CSAT3B" in panel["description"]


def test_the_map_is_there_when_the_place_is_known(tables):
    def kinds(**more):
        found = dashboards(Site(joined(promised(tables)), tables, **more))
        return {panel["type"] for one in found if one["uid"] == "fieldline-umbs-overview" for panel in panels(one)}

    assert "geomap" in kinds(latitude=45.56, longitude=-84.71)
    assert "geomap" not in kinds()


LEVELS = {
    "Temp_{}": "46m 34m 15m avg_3m",
    "RH_{}": "46m 34m 15m avg_3m",
    "Sonic_temp_{}": "46m 34m",
    "U_wind_speed_{}": "46m 34m",
    "Wind_speed_{}": "46m",
    "CO2_{}": "46m 34m 22m 7m 3m 0m",
    "H2O_{}": "46m 34m 22m 7m 3m 0m",
    "Uz_{}": "46m 34m",
    "Cell_temp_{}": "46m 34m",
    "Cell_pressure_{}": "46m 34m",
    "{}_46m": "PPFD Diffuse_PPFD Total_PPFD Net_radiation",
    "{}_solar_46m": "Incident Reflected",
    "{}_far_red_46m": "Incident Outgoing",
    "Downward_PAR_{}": "37m",
    "Soil_moisture_{}": "5cm 15cm 30cm 0-30cm_1 0-30cm_2 0-30cm_3",
    **{f"Soil_temp_{{}}_st{plot}": "2cm 7.5cm 20cm 50cm 1m" for plot in (1, 2, 3)},
}
ORIGINAL = [pattern.format(level) for pattern, levels in LEVELS.items() for level in levels.split()]


def test_all_that_the_dashboard_of_2021_showed_is_shown():
    asked = "\n".join(q for path in COMMITTED if path.parts[-3] == "umbs" for q in queries(read(path)))
    assert [one for one in ORIGINAL if f'"{one}"' not in asked] == []


def test_panels_that_the_page_of_the_dashboard_of_2021_names_are_there():
    page = (PROJECT / "docs" / "grafana.md").read_text(encoding="utf-8").split("panel by panel")[1].split("\n## ")[0]
    rows = [row.split("|")[2] for row in page.splitlines() if row.startswith("| ") and "theirs" not in row]
    named = {name for row in rows for name in re.findall(r"\*([^*]+)\*", row)} - {"i"}
    titles = "\n".join(one["title"] for path in COMMITTED for one in panels(read(path)))
    assert len(rows) == 16 and [name for name in named if name not in titles] == []


# ---- the arrangement


def laid_out(dashboard):
    """What holds for the arrangement of every dashboard."""
    taken, below = set(), {}
    places = [one["gridPos"] for one in dashboard["panels"]]
    for one, place in zip(dashboard["panels"], places, strict=True):
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, f"{one['title']} overlaps"
        taken |= cells
        assert place["x"] + place["w"] <= WIDEST
        below.setdefault(place["y"], []).append(place)
        assert one["title"] and len(one["title"]) <= place["w"] * LETTERS
    assert [one["id"] for one in dashboard["panels"]] == list(range(1, len(places) + 1))
    assert all(sum(place["w"] for place in line) == WIDEST for line in below.values()), (
        "a line that doesn't fill the width"
    )
    kinds = [one["type"] for one in dashboard["panels"]]
    assert not any(kinds[n] == "row" and kinds[n + 1 : n + 2] in ([], ["row"]) for n in range(len(kinds))), (
        "an empty heading"
    )
    for one in panels(dashboard):
        series = sum(max(1, target["query"].count(" AS ")) for target in one["targets"])
        if one["type"] == "text":
            continue
        assert 1 <= series <= 6 * MOST if one["type"] == "xychart" else 1 <= series <= MOST, one["title"]
        assert len({target["refId"] for target in one["targets"]}) == len(one["targets"])
        for drawn in one["options"]["series"] if one["type"] == "xychart" else ():
            assert drawn["x"]["matcher"]["options"] != drawn["y"]["matcher"]["options"], one["title"]


def test_the_tower_is_laid_out_well(made):
    for one in made.values():
        laid_out(one)


NAMES = st.sampled_from(
    ["TA_{}m", "RH_{}m", "CO2_{}m", "WS_{}m", "WD_{}m", "TS_{}cm_st1", "SWC_{}cm", "PPFD_{}m", "x{}", "T107_{}_Avg",
     "A very long name of a column that somebody chose {}", "diag_irga_{}", "P_{}", "SW_IN_{}", "NETRAD_{}", "H_{}",
     "LE_{}", "V_{}_Max"]
)  # fmt: skip
UNITS = st.sampled_from(["degC", "%", "umol mol-1", "m s-1", "deg", "W m-2", "V", "mm", "", "furlong fortnight-1"])


@st.composite
def sites(draw):
    """A site with 10 to 400 columns in some tables of some stations, flagged or not."""
    known = []
    for number in range(draw(st.integers(1, 3))):
        count = draw(st.integers(10, 400 // (number + 1)))
        names = draw(st.lists(NAMES, min_size=6, max_size=12))
        flagged, fields = draw(st.booleans()), {}
        for at in range(count):
            name = names[at % len(names)].format(at)
            fields[name] = Field(name, "number", draw(UNITS) if at < 20 else "degC")
            if flagged:
                fields |= {name + end: Field(name + end, "integer") for end in ("_qc", "_qcbits")}
        fields["RECORD"] = Field("RECORD", "integer")
        station = draw(st.sampled_from(["", "a", "Tour é", 'b"c', "x" * 80]))
        known.append(Known("field", f"m{number}", station, fields))
    return Site(tuple(known), intervals={("field", "m0"): 60.0, ("field", "m1"): 1800.0})


@settings(max_examples=15, deadline=None)
@given(sites())
def test_any_site_is_laid_out_well(site):
    found = dashboards(site)
    assert len({one["uid"] for one in found}) == len(found)
    for one in found:
        laid_out(one)


@pytest.mark.parametrize("count", [10, 100, 400])
def test_a_generated_site_is_valid_for_grafana(count):
    needed()
    fields = {f"T_{n}m": Field(f"T_{n}m", "number", "degC") for n in range(count)}
    site = Site((Known("field", "m", "s", fields),), intervals={("field", "m"): 60.0})
    found = dashboards(site)
    for one in found:
        laid_out(one)
        assert mistakes(one) == [], one["uid"]


def test_the_instruments_of_two_towers_are_laid_out_well():
    """Every variable of the two AmeriFlux sites, by the names and heights in their public table of instruments."""
    if not HEIGHTS.is_file():
        (pytest.fail if "CI" in os.environ else pytest.skip)("the table of instruments is not here")
    with HEIGHTS.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for site_id in {row["Site_ID"] for row in rows}:
        names = {row["Variable"] for row in rows if row["Site_ID"] == site_id}
        fields = {name: Field(name, "number") for name in sorted(names)}
        models = {row["Variable"]: row["Instrument_Model"] for row in rows if row["Site_ID"] == site_id}
        made = dashboards(Site((Known("field", "base", site_id, fields),), instruments=models))
        for one in made:
            laid_out(one)
        described = " ".join(panel["description"] for one in made for panel in one["panels"] if "targets" in panel)
        assert {model for model in models.values() if model and f"({model})" not in described} == set()


def test_a_title_is_cut_between_words():
    assert fitting("Air temperature", 12) == "Air temperature"
    cut = fitting("Photosynthetic photon flux density: PPFD, 46 m and Total PPFD, 46 m, Ameriflux_fastdata 46m", 12)
    assert len(cut) <= 72 and cut.endswith("…") and not cut.endswith(" …")
    assert len(fitting("x" * 500, 6)) == 36


def test_nothing_arranges_to_nothing():
    assert arranged([]) == []


@pytest.mark.parametrize(
    ("clock", "name", "seconds"),
    [
        ("-05:00", "Etc/GMT+5", -18000),
        ("+01:00", "Etc/GMT-1", 3600),
        ("+00:00", "utc", 0),
        ("UTC", "utc", 0),
        ("+05:30", "browser", 19800),
        ("America/Detroit", "America/Detroit", 0),
    ],
)
def test_a_clock_as_a_time_zone(clock, name, seconds):
    assert (zone(clock), seconds_east(clock)) == (name, seconds)


# ---- alerts and other files


@pytest.fixture(scope="module")
def rules(tables):
    site = Site(joined(promised(tables)), tables, outbox=True, grafana=Grafana(email="tower@example.org"))
    return site, alerts.rules(site)


def test_rules_are_valid_for_grafana_and_hold_no_variables(rules):
    needed()
    site, found = rules
    assert len({rule["uid"] for rule in found}) == len(found) and all(len(rule["uid"]) <= 40 for rule in found)
    assert len({rule["title"] for rule in found}) == len(found)
    known = {one["uid"] for one in sources.data_sources(site)} | {"__expr__"}
    for rule in found:
        assert rule_mistakes(rule) == []
        assert rule["condition"] == rule["data"][-1]["refId"]
        for each in rule["data"]:
            assert each["datasourceUid"] in known
            query = each["model"].get("query", "")
            assert set(re.findall(r"\$\w+", query)) <= {"$timeFilter"}
        given = {each["refId"] for each in rule["data"]}
        asked = set(re.findall(r"\$(\w)", json.dumps([one["model"].get("expression", "") for one in rule["data"]])))
        assert asked <= given


def test_each_kind_of_trouble_has_a_rule(rules):
    kinds = [rule["labels"]["kind"] for rule in rules[1]]
    assert set(kinds) == {"no-data", "battery", "stuck", "flags", "runs", "outbox"}
    assert kinds.count("no-data") == 3 and kinds.count("stuck") == 10


def test_rules_and_panels_of_tables_and_batteries_that_are_called_alike_have_titles_of_their_own():
    """Grafana takes no two rules of one title, and no two of one uid."""
    from fieldline import Column, DataTable
    from fieldline.quality.windows import flat_line

    class Alike(DataTable):
        """A table whose name another bucket has too."""

        station, table, bucket, measurement, timezone, interval = "s", "Met", "one", "met", "+00:00", 60
        columns = {name: Column(name, "V") for name in ("BattV", "Batt_backup")} | {
            "Temp_2m": Column("Temp_2m", "degC", (flat_line(suspect_seconds=3600),))
        }

    class AlikeToo(Alike):
        """The other one."""

        table, bucket = "Met2", "two"

    site = Site(joined(promised([Alike, AlikeToo])), (Alike, AlikeToo))
    found = alerts.rules(site)
    assert len({rule["title"] for rule in found}) == len({rule["uid"] for rule in found}) == len(found) == 10
    overview = next(one for one in dashboards(site) if one["uid"].endswith("overview"))
    titles = [one["title"] for one in panels(overview)]
    assert len(set(titles)) == len(titles)


def test_a_message_of_a_rule_leads_to_the_panel_that_shows_the_trouble(rules):
    site, found = rules
    made = {one["uid"]: {panel["id"]: panel for panel in panels(one)} for one in dashboards(site)}
    titles = {}
    for rule in found:
        kind, words = rule["labels"]["kind"], rule["annotations"]
        if kind != "stuck":
            panel = made[words["__dashboardUid__"]][int(words["__panelId__"])]
            titles.setdefault(kind, set()).add(panel["title"])
            if kind in ("no-data", "battery"):
                (table,) = re.findall(r'FROM "(\w+)"', rule["data"][0]["model"]["query"])
                assert table in panel["title"]
        assert ("$values.B.Value" in words["summary"]) == (kind in ("battery", "flags", "outbox"))
    assert all(title.endswith(": newest record") for title in titles["no-data"])
    assert all(title.startswith("Battery, ") for title in titles["battery"])
    assert [titles[kind] for kind in ("flags", "runs", "outbox")] == [
        {"Values by flag"},
        {"Failed jobs"},
        {"Rows that wait"},
    ]


def test_rules_can_be_switched_off_and_moved(tables):
    none = Alerts(no_data_minutes=0, battery_volts=0, failed_percent=0, stuck=False, waiting_rows=0, failed_runs=0)
    site = Site(joined(promised(tables)), tables, outbox=True, grafana=Grafana(alerts=none))
    assert alerts.rules(site) == [] and alerts.contact_points(site) == []
    one = Site(joined(promised(tables)), tables, grafana=Grafana(alerts=Alerts(battery_volts=11.1)))
    rule = next(rule for rule in alerts.rules(one) if rule["labels"]["kind"] == "battery")
    assert "below 11.1 V" in rule["annotations"]["summary"] and "11.1" in json.dumps(rule["data"])


def test_the_file_for_provisioning_holds_the_same_rules(rules):
    site, found = rules
    document = yaml.safe_load(files(site)["provisioning/alerting/fieldline.yaml"])
    single = json.loads(json.dumps(document).replace("$$", "$"))
    kept = [rule for group in single["groups"] for rule in group["rules"]]
    assert kept == [{k: v for k, v in rule.items() if k not in ("folderUID", "orgID", "ruleGroup")} for rule in found]
    assert [group["folder"] for group in single["groups"]] == ["fieldline"] * len(single["groups"])
    (provider,) = yaml.safe_load(files(site)["provisioning/dashboards/fieldline.yaml"])["providers"]
    assert (provider["folder"], "folderUid" in provider) == ("fieldline", False), "rules make the folder, by its title"
    assert document["contactPoints"][0]["receivers"][0]["settings"]["addresses"] == "tower@example.org"
    plain = files(site)["provisioning/alerting/fieldline.yaml"].split("\napiVersion", 1)[1]
    assert not re.search(r"(?<!\$)\$(?!\$)", plain), "Grafana would take it for a name in its environment"


def test_a_dollar_sign_in_a_name_is_one_in_files_for_provisioning(tables):
    """Grafana takes what follows a single one for a name in its environment: only the token is one."""
    site = Site(joined(promised(tables)), tables, grafana=Grafana(folder="Für $HOME", store_url="http://x/$a"))
    made = files(site)
    folder = yaml.safe_load(made["provisioning/dashboards/fieldline.yaml"])["providers"][0]["folder"]
    sources_ = yaml.safe_load(made["provisioning/datasources/fieldline.yaml"])["datasources"]
    assert folder == "Für $$HOME"
    assert {one["url"] for one in sources_} == {"http://x/$$a"}
    assert {one["secureJsonData"]["httpHeaderValue1"] for one in sources_} == {"Token $FIELDLINE_TOKEN"}


def test_a_station_with_quotes_in_its_name_is_asked_for(influxd):
    """Grafana puts a backslash before each single quote of a value and a quote at both ends."""
    name = """b"c's"""
    fields = {"Temp_2m": Field("Temp_2m", "number", "degC"), "station": Field("station", "text", tag=True)}
    site = Site((Known("field", "met", name, fields),))
    influxd.query('CREATE DATABASE "quoted"')
    influxd.write("quoted", f"met,station={name} Temp_2m=1 1719800000000000000")
    try:
        for one in dashboards(site):
            for panel, _, _, question in questions(one, 1_719_800_000_500):
                if panel["title"] == "Air temperature":
                    (answer,) = real(influxd, "quoted", [question])
                    assert answer[0]["values"], question
    finally:
        influxd.query('DROP DATABASE "quoted"')


def test_data_sources_speak_influxql_and_keep_the_token_secret(tower):
    for one in sources.data_sources(tower, "http://127.0.0.1:1", "abc"):
        assert one["jsonData"]["version"] == "InfluxQL" and one["jsonData"]["dbName"] in tower.names
        assert one["secureJsonData"] == {"httpHeaderValue1": "Token abc"}
        assert "abc" not in json.dumps({key: value for key, value in one.items() if key != "secureJsonData"})
    assert "secureJsonData" not in sources.data_sources(tower, token="")[0]
    login = sources.data_sources(tower, token="name:pass:word")[0]
    assert (login["user"], login["secureJsonData"]) == ("name", {"password": "pass:word"})


def test_every_data_source_that_a_public_copy_names_is_made(tower, made):
    known = {one["uid"] for one in sources.data_sources(tower)} | {"-- Mixed --"}
    for name, one in made.items():
        if name.endswith("-public"):
            assert {t["datasource"]["uid"] for panel in panels(one) for t in panel["targets"]} <= known


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e6, 1e6).map(lambda x: round(x, 3))
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc :#'-\"n", min_size=1), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(VALUES)
def test_yaml_is_read_back_as_it_was(value):
    assert yaml.safe_load(dump(value, "a comment\nof two lines")) == value


def test_a_station_alone_can_be_exported(tmp_path, capsys):
    words = ["dashboards", "export", str(tmp_path), "--demo", "--config", str(MADE / "demo.yaml"), "--station"]
    assert main(argv=[*words, "46m"], project=PROJECT) == 0
    names = {path.stem for path in (tmp_path / "dashboards").iterdir()}
    assert names == {"fieldline-46m-overview", "fieldline-46m-radiation", "fieldline-46m-par", "fieldline-46m-quality",
                     "fieldline-46m-public", "fieldline-field-runs"}  # fmt: skip
    assert main(argv=[*words, "47m"], project=PROJECT) == 2
    assert "one of: 46m, umbs" in capsys.readouterr().err


def test_an_export_deletes_dashboards_that_are_no_longer_made_and_nothing_else(tmp_path, capsys):
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "dashboards" / "fieldline-gone-wind.json").write_text("{}", "utf-8")
    (tmp_path / "dashboards" / "mine.json").write_text("{}", "utf-8")
    assert main(argv=["dashboards", "export", str(tmp_path), *EXPORTS["demo"]], project=PROJECT) == 0
    assert "1 that are no longer made were deleted" in capsys.readouterr().out
    names = {path.name for path in (tmp_path / "dashboards").iterdir()}
    assert "mine.json" in names and "fieldline-gone-wind.json" not in names


def test_an_export_says_when_it_is_more_than_git_sync_takes_for_free(tmp_path, capsys):
    for name, told in (("demo", True), ("umbs", False)):
        assert main(argv=["dashboards", "export", str(tmp_path / name), *EXPORTS[name]], project=PROJECT) == 0
        assert ("Git Sync in Grafana Cloud's free plan takes 20 at most" in capsys.readouterr().out) == told


def test_an_export_to_where_nothing_can_be_written_is_told_in_words(tmp_path, capsys):
    taken = tmp_path / "taken"
    taken.write_text("a file", "utf-8")
    assert main(argv=["dashboards", "export", str(taken), *EXPORTS["demo"]], project=PROJECT) == 2
    said = capsys.readouterr().err
    assert str(taken) in said and "expected a folder that can be written to" in said and "Traceback" not in said


def test_an_export_without_a_folder_says_what_to_type(capsys):
    assert main(argv=["dashboards", "export", "--demo"], project=PROJECT) == 2
    assert "fieldline dashboards export FOLDER" in capsys.readouterr().err


def test_settings_have_the_thresholds_that_are_drawn():
    assert Settings().grafana.alerts.battery_volts == 11.8


# ---- docker-compose


def test_the_containers_are_pinned_listen_here_only_and_hold_no_secret():
    text_of = (MADE / "docker-compose.yaml").read_text(encoding="utf-8")
    assert text_of.endswith("\n") and "\t" not in text_of
    assert all(len(line) <= 120 and line == line.rstrip() for line in text_of.splitlines())
    document = yaml.safe_load(text_of)
    assert set(document["services"]) == {"grafana", "fieldline", "influxdb2", "influxdb3"}
    for name, service in document["services"].items():
        assert "image" in service or name == "fieldline"
        if "image" in service:
            assert re.fullmatch(r"[a-z/]+:\d+\.\d+\.\d+(-core)?", service["image"]), service["image"]
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        for key, value in service.get("environment", {}).items():
            assert not re.search("PASSWORD|TOKEN|KEY|SECRET", key), f"{name}: {key}={value} belongs in grafana.env"
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in document["volumes"] or (MADE / source).exists() or source == "../data/demo"
    first = (MADE / "Dockerfile").read_text(encoding="utf-8").splitlines()[1]
    assert re.fullmatch(r"FROM python:\d+\.\d+\.\d+-slim-\w+", first)
    copied = re.findall(r"^COPY (.+) \S+$", (MADE / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    ignored = (MADE / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert next(line for line in ignored if not line.startswith("#")) == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == {name for each in copied for name in each.split()}
    example = (MADE / "env.example").read_text(encoding="utf-8")
    assert all(
        line.startswith("#") or re.fullmatch(r"[A-Z0-9_]+=(admin)?", line) for line in example.splitlines() if line
    )
    ignored = (PROJECT / ".gitignore").read_text(encoding="utf-8")
    assert "/grafana/grafana.env" in ignored and "/grafana/influxdb3.json" in ignored


def test_the_stores_of_the_containers_are_where_the_dashboards_ask():
    document = yaml.safe_load((MADE / "docker-compose.yaml").read_text(encoding="utf-8"))
    made = yaml.safe_load((MADE / "demo/provisioning/datasources/fieldline.yaml").read_text(encoding="utf-8"))
    assert {one["url"] for one in made["datasources"]} == {"http://store:8086"}
    stores = [name for name, service in document["services"].items() if "profiles" in service]
    assert stores == ["fieldline", "influxdb2", "influxdb3"]
    assert all(document["services"][name]["networks"]["default"]["aliases"] == ["store"] for name in stores)
    provider = yaml.safe_load((MADE / "demo/provisioning/dashboards/fieldline.yaml").read_text(encoding="utf-8"))[
        "providers"
    ][0]
    assert f"./demo/dashboards:{provider['options']['path']}:ro" in document["services"]["grafana"]["volumes"]
