"""`fieldline doctor`: what is wrong is told with what to do, what is right is told too, and nothing is changed."""

import json
import os
import socket
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from filelock import FileLock

from facade import Rights
from facade.server import Handler
from fieldline.cli import main
from fieldline.cli.examine import Finding, bounded, place, program, store
from fieldline.settings import Settings
from loopback import dead_port

HEAD = """"TOA5","{station}","CR6","8321","CR6.Std.12","CPU:tower.CR6","31415","{table}"
"TIMESTAMP","RECORD","Temp","RH"
"TS","RN","Deg C","%"
"","","Avg","Smp"
"""
DRIVER = '''"""A station."""

from fieldline import Column, DataTable


class {name}(DataTable):
    """Air, every minute."""

    station, table = "{station}", "{table}"
    bucket, measurement = "{bucket}", "{measurement}"
    timezone = "+00:00"
    columns = {{"Temp": Column("Temp", "degC")}}
'''
TOKEN = "-".join(("nobody", "may", "see", "this"))


def logger_file(path, station="tower", table="Met", newest=None):
    newest = newest or datetime.now(UTC)
    stamps = [newest - timedelta(minutes=1), newest]
    rows = [f'"{stamp:%Y-%m-%d %H:%M:%S}",{n},20.5,60\n' for n, stamp in enumerate(stamps)]
    path.parent.mkdir(exist_ok=True)
    path.write_text(HEAD.format(station=station, table=table) + "".join(rows), encoding="utf-8")


@pytest.fixture
def site(tmp_path):
    """A project of its own, with one job and one file for it."""
    project = tmp_path / "project"
    for name in ("drivers", "config"):
        (project / name).mkdir(parents=True)
    configure(project)
    logger_file(project / "files" / "met.dat")
    return project


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    for name in list(os.environ):
        if name.startswith("INFLUXDB_"):
            monkeypatch.delenv(name)


def configure(site, text="", jobs="  - {name: tower, files: ['files/*.dat']}\n"):
    (site / "config" / "site.yaml").write_text(f"{text}jobs:\n{jobs}", encoding="utf-8")


def influxdb(site, server, token=None, more="", top=""):
    configure(site, f"store: influxdb\ninfluxdb: {{url: '{server.url}', org: '{server.org}'{more}}}\n{top}")
    (site / "secret.py").write_text(f"token = {token or server.token!r}\n", encoding="utf-8")
    (site / "secret.py").chmod(0o600)


def doctor(capsys, site):
    """The exit status, and the findings by name."""
    status = main(None, ["doctor", "--json"], site)
    printed = capsys.readouterr()
    assert printed.err == ""
    found = {}
    for one in json.loads(printed.out.splitlines()[-1])["findings"]:
        assert (one["state"] == "ok") == (not one["remedy"]), "who is told of trouble is told what to do"
        found.setdefault(one["name"], []).append(Finding(**one))
    return status, found


def worst(findings):
    return max(findings, key=lambda one: ("ok", "warn", "fail").index(one.state))


def troubles(found):
    return {name: worst(ones).state for name, ones in found.items() if worst(ones).state != "ok"}


def everything(folder):
    return {
        path.relative_to(folder): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.endswith((".lock", "-shm", "-wal"))
    }


# Machine and configuration --------------------------------------------------------------------------------------------


def test_a_site_that_works_is_well(site, capsys):
    main(None, ["run"], site)
    capsys.readouterr()
    status, found = doctor(capsys, site)
    assert (status, troubles(found)) == (0, {})
    assert {"python", "packages", "configuration", "home", "disk", "clock", "last run", "store"} <= found.keys()
    assert "1 measurements" in found["store"][0].text or "2 measurements" in found["store"][0].text


def test_nothing_is_written(site, capsys):
    before = everything(site)
    doctor(capsys, site)
    assert everything(site) == before
    assert not (site / "data").exists()
    main(None, ["run"], site)
    before = everything(site)
    doctor(capsys, site)
    assert everything(site) == before


