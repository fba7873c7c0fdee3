"""What every sink must do. A new one joins by a line in SINKS: what it is called, and how one is made in a folder.

Where a server of others dictates something else, the test says so, and why.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fieldline.errors import Denied, Rejected
from fieldline.ports import AGGREGATES, Field, Store
from fieldline.sinks.embedded import Embedded
from fieldline.sinks.influx import Influx


def in_influxdb(_: Path, request: pytest.FixtureRequest) -> Influx:
    """On the influxd that the tests of this process share, with buckets of its own."""
    server, ours = request.getfixturevalue("influxd"), uuid.uuid4().hex
    return Influx(server.url, None, buckets={name: f"{name}-{ours}" for name in ("field", "short", "nowhere")})


SINKS: dict[str, Callable[[Path, pytest.FixtureRequest], Store]] = {
    "embedded": lambda folder, _: Embedded(folder / "store.duckdb"),
    "influxdb": in_influxdb,
}
T0 = pd.Timestamp("2024-06-01T12:00:00Z")


@pytest.fixture(params=SINKS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Each sink in turn, with the bucket `field`."""
    made = SINKS[request.param](tmp_path, request)
    made.create("field", None)
    yield made
    made.close()


def rows(first: int = 0, count: int = 3, **columns: object) -> pd.DataFrame:
    """`count` rows one second apart; without columns one of numbers, `PPFD`, that counts from `first`."""
    index = pd.date_range(T0 + pd.Timedelta(seconds=first), periods=count, freq="s").as_unit("ns")
    return pd.DataFrame(columns or {"PPFD": np.arange(first, first + count, dtype="float64")}, index=index)


def values(frame: pd.DataFrame, name: str) -> list[object]:
    """A column as plain values, None for missing."""
    return [None if pd.isna(value) else value for value in frame[name]]


def test_what_is_written_comes_back(store: Store) -> None:
    """Times to the nanosecond, numbers to the last bit, every kind as it was, oldest first."""
    frame = rows(
        number=[0.1, 1e300, -0.0],
        integer=np.array([2**62 + 1, -1, 0]),
        boolean=[True, False, True],
        text=["a", "b c,=\"'", "µ–\n"],
    )
    frame.index = frame.index[:2].append(pd.DatetimeIndex(["2024-06-01T12:00:02.123456789Z"]))
    assert store.write("field", "tower", frame[::-1]) == 3
    back = store.read("field", "tower")
    assert back.index.equals(frame.index)
    assert back.index.name == "time"
    for name in frame:
        assert values(back, name) == list(frame[name])
    assert [str(back[name].dtype) for name in list(frame)[:3]] == ["float64", "Int64", "boolean"]


def test_writing_twice_is_writing_once(store: Store) -> None:
    """Delivery is at least once, the effect exactly once."""
    for _ in range(2):
        store.write("field", "tower", rows().assign(station="46m"), ("station",))
    assert values(store.read("field", "tower"), "PPFD") == [0, 1, 2]


def test_a_later_row_replaces_what_it_brings_and_keeps_what_it_lacks(store: Store) -> None:
    """A field that is missing in the later row keeps its earlier value."""
    store.write("field", "tower", rows(PPFD=[1.0, 2.0, 3.0], Tair=[10.0, 11.0, 12.0]))
    store.write("field", "tower", rows(1, 3, PPFD=[20.0, np.nan, 40.0], RH=[50.0, 51.0, 52.0]))
    back = store.read("field", "tower")
    assert values(back, "PPFD") == [1, 20, 3, 40]
    assert values(back, "Tair") == [10, 11, 12, None]
    assert values(back, "RH") == [None, 50, 51, 52]


def test_rows_of_one_point_in_one_frame_are_merged_in_their_order(store: Store) -> None:
    """The last value that is there wins, field by field."""
    frame = rows(0, 3, PPFD=[1.0, 2.0, np.nan], text=["a", None, "c"])
    frame.index = frame.index[[0, 0, 0]]
    store.write("field", "tower", frame)
    back = store.read("field", "tower")
    assert (values(back, "PPFD"), values(back, "text")) == ([2], ["c"])


