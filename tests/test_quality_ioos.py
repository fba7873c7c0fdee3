"""The checks of QARTOD agree with ioos_qc on random series, and where they do not, a test here says why.

FIELDLINE_SERIES=4000 takes more series than the 400 of a quick run.
"""

import os
import warnings

import numpy as np
import pytest

from fieldline.quality.check import SECOND, Around
from fieldline.quality.checks import attenuated, between, flat_line, rate_of_change, spike
from fieldline.quality.flags import FAIL, GOOD, MISSING, SUSPECT, UNKNOWN, merge

if os.environ.get("CI"):
    from ioos_qc import qartod
else:
    qartod = pytest.importorskip("ioos_qc.qartod", reason="the oracle, `pip install ioos_qc`, is not here")

SERIES = int(os.environ.get("FIELDLINE_SERIES", "400"))
BATCHES = 20


def around(times, interval):
    return Around(times, interval, lambda name: pytest.fail(f"asked for {name}"))


def series(seed):
    """A random series: values [n], the same with missing ones NaN, stamps [ns], interval [ns]."""
    chance = np.random.default_rng(seed)
    n = int(chance.integers(3, 200))
    interval = int(chance.choice([1, 5, 60, 600, 1800, 3600])) * SECOND
    values = np.cumsum(chance.normal(size=n)) + chance.normal(size=n) * chance.choice([0, 0.1, 3])
    if chance.random() < 0.5:
        values = np.round(values * 2) / 2  # what a coarse logger writes: repeats
    for _ in range(int(chance.integers(0, 4))):
        start = int(chance.integers(0, n))
        values[start : start + int(chance.integers(2, 40))] = values[start]
    values[chance.random(n) < chance.choice([0, 0.02, 0.3])] = np.nan
    values[chance.random(n) < chance.choice([0, 0.02])] = chance.choice([np.inf, -np.inf])
    clean = np.where(np.isfinite(values), values, np.nan)
    return values, clean, 1_700_000_000 * SECOND + np.arange(n) * interval, interval


