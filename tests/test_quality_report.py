"""What the flags say in numbers: the same as counting by hand, whatever is missing."""

import json
from argparse import Namespace
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from fieldline.cli import quality
from fieldline.errors import UsageError
from fieldline.quality.bits import bit, names
from fieldline.quality.grid import DAY, FAIL, GOOD, MISSING, NOTHING, SUSPECT, Span, pooled
from fieldline.quality.report import joined, summarise, usual_interval
from fieldline.quality.words import percent
from fieldline.sinks.embedded import Embedded

MINUTE = pd.Timedelta("1min")
START = pd.Timestamp("2026-03-07 18:00", tz="UTC")  # summer time begins on the 8th in the United States: UTC has none


def frame(rows=4000, seed=1, every=MINUTE, start=START):
    """A field X with all flags, in random order, and a field that the loggers never gave."""
    dice = np.random.default_rng(seed)
    flags = dice.choice([1, 1, 1, 1, 2, 3, 4, 9], rows)
    values = np.where(flags == 9, np.nan, dice.normal(10, 2, rows))
    bits = np.where(flags == 3, bit("spike"), np.where(flags == 4, bit("spike") | bit("between"), 0))
    index = pd.DatetimeIndex(start + every * np.arange(rows), name="time").as_unit("ns")
    return pd.DataFrame({"X": values, "X_qc": flags, "X_qcbits": bits, "Y_qc": 9, "Y_qcbits": 0}, index=index)


def report(rows, fields=("X",), interval=MINUTE, start=START, end=None):
    end = end if end is not None else start + MINUTE * 4000
    return summarise(rows, fields, interval=interval, start=start, end=end, names=names)


def test_counts_are_those_of_counting():
    rows = frame()
    (field,) = report(rows).fields
    counted = Counter(rows["X_qc"])
    found = (field.good, field.not_evaluated, field.suspect, field.fail, field.missing)
    assert found == tuple(counted[flag] for flag in (1, 2, 3, 4, 9))
    assert field.checks == {"spike": counted[3] + counted[4], "between": counted[4]}
    assert field.percent("fail") == 100 * counted[4] / 4000
    assert (field.first, field.last) == (rows["X"].first_valid_index(), rows["X"].last_valid_index())


def test_rows_that_never_came_are_missing():
    rows = frame()
    kept = rows.drop(rows.index[1000:1300])
    whole = report(kept)
    assert (whole.rows, whole.absent) == (3700, 300)
    (field,) = whole.fields
    assert field.total == 4000
    assert field.missing == 300 + int((kept["X_qc"] == 9).sum())
    assert report(kept, interval=None).fields[0].total == 3700


def test_stamps_beside_the_grid_are_no_gap():
    rows = frame()
    rows.index += pd.to_timedelta(np.random.default_rng(2).integers(-20, 20, 4000), unit="s")
    assert report(rows, start=START - MINUTE / 2, end=START + MINUTE * 3999.5).absent == 0


@pytest.mark.parametrize("start", ["00:00:00", "00:00:20", "00:01:00", "00:01:01"])
def test_slots_are_counted_as_by_hand(start):
    begin = pd.Timestamp(f"2026-01-01 {start}", tz="UTC")
    end = pd.Timestamp("2026-01-01 00:10", tz="UTC")
    slots = pd.date_range("2026-01-01", periods=20, freq="1min", tz="UTC")
    inside = [time for time in slots if begin <= time < end]
    absent = Span(begin.as_unit("ns").value, end.as_unit("ns").value, MINUTE.as_unit("ns").value).absent(
        np.array([], int)
    )
    assert list(pd.DatetimeIndex(absent, tz="UTC")) == inside


def test_the_longest_gap_reaches_from_value_to_value_and_to_the_ends_of_the_range():
    rows = frame()
    rows["X"], rows["X_qc"] = 1.0, 1
    assert report(rows).fields[0].gap is None
    gap = report(rows.drop(rows.index[100:160])).fields[0].gap
    assert (gap.start, gap.end) == (rows.index[99], rows.index[160])
    gap = report(rows[:1000]).fields[0].gap
    assert (gap.start, gap.end) == (rows.index[999], START + MINUTE * 4000)


def test_the_worst_hours_are_the_five_with_most_flags():
    rows = frame()
    (field,) = report(rows).fields
    bad = rows.index[rows["X_qc"].isin([3, 4])].floor("h")
    counted = sorted(Counter(bad).items(), key=lambda item: (-item[1], item[0]))[:5]
    assert [(hour.start, hour.count) for hour in field.worst] == counted


