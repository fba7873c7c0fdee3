"""A store that is opened when it is first needed: a run that finds nothing new never pays for it.

And once a run has waited for it in vain, it does not wait a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from ..errors import Denied, Unreachable
from ..ports import Aggregate, Field, Store

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")


class Lazy:
    """A ports.Store around the one that `make` opens; each method is as there."""

    def __init__(self, make: Callable[[], Store]) -> None:
        self._make = make
        self._store: Store | None = None
        self.away: Unreachable | None = None  # why it could not be had; then it is not tried again

    @property
    def opened(self) -> bool:
        """Whether the store has been needed."""
        return self._store is not None

    def _asked(self, question: Callable[[Store], T]) -> T:
        if self.away is not None:
            raise self.away
        if self._store is None:
            self._store = self._make()
        try:
            return question(self._store)
        except Unreachable as error:
            if not isinstance(error, Denied):  # that is the answer to one question, not to all
                self.away = error
            raise

    def create(self, bucket: str, keep_days: int | None) -> None:
        """See ports.Sink."""
        self._asked(lambda store: store.create(bucket, keep_days))

    def write(
        self,
        bucket: str,
        measurement: str,
        frame: pd.DataFrame,
        tags: tuple[str, ...] = (),
        units: Mapping[str, str] | None = None,
    ) -> int:
        """See ports.Sink."""
        return self._asked(lambda store: store.write(bucket, measurement, frame, tags, units))

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
        return self._asked(
            lambda store: store.read(bucket, measurement, fields=fields, start=start, end=end, every=every, agg=agg)
        )

    def latest(self, bucket: str, measurement: str) -> pd.DataFrame:
        """See ports.Store."""
        return self._asked(lambda store: store.latest(bucket, measurement))

    def buckets(self) -> dict[str, int | None]:
        """See ports.Store."""
        return self._asked(lambda store: store.buckets())

    def measurements(self, bucket: str) -> list[str]:
        """See ports.Store."""
        return self._asked(lambda store: store.measurements(bucket))

    def fields(self, bucket: str, measurement: str) -> dict[str, Field]:
        """See ports.Store."""
        return self._asked(lambda store: store.fields(bucket, measurement))

    def retain(self, bucket: str, keep_days: int | None) -> None:
        """See ports.Store."""
        self._asked(lambda store: store.retain(bucket, keep_days))

    def expire(self, now: pd.Timestamp) -> int:
        """See ports.Store."""
        return self._asked(lambda store: store.expire(now))
