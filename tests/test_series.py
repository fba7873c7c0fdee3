"""Tables that other programs write: each combination of tags is a series of its own, on the page and in Grafana."""

import json
import math
import re
import time

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldline.cli import main
from fieldline.groups import MOST, Known, apart, arrange
from fieldline.groups.apart import MOST_SERIES
from fieldline.ports import Field
from fieldline.sinks.looking import name_of, tags_of
from grafana_queries import left, questions
from influxql_cases import difference, real
from serving import PROJECT, serving

STEP, ROWS = 10, 30  # [s]; rows of each series
CPUS = ("cpu0", "cpu1", "cpu2", "cpu10", "cpu-total")
DISKS = (("sda1", "ext4", "/"), ("sda2", "ext4", "/boot"), ("sdb1", "xfs", "/mnt/a b"))


def telegraf(hosts, end):
    """Lines as Telegraf writes them with its usual plugins. end: of the last row [s]."""
    for number in range(ROWS):
        at = end - (ROWS - 1 - number) * STEP
        for place, host in enumerate(hosts):
            for core, cpu in enumerate(CPUS):
                used = 10 * core + place + math.sin(number)
                yield f"cpu,cpu={cpu},host={host} usage_user={used},usage_idle={100 - used} {at}"
            for core, (device, kind, path) in enumerate(DISKS):
                tags = f"device={device},fstype={kind},host={host},mode=rw,path={path}".replace(" ", "\\ ")
                yield f"disk,{tags} free={10**11 + number}i,used_percent={20 + core} {at}"
            for interface in ("eth0", "wlan0"):
                yield f"net,host={host},interface={interface} bytes_sent={10**9 + number}i {at}"
            yield f"diskio,host={host},name=sda reads={number}i,battery=12.5 {at}"
            yield f"mem,host={host} free={10**9}i,used_percent={50 + number / 10},available_percent=50.5 {at}"
            yield f"system,host={host} load1=0.5,load5=0.6,load15=0.7 {at}"


def fed(server, hosts=("atlas",), more=lambda end: ()):
    """Write them, and what `more` makes; return when the last row was. [s]"""
    end = int(time.time()) // STEP * STEP
    server.write("\n".join([*telegraf(hosts, end), *more(end)]), precision="s", path="/api/v2/write")
    return end


def lines_of(layout):
    """The series of each picture of lines, by its title."""
    panels = [one for group in layout["groups"] for one in group["panels"] if one["kind"] == "lines"]
    return {one["title"]: one["series"] for one in panels}


def labels(series):
    return [one["label"] for one in series]


# ---- names and words -------------------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=8), min_size=1, max_size=5))
def test_a_name_tells_the_tags_of_a_series(tags):
    there = {tag: value for tag, value in tags.items() if value}
    found = tags_of(name_of(tags))
    assert {tag: value for tag, value in found.items() if value} == there


@pytest.mark.parametrize("word", ["", "umbs", "==", "=a", "a=b,", ",a=b", "a=b,c", "a=b=c", "a=\\", "a=b,,c=d"])
def test_other_words_are_no_name(word):
    assert tags_of(word) is None


@pytest.mark.parametrize(
    ("series", "tags", "words"),
    [
        ([{"cpu": "cpu0", "host": "a"}, {"cpu": "cpu1", "host": "a"}], ("cpu",), ["cpu0", "cpu1"]),
        ([{"cpu": "0", "host": "a"}, {"cpu": "", "host": "a"}], ("cpu",), ["cpu 0", "no cpu"]),
        ([{"host": "a"}], (), [""]),
        (
            [{"fstype": kind, "device": device, "path": path} for device, kind, path in DISKS],
            ("path",),
            ["path /", "/boot", "/mnt/a b"],
        ),
        (  # the machine is said wherever there are several, though the interface alone would do
            [{"host": "a", "interface": i} for i in ("e0", "e1")] + [{"host": "b", "interface": "w0"}],
            ("host", "interface"),
            ["a e0", "a e1", "b w0"],
        ),
        (
            [{"x": x, "y": y} for x in "ab" for y in "cde"],
            ("x", "y"),
            ["a c", "a d", "a e", "b c", "b d", "b e"],
        ),
    ],
)
def test_the_fewest_tags_tell_series_apart(series, tags, words):
    assert apart.telling(series) == tags
    assert [" ".join(apart.words(one, tags)) for one in series] == words


