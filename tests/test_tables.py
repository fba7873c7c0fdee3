"""A declaration is checked when it is made, and finds its files by what their headers say."""

from pathlib import Path

import pandas as pd
import pytest

from fieldline import Column, DataTable, InputError
from fieldline.quality.checks import between, spike
from fieldline.readers.header import Header
from fieldline.tables import REGISTRY, Planner, build


def header(station="tower", table="Met", names=("TIMESTAMP", "RECORD", "Temp"), units=("TS", "RN", "Deg C")):
    return Header(station, "CR6", "8321", "", "", "", table, names, units, ("",) * len(names))


def declare(**attributes):
    """A table class with everything that is required, and what is given."""
    required = {
        "__doc__": "Air temperature, every minute.",
        "table": "Met",
        "bucket": "b",
        "measurement": "m",
        "timezone": "-05:00",
        "columns": {"Temp": Column("Temp_2m", "degC")},
    }
    attributes = {name: value for name, value in (required | attributes).items() if value is not None}
    return type("Declared", (DataTable,), attributes)


@pytest.fixture(autouse=True)
def registry():
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


@pytest.mark.parametrize(
    ("attributes", "fault"),
    [
        ({"bucket": None, "timezone": None}, "it does not set: bucket, timezone"),
        ({"__doc__": None}, "no docstring"),
        ({"measurment": "x"}, "unknown attribute 'measurment'; did you mean 'measurement'?"),
        ({"timezone": "Mars/Olympus"}, "timezone: 'Mars/Olympus' is neither an offset"),
        ({"timezone": "-25:00"}, "no offset between -14:00 and +14:00"),
        ({"bucket": 5}, "bucket is 5, must be text"),
        ({"keep_days": 0}, "keep_days is 0, must be a whole number of days"),
        ({"tags": "station"}, "tags is 'station', must be a tuple"),
        ({"tags": ("height",)}, "the tag 'height' is neither"),
        ({"columns": ["Temp"]}, "columns is ['Temp'], must be {name"),
        ({"columns": {"Temp": "degC"}}, "columns['Temp'] is 'degC', must be a Column"),
        ({"columns": {"Temp": Column("Temp", "")}}, "columns['Temp'] needs a name, a unit"),
        ({"columns": {"A": Column("T", "K"), "B": Column("T", "K")}}, "two columns are called 'T'"),
        ({"columns": {"A": Column("T", "K", (len,))}}, "must be a tuple of checks"),
        ({"columns": {"A": Column("T", "1", (between(0, 1),), kind="text")}}, "holds text, which no check can judge"),
        ({"columns": {"A": Column("T", "K", (spike(1, 2),))}}, "spike can't judge without the table's `interval`"),
        ({"columns": {"A": Column("T_qc", "1")}}, "_qc, _qcbits and _corrected are fieldline's own"),
        ({"interval": -5}, "interval is -5, must be a number of seconds"),
        ({"pattern": "*.csv"}, "pattern and names go together"),
        ({"pattern": "*.csv", "names": ("Temp",)}, "names has no TIMESTAMP"),
    ],
)
def test_a_wrong_declaration_fails_at_import(attributes, fault):
    with pytest.raises(TypeError) as error:
        declare(**attributes)
    assert fault in str(error.value)
    assert "Declared" not in REGISTRY


def test_all_faults_are_told_at_once():
    with pytest.raises(TypeError) as error:
        declare(bucket=None, timezone="nowhere", keep_days=-1, tabel="x")
    assert str(error.value).count("\n") == 4


def test_a_table_is_found_by_its_header_not_by_the_name_of_its_file():
    table = declare(station="tow*")
    planner = Planner((table,))
    assert planner.layout(header(), Path("anything.txt")).name == "Declared"
    assert planner.layout(header("tower 2"), Path("x")).name == "Declared"
    assert planner.layout(header("Met"), Path("tower.dat")).name == "Met.Met"