def test_days_are_utc_days():
    rows = frame()
    kept = rows.drop(rows.index[500:1500])
    (field,) = report(kept).fields
    every = rows.groupby(rows.index.floor("D")).size()
    came = kept["X"].groupby(kept.index.floor("D")).count().reindex(every.index, fill_value=0)
    assert list(field.days) == pytest.approx(list(came / every))


def test_a_timeline_shows_a_single_bad_value():
    rows = frame(40_000)
    rows["X"], rows["X_qc"] = 1.0, 1
    rows.iloc[777, rows.columns.get_loc("X_qc")] = 4
    (field,) = report(rows, end=START + MINUTE * 40_000).fields
    line = field.timeline
    assert len(line.flags) <= 1000
    at = (rows.index[777].value - line.start) // line.width
    assert [i for i, flag in enumerate(line.flags) if flag != GOOD] == [at]
    assert line.flags[at] == FAIL
    assert list(np.flatnonzero(pooled(line.flags, 4) == FAIL)) == [at // 4]


def test_a_bin_of_a_timeline_is_never_narrower_than_the_interval():
    rows = frame(48, every=pd.Timedelta("30min"))
    rows["X"], rows["X_qc"] = 1.0, 1
    (field,) = report(rows, interval=pd.Timedelta("30min"), end=START + pd.Timedelta("1D")).fields
    assert list(field.timeline.flags) == [GOOD] * 48
    assert field.fingerprint.flags.shape == (2, 48)
    assert (field.fingerprint.flags == NOTHING).sum() == 48  # before the range begins, and after it has ended


def test_a_fingerprint_has_the_means_of_what_is_not_flagged_and_the_worst_flags():
    rows = frame()
    (field,) = report(rows).fields
    used = rows[rows["X_qc"].isin([1, 2])]
    cell = ((used.index.as_unit("ns").asi8 // DAY), (used.index.hour * 60 + used.index.minute) // 5)
    means = used["X"].groupby([cell[0] - cell[0].min(), cell[1]]).mean()
    assert all(field.fingerprint.values[at] == pytest.approx(mean) for at, mean in means.items())
    assert np.isfinite(field.fingerprint.values).sum() == len(means)
    bad = rows[rows["X_qc"] == 3].index[0]
    assert field.fingerprint.flags[(bad.floor("D") - START.floor("D")).days, (bad.hour * 60 + bad.minute) // 5] in (
        SUSPECT,
        FAIL,
    )


def test_long_ranges_share_rows():
    rows = frame(800, every=pd.Timedelta("1D"))
    (field,) = report(rows, interval=pd.Timedelta("1D"), end=START + pd.Timedelta("800D")).fields
    assert field.fingerprint.flags.shape[0] <= 370 and field.fingerprint.step == 3
    assert len(field.timeline.flags) <= 1000


def test_a_value_without_a_flag_is_not_evaluated_and_a_flag_without_a_value_missing():
    rows = frame(5)
    rows["X"] = [1.0, 2.0, np.nan, 4.0, 5.0]
    rows["X_qc"] = pd.array([1, None, 1, 7, 3], dtype="Int64")
    (field,) = report(rows, end=START + MINUTE * 5).fields
    assert (field.good, field.not_evaluated, field.missing, field.suspect) == (1, 2, 1, 1)


@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("interval", [None, MINUTE])
def test_next_to_nothing_is_reported_too(rows, interval):
    whole = report(frame(rows), ("X", "Y", "Z"), interval, end=START + MINUTE * 3)
    assert whole.rows == rows
    assert whole.fields[1].percent("missing") == (100 if rows or interval else 0)
    assert whole.fields[2].total == (3 if interval else rows)
    json.dumps(whole.as_dict(), allow_nan=False)


def test_all_missing():
    rows = frame()
    (field,) = report(rows, ("Y",)).fields
    assert field.percent("missing") == 100
    assert (field.first, field.worst, field.checks) == (None, (), {})
    assert (field.gap.start, field.gap.end) == (START, START + MINUTE * 4000)
    assert set(field.timeline.flags) == {MISSING}
    assert not field.days.any()


@pytest.mark.parametrize("column", [["a", None, "c"], pd.array([True, None, False], dtype="boolean")])
def test_text_and_booleans_are_counted(column):
    rows = frame(3).assign(X=column, X_qc=1)
    (field,) = report(rows, end=START + MINUTE * 3).fields
    assert (field.good, field.missing) == (2, 1)


def test_rows_outside_the_range_are_left_out():
    end = START + MINUTE * 100
    assert report(frame(), end=end).as_dict() == report(frame()[:100], end=end).as_dict()


def test_the_interval_is_the_step_of_most_rows():
    times = pd.date_range(START, periods=100, freq="5s")
    assert usual_interval(times.delete(slice(40, 60))) == pd.Timedelta("5s")
    assert usual_interval(times[:2]) is None
    assert usual_interval(pd.DatetimeIndex([])) is None


def test_parts_are_joined():
    rows = frame()
    assert joined([report(rows, ("X",)), report(rows, ("Y",))]).as_dict() == report(rows, ("X", "Y")).as_dict()
    with pytest.raises(ValueError, match="no report"):
        joined([])


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0"), (1e-6, "0.0001"), (0.25, "0.25"), (12.34, "12.3"), (99.9999, "99.99"), (100, "100")],
)
def test_a_percentage_is_never_0_for_some_nor_100_for_not_all(share, text):
    assert percent(share) == text


# The verb


@pytest.fixture
def site(tmp_path):
    """A project whose store has one measurement with flags, of two stations, and one without."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "site.yaml").write_text("jobs:\n  - {name: t, files: ['*.dat']}\n", encoding="utf-8")
    (tmp_path / "data").mkdir()
    store = Embedded(tmp_path / "data" / "store.duckdb")
    store.create("field", None)
    rows = frame().assign(station="north")
    store.write("field", "met", rows, ("station",), {"X": "degC"})
    store.write("field", "met", rows[:3900].assign(station="south"), ("station",))
    store.write("field", "plain", rows[["X"]])
    store.close()
    return tmp_path


def verb(site, capsys, *where, start=None, end=None, html=None, json=False):
    bucket, measurement = [*where, None, None][:2]
    words = {"bucket": bucket, "measurement": measurement, "start": start, "end": end, "html": html, "json": json}
    code = quality.main(Namespace(project=site, config=None, home=None, **{"all": True, **words}))
    return code, capsys.readouterr().out


def test_the_verb_reports_each_series(site, capsys):
    code, out = verb(site, capsys, json=True)
    assert code == 0
    assert "field.met, station north" in out and "plain" not in out
    north, south = json.loads(out.splitlines()[-1])["series"]
    counted = Counter(frame()["X_qc"])
    assert north["tags"] == {"station": "north"}
    assert [one["field"] for one in north["fields"]] == ["X", "Y"]
    assert north["fields"][0]["fail"] == counted[4]
    assert north["fields"][0]["unit"] == "degC"
    assert north["interval"] == 60
    assert (south["rows"], south["absent"]) == (3900, 100)  # it fell silent before the other


def test_the_verb_keeps_to_the_range(site, capsys):
    _, out = verb(site, capsys, "field", "met", start="2026-03-08", end="2026-03-08T01:00", json=True)
    (north, _) = json.loads(out.splitlines()[-1])["series"]
    assert (north["rows"], north["start"]) == (60, "2026-03-08T00:00:00Z")
    code, out = verb(site, capsys, "field", "met", start="2020-01-01", end="2020-01-02")
    assert (code, "no flags in this range" in out) == (0, True)


def test_a_series_that_has_fallen_silent_is_named(site, capsys):
    _, out = verb(site, capsys, "field", "met", start="2026-03-10T11:00", json=True)
    whole = json.loads(out.splitlines()[-1])
    assert [one["tags"]["station"] for one in whole["series"]] == ["north"]
    (silent,) = whole["silent"]
    assert silent["tags"] == {"station": "south"}
    assert "met, station south: no row in this range, the newest is of 2026-03-10 10:59" in out


def test_reading_in_portions_changes_nothing(site, capsys, monkeypatch):
    _, whole = verb(site, capsys, json=True)
    monkeypatch.setattr(quality, "_CELLS", 1)
    assert verb(site, capsys, json=True)[1] == whole


def test_the_verb_writes_a_page(site, capsys):
    _, out = verb(site, capsys, html=site / "page.html")
    assert out.splitlines()[-1] == f"written: {site / 'page.html'}"
    assert "station north" in (site / "page.html").read_text(encoding="utf-8")


def test_the_verb_refuses_what_is_not_there(site, capsys):
    with pytest.raises(UsageError, match="no measurement 'mett'"):
        verb(site, capsys, "field", "mett")
    with pytest.raises(UsageError, match="--from"):
        verb(site, capsys, start="2026-03-08", end="2026-03-07")
    with pytest.raises(UsageError, match="--html"):
        verb(site, capsys, html=site / "nowhere" / "page.html")
    with pytest.raises(UsageError, match="--to"):
        verb(site, capsys, end="soon")


def test_an_empty_store_has_no_flags(tmp_path, capsys):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "site.yaml").write_text("jobs:\n  - {name: t, files: ['*.dat']}\n", encoding="utf-8")
    assert verb(tmp_path, capsys)[0] == 0
