"""What stamps and record numbers say about the rows of a table."""

import numpy as np

from fieldline.quality.check import SECOND
from fieldline.quality.timing import Finding, findings

MINUTE = 60 * SECOND


def found(minutes, records=None, **options):
    """Findings by kind; times in minutes."""
    records = None if records is None else np.array(records, dtype=np.int64)
    times = np.array(minutes, dtype=np.int64) * MINUTE
    listed = findings(times, records, MINUTE, **options)
    return {one.kind: (one.count, one.rows, one.first // MINUTE, one.last // MINUTE) for one in listed}


def test_a_table_in_order_has_no_findings():
    assert found([1, 2, 3, 4], [7, 8, 9, 10], now=4 * MINUTE) == {}
    assert found([]) == found([5]) == {}


def test_rows_that_did_not_come():
    assert found([1, 2, 5, 6, 9]) == {"gap": (2, 4, 2, 9)}
    assert found([1, 2, 5], [1, 2, 5]) == {"gap": (1, 2, 2, 5), "record_gap": (1, 2, 2, 5)}
    assert findings(np.array([0, 9, 100]) * MINUTE) == ()  # no interval, no gap


def test_a_logger_that_was_off_has_a_gap_by_the_stamps_alone():
    assert found([1, 2, 60], [1, 2, 3]) == {"gap": (1, 57, 2, 60)}


def test_a_new_program_counts_from_zero():
    assert found([1, 2, 3, 4], [700, 701, 0, 1]) == {}


def test_record_numbers_wrap():
    assert found([1, 2, 3], [2**32 - 2, 2**32 - 1, 0]) == {}
    assert found([1, 2], [2**32 - 1, 1]) == {"record_gap": (1, 1, 1, 2)}


def test_a_clock_that_was_set_back():
    result = found([1, 2, 3, 2, 3, 4], [1, 2, 3, 4, 5, 6])
    assert result == {"duplicate": (2, 2, 2, 3), "clock_back": (1, 1, 2, 2)}


def test_rows_that_were_collected_again():
    assert found([1, 2, 3, 2, 3, 4], [1, 2, 3, 2, 3, 4]) == {"duplicate": (2, 2, 2, 3), "backward": (1, 1, 2, 2)}


def test_rows_that_come_late_fill_their_gap():
    assert found([1, 2, 5, 3, 4, 6]) == {"backward": (1, 1, 3, 3)}


def test_stamps_of_the_future():
    assert found([1, 2, 90], now=2 * MINUTE, ahead=5 * MINUTE)["future"] == (1, 1, 90, 90)
    assert "future" not in found([1, 2, 6], now=2 * MINUTE, ahead=5 * MINUTE)


def test_a_finding_is_plain():
    [one] = findings(np.array([1, 1]) * MINUTE)
    assert one == Finding("duplicate", 1, 1, MINUTE, MINUTE)
