"""The contracts of the command line: what is printed, what is written, and the exit codes."""

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from filelock import FileLock

from fieldline.cli import main
from fieldline.simulator import simulate
from fieldline.sources.memory import Memory
from fieldline.tables import REGISTRY

PROJECT = Path(__file__).parents[1]
MET = """"TOA5","tower","CR6","8321","CR6.Std.12","CPU:tower.CR6","31415","Met"
"TIMESTAMP","RECORD","Temp","RH"
"TS","RN","Deg C","%"
"","","Avg","Smp"
"2026-06-25 10:50:00",1,20.5,60
"2026-06-25 10:51:00",2,20.75,"NAN"
"""


@pytest.fixture
def site(tmp_path):
    """A project of its own: drivers, a configuration with one job, and one file for it."""
    (tmp_path / "drivers").mkdir()
    (tmp_path / "config").mkdir()
    (tmp_path / "files").mkdir()
    (tmp_path / "config" / "site.yaml").write_text(
        "jobs:\n  - {name: tower, files: ['files/*.dat'], utc_offset: '-05:00'}\n", encoding="utf-8"
    )
    (tmp_path / "files" / "met.dat").write_text(MET, encoding="utf-8")
    return tmp_path


def forget_drivers():
    """As in a new process: no driver is loaded."""
    for name in [name for name in sys.modules if name.startswith("drivers.")]:
        del sys.modules[name]
    for name in [name for name, table in REGISTRY.items() if table.__module__.startswith("drivers.")]:
        del REGISTRY[name]


@pytest.fixture
def own_drivers():
    """Drivers of a test, which no other one sees."""
    before = {name: module for name, module in sys.modules.items() if name.startswith("drivers.")}, dict(REGISTRY)
    forget_drivers()
    yield forget_drivers
    forget_drivers()
    sys.modules.update(before[0])
    REGISTRY.update(before[1])


def fieldline(capsys, site, verb, *words):
    """Run a verb; return its exit code, standard output and standard error."""
    code = main(None, [verb, *map(str, words)], site)
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def written(site):
    return sorted(path.relative_to(site).as_posix() for path in (site / "data").rglob("*") if path.is_file())


def test_a_run_loads_reports_and_remembers(site, capsys):
    code, out, err = fieldline(capsys, site, "run")
    assert (code, err) == (0, "")
    assert "field.Met" in out and "2026-06-25T15:51:00Z" in out
    assert fieldline(capsys, site, "run")[:2] == (0, "nothing new\n")
    assert {"data/store.duckdb", "data/state.db", "data/logs/fieldline.log"} <= set(written(site))


def test_the_store_is_plain_duckdb(site, capsys):
    fieldline(capsys, site, "run")
    with duckdb.connect(str(site / "data" / "store.duckdb"), read_only=True) as store:
        assert store.sql("SELECT Temp, RH, RECORD, station FROM field.Met ORDER BY time").fetchall() == [
            (20.5, 60.0, 1, "tower"),
            (20.75, None, 2, "tower"),
        ]


def test_json_is_the_last_line(site, capsys):
    _, out, _ = fieldline(capsys, site, "run", "--json")
    report = json.loads(out.splitlines()[-1])
    (job,) = report["jobs"]
    assert {name: job[name] for name in ("job", "ok", "read", "written", "quarantined", "duplicates", "message")} == {
        "job": "tower", "ok": True, "read": 2, "written": 2, "quarantined": 0, "duplicates": 0, "message": "ok",
    }  # fmt: skip
    assert job["seconds"] >= 0
    assert job["tables"][0]["newest"] == "2026-06-25T15:51:00Z"


def test_a_dry_run_writes_nothing(site, capsys):
    (site / "files" / "met.dat").write_text(MET + "broken\n", encoding="utf-8")
    code, out, _ = fieldline(capsys, site, "run", "--dry-run")
    assert code == 3
    assert "nothing was written" in out and "field.Met" in out
    assert not (site / "data").exists()


def test_a_dry_run_beside_a_store_changes_nothing(site, capsys):
    fieldline(capsys, site, "run")
    before = {
        name: (site / name).read_bytes() for name in written(site) if not name.endswith((".lock", "-shm", "-wal"))
    }
    with (site / "files" / "met.dat").open("a", encoding="utf-8") as file:
        file.write('"2026-06-25 10:52:00",3,21,60\n')
    assert fieldline(capsys, site, "run", "--dry-run")[0] == 0
    assert before == {name: (site / name).read_bytes() for name in before}
    assert fieldline(capsys, site, "run", "--json")[1].count('"written": 1') >= 1