def test_tags_keep_series_apart(store: Store) -> None:
    """One time, two stations: two points; a row without the tag is a third series."""
    for station in ("46m", "30m"):
        store.write("field", "tower", rows(0, 1).assign(station=station), ("station",))
    store.write("field", "tower", rows(0, 1))
    back = store.read("field", "tower")
    assert values(back, "station") == ["", "30m", "46m"]


def test_numbers_become_short_text_in_a_tag(store: Store) -> None:
    """A calibration of 250.0 and one of 250 are one series."""
    store.write("field", "tower", rows(0, 2).assign(calibration=[250.0, 0.5]), ("calibration",))
    store.write("field", "tower", rows(0, 1).assign(calibration=250), ("calibration",))
    assert values(store.read("field", "tower"), "calibration") == ["250", "0.5"]


def test_missing_and_infinite_values_are_never_written(store: Store) -> None:
    """A column without values makes no field, a row without values no point."""
    frame = rows(PPFD=[1.0, np.inf, -np.inf], empty=[np.nan] * 3, none=[None] * 3)
    store.write("field", "tower", frame)
    assert list(store.fields("field", "tower")) == ["PPFD"]
    assert values(store.read("field", "tower"), "PPFD") == [1]


def test_a_row_with_nothing_but_tags_is_no_point(store: Store) -> None:
    """Its time and tags alone say nothing that was measured."""
    assert store.write("field", "tower", rows(PPFD=[1.0, np.nan, 3.0]).assign(station="46m"), ("station",)) == 2
    assert store.write("field", "tower", rows(PPFD=[np.nan] * 3).assign(station="30m"), ("station",)) == 0
    assert values(store.read("field", "tower"), "station") == ["46m", "46m"]


def test_a_range_is_half_open(store: Store) -> None:
    """start <= time < end."""
    store.write("field", "tower", rows(0, 5))
    second = pd.Timedelta("1s")
    assert values(store.read("field", "tower", start=T0 + second, end=T0 + 3 * second), "PPFD") == [1, 2]


def test_fields_come_in_the_order_asked_with_their_tags(store: Store) -> None:
    """A field that is missing in the range is a column all the same."""
    store.write("field", "tower", rows(a=[1.0, 2.0, 3.0], b=[1, 2, 3], c=["x", None, None]).assign(s="q"), ("s",))
    back = store.read("field", "tower", fields=["c", "a"], start=T0 + pd.Timedelta("1s"))
    assert list(back.columns) == ["s", "c", "a"]
    assert (values(back, "c"), values(back, "a")) == ([None, None], [2, 3])
    assert len(store.read("field", "tower", fields=["c"])) == 1, "rows without any of the fields asked are left out"


def test_windows_are_aligned_to_1970(store: Store) -> None:
    """A window is labelled by its start, also before 1970."""
    index = pd.DatetimeIndex(["1969-12-31T23:59:30Z", "1970-01-01T00:00:00Z", "1970-01-01T00:00:59Z"])
    store.write("field", "tower", pd.DataFrame({"x": [1.0, 2.0, 4.0], "t": ["a", "b", "c"]}, index=index))
    back = store.read("field", "tower", every=pd.Timedelta("1min"))
    assert list(back.index) == [pd.Timestamp("1969-12-31T23:59:00Z"), pd.Timestamp("1970-01-01T00:00:00Z")]
    assert values(back, "x") == [1, 3]
    assert list(back.columns) == ["x"], "a text field has no mean"