def test_before_the_first_run_a_person_is_told_to_start_one(site, capsys):
    status, found = doctor(capsys, site)
    assert (status, troubles(found)) == (0, {"last run": "warn"})
    assert "none yet" in found["last run"][0].text


def test_a_person_reads_aligned_lines_and_the_remedies(site, capsys):
    configure(site, jobs="  - {name: tower, files: ['nowhere/*.dat']}\n")
    assert main(None, ["doctor"], site) == 0
    out = capsys.readouterr().out
    assert "warn  tower          nowhere/*.dat: no such file\n" in out
    assert "                     -> Correct `files:`" in out
    assert "\x1b" not in out and out.endswith("2 warn\n")


def test_many_files_that_are_well_are_one_line(site, capsys):
    for number in range(50):
        logger_file(site / "files" / f"met{number:02}.dat", table=f"Met{number}")
    main(None, ["doctor"], site)
    out = capsys.readouterr().out
    assert "more; --json lists all" in out and "met40" not in out
    assert any("met40" in one.text for one in doctor(capsys, site)[1]["tower"])


def test_every_problem_of_a_broken_configuration_is_told_and_the_rest_is_looked_at(site, capsys):
    (site / "data").mkdir()
    configure(site, "wat: 1\nevery_minutes: often\n")
    status, found = doctor(capsys, site)
    assert status == 2
    assert [one.state for one in found["configuration"]] == ["fail", "fail"]
    assert "site.yaml:1" in found["configuration"][0].text and "site.yaml:2" in found["configuration"][1].text
    assert any("met.dat" in one.text for one in found["tower"])
    assert found["disk"]


@pytest.mark.parametrize("text", ["jobs: [", "home: [1]\n", "- a list\n", "\0"])
def test_a_configuration_that_is_none_leaves_the_machine_to_look_at(site, capsys, text):
    (site / "config" / "site.yaml").write_text(text, encoding="utf-8")
    status, found = doctor(capsys, site)
    assert status == 2
    assert {"python", "packages", "configuration"} <= found.keys()
    assert "tower" not in found


def test_a_secret_that_does_not_run_is_told_without_its_words(site, capsys):
    (site / "secret.py").write_text(f"token = {TOKEN}\n", encoding="utf-8")
    status, found = doctor(capsys, site)
    assert status == 2
    assert "secret.py:1" in found["configuration"][0].text
    assert TOKEN not in str(found)
    assert any("met.dat" in one.text for one in found["tower"])


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_secret_for_all_to_read_is_told(site, capsys):
    (site / "secret.py").write_text(f"token = {TOKEN!r}\n", encoding="utf-8")
    (site / "secret.py").chmod(0o644)
    _, found = doctor(capsys, site)
    assert worst(found["secret.py"]).state == "warn"
    (site / "secret.py").chmod(0o600)
    assert "secret.py" not in doctor(capsys, site)[1]
    (site / "secret.py").write_text("token = ''\n", encoding="utf-8")
    (site / "secret.py").chmod(0o644)
    assert "secret.py" not in doctor(capsys, site)[1], "nothing is in it"


def test_a_home_that_is_a_file_fails(site, capsys):
    (site / "data").write_text("a file", encoding="utf-8")
    status, found = doctor(capsys, site)
    assert (status, worst(found["home"]).state) == (1, "fail")


@pytest.mark.parametrize(
    ("free", "grow", "state"),
    [(99_000_000, 0, "fail"), (999_000_000, 0, "warn"), (5 * 10**9, 7 * 10**9, "warn"), (8 * 10**9, 7 * 10**9, "ok")],
)
def test_room_on_the_disk_is_weighed(free, grow, state):
    assert place.disk(free, grow, Path()).state == state


def test_a_clock_without_battery_is_told():
    assert [one.state for one in place.clock(datetime(2000, 1, 1, tzinfo=UTC))] == ["warn"]


def test_a_package_that_another_one_replaced_is_told_from_one_that_is_whole():
    assert program.same("2.6.0", "2.6.0") and program.same("2.6", "2.6.0")
    assert not program.same("2.12.900", "2.6.0")
    assert list(program.replaced("urllib3")) == []
    (found,) = program.wanting({"no-such-package-as-this": "1"})
    assert found.state == "fail"
    (found,) = program.wanting({"pandas": "999.1"})
    assert found.state == "fail" and "999.1" in found.text