def test_a_bad_row_costs_itself_and_exit_code_3(site, capsys):
    (site / "files" / "met.dat").write_text(MET + '"2026-06-25 10:52:00",3,63x4,60\n', encoding="utf-8")
    assert fieldline(capsys, site, "run")[0] == 3
    (line,) = (site / "data" / "quarantine" / "tower.Met.jsonl").read_text(encoding="utf-8").splitlines()
    kept = json.loads(line)
    assert kept["line"] == 7
    assert "63x4" in kept["reason"]
    assert kept["text"] == '"2026-06-25 10:52:00",3,63x4,60'
    assert kept["file"].endswith("met.dat")
    assert fieldline(capsys, site, "run")[0] == 0


def test_one_bad_file_does_not_stop_the_others(site, capsys):
    (site / "files" / "aaa.dat").write_text("hello\n", encoding="utf-8")
    code, out, err = fieldline(capsys, site, "run")
    assert code == 1
    assert "field.Met" in out
    assert "aaa.dat:1: found 'hello', expected 'TOA5'" in err


def test_one_bad_job_does_not_stop_the_others(site, capsys):
    with (site / "config" / "site.yaml").open("a", encoding="utf-8") as file:
        file.write("  - {name: other, driver: nosuch, files: ['files/met.dat']}\n  - {name: none, files: [no.dat]}\n")
    code, out, err = fieldline(capsys, site, "run", "--json")
    assert code == 1
    assert [job["ok"] for job in json.loads(out.splitlines()[-1])["jobs"]] == [True, False, False]
    assert "no such driver" in err and "no.dat: found no such file" in err


def test_one_job_alone(site, capsys):
    assert fieldline(capsys, site, "run", "--job", "tower")[0] == 0
    code, _, err = fieldline(capsys, site, "run", "--job", "towr")
    assert code == 2
    assert "--job towr: no such job; known: tower" in err


def test_a_wrong_configuration_is_exit_code_2_with_all_its_problems(site, capsys):
    (site / "config" / "site.yaml").write_text("hom: data\nstore: paper\n", encoding="utf-8")
    code, _, err = fieldline(capsys, site, "run")
    assert code == 2
    assert "site.yaml:1" in err and "did you mean 'home'?" in err and "site.yaml:2" in err


def test_wrong_usage_is_exit_code_2(site):
    with pytest.raises(SystemExit) as end:
        main("run", ["--nosuch"], site)
    assert end.value.code == 2


def test_a_second_run_on_the_same_home_is_exit_code_75(site, capsys):
    (site / "data").mkdir()
    with FileLock(site / "data" / "run.lock"):
        code, _, err = fieldline(capsys, site, "run")
    assert code == 75
    assert "another run works on" in err
    assert "another run works on" in (site / "data" / "logs" / "fieldline.log").read_text(encoding="utf-8")


def test_update_db_before_new_db_fails_with_the_remedy_and_loses_nothing(site, capsys):
    path = site / "files" / "met.dat"
    code, _, err = fieldline(capsys, site, "update-db", path)
    assert code == 1
    assert "new-db.py" in err
    assert fieldline(capsys, site, "new-db", path)[0] == 0
    assert fieldline(capsys, site, "new-db", path)[0] == 0
    code, out, _ = fieldline(capsys, site, "update-db", path, "--json")
    assert code == 0
    assert json.loads(out.splitlines()[-1])["jobs"][0]["written"] == 2


def test_a_broken_driver_is_told_and_the_others_work(site, capsys):
    (site / "drivers" / "broken.py").write_text("import nosuch\n", encoding="utf-8")
    path = site / "files" / "met.dat"
    fieldline(capsys, site, "new-db", path)
    code, out, err = fieldline(capsys, site, "update-db", path)
    assert code == 1
    assert "field.Met" in out
    assert "broken.py: found ModuleNotFoundError" in err


def test_unknown_tables_can_be_refused(site, capsys):
    with (site / "config" / "site.yaml").open("a", encoding="utf-8") as file:
        file.write("unknown: refuse\n")
    code, _, err = fieldline(capsys, site, "run")
    assert code == 1
    assert "which no driver knows" in err


