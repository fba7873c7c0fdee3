"""What Prometheus is told."""

import contextlib
import json
import math
import subprocess
import time
import urllib.parse
from dataclasses import replace
from typing import ClassVar

import pandas as pd
import pytest
from prometheus_client.parser import text_string_to_metric_families

from fieldline import Column, DataTable
from fieldline.cli import main
from fieldline.serve import metrics
from loopback import ServerError, fetch
from servers import DEBIAN, Process, binary
from serving import serving

NOW = pd.Timestamp("2026-06-25T10:50:00Z")
DEBIAN |= {"promtool": "prometheus", "prometheus": "prometheus"}


class Slow(DataTable):
    """Soil, means of 30 min."""

    station, table = "soil*", "slow"
    bucket, measurement = "field", "soil"
    timezone = "+00:00"
    interval = 1800
    columns: ClassVar = {"T": Column("T", "degC")}


class Clock:
    """A time that a test sets."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def server(tmp_path, clock):
    with serving(tmp_path, now=clock, tables=[Slow]) as running:
        yield running


def put(server, measurement, time, tags=None, bucket="field", units=None, **fields):
    frame = pd.DataFrame({**(tags or {}), **fields}, index=pd.DatetimeIndex([time]).as_unit("ns"))
    server.store.write(bucket, measurement, frame, tuple(tags or {}), units)


def samples(server, name, key=None):
    """{labels: (value, time)} of one metric; labels as a tuple of pairs."""
    text = server.get("/metrics", key).decode()
    found = [one for family in text_string_to_metric_families(text) for one in family.samples if one.name == name]
    return {tuple(sorted(one.labels.items())): (one.value, one.timestamp) for one in found}


def only(found):
    [(labels, value)] = found.items()
    return dict(labels), value


def test_a_value_has_the_time_of_its_row_and_its_unit(server):
    time = NOW - pd.Timedelta(seconds=30.005)
    put(server, "tower", time, {"station": "46m"}, units={"PPFD": "umol m-2 s-1"}, PPFD=601.2, PPFD_qc=3, PPFD_qcbits=8)
    labels, (value, stamp) = only(samples(server, "fieldline_latest_value"))
    assert labels == {
        "bucket": "field",
        "measurement": "tower",
        "station": "46m",
        "field": "PPFD",
        "unit": "umol m-2 s-1",
    }
    assert value == 601.2
    assert round(stamp * 1000) == time.value // 10**6
    assert only(samples(server, "fieldline_latest_flag"))[1][0] == 3
    assert only(samples(server, "fieldline_lag_seconds"))[1] == (30.005, None)
    assert only(samples(server, "fieldline_last_sample_timestamp_seconds"))[1][0] == time.value / 1e9


def test_every_millisecond_is_told_as_it_is():
    for stamp in range(1_782_384_600_000, 1_782_384_601_000):
        assert int(metrics._seconds(stamp * 10**6 + 999_999) * 1000) == stamp


def test_booleans_are_numbers_and_texts_are_left_out(server):
    put(server, "door", NOW, open=True, note="x")
    labels, (value, _) = only(samples(server, "fieldline_latest_value"))
    assert (labels["field"], value) == ("open", 1.0)


def test_a_value_disappears_when_it_is_old_and_its_lag_goes_on(server, clock):
    put(server, "soil", NOW, {"station": "soil1"}, T=10.0)  # every 30 min: patience of five of these
    put(server, "other", NOW, {"station": "soil1"}, T=10.0)  # of unknown interval: ten minutes
    for seconds, expected in [(590, {"soil", "other"}), (610, {"soil"}), (8_990, {"soil"}), (9_010, set())]:
        clock.now = NOW + pd.Timedelta(seconds=seconds)
        assert {dict(labels)["measurement"] for labels in samples(server, "fieldline_latest_value")} == expected
        assert {value for value, _ in samples(server, "fieldline_lag_seconds").values()} == {seconds}


def test_a_field_that_the_newest_row_lacks_is_gone(server, clock):
    put(server, "tower", NOW - pd.Timedelta(seconds=10), a=1.0, b=1.0)
    put(server, "tower", NOW, a=2.0)
    assert only(samples(server, "fieldline_latest_value"))[0]["field"] == "a"


def test_what_is_written_later_is_seen_and_only_once_a_second(server, clock):
    put(server, "tower", NOW, a=1.0)
    assert only(samples(server, "fieldline_latest_value"))[1][0] == 1.0
    put(server, "tower", NOW, a=2.0)
    assert only(samples(server, "fieldline_latest_value"))[1][0] == 1.0
    clock.now = NOW + pd.Timedelta(seconds=1)
    assert only(samples(server, "fieldline_latest_value"))[1][0] == 2.0


def test_late_rows_new_series_and_deleted_ones_are_seen(server, clock):
    def told():
        clock.now += pd.Timedelta(seconds=1)
        found = samples(server, "fieldline_latest_value")
        return {dict(labels)["station"]: value for labels, (value, _) in found.items()}

    put(server, "tower", NOW, {"station": "a"}, v=1.0)
    assert told() == {"a": 1.0}
    put(server, "tower", NOW - pd.Timedelta(minutes=1), {"station": "a"}, v=5.0)  # late
    assert told() == {"a": 1.0}
    put(server, "tower", NOW - pd.Timedelta(minutes=2), {"station": "b"}, v=2.0)
    assert told() == {"a": 1.0, "b": 2.0}
    put(server, "tower", NOW, {"station": "a"}, v=3.0)  # corrected
    assert told() == {"a": 3.0, "b": 2.0}
    put(server, "tower", NOW - pd.Timedelta(minutes=1), {"station": "b", "serial": "7"}, v=4.0)  # another tag
    assert sorted(told().values()) == [3.0, 4.0]  # of one name both, by their labels
    server.store.retain("field", 1)
    server.store.expire(NOW + pd.Timedelta(days=2))
    assert told() == {}


def test_a_unit_that_comes_later_and_a_store_that_is_another_are_seen(server, clock):
    def told():
        clock.now += pd.Timedelta(seconds=1)
        return {dict(labels)["unit"]: value for labels, (value, _) in samples(server, "fieldline_latest_value").items()}

    put(server, "tower", NOW, a=1.0)
    put(server, "soil", NOW, a=2.0)
    assert told() == {"": 1.0}
    put(server, "tower", NOW, units={"a": "degC"}, a=1.0)
    assert told() == {"": 2.0, "degC": 1.0}
    server.store.path.unlink()
    assert told() == {}
    server.store.create("field", None)
    put(server, "new", NOW, units={"a": "V"}, a=3.0)
    assert told() == {"V": 3.0}


def test_rows_today_begin_at_midnight_of_the_station(tmp_path, clock):
    with serving(tmp_path, now=clock, tables=[]) as running:
        context = replace(running.context, zone="-05:00")
        station = metrics.Station(context)
        midnight = pd.Timestamp("2026-06-25T05:00Z")
        times = pd.date_range(midnight - pd.Timedelta(hours=1), periods=5, freq="30min").as_unit("ns")
        frame = pd.DataFrame({"a": [1.0] * 4 + [math.nan], "b": [math.nan] * 4 + [1.0]}, index=times)
        running.store.write("field", "tower", frame)
        assert station.rows_today(frozenset(["field"]), NOW) == {("field", "tower"): 3}
        assert station.rows_today(frozenset(["field"]), NOW + pd.Timedelta(days=1)) == {("field", "tower"): 0}


def test_tags_beside_the_device_become_labels_whatever_they_are_called(server):
    put(server, "tower", NOW, {"station": "a", "Höhe.m": "1", "Höhe m": "2"}, v=1.0)
    put(server, "car", NOW, {"device_id": "v1"}, v=1.0)
    found = {dict(labels)["measurement"]: dict(labels) for labels in samples(server, "fieldline_latest_value")}
    assert {found["tower"]["tag_H_he_m"], found["tower"]["tag_H_he_m_2"]} == {"1", "2"}
    assert (found["car"]["station"], found["car"]["tag_device_id"]) == ("v1", "v1")


STRANGE = ['a"b', "a\\", "a\\n", "<script>", "__proto__", "\u202eabc", "Ω", 'x"} 1\nfake_metric 2', "{}", "#"]


def test_names_from_data_are_escaped(server):
    for name in STRANGE:
        put(server, f"m{name}", NOW, {"station": name}, **{f"f{name}": 1.0})
    found = [dict(labels) for labels in samples(server, "fieldline_latest_value")]
    assert {one["station"] for one in found} == set(STRANGE)
    assert {one["field"] for one in found} == {f"f{name}" for name in STRANGE}
    assert not samples(server, "fake_metric")


def test_promtool_has_nothing_to_say(server):
    promtool = binary("promtool")
    for name in STRANGE:
        put(server, name, NOW, {"station": name}, a=1.0, a_qc=1)
    text = server.get("/metrics")
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, timeout=300)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_the_last_run_is_told(tmp_path, clock):
    config = tmp_path / "site.yaml"
    config.write_text(
        f"home: {tmp_path.as_posix()}\njobs:\n  - name: none\n    files: [nothing.dat]\n", encoding="utf-8"
    )
    status = main("run", ["--config", str(config)])
    clock.now = pd.Timestamp.now("UTC")
    with serving(tmp_path, now=clock, tables=[]) as running:
        assert only(samples(running, "fieldline_last_run_status"))[1][0] == status
        assert 0 <= only(samples(running, "fieldline_last_run_age_seconds"))[1][0] < 120
        assert only(samples(running, "fieldline_quarantined_rows"))[1][0] == 0
        assert only(samples(running, "fieldline_outbox_rows"))[1][0] == 0
        assert only(samples(running, "fieldline_outbox_refused_rows"))[1][0] == 0


class Prometheus(Process):
    """A real Prometheus that scrapes one server each second."""

    alive = "/-/healthy"
    target, key = "", ""

    def words(self):
        config = self.folder / "prometheus.yml"
        config.write_text(
            f"""
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: fieldline
    authorization: {{type: Bearer, credentials: {self.key}}}
    static_configs: [{{targets: ["{urllib.parse.urlsplit(self.target).netloc}"]}}]
