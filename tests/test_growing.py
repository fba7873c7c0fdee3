"""What may become of a logger's file between two runs: nothing is lost or invented, and what is missing is said."""

import json
import logging
import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from fieldline.cli.logs import open_log
from fieldline.errors import InputError, Unreachable
from fieldline.settings import Log
from fieldline.sinks.embedded import Embedded
from fieldline.sources import order, pieces
from fieldline.sources.memory import FileSeen, Memory
from fieldline.sources.order import after, without
from fieldline.sources.pieces import Place
from fieldline.sources.quarantine import Quarantine
from growing import PROJECT, STEP, Site, header, manager, row, rows, settled, stamp, temp, wanted


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


# growing


def test_a_line_is_read_when_it_has_its_end(site):
    whole = header() + rows(0, 3)
    site.put(whole[:-3])  # the last value is one digit short
    code, report = site.run()
    assert (code, report["written"]) == (0, 3)
    assert "has no line end yet" in site.out
    site.put(whole)
    assert site.run()[1]["written"] == 1
    assert site.stored() == wanted(0, 1, 2, 3)


def untouched(site, hours=2):
    """Nobody has written to the file for so long."""
    when = time.time() - hours * 3600
    os.utime(site.path, (when, when))


def test_a_last_line_that_nobody_ends_is_read_once_when_it_has_stood_for_an_hour(site):
    site.put(header() + rows(0, 1)[:-2])
    assert site.run()[1]["written"] == 1
    assert "or when nobody has written to the file for 1 h" in site.out
    untouched(site)
    assert site.run()[1]["written"] == 1
    assert "it was read as it stands" in site.out
    assert site.stored() == wanted(0, 1)
    assert site.run()[1]["read"] == 0
    assert site.out.startswith("nothing new") and "note" not in site.out


def test_a_file_of_one_line_without_an_end_is_read(site):
    site.put(header() + row(0)[:-2])
    untouched(site)
    assert (site.run()[0], site.stored()) == (0, wanted(0))


def test_what_was_taken_of_a_last_line_is_replaced_when_its_rest_comes(site):
    whole = header() + rows(0, 2)
    site.put(whole[:-4])  # a copy that broke off within the last value
    untouched(site)
    site.run()
    assert site.stored().keys() == wanted(0, 1, 2).keys()
    assert site.stored() != wanted(0, 1, 2)
    site.put(whole + row(3))
    code, report = site.run()
    assert (code, report["duplicates"], report["missing"], report["quarantined"]) == (0, 1, 0, 0)
    assert site.stored() == wanted(0, 1, 2, 3)


def test_a_last_line_with_too_few_fields_is_never_read(site):
    site.put(header() + rows(0, 1)[:-14])
    untouched(site)
    code, report = site.run()
    assert (code, report["read"], report["quarantined"]) == (0, 1, 0)
    assert "the last line breaks off" in site.out and "if it is a copy, copy the file again" in site.out


def test_a_header_without_its_end_is_refused_however_long_it_stands(site):
    site.put(header()[:-2])
    untouched(site)
    assert site.run()[0] == 1
    assert "the end of the file after 3 of the 4 header lines" in site.err


def test_a_run_reads_what_is_new_alone(site):
    site.put(header() + rows(0, 99))
    site.run()
    site.append(rows(100, 101))
    code, report = site.run()
    assert (code, report["read"], report["duplicates"], report["bytes"]) == (0, 2, 0, len(rows(100, 101)))
    assert site.run()[1]["bytes"] == 0
    assert site.stored() == wanted(*range(102))


def test_the_state_is_kept_durably(site):
    site.put(header() + rows(0, 1))
    site.run()
    memory = Memory(site.home / "state.db")
    assert memory.ledger._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert memory.ledger._db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    memory.close()


