"""Windows of 15 minutes kept in memory, so that a year of rows of 5 s is drawn as fast as a day.

What is written later is followed by the store's own note of its last writes: only the windows that were touched are
asked for again, so a day that is written anew shows at the next look. A file that changed without such a note
(somebody's own DuckDB wrote to it) makes everything be asked for again. The first look at a year costs what its rows
cost; a restart begins anew.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..sinks.looking import BY_RANK, DAY, PARTS, Changes, Look, Numbers, Wanted, Wind

BASE = 15 * 60 * 10**9  # ns
BLOCK = 3072  # windows: 32 days
SECOND = 10**9  # ns
_BACK = (3_600, 86_400, 400 * 86_400)  # [s] of rows that tell how far apart they are
_TELLING = 10  # more rows than these suffice
_KEPT = 600 * SECOND
MOST_ROSES = 50  # that are kept; a year of one takes 0.3 MB
Spans = tuple[tuple[str, str, int, int], ...]

_TYPES = {"count": np.int64, "worst": np.uint8, "bits": np.int64, "rows": np.int64}
_RANK = np.zeros(256, dtype=np.uint8)
_RANK[BY_RANK] = np.arange(len(BY_RANK))
_RANK[0] = 0


def empty(name: str, count: int) -> Numbers:
    """What a part of windows without rows is: NaN for values, 0 for counts and flags."""
    kind = _TYPES.get(name)
    return np.full(count, np.nan) if kind is None else np.zeros(count, dtype=kind)


def gridded(at: Numbers, parts: Mapping[str, Numbers], first: int, count: int) -> dict[str, Numbers]:
    """Windows with rows, set into a row of `count` windows from number `first` on."""
    found = {}
    for name, values in parts.items():
        found[name] = empty(name, count)
        found[name][at - first] = values
    return found


def merged(parts: Mapping[str, Numbers], by: int) -> dict[str, Numbers]:
    """Every `by` windows as one."""
    if by == 1:
        return dict(parts)
    return {name: _merged(name, values.reshape(-1, by)) for name, values in parts.items()}


def _merged(name: str, rows: Numbers) -> Numbers:
    if name == "low":
        return np.asarray(np.fmin.reduce(rows, axis=1))
    if name == "high":
        return np.asarray(np.fmax.reduce(rows, axis=1))
    if name == "worst":
        return np.asarray(BY_RANK[_RANK[rows].max(axis=1)])
    if name == "bits":
        return np.asarray(np.bitwise_or.reduce(rows, axis=1))
    if name in ("sum", "sine", "cosine"):
        return np.where(np.isnan(rows).all(axis=1), np.nan, np.nansum(rows, axis=1))
    return np.asarray(rows.sum(axis=1))


class Follower:
    """What was written to a store since the last look."""

    def __init__(self, path: Path) -> None:
        self._path, self._number, self._stamp = path, -1, (0, 0, 0)

    def follow(self, look: Look) -> Spans | None:
        """The times that were touched, by bucket and measurement ('': all of the bucket); None: anything may have
        changed."""
        changes = look.changes(self._number)
        about = self._path.stat()
        stamp = (about.st_ino, about.st_mtime_ns, about.st_size)
        spans = self._judged(changes, stamp)
        self._number, self._stamp = changes.number, stamp
        return spans

    def _judged(self, changes: Changes, stamp: tuple[int, int, int]) -> Spans | None:
        if self._number < 0 or changes.spans is None or stamp[0] != self._stamp[0]:
            return None
        quiet = changes.number == self._number
        return None if quiet and stamp != self._stamp else changes.spans


@dataclass
class _Block:
    """BLOCK windows of one part of one field; `stale`: first and last+1 of those that must be asked for."""

    parts: dict[str, Numbers]
    stale: tuple[int, int] | None


_Key = tuple[str, str, str, Wanted, int]


@dataclass
class Rollup:
    """The windows of one store; safe to use from several threads.

    path: the store's file. most: how many bytes it keeps; the blocks that were not used for longest go first.
    """

    path: Path
    most: int = 200 * 2**20
    _blocks: OrderedDict[_Key, _Block] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._follower = Follower(self.path)
        self._bytes = 0

    def windows(
        self, look: Look, station: str, wanted: Sequence[Wanted], first: int, count: int
    ) -> dict[Wanted, dict[str, Numbers]]:
        """`count` windows of BASE from number `first` on, of which those without rows are there too."""
        with self._lock:
            self._follow(look)
            table = (look.table.bucket, look.table.measurement, station)
            numbers = range(first // BLOCK, (first + count - 1) // BLOCK + 1)
            blocks = {one: [self._block((*table, one, number)) for number in numbers] for one in wanted}
            for low, high in _joined(block.stale for row in blocks.values() for block in row if block.stale):
                asked = [one for one in wanted if any(_meets(block.stale, low, high) for block in blocks[one])]
                self._fill(look, station, asked, low, high, blocks, numbers)
            skip = first - numbers[0] * BLOCK
            found = {
                one: {
                    name: np.concatenate([block.parts[name] for block in row])[skip : skip + count]
                    for name in PARTS[one.part]
                }
                for one, row in blocks.items()
            }
            self._shrink()
            return found

    def _follow(self, look: Look) -> None:
        """Mark what was written since."""
        spans = self._follower.follow(look)
        if spans is None:
            self._blocks.clear()
            self._bytes = 0
            return
        for bucket, measurement, low, high in spans:
            for key, block in self._blocks.items():
                if key[0] == bucket and measurement in ("", key[1]):
                    _mark(block, key[4] * BLOCK, low // BASE, high // BASE + 1)

    def _block(self, key: _Key) -> _Block:
        block = self._blocks.get(key)
        if block is None:
            first = key[4] * BLOCK
            block = _Block({name: empty(name, BLOCK) for name in PARTS[key[3].part]}, (first, first + BLOCK))
            self._blocks[key] = block
            self._bytes += _size(block)
        self._blocks.move_to_end(key)
        return block

    def _fill(
        self,
        look: Look,
        station: str,
        wanted: Sequence[Wanted],
        low: int,
        high: int,
        blocks: Mapping[Wanted, Sequence[_Block]],
        numbers: Sequence[int],
    ) -> None:
        """Ask for the windows from `low` to before `high`."""
        at, found = look.windows(station, wanted, low * BASE, high * BASE, BASE)
        for one in wanted:
            values = gridded(at, found[one], low, high - low)
            for number, block in zip(numbers, blocks[one], strict=True):
                start = max(low, number * BLOCK)
                stop = min(high, (number + 1) * BLOCK)
                if start < stop:
                    for name, part in block.parts.items():
                        part[start - number * BLOCK : stop - number * BLOCK] = values[name][start - low : stop - low]
                    if block.stale and start <= block.stale[0] and block.stale[1] <= stop:
                        block.stale = None

    def _shrink(self) -> None:
        while self._bytes > self.most and self._blocks:
            _, block = self._blocks.popitem(last=False)
            self._bytes -= _size(block)


def _mark(block: _Block, first: int, low: int, high: int) -> None:
    """Note that windows from `low` to before `high` must be asked for again."""
    low, high = max(low, first), min(high, first + BLOCK)
    if low < high:
        block.stale = (min(low, block.stale[0]), max(high, block.stale[1])) if block.stale else (low, high)


def _joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges that touch or overlap as one, in order."""
    found: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1]:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return found


