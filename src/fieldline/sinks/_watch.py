"""Ends what takes too long or what nobody waits for.

One thread watches all questions, since to start one takes as long as most answers do.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf

AGAIN = 0.05  # [s] between two attempts to end what goes on: between two queries nothing is interrupted
LOOK = 0.2  # [s] between two looks whether somebody still waits


@dataclass
class _Work:
    """until: when it has to end. looks: when to ask next whether it is unwanted. All by time.monotonic() [s]."""

    until: float
    end: Callable[[], None]
    unwanted: Callable[[], bool] | None
    looks: float

    def wakes(self, now: float) -> float:
        """When there is something to do for it after now."""
        return max(min(self.until, self.looks), now + AGAIN)

    def look(self, now: float) -> None:
        """End it, if it is time."""
        if self.unwanted is not None and self.looks <= now:
            self.looks = now + LOOK
            if self.unwanted():
                self.until = now
        if self.until <= now:
            self.end()


class Watch:
    """Calls a function when work takes longer than it may; safe to use from several threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._works: dict[int, _Work] = {}
        self._wakes = inf  # when the thread looks again
        self._thread: threading.Thread | None = None

    @contextmanager
    def limit(
        self, seconds: float, end: Callable[[], None], unwanted: Callable[[], bool] | None = None
    ) -> Iterator[None]:
        """Call `end` when the body takes longer, again and again until it is over; never afterwards.

        Args:
            unwanted: whether nobody needs the body any more, which ends it too. Called now and then by another thread,
                so it must neither wait nor raise.
        """
        now = time.monotonic()
        work = _Work(now + seconds, end, unwanted, inf if unwanted is None else now + LOOK)
        with self._changed:
            self._works[id(work)] = work
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, daemon=True, name="watch")
                self._thread.start()
            elif work.wakes(now) < self._wakes:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                del self._works[id(work)]

    def _watch(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                self._wakes = self._look(now)
                self._changed.wait(None if self._wakes == inf else self._wakes - now)

    def _look(self, now: float) -> float:
        """Look at each work; when to look again. Not in the loop, whose variables would keep the last work alive."""
        for work in self._works.values():
            work.look(now)
        return min((work.wakes(now) for work in self._works.values()), default=inf)
