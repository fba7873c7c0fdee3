"""The windows of GROUP BY time(): where they begin, also when a clock changes inside them.

Ported in meaning from InfluxDB 1.6.7, query/iterator.go, so that the same rows come out.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from ..influxql.ranges import EARLIEST, LATEST
from ..influxql.tree import QueryError
from ._catalog import Sql, sql
from ._select_where import Piece

MOST = 1_000_000  # windows or values of an answer
SECOND = 10**9
Times = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Clock:
    """The offset from UTC [ns] over a range of time: `offsets[i]` holds from `since[i]` on."""

    since: list[int]
    offsets: list[int]

    def at(self, time: int) -> int:
        """The offset at a time [ns]."""
        return self.offsets[max(bisect_right(self.since, time) - 1, 0)]


def clock(zone: str, start: int, end: int) -> Clock:
    """The offsets of a zone between two times, with room on both sides."""
    info, day = ZoneInfo(zone), 86_400 * SECOND
    at = (max(start, -(2**62)) // day - 2) * day
    stop = min(end, 2**62) + 2 * day
    result = Clock([at], [_offset(info, at)])
    while at < stop:
        after = at + day
        if (offset := _offset(info, after)) != result.offsets[-1]:
            result.since.append(_change(info, at, after))
            result.offsets.append(offset)
        at = after
    return result


def _offset(info: ZoneInfo, time: int) -> int:
    try:
        when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=time // SECOND)
        offset = when.astimezone(info).utcoffset() or timedelta()
    except OverflowError as error:
        raise QueryError("unsupported: tz() with a time outside of the years 1 to 9999") from error
    return (offset.days * 86_400 + offset.seconds) * SECOND


def _change(info: ZoneInfo, low: int, high: int) -> int:
    """The first second at which the offset is that of `high`."""
    new = _offset(info, high)
    low, high = low // SECOND, high // SECOND
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _offset(info, middle * SECOND) == new else (middle, high)
    return high * SECOND


@dataclass(frozen=True)
class Windows:
    """Windows of `every` ns; `clock` is that of tz(), `edges` are the starts when the clock changes among them.

    Without edges a window has a number: it starts at `base + number * every`.
    """

    every: int
    offset: int
    clock: Clock | None = None
    base: int = 0
    early: bool = False
    edges: Times | None = field(default=None, compare=False)

    def of(self, time: int) -> tuple[int, int]:
        """Start and end of the window in which a time lies."""
        time -= self.offset
        zone = self.clock.at(time) if self.clock else 0
        into = (time + zone) % self.every
        start = EARLIEST if EARLIEST + into >= time else time - into
        end = LATEST if LATEST - (self.every - into) <= time else time + self.every - into
        if self.clock:
            start = self._start(start, zone)
            end = self._end(end, zone)
        return start + self.offset, end + self.offset

    def _start(self, start: int, zone: int) -> int:
        shift = zone - self.clock.at(start)  # type: ignore[union-attr]
        return start + shift if 0 < abs(shift) < self.every else start

    def _end(self, end: int, zone: int) -> int:
        after = self.clock.at(end)  # type: ignore[union-attr]
        shift = zone - after
        if 0 < abs(shift) < self.every and (shift > 0 or self.clock.at(end + shift) == after):  # type: ignore[union-attr]
            return end + shift
        return end

    def number(self, time: int) -> int:
        """The number of the window in which a time lies, if there are no edges."""
        return (time - self.base) // self.every

    def starts(self, numbers: Times) -> Times:
        """Where windows with these numbers start."""
        return self.edges[numbers] if self.edges is not None else self.base + numbers * self.every

    def piece(self) -> Piece:
        """The number of the window of a row, in SQL."""
        text = sql("(epoch_ns(time) - ?) // {every}", every=Sql(str(self.every)))
        if not self.early:
            return Piece(text, (self.base,))
        # // rounds towards zero, and a window before the base starts at its lower end
        below = sql("CAST((epoch_ns(time) - ?) % {every} < 0 AS BIGINT)", every=Sql(str(self.every)))
        return Piece(sql("{number} - {below}", number=text, below=below), (self.base, self.base))


def windows(every: int, offset: int, zone: str, start: int, end: int) -> Windows:
    """The windows for times from `start` to `end` [ns], both included. Raises: QueryError, when there are too many."""
    if not zone:
        return _numbered(every, offset, start)
    offsets = clock(zone, start - every, end + every)
    if len(set(offsets.offsets)) == 1:
        return _numbered(every, offset - offsets.offsets[0], start)
    plain = Windows(every, offset, offsets)
    return Windows(every, offset, offsets, edges=_edges(plain, start, end))


def _numbered(every: int, offset: int, start: int) -> Windows:
    """Windows that a number tells: from that of `start`, or from 1970 for what may begin before."""
    anchor = max(start, 0)
    return Windows(every, offset, None, anchor - (anchor - offset) % every, start < 0)


def _edges(plain: Windows, start: int, end: int) -> Times:
    """The starts of all windows that follow each other from one time to another."""
    starts: list[int] = []
    at = start
    while at <= end:
        first, after = plain.of(at)
        starts.append(first)
        at = max(after, at + 1)
        if len(starts) > MOST:
            raise too_many(len(starts))
    return np.asarray(starts, dtype=np.int64)


def too_many(found: int) -> QueryError:
    """More windows than an answer may have."""
    return QueryError(f"max-select-buckets limit exceeded: ({found}/{MOST})")
