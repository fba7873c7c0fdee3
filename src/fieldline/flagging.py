"""Flags for new rows: context is read back from the store, so that it does not matter in which pieces rows arrive."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from .ports import Field, Store
from .quality.check import Check
from .quality.judge import QC, affected, judge, reach
from .quality.maintenance import Log
from .rules import Declared, Rules

Context = Callable[[Sequence[str], pd.Timestamp, pd.Timestamp], pd.DataFrame]


@dataclass
class Flagging:
    """The checks of one measurement, and what they need to know.

    checks: by field. interval: the scan interval [ns], if it is declared. context: reads fields of a range of time
    (both ends included) back from the store. log: what people wrote about instruments; it has the last word.
    """

    checks: Mapping[str, Sequence[Check]]
    tags: tuple[str, ...]
    interval: int | None
    context: Context
    log: Log = field(default_factory=Log)

    def add(self, frame: pd.DataFrame) -> pd.DataFrame:
        """`frame` with `<field>_qc` and `<field>_qcbits`, and rows with flags alone for older rows whose flags change.

        Args:
            frame: rows on their way to the store (ports.Sink), in any order.
        """
        if not self.checks or frame.empty:
            return frame
        flags = pd.concat([self._judged(series, rows) for series, rows in self._series(frame)])
        keys = ["time", *self.tags]
        new = pd.MultiIndex.from_frame(frame.reset_index(names="time")[keys].astype(dict.fromkeys(self.tags, str)))
        have = pd.MultiIndex.from_frame(flags.reset_index(names="time")[keys])
        where = have.get_indexer(new)
        columns = [name for name in flags if name not in self.tags]
        beside = flags[columns].take(where).set_axis(frame.index)
        flagged, older = pd.concat([frame, beside], axis=1), flags[~have.isin(new)]
        if older.empty:
            return flagged
        return pd.concat([flagged.astype(_nullable(flagged)), older])

    def _series(self, frame: pd.DataFrame) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
        """The rows of each combination of tags, one row a stamp (a later row fills and replaces), ascending."""
        fields = [name for name in frame if name not in self.tags]
        if not self.tags:
            yield {}, _one_a_stamp(frame[fields])
            return
        tags = frame[list(self.tags)].astype(str)
        for values, rows in tags.groupby(list(self.tags), sort=False):
            series = dict(zip(self.tags, map(str, values), strict=True))
            everything = len(rows) == len(frame)
            mine = frame if everything else frame[(tags == pd.Series(series)).all(axis=1)]
            yield series, _one_a_stamp(mine[fields])

    def _judged(self, series: Mapping[str, str], rows: pd.DataFrame) -> pd.DataFrame:
        """The flags that the new rows of one series bring, for themselves and for their neighbours."""
        far = reach(self.checks, self.interval)
        first, last = (time.as_unit("ns").value for time in (rows.index[0], rows.index[-1]))
        write_from, write_to, read_from, read_to = affected(first, last, far)
        older = self._older(series, _stamp(read_from), _stamp(read_to))
        if len(older):  # where a stamp comes again, a value that it does not bring stays, and is judged again
            rows = rows.reindex(columns=self._needed()).combine_first(older)
        flags = judge(rows, self.checks, self.interval)
        flags = flags[(flags.index >= _stamp(write_from)) & (flags.index <= _stamp(write_to))].rename_axis("time")
        return self.log.overrule(flags, series.get("station", "")).assign(**series)

    def _needed(self) -> list[str]:
        partners = {name for checks in self.checks.values() for check in checks for name in check.partners}
        return sorted(partners | set(self.checks))

    def _older(self, series: Mapping[str, str], start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """The rows of a series that the store has already."""
        needed = self._needed()
        older = self.context(needed, start, end)
        for tag, value in series.items():
            older = older[older[tag] == value] if tag in older else older[:0]
        return older.reindex(columns=needed)


def _nullable(frame: pd.DataFrame) -> dict[str, str]:
    """Kinds for whole numbers and booleans that can be missing: rows of flags alone must not make them floats."""
    kinds = {"i": "Int64", "u": "Int64", "b": "boolean"}
    return {str(name): kinds[dtype.kind] for name, dtype in frame.dtypes.items() if dtype.kind in kinds}


def _one_a_stamp(rows: pd.DataFrame) -> pd.DataFrame:
    if rows.index.is_unique:
        return rows if rows.index.is_monotonic_increasing else rows.sort_index()
    return rows.groupby(level=0).last()


def _stamp(nanoseconds: int) -> pd.Timestamp:
    return pd.Timestamp(nanoseconds, tz="UTC")


@dataclass
class Checker:
    """Gives the rows of any table their flags and corrections, by the rules of the configuration.

    store: where older rows are; None: nowhere. log: read when the first rows come.
    """

    rules: Rules
    log: Callable[[], Log]
    store: Store | None = None

    def add(
        self,
        frame: pd.DataFrame,
        bucket: str,
        measurement: str,
        tags: tuple[str, ...],
        units: Mapping[str, str],
        declared: Declared,
        interval: float | None,
    ) -> pd.DataFrame:
        """`frame` with the flags that its fields get, and with corrected columns.

        Args:
            declared, interval: the checks of the table's class, and its scan interval [s].

        Raises: ConfigError, for a rule that makes no sense; Unreachable.
        """
        fields = {name: Field(str(name), "number", units.get(str(name), "")) for name in _numbers(frame, tags)}
        log = self.log()
        by_hand: dict[str, tuple[Check, ...]] = {name: () for name in fields if log.flags(name)}
        checks = by_hand | self.rules.of(measurement, fields, declared, interval)
        nanoseconds = None if interval is None else round(interval * 1e9)
        flagging = Flagging(checks, tags, nanoseconds, self._context(bucket, measurement), log)
        return flagging.add(self._corrected(frame, tags, list(fields)))

    def _corrected(self, frame: pd.DataFrame, tags: tuple[str, ...], names: Sequence[str]) -> pd.DataFrame:
        stations = frame["station"].astype(str) if "station" in tags else pd.Series("", index=frame.index)
        return self.log().corrected(frame, stations, [name for name in names if name != "RECORD"])

    def _context(self, bucket: str, measurement: str) -> Context:
        """Reads back what there is of some fields; nothing where the measurement is not there yet."""

        def read(names: Sequence[str], start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
            known = self.store.fields(bucket, measurement) if self.store else {}
            there = [name for name in names if name in known]
            if not there or self.store is None:
                return pd.DataFrame(index=pd.DatetimeIndex([], tz="UTC", name="time"))
            # A row without any value is left out of an answer. Its flag brings it: a value that is missing keeps two
            # others apart that are no neighbours.
            flags = [f"{name}{QC}" for name in there if f"{name}{QC}" in known]
            after = end + pd.Timedelta(1, "ns")  # ranges are half open
            rows = self.store.read(bucket, measurement, fields=[*there, *flags], start=start, end=after)
            return rows.drop(columns=flags)

        return read


def _numbers(frame: pd.DataFrame, tags: tuple[str, ...]) -> list[str]:
    """The columns that checks can judge."""
    return [str(name) for name in frame if name not in tags and pd.api.types.is_numeric_dtype(frame[name].dtype)]
