"""What a report says, in words: for tables, and for those who cannot see a picture."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from .flags import FAIL, SUSPECT
from .grid import DAY
from .report import FieldReport

VERDICTS = {
    "good": "good",
    "suspect": "suspect",
    "fail": "fail",
    "missing": "missing",
    "not_evaluated": "not evaluated",
}


def percent(share: float) -> str:
    """A percentage short enough for a table, never 0 for some and never 100 for not all."""
    if share <= 0:
        return "0"
    if share >= 100:
        return "100"
    if share < 0.01:
        return f"{max(share, 0.0001):.4f}"
    if share > 99:
        return f"{int(share * 100) / 100:.2f}"
    return f"{share:.2f}" if share < 1 else f"{share:.1f}"


def number(value: float) -> str:
    """Four digits, without an exponent where that reads well."""
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e7 else f"{value:.4g}"


def clock(time: pd.Timestamp) -> str:
    """A time to the second, or the minute where it is whole."""
    return time.strftime("%Y-%m-%d %H:%M" if time.second == 0 else "%Y-%m-%d %H:%M:%S")


def day(number: int) -> str:
    """A date by its number since 1970."""
    return pd.Timestamp(number * DAY, unit="ns").strftime("%Y-%m-%d")


def span(width: pd.Timedelta) -> str:
    """A length of time: 45 s, 12 min, 3.5 h, 4 d, 7.6 years."""
    seconds = width.total_seconds()
    if seconds >= 400 * 86_400:
        return f"{seconds / 31_556_952:,.1f} years"
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size or (seconds >= size and seconds % size == 0):
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def shares(field: FieldReport) -> str:
    """What became of the values: '97.1 % good, 2.9 % suspect'."""
    if not field.total:
        return "no values expected"
    said = [f"{percent(field.percent(key))} % {word}" for key, word in VERDICTS.items() if getattr(field, key)]
    return ", ".join(said)


def checks(found: Mapping[str, int], most: int | None = None) -> str:
    """Which checks spoke, and of how many values: 'spike 12, range 3'."""
    said = [f"{name} {count:,}" for name, count in list(found.items())[:most]]
    more = len(found) - len(said)
    return ", ".join(said) + (f" and {more} more" if more > 0 else "")


def days(field: FieldReport, first: int) -> str:
    """How many days are complete, and the emptiest. `first`: the first day of the range [days since 1970]."""
    known = np.isfinite(field.days)
    if not known.any():
        return "no values expected"
    complete = int((field.days[known] >= 1).sum())
    if complete == known.sum():
        return f"all {complete} days complete"
    emptiest = int(np.nanargmin(field.days))
    least = percent(100 * float(field.days[emptiest]))
    return (
        f"{complete} of {known.sum()} days complete; emptiest is {day(first + emptiest)} with {least} % of its values"
    )


def bins(field: FieldReport) -> str:
    """How much of the timeline is flagged, and the worst hour."""
    flags = field.timeline.flags
    flagged = int(((flags == SUSPECT) | (flags == FAIL)).sum())
    if not flagged:
        return f"{shares(field)}; nothing suspect, nothing failed"
    width = span(pd.Timedelta(field.timeline.width, unit="ns"))
    return f"suspect or failed values in {flagged} of {len(flags)} bins of {width}; {worst(field)}"


def worst(field: FieldReport) -> str:
    """The worst hour, or that there is none."""
    if not field.worst:
        return "no hour with suspect or failed values"
    hour = field.worst[0]
    return f"the worst hour begins {clock(hour.start)} with {hour.count:,} flagged values"


def print_of(field: FieldReport) -> str:
    """What the fingerprint shows."""
    values = field.fingerprint.values[np.isfinite(field.fingerprint.values)]
    unit = f" {field.unit}" if field.unit else ""
    span_of_values = f"cell means from {number(values.min())} to {number(values.max())}{unit}" if len(values) else ""
    flagged = f"{field.suspect:,} suspect and {field.fail:,} failed values"
    return "; ".join(filter(None, (span_of_values, flagged, worst(field) if field.worst else "")))
