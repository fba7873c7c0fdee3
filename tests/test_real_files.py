"""Every TOA5 file that was collected from public loggers is read as the csv module and float() read it."""

import csv
import math
import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from fieldline.errors import InputError
from fieldline.readers import toa5

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "loggers"
FILES = sorted(p for p in FOLDER.glob("*/*") if b"TOA5" in p.read_bytes()[:12])
BAD = {f"TestLogger_Hourly_Bad{number}.dat" for number in ("02", "08", "09", "10", "11", "12")}

pytestmark = pytest.mark.skipif(
    not FILES and "CI" not in os.environ, reason="the collection of real logger files is not beside the project"
)


def whole_lines(path):
    data = path.read_bytes()
    return data[: data.rfind(b"\n") + 1]


def reference(data):
    """Rows as a script would read them: one dictionary of texts a row."""
    lines = list(csv.reader(data.decode("utf-8").splitlines()))
    return [dict(zip(lines[1], line, strict=False)) for line in lines[4:] if line]


def stamp(text):
    """A stamp as whole microseconds (no real file is finer)."""
    if "/" in text:
        return datetime.strptime(text, "%m/%d/%Y %H:%M")
    whole, _, fraction = text.partition(".")
    time = datetime.strptime(whole, "%Y-%m-%d %H:%M:%S")
    return time + timedelta(microseconds=int(fraction.ljust(6, "0")) if fraction else 0)


def same(value, text):
    """Whether a value read is what its text says."""
    if text.strip().upper().lstrip("+-") in ("", "NAN", "INF", "NA"):
        return value is None or value != value
    try:
        return value == float(text)
    except ValueError:
        return str(value) == text


def test_the_collection_is_there():
    assert len(FILES) > 50


@pytest.mark.parametrize("path", [path for path in FILES if path.name not in BAD], ids=lambda path: path.name)
def test_every_row_and_value_is_right(path):
    data = whole_lines(path)
    blocks = list(toa5.split(data, None, path.name))
    got = [toa5.rows(block) for block in blocks]
    wanted = reference(data)

    assert sum(len(rows.bad) for rows in got) == 0
    assert sum(len(rows.frame) for rows in got) == len(wanted)
    if wanted:
        frame = got[0].frame
        assert [time.to_pydatetime() for time in frame.index] == [stamp(row["TIMESTAMP"]) for row in wanted]
        for name in frame:
            for value, row in zip(frame[name].tolist(), wanted, strict=True):
                assert same(value, row[name]), (name, value, row[name])
        absent = set(wanted[0]) - set(frame) - {"TIMESTAMP", ""}
        assert all(same(math.nan, row[name]) for name in absent for row in wanted)


@pytest.mark.parametrize("path", [path for path in FILES if path.name in BAD], ids=lambda path: path.name)
def test_a_bad_header_is_told_with_its_place(path):
    with pytest.raises(InputError) as error:
        list(toa5.split(path.read_bytes(), None, path.name))
    assert str(error.value).startswith(f"{path.name}:")
    assert "expected" in str(error.value)
