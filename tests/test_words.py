"""What a newcomer is told: commands that can be typed as they stand, and why there is nothing to see."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from filelock import FileLock

from fieldline.cli import hints, show
from fieldline.cli import main as cli
from fieldline.cli.report import report
from fieldline.manager import Outcome
from fieldline.quality import words as quality_words
from test_cli import MET, fieldline, site

__all__ = ["site"]


def options(config=None, home=None):
    return argparse.Namespace(config=config and Path(config), home=home and Path(home))


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("Make it with: python new-db.py FILE", "Make it with: python new-db.py --config a.yaml FILE"),
        ("now: fieldline outbox send", "now: fieldline outbox --config a.yaml send"),
        ("see `fieldline keys`, or ask", "see `fieldline keys --config a.yaml`, or ask"),
        ("fieldline read: found no bucket", "fieldline read: found no bucket"),
        ("See `fieldline outbox --help`.", "See `fieldline outbox --help`."),
        ("fieldline read --config b.yaml field", "fieldline read --config b.yaml field"),
        ("a fieldline reader", "a fieldline reader"),
    ],
)
def test_a_command_in_a_message_has_the_options_of_this_one(text, typed):
    assert hints.whole(text, options("a.yaml")) == typed
    assert hints.whole(text, options()) == text


def test_a_home_with_a_blank_in_its_name_can_be_typed():
    assert hints.whole("fieldline outbox", options(home="my home")) in (
        "fieldline outbox --home 'my home'",
        'fieldline outbox --home "my home"',
    )


def test_following_a_hint_stays_in_the_home_that_it_speaks_of(site, capsys):
    """`update-db` before `new-db` says what to do; done as it is said, it works, and the other home stays empty."""
    (site / "config" / "own.yaml").write_text("home: own\n", encoding="utf-8")
    (site / "met.dat").write_text(MET, encoding="utf-8")
    config = site / "config" / "own.yaml"
    code, _, err = fieldline(capsys, site, "update-db", "--config", config, site / "met.dat")
    assert code == 1 and "found no such store, expected one with a bucket" in err
    command = err.partition("Make it with: python new-db.py ")[2].splitlines()[0].replace("FILE", str(site / "met.dat"))
    assert cli("new-db", command.split(), site) == 0
    assert (site / "own" / "store.duckdb").exists() and not (site / "data").exists()
    _, _, err = fieldline(capsys, site, "read", "--config", config, "feld")
    assert f"`fieldline read --config {config}` lists them" in err
    _, out, _ = fieldline(capsys, site, "doctor", "--config", config)
    assert f"`python driver.py --config {config}`" in out


def test_who_makes_a_key_is_told_whose_it_is(site, capsys, tmp_path):
    """A key for another home than the server's protects nothing."""
    (site / "config" / "own.yaml").write_text("home: own\n", encoding="utf-8")
    own = site / "config" / "own.yaml"
    (site / "own").mkdir()
    _, _, err = fieldline(capsys, site, "keys", "add", "a")
    assert str(site / "data" / "keys.json") in err and "No server runs on this home." in err
    with FileLock(site / "own" / "serve.lock"):  # as a server holds it
        _, _, err = fieldline(capsys, site, "keys", "add", "b")
        assert f"No server runs on this home (one runs on {site / 'own'}, which has keys of its own)" in err
        _, _, err = fieldline(capsys, site, "keys", "add", "c", "--config", own)
        assert str(site / "own" / "keys.json") in err and "The server that runs on this home takes it at once" in err


def test_what_was_delivered_is_told_apart_from_flags_that_were_judged_again(capsys):
    sent = {"delivered": 37_506, "waiting": 0, "refused": 0, "judged_again": 37_884}
    report([Outcome("outbox", deliveries=sent)], argparse.Namespace(verb="run", json=False, dry_run=False), queued=True)
    out = capsys.readouterr().out
    assert "37,506 rows delivered (those of `runs` among them) and the flags of 37,884 judged again, none waits" in out