def test_a_look_that_hangs_or_breaks_ends_and_says_so():
    def hangs():
        yield Finding("a", "ok", "before")
        time.sleep(60)

    def breaks():
        yield Finding("a", "ok", "before")
        raise ZeroDivisionError(TOKEN)

    assert [one.state for one in bounded("a", hangs, 3)] == ["ok", "fail"]
    found = bounded("a", breaks, 60)
    assert [one.state for one in found] == ["ok", "fail"]
    assert "ZeroDivisionError" in found[1].text and TOKEN not in str(found)


# Runs -----------------------------------------------------------------------------------------------------------------


def notes(site, **values):
    """Change what the last run remembered."""
    from fieldline.ledger import Ledger
    from fieldline.sources.memory import SCHEMA

    ledger = Ledger(site / "data" / "state.db", SCHEMA)
    ledger.keep_notes(**values)
    ledger.close()


@pytest.mark.parametrize(
    ("began", "ended", "status", "words"),
    [(0, 0, "1", "exit status 1"), (-7200, -7190, "0", "2 h ago"), (-60, -300, "0", "did not come to its end")],
)
def test_a_last_run_that_was_not_as_it_should_be_is_told(site, capsys, began, ended, status, words):
    main(None, ["run"], site)
    capsys.readouterr()
    now = datetime.now(UTC)
    times = {
        name: (now + timedelta(seconds=s)).isoformat(timespec="seconds")
        for name, s in (("began", began), ("ended", ended))
    }
    notes(site, **times, status=status)
    _, found = doctor(capsys, site)
    assert worst(found["last run"]).state == "warn"
    assert words in found["last run"][0].text


def test_a_run_under_way_is_told_with_its_age(site, capsys):
    main(None, ["run"], site)
    capsys.readouterr()
    now = datetime.now(UTC)
    with FileLock(site / "data" / "run.lock"):
        notes(site, began=now.isoformat(timespec="seconds"), ended=(now - timedelta(minutes=5)).isoformat())
        _, found = doctor(capsys, site)
        assert [one.state for one in found["lock"]] == ["ok"]
        notes(site, began=(now - timedelta(hours=3)).isoformat(timespec="seconds"))
        _, found = doctor(capsys, site)
        assert [one.state for one in found["lock"]] == ["warn"]


def test_a_damaged_state_is_told_and_left(site, capsys):
    main(None, ["run"], site)
    capsys.readouterr()
    path = site / "data" / "state.db"
    sqlite3.connect(path).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path.write_bytes(b"\xff" * path.stat().st_size)
    _, found = doctor(capsys, site)
    assert worst(found["state"]).state == "warn"
    assert path.read_bytes()[:1] == b"\xff"


# Files ----------------------------------------------------------------------------------------------------------------


def driver(site, name, *tables):
    text = "".join(DRIVER.format(**{"bucket": "field", "measurement": "met", **table}) for table in tables)
    (site / "drivers" / f"{name}.py").write_text(text, encoding="utf-8")


def with_driver(site, name, more=""):
    configure(site, jobs=f"  - {{name: tower, driver: {name}, files: ['files/*.dat']{more}}}\n")


def test_each_file_is_told_with_its_class_and_its_measurement(site, capsys):
    driver(site, "doc_one", {"name": "DoctorMet", "station": "tower", "table": "Met", "measurement": "air"})
    with_driver(site, "doc_one")
    logger_file(site / "files" / "other.dat", table="Other")
    _, found = doctor(capsys, site)
    texts = " ".join(one.text for one in found["tower"])
    assert "met.dat: DoctorMet -> field.air, changed" in texts
    assert "other.dat: no driver -> field.Other, changed" in texts
    assert worst(found["tower"]).state == "ok"