def test_new_rows_cost_the_same_in_a_large_file(tmp_path, monkeypatch):
    taken = []
    original = pieces._bytes

    def counted(*words):
        data = original(*words)
        taken.append(len(data))
        return data

    monkeypatch.setattr(pieces, "_bytes", counted)
    costs = []
    for count in (200, 100_000):
        path = tmp_path / f"{count}.dat"
        path.write_bytes(header() + rows(0, count - 1))
        place = Place()
        while (piece := pieces.read_piece(settled(path), place)).more or piece.data:
            place = pieces.advance(piece.place, piece.data, None, header())
        with path.open("ab") as file:
            file.write(rows(count, count + 11))
        taken.clear()
        assert pieces.read_piece(settled(path), place).data == rows(count, count + 11)
        costs.append(sum(taken) - len(rows(count, count + 11)))
    assert costs[0] == costs[1]


def test_a_run_with_nothing_new_imports_nothing_heavy(site):
    for number in range(3):
        site.put(header(table=f"Met{number}") + rows(0, 5), f"tower{number}.dat")
    site.put(header(table="New"), "header.dat")
    site.run()
    words = [sys.executable, "-X", "importtime", str(PROJECT / "driver.py"), "--config", str(site.config)]
    done = subprocess.run(words, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0
    assert not set(re.findall(r"\| +(\w+)$", done.stderr, re.MULTILINE)) & {"pandas", "numpy", "duckdb"}


def test_the_state_advances_only_after_the_rows_are_stored(tmp_path):
    class Broken(Embedded):
        def write(self, *words):
            raise Unreachable("no")

    path, memory = tmp_path / "tower.dat", Memory(tmp_path / "state.db")
    settled_file = path.write_bytes(header() + rows(0, 5)) and settled(path)
    store = Embedded(tmp_path / "store.duckdb")
    store.create("field", None)
    with pytest.raises(Unreachable):
        manager(settled_file, Broken(tmp_path / "store.duckdb"), memory).update_db()
    memory.close()
    memory = Memory(tmp_path / "state.db")
    assert memory.file(path) == FileSeen()
    assert manager(path, store, memory).update_db() == 6
    memory.close()


def test_rows_that_were_stored_before_the_power_went_are_only_repeated(tmp_path):
    path, memory = tmp_path / "tower.dat", Memory(tmp_path / "state.db")
    path.write_bytes(header() + rows(0, 5))
    store = Embedded(tmp_path / "store.duckdb")
    store.create("field", None)
    for batch in manager(settled(path), store, memory).source:
        store.write(batch.bucket, batch.measurement, batch.frame, batch.tags)  # and never done()
    assert manager(path, store, Memory(tmp_path / "state.db"), store).update_db() == 6
    assert len(store.read("field", "Met")) == 6


# replaced


@pytest.mark.parametrize("count", [3, 6, 12], ids=["smaller", "equal", "larger"])
def test_a_file_that_was_overwritten_is_noticed_whatever_its_size(site, count):
    site.put(header() + rows(0, 5))
    site.run()
    site.put(header() + rows(6, 5 + count))
    code, report = site.run()
    assert (code, report["written"], report["missing"], report["late"]) == (0, count, 0, 0)
    assert site.stored() == wanted(*range(6 + count))


def test_a_large_file_that_was_overwritten_behind_its_first_part_is_noticed(site):
    site.put(header() + rows(0, 999))
    site.run()
    site.put(header() + rows(0, 499) + rows(1000, 1499))
    code, report = site.run()
    assert (code, report["read"], report["duplicates"]) == (0, 1000, 500)
    assert site.stored() == wanted(*range(1500))


def test_a_new_header_over_the_same_rows_is_noticed(site):
    site.put(header("RH") + b"".join(row(number, 60) for number in range(500)))
    site.run()
    site.put(header("RX") + site.path.read_bytes().removeprefix(header("RH")))
    assert site.run()[1]["duplicates"] == 500
    store = Embedded(site.home / "store.duckdb")
    assert (store.read("field", "Met", fields=["RX"])["RX"] == 60).sum() == 500
    store.close()


def test_the_rest_of_a_backup_is_read_first(site):
    site.put(header() + rows(0, 5))
    site.run()
    site.append(rows(6, 9))
    site.rename("tower.dat.backup")
    site.put(header() + rows(10, 11))
    code, report = site.run()
    assert (code, report["read"], report["missing"], report["late"]) == (0, 6, 0, 0)
    assert "was renamed tower.dat.backup" in site.out
    assert site.stored() == wanted(*range(12))
    assert site.run()[1]["read"] == 0


@pytest.mark.parametrize(
    "names", [("tower.dat.backup", "tower.dat.backup1"), ("tower.dat.2.backup", "tower.dat.1.backup")]
)
def test_two_rotations_between_two_runs_lose_nothing(site, names):
    site.put(header() + rows(0, 5))
    site.run()
    site.append(rows(6, 9))
    site.rename(names[0])
    site.put(header("RH") + b"".join(row(number, 60) for number in range(10, 20)))
    site.rename(names[1])
    site.put(header() + rows(20, 21))
    code, report = site.run()
    assert (code, report["missing"]) == (0, 0)
    assert "came and went" in site.out
    assert site.stored() == wanted(*range(22))
    site.put(header() + rows(22, 22))  # the backups are not read again
    assert site.run()[1]["read"] == 1


def test_old_backups_are_left_alone(site):
    site.put(header() + rows(0, 5), "tower.dat.backup")
    site.put(header() + rows(6, 9))
    assert site.run()[1]["read"] == 4
    site.put(header() + rows(10, 11))
    assert site.run()[1]["read"] == 2
    assert site.stored() == wanted(*range(6, 12))


def test_a_backup_that_is_no_table_or_of_another_one_is_passed_over(site):
    site.put(header() + rows(0, 5))
    site.run()
    site.put(b"PK\3\4 not a table\n", "tower.dat.backup")
    site.put(b"", "tower.dat.backup2")
    site.put(header(table="Other") + rows(90, 95), "tower2.dat.backup")
    (site.folder / "tower.dat.backup3").mkdir()
    site.put(header() + rows(6, 7))
    code, report = site.run()
    assert (code, report["read"]) == (0, 2)
    assert site.out.count("is passed over") == 2
    assert site.stored() == wanted(*range(8))


def test_a_backup_that_is_held_is_waited_for(site, monkeypatch):
    site.put(header() + rows(0, 5))
    site.run()
    site.append(rows(6, 9))
    held = site.rename("tower.dat.backup")
    site.put(header() + rows(10, 11))
    monkeypatch.setattr(pieces, "_PAUSE", 0)
    with unopened(monkeypatch, held, PermissionError(13, "Permission denied")):
        code, report = site.run()
    assert (code, report["read"]) == (1, 0)
    assert site.run()[1]["read"] == 6
    assert site.stored() == wanted(*range(12))


def test_a_file_that_is_renamed_while_it_is_read_loses_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(pieces, "PIECE", 400)
    path = tmp_path / "tower.dat"
    path.write_bytes(header() + rows(0, 49))
    store = Embedded(tmp_path / "store.duckdb")
    store.create("field", None)
    source = manager(settled(path), store, Memory(tmp_path / "state.db")).source
    for number, batch in enumerate(source):
        store.write(batch.bucket, batch.measurement, batch.frame, batch.tags)
        batch.done()
        if number == 1:
            path.rename(tmp_path / "tower.dat.backup")
            path.write_bytes(header() + rows(50, 59))
            settled(path)
    assert number > 5
    found = store.read("field", "Met")["Temp"]
    assert list(found) == [temp(number) for number in range(60)]


def test_a_new_header_in_the_file_gives_each_value_its_own_name(site):
    site.put(header() + rows(0, 2))
    site.run()
    site.append(
        header("RH").replace(b'"Temp","RH"', b'"RH","Temp"') + b"".join(row(n, temp(n), value=60) for n in (3, 4))
    )
    code, report = site.run()
    assert (code, report["written"]) == (0, 2)
    assert site.stored() == wanted(*range(5))
    site.append(row(5, temp(5), value=61))
    site.run()
    assert site.stored() == wanted(*range(6))


def test_a_header_that_is_not_complete_yet_is_waited_for(site):
    site.put(header() + rows(0, 2))
    site.run()
    site.put(header()[:60] + b"\r\n")
    assert site.run()[0] == 1
    site.put(header() + rows(3, 4))
    code, report = site.run()
    assert (code, report["read"], report["missing"]) == (0, 2, 0)
    assert site.stored() == wanted(*range(5))


def test_a_file_that_is_overwritten_in_place_is_read_when_that_is_done(site):
    """Half new, half old: the line on the border is of both, and no check of a range could find it."""
    site.put(header() + rows(1000, 1099))
    site.run()
    new, old = header() + rows(2000, 2119), site.path.read_bytes()
    cut = new.index(b"2050,") + 8  # within the value of row 2050
    site.path.write_bytes(new[:cut] + old[cut:])
    begun = threading.Event()

    def finish():
        begun.wait()
        time.sleep(0.5)
        site.path.write_bytes(new)

    thread = threading.Thread(target=finish)
    thread.start()
    begun.set()
    site.run()
    assert site.stored().items() <= wanted(*range(1000, 1100), *range(2000, 2120)).items()
    thread.join()
    site.run()
    assert site.stored() == wanted(*range(1000, 1100), *range(2000, 2120))


def test_a_file_seen_first_while_it_is_overwritten_is_read_when_that_is_done(site):
    new, old = header() + rows(2000, 2119), header() + rows(1000, 1119)
    cut = new.index(b"2050,") + 8
    site.path.write_bytes(new[:cut] + old[cut:])
    thread = threading.Timer(0.1, lambda: site.path.write_bytes(new))
    thread.start()
    while not site.run()[1]["read"]:
        pass
    thread.join()
    assert site.stored() == wanted(*range(2000, 2120))


def test_space_that_is_filled_a_moment_later_is_waited_for(site):
    """A program that copies a file may make room for it first: NULs, of which some are lines in a moment."""
    site.put(header() + rows(0, 5))
    site.run()
    whole = site.path.read_bytes() + rows(6, 60)
    hole = len(whole) - 700, len(whole) - 100
    site.path.write_bytes(whole[: hole[0]] + bytes(hole[1] - hole[0]) + whole[hole[1] :])
    thread = threading.Timer(0.1, lambda: site.path.write_bytes(whole))
    thread.start()
    site.run()
    thread.join()
    site.run()
    assert not site.quarantined()
    assert site.stored() == wanted(*range(61))


def test_a_file_that_never_stands_still_is_left_to_the_next_run(site, monkeypatch):
    monkeypatch.setattr(pieces, "_PAUSE", 0)
    numbers = iter(range(0, 10_000, 10))
    original = pieces._read

    def restless(path, place):
        number = next(numbers)
        path.write_bytes(header() + rows(number, number + 9))
        return original(path, place)

    monkeypatch.setattr(pieces, "_read", restless)
    site.put(header())
    code, _ = site.run()
    assert code == 1
    assert "keep changing" in site.err


# overwritten each time


def test_a_file_that_is_new_at_each_collection_gives_all_its_rows(site):
    for first in range(0, 40, 10):
        site.put(header() + rows(first, first + 9))
        code, report = site.run()
        assert (code, report["read"], report["missing"]) == (0, 10, 0)
    assert site.stored() == wanted(*range(40))


def test_rows_that_were_overwritten_unread_are_logged_and_counted(site):
    site.put(header() + rows(0, 9))
    site.run()
    site.put(header() + rows(14, 20))
    code, report = site.run()
    assert (code, report["missing"]) == (0, 4)
    assert "records 10 to 13 are missing" in site.log()
    assert site.counts().missing == 4


def test_rows_that_were_overwritten_unread_are_counted_without_record_numbers_too(site):
    kind = header(record=False)
    site.put(kind + rows(0, 9, record=False))
    site.run()
    site.put(kind + rows(8, 12, record=False))  # the newest row of the last run is in it: no gap
    assert site.run()[1]["missing"] == 0
    site.put(kind + rows(16, 20, record=False))
    code, report = site.run()
    assert (code, report["missing"]) == (0, 3)
    assert "about 3 rows after 2026-06-25T01:00:00Z are missing" in site.log()
    site.append(rows(25, 26, record=False))  # a logger without power: nothing was overwritten
    assert site.run()[1]["missing"] == 0


def test_rows_overwritten_when_the_numbers_start_anew_are_counted_by_time(site):
    site.put(header() + rows(100, 109))
    site.run()
    site.put(header() + b"".join(row(115 + number, record=number) for number in range(5)))
    assert site.run()[1]["missing"] == 5


def test_a_bad_line_that_is_collected_again_is_set_aside_once(site):
    bad = b'"2026-06-25 00:45:00",9,63x4\r\n'
    site.put(header() + rows(0, 8) + bad)
    code, report = site.run()
    assert (code, report["quarantined"]) == (3, 1)
    for last in (12, 13, 14):
        site.put(header() + rows(5, 8) + bad + rows(10, last))
        code, report = site.run()
        assert (code, report["quarantined"]) == (0, 0)
    assert [line["text"] for line in site.quarantined()] == [bad.decode().strip()]
    site.append(bad)  # the same words in a new line: a new line
    assert site.run()[0] == 3
    assert len(site.quarantined()) == 2


def test_a_quarantine_that_was_cut_off_goes_on_in_a_new_line(tmp_path):
    from fieldline.readers.toa5 import BadRow

    path = tmp_path / "tower.Met.jsonl"
    path.write_text('{"file": "x", "li', encoding="utf-8")
    Quarantine(tmp_path).add("tower.Met", Path("x"), [BadRow(7, "no number", "63x4")])
    torn, line = path.read_text(encoding="utf-8").splitlines()
    assert torn == '{"file": "x", "li'
    assert json.loads(line)["line"] == 7


# records and clocks


def test_rows_collected_again_from_the_logger_are_counted_and_harmless(site):
    site.put(header() + rows(0, 9))
    site.run()
    site.append(rows(0, 12))
    code, report = site.run()
    assert (code, report["read"], report["duplicates"], report["missing"], report["late"]) == (0, 13, 10, 0, 0)
    assert report["set_back"] == 0
    assert site.stored() == wanted(*range(13))


def test_a_clock_set_back_is_counted_once_and_the_later_row_stands(site):
    site.put(header() + rows(0, 20))
    site.run()
    site.append(b"".join(row(9 + i, record=21 + i, value=-i) for i in range(3)))
    code, report = site.run()
    assert (code, report["set_back"], report["missing"], report["duplicates"], report["late"]) == (0, 1, 0, 0, 3)
    assert "clock was set back from 2026-06-25T01:40:00Z to 2026-06-25T00:45:00Z" in site.log()
    site.append(row(12, record=24, value=-3))  # the clock still lags: that is not news
    assert site.run()[1]["set_back"] == 0
    found = site.stored()
    assert [found[stamp(number)] for number in range(8, 14)] == [temp(8), 0, -1, -2, -3, temp(13)]
    assert site.counts().set_back == 1


def test_a_clock_set_back_within_one_collection_is_noticed_too(site):
    site.put(header() + rows(0, 5) + b"".join(row(3 + i, record=6 + i, value=-i) for i in range(3)))
    _, report = site.run()
    assert (report["set_back"], report["late"]) == (1, 2)  # the third has the stamp of the newest
    found = site.stored()
    assert [found[stamp(number)] for number in range(2, 6)] == [temp(2), 0, -1, -2]


def test_missing_records_are_counted_and_logged(site):
    site.put(header() + rows(0, 4) + rows(7, 9))
    assert site.run()[1]["missing"] == 2
    site.append(rows(11, 12))
    assert site.run()[1]["missing"] == 1
    assert "records 5 to 6 are missing" in site.log()
    assert "record 10 is missing" in site.log()


def test_records_that_come_late_are_counted(site):
    """Somebody puts rows back that were missing: the file is repaired in its middle."""
    site.put(header() + rows(0, 4) + rows(8, 9))
    assert site.run()[1]["missing"] == 3
    site.put(header() + rows(0, 9))
    _, report = site.run()
    assert (report["read"], report["duplicates"], report["late"], report["missing"]) == (10, 7, 3, 0)
    assert site.counts().late == 3
    assert site.stored() == wanted(*range(10))


def test_numbers_that_start_anew_are_no_gap(site):
    site.put(header() + rows(0, 4) + b"".join(row(5 + number, record=number) for number in range(3)))
    _, report = site.run()
    assert (report["missing"], report["set_back"], report["late"]) == (0, 0, 0)
    site.append(row(8, record=3))
    assert site.run()[1]["missing"] == 0


def test_a_repaired_file_that_is_read_in_pieces_shows_no_gap(site, monkeypatch):
    monkeypatch.setattr(pieces, "PIECE", 300)
    site.put(header() + rows(0, 29))
    site.run()
    site.put(header() + rows(0, 9) + rows(30, 49))  # rows 10 to 29 are in the store, and no longer in the file
    _, report = site.run()
    assert (report["missing"], report["late"], report["duplicates"]) == (0, 0, 10)
    assert site.stored() == wanted(*range(50))


# what can't be opened


class unopened:
    """A path that the operating system refuses to open."""

    def __init__(self, monkeypatch, path, error):
        self.patch, self.path, self.error, self.original = monkeypatch, path, error, Path.open

    def __enter__(self):
        def refuse(path, *words, **more):
            if path == self.path:
                raise self.error
            return self.original(path, *words, **more)

        self.patch.setattr(Path, "open", refuse)

    def __exit__(self, *_):
        self.patch.setattr(Path, "open", self.original)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(13, "Permission denied"), "Another program holds it"),
        (FileNotFoundError(2, "No such file"), "Was it renamed or moved just now?"),
        (IsADirectoryError(21, "Is a directory"), "a folder"),
        (OSError(40, "Too many levels of symbolic links"), "links that point at each other"),
        (OSError(5, "Input/output error"), "Is a network drive away?"),
        (OSError(100, "Network is down"), "Is a network drive away?"),
    ],
    ids=["locked", "vanished", "directory", "loop", "broken", "network"],
)
def test_a_file_that_cannot_be_opened_costs_only_itself(site, monkeypatch, error, said):
    site.put(header() + rows(0, 5))
    site.run()
    site.append(rows(6, 7))
    site.put(header(table="Other") + rows(0, 2), "zebra.dat")
    monkeypatch.setattr(pieces, "_PAUSE", 0)
    with unopened(monkeypatch, site.path, error):
        code, report = site.run()
    assert (code, report["read"]) == (1, 3)
    assert said in site.err
    assert said in site.trouble()["tower.dat"]
    code, report = site.run()  # it goes on where it was
    assert (code, report["read"]) == (0, 2)
    assert site.trouble()["tower.dat"] == ""
    assert site.stored() == wanted(*range(8))