def test_a_log_that_cannot_be_written_is_one_line_and_stops_nothing(site, capsys):
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    (site / "data" / "logs").mkdir(parents=True)
    (site / "data" / "logs" / "fieldline.log").symlink_to(full)
    code, out, err = fieldline(capsys, site, "run")
    assert code == 0 and "field.Met" in out
    assert err.count("\n") == 1 and "the log can't be written: [Errno 28]" in err


def test_a_full_disk_is_told_before_and_takes_in_nothing(site, capsys, monkeypatch):
    free = 4_000_000
    monkeypatch.setattr(shutil, "disk_usage", lambda _: argparse.Namespace(free=free))
    code, out, _ = fieldline(capsys, site, "run")
    assert code == 0 and "note: the disk is nearly full: 4 MB free at" in out
    assert "the disk is nearly full" in fieldline(capsys, site, "status")[1]
    free = 1_000_000
    (site / "files" / "met.dat").write_text(MET + '"2026-06-25 10:52:00",3,21,61\n', encoding="utf-8")
    code, _, err = fieldline(capsys, site, "run")
    assert code == 1 and "found less than 2 MB free on the disk" in err and "The rows stay in the files.\n" in err
    free = 10**10
    code, out, err = fieldline(capsys, site, "run")
    assert (
        (code, err) == (0, "")
        and "nearly full" not in out
        and len(fieldline(capsys, site, "read", "field", "Met")[1].splitlines()) == 4
    )


def test_a_store_that_a_notebook_holds_is_waited_for_once_and_its_process_is_named(site, capsys):
    (site / "files" / "two.dat").write_text(MET.replace("Met", "Other"), encoding="utf-8")
    (site / "config" / "site.yaml").write_text(
        "wait_seconds: 1\njobs:\n  - {name: one, files: [files/met.dat]}\n  - {name: two, files: [files/two.dat]}\n",
        encoding="utf-8",
    )
    assert fieldline(capsys, site, "run")[0] == 0
    (site / "files" / "met.dat").write_text(MET + '"2026-06-25 10:52:00",3,21,61\n', encoding="utf-8")
    script = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", script, str(site / "data" / "store.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as notebook:
        assert notebook.stdout.readline() == "open\n"
        code, _, err = fieldline(capsys, site, "run")
        notebook.stdin.close()
    assert code == 1
    assert err.count("waited 1 s") == 1 and f"(process {notebook.pid}).\n" in err, err
    assert "close the file there" in err and "runs" not in err
    assert fieldline(capsys, site, "run")[0] == 0


def test_a_file_has_the_format_that_its_name_says(site, capsys, tmp_path):
    fieldline(capsys, site, "run")
    for ending in ("parquet", "PARQUET", "json", "csv"):
        out = tmp_path / f"x.{ending}"
        assert fieldline(capsys, site, "read", "field", "Met", "--out", out)[0] == 0
        assert out.read_bytes()[:4] == {"p": b"PAR1", "j": b'[\n{"', "c": b"time"}[ending[0].lower()]
    code, _, err = fieldline(capsys, site, "read", "field", "Met", "--out", tmp_path / "x.xlsx")
    assert code == 2 and "found the ending 'xlsx', expected .csv, .json or .parquet" in err
    assert not (tmp_path / "x.xlsx").exists()
    assert fieldline(capsys, site, "read", "field", "Met", "--format", "csv", "--out", tmp_path / "x.txt")[0] == 0


def test_why_there_are_no_rows_is_said(site, capsys):
    fieldline(capsys, site, "run")
    code, out, err = fieldline(capsys, site, "read", "field", "Met", "--start", "2030-01-01T00:00Z")
    assert (code, out.count("\n")) == (0, 1)
    assert err == "no rows from 2030-01-01T00:00Z; the newest is of 2026-06-25T15:51:00Z\n"
    assert (
        "station is a tag and always shown" in fieldline(capsys, site, "read", "field", "Met", "--field", "station")[2]
    )
    assert fieldline(capsys, site, "read", "field", "Met")[2] == ""


def test_a_word_that_a_verb_does_not_know_shows_what_that_verb_knows(capsys):
    with pytest.raises(SystemExit) as ended:
        cli(None, ["dashboards", "export", "--out", "X"])
    err = capsys.readouterr().err
    assert ended.value.code == 2 and "usage: fieldline dashboards" in err and "unrecognized arguments: --out" in err


