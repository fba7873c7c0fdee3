"""A store around a store that keeps flags in measurements of their own: `fastdata` and `fastdata_flags`.

Each field with checks has two flags beside it, so a table of 70 columns has 210, and some servers take 200 of a
measurement. Whoever reads through this sees one measurement, as with any other store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import Rejected
from ..ports import FLAG_ENDS, Aggregate, Field, Store

if TYPE_CHECKING:
    import pandas as pd

END = "_flags"


class Apart:
    """A ports.Store around `inner`; each method is as there."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner

    def create(self, bucket: str, keep_days: int | None) -> None:
        """See ports.Sink."""
        self._inner.create(bucket, keep_days)

    def write(
        self,
        bucket: str,
        measurement: str,
        frame: pd.DataFrame,
        tags: tuple[str, ...] = (),
        units: Mapping[str, str] | None = None,
    ) -> int:
        """See ports.Sink; the flags go second, so that no flag is there without its value."""
        flags = [name for name in frame if _is_flag(str(name))]
        values = [name for name in frame if name not in flags]
        rows = len(frame)
        if set(values) - set(tags):
            rows = self._inner.write(bucket, measurement, frame[values], tags, units)
        if flags:
            self._inner.write(bucket, measurement + END, frame[[*tags, *flags]], tags)
        return rows

    def read(
        self,
        bucket: str,
        measurement: str,
        *,
        fields: Sequence[str] | None = None,
        start: pd.Timestamp | None = None,
        end: pd.Timestamp | None = None,
        every: pd.Timedelta | None = None,
        agg: Aggregate = "mean",
    ) -> pd.DataFrame:
        """See ports.Store."""
        known = self.fields(bucket, measurement)
        names = [name for name in known if not known[name].tag] if fields is None else list(fields)
        parts = []
        for flags in (False, True):
            mine = [name for name in names if _is_flag(name) is flags and not (name in known and known[name].tag)]
            if mine or (not flags and not names):
                where = measurement + END * flags
                parts.append(self._inner.read(bucket, where, fields=mine, start=start, end=end, every=every, agg=agg))
        return _joined(parts, [name for name in known if known[name].tag], names)

    def latest(self, bucket: str, measurement: str) -> pd.DataFrame:
        """See ports.Store; the flags are those of the newest row of values."""
        values = self._inner.latest(bucket, measurement)
        known = self.fields(bucket, measurement)
        if not any(_is_flag(name) for name in known) or values.empty:
            return values
        tags = [name for name in known if known[name].tag]
        flags = self._inner.latest(bucket, measurement + END)
        return _joined([values, flags[flags.index.isin(values.index)]], tags, [n for n in known if n not in tags])

    def buckets(self) -> dict[str, int | None]:
        """See ports.Store."""
        return self._inner.buckets()

    def measurements(self, bucket: str) -> list[str]:
        """See ports.Store."""
        names = self._inner.measurements(bucket)
        return [name for name in names if not (name.endswith(END) and name.removesuffix(END) in names)]

    def fields(self, bucket: str, measurement: str) -> dict[str, Field]:
        """See ports.Store."""
        found = self._inner.fields(bucket, measurement)
        return {**found, **self._inner.fields(bucket, measurement + END)} if found else found

    def retain(self, bucket: str, keep_days: int | None) -> None:
        """See ports.Store."""
        self._inner.retain(bucket, keep_days)

    def expire(self, now: pd.Timestamp) -> int:
        """See ports.Store."""
        return self._inner.expire(now)

    def close(self) -> None:
        """See ports.Sink."""
        self._inner.close()


def _is_flag(name: str) -> bool:
    return name.endswith(FLAG_ENDS)


def _joined(parts: Sequence[pd.DataFrame], tags: Sequence[str], names: Sequence[str]) -> pd.DataFrame:
    """Values and flags of the same points side by side, oldest first; a point may have only one of them."""
    if not parts:
        raise Rejected("found no field to read, expected at least one.\n  Ask for one that is there.")
    wanted = [name for name in names if name not in tags]
    if len(parts) == 1:
        return parts[0]
    left, right = (part.reset_index().set_index(["time", *tags]) for part in parts)
    both = left.join(right, how="outer").reset_index().set_index("time")
    return both[[*tags, *wanted]].sort_index(kind="stable")