def test_a_file_that_two_classes_claim_fails(site, capsys):
    driver(
        site,
        "doc_two",
        {"name": "DoctorA", "station": "tower", "table": "Met"},
        {"name": "DoctorB", "station": "*", "table": "M*"},
    )
    with_driver(site, "doc_two")
    status, found = doctor(capsys, site)
    assert status == 1
    assert "DoctorA and DoctorB both claim" in worst(found["tower"]).text


def test_a_file_of_two_jobs_fails(site, capsys):
    jobs = "  - {name: tower, files: ['files/*.dat']}\n  - {name: again, files: ['files/met.dat']}\n"
    configure(site, jobs=jobs)
    status, found = doctor(capsys, site)
    assert status == 1
    assert "the job tower reads it too" in worst(found["again"]).text


def test_a_table_that_is_refused_fails(site, capsys):
    configure(site, "unknown: refuse\n")
    status, found = doctor(capsys, site)
    assert status == 1
    assert "no driver knows" in worst(found["tower"]).text


def test_files_that_are_none_are_told(site, capsys):
    (site / "files" / "a.dat").write_text("hello\n", encoding="utf-8")
    (site / "files" / "b.dat").write_text("", encoding="utf-8")
    (site / "files" / "c.dat").write_text(HEAD[:200], encoding="utf-8")
    status, found = doctor(capsys, site)
    assert status == 1
    states = {one.state for one in found["tower"] if "b.dat" in one.text}
    assert states == {"warn"}
    assert {one.state for one in found["tower"] if "a.dat" in one.text} == {"fail"}


@pytest.mark.skipif(os.name == "nt" or (hasattr(os, "geteuid") and os.geteuid() == 0), reason="root reads everything")
def test_a_file_that_may_not_be_read_fails(site, capsys):
    (site / "files" / "met.dat").chmod(0)
    assert "can't be read" in worst(doctor(capsys, site)[1]["tower"]).text


def test_what_a_class_does_not_set_is_told_in_a_line_and_what_to_do_in_another(site, capsys):
    text = 'from fieldline import DataTable\n\nclass DocHalf(DataTable):\n    """x"""\n    measurment = \'m\'\n'
    (site / "drivers" / "doc_half.py").write_text(text, encoding="utf-8")
    found = worst(doctor(capsys, site)[1]["drivers"])
    assert "is not a table yet: it does not set: " in found.text and "; unknown attribute 'measurment'" in found.text
    assert found.text.endswith("expected a module that imports.") and found.remedy.startswith("Mend it")


def test_one_of_a_kind_is_one(site, capsys):
    main(None, ["run"], site)
    capsys.readouterr()
    store = doctor(capsys, site)[1]["store"][0].text
    assert "2 measurements in 1 bucket," in store


def test_a_broken_driver_fails_where_a_job_needs_it(site, capsys):
    (site / "drivers" / "doc_broken.py").write_text("1 / 0\n", encoding="utf-8")
    assert (doctor(capsys, site)[0], worst(doctor(capsys, site)[1]["drivers"]).state) == (0, "warn")
    with_driver(site, "doc_broken")
    status, found = doctor(capsys, site)
    assert status == 1
    assert "ZeroDivisionError" in worst(found["drivers"]).text
    with_driver(site, "doc_absent")
    assert "no such driver" in worst(doctor(capsys, site)[1]["drivers"]).text


def test_a_zone_that_puts_records_into_the_future_is_told(site, capsys):
    configure(site, "defaults: {utc_offset: '-05:00'}\n")
    _, found = doctor(capsys, site)
    assert worst(found["tower"]).state == "warn"
    assert "5 h in the future" in worst(found["tower"]).text
    configure(site, "defaults: {utc_offset: 'America/Detroit'}\n")
    assert "in the future" in worst(doctor(capsys, site)[1]["tower"]).text


def test_a_file_from_the_future_is_told(site, capsys):
    later = time.time() + 86_400 * 9.5
    os.utime(site / "files" / "met.dat", (later, later))
    assert "was changed 9.5 d in the future" in worst(doctor(capsys, site)[1]["tower"]).text