def test_home_on_the_command_line_wins(site, capsys, tmp_path):
    assert fieldline(capsys, site, "run", "--home", tmp_path / "elsewhere")[0] == 0
    assert (tmp_path / "elsewhere" / "store.duckdb").exists()
    assert not (site / "data").exists()


def test_runs_are_a_measurement(site, capsys):
    fieldline(capsys, site, "run")
    fieldline(capsys, site, "run")  # nothing new: its row waits for the store to be opened
    with (site / "files" / "met.dat").open("a", encoding="utf-8") as file:
        file.write('"2026-06-25 10:52:00",3,21,60\n')
    fieldline(capsys, site, "run")
    _, out, _ = fieldline(capsys, site, "read", "field", "runs", "--format", "json")
    assert [(row["job"], row["ok"], row["written"]) for row in json.loads(out)] == [
        ("tower", True, 2),
        ("tower", True, 0),
        ("tower", True, 1),
    ]


def test_what_fails_at_the_end_of_a_run_is_in_its_rows_too(site, capsys):
    """The rows of `runs` are on their way by then; those who look at them, as the page does, must hear of it."""
    fieldline(capsys, site, "run")
    with duckdb.connect(str(site / "data" / "store.duckdb")) as store:
        store.execute("ALTER TABLE field.runs RENAME COLUMN job TO task")  # so that they can't be written
    with (site / "files" / "met.dat").open("a", encoding="utf-8") as file:
        file.write('"2026-06-25 10:52:00",3,21,60\n')
    code, out, _ = fieldline(capsys, site, "run", "--json")
    told = [job["job"] for job in json.loads(out.splitlines()[-1])["jobs"] if not job["ok"]]
    memory = Memory(site / "data" / "state.db")
    kept = [row["job"] for _, row in memory.runs() if not row["ok"]]
    memory.close()
    assert (code, told, kept) == (1, ["runs"], ["runs"]), out


def test_a_store_that_is_gone_is_filled_again(site, capsys):
    fieldline(capsys, site, "run")
    (site / "data" / "store.duckdb").unlink()
    _, out, _ = fieldline(capsys, site, "run", "--json")
    assert json.loads(out.splitlines()[-1])["jobs"][0]["written"] == 2


class TestRead:
    @pytest.fixture(autouse=True)
    def loaded(self, site, capsys):
        fieldline(capsys, site, "run")

    def test_rows_as_csv(self, site, capsys):
        code, out, _ = fieldline(capsys, site, "read", "field", "Met", "--field", "Temp")
        assert code == 0
        assert out.splitlines() == [
            "time,station,serial,Temp",
            "2026-06-25T15:50:00Z,tower,8321,20.5",
            "2026-06-25T15:51:00Z,tower,8321,20.75",
        ]

    def test_rows_as_json(self, site, capsys):
        _, out, _ = fieldline(capsys, site, "read", "field", "Met", "--format", "json", "--start", "2026-06-25T15:51Z")
        row = {
            "time": "2026-06-25T15:51:00Z",
            "station": "tower",
            "serial": "8321",
            "RECORD": 2,
            "Temp": 20.75,
            "RH": None,
            "Temp_qc": 1,
            "Temp_qcbits": 0,
            "RH_qc": 9,
            "RH_qcbits": 0,
        }
        assert json.loads(out) == [row]
        assert '"RECORD": 2,' in out

    def test_rows_as_parquet(self, site, capsys, tmp_path):
        path = tmp_path / "rows.parquet"
        assert fieldline(capsys, site, "read", "field", "Met", "--format", "parquet", "--out", path)[0] == 0
        assert duckdb.from_parquet(str(path)).aggregate("count(*), max(Temp)").fetchall() == [(2, 20.75)]

    def test_windows(self, site, capsys):
        _, out, _ = fieldline(capsys, site, "read", "field", "Met", "--field", "Temp", "--every", "1h", "--agg", "max")
        assert out.splitlines()[1:] == ["2026-06-25T15:00:00Z,tower,8321,20.75"]

    def test_into_a_file(self, site, capsys, tmp_path):
        assert fieldline(capsys, site, "read", "field", "Met", "--out", tmp_path / "x.csv")[1] == ""
        assert (tmp_path / "x.csv").read_text(encoding="utf-8").count("\n") == 3

    def test_what_there_is(self, site, capsys):
        assert "Met, runs" in fieldline(capsys, site, "read")[1]
        assert "Deg C" in fieldline(capsys, site, "read", "field")[1]

    @pytest.mark.parametrize(
        ("words", "status", "found"),
        [
            (("nosuch", "Met"), 1, "nosuch"),
            (("field", "nosuch"), 1, "nosuch"),
            (("field", "Met", "--field", "nosuch"), 1, "nosuch"),
            (("field", "Met", "--out", "no/such/folder.csv"), 1, "No such file"),
            (("field", "Met", "--format", "parquet", "--out", "no/such/x.parquet"), 1, "No such file"),
            (("field", "Met", "--start", "-99999999999h"), 2, "a shorter time"),
            (("field", "Met", "--start", "yesterday?"), 2, "'yesterday?'"),
            (("field", "Met", "--every", "0m"), 2, "'0m'"),
            (("field", "Met", "--every", "10x"), 2, "'10x'"),
            (("field", "Met", "--agg", "max"), 2, "no --every"),
            (("field", "Met", "--format", "parquet"), 2, "no --out"),
        ],
    )
    def test_what_is_not_there_is_told(self, site, capsys, words, status, found):
        code, out, err = fieldline(capsys, site, "read", *words)
        assert (code, out) == (status, "")
        assert found in err