def test_trouble_is_over_when_the_file_opens_again_without_anything_new(site, monkeypatch):
    site.put(header() + rows(0, 5))
    site.run()
    with unopened(monkeypatch, site.path, OSError(5, "Input/output error")):
        assert site.run()[0] == 1
    assert site.trouble()["tower.dat"]
    assert site.run()[0] == 0
    assert not site.trouble()["tower.dat"]


def test_folders_loops_and_broken_links_beside_a_file_cost_nothing(site):
    site.put(header() + rows(0, 5))
    (site.folder / "folder.dat").mkdir()
    (site.folder / "loop.dat").symlink_to(site.folder / "loop.dat")
    (site.folder / "gone.dat").symlink_to(site.folder / "nowhere")
    code, report = site.run()
    assert (code, report["read"]) == (0, 6)


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to(path)], ids=["folder", "loop"])
def test_a_folder_or_a_loop_is_named_as_such(tmp_path, make):
    make(tmp_path / "x.dat")
    with pytest.raises(InputError, match=r"a folder|links that point at each other"):
        pieces.read_piece(tmp_path / "x.dat", Place())


# the state itself


def test_a_damaged_state_is_set_aside_and_costs_only_time(site):
    site.put(header() + rows(0, 30))
    site.run()
    data = (site.home / "state.db").read_bytes()
    told = 0
    for number, damage in enumerate(damages(data)):
        (site.home / "state.db").write_bytes(damage)
        code, _ = site.run()
        assert code == 0, site.err
        kept = list(site.home.glob("state.db.corrupt-*"))
        if kept:
            told += 1
            assert "was set aside as" in site.log()
            for path in kept:
                path.unlink()
        assert site.stored() == wanted(*range(31))
        site.append(b"")
        assert number < 400
    assert told > 25