def test_an_entry_of_the_log_for_a_station_that_is_not_read_is_told(site, capsys):
    rest = "flag: fail, reason: x}\n"
    text = f"entries:\n  - {{station: umb, fields: ['RH*'], {rest}  - {{fields: ['*'], {rest}"
    (site / "config" / "maintenance.yaml").write_text(text, encoding="utf-8")
    main("run", [], site)
    _, found = doctor(capsys, site)
    told = [one.text for one in found["maintenance"] if one.state == "warn"]
    assert told == ["config/maintenance.yaml:2: no station 'umb' is stored (tower); the entry does nothing"]


def test_a_log_of_maintenance_and_checks_that_are_wrong_fail(site, capsys):
    configure(site, "quality: {checks: {Met: {Temp: {no_such_check: {}}}}}\n")
    (site / "config" / "maintenance.yaml").write_text("entries:\n  - {fields: [x], flag: perhaps}\n", encoding="utf-8")
    status, found = doctor(capsys, site)
    assert status == 1
    assert "maintenance.yaml:2" in found["maintenance"][0].text
    assert "no_such_check" in found["checks"][0].text


# What was set aside ---------------------------------------------------------------------------------------------------


def test_rows_that_were_set_aside_today_are_told(site, capsys):
    folder = site / "data" / "quarantine"
    folder.mkdir(parents=True)
    for number in range(8):
        (folder / f"tower.Met{number}.jsonl").write_text('{"line": 1}\n' * 1000, encoding="utf-8")
    _, found = doctor(capsys, site)
    assert found["quarantine"][0].state == "warn"
    assert "8 files" in found["quarantine"][0].text and "8,000 rows" in found["quarantine"][0].text
    for path in folder.iterdir():
        os.utime(path, (time.time() - 90_000,) * 2)
    assert doctor(capsys, site)[1]["quarantine"][0].state == "ok"


def test_an_archive_without_any_limit_is_told(site, capsys):
    configure(site, "archive: {keep_days: 30, megabytes: 7}\n")
    assert "of at most 7 MB; kept 30 days" in doctor(capsys, site)[1]["archive"][0].text


# Stores ---------------------------------------------------------------------------------------------------------------


def test_a_damaged_store_fails(site, capsys):
    main(None, ["run"], site)
    capsys.readouterr()
    (site / "data" / "store.duckdb").write_bytes(b"no store at all" * 1000)
    status, found = doctor(capsys, site)
    assert status == 1
    assert "not a DuckDB file" in found["store"][0].text


def test_another_retention_than_the_configured_one_is_told(site, capsys):
    main(None, ["run"], site)
    capsys.readouterr()
    configure(site, "defaults: {keep_days: 30}\n")
    _, found = doctor(capsys, site)
    assert "keeps rows for ever, the configuration says 30 days" in found["retention"][0].text


def test_a_number_that_the_store_took_for_text_is_told_by_the_run_and_by_the_doctor(site, capsys):
    """The first rows came before the class: the column stays what it is, so somebody must hear of it."""
    path = site / "files" / "met.dat"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"Deg C"', '""').replace('"Avg"', '""').replace("20.5,", '"warm",'), encoding="utf-8")
    main(None, ["run"], site)
    driver(site, "doc_warmth", {"name": "Warmth", "station": "tower", "table": "Met", "measurement": "Met"})
    with_driver(site, "doc_warmth")
    with path.open("a", encoding="utf-8") as file:
        file.write(f'"{datetime.now(UTC) + timedelta(minutes=1):%Y-%m-%d %H:%M:%S}",2,21.5,60\n')
    capsys.readouterr()
    assert main(None, ["run"], site) == 0
    assert "Warmth: Temp is declared as number, but the store has kept it as text" in capsys.readouterr().out
    _, found = doctor(capsys, site)
    assert found["kinds"][0].text == "field.Met: Temp is text, Warmth declares a number"


@pytest.mark.parametrize("product", ["oss2", "cloud", "serverless", "v3", "v1"])
def test_a_server_with_bucket_and_rights_is_well(site, capsys, facade, product):
    server = facade(product)
    influxdb(site, server)
    assert main(None, ["new-db", str(site / "files" / "met.dat")], site) == 0
    assert main(None, ["run"], site) == 0
    capsys.readouterr()
    before = everything(site)
    status, found = doctor(capsys, site)
    assert (status, troubles(found)) == (0, {})
    assert {"reachable", "token", "bucket", "write", "read", "outbox"} <= found.keys()
    assert everything(site) == before
    assert server.token not in str(found)