@settings(max_examples=100, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from("abchost"), st.sampled_from(["", "x", "y", "z"])), max_size=12))
def test_words_are_as_different_as_series(series):
    tags = apart.telling(series)
    plain = {tuple(sorted((tag, value) for tag, value in one.items() if value)) for one in series}
    assert len({apart.words(one, tags) for one in series}) == len(plain)


# ---- the page's layout and numbers -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def one_host(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("one"), tables=[]) as server:
        yield server, fed(server)


def test_each_series_is_a_line_called_by_what_tells_it_apart(one_host):
    found = lines_of(one_host[0].json("/api/layout"))
    assert labels(found["cpu: usage user"]) == ["cpu0", "cpu1", "cpu2", "cpu10", "cpu-total"]
    assert sorted(labels(found["disk: free"])) == ["/boot", "/mnt/a b", "path /"]
    assert labels(found["net: bytes sent"]) == ["eth0", "wlan0"]
    assert labels(found["system: load"]) == ["load1", "load5", "load15"]
    assert labels(found["mem: percentages"]) == ["available percent", "used percent"]
    assert labels(found["mem: free"]) == ["free"]  # of memory, not of disks
    assert {one["station"] for one in found["cpu: usage user"]} == {f"cpu={cpu},host=atlas" for cpu in CPUS}


def test_a_series_has_its_own_rows(one_host):
    server, end = one_host
    ask = {"bucket": "field", "field": "usage_user", "start": (end - 3600) * 1000, "end": (end + 1) * 1000}
    for core, cpu in enumerate(CPUS):
        answer = server.json("/api/series", measurement="cpu", station=f"cpu={cpu},host=atlas", **ask)
        values = answer["fields"]["usage_user"]["mean"]
        assert values == pytest.approx([10 * core + math.sin(number) for number in range(ROWS)])
        assert answer["newest"] == end * 1000
    every = server.json("/api/series", measurement="cpu", **ask)  # as ever: of all series
    assert (every["rows"], every["newest"]) == (ROWS * len(CPUS), end * 1000)
    for station in ("cpu=cpu7,host=atlas", "atlas", "cpu=cpu0", "cpu=cpu0,host=atlas,rack=1"):
        answer = server.json("/api/series", measurement="cpu", station=station, **ask)
        assert (answer["rows"], answer["newest"]) == (0, None), station


def test_each_series_has_a_state_of_its_own_and_words_for_people(one_host):
    server, end = one_host
    answer = server.json("/api/status")
    found = {(one["measurement"], one["called"]): one for one in answer["tables"]}
    assert {called for name, called in found if name == "cpu"} == {*CPUS}
    assert {called for name, called in found if name == "mem"} == {""}
    assert all(one["state"] == "good" and one["interval_s"] == STEP for one in found.values())
    assert all(one["newest"] == end * 1000 and one["left_out"] == 0 for one in found.values())
    assert found["diskio", ""]["battery"] == 12.5  # a tag called `name` is in nobody's way
    layout = server.json("/api/layout")
    assert {(one["measurement"], one["called"]) for one in layout["tables"]} == found.keys()
    assert layout["stations"] == []


def test_every_picture_of_the_layout_can_be_asked_for(one_host):
    server, end = one_host
    start = (end - 3600) * 1000
    for group in server.json("/api/layout")["groups"]:
        for panel in group["panels"]:
            assert len(panel["series"]) <= MOST
            for one in panel["series"]:
                table = {key: one[key] for key in ("bucket", "measurement", "station")}
                words = {} if panel["kind"] == "missing" else {"field": one["field"]}
                path = "missing" if panel["kind"] == "missing" else "series"
                answer = server.json(f"/api/{path}", **table, start=start, end=(end + 1) * 1000, **words)
                assert (sum(answer["rows"]) if path == "missing" else answer["rows"]) == ROWS


