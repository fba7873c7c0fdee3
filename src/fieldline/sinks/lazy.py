"""A store that is opened when it is first needed: a run that finds nothing new never pays for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ..ports import Field, Store

if TYPE_CHECKING:
    import pandas as pd


class Lazy:
    """A sink around a store that `make` opens."""

    def __init__(self, make: Callable[[], Store]) -> None:
        self._make, self._store = make, None

    _store: Store | None

    @property
    def opened(self) -> bool:
        """Whether the store has been needed."""
        return self._store is not None

    @property
    def store(self) -> Store:
        """The store itself."""
        if self._store is None:
            self._store = self._make()
        return self._store

    def create(self, bucket: str, keep_days: int | None) -> None:
        """As the store's."""
        self.store.create(bucket, keep_days)

    def write(
        self,
        bucket: str,
        measurement: str,
        frame: pd.DataFrame,
        tags: tuple[str, ...] = (),
        units: Mapping[str, str] | None = None,
    ) -> int:
        """As the store's."""
        return self.store.write(bucket, measurement, frame, tags, units)

    def fields(self, bucket: str, measurement: str) -> dict[str, Field]:
        """As the store's."""
        return self.store.fields(bucket, measurement)

    def close(self) -> None:
        """Close the store if it was opened."""
        if self._store is not None:
            self._store.close()
