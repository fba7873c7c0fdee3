"""Every question of every dashboard and alert, asked of a real influxd and of our own server over the same rows."""

import contextlib
import itertools
import re
from datetime import datetime

import pandas as pd
import pytest

from fieldline.cli import drivers, main
from fieldline.dashboards import Site, alerts, dashboards
from fieldline.dashboards.queries import HIDE_FAILED, HIDE_SUSPECT, SHOW_ALL
from fieldline.groups import Known
from fieldline.lineprotocol import encode
from fieldline.points import points
from fieldline.simulator import simulate
from grafana_queries import expanded, left, questions
from influxql_cases import difference, real
from serving import PROJECT, serving

END = datetime(2024, 7, 1)  # on the station's clock
UNTIL = int(pd.Timestamp("2024-07-01T05:00Z").timestamp() * 1000)
DAYS = 3
SHIFTED = ("runs",)  # told of the time of the test, which the dashboards don't look at
FLAGGED = {"flagged": ",station=s", "stationless": ""}  # what a test writes, and its tags
ROWS = 5_000

CONFIG = """
home: {home}
defaults: {{utc_offset: "-05:00"}}
quality: {{maintenance: {log}}}
jobs: [{{name: station, driver: umbs, files: ["{files}/*.dat*"]}}, {{name: lost, files: ["{lost}"]}}]
"""
LOG = """
entries:
  - {station: umbs, fields: ["*"], from: 2024-06-30T18:00, to: 2024-06-30T20:00, flag: suspect, reason: service}
"""

# What may be empty on a good day.
SELDOM = ("Failed runs", "Failed jobs", "Failed jobs of a day")


@pytest.fixture(scope="module")
def station(tmp_path_factory):
    """A home with three days of the simulated tower, faults and all."""
    folder = tmp_path_factory.mktemp("station")
    simulate(folder / "files", days=DAYS, until=END, faults=["all"])
    text = CONFIG.format(
        home=folder / "home", log=folder / "log.yaml", files=folder / "files", lost=folder / "lost.dat"
    )
    (folder / "site.yaml").write_text(text, encoding="utf-8")
    (folder / "log.yaml").write_text(LOG, encoding="utf-8")
    (folder / "lost.dat").write_text("no table\n", encoding="utf-8")
    assert main("run", ["--config", str(folder / "site.yaml")], PROJECT) == 1  # for lost.dat; the tower is read
    return folder


@pytest.fixture(scope="module")
def servers(station, influxd, tmp_path_factory):
    """Our server, and influxd with the same rows: (our Served, influxd, database of a bucket)."""
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(serving(station / "home", bucket=None))
        store, names = ours.store, {}
        late = pd.Timestamp(UNTIL, unit="ms", tz="UTC") - pd.Timedelta("30min")
        for bucket in store.buckets():
            names[bucket] = f"station_{bucket}"
            influxd.query(f'CREATE DATABASE "{names[bucket]}"')
            stack.callback(influxd.query, f'DROP DATABASE "{names[bucket]}"')
            for measurement in store.measurements(bucket):
                tags = tuple(name for name, one in store.fields(bucket, measurement).items() if one.tag)
                frame = store.read(bucket, measurement)
                if measurement in SHIFTED:
                    frame.index = (frame.index - frame.index.max() + late).as_unit("ns")
                    store.write(bucket, measurement, frame, tags)
                    frame = store.read(bucket, measurement)
                for first in range(0, len(frame), ROWS):
                    influxd.write(names[bucket], encode(measurement, points(frame.iloc[first : first + ROWS], tags)))
        yield ours, influxd, names


@pytest.fixture(scope="module")
def site(servers):
    """What the dashboards are made from: what the store of the station holds."""
    store = servers[0].store
    known = [
        Known(bucket, measurement, station, store.fields(bucket, measurement))
        for bucket in store.buckets()
        for measurement in store.measurements(bucket)
        if measurement not in (*SHIFTED, *FLAGGED)
        for station in sorted(set(store.latest(bucket, measurement)["station"]))
    ]
    tables = drivers.load(PROJECT / "drivers", "umbs")
    intervals = {("field", "flux"): 1800.0, ("field", "daily"): 86400.0}
    return Site(tuple(known), tables, intervals, latitude=45.56, longitude=-84.71, zone="-05:00", every_minutes=5)


def our_answer(served, bucket, question):
    result = served.query(question, bucket)[0]
    return result["error"] if "error" in result else result.get("series", [])


class Asker:
    """Asks both servers and keeps what went wrong; the same question is asked once."""

    def __init__(self, servers, site):
        self.ours, self.influxd, self.names = servers
        self.buckets = {site.source(bucket): bucket for bucket in self.names}
        self.asked, self.wrong, self.empty = set(), [], []

    def ask(self, title, source, question):
        assert left(question) == [], question
        if (source, question) in self.asked:
            return
        self.asked.add((source, question))
        bucket = self.buckets[source]
        theirs = real(self.influxd, self.names[bucket], [question])[0]
        ours = our_answer(self.ours, bucket, question)
        if isinstance(theirs, str) or isinstance(ours, str):
            self.wrong.append(f"{title}: {question}: influxd {str(theirs)[:200]}; ours {str(ours)[:200]}")
        elif words := difference(theirs, ours, question):
            self.wrong.append(f"{title}: {question}: {words[:500]}")
        elif not any(value is not None for one in theirs for row in one["values"] for value in row[1:]):
            self.empty.append((title, question))


def unlikely(title, question):
    """Whether an answer may be empty on a good day: nothing failed, no wind from there."""
    return title in SELDOM or title.startswith("Maintenance") or "where it comes from" in title