def test_of_several_hosts_each_is_said_and_pictures_are_parted_by_them(tmp_path):
    with serving(tmp_path / "home", tables=[]) as server:
        fed(server, ("atlas", "birch", "cedar"))
        found = lines_of(server.json("/api/layout"))
        assert labels(found["mem: used percent"]) == ["atlas", "birch", "cedar"]
        assert labels(found["cpu: usage user, birch"]) == ["cpu0", "cpu1", "cpu2", "cpu10", "cpu-total"]
        assert labels(found["net: bytes sent"])[:2] == ["atlas, eth0", "atlas, wlan0"]
        assert all(len(series) <= MOST for series in found.values())


def test_a_series_without_a_tag_is_one_too(tmp_path):
    now = int(time.time())
    with serving(tmp_path / "home", tables=[]) as server:
        server.write(f"v,vehicle=a speed=1 {now}\nv speed=2 {now}\nv,vehicle=b speed=3 {now}", precision="s")
        found = lines_of(server.json("/api/layout"))["v: speed"]
        assert sorted(labels(found)) == ["a", "b", "no vehicle"]
        ask = {
            "bucket": "field",
            "measurement": "v",
            "field": "speed",
            "start": (now - 9) * 1000,
            "end": now * 1000 + 1,
        }
        means = {
            one["label"]: server.json("/api/series", station=one["station"], **ask)["fields"]["speed"]["mean"]
            for one in found
        }
        assert means == {"a": [1], "b": [3], "no vehicle": [2]}


def test_a_tag_that_comes_later_leaves_the_names_as_they_were(tmp_path):
    now = int(time.time())
    with serving(tmp_path / "home", tables=[]) as server:
        server.write(f"v,vehicle=a speed=1 {now - 1}\nv speed=1 {now - 1}", precision="s")
        assert {one["station"] for one in server.json("/api/layout")["tables"]} == {"vehicle=a", "="}
        server.write(f"v,vehicle=a speed=1 {now}\nv,trip=1,vehicle=a speed=1 {now}\nv speed=2 {now}", precision="s")
        found = [one["station"] for one in server.json("/api/layout")["tables"]]
        assert sorted(found) == ["=", "trip=1,vehicle=a", "vehicle=a"]


def test_a_table_that_gets_its_first_tags_has_no_series_of_all_rows_left(tmp_path):
    now = int(time.time())
    with serving(tmp_path / "home", tables=[]) as server:
        for line, names in (("v", [""]), ("v,vehicle=a", ["=", "vehicle=a"]), ("v,station=s,vehicle=a", ["", "s"])):
            server.write(f"{line} speed=1 {now}", precision="s")
            for path in ("status", "layout"):
                assert sorted(one["station"] for one in server.json(f"/api/{path}")["tables"]) == names


