"""Dashboards into Grafana: what a push writes, what it leaves alone, and what it says of every refusal."""

import copy
import json
import re
import shutil
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import grafana_contract
from fieldline.cli import main
from fieldline.dashboards import Site, alerts, dashboards, grafana_api, joined, sharing, sources
from fieldline.dashboards.diff import changes, covers, differences, mark
from fieldline.dashboards.grafana_api import Away, Refused
from fieldline.dashboards.grafana_api import Grafana as Client
from fieldline.dashboards.push import push
from fieldline.dashboards.steps import GONE, KEPT, NEW, REFUSED, SAME, SILENT, UPDATED, Way
from fieldline.errors import ConfigError, UsageError
from fieldline.groups import Known
from fieldline.ports import Field
from fieldline.settings.model import Alerts
from fieldline.settings.model import Grafana as Wanted
from grafana import RIGHTS, TOKEN, Grafana
from loopback import dead_port

PROJECT = Path(__file__).parents[1]
KEY = "fl_0123abcd_what_the_data_source_shows"
UNITS = {"Temp_2m": "degC", "Temp_10m": "degC", "RH_2m": "%", "BattV": "V"}
STATIONS = ("Große Wiese – Süd", "umbs")


def site(units=UNITS, stations=STATIONS, bucket="field", **grafana):
    """Two stations with a table each; one has a name that no URL can hold as it is."""
    fields = {name: Field(name, "number", unit) for name, unit in units.items()}
    fields |= {f"{name}_qc": Field(f"{name}_qc", "integer") for name in units}
    known = [Known(bucket, "met", one, {"station": Field("station", "text", tag=True), **fields}) for one in stations]
    wanted = Wanted(**{"folder": "Wälder & Wiesen", "email": "tower@example.org", **grafana})
    return Site(joined(known), runs=bucket, grafana=wanted)


def sent(server, one=None, *, token=KEY, stations=None, **way):
    """What a push says: a list of steps."""
    client = Client(server.url, TOKEN)
    try:
        return list(push(Way(client, **way), one or site(), token, stations))
    finally:
        client.close()


def states(steps):
    """The states that steps have."""
    return {step.state for step in steps}


def told(steps, state):
    """The names of the steps with a state."""
    return [step.name for step in steps if step.state == state]


@pytest.fixture
def server():
    with Grafana() as found:
        yield found


@pytest.fixture
def full(server):
    """A Grafana into which everything was pushed once."""
    sent(server)
    server.requests.clear()
    return server


UID = "fieldline-umbs-temperature"
TITLE = "umbs: Temperature and humidity"


def retitled(model):
    model["panels"][0]["title"] = "Mine"


# what a push writes


def test_everything_is_there_after_a_push_as_it_was_made(server):
    steps = sent(server)
    assert states(steps) == {NEW}
    made = site()
    assert {uid: server.model(uid) for uid in server.dashboards} == {
        one["uid"]: {key: value for key, value in one.items() if key != "version"} for one in dashboards(made)
    }
    folder = next(iter(server.folders))
    assert server.folders == {folder: "Wälder & Wiesen"}
    assert {one["folder"] for one in server.dashboards.values()} == {folder}
    assert {one["folderUID"] for one in server.rules.values()} == {folder}
    assert server.rules.keys() == {one["uid"] for one in alerts.rules(made)}
    assert [one["settings"]["addresses"] for one in server.points.values()] == ["tower@example.org"]
    assert server.sources.keys() == {one["uid"] for one in sources.data_sources(made)}
    assert all(one["httpHeaderValue1"] == f"Token {KEY}" for one in server.secrets.values())


def test_a_second_push_writes_nothing(full):
    before = full.versions()
    steps = sent(full)
    assert states(steps) == {SAME}
    assert full.versions() == before
    assert full.writes() == []


@pytest.mark.parametrize(
    "how", [{"notes": False}, {"bare": True}, {"hidden": True}, {"path": "/grafana/in/here"}], ids=str
)
def test_the_same_holds_for_every_kind_of_grafana(how):
    with Grafana(**how) as server:
        assert states(sent(server)) == {NEW}
        server.requests.clear()
        assert states(sent(server)) == {SAME}
        server.edit(UID, retitled)
        assert told(sent(server), KEPT) == [TITLE]
        assert server.writes() == []


def test_all_requests_keep_to_grafanas_document(full):
    sent(full)
    sent(full, site({**UNITS, "PAR_2m": "umol m-2 s-1"}), overwrite=True)
    client = Client(full.url, TOKEN)
    sharing.share(client, "umbs")
    list(sharing.listed(client, dashboards(site())))
    sharing.unshare(client, "umbs")
    client.close()
    assert len({one.method for one in full.requests}) >= 4
    assert grafana_contract.check(full.requests) == []