@pytest.mark.parametrize("product", ["oss2", "cloud", "v3"])
def test_a_bucket_that_the_first_run_makes_is_a_warning_and_is_not_made_here(site, capsys, facade, product):
    server = facade(product)
    influxdb(site, server)
    status, found = doctor(capsys, site)
    assert status == 0
    assert worst(found["bucket"]).state == "warn"
    assert "first run makes it" in worst(found["bucket"]).remedy
    assert "new-db.py" in worst(found["bucket"]).remedy
    assert server.names() == []


def test_a_bucket_without_its_mapping_is_told(site, capsys, facade):
    server = facade("cloud")
    server.create("field")
    influxdb(site, server)
    assert worst(doctor(capsys, site)[1]["mapping"]).state == "warn"


def test_a_wrong_token_fails_and_is_nowhere_to_be_read(site, capsys, facade):
    server = facade("oss2")
    server.create("field")
    influxdb(site, server, TOKEN)
    status, found = doctor(capsys, site)
    assert status == 1
    assert worst(found["token"]).state == "fail"
    assert not {"buckets", "write", "read"} & set(found), "they would all have the same answer"
    assert TOKEN not in str(found)
    main(None, ["doctor"], site)
    assert TOKEN not in capsys.readouterr().out


def test_what_a_token_may_not_is_told(site, capsys, facade):
    server = facade("cloud", tokens={TOKEN: Rights(write=("field",)), "all-of-it": Rights(all=True)})
    influxdb(site, server, "all-of-it")
    main(None, ["new-db", str(site / "files" / "met.dat")], site)
    capsys.readouterr()
    influxdb(site, server, TOKEN)
    status, found = doctor(capsys, site)
    assert worst(found["write"]).state == "ok"
    assert worst(found["read"]).state != "ok"
    assert status == 1
    assert TOKEN not in str(found)


def test_where_a_token_comes_from_is_told(site, capsys, facade, monkeypatch):
    server = facade("oss2")
    server.create("field")
    influxdb(site, server, TOKEN)
    monkeypatch.setenv("INFLUXDB_TOKEN", server.token)
    _, found = doctor(capsys, site)
    assert found["token"][0].text == "from environment: INFLUXDB_TOKEN; it wins over secret.py: token"
    monkeypatch.delenv("INFLUXDB_TOKEN")
    (site / "secret.py").unlink()
    assert found["token"] and doctor(capsys, site)[1]["token"][0].state == "warn"


def test_a_server_that_is_away_fails_once(site, capsys, facade):
    server = facade("oss2")
    influxdb(site, server)
    server.down()
    status, found = doctor(capsys, site)
    assert status == 1
    assert troubles(found) == {"reachable": "fail", "last run": "warn"}
    assert "`url`" in found["reachable"][0].remedy


def test_a_server_that_never_answers_is_not_waited_for(site, capsys):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        configure(site, f"store: influxdb\ninfluxdb: {{url: '{url}', timeout_seconds: 1}}\n")
        status, found = doctor(capsys, site)
    assert (status, worst(found["reachable"]).state) == (1, "fail")


def test_a_home_of_nobody_is_a_problem_of_the_configuration(site, capsys):
    configure(site, "home: ~no-such-user-as-this/data\n")
    status, found = doctor(capsys, site)
    assert (status, worst(found["configuration"]).state) == (2, "fail")


def test_two_clocks_that_differ_are_told(site, capsys, facade, monkeypatch):
    server = facade("oss2")
    influxdb(site, server)
    main(None, ["run"], site)
    capsys.readouterr()
    monkeypatch.setattr(Handler, "date_time_string", lambda *_: "Thu, 01 Jan 2026 00:00:00 GMT")
    _, found = doctor(capsys, site)
    assert worst(found["clock"]).state == "warn"
    assert "ahead of the server's" in worst(found["clock"]).text or "behind" in worst(found["clock"]).text