def test_an_empty_store_says_what_to_do(site, capsys):
    assert "update-db.py" in fieldline(capsys, site, "read")[1]


def test_status_tells_what_grows_and_what_is_silent(site, capsys):
    assert "waiting" in fieldline(capsys, site, "status")[1]
    (site / "drivers" / "umbs.py").write_text((PROJECT / "drivers" / "umbs.py").read_text(encoding="utf-8"), "utf-8")
    simulate(site / "files", days=0.1, until=datetime.now().replace(microsecond=0))  # at most 14 h from the station's
    (site / "files" / "bad.dat").write_text("x\n", encoding="utf-8")
    fieldline(capsys, site, "run")
    _, out, _ = fieldline(capsys, site, "status", "--json")
    tables = {line["table"]: line for line in json.loads(out)["tables"]}
    assert tables["tower.Met"]["state"] == "silent"
    assert tables["tower.Met"]["read"] == 2
    assert tables["umbs.fastdata"]["interval"] == 60
    assert tables["-"]["state"] == "trouble" and "bad.dat:1" in tables["-"]["trouble"]


@pytest.mark.parametrize("script", ["driver.py", "new-db.py", "update-db.py"])
def test_help_has_an_example_and_the_exit_codes_from_any_folder(script, tmp_path):
    done = subprocess.run(
        [sys.executable, PROJECT / script, "--help"], cwd=tmp_path, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0
    assert f"python {script}" in done.stdout and "75 another run" in done.stdout


def test_a_script_runs_from_any_folder(site, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    words = ["--config", site / "config" / "site.yaml", "--home", site / "data", "--json"]
    done = subprocess.run(
        [sys.executable, PROJECT / "driver.py", *words], cwd=elsewhere, capture_output=True, text=True, encoding="utf-8"
    )
    assert "files/*.dat: found no such file" in done.stderr  # patterns start from the project, not from here
    assert done.returncode == 1


def test_nothing_heavy_is_imported_when_nothing_is_new(site):
    program = "import sys; from pathlib import Path; from fieldline.cli import main; "
    words = ["-X", "importtime", "-c", f"{program}sys.exit(main('run', [], Path({str(site)!r})))"]
    environ = {**os.environ, "PYTHONPATH": str(PROJECT / "src")}
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, *words], capture_output=True, text=True, encoding="utf-8", env=environ, check=True
        )
    assert "nothing new" in done.stdout
    imported = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "fieldline" in imported
    assert not imported & {"pandas", "numpy", "duckdb", "influxdb_client"}


def test_a_file_belongs_to_one_job(site, capsys):
    with (site / "config" / "site.yaml").open("a", encoding="utf-8") as file:
        file.write("  - {name: other, files: ['files/met.dat', 'files/m*.dat']}\n")
    code, _, err = fieldline(capsys, site, "run")
    assert code == 2
    assert "the jobs tower and other both read" in err


def test_a_file_that_two_patterns_match_is_read_once(site, capsys):
    config = site / "config" / "site.yaml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("'files/*.dat'", "'files/*.dat', 'files/m*'"), encoding="utf-8")
    _, out, _ = fieldline(capsys, site, "run", "--json")
    assert json.loads(out.splitlines()[-1])["jobs"][0]["read"] == 2


