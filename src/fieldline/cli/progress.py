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


class Line:
    """One line on standard error that is written over itself, if a person watches; and is gone at the end."""

    def __init__(self) -> None:
        self._width, self._watched = 0, sys.stderr.isatty()

    def show(self, text: str) -> None:
        """Say this, in place of what was said before."""
        if not self._watched:
            return
        room = shutil.get_terminal_size().columns - 1
        text = text if len(text) <= room else f"...{text[3 - room :]}"  # else each line would become two
        sys.stderr.write("\r" + text.ljust(self._width) + ("" if text else "\r"))
        sys.stderr.flush()
        self._width = len(text)

    def close(self) -> None:
        """Wipe it."""
        if self._width:
            self.show("")


class Progress:
    """A sink around a sink that writes one line of progress to a terminal, over itself."""

    def __init__(self, inner: Sink, words: Callable[[int], str]) -> None:
        """words: what the line says after so many rows."""
        self._inner, self._words = inner, words
        self._rows, self._next, self._line = 0, time.monotonic() + _PAUSE, Line()

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
            self._line.show(self._words(self._rows))
        return rows

    def close(self) -> None:
        """Wipe the line; the sink around which this is stays open."""
        self._line.close()
