"""Lines of the line protocol: a real influxd reads back what was written, value for value, and so do we."""

import json
import math
import subprocess
import sys
import urllib.parse
from dataclasses import replace
from decimal import Decimal
from itertools import count

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fieldline import lineprotocol
from fieldline.errors import Rejected
from fieldline.lineprotocol import numerals, rows, scatter
from fieldline.points import points
from servers import ServerError, fetch

NOON = 1_700_000_000 * 10**9
UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_numbers = count()


def batch(columns, tags=(), times=None):
    """Points of some columns, one second apart."""
    size = len(next(iter(columns.values())))
    times = [NOON + n * 10**9 for n in range(size)] if times is None else times
    return points(pd.DataFrame(columns, index=pd.DatetimeIndex(np.array(times, "M8[ns]"), tz="UTC")), tuple(tags))


def plain(value):
    """A value of a frame as Python has it; None for a gap."""
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    return value.item() if isinstance(value, np.generic) else value


def content(frame, tags, kinds=None):
    """The points of a frame in its order: time, tags that are not empty, fields that are there."""
    found = []
    for time, (_, row) in zip(frame.index.asi8, frame.astype(object).iterrows(), strict=True):
        values = {name: plain(value) for name, value in row.items()}
        there = {name: value for name, value in values.items() if name not in tags and value is not None}
        found.append((int(time), {name: values[name] for name in tags if values[name]}, there))
    return found


def ordered(found):
    """Points in an order that does not depend on who tells them."""
    return sorted(found, key=lambda point: (point[0], sorted(point[1].items())))


