"""Waiting for a file that only one process may change: a lock file beside it, and patience with a limit."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout

from ..errors import Unreachable

T = TypeVar("T")
PAUSE_SECONDS = (0.001, 0.02)  # long beside an open (1 ms), short beside a person


class Held(Exception):
    """Somebody else has the file for the moment; the words say who."""


class Patience:
    """Tries again, with jitter, until it works or the time is up.

    Args:
        path: the file waited for, for the message.
        seconds: how long to try, over all calls of `until`.
        purpose: what the file is wanted for, as in "to write 60 rows".
    """

    def __init__(self, path: Path, seconds: float, purpose: str) -> None:
        self.path, self.seconds, self.purpose = path, seconds, purpose
        self._deadline = time.monotonic() + seconds

    def until(self, attempt: Callable[[], T]) -> T:
        """The result of `attempt`, once it no longer raises Held. Raises: Unreachable."""
        while True:
            try:
                return attempt()
            except Held as held:
                if time.monotonic() >= self._deadline:
                    raise Unreachable(
                        f"{self.path}: waited {self.seconds:g} s {self.purpose}, but {held}.\n"
                        "  Nothing is lost and it will be tried again. If this lasts, close the file there (DuckDB, R,"
                        " a notebook)."
                    ) from held
            time.sleep(random.uniform(*PAUSE_SECONDS))


@contextmanager
def turnstile(path: Path, patience: Patience) -> Iterator[None]:
    """Hold `<path>.lock`, which everybody takes before they open `path`. Raises: Unreachable."""
    lock = FileLock(path.with_name(path.name + ".lock"))

    def take() -> None:
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise Held("another run had its turn all that time") from error
        except OSError as error:
            raise Unreachable(
                f"{lock.lock_file}: found {error.strerror or error}, expected to lock it.\n"
                "  Give the account that runs fieldline the right to write in that folder."
            ) from error

    patience.until(take)
    try:
        yield
    finally:
        lock.release()
