"""Statistics of running windows, each a function of its window alone.

The running standard deviation of pandas carries rounding from all earlier values, so that the same rows give another
last digit in another piece of a series, and at a threshold another flag. Here nothing but the window enters, always in
the same order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.indexers import BaseIndexer

from .flags import Bools, Floats, Ints

__all__ = ["Bools", "Windows", "begin", "median", "pieces", "spread", "variance", "windows"]


def begin(breaks: Bools) -> Ints:
    """For each of n rows the first row of its stretch. breaks: n - 1, whether a new stretch begins behind the row."""
    first = np.zeros(len(breaks) + 1, dtype=np.int64)
    rows = np.flatnonzero(breaks) + 1
    first[rows] = rows
    return np.maximum.accumulate(first, out=first)


PIECE = 16_384  # rows


def pieces(times: Ints, width: int, interval: int) -> Iterator[tuple[int, int, int]]:
    """(context, begin, end): rows `begin` to before `end`, whose windows of `width` [ns] begin at `context` or later.

    Work in pieces fits the cache, and short sums round less. Since a result depends on its window alone, it stays the
    same.
    """
    step = max(PIECE, 4 * width // interval)
    for first in range(0, len(times), step):
        yield int(np.searchsorted(times, times[first] - width, side="right")), first, min(first + step, len(times))


@dataclass(frozen=True)
class Windows:
    """For each of n rows the first row of its window. lag: how many rows before it that is, but for the rows `odd`."""

    first: Ints
    lag: int
    odd: Ints

    def counts(self, missing: Bools) -> Ints:
        """How many of the n values are there, in the windows."""
        if missing.any():
            return self.sums((~missing).astype(np.int64))
        return np.arange(1, len(missing) + 1) - self.first

    def sums(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The sums of n values over the windows, as differences of one running sum."""
        running = np.cumsum(values)
        result = running.copy()
        result[self.lag + 1 :] -= running[: -self.lag - 1]
        before = self.first[self.odd] - 1
        result[self.odd] = running[self.odd] - np.where(before < 0, 0, running[before])
        return result


def windows(times: Ints, width: int, interval: int) -> Windows:
    """Windows that begin later than `width` [ns] before each of n rows. interval: the usual step [ns]."""
    n, lag = len(times), (width - 1) // interval
    first = np.maximum(np.arange(n) - lag, 0)
    if (np.diff(times) == interval).all():
        return Windows(first, lag, np.empty(0, dtype=np.int64))
    odd = np.zeros(n, dtype=np.bool_)
    odd[:lag] = times[:lag] - times[:1] >= width
    odd[lag:] = times[lag:] - times[: max(n - lag, 0)] >= width
    odd[lag + 1 :] |= times[lag + 1 :] - times[: max(n - lag - 1, 0)] < width
    rows = np.flatnonzero(odd)
    first[rows] = np.searchsorted(times, times[rows] - width, side="right")
    return Windows(first, lag, rows)


class _Bounds(BaseIndexer):
    """Windows from row `first` to before row `last`, for pandas."""

    def get_window_bounds(
        self,
        num_values: int = 0,
        min_periods: int | None = None,
        center: bool | None = None,
        closed: str | None = None,
        step: int | None = None,
    ) -> tuple[Ints, Ints]:
        return self.first, self.last  # type: ignore[attr-defined]


def _rolling(values: Floats, first: Ints, last: Ints, what: str) -> Floats:
    rolling = pd.Series(values).rolling(_Bounds(first=first, last=last), min_periods=1)
    return np.asarray(getattr(rolling, what)().to_numpy(), dtype=np.float64)


def median(values: Floats, first: Ints, last: Ints) -> Floats:
    """The median of the values from row `first` to before row `last`, for each of n rows."""
    return _rolling(values, first, last, "median")


def spread(values: Floats, first: Ints, rows: Ints) -> Floats:
    """The range of the values from row `first` to row `rows`, both ascending: one for each of the rows asked for."""
    if not len(rows):
        return np.empty(0)
    needed = _covered(len(values), first, rows)
    place = np.cumsum(needed) - 1
    values, first, rows = values[needed], place[first], place[rows]
    # pandas wants a window for each value, and windows that begin in order: rows nobody asked for get a small one.
    following = np.searchsorted(rows, np.arange(len(values)), side="left")
    begins = np.minimum(np.append(first, len(values))[following], np.arange(len(values)))
    ends = np.arange(1, len(values) + 1)
    return (_rolling(values, begins, ends, "max") - _rolling(values, begins, ends, "min"))[rows]


def _covered(n: int, first: Ints, rows: Ints) -> Bools:
    """Which of n rows lie in one of the windows."""
    change = np.zeros(n + 1, dtype=np.int64)
    np.add.at(change, first, 1)
    change[rows + 1] -= 1  # each row ends one window at most
    return np.asarray(np.cumsum(change[:-1]) > 0)