@pytest.mark.parametrize(
    "choice",
    [
        {},
        {"agg": "median", "flags": HIDE_SUSPECT},
        {"agg": "min", "flags": SHOW_ALL},
        {"agg": "max", "flags": HIDE_FAILED},
    ],
    ids=["as opened", "median", "all", "max"],
)
def test_every_question_gets_the_same_answer_from_influxd_and_from_us(servers, site, choice):
    asker = Asker(servers, site)
    for dashboard in dashboards(site):
        for panel, _, source, question in questions(dashboard, UNTIL, **choice):
            asker.ask(panel["title"], source, question)
    assert asker.wrong == []
    assert len(asker.asked) > 400 or choice
    assert [one for one in asker.empty if not unlikely(*one)] == []


def test_failures_and_maintenance_are_found_where_there_are_some(servers, site):
    asker, asked = Asker(servers, site), {}
    for dashboard in dashboards(site):
        for panel, _, source, question in questions(dashboard, UNTIL, span=7 * 86_400_000):
            if panel["title"] in (*SELDOM, "Maintenance of Temp_46m"):
                asker.ask(panel["title"], source, question)
                asked.setdefault(panel["title"], set()).add((panel["title"], question))
    assert asker.wrong == []
    assert set(asked) == {*SELDOM, "Maintenance of Temp_46m"}
    assert [title for title, mine in asked.items() if mine <= set(asker.empty)] == []


def test_alerts_get_the_same_answers(servers, site):
    asker = Asker(servers, site)
    for rule in alerts.rules(site):
        for each in rule["data"]:
            if each["datasourceUid"] != "__expr__":
                span = each["relativeTimeRange"]["from"] * 1000
                asker.ask(rule["title"], each["datasourceUid"], expanded(each["model"]["query"], {}, span, UNTIL))
    assert asker.wrong == []
    assert len(asker.asked) > 20


def test_hiding_flags_hides_flagged_values_and_showing_all_shows_also_those_without_a_flag(servers, influxd):
    """A value without a flag has been judged by nobody: it is hidden with the failed ones, and shown with all."""
    ours, real_one, names = servers
    rows = ["x=1,x_qc=1i", "x=2,x_qc=3i", "x=4,x_qc=4i", "x=8"]
    for flagged, tag in FLAGGED.items():
        lines = "\n".join(f"{flagged}{tag} {row} {1_719_800_000 + at}000000000" for at, row in enumerate(rows))
        ours.write(lines, "field")
        real_one.write(names["field"], lines)
    choices = ((HIDE_FAILED, 3), (HIDE_SUSPECT, 1), (SHOW_ALL, 15))
    for (flags, total), flagged in itertools.product(choices, FLAGGED):
        text = 'SELECT sum("x") FROM "$table" WHERE $timeFilter AND ("x_qc" < $flags)'
        question = expanded(text, {"flags": flags, "table": flagged}, 86_400_000, UNTIL)
        for answer in (our_answer(ours, "field", question), real(real_one, names["field"], [question])[0]):
            assert answer[0]["values"][0][1] == total, (flags, flagged)


def test_questions_keep_to_what_every_influxdb_answers(site):
    """No regex, no subquery, no FROM with a database or a retention policy, no function that v3 or 1.x lacks."""
    functions = {"mean", "median", "min", "max", "first", "last", "sum", "count", "spread", "time", "fill", "now"}
    for dashboard in dashboards(site):
        for _, _, _, question in questions(dashboard, UNTIL):
            bare = re.sub(r"\"[^\"]*\"|'[^']*'", "x", question)
            assert not re.search(r"=~|!~|FROM \(|FROM x\.|SLIMIT|SOFFSET|INTO|tz\(", bare), question
            assert set(re.findall(r"(\w+)\(", bare)) <= functions, question


def test_the_configured_store_is_asked_what_it_holds(servers, station, tmp_path, capsys):
    """Tables that nobody declared are there too, with the interval that their rows have."""
    words = ["dashboards", "export", str(tmp_path), "--config", str(station / "site.yaml")]
    assert main(argv=words, project=PROJECT) == 0
    assert capsys.readouterr().err == ""
    names = {path.stem for path in (tmp_path / "dashboards").iterdir()}
    expected = ("umbs-fluxes", "umbs-precipitation", "46m-par", "field-runs")
    assert {f"fieldline-{name}" for name in expected} <= names
    quality = (tmp_path / "dashboards" / "fieldline-umbs-quality.json").read_text(encoding="utf-8")
    assert '* 100.0 / 48 FROM \\"flux\\"' in quality and '* 100.0 / 1 FROM \\"daily\\"' in quality


def test_a_store_that_is_away_leaves_what_is_declared(tmp_path, capsys):
    text = (
        "store: influxdb\ninfluxdb: {url: 'http://127.0.0.1:9', org: o}\njobs: [{name: t, driver: umbs, files: [x]}]\n"
    )
    (tmp_path / "site.yaml").write_text(text, encoding="utf-8")
    words = ["dashboards", "export", str(tmp_path / "out"), "--config", str(tmp_path / "site.yaml")]
    assert main(argv=words, project=PROJECT) == 0
    assert "so only what is declared gets dashboards" in capsys.readouterr().err
    assert (tmp_path / "out" / "dashboards" / "fieldline-umbs-soil_temperature.json").exists()


def test_nothing_that_is_known_is_an_error_with_a_remedy(tmp_path, capsys):
    (tmp_path / "site.yaml").write_text(f"home: {tmp_path / 'home'}\n", encoding="utf-8")
    words = ["dashboards", "export", str(tmp_path / "out"), "--config", str(tmp_path / "site.yaml")]
    assert main(argv=words, project=PROJECT) == 2
    assert "try --demo" in capsys.readouterr().err
