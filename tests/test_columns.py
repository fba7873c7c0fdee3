"""What a column holds, by its header, whatever row comes first; and what is said of one that is gone or new."""

import numpy as np
import pandas as pd
import pytest

from fieldline.quality.variables import is_measured
from fieldline.readers.header import parse
from fieldline.sinks.embedded import Embedded
from fieldline.sources import columns
from fieldline.tables import Layout
from growing import Site


def head(names, units, words):
    lines = (["TOA5", "roof", "CR6", "1", "OS", "CPU:roof.CR6", "2", "Met"], names, units, words)
    return "".join(",".join(f'"{word}"' for word in line) + "\r\n" for line in lines).encode()


HEAD = head(["TIMESTAMP", "RECORD", "RH", "Note"], ["TS", "RN", "%", ""], ["", "", "Smp", "Smp"])
WORDS = b'"2026-06-25 10:00:00",0,"ERR","a"\r\n"2026-06-25 10:01:00",1,"ERR","b"\r\n'
NUMBERS = (
    b'"2026-06-25 10:02:00",2,62.5,"c"\r\n"2026-06-25 10:03:00",3,62.6,"d"\r\n"2026-06-25 10:04:00",4,62.7,"e"\r\n'
)


def kept(site):
    """What the store has, and the lines set aside with their reasons."""
    store = Embedded(site.home / "store.duckdb")
    try:
        frame = store.read("field", "Met") if "Met" in store.measurements("field") else pd.DataFrame()
    finally:
        store.close()
    aside = (site.home / "quarantine" / "roof.Met.jsonl").read_text(encoding="utf-8").splitlines()
    return frame, [line.split('"reason": ')[1] for line in aside]


@pytest.mark.parametrize("parts", [[WORDS + NUMBERS], [WORDS, NUMBERS], [WORDS[:36], WORDS[36:] + NUMBERS]])
def test_a_measured_column_is_a_number_whatever_came_first(tmp_path, parts):
    site, codes = Site(tmp_path / "tower"), []
    site.put(HEAD)
    for part in parts:
        site.append(part)
        codes.append(site.run()[0])
    frame, reasons = kept(site)
    assert codes[0] == 3
    assert frame["RH"].to_list() == [62.5, 62.6, 62.7]
    assert frame["RH_qc"].to_list() == [1, 1, 1]
    assert len(reasons) == 2
    assert all("column 3 (RH): found 'ERR', expected a number" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("name", "unit", "word", "measured"),
    [
        ("x", "", "Avg", True),
        ("WS_ms_S_WVT", "", "WVc", True),
        ("x", "%", "Smp", True),
        ("Batt", "Volts", "Smp", True),
        ("TA_1_1_1", "", "Smp", True),
        ("Gate", "", "Smp", False),
        ("Gate", "1", "Smp", False),
        ("AirTC_TMx", "Deg C", "TMx", False),
        ("DO", "", "Smp", False),
    ],
)
def test_what_a_header_says_is_measured(name, unit, word, measured):
    assert is_measured(name, unit, word) is measured


def test_a_column_that_is_taken_for_text_is_told_once_with_what_came(tmp_path):
    site = Site(tmp_path / "tower")
    site.put(HEAD + NUMBERS)
    site.run()
    assert "Met: column Note is kept as text, since 'c' came first" in site.out
    site.append(b'"2026-06-25 10:05:00",5,62.5,"f"\r\n')
    site.run()
    assert "kept as text" not in site.out


def test_a_store_that_has_another_kind_is_told_in_each_run_and_nothing_is_lost(tmp_path):
    site = Site(tmp_path / "tower")
    site.put(HEAD + NUMBERS)
    site.home.mkdir()
    store = Embedded(site.home / "store.duckdb")
    store.create("field", None)
    old = pd.DataFrame({"RH": ["ERR"], "station": ["roof"], "serial": ["1"]})
    old.index = pd.DatetimeIndex(["2026-01-01"], tz="UTC", name="time")
    store.write("field", "Met", old, ("station", "serial"))
    store.close()
    for number in (5, 6):
        code, _ = site.run()
        assert code == 0
        assert "Met: RH should be a number by the header, but the store has kept it as text" in site.out
        site.append(f'"2026-06-25 10:0{number}:00",{number},62.5,"f"\r\n'.encode())
    store = Embedded(site.home / "store.duckdb")
    assert store.read("field", "Met")["RH"].to_list() == ["ERR", "62.5", "62.6", "62.7", "62.5"]
    store.close()


def renamed(names):
    return head(["TIMESTAMP", "RECORD", *names], ["TS", "RN", *[""] * len(names)], ["", "", *["Smp"] * len(names)])


def test_a_column_renamed_in_a_table_that_nobody_declared_is_told_once(tmp_path):
    site = Site(tmp_path / "tower")
    site.put(renamed(["Temp", "RH"]) + b'"2026-06-25 10:00:00",0,1.5,60\r\n')
    site.run()
    assert "gone" not in site.out
    site.put(renamed(["Temp", "RH_Avg"]) + b'"2026-06-25 10:01:00",1,1.5,61\r\n')
    site.run()
    assert "Met: column RH is gone, column RH_Avg is new; the store keeps both. Was it renamed?" in site.out
    site.append(b'"2026-06-25 10:02:00",2,1.5,61\r\n')
    site.run()
    assert "gone" not in site.out


def layout(**more):
    return Layout("Par", "b", "m", "+00:00", None, (), {}, **more)


def test_a_column_that_a_class_misses_is_told_beside_those_it_does_not_name():
    said = list(columns.absent(layout(absent=("Diffuse_PPFD",), undeclared=("DiffPPFD",)), ["PPFD", "DiffPPFD"]))
    assert said == [
        "Par: no column Diffuse_PPFD in the file (not declared: DiffPPFD; was one renamed?); the rest is read"
    ]
    assert not list(columns.absent(layout(), ["PPFD"]))


def test_one_column_more_is_told_without_a_question():
    assert list(columns.changed(layout(), ["A"], ["A", "B"])) == ["Par: column B is new"]
    assert list(columns.changed(layout(), ["A", "B"], ["A"])) == ["Par: column B is gone"]
    assert not list(columns.changed(layout(), [], ["A"]))
    assert not list(columns.changed(layout(absent=("B",)), ["A", "B"], ["A"]))


def test_a_guess_names_no_value_where_none_came():
    rows = pd.DataFrame({name: np.array([None, None], dtype=object) for name in ("X", "X_TMx")})
    top = parse(head(["TIMESTAMP", "X", "X_TMx"], [""] * 3, ["", "Smp", "TMx"]).splitlines(keepends=True), "file")
    (said,) = columns.guessed(layout(), {}, {"X": "text", "X_TMx": "text"}, top, rows)
    assert said.startswith("Par: column X is kept as text; ")