class TestQuality:
    @pytest.fixture(autouse=True)
    def flagged(self, site, capsys):
        """A table whose column names tell what they hold."""
        text = MET.replace('"Temp"', '"AirTC_Avg"').replace("20.75", "57.5")
        (site / "files" / "met.dat").write_text(text, encoding="utf-8")
        fieldline(capsys, site, "run")

    def test_flags_come_by_name(self, site, capsys):
        _, out, _ = fieldline(capsys, site, "read", "field", "Met", "--field", "AirTC_Avg_qc", "--field", "RH_qc")
        assert [line.split(",")[-2:] for line in out.splitlines()[1:]] == [["1", "1"], ["4", "9"]]

    def test_runs_count_the_flags(self, site, capsys):
        _, out, _ = fieldline(capsys, site, "read", "field", "runs", "--format", "json")
        (row,) = json.loads(out)
        assert (row["values_good"], row["values_fail"], row["values_missing"]) == (2, 1, 1)

    def test_recheck_applies_new_limits_and_the_log_to_stored_rows(self, site, capsys):
        with (site / "config" / "site.yaml").open("a", encoding="utf-8") as file:
            file.write("quality:\n  checks:\n    Met:\n      AirTC*:\n        between: {low: -50, high: 100}\n")
        (site / "config" / "maintenance.yaml").write_text(
            "entries:\n  - {fields: [RH], to: 2026-06-25T10:50-05:00, flag: fail, reason: cleaned}\n"
            "  - {fields: [AirTC_Avg], gain: 2, offset: 1, reason: calibrated}\n",
            encoding="utf-8",
        )
        code, out, _ = fieldline(capsys, site, "recheck")
        assert code == 0 and "field.Met" in out
        assert out.splitlines()[1].split()[-1] == "2"  # one flag of RH, one of AirTC_Avg
        _, out, _ = fieldline(capsys, site, "recheck")
        assert out.splitlines()[1].split()[-1] == "0"
        _, out, _ = fieldline(capsys, site, "read", "field", "Met", "--format", "json")
        first, second = json.loads(out)
        assert (first["AirTC_Avg"], first["AirTC_Avg_corrected"]) == (20.5, 42.0)
        assert (first["RH_qc"], second["RH_qc"]) == (4, 9)
        assert (second["AirTC_Avg"], second["AirTC_Avg_qc"], second["AirTC_Avg_qcbits"]) == (57.5, 1, 0)
        assert first["RECORD"] == 1

    def test_days_before_the_first_row_are_not_missing_and_the_last_value_is_named(self, site, capsys):
        later = MET.replace("4711", "1").replace('"Met"', '"Late"').replace('"Temp"', '"AirTC_Avg"')
        (site / "files" / "late.dat").write_text(later.replace("2026-06-25 10:5", "2026-06-25 11:5"), encoding="utf-8")
        fieldline(capsys, site, "run")
        code, out, _ = fieldline(capsys, site, "quality", "--from", "2026-06-20T00:00Z", "--json")
        found = {one["measurement"]: one for one in json.loads(out.splitlines()[-1])["series"]}
        assert code == 0
        starts = {name: one["start"] for name, one in found.items()}
        assert starts == {"Late": "2026-06-25T16:50:00Z", "Met": "2026-06-25T15:50:00Z"}
        assert found["Met"]["absent"] == 60  # until the newest row of the bucket
        words = [line for line in out.splitlines() if " rows came" in line]
        assert [line.rpartition("; ")[2] for line in words if ";" in line] == ["the last value is of 2026-06-25 15:51"]

    def test_recheck_tells_entries_of_the_log_that_speak_of_nothing(self, site, capsys):
        (site / "config" / "maintenance.yaml").write_text(
            "entries:\n"
            "  - {station: towre, fields: [RH], flag: fail, reason: x}\n"
            "  - {station: tower, fields: [RH, Rh_*], flag: fail, reason: x}\n"
            "  - {fields: [AirTC*], gain: 2, reason: x}\n",
            encoding="utf-8",
        )
        code, out, _ = fieldline(capsys, site, "recheck")
        assert code == 0
        assert [line for line in out.splitlines() if line.startswith("note")] == [
            "note: config/maintenance.yaml:2: no station 'towre' is stored (tower); the entry does nothing",
            "note: config/maintenance.yaml:3: no field 'Rh_*' of station tower is stored; it does nothing",
        ]

    def test_recheck_after_a_load_changes_nothing_even_where_columns_have_no_check(self, site, capsys, own_drivers):
        (site / "drivers" / "roof.py").write_text(
            "from fieldline import Column, DataTable, spike\n\n\n"
            "class Met(DataTable):\n    'Every minute.'\n\n"
            "    station, table, bucket, measurement = 'tower', 'Met', 'roof', 'met'\n"
            "    timezone, interval = '-05:00', 60\n"
            "    columns = {'AirTC_Avg': Column('Inside', 'mV'), 'RH': Column('RH', '%', (spike(1, 2),))}\n",
            encoding="utf-8",
        )
        config = site / "config" / "site.yaml"
        config.write_text(
            config.read_text(encoding="utf-8").replace("tower,", "tower, driver: roof,"), encoding="utf-8"
        )
        (site / "data" / "state.db").unlink()
        fieldline(capsys, site, "run")
        before = fieldline(capsys, site, "read", "roof", "met")
        assert "RH_qc" in before[1]
        code, out, _ = fieldline(capsys, site, "recheck", "roof")
        assert (code, out.splitlines()[1].split()) == (0, ["roof.met", "2", "1", "0"])
        assert fieldline(capsys, site, "read", "roof", "met") == before

    def test_a_key_for_a_bucket_that_is_not_there_is_told(self, site, capsys):
        code, _, err = fieldline(capsys, site, "keys", "add", "grafana", "--read", "feild", "--read", "field")
        assert code == 0
        assert "no bucket 'feild'" in err and "no bucket 'field'" not in err
        assert "grafana" in fieldline(capsys, site, "keys")[1]

    def test_a_wrong_rule_is_told_and_nothing_is_lost(self, site, capsys):
        with (site / "config" / "site.yaml").open("a", encoding="utf-8") as file:
            file.write("quality: {checks: {Met: {AirTC*: {betwen: {low: 0}}}}}\n")
        with (site / "files" / "met.dat").open("a", encoding="utf-8") as file:
            file.write('"2026-06-25 10:52:00",3,21,60\n')
        code, _, err = fieldline(capsys, site, "run")
        assert code == 2
        assert "quality.checks.Met.AirTC*: unknown check 'betwen'; did you mean 'between'?" in err
        text = (
            (site / "config" / "site.yaml").read_text(encoding="utf-8").replace("betwen: {low: 0}", "between: {low: 0}")
        )
        (site / "config" / "site.yaml").write_text(text.replace("low: 0", "low: 0, high: 50"), encoding="utf-8")
        _, out, _ = fieldline(capsys, site, "run", "--json")
        assert json.loads(out.splitlines()[-1])["jobs"][0]["written"] == 1