def _meets(stale: tuple[int, int] | None, low: int, high: int) -> bool:
    return stale is not None and stale[0] < high and low < stale[1]


def _size(block: _Block) -> int:
    return sum(part.nbytes for part in block.parts.values())


class Roses:
    """Counts of wind by day, sector and speed, kept for whole days of UTC; safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        self._follower, self._lock = Follower(path), threading.Lock()
        self._known: OrderedDict[tuple[str, str, Wind], dict[int, Numbers]] = OrderedDict()

    def counts(self, look: Look, wind: Wind, start: int, end: int) -> Numbers:
        """Rows from `start` to before `end` [ns] by 16 sectors and the classes of speed, calm first."""
        first, last = -(-start // DAY), end // DAY
        if first >= last:
            return _counted(look, wind, start, end)
        with self._lock:
            self._follow(look)
            key = (look.table.bucket, look.table.measurement, wind)
            days = self._known.setdefault(key, {})
            self._known.move_to_end(key)
            for low, high in _joined((day, day + 1) for day in range(first, last) if day not in days):
                days |= dict.fromkeys(range(low, high), _none(wind))
                days |= dict(look.roses(wind, low * DAY, high * DAY))
            whole = np.sum([days[day] for day in range(first, last)], axis=0)
            while len(self._known) > MOST_ROSES:
                self._known.popitem(last=False)
        return np.asarray(whole + _counted(look, wind, start, first * DAY) + _counted(look, wind, last * DAY, end))

    def _follow(self, look: Look) -> None:
        spans = self._follower.follow(look)
        if spans is None:
            self._known.clear()
            return
        for bucket, measurement, low, high in spans:
            for key, days in self._known.items():
                if key[0] == bucket and measurement in ("", key[1]):
                    for day in [day for day in days if low // DAY <= day <= high // DAY]:
                        del days[day]


def _none(wind: Wind) -> Numbers:
    return np.zeros((16, len(wind.edges) + 1), dtype=np.int64)


def _counted(look: Look, wind: Wind, start: int, end: int) -> Numbers:
    """Counts over part of a day or two, from the store."""
    if start >= end:
        return _none(wind)
    return sum((counts for _, counts in look.roses(wind, start, end)), start=_none(wind))


class Steps:
    """How far apart the rows of each station of each measurement usually are; safe to use from several threads.

    The last rows tell it: of an hour where it has more than ten, else of a day, else of 400 days. It is kept for some
    time, since it seldom changes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], dict[str, tuple[int, float]]] = {}

    def usual(self, look: Look, newest: Mapping[str, int]) -> dict[str, float | None]:
        """Seconds between the rows of each station; None where nothing tells. newest: of each station. [ns]"""
        with self._lock:
            known = self._known.setdefault((look.table.bucket, look.table.measurement), {})
            old = {name: at for name, at in newest.items() if not _is_fresh(known.get(name), at)}
            for back in _BACK:
                found = look.steps(old, back * SECOND) if old else {}
                for name, times in found.items():
                    if len(times) > _TELLING or back == _BACK[-1]:
                        known[name] = (old.pop(name), _usual(times))
            return {name: known[name][1] or None if name in known else None for name in newest}