""",
            encoding="utf-8",
        )
        place = ["--storage.tsdb.path", str(self.folder / "data"), "--web.listen-address", f"127.0.0.1:{self.port}"]
        return [binary("prometheus"), "--config.file", str(config), *place]

    def ask(self, query):
        """What an instant query gives: [(labels, value)]."""
        text = fetch(f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': query})}")
        return [(one["metric"], float(one["value"][1])) for one in json.loads(text)["data"]["result"]]

    def ask_until_answered(self, query, seconds=60):
        """As `ask`, once there is something; before it is ready it answers 503."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with contextlib.suppress(ServerError):
                if found := self.ask(query):
                    return found
            time.sleep(0.2)
        raise AssertionError(f"Prometheus has nothing for {query}:\n{self.log()}")


def test_prometheus_reads_it(tmp_path):
    binary("prometheus")
    with serving(tmp_path / "home", tables=[]) as running:
        time_of_row = pd.Timestamp.now("UTC").floor("s") - pd.Timedelta(seconds=20)
        put(running, "tower", time_of_row, {"station": "<b>46m"}, PPFD=601.2)
        prometheus = Prometheus(tmp_path / "prometheus")
        prometheus.target, prometheus.key = running.url, running.key
        with prometheus:
            found = prometheus.ask_until_answered("fieldline_latest_value")
            [(labels, value)] = found
            assert (labels["station"], value) == ("<b>46m", 601.2)
            [(_, stamp)] = prometheus.ask("timestamp(fieldline_latest_value)")
            assert stamp == time_of_row.timestamp()
            assert prometheus.ask("up")[0][1] == 1.0
