"""Ends what takes too long: one thread watches all questions, since to start one takes as long as most answers do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf

AGAIN = 0.05  # [s] between two attempts to end what goes on: between two queries nothing is interrupted


class Watch:
    """Calls a function when work takes longer than it may; safe to use from several threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._works: dict[object, tuple[float, Callable[[], None]]] = {}
        self._wakes = inf  # when the thread looks again
        self._thread: threading.Thread | None = None

    @contextmanager
    def limit(self, seconds: float, end: Callable[[], None]) -> Iterator[None]:
        """Call `end` when the body takes longer, again and again until it is over; never afterwards."""
        work, until = object(), time.monotonic() + seconds
        with self._changed:
            self._works[work] = (until, end)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, daemon=True, name="watch")
                self._thread.start()
            elif until < self._wakes:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                del self._works[work]

    def _watch(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                self._end_late(now)
                self._wakes = min((max(until, now + AGAIN) for until, _ in self._works.values()), default=inf)
                self._changed.wait(None if self._wakes == inf else self._wakes - now)

    def _end_late(self, now: float) -> None:
        for until, end in self._works.values():
            if until <= now:
                end()
