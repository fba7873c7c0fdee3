"""Takes parcels from the queue to the carrier: in order, within the limits of time and plan, smaller where refused.

An answer decides what becomes of a parcel: stored, it leaves the queue; the server away or angry, it stays and the next
try waits, longer each time; refused, it is halved until the bad lines stand alone, which are set aside with the
server's reason. Nothing is given up because it was tried often.
"""

from __future__ import annotations

import itertools
import logging
import random
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ..errors import Denied, Rejected, TooLarge, Unreachable
from ..ledger import Full
from ..parcels import unpack
from ..ports import Carrier
from .ballast import Ballast
from .flight import Flight, Load
from .parts import Dead, by_reason, part, smaller
from .queue import Queue, Waiting
from .trouble import Trouble, together

log = logging.getLogger(__name__)

WINDOW = 300.0  # [s] in which a plan allows so many bytes
_FIRST, _LONGEST = 10.0, 600.0  # [s] wait after the first failure, and at most: a run or two are passed over
_PATIENCE = 3600.0  # [s] the longest wait that a server may ask for; a longer one means that the clock was set back
_SOON = 60.0  # [s] a wait that is worth it within a run, and beside a person
_TRIES = 3  # in one run, after something was delivered or when the server says how long to wait
_POLL = 0.1  # [s] until the queue is looked at again while files are still read
_DAY = 86_400.0  # [s]
_Failed = tuple[Load, BaseException]


