"""A store that is opened when it is first needed: a run that finds nothing new never pays for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..ports import Aggregate, Field, Store

if TYPE_CHECKING:
    import pandas as pd


class Lazy:
    """A ports.Store around the one that `make` opens; each method is as there."""

    def __init__(self, make: Callable[[], Store]) -> None:
        self._make = make
        self._store: Store | None = None

    @property
    def opened(self) -> bool:
        """Whether the store has been needed."""
        return self._store is not None

    def _opened(self) -> Store:
        if self._store is None:
            self._store = self._make()
        return self._store

    def create(self, bucket: str, keep_days: int | None) -> None:
        """See ports.Sink."""
        self._opened().create(bucket, keep_days)

    def write(
        self,
        bucket: str,
        measurement: str,
        frame: pd.DataFrame,
        tags: tuple[str, ...] = (),
        units: Mapping[str, str] | None = None,
    ) -> int:
        """See ports.Sink."""
        return self._opened().write(bucket, measurement, frame, tags, units)

    def close(self) -> None:
        """Close the store if it was opened."""
        if self._store is not None:
            self._store.close()

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
        return self._opened().read(bucket, measurement, fields=fields, start=start, end=end, every=every, agg=agg)

    def latest(self, bucket: str, measurement: str) -> pd.DataFrame:
        """See ports.Store."""
        return self._opened().latest(bucket, measurement)

    def buckets(self) -> dict[str, int | None]:
        """See ports.Store."""
        return self._opened().buckets()

    def measurements(self, bucket: str) -> list[str]:
        """See ports.Store."""
        return self._opened().measurements(bucket)

    def fields(self, bucket: str, measurement: str) -> dict[str, Field]:
        """See ports.Store."""
        return self._opened().fields(bucket, measurement)

    def retain(self, bucket: str, keep_days: int | None) -> None:
        """See ports.Store."""
        self._opened().retain(bucket, keep_days)

    def expire(self, now: pd.Timestamp) -> int:
        """See ports.Store."""
        return self._opened().expire(now)