def test_two_tables_that_claim_one_header_are_told():
    first = declare()
    second = type("Other", (DataTable,), {**vars(first), "__doc__": "The same."})
    with pytest.raises(InputError, match="Declared and Other both claim"):
        Planner((first, second)).layout(header(), Path("x.dat"))


def test_a_table_that_nobody_declared_is_refused_with_the_line_to_write():
    with pytest.raises(InputError) as error:
        Planner((), unknown="refuse").layout(header(), Path("x.dat"))
    assert "station, table = 'tower', 'Met'" in str(error.value)


def test_names_clock_and_tags_are_as_declared():
    head = header()
    layout = Planner((declare(tags=("station", "serial")),)).layout(head, Path("x.dat"))
    rows = pd.DataFrame({"RECORD": [1], "Temp": [20.5]}, index=pd.to_datetime(["2026-06-25 10:50"]))
    frame = build(layout, head, rows)
    assert frame.index.tolist() == [pd.Timestamp("2026-06-25 15:50", tz="UTC")]
    assert frame.iloc[0].to_dict() == {"RECORD": 1, "Temp_2m": 20.5, "station": "tower", "serial": "8321"}
    assert layout.units == {"Temp_2m": "degC"}


def test_a_column_can_be_a_tag_and_is_text_then():
    layout = Planner((declare(tags=("Temp_2m",)),)).layout(header(), Path("x.dat"))
    assert layout.kinds({})["Temp"] == "text"


def test_columns_that_are_not_declared_are_kept_or_left_out():
    head = header(names=("TIMESTAMP", "RECORD", "Temp", "RH"), units=("TS", "RN", "Deg C", "%"))
    assert list(Planner((declare(),)).layout(head, Path("x")).columns) == ["RECORD", "Temp", "RH"]
    assert list(Planner((declare(others=False),)).layout(head, Path("x")).columns) == ["Temp"]


def test_a_derived_column_is_added():
    class Derived(DataTable):
        """Temperature in kelvin as well."""

        table, bucket, measurement, timezone = "Met", "b", "m", "+00:00"
        columns = {"Temp": Column("Temp", "degC")}  # noqa: RUF012

        @classmethod
        def derive(cls, frame):
            return frame.assign(Temp_K=frame["Temp"] + 273.15)

    head = header()
    rows = pd.DataFrame({"RECORD": [1], "Temp": [20.0]}, index=pd.to_datetime(["2026-06-25 10:50"]))
    frame = build(Planner((Derived,)).layout(head, Path("x")), head, rows)
    assert frame["Temp_K"].tolist() == [293.15]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (lambda frame: frame * 2, "rows or values that differ"),
        (lambda frame: frame.iloc[:0], "rows or values that differ"),
        (lambda frame: None, "AttributeError"),
        (lambda frame: frame["nosuch"], "KeyError"),
    ],
)
def test_what_is_measured_is_not_for_derive_to_change(body, words):
    class Greedy(DataTable):
        """Does more than it may."""

        table, bucket, measurement, timezone = "Met", "b", "m", "+00:00"
        columns = {"Temp": Column("Temp", "degC")}  # noqa: RUF012

        @classmethod
        def derive(cls, frame):
            return body(frame)

    head = header()
    rows = pd.DataFrame({"RECORD": [1], "Temp": [20.0]}, index=pd.to_datetime(["2026-06-25 10:50"]))
    with pytest.raises(InputError, match=words):
        build(Planner((Greedy,)).layout(head, Path("x")), head, rows)


def test_the_retention_of_a_table_wins_over_the_configuration():
    assert Planner((declare(),), keep_days=30).layout(header(), Path("x")).keep_days == 30
    assert Planner((declare(keep_days=7),), keep_days=30).layout(header(), Path("x")).keep_days == 7


def test_a_file_without_a_header_is_found_by_its_name():
    table = declare(table=None, pattern="Gnd*.csv", names=("TIMESTAMP", "Temp"))
    planner = Planner((table,))
    assert planner.headerless(Path("a/GndRad.csv")) is table
    assert planner.headerless(Path("a/Other.csv")) is None
