"""Whatever the bytes are, the reader gives rows, rows set aside, or an InputError; and never a wrong value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldline.errors import InputError
from fieldline.readers import stamps, toa5

HEADER = (
    b'"TOA5","tower","CR6","8321","CR6.Std.12","CPU:tower.CR6","31415","Met"\r\n'
    b'"TIMESTAMP","RECORD","Temp","RH","Note"\r\n"TS","RN","Deg C","%",""\r\n"","","Avg","Smp","Smp"\r\n'
)
ROW = b'"2026-06-25 10:50:00",1,20.5,60,"ok"\r\n'
PIECES = st.sampled_from(
    [
        ROW,
        HEADER,
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b'"',
        b",",
        b"NAN",
        b'"TOA5"',
        b"TOA5,",
        b"\xb0",
        b"\xff",
        b"1",
        b"2026-06-25 24:00:00",
    ]
)
ALMOST = st.lists(st.one_of(PIECES, st.binary(max_size=8)), max_size=40).map(b"".join)


def read(data):
    data = data[: data.rfind(b"\n") + 1]
    return [toa5.rows(block) for block in toa5.split(data, None, "x.dat")]


@given(st.binary(max_size=400))
def test_any_bytes_raise_only_our_errors(data):
    try:
        read(data)
    except InputError as error:
        assert str(error).startswith("x.dat:")


@given(ALMOST)
def test_almost_a_table_raises_only_our_errors(data):
    try:
        parts = read(HEADER + data)
    except InputError as error:
        assert str(error).startswith("x.dat:")
    else:
        for part in parts:
            assert part.frame.index.is_monotonic_increasing or len(part.frame) > 1


@given(ALMOST, st.integers(0, 3))
def test_a_bad_line_costs_only_itself(rubbish, before):
    line = rubbish.replace(b"\n", b"").replace(b"TOA5", b"") + b"\n"
    part = read(HEADER + ROW * before + line + ROW * 3)[-1]
    assert before + 3 <= len(part.frame) <= before + 4
    assert (part.frame["Temp"].iloc[-3:] == 20.5).all()


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_read_to_its_last_digit(value):
    row = ROW.replace(b"20.5", repr(value).encode())
    assert read(HEADER + row)[0].frame["Temp"].tolist() == [value]
    assert read(HEADER + row.replace(b'"ok"', b'"a, b"'))[0].frame["Temp"].tolist() == [value]  # read alone


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("6/25/2026 10:50", "2026-06-25T10:50:00"),
        ("12/31/2026 12:00 AM", "2026-12-31T00:00:00"),
        ("12/31/2026 12:30:05 pm", "2026-12-31T12:30:05"),
        ("25/6/2026 10:50", None),
        ("2/30/2026 10:50", None),
        ("1/1/2026 13:00 PM", None),
        ("", None),
    ],
)
def test_a_spreadsheet_stamp(text, wanted):
    import numpy as np

    got = stamps.spreadsheet(text)
    assert got == (wanted and int(np.datetime64(wanted, "ns").astype("int64")))


def test_kinds_that_are_known_are_kept():
    part = toa5.rows(next(toa5.split(HEADER + ROW.replace(b'"ok"', b"12"), None, "x")), {"Note": "text"})
    assert part.frame["Note"].tolist() == ["12"]


def test_a_word_that_means_missing_can_be_declared():
    part = toa5.rows(
        next(toa5.split(HEADER + ROW.replace(b"20.5", b"broken"), None, "x")), {"Temp": "number"}, ["broken"]
    )
    assert part.bad == ()
    assert part.frame["Temp"].isna().all()