def oracle(test, *arguments, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(np.ma.filled(test(*arguments, **options), 0), dtype=np.uint8)


def behind(clean):
    """Where the value before is missing, the first value included."""
    return np.isnan(np.concatenate([[np.nan], clean[:-1]]))


def compare(check, values, clean, times, interval, theirs, excused):
    mine = check.function(clean, around(times, interval))
    wrong = (mine != theirs) & ~excused
    assert not wrong.any(), f"{check}: rows {np.flatnonzero(wrong)} of {values.tolist()}: {mine} {theirs}"
    return mine


def compare_all(seed):
    values, clean, times, interval = series(seed)
    one = (values, clean, times, interval)
    chance = np.random.default_rng(seed + 10**6)
    low, high = np.sort(chance.uniform(0.3, 8, 2))
    stamps, never, rows = times.astype("datetime64[ns]"), np.zeros(len(values), bool), np.arange(len(values))
    lone = behind(clean) & ~np.isnan(clean)
    infinite = np.isinf(values)

    theirs = [oracle(qartod.gross_range_test, values, (-high, high), (-low, low))]
    mine = [compare(between(-high, high, suspect=(-low, low)), *one, theirs[0], infinite)]
    for method in ("average", "differential"):
        theirs.append(oracle(qartod.spike_test, values, low, high, method))
        mine.append(compare(spike(low, high, method=method), *one, theirs[-1], never))
    rates = low / (interval / SECOND), high / (interval / SECOND)
    theirs.append(oracle(qartod.rate_of_change_test, values, stamps, *rates))
    mine.append(compare(rate_of_change(*rates), *one, theirs[-1], lone))
    assert (mine[-1][lone] == UNKNOWN).all()

    steps = np.sort(chance.choice(np.arange(1, 30), 2, replace=False))
    seconds = [int(step * interval / SECOND) for step in steps]
    tolerance = float(chance.choice([0.0, 0.123, 1.7]))
    theirs.append(oracle(qartod.flat_line_test, values, stamps, *seconds, tolerance or 1e-9))
    edges = [np.isnan(clean[np.maximum(rows - step, 0)]) for step in steps]
    hidden = (rows < steps[1]) | edges[0] | edges[1] | _holes(clean, int(steps[1]))
    mine.append(compare(flat_line(*seconds, tolerance=tolerance), *one, theirs[-1], hidden))
    early = (rows < steps[0]) & ~np.isnan(clean)
    assert np.isin(mine[-1][early], (GOOD, UNKNOWN)).all()

    width = int(steps[1] + 1)
    needed = max(2, -(-width * 9 // 10))
    options = {"test_period": width * interval // SECOND, "min_obs": needed}
    theirs.append(oracle(qartod.attenuated_signal_test, values, stamps, high, low, **options))
    mine.append(compare(attenuated(high, low, seconds=options["test_period"]), *one, theirs[-1], never))
    options["check_type"] = "range"
    theirs.append(oracle(qartod.attenuated_signal_test, values, stamps, high, low, **options))
    gaps = np.array([np.isnan(clean[max(0, row - width + 1) : row + 1]).any() for row in rows])
    mine.append(compare(attenuated(high, low, seconds=options["test_period"], kind="range"), *one, theirs[-1], gaps))

    merged = merge(theirs, np.isnan(clean) & ~infinite)
    np.testing.assert_array_equal(merged, oracle(qartod.qartod_compare, theirs))


def _holes(clean, rows):
    """Where more than nine missing values in a row lie within that many rows before: a stretch ends there."""
    missing = np.isnan(clean).astype(int)
    run = np.array([missing[max(0, row - 9) : row + 1].sum() == 10 for row in range(len(clean))])
    return np.array([run[max(0, row - rows - 10) : row + 1].any() for row in range(len(clean))])


@pytest.mark.parametrize("batch", range(BATCHES))
def test_flags_are_those_of_ioos_qc(batch):
    for seed in range(batch, SERIES, BATCHES):
        compare_all(seed)


# The deviations. Each is in docs/quality.md.


def both(check, test, values, *arguments, seconds=60, times=None, **options):
    times = np.arange(len(values)) * seconds * SECOND if times is None else np.asarray(times)
    clean = np.where(np.isfinite(values), values, np.nan)
    mine = check.function(clean, around(times, seconds * SECOND))
    stamps = () if test in (qartod.gross_range_test, qartod.spike_test) else (times.astype("datetime64[ns]"),)
    return mine.tolist(), oracle(test, values, *stamps, *arguments, **options).tolist()


def test_infinities_are_missing():
    mine, theirs = both(between(0, 9), qartod.gross_range_test, np.array([1.0, np.inf]), (0, 9))
    assert (mine, theirs) == ([GOOD, MISSING], [GOOD, FAIL])


def test_a_step_shorter_than_a_second_counts_as_long_as_it_is():
    values, times = np.array([0.0, 1.0]), np.array([0, SECOND * 3 // 2])
    mine, theirs = both(rate_of_change(0.8), qartod.rate_of_change_test, values, 0.8, times=times)
    assert (mine[1], theirs[1]) == (GOOD, SUSPECT)


def test_the_first_value_and_one_behind_a_gap_have_no_rate():
    values = np.array([0.0, 1.0, np.nan, 5.0])
    mine, theirs = both(rate_of_change(1.0), qartod.rate_of_change_test, values, 1.0)
    assert (mine, theirs) == ([UNKNOWN, GOOD, MISSING, UNKNOWN], [GOOD, GOOD, MISSING, GOOD])


def test_tolerance_zero_finds_values_that_are_identical():
    mine, theirs = both(flat_line(120, 180), qartod.flat_line_test, np.full(4, 7.0), 120, 180, 0)
    assert (mine, theirs) == ([UNKNOWN, UNKNOWN, SUSPECT, FAIL], [GOOD] * 4)


def test_the_tolerance_itself_is_flat():
    values = np.array([0.0, 0.5, 0.0, 0.5])
    mine, theirs = both(flat_line(120, 180, tolerance=0.5), qartod.flat_line_test, values, 120, 180, 0.5)
    assert (mine, theirs) == ([UNKNOWN, UNKNOWN, SUSPECT, FAIL], [GOOD] * 4)


def test_a_lone_value_is_not_flat():
    values = np.array([np.nan, np.nan, np.nan, 5.0, np.nan])
    mine, theirs = both(flat_line(60, 120), qartod.flat_line_test, values, 60, 120, 1e-9)
    assert (mine[3], theirs[3]) == (UNKNOWN, FAIL)


def test_a_flat_line_must_last_as_long_as_the_threshold():
    """100 s are not 60 s, although there is only one step of 60 s in them."""
    mine, theirs = both(flat_line(100, 200), qartod.flat_line_test, np.full(3, 7.0), 100, 200, 1e-9)
    assert (mine, theirs) == ([UNKNOWN, UNKNOWN, SUSPECT], [GOOD, SUSPECT, SUSPECT])


def test_windows_are_of_time_and_not_of_rows():
    """An outage of a day between equal values: two rows are no flat line."""
    values, times = np.array([1.0, 2.0, 7.0, 7.0, 7.0]), np.array([0, 60, 120, 86400, 86460]) * SECOND
    mine, theirs = both(flat_line(120, 180), qartod.flat_line_test, values, 120, 180, 1e-9, times=times)
    assert (mine[4], theirs[4]) == (UNKNOWN, SUSPECT)


def test_a_neighbour_far_away_is_none():
    values, times = np.array([0.0, 9.0, 0.0, 9.0, 0.0]), np.array([0, 60, 120, 86400, 86460]) * SECOND
    mine, theirs = both(spike(3), qartod.spike_test, values, 3, times=times)
    assert (mine, theirs) == ([2, SUSPECT, UNKNOWN, UNKNOWN, 2], [2, SUSPECT, SUSPECT, SUSPECT, 2])


def test_a_direction_goes_round():
    values = np.array([350.0, 355.0, 5.0, 10.0])
    mine, theirs = both(rate_of_change(1.0, circular=True), qartod.rate_of_change_test, values, 1.0)
    assert (mine[2], theirs[2]) == (GOOD, SUSPECT)
    mine, theirs = both(spike(20.0, circular=True), qartod.spike_test, values, 20.0)
    assert (mine[1:3], theirs[1:3]) == ([GOOD, GOOD], [SUSPECT, SUSPECT])


def test_a_signal_is_not_judged_before_the_window_is_full():
    values = np.array([0.0, 9.0, 0.0, 9.0])
    options = {"test_period": 180}
    mine, theirs = both(attenuated(2, 1, seconds=180), qartod.attenuated_signal_test, values, 2, 1, **options)
    assert (mine, theirs) == ([UNKNOWN, UNKNOWN, GOOD, GOOD], [FAIL, GOOD, GOOD, GOOD])


def test_a_range_leaves_missing_values_out():
    values = np.array([0.0, 9.0, 0.0, 9.0, np.nan, 9.0, 0.0, 9.0, 0.0, 9.0, 0.0])
    check = attenuated(2, 1, seconds=600, kind="range")
    options = {"test_period": 600, "check_type": "range", "min_obs": 9}
    mine, theirs = both(check, qartod.attenuated_signal_test, values, 2, 1, **options)
    assert (mine[10], theirs[10]) == (GOOD, UNKNOWN)
