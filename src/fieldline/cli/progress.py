"""How far a long load has come, for a person who watches."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ..ports import Sink

if TYPE_CHECKING:
    import pandas as pd

_PAUSE = 0.5  # [s] between two lines, and before the first: what is done sooner needs none


class Progress:
    """A sink around a sink that writes one line of progress to a terminal, over itself."""

    def __init__(self, inner: Sink, words: Callable[[int], str]) -> None:
        """words: what the line says after so many rows."""
        self._inner, self._words = inner, words
        self._rows, self._next, self._width = 0, time.monotonic() + _PAUSE, 0

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
        """See ports.Sink."""
        rows = self._inner.write(bucket, measurement, frame, tags, units)
        self._rows += len(frame)
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _PAUSE
            self._show(self._words(self._rows))
        return rows

    def close(self) -> None:
        """Wipe the line; the sink around which this is stays open."""
        if self._width:
            self._show("")

    def _show(self, text: str) -> None:
        room = shutil.get_terminal_size().columns - 1
        text = text if len(text) <= room else f"...{text[3 - room :]}"  # else each line would become two
        sys.stderr.write("\r" + text.ljust(self._width) + ("" if text else "\r"))
        sys.stderr.flush()
        self._width = len(text)