def _usual(times: Numbers) -> float:
    """The usual step between rows; 0 where there are not two. [s]"""
    return float(np.median(np.diff(times))) / SECOND if len(times) > 1 else 0.0


def _is_fresh(known: tuple[int, float] | None, newest: int) -> bool:
    return known is not None and known[1] > 0 and 0 <= newest - known[0] < _KEPT


class Heads:
    """The first and the newest time of each series of each measurement; safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        self._follower, self._lock = Follower(path), threading.Lock()
        self._known: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}
        self._touched: dict[tuple[str, str], int] = {}
        self._naming: dict[tuple[str, str], tuple[str, ...]] = {}

    def newest(self, look: Look) -> dict[str, int]:
        """Stations and their newest time. [ns]"""
        return {station: newest for station, (_, newest) in self.ends(look).items()}

    def ends(self, look: Look) -> dict[str, tuple[int, int]]:
        """Stations with their first and their newest time. [ns]"""
        table = (look.table.bucket, look.table.measurement)
        with self._lock:
            self._follow(look)
            if table not in self._known or self._naming[table] != look.naming:
                self._known[table], self._naming[table] = look.stations(), look.naming
            elif table in self._touched:
                known = self._known[table]
                for station, (first, last) in look.stations(self._touched[table]).items():
                    before = known.get(station, (first, last))
                    known[station] = (min(first, before[0]), max(last, before[1]))
            self._touched.pop(table, None)
            return dict(sorted(self._known[table].items()))

    def _follow(self, look: Look) -> None:
        spans = self._follower.follow(look)
        if spans is None:
            self._known.clear()
            self._touched.clear()
            return
        for bucket, measurement, first, _ in spans:
            if measurement:
                table = (bucket, measurement)
                self._touched[table] = min(first, self._touched.get(table, first))
            else:  # rows were deleted
                for table in [table for table in self._known if table[0] == bucket]:
                    del self._known[table]