def test_rows_of_several_years_are_asked_from_memory_by_series(tmp_path):
    times = pd.date_range("2023-01-01", periods=60_000, freq="15min", tz="UTC").as_unit("ns")
    with serving(tmp_path / "home", tables=[]) as server:
        for name, value in (("a", 1.0), ("b", 2.0)):
            frame = pd.DataFrame({"vehicle": name, "speed": value}, index=times)
            server.store.write("field", "v", frame, ("vehicle",))
        ask = {"bucket": "field", "measurement": "v", "field": "speed", "points": 300}
        span = {"start": times[0].value // 10**6, "end": times[-1].value // 10**6}
        for name, value in (("a", 1.0), ("b", 2.0)):
            answer = server.json("/api/series", station=f"vehicle={name}", **ask, **span)
            assert answer["every_ms"] and {one for one in answer["fields"]["speed"]["mean"] if one is not None} == {
                value
            }


def test_of_very_many_series_so_many_are_shown_and_the_others_counted(tmp_path):
    now = int(time.time())
    count = 3 * MOST_SERIES
    lines = [f"m,topic=t{number:04} x={number} {now - (number % 3 == 0) * 10 * 86_400}" for number in range(count)]
    with serving(tmp_path / "home", tables=[]) as server:
        server.write("\n".join(lines), precision="s")
        tables = server.json("/api/status")["tables"]
        assert len(tables) == MOST_SERIES
        assert {one["left_out"] for one in tables} == {count - MOST_SERIES}
        layout = server.json("/api/layout")
        names = [one["called"] for one in layout["tables"]]
        assert (
            names == [f"t{number:04}" for number in range(count) if number % 3][:MOST_SERIES]
        )  # those of the last day
        assert {one["called"] for one in tables} == {*names}
        server.write("\n".join(f"m,topic=t{number:04} x=1 {now + 1}" for number in (299, 5)), precision="s")
        assert [one["called"] for one in server.json("/api/layout")["tables"]] == names
        ask = {"bucket": "field", "measurement": "m", "field": "x", "start": (now - 9) * 1000, "end": (now + 9) * 1000}
        assert server.json("/api/series", station="topic=t0299", **ask)["rows"] == 2  # each can be asked for


@pytest.mark.parametrize("tag", ["station", "device_id", "node", "serial"])
def test_a_tag_that_names_a_device_names_the_series_alone(tmp_path, tag):
    now = int(time.time())
    with serving(tmp_path / "home", tables=[]) as server:
        rows = [f"m,{tag}=one,firmware=1 x=1 {now - 20}", f"m,{tag}=one,firmware=2 x=2 {now}", f"m,{tag}=two x=3 {now}"]
        server.write("\n".join(rows), precision="s")
        layout = server.json("/api/layout")
        assert [(one["station"], one["called"]) for one in layout["tables"]] == [("one", "one"), ("two", "two")]
        assert layout["stations"] == ["one", "two"]
        ask = {"bucket": "field", "measurement": "m", "field": "x", "start": (now - 99) * 1000, "end": (now + 1) * 1000}
        assert server.json("/api/series", station="one", **ask)["fields"]["x"]["mean"] == [1, 2]


def test_devices_and_the_latest_rows_are_as_they_were(one_host):
    server, _ = one_host
    rows = [one for one in server.json("/api/latest") if one["measurement"] == "cpu"]
    assert {one["tags"]["cpu"] for one in rows} == {*CPUS}


# ---- Grafana ---------------------------------------------------------------------------------------------------------


def nodes(end):
    """Rows of two devices that a tag other than `station` names. end: [s]"""
    return [f"nodes,node={node} Temp_2m={node}.5,Temp_4m=3 {end - 60 * k}" for node in (1, 2) for k in range(9)]


@pytest.fixture(scope="module")
def grafana(tmp_path_factory):
    """A server with two hosts, and the dashboards that are made of its store."""
    folder = tmp_path_factory.mktemp("grafana")
    with serving(folder / "home", tables=[]) as server:
        end = fed(server, ("atlas", "birch"), nodes)
        (folder / "site.yaml").write_text(f"home: {folder / 'home'}\n", encoding="utf-8")
        out = folder / "out"
        assert main(None, ["dashboards", "export", str(out), "--config", str(folder / "site.yaml")], PROJECT) == 0
        files = sorted((out / "dashboards").glob("*.json"))
        yield server, end, [json.loads(one.read_text(encoding="utf-8")) for one in files]


def test_no_question_of_a_dashboard_mixes_series(grafana):
    server, end, made = grafana
    seen = 0
    for dashboard in made:
        for panel, target, _, query in questions(dashboard, (end + 1) * 1000, 3_600_000):
            assert left(query) == [], query
            (result,) = server.query(query)
            assert "error" not in result, query
            table = re.search(r'FROM "(\w+)"', query)[1]
            if panel["type"] not in ("timeseries", "status-history") or table == "runs":
                continue
            seen += 1
            series = [one["tags"] for one in result["series"]]
            wanted = {"cpu": 2 * len(CPUS), "disk": 2 * len(DISKS), "net": 4, "mem": 2, "system": 2, "diskio": 2}
            assert len(series) == ({"nodes": 2} | wanted)[table], query
            called = [re.sub(r"\$tag_(\w+)", lambda match, one=one: one[match[1]], target["alias"]) for one in series]
            assert len({*called}) == len(called), target["alias"]
    assert seen > 15


def test_influxd_answers_as_we_do(grafana, influxd, database):
    """Of the same lines; `runs` has no rows in either."""
    server, end, made = grafana
    influxd.write(database, "\n".join([*telegraf(("atlas", "birch"), end), *nodes(end)]), "s")
    until = (end + 1) * 1000
    asked = {query for one in made for _, _, _, query in questions(one, until, 3_600_000) if '"runs"' not in query}
    wrong = []
    for query, theirs in zip(sorted(asked), real(influxd, database, sorted(asked)), strict=True):
        (result,) = server.query(query)
        ours = result["error"] if "error" in result else result.get("series", [])
        assert theirs, query
        if words := difference(theirs, ours, query):
            wrong.append(f"{query}: {words}")
    assert not wrong and len(asked) > 20


def test_a_legend_says_what_tells_series_apart(grafana):
    _, _, made = grafana
    found = {
        panel["title"]: [target["alias"] for target in panel["targets"]]
        for dashboard in made
        for panel in dashboard["panels"]
        if panel["type"] == "timeseries"
    }
    assert found["cpu: usage user"] == ["$tag_host, $tag_cpu"]
    assert found["disk: free"] == ["$tag_host, $tag_path"]
    assert found["mem: used percent"] == ["$tag_host"]
    assert found["system: load"] == [f"{load}, $tag_host" for load in ("load1", "load5", "load15")]


def test_only_pictures_of_any_number_of_series_are_made_of_several(grafana):
    _, _, made = grafana
    kinds = {panel["type"] for dashboard in made for panel in dashboard["panels"]}
    assert not kinds & {"xychart", "heatmap", "barchart"}
    titles = {panel["title"] for dashboard in made for panel in dashboard["panels"]}
    assert not any("2 m and 4 m" in title for title in titles)


def test_very_many_series_are_drawn_together(tmp_path):
    now = int(time.time())
    with serving(tmp_path / "home", tables=[]) as server:
        lines = [f"m,topic=t{number} Temp_2m={number},Temp_4m=1 {now}" for number in range(2 * MOST_SERIES)]
        server.write("\n".join(lines), precision="s")
        (tmp_path / "site.yaml").write_text(f"home: {tmp_path / 'home'}\n", encoding="utf-8")
        assert (
            main(
                None, ["dashboards", "export", str(tmp_path / "out"), "--config", str(tmp_path / "site.yaml")], PROJECT
            )
            == 0
        )
        made = [json.loads(one.read_text(encoding="utf-8")) for one in (tmp_path / "out" / "dashboards").glob("*.json")]
        panels = [
            panel
            for one in made
            for panel in one["panels"]
            if panel["type"] == "timeseries" and "runs" not in one["uid"]
        ]
        assert panels and all("topic" not in target["query"] for panel in panels for target in panel["targets"])
        assert all("200 series together" in panel["description"] for panel in panels)
        for dashboard in made:
            for _, _, _, query in questions(dashboard, (now + 1) * 1000, 3_600_000):
                assert len(server.query(query)[0].get("series", [])) <= 1, query


def test_tags_with_other_letters_are_written_as_grafana_reads_them():
    from fieldline.dashboards import Site, dashboards

    fields = {"x": Field("x", "number"), "my-tag": Field("my-tag", "text", tag=True)}
    site = Site((Known("field", "m", "", fields, by=("my-tag",)),))
    aliases = {
        target["alias"]
        for dashboard in dashboards(site)
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
        if 'GROUP BY time($__interval), "my-tag"' in target["query"]
    }
    assert aliases == {"[[tag_my-tag]]"}


def test_a_table_without_tags_is_laid_out_as_ever():
    plain = Known("field", "m", "", {"x": Field("x", "number"), "y": Field("y", "number")})
    (panel, _) = (panel for group in arrange([plain]).groups for panel in group.panels)
    assert (panel.title, [one.label for one in panel.series]) == ("Others", ["x", "y"])