@pytest.mark.parametrize(
    ("path", "spoil", "word"),
    [
        ("/api/folders", lambda body: body.update(title=3), "string"),
        ("/api/v1/provisioning/alert-rules", lambda body: body.pop("condition"), "condition"),
        ("/api/v1/provisioning/alert-rules", lambda body: body.update(noDataState="Silent"), "Silent"),
        ("/api/v1/provisioning/contact-points", lambda body: body.update(type="mail"), "mail"),
        ("/api/datasources", lambda body: body.update(secureJsonData={"key": 1}), "string"),
        ("/api/dashboards/db", lambda body: body.update(overwrite="yes"), "boolean"),
    ],
)
def test_the_document_finds_a_planted_mistake(server, path, spoil, word):
    sent(server)
    one = next(one for one in server.requests if one.method == "POST" and one.path == path)
    body = json.loads(one.body)
    spoil(body)
    found = grafana_contract.check([one._replace(body=json.dumps(body).encode())])
    assert len(found) == 1
    assert word in found[0]


# what a person did stays


def test_a_change_by_hand_stays_and_is_told(full):
    full.edit(UID, retitled)
    before = full.versions()
    steps = sent(full)
    assert told(steps, KEPT) == [TITLE]
    assert states(steps) == {SAME, KEPT}
    assert "changed in Grafana" in next(one for one in steps if one.state == KEPT).lines[0]
    assert full.versions() == before


def test_a_change_by_hand_stays_also_when_there_is_something_new_to_write(full):
    full.edit(UID, retitled)
    steps = sent(full, site({**UNITS, "Temp_30m": "degC"}))
    assert TITLE in told(steps, KEPT)
    assert full.model(UID)["panels"][0]["title"] == "Mine"
    assert "Große Wiese – Süd: Temperature and humidity" in told(steps, UPDATED)


def test_a_change_that_was_taken_back_by_hand_is_ours_again_only_with_overwrite(full):
    original = copy.deepcopy(full.model(UID))
    full.edit(UID, retitled)
    full.edit(UID, lambda model: model.update(original))
    assert states(sent(full)) == {SAME}  # it holds all that was made
    assert TITLE in told(sent(full, site({**UNITS, "Temp_30m": "degC"})), KEPT)


def test_overwrite_takes_the_change_away_and_the_next_push_has_nothing_to_do(full):
    full.edit(UID, retitled)
    assert TITLE in told(sent(full, overwrite=True), UPDATED)
    assert full.model(UID)["panels"][0]["title"] != "Mine"
    assert states(sent(full)) == {SAME}


def test_a_save_between_our_look_and_our_write_stays(full):
    def hurried(method, path):
        if (method, path) == ("POST", "/api/dashboards/db"):
            full.meanwhile = None
            full.edit(UID, retitled)

    for uid in [one for one in full.dashboards if one != UID]:
        full.dashboards[uid]["provisioned"] = True
    full.meanwhile = hurried
    steps = sent(full, site({**UNITS, "Temp_30m": "degC"}))
    assert TITLE in told(steps, KEPT)
    assert full.model(UID)["panels"][0]["title"] == "Mine"


def test_a_dashboard_stays_in_the_folder_that_a_person_moved_it_to(full):
    full.folders["attic"] = "Attic"
    full.move(UID, "attic")
    assert states(sent(full)) == {SAME}
    sent(full, site({**UNITS, "Temp_30m": "degC"}))
    assert full.dashboards[UID]["folder"] == "attic"
    sent(full, site({**UNITS, "Temp_30m": "degC"}), overwrite=True)
    assert full.dashboards[UID]["folder"] != "attic"


def test_a_dashboard_from_a_file_is_left_to_the_file(full):
    full.provision(UID)
    more = site({**UNITS, "Temp_30m": "degC"})
    for overwrite in (False, True):
        kept = [one for one in sent(full, more, overwrite=overwrite) if one.state == KEPT]
        assert [one.name for one in kept] == [TITLE]
        assert "file" in kept[0].lines[0]
    assert len(full.dashboards[UID]["versions"]) == 1


def test_a_folder_that_a_person_called_so_is_used(server):
    server.folders["mine"] = "Wälder & Wiesen"
    steps = sent(server)
    assert states(steps) == {SAME, NEW}
    assert server.folders.keys() == {"mine"}
    assert {one["folder"] for one in server.dashboards.values()} == {"mine"}
    assert {one["folderUID"] for one in server.rules.values()} == {"mine"}
    assert states(sent(server)) == {SAME}


