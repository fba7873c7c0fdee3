"""The same flags whether a series is judged at once or in any pieces, in any order, or again."""

import os

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldline.quality import checks as quality
from fieldline.quality import running
from fieldline.quality.check import SECOND
from fieldline.quality.judge import affected, judge, reach
from fieldline.quality.seasons import Band

START = 1_719_000_000 * SECOND
MINUTE = 60 * SECOND
MOST = int(os.environ.get("FIELDLINE_SERIES", "400")) // 8

CHECKS = {
    "a": (
        quality.between(-4, 4, suspect=(-2, 2)),
        quality.out_of_range_marker(3.0),
        quality.signal_strength(0.5, of="b"),
        quality.percentile_band(Band(np.full((12, 48), -1.0), np.full((12, 48), 1.0)), utc_offset_hours=-5),
        quality.agrees_with("b", within=1),
        quality.between_levels("b", "c", by=0.5),
        quality.ppfd_agrees("b", least=1),
    ),
    "b": (quality.spike(1, 2), quality.rate_of_change(0.01, 0.02), quality.flat_line(180, 300)),
    "c": (
        quality.spike(1, 2, method="differential", circular=True),
        quality.flat_line(120, 240, tolerance=1),
        quality.attenuated(1.2, 0.9, seconds=300, complete=0.6),
        quality.attenuated(3, 2, seconds=240, kind="range"),
    ),
    "d": (quality.despike(2, 4, seconds=600, complete=0.3), quality.attenuated(0.31, seconds=120)),
}


def table(steps, levels, seed):
    """Rows at random times of about a minute, values that repeat, jump, drift and are missing."""
    chance = np.random.default_rng(seed)
    times = START + np.cumsum(steps) * SECOND
    n = len(times)
    columns = {}
    for name in "abcd":
        values = np.repeat(chance.choice(levels, n), chance.integers(1, 9, n))[:n].astype(float)
        values[chance.random(n) < 0.2] = chance.choice([np.nan, 8.0])
        if name == "d":
            values += chance.normal(size=n) * 0.1 + 1e4 * (chance.random(n) < 0.05)
        columns[name] = values
    index = pd.DatetimeIndex(times.astype("datetime64[ns]"), tz="UTC", name="time")
    return pd.DataFrame(columns, index=index)


def stored(frame, pieces, checks, interval):
    """What a store holds after `pieces` (row numbers each) came one after the other: flags by time."""
    far = reach(checks, interval)
    rows = np.array([], dtype=int)
    times = frame.index.asi8
    flags = {}
    for piece in pieces:
        rows = np.union1d(rows, piece)
        here = times[rows]
        write_from, write_to, read_from, read_to = affected(int(times[piece].min()), int(times[piece].max()), far)
        seen = frame.iloc[rows[(here >= read_from) & (here <= read_to)]]
        judged = judge(seen, checks, interval)
        at = seen.index.asi8
        for time, row in judged[(at >= write_from) & (at <= write_to)].iterrows():
            flags[time] = row
    return pd.DataFrame(flags).T.astype("int64")


STEPS = st.lists(st.sampled_from([60] * 6 + [59, 61, 1, 300, 599, 600, 601, 4000]), min_size=1, max_size=60)
CUTS = st.lists(st.integers(0, 60), max_size=8)


@settings(deadline=None, max_examples=MOST)
@given(STEPS, CUTS, st.integers(0, 2**32 - 1), st.booleans(), st.sampled_from([MINUTE, 30 * SECOND, None]))
def test_pieces_make_the_whole(steps, cuts, seed, shuffled, interval):
    frame = table(steps, [-2.0, 0.0, 0.5, 1.0], seed)
    n = len(frame)
    borders = sorted({cut for cut in cuts if 0 < cut < n})
    pieces = [piece for piece in np.split(np.arange(n), borders) if len(piece)]
    chance = np.random.default_rng(seed)
    if shuffled:
        chance.shuffle(pieces)
    again = [pieces[number] for number in chance.integers(0, len(pieces), 2)]
    late = [np.sort(chance.choice(n, size=int(chance.integers(1, n + 1)), replace=False))]
    whole = judge(frame, CHECKS, interval)
    for order in (pieces, pieces + again, late + pieces):
        found = stored(frame, order, CHECKS, interval).sort_index()
        np.testing.assert_array_equal(found.to_numpy(), whole.to_numpy())


