"""Time stamps of logger tables, thousands at once.

    2021-06-25 10:50:05        2021-06-25 10:50:05.05        2021-06-25 24:00:00        2021-06-25 10:50

A fraction is printed only when it is not zero, and its trailing zeros are cut; midnight may stand as 24:00 of the day
that ends. Files that went through a spreadsheet hold US dates, `6/25/2021 10:50`.
"""

from __future__ import annotations

import re
from datetime import datetime

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

SHORT, LONG, LONGEST = len("2021-06-25 10:50"), len("2021-06-25 10:50:05"), len("2021-06-25 10:50:05.123456789")
_DIGITS = np.array([0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18])
_FIRST_YEAR, _LAST_YEAR = 1970, 2261  # what int64 nanoseconds since 1970 can hold, whole years
_US = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2}):(\d{2})(?::(\d{2}))?(?: ([AP])M)?", re.IGNORECASE)


def parse(data: Bytes, first: Ints, last: Ints) -> tuple[Ints, Flags]:
    """Read n stamps that stand in `data[first:last]`, quoted or not.

    Returns:
        Nanoseconds since 1970 on the logger's own clock (n), and which of them are readable (n). Unreadable ones are 0.
    """
    quoted = (last - first > 2) & (data[np.minimum(first, len(data) - 1)] == ord('"')) & (data[last - 1] == ord('"'))
    first, last = first + quoted, last - quoted
    length = last - first
    ok = (length == SHORT) | (length == LONG) | ((length > LONG + 1) & (length <= LONGEST))
    if len(data) < int(first.max(initial=0)) + LONG:  # the last stamp may be shorter than what is looked at
        data = np.concatenate([data, np.zeros(LONG, np.uint8)])
    here = np.lib.stride_tricks.sliding_window_view(data, LONG)[first]
    text = np.ascontiguousarray(here.T)  # a row for each place in a stamp, so that every step runs along the memory
    text[SHORT:, length == SHORT] = np.frombuffer(b":00", np.uint8)[:, None]
    ok &= (text[[4, 7]] == ord("-")).all(axis=0) & (text[[13, 16]] == ord(":")).all(axis=0)
    ok &= (text[10] == ord(" ")) | (text[10] == ord("T"))
    digits = text[_DIGITS] - ord("0")  # wraps around below '0', so one comparison finds all that is no digit
    ok &= (digits <= 9).all(axis=0)
    seconds, valid = _seconds(digits.astype(np.int64))
    fraction, readable = _fraction(data, first + LONG, length - LONG)
    ok &= valid & readable
    return np.where(ok, seconds * 1_000_000_000 + fraction, 0), ok


def _seconds(digits: Ints) -> tuple[Ints, Flags]:
    """Seconds since 1970 from fourteen digits YYYYMMDDhhmmss (14 × n), and whether there is such a time."""
    century, year, month, day, hour, minute, second = digits[0::2] * 10 + digits[1::2]
    days, ok = _days(century * 100 + year, month, day)
    ok &= (hour <= 24) & (minute <= 59) & (second <= 59)  # 24:MM:SS is 00:MM:SS of the next day
    return days * 86_400 + hour * 3_600 + minute * 60 + second, ok


def _days(year: Ints, month: Ints, day: Ints) -> tuple[Ints, Flags]:
    """Days since 1970 (n), and whether there is such a day; each date that stands in many rows is looked at once."""
    new = np.diff((year * 100 + month) * 100 + day, prepend=-1) != 0
    year, month, day = year[new], month[new], day[new]
    ok = (year >= _FIRST_YEAR) & (year <= _LAST_YEAR) & (month >= 1) & (month <= 12) & (day >= 1)
    months = np.where(ok, (year - 1970) * 12 + month - 1, 0).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (day - 1)
    ok &= days.astype("datetime64[M]") == months  # no 31 April
    row = np.cumsum(new) - 1
    return days.astype(np.int64)[row], ok[row]


def _fraction(data: Bytes, first: Ints, length: Ints) -> tuple[Ints, Flags]:
    """Nanoseconds from `.123` (n), for those with a fraction at all; and whether it is readable."""
    nanoseconds, ok = np.zeros(len(first), np.int64), np.ones(len(first), np.bool_)
    some = np.flatnonzero(length > 0)
    if len(some):
        ok[some] = data[first[some]] == ord(".")
        for place in range(1, int(min(length[some].max(), 10))):
            here = some[length[some] > place]
            digit = data[first[here] + place].astype(np.int64) - ord("0")
            ok[here] &= (digit >= 0) & (digit <= 9)
            nanoseconds[here] += digit * 10 ** (9 - place)
    return nanoseconds, ok


def spreadsheet(text: str) -> int | None:
    """Read one stamp as a US spreadsheet writes it, month first; None if it is not one. Nanoseconds since 1970."""
    match = _US.fullmatch(text.strip())
    if not match:
        return None
    month, day, year, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    if half := match[7]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (half.upper() == "P")
    try:
        stamp = datetime(year, month, day, hour, minute, second)
    except ValueError:  # no such day or hour: not a time, and the caller says so
        return None
    seconds = (stamp - datetime(1970, 1, 1)).total_seconds()
    return int(seconds) * 1_000_000_000 if _FIRST_YEAR <= year <= _LAST_YEAR else None