def damages(data):
    """The database cut off at some places, and with one bit wrong at many; most of them within what is used."""
    yield from (data[:size] for size in (0, 1, 15, 16, 99, 100, 1000, 4095, 4096, 5000, len(data) // 2, len(data) - 1))
    used = [place for place in range(0, len(data), 16) if any(data[place : place + 16])]
    for place in used[:: max(1, len(used) // 30)]:
        yield data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :]
    yield b"this is no database at all" * 100


def test_a_flipped_bit_in_what_is_remembered_never_names_another_column(tmp_path):
    memory = Memory(tmp_path / "state.db")
    seen = memory.file(tmp_path / "x.dat")
    seen.place = Place(header(), 500, header(), 9, None, header())
    memory.save(tmp_path / "x.dat", seen)
    memory.close()
    with sqlite3.connect(tmp_path / "state.db") as db:
        db.execute("UPDATE files SET lines = replace(CAST(lines AS TEXT), 'Temp', 'Temq')")
    db.close()
    assert not Memory(tmp_path / "state.db").files
    assert list(tmp_path.glob("state.db.corrupt-*"))


def test_a_damaged_state_is_not_touched_by_one_who_only_looks(tmp_path):
    (tmp_path / "state.db").write_bytes(b"this is no database at all" * 100)
    assert Memory(tmp_path / "state.db", frozen=True).note("began") is None
    assert [path.name for path in tmp_path.iterdir()] == ["state.db"]


def test_a_full_disk_costs_only_a_repeat(tmp_path):
    path, memory = tmp_path / "tower.dat", Memory(tmp_path / "state.db")
    path.write_bytes(header() + rows(0, 2000))
    store = Embedded(tmp_path / "store.duckdb")
    store.create("field", None)
    (pages,) = memory.ledger._db.execute("PRAGMA page_count").fetchone()
    memory.ledger._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Unreachable, match="Free disk space"):
        manager(settled(path), store, memory).update_db()
    memory.close()
    memory = Memory(tmp_path / "state.db")
    assert memory.file(path) == FileSeen()
    assert manager(path, store, memory).update_db() == 2001
    memory.close()
    assert len(store.read("field", "Met")) == 2001


# runs


def test_a_run_that_took_too_long_or_broke_off_is_reported_by_the_next(site):
    site.put(header() + rows(0, 1))
    site.run()
    began = datetime.now(UTC) - timedelta(hours=2)
    for ended, said in ((began + timedelta(minutes=7), "took 7.0 min"), (began - STEP, "did not come to its end")):
        memory = Memory(site.home / "state.db")
        memory.keep_notes(began=began.isoformat(timespec="seconds"), ended=ended.isoformat(timespec="seconds"))
        memory.close()
        site.run()
        assert said in site.log()


def test_a_log_that_is_rotated_while_another_process_writes_to_it_loses_no_line(tmp_path):
    words = "import sys; from pathlib import Path; from fieldline.cli.logs import append_line\n"
    words += "for i in range(2000): append_line(Path(sys.argv[1]), f'other {i} end')"
    other = subprocess.Popen(
        [sys.executable, "-c", words, str(tmp_path)], env={**os.environ, "PYTHONPATH": str(PROJECT / "src")}
    )
    log, count = logging.getLogger("fieldline.test"), 0
    with open_log(tmp_path, Log(megabytes=1, keep=50)):
        while other.poll() is None or count < 30_000:
            log.info("mine %d %s end", count, "x" * 60)
            count += 1
    assert other.returncode == 0
    logs = sorted((tmp_path / "logs").iterdir())
    assert len(logs) > 2
    lines = [line for path in logs for line in path.read_text(encoding="utf-8").splitlines()]
    assert all(line.endswith(" end") for line in lines)
    assert sum(" other " in line for line in lines) == 2000
    assert sum(" mine " in line for line in lines) == count


def test_holes_are_told_by_stamps_where_an_interval_is_declared():
    minute = 60 * 10**9
    times = np.array([0, 1, 2, 6, 7, 7, 9]) * minute
    assert order.holes(times, None, minute) == ((2 * minute, 6 * minute, 3), (7 * minute, 9 * minute, 1))
    assert order.holes(times[3:], 5 * minute, minute) == ((7 * minute, 9 * minute, 1),)
    assert order.holes(times[:3], 9 * minute, minute) == ()  # late rows fill holes


@pytest.mark.parametrize(
    ("missing", "aside", "left"),
    [
        (((3, 3),), {3}, ()),
        (((3, 7),), {5}, ((3, 4), (6, 7))),
        (((3, 7),), {3, 7, 99}, ((4, 6),)),
        (((3, 4), (9, 9)), {4, 9}, ((3, 3),)),
        (((2**32 - 1, 1),), {0}, ((2**32 - 1, 2**32 - 1), (1, 1))),
        (((3, 4),), set(), ((3, 4),)),
    ],
)
def test_a_record_that_was_set_aside_is_not_missing(missing, aside, left):
    assert without(missing, aside) == left


@pytest.mark.parametrize(
    ("minutes", "records", "before", "found"),
    [
        ([0, 1, 3], [0, 1, 3], (None, None, None), 60),  # a row was set aside
        ([0, 1, 3], None, (None, None, None), 90),
        ([0, 1, 2, 10, 11], [7, 8, 9, 17, 18], (None, None, None), 60),
        ([5, 6, 8], [5, 6, 8], (3, 3, None), 60),
        ([5, 6, 8], [0, 1, 3], (4, 900, None), 60),  # the numbers began anew
        ([5], [5], (3, 3, 60), 60),
        ([0, 60, 120, 180], [0, 1, 2, 3], (None, None, None), 3600),
    ],
)
def test_the_interval_is_that_of_records_not_of_the_rows_that_could_be_read(minutes, records, before, found):
    second, newest = 10**9, None if before[0] is None else before[0] * 60 * 10**9
    known = order.Before(newest, newest, before[1], before[2] and before[2] * second)
    numbers = None if records is None else np.array(records)
    assert order.interval(np.array(minutes) * 60 * second, numbers, known) == found * second


def test_the_next_record_follows_those_that_were_set_aside():
    assert after(7, {8, 9, 11}) == 9
    assert after(2**32 - 1, {0}) == 0
    assert after(None, {1}) is None
