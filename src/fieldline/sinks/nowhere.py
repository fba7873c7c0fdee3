"""The sink of a dry run: counts rows and keeps nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


class Nowhere:
    """Takes everything."""

    def create(self, bucket: str, keep_days: int | None) -> None:
        """Make nothing."""

    def write(
        self,
        bucket: str,
        measurement: str,
        frame: pd.DataFrame,
        tags: tuple[str, ...] = (),
        units: Mapping[str, str] | None = None,
    ) -> int:
        """Return the number of rows."""
        return len(frame)

    def close(self) -> None:
        """Nothing to let go of."""