def test_two_pushes_at_once_leave_one_of_each_and_nothing_for_the_next(server):
    with ThreadPoolExecutor() as pool:
        both = list(pool.map(lambda _: sent(server), range(2)))
    assert {state for steps in both for state in states(steps)} <= {NEW, SAME, KEPT, REFUSED}
    assert set(server.versions().values()) == {1}
    assert states(sent(server)) == {SAME}


def test_an_answer_that_is_lost_on_the_way_ends_a_push_and_the_next_one_does_the_rest(server, monkeypatch):
    done = threading.Event()

    def slow(method, path):
        if (method, path) == ("POST", "/api/dashboards/db") and len(server.dashboards) == 3:
            done.wait(60)

    monkeypatch.setattr(grafana_api, "TIMEOUT", 4)  # long enough for all answers but one
    server.meanwhile = slow
    with pytest.raises(Away, match="does not answer"):
        sent(server)
    server.meanwhile = None
    done.set()
    monkeypatch.undo()
    assert states(sent(server)) == {NEW, SAME}
    assert set(server.versions().values()) == {1}


# two installations in one Grafana


def everything(server):
    """All that a Grafana keeps."""
    kept = (server.folders, server.sources, server.dashboards, server.rules, server.points, server.secrets)
    return copy.deepcopy(kept)


def test_two_installations_with_other_buckets_and_stations_do_not_touch_each_other(server):
    north, south = site(stations=("north",), bucket="n"), site(stations=("south",), bucket="s", email="s@example.org")
    for one in (north, south):
        assert states(sent(server, one)) <= {NEW, SAME}
    before = everything(server)
    assert {one["settings"]["addresses"] for one in server.points.values()} == {"tower@example.org", "s@example.org"}
    for one in (north, south, north):
        assert states(sent(server, one)) == {SAME}
    assert everything(server) == before
    less = site(stations=("south",), bucket="s", email="s@example.org", alerts=Alerts(battery_volts=0, failed_runs=0))
    assert len(told(sent(server, less), GONE)) == 2
    assert states(sent(server, north)) == {SAME}


def test_a_station_of_another_installation_with_the_same_name_is_left_alone_and_told(server):
    sent(server, site(stations=("CR1000X",), bucket="ridge"))
    before = copy.deepcopy(server.rules)
    steps = sent(server, site(stations=("CR1000X",), bucket="valley"))
    assert states(steps) == {NEW, SAME, KEPT}
    kept = [one for one in steps if one.state == KEPT]
    assert {one.kind for one in kept} == {"dashboard", "alert rule"}
    assert all("another installation" in one.lines[0] and "grafana.source" in one.lines[0] for one in kept)
    assert before.items() <= server.rules.items()
    client = Client(server.url, TOKEN)
    found = {one.state for one in sharing.listed(client, dashboards(site(stations=("CR1000X",), bucket="valley")))}
    client.close()
    assert found == {"of another installation", "current", "not made here"}
    steps = sent(server, site(stations=("CR1000X",), bucket="valley"), overwrite=True)
    assert len(told(steps, UPDATED)) >= len(kept)


def test_a_store_of_another_installation_with_a_bucket_of_the_same_name_is_not_lost_to_it(server):
    sent(server, site(stations=("north",), store_url="http://north.example.org"))
    before = everything(server)
    steps = sent(server, site(stations=("south",), store_url="http://south.example.org", email="s@example.org"))
    kept = [one for one in steps if one.state == KEPT and one.kind == "data source"]
    assert [one.name for one in kept] == ["fieldline field"]
    assert "another store" in kept[0].lines[0] and "grafana.source" in kept[0].lines[0]
    assert "north.example.org" in kept[0].lines[1]
    assert everything(server) == before


def test_a_name_of_its_own_keeps_an_installation_apart_whatever_else_is_equal(server):
    one, other = site(), site(source="valley", folder="Valley", store_url="https://valley.example.org")
    sent(server, one)
    before = everything(server)
    assert states(sent(server, other)) == {NEW}
    assert all(
        set(old.items()) <= set(new.items())
        for old, new in zip(map(frozen, before), map(frozen, everything(server)), strict=True)
    )
    for each in (one, other):
        assert states(sent(server, each)) == {SAME}
    assert all(uid.startswith("fieldline-") for uid in server.dashboards)


def frozen(kept):
    """Something kept, to be compared piece by piece."""
    return {key: json.dumps(value, sort_keys=True) for key, value in kept.items()}


# what changes


