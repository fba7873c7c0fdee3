"""Times and widths as a person types and reads them."""

from __future__ import annotations

import re

import pandas as pd

from ..errors import UsageError

_WIDTH = re.compile(r"(\d+)(ms|s|m|h|d|w)")
_LONGEST = 100 * 366 * 86_400_000
_MILLISECONDS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}


def moment(option: str, text: str | None, now: pd.Timestamp) -> pd.Timestamp | None:
    """A time as a person writes it: a date, a date and time (UTC unless it says otherwise), or so long ago.

    Raises: UsageError, which names `option`.
    """
    if text is None:
        return None
    if text.startswith("-"):
        return now - width(option, text[1:])
    try:
        time = pd.Timestamp(text)
    except ValueError as error:
        raise UsageError(option, repr(text), "a time such as 2021-06-25T10:50Z, or -3h", "Correct it.") from error
    return time.tz_localize("UTC") if time.tz is None else time.tz_convert("UTC")


def width(option: str, text: str) -> pd.Timedelta:
    """A length of time: a number and its unit. Raises: UsageError, which names `option`."""
    match = _WIDTH.fullmatch(text)
    if not match or not int(match[1]):
        raise UsageError(option, repr(text), "a number and a unit: 30s, 10m, 1h, 1d, 1w", "Correct it.")
    milliseconds = int(match[1]) * _MILLISECONDS[match[2]]
    if milliseconds > _LONGEST:
        raise UsageError(option, repr(text), "a shorter time: at most a hundred years", "Correct it.")
    return pd.Timedelta(milliseconds=milliseconds)


def whole(time: pd.Timestamp, every: pd.Timedelta) -> pd.Timestamp:
    """The start of the window that a time lies in; windows are counted from 1970-01-01 UTC."""
    count = time.as_unit("ns").value
    return pd.Timestamp(count - count % every.as_unit("ns").value, unit="ns", tz="UTC")


def iso(time: pd.Timestamp) -> str:
    """A time as ISO 8601 with Z."""
    return time.isoformat().replace("+00:00", "Z")
