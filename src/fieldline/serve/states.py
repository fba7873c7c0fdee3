"""How a table is doing, in one word and in a sentence."""

from __future__ import annotations

from typing import Literal

State = Literal["good", "late", "silent", "ahead", "unknown", "empty"]
HEARD: tuple[State, ...] = ("good", "late")  # a table that is alive
DELAY = 10 * 60  # [s] that collecting and a run every five minutes take at most
GRACE = 30 * 60  # [s] a row may be late by this much, or by three intervals, before its table is silent, as in `status`
LOW, VERY_LOW = 11.5, 11.0  # [V] of a lead battery of 12 V; below the second Campbell's loggers stop measuring at 9.6


_MORE: dict[State, str] = {
    "late": ": it is late",
    "silent": ": something is wrong",
    "ahead": ": a clock is wrong, and whether rows still come can't be told",
    "unknown": "; nothing tells yet how often rows come",
}


def state_of(age: float | None, interval: float | None) -> State:
    """good: the next row is not overdue. late: it is. silent: since so long that something is wrong. ahead: the newest
    row is of the future, so nothing tells whether rows still come. unknown: nor how often. empty: no row.

    Args:
        age: of the newest row. interval: between rows; None: not known. [s]
    """
    if age is None:
        return "empty"
    if age < -DELAY:
        return "ahead"
    if not interval:
        return "unknown"
    every = interval
    if age <= every + max(DELAY, 0.5 * every):
        return "good"
    return "late" if age <= max(3 * every, every + GRACE) else "silent"


def words_of(state: State, age: float | None, interval: float | None) -> str:
    """The state as a sentence."""
    if age is None:
        return "no row yet"
    since = f"the newest row is {span(age)} old" if age >= 0 else f"the newest row is {span(-age)} ahead of the clock"
    usual = f", rows come every {span(interval)}" if interval else ""
    return since + usual + _MORE.get(state, "")


def battery_state(volts: float | None) -> str | None:
    """good, low or very low; None where no battery of 12 V is measured. [V]"""
    if volts is None or not 5 < volts < 20:
        return None
    return "good" if volts >= LOW else "low" if volts >= VERY_LOW else "very low"


def span(seconds: float) -> str:
    """A time in the largest unit that it fills: '5 min', '3 h', '2 days'."""
    for size, word in ((172_800, "days"), (7_200, "h"), (120, "min")):
        if seconds >= size:
            return f"{seconds / {'days': 86_400, 'h': 3_600, 'min': 60}[word]:.0f} {word}"
    return f"{seconds:.0f} s"