def quoted(name):
    """A name as InfluxQL has it."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def stored(influxd, database, measurement, floats=()):
    """The points of a measurement, as influxd tells them; JSON has no floats, so they must be named."""
    found = []
    for series in influxd.query(f"SELECT * FROM {quoted(measurement)} GROUP BY *", database):  # noqa: S608
        assert series["name"] == measurement
        tags = {name: value for name, value in series.get("tags", {}).items() if value}
        for time, *values in series["values"]:
            pairs = zip(series["columns"][1:], values, strict=True)
            there = {name: value for name, value in pairs if value is not None}
            found.append((time, tags, {n: float(v) if n in floats else v for n, v in there.items()}))
    return ordered(found)


def both_read_back(influxd, database, measurement, given_points, precision="ns"):
    """Write points to influxd, and read them from it and from the lines: each time what was given."""
    text = lineprotocol.encode(measurement, given_points, precision)
    influxd.write(database, text, precision)
    expected = content(given_points.frame, given_points.tags)
    floats = {name for name, kind in given_points.kinds.items() if kind == "number"}
    assert stored(influxd, database, measurement, floats) == ordered(expected)
    frame, tags = lineprotocol.frame(text, precision, measurement)
    assert content(frame, tags) == expected
    kept = {"number": "float64", "integer": "Int64", "boolean": "boolean", "text": ("object", "str")}
    assert all(str(frame[name].dtype) in kept[given_points.kinds[name]] for name in frame if name not in tags)


# ---- names and strings, case by case

NAMES = {
    "plain": "T",
    "space": "a b",
    "spaces at the ends": " a ",
    "comma": "a,b",
    "equals": "a=b",
    "all that is escaped": ",= ,=",
    "comma only": ",",
    "quote": 'a"b',
    "quotes around": '"a b"',
    "one quote at the start": '"a',
    "single quote": "a'b",
    "backslash inside": "a\\b",
    "backslash at the start": "\\a",
    "backslash n": "a\\nb",
    "number sign inside": "a#b",
    "slash": "m s-1/K",
    "unicode": "Süd µmol m⁻² s⁻¹ ☃ 😀",
    "no-break space": "\u00a0a\u00a0",
    "line separator": "a\u2028b",
    "byte order mark": "\ufeffa",
    "delete": "a\x7fb",
    "words of the format": "true",
    "a number": "12i",
    "underscore": "_field",
    "Time": "Time",
}
STRINGS = {
    **NAMES,
    "empty": "",
    "number sign": "#a",
    "backslash at the end": "a\\",
    "two backslashes at the end": "a\\\\",
    "only a backslash": "\\",
    "only a quote": '"',
    "backslash and quote": '\\"',
    "backslash and comma": "a\\,b",
    "line feed": "a\nb",
    "a line inside": 'a\nm v=1 1\n"',
    "line feed at the end": "a\n",
    "backslash and line feed": "a\\\nb",
    "carriage return and line feed": "a\r\nb",
    "tab": "\ta\t",
    "NUL": "\0a\0",
    "time": "time",
    "long": 'x,= "\\' * 20_000,
}
NUMBER_SIGN = {"number sign": "#a"}  # nothing special but at the start of a measurement


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_any_measurement_is_read_back(influxd, database, name):
    both_read_back(influxd, database, name, batch({"v": [1.5], "station": ["a"]}, ["station"]))


@pytest.mark.parametrize("name", (NAMES | NUMBER_SIGN).values(), ids=NAMES | NUMBER_SIGN)
def test_any_tag_is_read_back(influxd, database, name):
    both_read_back(influxd, database, "m", batch({"v": [1.5], name: ["a"], "zz": ["b"]}, [name, "zz"]))


@pytest.mark.parametrize("value", (NAMES | NUMBER_SIGN).values(), ids=NAMES | NUMBER_SIGN)
def test_any_tag_value_is_read_back(influxd, database, value):
    both_read_back(influxd, database, "m", batch({"v": [1.5, 2.5], "t": [value, "b"]}, ["t"]))


@pytest.mark.parametrize("name", (NAMES | NUMBER_SIGN).values(), ids=NAMES | NUMBER_SIGN)
@pytest.mark.parametrize("value", [1.5, 'x "y",z=1 ', True, 7], ids=str)
def test_any_field_is_read_back(influxd, database, name, value):
    both_read_back(influxd, database, "m", batch({name: [value], "zz": ["a b,c=d"]}))


@pytest.mark.parametrize("value", STRINGS.values(), ids=STRINGS)
def test_any_string_is_read_back(influxd, database, value):
    both_read_back(influxd, database, "m", batch({"v": [value, "b", None], "w": [1.5, None, 2.5]}))


REFUSED_NAMES = {
    "nothing": ("", "found nothing"),
    "backslash at the end": ("a\\", "backslash at the end"),
    "backslash before a comma": ("a\\,b", "backslash before ','"),
    "backslash before a space": ("a\\ b", "backslash before ' '"),
    "backslash before equals": ("a\\=b", "backslash before '='"),
    "backslash before a quote": ('a\\"b', "backslash before '\"'"),
    "two backslashes": ("a\\\\b", "backslash before '\\\\'"),
    "line feed": ("a\nb", "control character '\\n'"),
    "carriage return": ("a\r", "control character '\\r'"),
    "tab": ("\ta", "control character '\\t'"),
    "NUL": ("\0a", "control character '\\x00'"),
}
HALF = {"half a character": ("a\udcff", "half a character")}


def refusal(measurement, given_points):
    """The message of a refusal; it has the place, what is wrong, what is right, and what to do."""
    with pytest.raises(Rejected) as error:
        lineprotocol.encode(measurement, given_points)
    message = str(error.value)
    assert "expected" in message
    assert "\n  " in message
    message.encode()
    return message


@pytest.mark.parametrize(
    ("name", "found"),
    (REFUSED_NAMES | HALF | {"number sign": ("#a", "a # at its start")}).values(),
    ids=[*REFUSED_NAMES, *HALF, "number sign"],
)
def test_a_measurement_that_would_be_misread_is_refused(name, found):
    message = refusal(name, batch({"v": [1.5]}))
    assert message.startswith(f"measurement {name!r}: ")
    assert found in message


TIME = {"time": ("time", "the name that InfluxDB keeps for the time")}


@pytest.mark.parametrize(("name", "found"), (REFUSED_NAMES | TIME).values(), ids=REFUSED_NAMES | TIME)
@pytest.mark.parametrize("role", ["tag", "field"])
def test_a_tag_or_field_that_would_be_misread_is_refused(name, found, role):
    message = refusal("m", batch({"v": [1.5], name: ["a"]}, [name] if role == "tag" else []))
    assert message.startswith(f"measurement 'm', {role}, {name!r}: ")
    assert found in message


@pytest.mark.parametrize(
    ("value", "found"), [pair for name, pair in (REFUSED_NAMES | HALF).items() if name != "nothing"]
)
def test_a_tag_value_that_would_be_misread_is_refused(value, found):
    message = refusal("m", batch({"v": [1.5, 2.5], "t": ["a", value]}, ["t"]))
    assert message.startswith("measurement 'm', tag 't': ")
    assert found in message


def test_a_string_with_half_a_character_is_refused():
    assert "field 'v': found 'a\\udcff' with half a character" in refusal("m", batch({"v": ["a\udcff", "b"]}))


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        (b"m,t=a\\ v=1.5 1", ("m", {"t": "a\\"}, {"v": 1.5})),
        (b"m,t\\=a v=1.5 1", ("m", {"t\\": "a"}, {"v": 1.5})),
        (b"m v\\=1.5 1", ("m", {}, {"v\\": 1.5})),
        (b"m\\ v=1.5 1", ("m\\", {}, {"v": 1.5})),
        (b"m\\\\,a v=1.5 1", ("m\\,a", {}, {"v": 1.5})),
        (b"m\\\\ a v=1.5 1", ("m\\ a", {}, {"v": 1.5})),
        (b"m a\\\\,b=1.5 1", ("m", {}, {"a\\,b": 1.5})),
        (b"m a\\\\ b=1.5 1", ("m", {}, {"a\\ b": 1.5})),
        (b"m a\\\\=b=1.5 1", ("m", {}, {"a\\=b": 1.5})),
        (b'm a\\"b=1.5 1', ("m", {}, {'a\\"b': 1.5})),
        (b'm\\"b v=1.5 1', ('m\\"b', {}, {"v": 1.5})),
        (b"m,t=a\nb v=1.5 1", ("m", {"t": "a\nb"}, {"v": 1.5})),
        (b"m,t=a\\\nb v=1.5 1", ("m", {"t": "a\nb"}, {"v": 1.5})),
        (b"m \tv=1.5 1", ("m", {}, {"\tv": 1.5})),
        (b"m \0v=1.5 1", ("m", {}, {"\0v": 1.5})),
        (b"\tm v=1.5 1", ("\tm", {}, {"v": 1.5})),
        (b"#m v=1.5 1", ("#m", {}, {"v": 1.5})),
        (b"\\#m v=1.5 1", ("#m", {}, {"v": 1.5})),
        (b"m,t= v=1.5 1", ("m", {"t": ""}, {"v": 1.5})),
        (b"m,=a v=1.5 1", ("m", {"": "a"}, {"v": 1.5})),
        (b"m =1.5 1", ("m", {}, {"": 1.5})),
        (b" v=1.5 1", ("", {}, {"v": 1.5})),
        (b"m time=1.5,v=2.5 1", ("m", {}, {"time": 1.5, "v": 2.5})),
        (b"m,time=a v=1.5 1", ("m", {"time": "a"}, {"v": 1.5})),
        (b"m v=inf 1", ("m", {}, {"v": math.inf})),
    ],
    ids=repr,
)
def test_what_is_refused_here_is_misread_or_refused_there(influxd, database, line, meant):
    """Why names.py refuses: no line gets these through. It also says when a newer server has learned to read them."""
    name, tags, fields = meant
    try:
        influxd.write(database, line + b"\n")
        found = stored(influxd, database, name)
    except ServerError:
        return
    assert found != [(1, tags, fields)]


# ---- numbers

FLOATS = [
    *(0.0, -0.0, 1.0, -1.0, 0.1, -0.1, 0.5, 1 / 3, -2 / 3, 20.15, -7.15, 601.2, 0.03412, 1013.25, 7999.0, -7999.0),
    *(0.001, 0.0005, 0.0001, 1e-5, 1.234e-5, 1e-7, 1e-11, 1e-12, 123.4567891, 0.00000001234, -0.0625, 99.9995),
    *(999.0, 999.999, 1000.0, 1000.001, 9999.0, 10_000.0, 10_000_000.0, 10_000_001.5, 123456789.123, -999_999.999),
    *(2.0**31, 2.0**31 - 1, 2_147_483.647, 2_147_483.648, 2.0**53, 2.0**53 + 2, 1e15, 1e15 - 0.5, 999999999999.999),
    *(1e16, 1e21, 1e22, 1e23, 1.5e300, -1e300, sys.float_info.max, -sys.float_info.max, sys.float_info.min),
    *(5e-324, -5e-324, 2.2250738585072014e-308, -2.2250738585072014e-308, 4.35, 0.285, 1.1, 2.675, 1.005),
]
INTEGERS = [0, 1, -1, 9, 10, 99, 100, 999, 1000, 9999, 10_000, -10_000, 9_999_999, 10_000_000, 10_000_001, 2**31 - 1]
INTEGERS += [2**31, -(2**31), 123_000_456, 10**11 + 1, 10**15, -(10**15) - 7, 2**63 - 1, -(2**63), -(2**63) + 1]


def written(values):
    """What stands for each value of one column."""
    lines = lineprotocol.encode("m", batch({"v": values})).splitlines()
    return [line.split(b" ")[1].removeprefix(b"v=").decode() for line in lines]


def as_short_as_can_be(text, value):
    """Whether `text` has the digits of the shortest number that is read back as `value`, sign of zero included."""
    same = float(text) == value and math.copysign(1, float(text)) == math.copysign(1, value)
    return same and Decimal(text) == Decimal(repr(value))


@pytest.mark.parametrize("value", FLOATS, ids=repr)
def test_a_float_is_the_shortest_that_is_read_back(value):
    (text,) = written([value])
    assert as_short_as_can_be(text, value)


def test_floats_beside_each_other_are_the_shortest_that_are_read_back():
    assert all(map(as_short_as_can_be, written(FLOATS), FLOATS))


@given(st.integers(0, 12), st.lists(st.integers(-(10**16), 10**16), min_size=1, max_size=50))
def test_decimals_are_written_as_they_were_read(places, wholes):
    values = [float(f"{whole}e-{places}") for whole in wholes]
    assert all(map(as_short_as_can_be, written(values), values))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
def test_any_floats_are_the_shortest_that_are_read_back(values):
    assert all(map(as_short_as_can_be, written(values), values))


def long_table(rows_, gaps, near, dice):
    """Columns that are written as long numbers: of 1 to 24 bytes, `near` 0 and 1 or of any size, with gaps anywhere."""
    sizes = 10.0 ** (dice.integers(-2, 3, (rows_, 4)) if near else dice.integers(-300, 300, (rows_, 4)))
    floats = dice.normal(0, 1, (rows_, 4)) * sizes
    floats[dice.random((rows_, 4)) < 0.2] = 0.5  # three bytes beside twenty
    floats[dice.random((rows_, 4)) < gaps] = np.nan
    floats[0] = 1 / 3
    columns = {"a": floats[:, 0], "whole": pd.array(dice.integers(-(2**63), 2**63 - 1, rows_), dtype="Int64")}
    columns["whole"][dice.random(rows_) < gaps] = pd.NA
    columns |= {"b" * 30: floats[:, 1], "true": dice.random(rows_) < 0.5, "c": floats[:, 2], "d": floats[:, 3]}
    return batch(columns | {"station": "46m"}, ["station"], [10**18 + 10**9 * row for row in range(rows_)])


@pytest.mark.parametrize("near", [True, False])
@pytest.mark.parametrize("gaps", [0, 0.1, 0.9])
@pytest.mark.parametrize("measurement", ["m", "a measurement with a long name"])
def test_long_numbers_are_written_in_both_ways_alike(gaps, near, measurement):
    scattered = 0
    for seed in range(30):
        given_points = long_table(1 + seed * 7, gaps, near, np.random.default_rng(seed))
        table = rows._table(measurement, given_points, "s")
        count = len(given_points.frame)
        by_blocks = rows._block(table, 0, count)
        assert table.long()
        assert lineprotocol.encode(measurement, given_points, "s") == by_blocks
        numbers = [column.numbers for column in table.fields]
        head = table.start + b",station=46m"
        text = scatter.lines(head, numbers, table.ticks)
        assert text is None or text.tobytes() == by_blocks
        scattered += text is not None
    assert scattered == 30


def test_a_short_number_before_a_short_end_is_not_written_over_the_next_line():
    values = [-1 / 3, 0.5, -1e-300 / 3] * 3
    given_points = batch({"v": values}, times=[10**9 * second for second in range(1, 10)])
    table = rows._table("m", given_points, "s")
    assert table.long()
    assert scatter.lines(b"m", [table.fields[0].numbers], table.ticks) is None
    assert written(values) == list(map(repr, values))
    assert lineprotocol.encode("m", given_points, "s").startswith(b"m v=-0.3333333333333333 1\nm v=0.5 2\n")


def test_times_of_two_lengths_beside_long_numbers_are_written():
    given_points = batch({"v": [1 / 3, 2 / 3]}, times=[10**9 * 9, 10**9 * 10])
    assert lineprotocol.encode("m", given_points, "s") == b"m v=0.3333333333333333 9\nm v=0.6666666666666666 10\n"


def test_decimals_have_no_needless_bytes():
    assert written([-7.15, 0.5, -0.25, 20.0, 0.0]) == ["-7.15", "0.5", "-0.25", "20", "0"]
    assert written([1.00001, 1234.5, -0.0]) == ["1.00001", "1234.5", "-0"]


def test_a_value_unlike_the_sample_is_written_all_the_same():
    values = [0.5] * 3_000
    values[1_500] = 1 / 3
    assert written(values)[1_500] == repr(1 / 3)
    assert numerals.places_of(np.array(values)) == 3


@pytest.mark.parametrize("value", INTEGERS)
def test_an_integer_is_written_as_python_does(value):
    assert written([value]) == [f"{value}i"]


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.sampled_from(INTEGERS), min_size=1, max_size=50))
@example(INTEGERS)
def test_integers_are_written_as_python_does(values):
    assert written(values) == [f"{value}i" for value in values]


@pytest.mark.parametrize("value", FLOATS, ids=repr)
def test_influxd_reads_each_float_back(influxd, database, value):
    influxd.write(database, lineprotocol.encode("m", batch({"v": [value]})))
    words = urllib.parse.urlencode({"q": "SELECT v FROM m", "db": database, "epoch": "ns"}).encode()
    answer = json.loads(fetch(f"{influxd.url}/query", words), parse_int=float)  # -0 is no integer
    back = answer["results"][0]["series"][0]["values"][0][1]
    assert (back, math.copysign(1, back)) == (value, math.copysign(1, value))


def test_influxd_reads_integers_and_booleans_back(influxd, database):
    truths = [bool(value % 3) for value in INTEGERS]
    both_read_back(influxd, database, "m", batch({"i": INTEGERS, "b": truths, "f": [float(n) for n in INTEGERS]}))


# ---- gaps, times, precision

NA = pd.NA


def test_what_has_no_value_is_not_written():
    frame = {
        "station": ["a", "", "a", "", "b"],
        "T": [1.5, math.nan, math.nan, math.inf, math.nan],
        "n": pd.array([1, 2, NA, NA, NA], "Int64"),
        "ok": pd.array([NA, True, False, NA, NA], "boolean"),
        "text": ["x", None, "y", None, None],
    }
    text = lineprotocol.encode("m", batch(frame, ["station"], range(5)))
    assert text.decode().splitlines() == [
        'm,station=a T=1.5,n=1i,text="x" 0',
        "m n=2i,ok=true 1",
        'm,station=a ok=false,text="y" 2',
    ]


def test_an_infinity_is_never_written():
    good = batch({"T": [1.5, 2.5, 3.5], "U": [1.5, 2.5, 3.5]}, times=range(3))
    bad = replace(good, frame=good.frame.assign(T=[math.inf, 1 / 3, -math.inf], U=[1.5, 2.5, -math.inf]))
    assert lineprotocol.encode("m", bad) == b"m U=1.5 0\nm T=0.3333333333333333,U=2.5 1\n"


def test_tags_stand_sorted_and_fields_as_they_come():
    given_points = batch({"b": [1.5], "z": ["1"], "é": ["2"], "B": ["3"], "a": [2.5]}, ["é", "z", "B"], [0])
    assert lineprotocol.encode("m", given_points) == "m,B=3,z=1,é=2 b=1.5,a=2.5 0\n".encode()


def test_no_points_are_no_lines():
    nothing = batch({"v": [1.5]}).part(0, 0)
    assert lineprotocol.encode("m", nothing) == b""
    assert list(lineprotocol.chunks("m", nothing, "ns")) == []
    frame, tags = lineprotocol.frame(b"", "ns")
    assert (len(frame), str(frame.index.dtype), tags) == (0, "datetime64[ns, UTC]", ())


@pytest.mark.parametrize(
    ("times", "precision"),
    [([0], "s"), ([10**9, 5 * 10**9], "s"), ([10**9, 10**6], "ms"), ([10**3], "us"), ([-1], "ns"), ([-(10**9)], "s")],
)
def test_the_coarsest_precision_loses_nothing(times, precision):
    given_points = batch({"v": [1.5] * len(times)}, times=times)
    assert lineprotocol.precision_of(given_points) == precision
    frame, _ = lineprotocol.frame(lineprotocol.encode("m", given_points, precision), precision)
    assert sorted(frame.index.asi8) == sorted(times)


def test_a_precision_that_would_move_a_point_is_refused():
    with pytest.raises(Rejected, match=r"found the times .* expected times in whole ms[^\n]*\n  Choose a finer"):
        lineprotocol.encode("m", batch({"v": [1.5, 2.5]}, times=[0, 10**3]), "ms")


@pytest.mark.parametrize("time", [2**63 - 2, -(2**63) + 2, -1, 0, 1])
def test_influxd_keeps_times_far_away(influxd, database, time):
    both_read_back(influxd, database, "m", batch({"v": [1.5]}, times=[time]))


def test_a_time_that_influxdb_does_not_take_is_refused():
    with pytest.raises(Rejected, match="between 1677 and 2262"):
        lineprotocol.encode("m", batch({"v": [1.5]}, times=[2**63 - 1]))


# ---- anything at all


def acceptable(name):
    """What names.py takes, said once more in other words."""
    pairs = [name[place : place + 2] for place, char in enumerate(name) if char == "\\"]
    return name not in ("", "time") and min(name) >= " " and all(p[1:] and p[1] not in '\\,= "' for p in pairs)


characters = st.sampled_from(list("ab,= \"\\'#_é☃😀")) | st.characters(codec="utf-8")
names = st.text(characters, max_size=8).filter(acceptable)
strings = st.text(characters | st.sampled_from("\n\r\t\0"), max_size=12)
floats = st.floats() | st.builds(lambda n, p: float(f"{n}e-{p}"), st.integers(-(10**9), 10**9), st.integers(0, 9))
KINDS = {
    "number": (floats, "float64"),
    "integer": (st.integers(-(2**63), 2**63 - 1) | st.integers(-10, 10) | st.just(NA), "Int64"),
    "boolean": (st.booleans() | st.just(NA), "boolean"),
    "text": (strings | st.none(), "object"),
}


@st.composite
def frames(draw):
    """A frame of a few rows, and its tags."""
    precision = draw(st.sampled_from(list(UNITS)))
    size = draw(st.integers(1, 8))
    ticks = draw(st.lists(st.integers(0, 30_000), min_size=size, max_size=size))
    known = draw(st.lists(names, min_size=1, max_size=6, unique=True))
    tags = known[: draw(st.integers(0, len(known) - 1))]
    columns = {}
    for name in known:
        values, dtype = (
            KINDS[draw(st.sampled_from(list(KINDS)))] if name not in tags else (names | st.just(""), "object")
        )
        columns[name] = pd.array(draw(st.lists(values, min_size=size, max_size=size)), dtype=dtype)
    times = [NOON + tick * UNITS[precision] for tick in ticks]
    return columns, tags, times, precision


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames(), names.filter(lambda name: not name.startswith("#")))
def test_any_frame_is_read_back(influxd, database, made, name):
    columns, tags, times, precision = made
    given_points = batch(columns, tags, times)
    both_read_back(influxd, database, f"{name}{next(_numbers)}", given_points, precision)
    assert UNITS[lineprotocol.precision_of(given_points)] >= UNITS[precision] or not len(given_points.frame)


@settings(max_examples=100)
@given(frames(), st.integers(1, 5), st.integers(1, 400), st.integers(1, 3))
def test_pieces_together_are_the_whole(made, most_rows, most_bytes, block):
    columns, tags, times, precision = made
    given_points = batch(columns, tags, times)
    whole = lineprotocol.encode("m", given_points, precision)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "BLOCK_ROWS", block)
        pieces = list(lineprotocol.chunks("m", given_points, precision, most_rows, most_bytes))
    assert b"".join(piece.text for piece in pieces) == whole
    for piece in pieces:
        lines = lineprotocol.split(piece.text)
        times = [lineprotocol.time_of(line, precision) for line in lines]
        assert (piece.rows, piece.first, piece.last) == (len(lines), min(times), max(times))
        assert piece.rows == 1 or (piece.rows < most_rows and len(piece.text) < most_bytes)


@given(frames(), names.filter(lambda name: not name.startswith("#")))
def test_a_text_is_cut_where_its_lines_end(made, name):
    columns, tags, times, precision = made
    given_points = batch(columns, tags, times)
    text = lineprotocol.encode(name, given_points, precision)
    lines = lineprotocol.split(text)
    assert b"".join(lines) == text
    assert len(lines) == len(given_points.frame)
    assert {lineprotocol.measurement_of(line) for line in lines} <= {name}


# ---- lines, cut and read


def test_a_line_feed_inside_a_string_is_no_line_end():
    lines = [b'm,t="a v="x\ny",w=1 1\n', b"m v=1 2\n", b'm,u=b" v="\\"\n\\\\",w="a" 3\n', b'm v"="\n" 4\n']
    assert lineprotocol.split(b"".join(lines)) == lines


def test_lines_that_are_none_are_cut_at_line_ends_too():
    lines = [b"# a comment\n", b"\n", b'm v="never ends 1\n', b"word\n", b"m v=1 2"]
    assert lineprotocol.split(b"".join(lines)) == lines
    assert lineprotocol.split(b"a\n\nb") == [b"a\n", b"\n", b"b"]
    assert lineprotocol.split(b"") == []


def test_a_line_tells_its_time_and_its_measurement():
    assert lineprotocol.time_of(b'm v="a 7" 12\r\n', "ms") == 12_000_000
    assert lineprotocol.time_of(b"m v=1 -3\n", "s") == -3_000_000_000
    assert lineprotocol.measurement_of(b"a\\,b\\ c\\d=e,t=f v=1 1\n") == "a,b c\\d=e"
    with pytest.raises(ValueError, match="invalid literal"):
        lineprotocol.time_of(b"m v=1\n", "s")


def test_a_frame_has_only_the_measurement_and_the_fields_asked_for():
    text = b"m,t=a v=1,w=2i 1\nn v=3 2\nm v=4 3\nm w=5i 4\n"
    frame, tags = lineprotocol.frame(text, "ns", "m", ["v"])
    assert content(frame, tags) == [(1, {"t": "a"}, {"v": 1.0}), (3, {}, {"v": 4.0})]
    assert list(frame["t"]) == ["a", ""]
    with pytest.raises(ValueError, match="'m' and 'n', expected one measurement"):
        lineprotocol.frame(text, "ns")


def test_a_field_of_several_kinds_is_read_as_what_has_room_for_all():
    frame, _ = lineprotocol.frame(b'm a=1i,b=t,c=1i 1\nm a=2.5,b=F,c="x" 2\n# a comment\n\nm c=true 3\n', "ns")
    assert [plain(value) for value in frame["a"]] == [1.0, 2.5, None]
    assert [plain(value) for value in frame["b"]] == [True, False, None]
    assert list(frame["c"]) == ["1i", "x", "true"]


@pytest.mark.parametrize("line", [b"word\n", b"m v=1\n", b'm v="a" x\n', b'm v="a 1\n', b"m\\ v=1 1\n"])
def test_what_is_no_line_is_said_to_be_none(line):
    with pytest.raises(ValueError):
        lineprotocol.frame(line, "ns")


def test_cutting_lines_needs_neither_pandas_nor_numpy():
    code = (
        "import sys; from fieldline import lineprotocol; lineprotocol.split(b'm v=1 1')\n"
        "assert not {'numpy', 'pandas', 'orjson'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