def variance(
    values: Floats, times: Ints, where: Windows, count: Ints, width: int, least: int, limits: Sequence[float]
) -> Floats:
    """The variance (of the population) in the windows of n values, NaN for missing ones left out.

    Differences of running sums are fast, but their rounding errors depend on where the sums begin. Where they could
    decide on which side of one of `limits` the result is, it is computed from the window alone.

    Args:
        where: `windows(times, width, ...)`. count: how many values there are in each window.
        least: where there are fewer, the result means nothing.
        limits: variances.
    """
    result, doubt = _estimate(values, where, count, least, limits)
    rows = np.flatnonzero(doubt & (count >= least))
    if len(rows):
        result[rows] = _exact(values, times, where.first, rows, width)
    return result


def _estimate(values: Floats, where: Windows, count: Ints, least: int, limits: Sequence[float]) -> tuple[Floats, Bools]:
    """The variances as differences of running sums, and where rounding leaves a doubt about one of `limits`."""
    missing = np.isnan(values)
    holes = bool(missing.any())
    share = 1.0 / np.maximum(count, 1)
    away = np.where(missing, 0.0, values) if holes else values.copy()
    away -= away.sum() / max(len(away) - int(missing.sum()), 1)
    if holes:
        away[missing] = 0.0
    size = float(np.abs(away).sum())
    result = where.sums(away)
    result *= share
    # Each of the n additions rounds by at most half a unit in the last place of a sum that never exceeds the whole.
    rounding = float(np.abs(result).max(initial=0.0)) * size
    result *= result
    np.multiply(away, away, out=away)
    rounding += float(away.sum())
    rounding *= 4 * len(values) * float(np.finfo(np.float64).eps) / least
    squares = where.sums(away)
    squares *= share
    np.subtract(squares, result, out=result)
    doubt = missing.copy()
    for limit in limits:
        distance = np.subtract(result, limit, out=away)
        doubt |= np.abs(distance, out=distance) <= rounding + 1e-9 * limit
    doubt[missing] = False
    return result, doubt


def _exact(values: Floats, times: Ints, first: Ints, rows: Ints, width: int) -> Floats:
    """The variance at `rows`, from the rows of their windows alone."""
    needed = np.flatnonzero(_covered(len(values), first[rows], rows) & ~np.isnan(values))
    at = np.searchsorted(needed, rows)
    return _variance(values[needed], times[needed], np.searchsorted(needed, first[needed]), width)[at]


def _variance(values: Floats, times: Ints, first: Ints, width: int) -> Floats:
    """The variance of the values from row `first` on, for each of n rows; none is missing.

    Time is cut into blocks of `width`. A window is the end of one block and the beginning of the next, and sums of both
    parts come from running sums within the block, about its last and its first value. The parts are joined as in Chan,
    Golub and LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample variances".
    """
    n = len(values)
    block = (times - 1) // width
    starts = np.flatnonzero(np.diff(block, prepend=block[0] - 1))
    counts = np.diff(starts, append=n)
    head, tail = _sums(values, starts, counts)
    own = np.repeat(starts, counts)
    here = (np.arange(n) - own + 1).astype(np.float64)
    before = np.maximum(own - first, 0).astype(np.float64)
    mean, scatter = _moments(head, here)
    crossing = before > 0
    rows = slice(None) if crossing.all() else np.flatnonzero(crossing)
    at = first[rows]
    mean_before, scatter_before = _moments(tail[:, at], before[rows])
    gap = mean_before - mean[rows]
    both = here[rows] * before[rows] / (here[rows] + before[rows])
    scatter[rows] += scatter_before + gap * gap * both
    return np.asarray(scatter / (here + before))


def _moments(sums: Floats, count: Floats) -> tuple[Floats, Floats]:
    """Mean and sum of squares about it, from (reference, sum, sum of squares about the reference) and count."""
    reference, total, squares = sums
    shift = total / count
    return reference + shift, np.maximum(squares - total * shift, 0.0)


def _sums(values: Floats, starts: Ints, counts: Ints) -> tuple[Floats, Floats]:
    """For each row (reference, sum, sum of squares) from its block's start to it, and from it to its block's end."""
    head, tail = np.empty((3, len(values))), np.empty((3, len(values)))
    order = np.argsort(counts, kind="stable")
    borders = np.flatnonzero(np.diff(counts[order])) + 1
    for blocks in np.split(order, borders):  # of equal length: at most sqrt(2 n) times
        length = int(counts[blocks[0]])
        at = starts[blocks]
        if at[-1] - at[0] == (len(at) - 1) * length:
            where: Any = slice(int(at[0]), int(at[0]) + len(at) * length)
        else:
            where = (at[:, None] + np.arange(length)).ravel()
        x = values[where].reshape(len(at), length)
        head[:, where] = _accumulated(x)
        tail[:, where] = _accumulated(x[:, ::-1], reverse=True)
    return head, tail


def _accumulated(x: Floats, reverse: bool = False) -> npt.NDArray[np.float64]:
    """Running (reference, sum, sum of squares) along each row about its first value. (blocks, length) -> (3, all)."""
    result = np.empty((3, *x.shape))
    result[0] = x[:, :1]
    away = x - x[:, :1]
    np.cumsum(away, axis=1, out=result[1])
    np.multiply(away, away, out=away)
    np.cumsum(away, axis=1, out=result[2])
    return (result[:, :, ::-1] if reverse else result).reshape(3, -1)