def test_what_the_free_plan_does_not_take_is_told_before_it_refuses(site, capsys, facade):
    server = facade("serverless", free=True)
    tables = [("DoctorX", "Met", "one"), ("DoctorY", "Other", "two")]
    driver(site, "doc_free", *({"name": n, "station": "tower", "table": t, "bucket": b} for n, t, b in tables))
    logger_file(site / "files" / "other.dat", table="Other")
    influxdb(site, server, more=", plan: free", top="defaults: {keep_days: 30}\n")
    path = site / "config" / "site.yaml"
    with_jobs = path.read_text(encoding="utf-8").replace("name: tower,", "name: tower, driver: doc_free,")
    path.write_text(with_jobs, encoding="utf-8")
    _, found = doctor(capsys, site)
    (plan,) = found["plan"]
    assert "3 buckets (field, one, two)" in plan.text and "influxdb.buckets" in plan.remedy
    path.write_text(
        with_jobs.replace("plan: free", "plan: free, buckets: {one: field, two: field}").replace(": 30", ": 60"),
        encoding="utf-8",
    )
    (plan,) = doctor(capsys, site)[1]["plan"]
    assert "longer than the free plan's 30 days" in plan.text


@pytest.mark.parametrize(("flags", "state"), [("beside", "warn"), ("apart", "ok")])
def test_more_columns_than_the_server_takes_are_told(site, capsys, flags, state):
    names = [f"TA_1_{n}_1" for n in range(1, 8)]  # air temperatures: each has checks, and so two flags
    lines = [['"TOA5"', '"tower"', '"CR6"', '"1"', '"OS"', '"P"', '"2"', '"Wide"']]
    lines += [['"TIMESTAMP"', '"RECORD"', *(f'"{name}"' for name in names)]]
    lines += [['"TS"', '"RN"', *('"degC"' for _ in names)], ['""', '""', *('"Avg"' for _ in names)]]
    text = "".join(",".join(line) + "\n" for line in lines)
    (site / "files" / "wide.dat").write_text(text, encoding="utf-8")
    url = f"http://127.0.0.1:{dead_port()}"
    configure(site, f"store: influxdb\ninfluxdb: {{url: '{url}', columns: 18, flags: {flags}}}\n")
    _, found = doctor(capsys, site)
    (columns,) = found["columns"]
    assert columns.state == state
    assert ("field.Wide has 25 columns" in columns.text) == (state == "warn")
    assert ("flags: apart" in columns.remedy) == (state == "warn")


def test_what_waits_is_told(site, capsys, facade):
    server = facade("oss2")
    influxdb(site, server)
    server.down()
    main(None, ["run"], site)
    capsys.readouterr()
    _, found = doctor(capsys, site)
    assert found["outbox"][0].state == "warn"
    assert "rows wait, the oldest for" in found["outbox"][0].text and "deliveries fail" in found["outbox"][0].text
    configure(site)
    assert "store: influxdb" in doctor(capsys, site)[1]["outbox"][0].remedy


@pytest.mark.parametrize(
    ("url", "columns", "most"),
    [
        ("https://eu-central-1-1.aws.cloud2.influxdata.com", None, 200),
        ("https://eu-central-1-1.aws.cloud2.influxdata.com", 500, 500),
        ("http://localhost:8086", None, None),
    ],
)
def test_the_cloud_takes_200_columns_unless_a_person_knows_better(url, columns, most):
    settings = Settings.model_validate({"influxdb": {"url": url, "columns": columns}})
    assert store.most_columns(settings) == most


def test_a_bucket_of_a_server_that_keeps_rows_for_another_time_is_told(site, capsys, facade):
    server = facade("oss2")
    server.create("field", 30)
    influxdb(site, server, top="defaults: {keep_days: 60}\n")
    (found,) = doctor(capsys, site)[1]["retention"]
    assert (found.state, "new-db.py FILE --update" in found.remedy) == ("warn", True)
    assert "keeps rows 30 days, the configuration says 60 days" in found.text
