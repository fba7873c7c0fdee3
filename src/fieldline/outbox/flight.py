"""What goes to the server as one request, and requests that are on their way at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import cached_property
from types import TracebackType

from ..parcels import pack, unpack
from ..ports import Parcel
from .queue import Waiting


@dataclass(frozen=True)
class Load:
    """Parcels of one bucket and one precision, in order: many small ones would be many requests."""

    parcels: tuple[Waiting, ...]

    @cached_property
    def whole(self) -> Waiting:
        """All of them as one."""
        first, *more = self.parcels
        if not more:
            return first
        text = b"".join(unpack(one.parcel) for one in self.parcels)
        rows = sum(one.parcel.rows for one in self.parcels)
        return replace(first, parcel=pack(first.parcel.bucket, first.parcel.precision, text, rows))

    @cached_property
    def _reach(self) -> dict[str, tuple[int, int]]:
        """The oldest and the newest point of each measurement. [ns UTC]"""
        found: dict[str, tuple[int, int]] = {}
        for one in self.parcels:
            first, last = found.get(one.measurement, (one.first, one.last))
            found[one.measurement] = min(first, one.first), max(last, one.last)
        return found

    def is_apart(self, other: Load) -> bool:
        """Whether no point can be in both."""
        both = [(self._reach[name], other._reach[name]) for name in self._reach.keys() & other._reach.keys()]
        return all(mine[0] > theirs[1] or mine[1] < theirs[0] for mine, theirs in both)


class Flight:
    """Requests on their way, up to `most` at once, each in a thread of its own; leaving it waits for all.

    deliver: makes a request, and raises what became of it.
    """

    def __init__(self, deliver: Callable[[Parcel], None], most: int) -> None:
        self._deliver, self._most, self._senders = deliver, most, ThreadPoolExecutor(most)
        self._flying = dict[Future[None], Load]()

    def __enter__(self) -> Flight:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._senders.shutdown()

    @property
    def loads(self) -> list[Load]:
        """What is on its way."""
        return list(self._flying.values())

    @property
    def has_room(self) -> bool:
        """Whether something is on its way, and more may be."""
        return 0 < len(self._flying) < self._most

    def start(self, load: Load) -> None:
        """Send something."""
        self._flying[self._senders.submit(self._deliver, load.whole.parcel)] = load

    def landed(self, seconds: float) -> Iterable[tuple[Load, BaseException | None]]:
        """What has its answer, waiting for one so long at most: each with what went wrong."""
        there, _ = wait(self._flying, seconds, FIRST_COMPLETED)
        return [(self._flying.pop(one), one.exception()) for one in there]