def test_one_row_after_the_other():
    frame = table([60] * 200, [0.0, 1.0, 1.5], 4)
    found = stored(frame, [np.array([row]) for row in range(200)], CHECKS, MINUTE)
    np.testing.assert_array_equal(found.to_numpy(), judge(frame, CHECKS, MINUTE).to_numpy())
    assert len(np.unique(found)) > 8  # there is something to get wrong


def test_rounding_does_not_decide():
    """A window at the very limit after values that are huge, in a series judged at once and in its last piece."""
    n = 4000
    values = np.where(np.arange(n) % 2, 0.1, 0.3)
    values[:1000] *= 1e9
    index = pd.date_range("2024-01-01", periods=n, freq="min", tz="UTC")
    frame = pd.DataFrame({"x": values}, index=index)
    for limit in (0.1, float(np.std(values[-10:])), np.nextafter(0.1, 1), np.nextafter(0.1, 0)):
        checks = {"x": (quality.attenuated(limit, seconds=600),)}
        whole = judge(frame, checks, MINUTE)
        np.testing.assert_array_equal(whole[-500:], judge(frame[-509:], checks, MINUTE)[-500:])


def test_reach_and_affected():
    far = reach(CHECKS, MINUTE)
    assert far == (900 * SECOND, 600 * SECOND)
    assert reach({"d": CHECKS["d"]}, MINUTE) == (600 * SECOND, 600 * SECOND)
    assert reach({"b": CHECKS["b"]}, None) == (300 * SECOND, 0)
    assert affected(100, 200, reach({}, MINUTE)) == (100, 200, 100, 200)
    assert affected(100, 200, type(far)(7, 3)) == (97, 207, 90, 210)


def test_the_newest_value_waits_for_its_successor():
    index = pd.date_range("2024-01-01", periods=3, freq="min", tz="UTC")
    frame = pd.DataFrame({"x": [0.0, 9.0, 0.0]}, index=index)
    checks = {"x": (quality.spike(3),)}
    assert judge(frame[:2], checks, MINUTE)["x_qc"].tolist() == [2, 2]
    assert judge(frame, checks, MINUTE)["x_qc"].tolist() == [2, 3, 2]


@pytest.mark.parametrize(
    "check",
    [
        quality.spike(1), quality.rate_of_change(1), quality.flat_line(60), quality.attenuated(1, seconds=60),
        quality.despike(3, seconds=600),
    ],
    ids=lambda check: check.name,
)  # fmt: skip
def test_without_a_declared_interval_neighbours_and_windows_say_nothing(check):
    index = pd.date_range("2024-01-01", periods=3, freq="min", tz="UTC")
    frame = pd.DataFrame({"x": [0.0, np.nan, 0.0]}, index=index)
    assert judge(frame, {"x": (check,)}, None)["x_qc"].tolist() == [2, 9, 2]


@pytest.mark.parametrize("rows", [1, 7, 64])
@pytest.mark.parametrize("kind", ["std", "range"])
def test_working_in_short_pieces_changes_nothing(rows, kind, monkeypatch):
    """How much is summed up at once is a matter of speed."""
    chance = np.random.default_rng(rows)
    times = START + np.cumsum(chance.choice([60, 60, 60, 5, 400], 500)) * SECOND
    values = np.where(chance.random(500) < 0.1, np.nan, np.round(np.cumsum(chance.normal(size=500)), 1))
    index = pd.DatetimeIndex(times.astype("datetime64[ns]"), tz="UTC")
    checks = {"x": (quality.attenuated(1.2, 0.6, seconds=600, kind=kind, complete=0.3),)}
    whole = judge(pd.DataFrame({"x": values}, index=index), checks, MINUTE)
    monkeypatch.setattr(running, "PIECE", rows)
    again = judge(pd.DataFrame({"x": values}, index=index), checks, MINUTE)
    pd.testing.assert_frame_equal(again, whole)
    assert set(whole["x_qc"]) == {1, 2, 3, 4, 9}


def test_a_variance_is_that_of_its_window():
    chance = np.random.default_rng(8)
    times = np.cumsum(chance.choice([60, 60, 60, 5, 400], 500)) * SECOND
    values = np.where(chance.random(500) < 0.1, np.nan, np.cumsum(chance.normal(size=500)))
    where = running.windows(times, 600 * SECOND, MINUTE)
    count = where.counts(np.isnan(values))
    found = running.variance(values, times, where, count, 600 * SECOND, 2, [0.25])
    for row in np.flatnonzero(count >= 2):
        inside = values[(times > times[row] - 600 * SECOND) & (times <= times[row]) & ~np.isnan(values)]
        assert count[row] == len(inside)
        assert np.isnan(values[row]) or found[row] == pytest.approx(np.var(inside), abs=1e-9)