def test_only_what_differs_is_written(full):
    before = full.versions()
    steps = sent(full, site({**UNITS, "Temp_30m": "degC"}))
    assert TITLE in told(steps, UPDATED)
    assert "fieldline field: runs" not in told(steps, UPDATED)
    after = full.versions()
    changed = {uid for uid in after if after[uid] != before.get(uid)}
    assert UID in changed
    assert "fieldline-field-runs" not in changed
    assert states(sent(full, site({**UNITS, "Temp_30m": "degC"}))) == {SAME}


def test_one_station_leaves_the_other_alone(server):
    steps = sent(server, stations=("umbs",))
    assert states(steps) == {NEW}
    assert all(uid.startswith(("fieldline-umbs-", "fieldline-field-runs")) for uid in server.dashboards)
    assert {one["labels"]["station"] for one in server.rules.values()} == {"umbs", "runs"}


def test_a_dry_run_writes_nothing_and_says_what_would_be(server):
    steps = sent(server, dry=True)
    assert states(steps) == {NEW}
    assert server.writes() == []
    sent(server)
    server.requests.clear()
    server.edit(UID, retitled)
    more = site({**UNITS, "Temp_30m": "degC"}, alerts=Alerts(battery_volts=11.5))
    steps = sent(server, more, dry=True)
    assert server.writes() == []
    kept = next(one for one in steps if one.state == KEPT)
    assert any("'Mine': is not made any more" in line for line in kept.lines)
    other = next(one for one in steps if one.name == "Große Wiese – Süd: Temperature and humidity")
    assert other.state == UPDATED
    assert any("Temp_30m" in line and "query" in line for line in other.lines), other.lines
    battery = [one for one in steps if one.kind == "alert rule" and one.state == UPDATED]
    assert any("11.8 -> 11.5" in line for one in battery for line in one.lines)


# alerts


def test_rules_that_are_not_made_any_more_end_and_those_of_others_stay(full):
    full.rules["mine"] = {
        "uid": "mine",
        "title": "Mine",
        "provenance": "",
        "labels": {"source": "fieldline"},
        "version": 1,
    }
    other = {"source": "fieldline", "station": "elsewhere"}
    full.rules["fieldline-e"] = {"uid": "fieldline-e", "title": "E", "provenance": "api", "labels": other, "version": 1}
    batteries = [uid for uid, one in full.rules.items() if one["labels"].get("kind") == "battery"]
    assert len(batteries) == 2
    steps = sent(full, site(alerts=Alerts(battery_volts=0)))
    assert len(told(steps, GONE)) == 2
    assert not set(batteries) & full.rules.keys()
    assert {"mine", "fieldline-e"} <= full.rules.keys()


def test_a_rule_that_a_person_took_over_stays(full):
    uid = next(uid for uid, one in full.rules.items() if one["labels"]["kind"] == "battery")
    full.rules[uid]["provenance"] = ""
    colder = site(alerts=Alerts(battery_volts=11.5))
    steps = sent(full, colder)
    assert len(told(steps, KEPT)) == 1
    assert [one.state for one in steps if one.kind == "alert rule"].count(UPDATED) == 1
    assert told(sent(full, colder, overwrite=True), UPDATED).count(full.rules[uid]["title"]) == 1
    full.rules[uid]["provenance"] = "file"
    assert told(sent(full, overwrite=True), KEPT) == [full.rules[uid]["title"]]


def test_without_an_address_rules_name_nobody_any_more(full):
    steps = sent(full, site(email=""))
    assert told(steps, UPDATED)
    assert not any(one.get("notification_settings") for one in full.rules.values())
    assert states(sent(full, site(email=""))) == {SAME}


def test_another_address_is_written(full):
    steps = sent(full, site(email="other@example.org"))
    assert [one.kind for one in steps if one.state == UPDATED] == ["contact point"]
    assert [one["settings"]["addresses"] for one in full.points.values()] == ["other@example.org"]


# data sources


def test_an_address_that_a_person_gave_a_data_source_stays(full):
    uid, there = next(iter(full.sources.items()))
    there["url"] = "http://10.0.0.7:8086"
    steps = sent(full)
    assert told(steps, KEPT) == [there["name"]]
    assert any("10.0.0.7" in line for line in next(one for one in steps if one.state == KEPT).lines)
    sent(full, overwrite=True)
    assert full.sources[uid]["url"] != "http://10.0.0.7:8086"
    assert states(sent(full)) == {SAME}