class TestMistakesAreToldWithoutNewRows:
    """The first run is over and nothing new comes: what a person breaks then must not wait for the next row."""

    GOOD = (
        "from fieldline import Column, DataTable\n\n\nclass Met(DataTable):\n    'Every minute.'\n\n"
        "    station, table, bucket, measurement, timezone = 'tower', 'Met', 'roof', 'met', '-05:00'\n"
        "    columns = {'Temp': Column('Temp', 'degC')}\n"
    )

    @pytest.fixture(autouse=True)
    def loaded(self, site, capsys, own_drivers):
        self.driver, config = site / "drivers" / "roof.py", site / "config" / "site.yaml"
        self.driver.write_text(self.GOOD, encoding="utf-8")
        text = config.read_text(encoding="utf-8").replace("tower,", "tower, driver: roof,")
        config.write_text(text, encoding="utf-8")
        assert fieldline(capsys, site, "run")[0] == 0
        assert fieldline(capsys, site, "run")[:2] == (0, "nothing new\n")
        own_drivers()

    def test_a_driver_that_breaks(self, site, capsys):
        self.driver.write_text(self.GOOD.replace("measurement, ", ""), encoding="utf-8")
        for _ in range(2):
            code, _, err = fieldline(capsys, site, "run")
            assert (code, err.count("roof.py: found ValueError")) == (1, 1)
        self.driver.write_text(self.GOOD + "\n", encoding="utf-8")
        assert fieldline(capsys, site, "run")[:2] == (0, "nothing new\n")

    def test_a_driver_that_breaks_and_a_new_row_are_told_once(self, site, capsys):
        self.driver.write_text("1 / 0\n", encoding="utf-8")
        with (site / "files" / "met.dat").open("a", encoding="utf-8") as file:
            file.write('"2026-06-25 10:52:00",3,21,60\n')
        code, _, err = fieldline(capsys, site, "run")
        assert (code, err.count("ZeroDivisionError")) == (1, 1)

    @pytest.mark.parametrize("words", [["run", "--dry-run"], ["update-db", "files/met.dat"]])
    def test_a_driver_that_breaks_is_told_by_every_verb(self, site, capsys, monkeypatch, words):
        monkeypatch.chdir(site)
        self.driver.write_text("1 / 0\n", encoding="utf-8")
        code, _, err = fieldline(capsys, site, *words)
        assert code == 1
        assert "ZeroDivisionError" in err

    def test_a_mistake_in_the_log_of_maintenance(self, site, capsys):
        log = site / "config" / "maintenance.yaml"
        log.write_text("entries:\n  - {fields: [RH], flag: bad, reason: x}\n", encoding="utf-8")
        for _ in range(2):
            code, _, err = fieldline(capsys, site, "run")
            assert code == 2
            assert "maintenance.yaml:2: entries[0].flag is 'bad'" in err
        log.write_text("entries:\n  - {fields: [RH], flag: fail, reason: x}\n", encoding="utf-8")
        assert fieldline(capsys, site, "run")[:2] == (0, "nothing new\n")