@dataclass(frozen=True)
class Policy:
    """How parcels are delivered.

    seconds: how long the deliveries of a run may take; None: until all is delivered. window_bytes: what the plan takes
    in five minutes, uncompressed. newest_first: what this run read goes ahead of what waited before (and once more in
    its turn, so that an older row never replaces a newer one). most_rows, most_bytes: of one request.
    """

    seconds: float | None = None
    window_bytes: int | None = None
    newest_first: bool = False
    most_rows: int = 5_000
    most_bytes: int = 5_000_000

    @property
    def at_once(self) -> int:
        """Bytes of one request: of a plan's a fifth, so that the tries that find a bad line in it get done in time."""
        return self.most_bytes if self.window_bytes is None else min(self.most_bytes, max(self.window_bytes // 5, 1))


@dataclass
class Delivery:
    """What became of the deliveries of a run. dead: rows refused for good. stopped: why rows still wait.

    failed: whether somebody should look, or at least the next run must do better.
    """

    rows: int = 0
    dead: int = 0
    requests: int = 0
    stopped: str = ""
    failed: bool = False
    notes: list[str] = field(default_factory=list)


class _Stop(Exception):
    """No more deliveries in this run; the words say why."""


class Courier:
    """Delivers what waits in `queue`, and what comes until `ended`.

    carrier: makes the carrier when there is something to deliver. to: what tells this destination from another, the
    token included; after a change nobody waits. now: seconds since 1970. pause: waits so many seconds. before: the
    number of the last parcel that earlier runs left; None: of the last one there is.
    """

    def __init__(
        self,
        queue: Queue,
        carrier: Callable[[], Carrier],
        policy: Policy,
        *,
        to: str = "",
        now: Callable[[], float] = time.time,
        pause: Callable[[float], object] = time.sleep,
        ended: Callable[[], bool] = lambda: True,
        cancelled: Callable[[], bool] = lambda: False,
        ballast: Ballast | None = None,
        before: int | None = None,
    ) -> None:
        self.queue, self.policy, self.result = queue, policy, Delivery()
        self._make, self._to, self._now, self._pause = carrier, to, now, pause
        self._ended, self._cancelled = ended, cancelled
        self._ballast = ballast or Ballast(None)
        self._deadline = None if policy.seconds is None else time.monotonic() + policy.seconds
        self._most_bytes, self._tries = policy.at_once, 0
        self._trouble, self._kept = Trouble.of(queue), dict[str, int | None]()
        self._before = queue.newest_number() if before is None else before
        self._ahead = self._before  # up to here nothing goes ahead (any more)
        self._unmade = dict[str, Denied]()  # buckets that we may not make, and the server's reason
        self._closed = dict[str, Denied]()  # buckets that wait for a person; the others go on

    def work(self) -> Delivery:
        """Deliver until nothing waits, or until it must stop; return what became of it.

        Raises: Damaged; Unreachable, when the queue itself can't be used.
        """
        try:
            while True:
                ended = self._ended()  # asked first: what comes between the two questions is looked for again
                first = self.queue.oldest(self._closed)
                if first is not None:
                    self._turn(first)
                elif ended:
                    self._look_for_lost_ones()
                    break
                else:
                    self._pause(_POLL)
        except _Stop as stop:
            self.result.stopped = str(stop)
        if self._closed:
            said = [*([self.result.stopped] if self.result.stopped else []), *together(self._closed)]
            self.result.stopped, self.result.failed = "\n".join(dict.fromkeys(said)), True
        elif self.result.rows and not self.result.failed and self._trouble.message:
            log.warning("deliveries go on after %.0f min", (self._now() - self._trouble.since) / 60)
            Trouble(to=self._to).keep(self.queue)
        return self.result

    def _look_for_lost_ones(self) -> None:
        """Raises: Damaged, when something waits that is not found: an index of the queue is not right any more."""
        if not self._closed and self.queue.depth().rows:
            raise self.queue.ledger.found_damage("rows that wait, and no way to them")

    def _turn(self, first: Waiting) -> None:
        """One request, or what it takes to deliver its parts."""
        if self._cancelled():
            raise _Stop("stopped")
        self._look_at_the_clock()
        try:
            if self.policy.newest_first:
                self._send_ahead(first)
            self._deliver(first)
        except Full as full:
            raise _Stop(self._failed(full, 0.0)) from full
        except Denied as denied:
            self._close(first.parcel.bucket, denied)
        except Unreachable as error:
            self._wait_or_stop(error)
        else:
            self._tries, self.result.failed = 0, False

    def _close(self, bucket: str, denied: Denied) -> None:
        """Send nothing more to a bucket in this run: somebody must act first."""
        self._failed(denied, 0.0)
        self._closed[bucket] = denied

    def _look_at_the_clock(self) -> None:
        """Stop when it is too early for the next try, or too late in this run."""
        trouble, now = self._trouble, self._now()
        if trouble.to != self._to:  # another server, or another token: nobody has refused it yet
            self._trouble = trouble = replace(trouble, not_before=0.0, to=self._to)
        if 0 < trouble.not_before - now <= _PATIENCE and not self._tries:
            self.result.failed = True
            raise _Stop(f"the next try is in {trouble.not_before - now:.0f} s at the earliest; {trouble.message}")
        if self._left() <= 0 and self.result.requests:
            raise _Stop("the time for deliveries of one run is used up; the next run goes on")

    def _left(self) -> float:
        return float("inf") if self._deadline is None else self._deadline - time.monotonic()

    def _wait_or_stop(self, error: Unreachable) -> None:
        """After a failure: try again soon, if that may help, or leave the rest to the next run."""
        trouble = self._trouble
        own = min(_LONGEST, _FIRST * 2.0 ** min(trouble.failures, 30)) * random.uniform(0.5, 1.0)
        wait = max(own if error.retry_after is None else 0.0, min(error.retry_after or 0.0, _PATIENCE))
        words = self._failed(error, wait)
        hopeful = error.retry_after is not None or self.result.rows
        if not hopeful or self._tries >= _TRIES or wait > min(_SOON, self._left()):
            asked = f"; the server wants to be asked again in {wait:.0f} s" if error.retry_after else ""
            raise _Stop(words + asked) from error
        self._tries += 1
        self._pause(wait)

    def _failed(self, error: Unreachable, wait: float) -> str:
        """Remember a failure, and say it aloud when it is another one than before."""
        trouble, now, message = self._trouble, self._now(), str(error)
        if not trouble.message or trouble.message.splitlines()[0] != message.splitlines()[0]:
            log.warning("deliveries stop: %s", message)
        since = trouble.since if trouble.message else now
        self._trouble = Trouble(trouble.failures + 1, now + wait, since, message, self._to)
        self._trouble.keep(self.queue)
        self.result.failed = True
        return message

    def _send_ahead(self, first: Waiting) -> None:
        """Deliver what came in this run and leave it in the queue: its turn comes when the older rows are there."""
        if first.number > self._before:
            return
        for one in self.queue.behind(self._ahead):
            if one.number != first.number and one.parcel.bucket not in self._closed:
                self._room(one)
                try:
                    self._bucket(one.parcel.bucket)
                    self._send(one)
                except Rejected as refused:
                    log.info("refused ahead of its turn: %s", refused)
                except Denied as denied:
                    self._close(one.parcel.bucket, denied)
            self._ahead = one.number

    def _deliver(self, first: Waiting) -> None:
        """The oldest parcel and what follows it to the same bucket, as far as it fits into one request, or into two."""
        room = self._room(first)
        self._bucket(first.parcel.bucket)
        load = self._load(first, min(room, self._most_bytes))
        if load is None:
            return
        if (other := self._further([load])) is not None:
            self._stream(load, other)
            return
        try:
            self._send(load.whole)
        except Rejected as refused:
            self._take_apart(load, refused)
        else:
            self._stored(load)

    def _load(self, first: Waiting, most_bytes: int) -> Load | None:
        """One request; None: some of it was too old, and what is left comes next."""
        load = Load(tuple(self._gather(first, most_bytes)))
        return None if [one for one in load.parcels if not self._is_fresh(one)] else load

    def _gather(self, first: Waiting, most_bytes: int) -> Iterator[Waiting]:
        """Parcels in their order. One of another precision is left for later, and so is what follows of its
        measurement, since a point may stand on both sides."""
        yield first
        rows, size, left = first.parcel.rows, first.parcel.size, set[str]()
        found = self.queue.sizes_after(first.parcel.bucket, first.number)
        for number, measurement, precision, more, bytes_ in itertools.islice(found, self.policy.most_rows):
            if precision != first.parcel.precision:
                left.add(measurement)
            if measurement in left:
                continue
            rows, size = rows + more, size + bytes_
            if rows > self.policy.most_rows or size > most_bytes:
                return
            if (one := self.queue.get(number)) is not None:  # a person may have dropped it just now
                yield one

    def _further(self, flying: Collection[Load]) -> Load | None:
        """What may be sent while others are on their way: the oldest that waits, if it shares no point with them, since
        then their order does not matter. None: nothing may."""
        if self.policy.window_bytes is not None or self.policy.newest_first:  # each request is weighed by itself
            return None
        if self._left() <= 0 or self._cancelled():
            return None
        gone = {one.number for load in flying for one in load.parcels}
        bucket = next(iter(flying)).whole.parcel.bucket
        numbers = (number for number, *_ in self.queue.sizes_after(bucket, min(gone)))
        number = next((number for number in numbers if number not in gone), None)
        first = None if number is None else self.queue.get(number)
        load = None if first is None else self._load(first, self._most_bytes)
        return load if load is not None and all(load.is_apart(other) for other in flying) else None

    def _stream(self, *loads: Load) -> None:
        """Requests, two on their way at any time, until what comes next may not go with them or one fails.

        A server that has two at once is never idle while the next is made ready.
        """
        failed: list[_Failed] = []
        with Flight(self._make().deliver, len(loads)) as flight:
            for load in loads:
                self._start(flight, load)
            while flight.loads:
                failed += self._landed(flight)
                if flight.has_room and not failed:
                    failed += self._follow(flight)
        self._settle(failed)

    def _start(self, flight: Flight, load: Load) -> None:
        self.result.requests += 1
        flight.start(load)

    def _landed(self, flight: Flight) -> list[_Failed]:
        """Forget what the server has; return what failed."""
        fates = flight.landed(_POLL)
        for load, why in fates:
            if why is None:
                self._stored(load)
        return [(load, why) for load, why in fates if why is not None]

    def _follow(self, flight: Flight) -> list[_Failed]:
        """Send what may go with those on their way. A failure before that, when the server is asked how long it keeps
        rows, is theirs: their answers still count."""
        try:
            if (load := self._further(flight.loads)) is not None:
                self._start(flight, load)
        except Unreachable as error:
            return [(flight.loads[0], error)]
        return []

    def _settle(self, failed: list[_Failed]) -> None:
        """What was refused is taken apart. Raises: what else went wrong."""
        for load, why in failed:
            if isinstance(why, Rejected):
                self._take_apart(load, why)
        for load, why in failed:
            if isinstance(why, Denied):
                raise self._explained(load.whole, why)
            if not isinstance(why, Rejected):
                raise why

    def _stored(self, load: Load) -> None:
        """Forget what the server has."""
        self._commit(lambda: self.queue.done([one.number for one in load.parcels]))
        self.result.rows += load.whole.parcel.rows

    def _take_apart(self, load: Load, refused: Rejected) -> None:
        """After a refusal: one parcel in smaller parts; of several the first by itself, the others come next."""
        first, *more = load.parcels
        if not more:
            self._alone(first, refused)
            return
        if isinstance(refused, TooLarge):
            self._most_bytes = max(load.whole.parcel.size // 2, 1)
        self._room(first)
        self._alone(first)

    def _room(self, first: Waiting) -> int:
        """How many bytes the plan still takes now; waits for more if need be. Raises: _Stop."""
        if self.policy.window_bytes is None:
            return self._most_bytes
        while True:
            now = self._now()  # after the clock was set back, what was sent later than now tells nothing
            gone = [(time, size) for time, size in self.queue.sent_since(now - WINDOW) if time <= now]
            room = self.policy.window_bytes - sum(size for _, size in gone)
            if room >= first.parcel.size or not gone:
                return room
            wait = gone[0][0] + WINDOW - now + 1
            text = f"the plan's {self.policy.window_bytes:,} bytes in 5 min are used up"
            if wait > self._left():
                raise _Stop(f"{text}; the next run goes on")
            log.info("%s; waiting %.0f s", text, wait)
            if text not in self.result.notes:
                self.result.notes.append(text)
            self._pause(wait)

    def _bucket(self, name: str) -> None:
        """Make a bucket that a job wants, before the first rows go to it."""
        wanted = self.queue.wanted(name)
        if wanted is None or wanted[1]:
            return
        try:
            self._make().create(name, wanted[0])
        except Denied as denied:  # perhaps it is there, and the token may only write to it
            log.info("the bucket %s could not be made, and rows are sent all the same: %s", name, denied)
            self._unmade[name] = denied
        else:
            self._commit(lambda: self.queue.made(name))

    def _send(self, one: Waiting) -> None:
        """One request. Raises: Unreachable, Rejected."""
        self.result.requests += 1
        if self.policy.window_bytes is not None:
            self._commit(lambda: self.queue.sent(self._now(), one.parcel.size, WINDOW))
        try:
            self._make().deliver(one.parcel)
        except Denied as denied:
            raise self._explained(one, denied) from denied

    def _explained(self, one: Waiting, denied: Denied) -> Denied:
        """Why a bucket that is not there could not be made, where that is why a parcel was denied."""
        if not denied.no_bucket:
            return denied
        if self.queue.wanted(one.parcel.bucket):
            self._commit(lambda: self.queue.made(one.parcel.bucket, False))  # somebody deleted it: made again
        if one.parcel.bucket not in self._unmade:
            return denied
        why = self._unmade[one.parcel.bucket]
        return Denied(f"{why}\n  Then make the bucket: python new-db.py FILE", no_bucket=True)

    def _is_fresh(self, one: Waiting) -> bool:
        """Whether every point of a parcel is young enough for its bucket; the others are set aside.

        By the server's clock, if it tells: it is the one that counts there, and ours may be a year ahead.
        """
        if one.first / 1e9 > self._now() - _DAY:  # no bucket of ours keeps less
            return True
        days, theirs = self._keeps(one.parcel.bucket), self._make().clock()
        now = self._now() if theirs is None else theirs
        if days is None or one.first / 1e9 >= now - days * _DAY:
            return True
        from ..lineprotocol import split, time_of

        limit, reason = now - days * _DAY, f"older than the {days} days that the bucket {one.parcel.bucket} keeps"
        lines = split(unpack(one.parcel))
        old = [line for line in lines if time_of(line, one.parcel.precision) / 1e9 < limit]
        young = [line for line in lines if time_of(line, one.parcel.precision) / 1e9 >= limit]
        self._shrink(one, young, [(old, reason)] if old else [])
        return not old

    def _keeps(self, bucket: str) -> int | None:
        """How many days a bucket keeps rows, asked once in a run."""
        if bucket not in self._kept:
            self._kept[bucket] = self._make().keeps(bucket)
        return self._kept[bucket]

    def _alone(self, one: Waiting, refused: Rejected | None = None) -> None:
        """One parcel, in ever smaller parts where it is refused. What was reached stands when it is cut short.

        refused: how it was, when it was sent already.
        """
        from ..lineprotocol import split

        if refused is None:
            try:
                self._send(one)
            except Rejected as error:
                refused = error
            else:
                self._stored(Load((one,)))
                return
        dead: Dead = []
        parts = smaller(split(unpack(one.parcel)), refused, dead)  # what is left of it, its end first
        stored = 0
        try:
            self._look_at_the_time(parts)
            while parts:  # each of them within what the plan takes
                lines = parts[-1]
                some = part(one, lines)
                self._room(some)
                try:
                    self._send(some)
                except Rejected as refused:
                    parts.pop()
                    parts += smaller(lines, refused, dead)
                else:
                    parts.pop()
                    stored += len(lines)
                self._look_at_the_time(parts)
        finally:
            self._shrink(one, [line for lines in reversed(parts) for line in lines], dead)
            self.result.rows += stored

    def _look_at_the_time(self, parts: Sequence[object]) -> None:
        if self._left() <= 0 and parts:
            raise _Stop("the time for deliveries of one run is used up; the next run goes on")

    def _shrink(self, one: Waiting, left: list[bytes], dead: Sequence[tuple[list[bytes], str]]) -> None:
        """Keep what is left of a parcel, and set aside the lines that were refused for good, each with its reason."""
        rest = part(one, left) if left else None
        gone = [replace(part(one, lines), reason=reason) for lines, reason in by_reason(dead)]
        self._commit(lambda: self.queue.shrink(one.number, rest, gone))
        for each in gone:
            self.result.dead += each.parcel.rows
            log.error("%s rows of %s are set aside: %s", f"{each.parcel.rows:,}", one.measurement, each.reason)

    def _commit(self, change: Callable[[], None]) -> None:
        """Change the queue, with the ballast's room if the disk is full."""
        try:
            change()
        except Full:
            if not self._ballast.release():
                raise
            log.warning("the disk is full; the ballast was deleted to make room")
            change()