def test_our_own_change_of_a_data_source_is_written_and_its_token_and_default_stay(full):
    for one in full.sources.values():
        one["isDefault"] = True
    elsewhere = site(store_url="https://store.example.org")
    assert states(sent(full, elsewhere, token="", overwrite=True)) == {SAME, UPDATED}
    for uid, one in full.sources.items():
        assert (one["url"], one["isDefault"]) == ("https://store.example.org", True)
        assert one["jsonData"]["httpHeaderName1"] == "Authorization"
        assert full.secrets[uid]["httpHeaderValue1"] == f"Token {KEY}"
    assert states(sent(full, elsewhere)) == {SAME}


def test_a_token_that_comes_later_is_sent(server):
    sent(server, token="")
    assert not any("httpHeaderValue1" in one for one in server.secrets.values())
    assert {one.kind for one in sent(server) if one.state == UPDATED} == {"data source"}
    assert all(one["httpHeaderValue1"] == f"Token {KEY}" for one in server.secrets.values())


def test_a_new_token_is_sent_when_the_old_one_is_not_taken_any_more(full):
    full.health = lambda source, secrets: "" if secrets.get("httpHeaderValue1") == "Token newer" else "unauthorized"
    steps = sent(full, token="newer")
    assert states(steps) == {SAME, UPDATED}
    assert {one["httpHeaderValue1"] for one in full.secrets.values()} == {"Token newer"}


def test_a_name_and_password_of_influxdb_1_are_a_login_since_it_knows_no_tokens_before_1_8(full):
    login = "tower:pass:word"
    steps = sent(full, token=login)
    assert {one.kind for one in steps if one.state == UPDATED} == {"data source"}
    for uid, one in full.sources.items():
        assert (one["user"], full.secrets[uid]["password"]) == ("tower", "pass:word")
        assert "httpHeaderName1" not in one["jsonData"]
        assert "pass:word" not in json.dumps(one)
    assert states(sent(full, token=login)) == {SAME}
    elsewhere = site(store_url="https://store.example.org")
    assert states(sent(full, elsewhere, token="", overwrite=True)) == {SAME, UPDATED}
    assert {one["user"] for one in full.sources.values()} == {"tower"}
    assert states(sent(full, elsewhere, token=login)) == {SAME}
    assert states(sent(full, elsewhere)) == {SAME, UPDATED}  # a token again
    assert {one["user"] for one in full.sources.values()} == {""}


def test_a_store_that_does_not_answer_grafana_is_told(server):
    server.health = lambda source, secrets: "dial tcp 127.0.0.1:8086: connect: connection refused"
    steps = sent(server)
    assert states(steps) == {NEW, SILENT}
    words = next(one for one in steps if one.state == SILENT).lines[0]
    assert "connection refused" in words
    assert "store_url" in words


def test_a_data_source_from_a_file_is_left_to_the_file(full):
    for one in full.sources.values():
        one["readOnly"] = True
    assert states(sent(full)) == {SAME}
    steps = sent(full, site(store_url="https://store.example.org"), overwrite=True)
    assert {one.kind for one in steps if one.state == KEPT} == {"data source"}


# refusals


def test_what_is_refused_is_told_and_the_rest_goes_on(server):
    server.fail("POST", "/api/dashboards/db", 500, "database is locked", times=1)
    steps = sent(server)
    refused = [one for one in steps if one.state == REFUSED]
    assert len(refused) == 1
    assert "database is locked" in refused[0].lines[0]
    assert states(one for one in steps if one not in refused) == {NEW}
    again = sent(server)
    assert told(again, NEW) == [refused[0].name]
    assert states(again) == {NEW, SAME}


@pytest.mark.parametrize("right", sorted(RIGHTS - {"datasources:query", "dashboards.public:write"}))
def test_a_missing_right_is_named(full, right):
    full.rights.remove(right)
    full.dashboards.pop(UID)
    full.sources.clear()
    full.rules.popitem()
    if right == "folders:create":
        full.folders.clear()
    if right == "datasources:write":
        sent(full)
        full.requests.clear()
    overwrite = right == "datasources:write"  # nothing else writes a data source whose address is another one
    steps = sent(full, site({**UNITS, "Temp_30m": "degC"}, store_url="https://store.example.org"), overwrite=overwrite)
    refused = [one for one in steps if one.state == REFUSED]
    assert refused
    assert all(f"the right {right}:" in one.lines[0] for one in refused if one.kind not in ("alert rule", "dashboard"))
    assert any(f"the right {right}:" in one.lines[0] for one in refused)
    assert right == "folders:read" or len(steps) > len(refused)