def test_a_file_that_a_job_leaves_out_fails_no_run_and_is_not_in_the_status(site, capsys):
    (site / "files" / "x_TOB1.dat").write_bytes(b'"TOB1","tower"\r\n\0\1\2')
    assert fieldline(capsys, site, "run")[0] == 1
    config = site / "config" / "site.yaml"
    text = config.read_text(encoding="utf-8").replace("utc_offset", "without: ['*TOB1*'], utc_offset")
    config.write_text(text, encoding="utf-8")
    (site / "data" / "state.db").unlink()
    assert fieldline(capsys, site, "run")[0] == 0
    assert "TOB1" not in fieldline(capsys, site, "status")[1]


def test_records_from_the_future_are_told(site, capsys):
    text = MET.replace("2026-06-25", "2226-06-25")
    (site / "files" / "met.dat").write_text(text, encoding="utf-8")
    code, out, _ = fieldline(capsys, site, "run")
    assert code == 0
    assert "in the future; is the clock (-05:00) declared right" in out


def test_columns_called_like_flags_are_kept_beside_them(site, capsys):
    text = MET.replace('"Temp","RH"', '"RH","RH_qc"').replace('"Deg C","%"', '"%",""').replace('"NAN"', "7")
    (site / "files" / "met.dat").write_text(text, encoding="utf-8")
    fieldline(capsys, site, "run")
    fieldline(capsys, site, "recheck")
    _, out, _ = fieldline(capsys, site, "read", "field", "Met", "--format", "json")
    assert [(row["RH"], row["RH_qc"], row["RH_qc_2"]) for row in json.loads(out)] == [(20.5, 1, 60.0), (20.75, 1, 7.0)]


def test_a_home_that_is_a_file_is_told(site, capsys):
    (site / "file").write_text("x", encoding="utf-8")
    code, _, err = fieldline(capsys, site, "run", "--home", site / "file")
    assert code == 2
    assert "choose another folder" in err


def test_a_column_may_be_called_as_it_likes(site, capsys):
    (site / "files" / "met.dat").write_text(MET.replace('"Temp","RH"', '"at","c0"'), encoding="utf-8")
    fieldline(capsys, site, "run")
    code, out, _ = fieldline(capsys, site, "read", "field", "Met", "--every", "1h")
    assert code == 0
    assert out.splitlines() == ["time,station,serial,at,c0", "2026-06-25T15:00:00Z,tower,8321,20.625,60.0"]
    assert fieldline(capsys, site, "recheck")[0] == 0
    assert fieldline(capsys, site, "quality")[0] == 0


def test_a_table_called_runs_does_not_mix_with_our_own(site, capsys):
    (site / "files" / "met.dat").write_text(MET.replace('"Met"', '"runs"'), encoding="utf-8")
    assert fieldline(capsys, site, "run")[0] == 0
    assert "runs, runs_2" in fieldline(capsys, site, "read")[1]