@pytest.mark.parametrize("agg", AGGREGATES)
def test_every_aggregate_is_that_of_pandas(store: Store, agg: str) -> None:
    """One row for each window and series."""
    noise = np.random.default_rng(1).normal(size=200).round(3)
    noise[::7] = np.nan
    frame = rows(0, 200, x=noise, n=np.arange(200), station=["a", "b"] * 100)
    store.write("field", "tower", frame, ("station",))
    got = store.read("field", "tower", every=pd.Timedelta("10s"), agg=agg)  # type: ignore[arg-type]
    grouped = frame.groupby([frame.index.floor("10s"), "station"])[["x", "n"]]
    want = grouped.agg(agg).reset_index(level="station")
    assert list(got.index) == list(want.index)
    assert list(got["station"]) == list(want["station"])
    for name in ("x", "n"):
        np.testing.assert_allclose(got[name].astype(float), want[name].astype(float), rtol=1e-12, atol=1e-12)


def test_text_has_no_mean(store: Store) -> None:
    """Asked for by name it is refused, and first, last and count are offered."""
    store.write("field", "tower", rows(t=["a", "b", "c"]))
    with pytest.raises(Rejected, match="expected first, last, count"):
        store.read("field", "tower", fields=["t"], every=pd.Timedelta("1h"))
    assert values(store.read("field", "tower", fields=["t"], every=pd.Timedelta("1D"), agg="last"), "t") == ["c"]


def test_latest_is_the_newest_row_of_each_series(store: Store) -> None:
    """Also when the series end at different times."""
    store.write("field", "tower", rows(0, 3).assign(station="a"), ("station",))
    store.write("field", "tower", rows(0, 2).assign(station="b"), ("station",))
    back = store.latest("field", "tower")
    assert sorted(zip(back["station"], back["PPFD"], strict=True)) == [("a", 2), ("b", 1)]


def test_fields_know_kind_unit_and_tag(store: Store) -> None:
    """In the order in which they appeared; an empty unit does not replace one.

    InfluxDB keeps no units, and no order.
    """
    store.write("field", "tower", rows().assign(s="a", n=1), ("s",), {"PPFD": "umol m-2 s-1"})
    store.write("field", "tower", rows().assign(s="a", later=True), ("s",), {"PPFD": "", "n": "1"})
    want = {
        "s": Field("s", "text", "", True),
        "PPFD": Field("PPFD", "number", "umol m-2 s-1"),
        "n": Field("n", "integer", "1"),
        "later": Field("later", "boolean"),
    }
    got = store.fields("field", "tower")
    if isinstance(store, Influx):
        want = {name: replace(field, unit="") for name, field in want.items()}
    else:
        assert list(got) == list(want)
    assert got == want
    assert store.fields("field", "nothing") == {}


def test_the_kind_of_a_field_stays(store: Store) -> None:
    """What fits is converted, what does not is refused with the example and a remedy."""
    store.write("field", "tower", rows(number=[0.5] * 3, integer=[1, 2, 3], text=["a", "b", "c"]))
    store.write("field", "tower", rows(number=[7, 8, 9], integer=[4.0, np.nan, 6.0], text=[1.5, 2.0, np.nan]))
    back = store.read("field", "tower")
    assert (values(back, "number"), values(back, "integer")) == ([7, 8, 9], [4, 2, 6])
    assert values(back, "text") == ["1.5", "2", "c"]
    for wrong in ({"number": ["63x4"] * 3}, {"integer": [1.0, 2.5, 3.0]}, {"integer": [True] * 3}):
        with pytest.raises(Rejected, match=r"(?s)field.*tower.*(number|integer).*for example.*\n  If it means"):
            store.write("field", "tower", rows(**wrong))


def test_names_may_differ_in_case_only(store: Store) -> None:
    """As they do between loggers; `time` is a name like another.

    In InfluxDB it is the time and cannot be a field, which is said before anything is written.
    """
    frame = rows(co2=[1.0] * 3, CO2=[2.0] * 3, time=[3.0] * 3, Time=["x"] * 3)
    if isinstance(store, Influx):
        with pytest.raises(Rejected, match=r"'time'.*\n  Give it another name"):
            store.write("field", "tower", frame)
        frame = frame.drop(columns="time").assign(TIME=3.0)
    store.write("field", "tower", frame)
    store.write("field", "Tower", rows(co2=[4.0] * 3))
    back = store.read("field", "tower")
    wrote = {name: frame[name].iloc[0] for name in frame}
    assert {name: values(back, name)[0] for name in frame} == wrote
    assert values(store.read("field", "Tower"), "co2") == [4] * 3
    assert store.measurements("field") == ["Tower", "tower"]