def test_the_fields_of_a_bucket_are_listed_without_those_of_flags(site, capsys):
    (site / "files" / "met.dat").write_text(MET.replace('"%"', '"1"').replace(",60\n", ',"ok"\n'), encoding="utf-8")
    fieldline(capsys, site, "run")
    listed = [line.split() for line in fieldline(capsys, site, "read", "field")[1].splitlines()]
    assert listed[0] == ["measurement", "field", "kind", "unit", "flags"]
    met = {line[1]: line[2:] for line in listed if line[0] == "Met"}
    assert met["Temp"] == ["number", "Deg", "C", "yes"] and met["station"] == ["tag", "-", "-"]
    assert not [name for name in met if name.endswith(("_qc", "_qcbits"))]
    every = fieldline(capsys, site, "read", "field", "--flags")[1]
    assert " Temp_qc " in every and " Temp_qcbits " in every


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(2770 * 86_400, "7.6 years"), (399 * 86_400, "399 d"), (1e11, "3,168.9 years"), (90, "90 s"), (-7200, "-2 h")],
)
def test_a_long_time_is_told_in_years(seconds, words):
    assert show.span(seconds) == words
    if seconds > 0:
        assert quality_words.span(pd.Timedelta(min(seconds, 9e9), unit="s")) == (
            words if seconds < 9e9 else "285.2 years"
        )


def test_status_names_files_shortly_where_that_is_enough(site, capsys):
    (site / "files" / "new.dat").write_text("", encoding="utf-8")
    fieldline(capsys, site, "run")
    _, out, _ = fieldline(capsys, site, "status")
    assert [line.split()[1] for line in out.splitlines() if line.startswith("tower")] == ["met.dat", "new.dat"]
    (site / "files" / "b").mkdir()
    (site / "files" / "b" / "met.dat").write_text("", encoding="utf-8")
    jobs = "jobs:\n  - {name: tower, files: ['files/**/*.dat', 'none/*.dat'], utc_offset: '-05:00'}\n"
    (site / "config" / "site.yaml").write_text(jobs, encoding="utf-8")
    _, out, _ = fieldline(capsys, site, "status")
    names = {line.split()[1] for line in out.splitlines() if line.startswith("tower")}
    whole = {str(site / "files" / "b" / "met.dat"), str(site / "files" / "met.dat")}
    assert names == {*whole, "new.dat", "none/*.dat"}


def test_quality_lists_the_fields_with_something(site, capsys):
    (site / "files" / "met.dat").write_text(MET.replace(",2,20.75,", ",2,-200,"), encoding="utf-8")
    fieldline(capsys, site, "run")
    out = fieldline(capsys, site, "quality")[1]
    assert "in it" in out and "flagged then" not in out
    every = fieldline(capsys, site, "quality", "--all")[1]
    assert "RH" in every and "Temp" in every
    good = MET.replace('"NAN"', "61").splitlines()
    (site / "files" / "met.dat").write_text("\n".join(good).replace("Met", "Good") + "\n", encoding="utf-8")
    fieldline(capsys, site, "run")
    out = fieldline(capsys, site, "quality", "field", "Good")[1]
    assert "2 fields are good throughout; --all lists them too" in out and "RH" not in out
    assert "RH" in fieldline(capsys, site, "quality", "field", "Good", "--all")[1]


@pytest.mark.parametrize(
    "words",
    [
        "keys --home H add NAME --write B",
        "keys add --home H NAME --write B",
        "keys add NAME --write B --home H",
        "keys --write B add --home H NAME",
    ],
)
def test_options_may_stand_between_words(words, site, capsys):
    code, _, err = fieldline(capsys, site, *words.replace("H", str(site / "own")).split())
    assert (code, "NAME: reads nothing, writes B" in err) == (0, True), err
    assert (site / "own" / "keys.json").exists()


def test_parcels_may_be_named_behind_an_option(site, capsys):
    code, _, err = fieldline(capsys, site, "outbox", "show", "--home", site / "data", "3")
    assert code == 2 and "found the number 3" in err
