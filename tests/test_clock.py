"""The logger's clock: offsets, zones, and the hour that stands twice."""

import pandas as pd
import pytest

from fieldline.clock import fixed_offset, to_utc


def utc(zone, *stamps, after=None):
    after = after and pd.Timestamp(after, tz="UTC")
    return [time.strftime("%m-%d %H:%M") for time in to_utc(pd.to_datetime(list(stamps)), zone, after)]


@pytest.mark.parametrize("zone", ["-05:00", "Etc/GMT+5", "Jamaica"])
def test_a_clock_without_summer_time_is_an_offset(zone):
    assert fixed_offset(zone).total_seconds() == -5 * 3600
    assert utc(zone, "2026-01-01 00:00", "2026-07-01 00:00") == ["01-01 05:00", "07-01 05:00"]


@pytest.mark.parametrize("zone", ["5", "-5:00", "+15:00", "-05:60", "Nowhere/City", "", "../etc/passwd"])
def test_what_is_no_clock_is_refused(zone):
    with pytest.raises(ValueError, match=r"offset"):
        fixed_offset(zone)


def test_the_hour_that_stands_twice_is_told_apart_by_the_order_of_rows():
    stamps = ["2026-11-01 00:30", "2026-11-01 01:00", "2026-11-01 01:30", "2026-11-01 01:00", "2026-11-01 01:30"]
    assert utc("America/Detroit", *stamps, "2026-11-01 02:00") == [
        "11-01 04:30", "11-01 05:00", "11-01 05:30", "11-01 06:00", "11-01 06:30", "11-01 07:00",
    ]  # fmt: skip


def test_the_same_row_by_row():
    stamps = ["2026-11-01 00:30", "2026-11-01 01:00", "2026-11-01 01:30", "2026-11-01 01:00", "2026-11-01 01:30"]
    after, got = None, []
    for stamp in stamps:
        after = to_utc(pd.to_datetime([stamp]), "America/Detroit", after)[0]
        got.append(after)
    assert got == list(to_utc(pd.to_datetime(stamps), "America/Detroit"))


def test_the_hour_that_spring_leaves_out_is_standard_time():
    assert utc("America/Detroit", "2026-03-08 01:30", "2026-03-08 02:30", "2026-03-08 03:30") == [
        "03-08 06:30", "03-08 07:30", "03-08 07:30",
    ]  # fmt: skip


def test_summer_time_is_no_fixed_offset():
    assert fixed_offset("America/Detroit") is None