@pytest.mark.parametrize("kind", ["folders", "dashboards", "rules"])
def test_a_plan_that_is_full_is_said(kind):
    with Grafana(quota={kind: 0 if kind == "folders" else 2}) as server:
        refused = [one for one in sent(server) if one.state == REFUSED]
        assert any("plan of this Grafana allows no more" in one.lines[0] for one in refused)
        assert len(server.dashboards) == {"folders": 0, "dashboards": 2}.get(kind, len(dashboards(site())))


def test_names_that_are_taken_are_conflicts_in_words(server):
    taken = sources.data_sources(site())[0]
    server.sources["another"] = {**taken, "uid": "another", "version": 1}
    words = "A dashboard with the same name in the folder already exists"
    server.fail("POST", "/api/dashboards/db", 412, words, times=1, status="name-exists")
    refused = [one for one in sent(server) if one.state == REFUSED]
    assert [one.kind for one in refused] == ["data source", "dashboard"]
    assert all("in conflict with what is there" in one.lines[0] for one in refused)
    assert "same name" in refused[1].lines[0]


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (400, "refused it with status 400"),
        (404, "does not have it"),
        (413, "413"),
        (429, "try again in a minute"),
        (502, "502"),
    ],
)
def test_every_status_has_words(server, status, word):
    server.fail("POST", "/api/folders", status, "")
    assert word in sent(server)[0].lines[0]


def test_a_page_of_a_proxy_is_not_quoted(server):
    server.fail("POST", "/api/folders", 502, "<html><body>bad gateway " + "x" * 5000)
    assert len(sent(server)[0].lines[0]) < 400
    assert "<html" not in sent(server)[0].lines[0]


def test_a_token_that_is_not_taken_ends_it(server):
    with pytest.raises(Away, match="does not take the token"):
        list(push(Way(Client(server.url, "glsa_wrong")), site()))
    assert server.folders == {}


def test_a_token_that_expires_on_the_way_ends_it(server):
    def expire(method, path):
        if len(server.dashboards) == 2:
            server.token = "another"

    server.meanwhile = expire
    with pytest.raises(Away, match="does not take the token"):
        sent(server)
    server.meanwhile, server.token = None, TOKEN
    assert states(sent(server)) == {SAME, NEW}


def test_no_token_is_in_any_message(server):
    server.fail("POST", "/api/(folders|dashboards|datasources|v1)", 500, f"Authorization: Bearer {TOKEN} {KEY}")
    steps = sent(server)
    assert states(steps) == {REFUSED}
    assert not any(TOKEN in line or KEY in line for one in steps for line in one.lines)
    assert any("Bearer ***" in line for one in steps for line in one.lines)
    for wrong in (f"{TOKEN}\r\nX: y", f"{TOKEN}é", f"{TOKEN} "):
        with pytest.raises(ConfigError) as error:
            Client(server.url, wrong)
        assert TOKEN not in str(error.value)


@pytest.mark.parametrize(
    ("page", "word"),
    [
        ((200, "text/html", b"<html>Welcome</html>"), "is not Grafana"),
        ((200, "application/json", b"<html>Welcome</html>"), "is not Grafana"),
        ((200, "application/json", b'{"status": "pass", "name": "influxdb"}'), "is not Grafana"),
        ((404, "text/plain", b"404 page not found"), "is not Grafana"),
        ((503, "text/html", b"<html>"), "is not Grafana"),
        ((302, "text/html", b"", {"Location": "/login"}), "leads elsewhere"),
        ((301, "text/html", b"", {"Location": "https://127.0.0.1/"}), "leads elsewhere"),
    ],
    ids=str,
)
def test_what_is_not_grafana_is_said(server, page, word):
    server.page = page
    with pytest.raises(Away, match=word):
        Client(server.url, TOKEN)
    assert all("authorization" in one.headers for one in server.requests)


@pytest.mark.parametrize("version", ["8.3.0", "9.5.21", "10.3.1-cloud"])
@pytest.mark.parametrize("hidden", [False, True])
def test_a_grafana_that_is_too_old_is_said(version, hidden):
    with (
        Grafana(version, hidden=hidden) as server,
        pytest.raises(Away, match=re.escape(version.split("-")[0]) + ".*10.4"),
    ):
        Client(server.url, TOKEN)


@pytest.mark.parametrize("version", ["10.4.0", "11.6.1+security-01", "12.0.0-85518.patch2", "13.0.0", "14.0.0-pre"])
def test_a_grafana_that_is_new_enough_is_taken(version):
    with Grafana(version) as server:
        Client(server.url, TOKEN).close()