@pytest.mark.parametrize("name", ['a"; DROP SCHEMA field CASCADE; --', "a b", "", "é–µ", "'x'", "{table}", "select"])
def test_any_name_is_only_a_name(store: Store, name: str) -> None:
    """Names come from data files. InfluxDB takes none that is empty, which is said before anything is written."""
    if isinstance(store, Influx) and not name:
        with pytest.raises(Rejected, match="expected at least one character"):
            store.write("field", "-", rows(**{name: [1.0, 2.0, 3.0]}))
        return
    store.write("field", name or "-", rows(**{name: [1.0, 2.0, 3.0]}).assign(**{name + "t": name}), (name + "t",))
    back = store.read("field", name or "-", fields=[name])
    assert (values(back, name), values(back, name + "t")) == ([1, 2, 3], [name] * 3)


def test_what_is_not_there_is_refused_with_a_remedy(store: Store) -> None:
    """Bucket, measurement and field. For a remote store rows are kept until their bucket is there (Denied)."""
    with pytest.raises(Denied if isinstance(store, Influx) else Rejected, match=r"python new-db\.py FILE"):
        store.write("nowhere", "tower", rows())
    with pytest.raises(Rejected, match=r"python new-db\.py FILE"):
        store.read("nowhere", "tower")
    with pytest.raises(Rejected, match="nothing"):
        store.read("field", "nothing")
    store.write("field", "tower", rows())
    with pytest.raises(Rejected, match=r"Did you mean PPFD\?"):
        store.read("field", "tower", fields=["PPFT"])


def test_rows_past_their_days_expire(store: Store) -> None:
    """Only in buckets that say so; making a bucket again changes nothing.

    InfluxDB deletes them by itself and takes no row that is past its days already; others may have buckets there.
    """
    store.create("short", 2)
    store.create("short", 900)
    assert {name: store.buckets()[name] for name in ("field", "short")} == {"field": None, "short": 2}
    if isinstance(store, Influx):
        with pytest.raises(Rejected, match="retention"):
            store.write("short", "tower", rows())
        assert store.expire(T0) == 0
        return
    index = T0 - pd.to_timedelta([3, 2, 1], unit="D")
    for bucket in ("field", "short"):
        store.write(bucket, "tower", pd.DataFrame({"x": [1.0, 2.0, 3.0]}, index=index))
    assert (store.expire(T0), store.expire(T0)) == (1, 0)
    assert values(store.read("short", "tower"), "x") == [2, 3]
    assert len(store.read("field", "tower")) == 3


def test_times_without_utc_are_a_fault_of_the_caller(store: Store) -> None:
    """A zone is declared in the table, once."""
    for index in (rows().index.tz_localize(None), rows().index.tz_convert("Etc/GMT+5"), pd.RangeIndex(3)):
        with pytest.raises(ValueError, match="UTC"):
            store.write("field", "tower", rows().set_axis(index))


def test_other_resolutions_and_kinds_of_columns(store: Store) -> None:
    """Seconds and microseconds as time; categories, float32, small and nullable integers."""
    for unit in ("s", "us"):
        frame = rows(c=pd.Categorical(["a", None, "b"]), f=np.float32([1, 2, 3]), i=np.array([1, 2, 3], "uint8"))
        frame["n"] = pd.array([1, None, 3], "Int64")
        frame.index = frame.index.as_unit(unit)
        store.write("field", unit, frame)
        back = store.read("field", unit)
        assert back.index.equals(rows().index)
        assert [values(back, name) for name in "cfin"] == [["a", None, "b"], [1, 2, 3], [1, 2, 3], [1, None, 3]]


def test_closing_twice_is_closing_once(store: Store) -> None:
    """And nothing is lost by it."""
    store.write("field", "tower", rows())
    store.close()
    store.close()
    assert len(store.read("field", "tower")) == 3