def test_a_grafana_that_is_not_there_is_said():
    with pytest.raises(Away, match="can't be reached"):
        Client(f"http://127.0.0.1:{dead_port()}", TOKEN)
    with pytest.raises(Away, match="can't be reached"):
        Client("http://no-such-machine.invalid", TOKEN)


def test_https_to_a_server_without_is_said(server):
    with pytest.raises(Away, match=r"can't be reached|certificate"):
        Client(server.url.replace("http:", "https:"), TOKEN)


def test_a_grafana_that_hangs_is_given_up(monkeypatch):
    monkeypatch.setattr(grafana_api, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Away, match="does not answer"):
        Client(f"http://127.0.0.1:{silent.getsockname()[1]}", TOKEN)


def test_a_login_in_the_address_does_instead_of_a_token(server):
    address = server.url.replace("//", "//admin:a%20secret@")
    client = Client(address, "")
    client.close()
    assert "secret" not in client.url
    with pytest.raises(Away) as error:
        list(push(Way(Client(address.replace("a%20secret", "b%20secret"), "")), site()))
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "token", "word"),
    [
        ("", TOKEN, "grafana.url: is not set"),
        ("http://x", "", "grafana.token: is not set"),
        ("http://x:99999", TOKEN, "port"),
    ],
)
def test_what_is_not_configured_is_said(url, token, word):
    with pytest.raises(ConfigError, match=word):
        Client(url, token)


def test_without_the_extra_the_command_that_installs_it_is_said(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "grafana_client"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "grafana_client", None)
    with pytest.raises(UsageError) as error:
        Client("http://127.0.0.1:1", TOKEN)
    assert 'pip install --no-binary urllib3-future "fieldline[grafana]"' in str(error.value)
    assert "URLLIB3_NO_OVERRIDE=1" in str(error.value)


# public links


@pytest.fixture
def client(full):
    found = Client(full.url, TOKEN)
    yield found
    found.close()


@pytest.mark.parametrize("name", ["umbs", "fieldline-umbs-public", "umbs: public", "UMBS: Public"])
def test_a_public_link_is_made_once_and_ends(full, client, name):
    link = sharing.share(client, name)
    assert link == f"{full.url}/public-dashboards/{full.public['fieldline-umbs-public']['accessToken']}"
    assert sharing.share(client, name) == link
    full.public["fieldline-umbs-public"]["isEnabled"] = False
    assert sharing.public_link(client, "fieldline-umbs-public") == ""
    assert sharing.share(client, name) == link
    assert sharing.unshare(client, name)
    assert full.public == {}
    assert not sharing.unshare(client, name)


def test_a_station_whose_name_no_address_can_hold_is_shared(full, client):
    assert sharing.share(client, "Große Wiese – Süd")
    assert full.model(next(iter(full.public)))["title"] == "Große Wiese – Süd: public"


def test_a_dashboard_with_variables_is_not_shared(full, client):
    with pytest.raises(UsageError, match="fieldline-umbs-public"):
        sharing.share(client, UID)
    full.edit(
        "fieldline-umbs-public", lambda model: model["templating"]["list"].append({"name": "x", "type": "constant"})
    )
    with pytest.raises(UsageError, match="variables"):
        sharing.share(client, "umbs")
    assert full.public == {}


def test_what_can_not_be_shared_is_said(full, client):
    with pytest.raises(UsageError, match="fieldline-umbs-public"):
        sharing.share(client, "nowhere")
    full.rights.remove("dashboards.public:write")
    with pytest.raises(Refused, match=r"dashboards\.public:write"):
        sharing.share(client, "umbs")
    full.rights.add("dashboards.public:write")
    full.public_on = False
    with pytest.raises(Refused, match=r"grafana\.ini"):
        sharing.share(client, "umbs")
    full.dashboards.clear()
    with pytest.raises(UsageError, match="dashboards push"):
        sharing.share(client, "umbs")


def test_the_list_tells_how_each_stands(full, client):
    full.edit(UID, retitled)
    full.dashboards.pop("fieldline-umbs-overview")
    full.provision("fieldline-umbs-power")
    link = sharing.share(client, "umbs")
    left_out = dashboards(site(stations=("umbs",)))
    more = {**left_out[-1], "title": "Runs, again"}
    found = {one.uid: one for one in sharing.listed(client, [*left_out[:-1], more])}
    assert found[UID].state == "changed by hand"
    assert found["fieldline-umbs-overview"].state == "missing"
    assert found["fieldline-umbs-power"].state == "from a file or Git"
    assert (found["fieldline-umbs-public"].state, found["fieldline-umbs-public"].link) == ("current", link)
    assert found["fieldline-field-runs"].state == "outdated"
    others = [one for one in found.values() if one.title.startswith("Große")]
    assert {one.state for one in others} == {"not made here"}


# the command


@pytest.fixture
def command(tmp_path, server, monkeypatch):
    """A project whose dashboards go to `server`: call it with the words after `dashboards`."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "site.yaml").write_text("home: data\njobs: []\n", encoding="utf-8")
    (tmp_path / "drivers").mkdir()
    shutil.copy(PROJECT / "drivers" / "umbs.py", tmp_path / "drivers")  # what else lies there is the reader's own
    monkeypatch.setenv("GRAFANA_URL", server.url)
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
    monkeypatch.setenv("FIELDLINE_TOKEN", KEY)
    return lambda *words: main(None, ["dashboards", *words, "--demo"], tmp_path)


def test_the_command_from_the_first_push_to_the_end_of_a_link(command, server, capsys):
    assert command("push", "--dry-run") == 0
    assert "nothing was written" in capsys.readouterr().out
    assert server.writes() == []
    assert command("push", "--share") == 0
    assert capsys.readouterr().out.count("/public-dashboards/") == 2
    before = server.versions()
    assert command("push") == 0
    assert re.search(r"\d+ as they are; nothing was written", capsys.readouterr().out)
    assert server.versions() == before
    server.edit(UID, retitled)
    assert command("push") == 3
    assert TITLE in capsys.readouterr().out
    assert command("push", "--dry-run", "--station", "umbs") == 3
    assert "'Mine'" in capsys.readouterr().out
    assert command("list") == 0
    listed = capsys.readouterr().out
    assert "changed by hand" in listed
    assert listed.count("/public-dashboards/") == 2
    assert command("push", "--overwrite") == 0
    assert command("unshare", "umbs") == 0
    assert command("share", "nowhere") == 2
    assert command("share") == 2
    assert command("push", "--station", "nowhere") == 2
    server.fail("POST", "/api/dashboards/db", 500, "no")
    server.dashboards.pop(UID)
    assert command("push") == 1
    server.token = "another"
    assert command("push") == 1
    out = capsys.readouterr()
    assert not re.search(f"{TOKEN}|{KEY}", out.out + out.err)


def test_the_command_without_address_or_token_is_exit_code_2(command, monkeypatch, capsys):
    monkeypatch.delenv("GRAFANA_TOKEN")
    assert command("push") == 2
    assert "service account" in capsys.readouterr().err.lower()
    monkeypatch.delenv("GRAFANA_URL")
    assert command("list") == 2
    assert "grafana.url" in capsys.readouterr().err


# differences


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=12,
)


@given(VALUES)
def test_everything_covers_itself(value):
    assert covers(value, value)
    assert mark({"version": 1, "id": 2, "x": value}) == mark({"version": 9, "x": copy.deepcopy(value)})


@given(
    st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=3),
    st.dictionaries(st.sampled_from("efgh"), VALUES, max_size=3),
)
def test_what_grafana_adds_is_no_difference(made, added):
    assert covers(made | added, made)


@given(VALUES, VALUES)
def test_two_values_that_say_something_else_differ(one, other):
    if not (covers(one, other) and covers(other, one)):
        assert list(differences(one, other)) or list(differences(other, one))
        assert mark(one) != mark(other)


def test_lengths_of_time_are_compared_as_such():
    assert covers({"for": "5m0s"}, {"for": "5m"})
    assert not covers({"for": "5m1s"}, {"for": "5m"})
    assert not covers({"for": "5 m"}, {"for": "5m"})


def test_changes_are_told_panel_by_panel():
    before = next(one for one in dashboards(site()) if one["uid"] == UID)
    after = copy.deepcopy(before)
    panel = next(one for one in after["panels"] if one.get("targets"))
    panel["targets"][0]["query"] += " LIMIT 1"
    panel["fieldConfig"]["defaults"]["unit"] = "K"
    last = next(one for one in reversed(after["panels"]) if one is not panel and one["type"] != "row")
    last["gridPos"]["x"] += 1
    after["title"] = "Another"
    lines = changes(before, after)
    assert any(line.startswith(f"panel {panel['title']!r}, query A: ") and line.endswith("LIMIT 1") for line in lines)
    assert any("fieldConfig.defaults.unit" in line and line.endswith("-> K") for line in lines)
    assert any(line.startswith("title: ") for line in lines)
    assert lines[-1] == "1 panels: moved"
    after["panels"].remove(panel)
    assert f"panel {panel['title']!r}: is not made any more" in changes(before, after)
    assert f"panel {panel['title']!r}: new" in changes(after, before)
    assert changes(before, before) == []
