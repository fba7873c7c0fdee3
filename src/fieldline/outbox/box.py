"""The Sink around a carrier: `write` is done when the rows are safe in the ledger; a thread takes them on from there.

It answers questions too: rows on their way count as stored, and lie over what the server has of the same points. When
the server can't be asked, flags are made from what is known here, and the ranges are remembered to be judged again.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from ..errors import Rejected, Unreachable
from ..ledger import Ledger
from ..parcels import pack, unpack
from ..ports import Aggregate, Carrier, Field, Store
from .age import Age
from .ballast import Ballast
from .courier import Courier, Delivery, Policy
from .queue import Queue, Waiting
from .trouble import Trouble

if TYPE_CHECKING:
    import pandas as pd

    from ..points import Points

T = TypeVar("T")
log = logging.getLogger(__name__)

_WARN = (80, 50)  # [%] of the cap
_SERIES = 10_000  # what a free InfluxDB takes in all; others become slow long before they refuse
_DAY = 86_400.0  # [s]
_EDGE = 2**63 - 1  # [ns] the end of time


class Remote(Carrier, Store, Protocol):
    """A carrier that can be asked what it has."""


@dataclass(frozen=True)
class Cap:
    """How much may wait; beyond it the oldest is deleted from the outbox (the raw archive still has it).

    bytes: on the disk, compressed. days: since it came, while the computer was on (age.py); None: for ever. columns: of
    one measurement, tags, fields and time together, that the server takes; None: any number. likely_columns: what it
    takes if it is what its name says: beyond that a person is warned.
    """

    bytes: int = 2_000_000_000
    days: int | None = None
    columns: int | None = None
    likely_columns: int | None = None


_POLICY, _CAP = Policy(), Cap()


class Outbox:
    """A ports.Store around the one that `remote` makes when it is needed.

    to: what tells this destination from another (url, token...), as a text that gives none of it away. now: seconds
    since 1970. uptime: seconds since the computer was started. background: whether a thread delivers while files are
    still read; else `finish` does it all.
    """

    def __init__(
        self,
        ledger: Ledger,
        remote: Callable[[], Remote],
        policy: Policy = _POLICY,
        cap: Cap = _CAP,
        *,
        to: str = "",
        now: Callable[[], float] = time.time,
        uptime: Callable[[], float] = time.monotonic,
        ballast: Ballast | None = None,
        background: bool = True,
    ) -> None:
        self.queue, self.notes = Queue(ledger), list[str]()
        self._make, self._remote = remote, None
        self._policy, self._cap, self._to, self._now, self._uptime = policy, cap, to, now, uptime
        self._ballast = ballast or Ballast(None)
        self._background = background and ledger.path is not None and not ledger.frozen
        self._making, self._ended, self._cancelled = threading.Lock(), threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._delivery: Delivery | None = None
        self._failure: Exception | None = None
        self._away: Unreachable | None = None
        self._fields: dict[tuple[str, str], dict[str, Field]] = {}
        self._unasked = set[tuple[str, str]]()  # measurements of which only the server could know something
        self.written = 0
        self._before: int | None = None  # the last parcel of earlier runs

    _remote: Remote | None

    def remote(self) -> Remote:
        """The store behind, made once."""
        with self._making:
            if self._remote is None:
                self._remote = self._make()
            return self._remote

    def create(self, bucket: str, keep_days: int | None) -> None:
        """See ports.Sink: the bucket is made before the first rows are sent to it."""
        self.queue.want(bucket, keep_days)

    def write(
        self,
        bucket: str,
        measurement: str,
        frame: pd.DataFrame,
        tags: tuple[str, ...] = (),
        units: Mapping[str, str] | None = None,
    ) -> int:
        """See ports.Sink. Raises also: Full, when there is no room; ValueError for a frame that is none."""
        from ..lineprotocol import chunks, precision_of
        from ..points import points

        batch = points(frame, tags)
        if not len(batch.frame):
            return batch.rows
        self._known(bucket, measurement)  # before the transaction: a slow server must not hold it open
        precision, now = precision_of(batch), self._now()
        packed = [
            Waiting(pack(bucket, precision, part.text, part.rows), measurement, part.first, part.last, now)
            for part in chunks(measurement, batch, precision, self._policy.most_rows, self._policy.at_once)
        ]
        if self._before is None:
            self._before = self.queue.newest_number()
        with self.queue.ledger.transaction():
            self._learn(bucket, measurement, batch)
            self.queue.add(packed)
            if (bucket, measurement) in self._unasked:
                self.queue.judge_later(bucket, measurement, packed[0].first, packed[-1].last)
            self._keep_to_the_cap()
        self.written += batch.rows
        self.start()
        return batch.rows

    def _learn(self, bucket: str, measurement: str, batch: Points) -> None:
        """Remember fields and series, and warn before there are more than a server takes."""
        known = self._known(bucket, measurement)
        new = [field for field in batch.fields({}) if field.name not in known]
        if new:
            self.queue.add_fields(bucket, measurement, new)
            known |= {field.name: field for field in new}
        columns, most = len(known) + 1, self._cap.columns
        if most is not None and columns > most:
            raise Rejected(
                f"{bucket}.{measurement}: found {columns} columns (fields, flags, tags and time), expected at most"
                f" {most}, which is what the server takes.\n  Say `influxdb.flags: apart` to keep the flags elsewhere,"
                " declare fewer columns (`others = False`), or split the table."
            )
        likely = most or self._cap.likely_columns
        if likely is not None and new and columns > likely * 0.8:
            self._say(
                f"{bucket}.{measurement} has {columns} columns, and the server takes {likely}:"
                " say `influxdb.flags: apart` to keep the flags elsewhere"
            )
        if batch.tags:
            self._count_series(bucket, measurement, batch)

    def _count_series(self, bucket: str, measurement: str, batch: Points) -> None:
        tags = list(batch.tags)
        each = set(zip(*(batch.frame[tag].to_numpy(object) for tag in tags), strict=True))
        digests = [hashlib.blake2b(repr((measurement, *one)).encode(), digest_size=12).digest() for one in each]
        count, new = self.queue.add_series(bucket, digests)
        if count > _SERIES // 2 and new:
            self._say(
                f"the bucket {bucket} has {count:,} series by now; servers refuse more or become slow (a free plan at"
                f" {_SERIES:,}). Is a tag of {measurement} ({', '.join(tags)}) a measured value? Make it a field"
            )

    def _keep_to_the_cap(self) -> None:
        """Delete what is over the cap, and say so; say before how full it is."""
        rows, kept = self.queue.trim(self._cap.bytes, self._aged())
        if gone := self.queue.trim_refused(self._cap.bytes // 10):
            self._say(f"{gone:,} refused rows, the oldest, were deleted: they may take a tenth of outbox.megabytes")
        if rows:
            day = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(kept))
            text = (
                f"the outbox is over its cap: {rows:,} rows that waited since {day} or longer were deleted from it; the"
                " raw archive has them (fieldline replay)"
            )
            log.error("%s", text)
            self.notes.append(text)

    def _aged(self) -> int:
        """The number up to which what waits has waited too long."""
        if self._cap.days is None:
            return 0
        age, longest = Age.of(self.queue), self._cap.days * _DAY
        age.look(self._uptime())
        age.mark(self.queue.last_number(), longest)
        age.keep(self.queue)
        return age.older(longest)

    def fullness(self) -> int:
        """How much of the cap is used. [%]"""
        by_bytes, by_age = self.queue.depth().bytes / self._cap.bytes, 0.0
        if self._cap.days is not None and (oldest := self.queue.oldest_number()):
            age = Age.of(self.queue)
            age.look(self._uptime())
            by_age = age.waited(oldest) / (self._cap.days * _DAY)
        return int(100 * max(by_bytes, by_age))

    def _say(self, text: str) -> None:
        if text not in self.notes:
            log.warning("%s", text)
            self.notes.append(text)

    def try_now(self, newest_first: bool = False) -> None:
        """Do not wait for the time of the next try: somebody has mended what was wrong, or wants to see.

        Args:
            newest_first: what came in the last five minutes of rows goes ahead.
        """
        replace(Trouble.of(self.queue), failures=0, not_before=0.0).keep(self.queue)
        if newest_first:
            self._before = self.queue.before_the_last_run()

    def start(self) -> None:
        """Begin to deliver, if that has not begun."""
        if self._background and self._thread is None:
            self._thread = threading.Thread(target=self._in_background, name="courier", daemon=True)
            self._thread.start()

    def _in_background(self) -> None:
        """The courier with a connection of its own; what it raises is raised again by `finish`."""
        try:
            ledger = self.queue.ledger.another()
            try:
                self._delivery = self._courier(Queue(ledger)).work()
            finally:
                self.queue.ledger.damaged |= ledger.damaged
                ledger.close()
        except Exception as error:
            self._failure = error

    def _courier(self, queue: Queue) -> Courier:
        return Courier(
            queue,
            self.remote,
            self._policy,
            to=self._to,
            now=self._now,
            pause=self._cancelled.wait,
            ended=self._ended.is_set,
            cancelled=self._cancelled.is_set,
            ballast=self._ballast,
            before=self._before,
        )

    def finish(self) -> Delivery:
        """No more rows come: wait until all is delivered or can't be; return what became of it.

        Raises: Damaged; Unreachable, when the queue itself can't be used.
        """
        self._ended.set()
        if self._thread is not None:
            while self._thread.is_alive():  # a join without limit would not hear Ctrl-C on Windows
                self._thread.join(0.5)
        if self._failure is not None:
            raise self._failure
        if self._delivery is None:
            self._delivery = self._courier(self.queue).work()
        self._say_how_full()
        self._delivery.notes += self.notes
        self._ballast.take()
        self._thread, done, self._delivery, self._before = None, self._delivery, None, None
        self._ended.clear()
        self.notes = []
        return done

    def _say_how_full(self) -> None:
        full = self.fullness()
        for mark in _WARN:
            if full >= mark:
                self._say(
                    f"the outbox is {full} % full ({mark} % is passed); at 100 % the oldest rows are deleted from it:"
                    " see `fieldline outbox`, mend what stops it, or raise outbox.megabytes"
                )
                return

    def close(self) -> None:
        """Stop delivering and close the store behind; what waits goes on waiting. The ledger stays open."""
        self._cancelled.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._remote is not None:
            self._remote.close()
        self._cancelled.clear()

    def fields(self, bucket: str, measurement: str) -> dict[str, Field]:
        """See ports.Store: what was written from here, or what the server has when nothing was."""
        return dict(self._known(bucket, measurement))

    def _known(self, bucket: str, measurement: str) -> dict[str, Field]:
        key = (bucket, measurement)
        if key not in self._fields:
            found = self.queue.fields(bucket, measurement)
            if not found:
                answer = self._asked(lambda: self.remote().fields(bucket, measurement))
                if answer is None:
                    self._unasked.add(key)
                found = answer or {}
                self.queue.add_fields(bucket, measurement, found.values())
            self._fields[key] = found
        return self._fields[key]

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
        """See ports.Store; windows (`every`) are of what the server has. Without the server: what waits here alone."""
        from .overlay import laid_over, waiting_rows

        if every is not None:
            return self.remote().read(bucket, measurement, fields=fields, start=start, end=end, every=every, agg=agg)
        first, last = _ns(start, -_EDGE), _ns(end, _EDGE) - 1
        known = self._known(bucket, measurement)
        names = [name for name in known if not known[name].tag] if fields is None else list(fields)
        # First what waits: what leaves the queue in this moment is in the store when that is asked.
        parcels = [
            (unpack(one.parcel), one.parcel.precision) for one in self._between(bucket, measurement, first, last)
        ]
        stored = self._stored(bucket, measurement, names, start, end)
        if stored is None:
            self.queue.judge_later(bucket, measurement, first, last)
        tags = [name for name in known if known[name].tag]
        return laid_over(stored, waiting_rows(parcels, measurement, names, start, end), tags, names)

    def _between(self, bucket: str, measurement: str, first: int, last: int) -> list[Waiting]:
        return self.queue.between(bucket, measurement, first, last)

    def _stored(
        self,
        bucket: str,
        measurement: str,
        names: Sequence[str],
        start: pd.Timestamp | None,
        end: pd.Timestamp | None,
    ) -> pd.DataFrame | None:
        """What the server has; None: it can't be asked."""

        def ask() -> pd.DataFrame | None:
            try:
                there = self.remote().fields(bucket, measurement)
                wanted = [name for name in names if name in there]
                return (
                    self.remote().read(bucket, measurement, fields=wanted, start=start, end=end) if wanted else _none()
                )
            except Rejected:  # neither bucket nor measurement is there yet
                return _none()

        return self._asked(ask)

    def _asked(self, question: Callable[[], T]) -> T | None:
        """The server's answer; None, when it can't be asked now. It is not tried twice in one run."""
        if self._away is None and self._is_early():
            self._away = Unreachable("it is too early for the next try")
        if self._away is not None:
            return None
        try:
            return question()
        except Unreachable as error:
            self._away = error
            self._say(
                "the server can't be asked, so flags are made without the rows that only it has; these times are judged"
                f" again when it is back ({str(error).splitlines()[0]})"
            )
            return None

    def _is_early(self) -> bool:
        """Whether an earlier run found the server away, and it is not yet time to try again."""
        trouble = Trouble.of(self.queue)
        return trouble.to == self._to and 0 < trouble.not_before - self._now() < 3600

    def latest(self, bucket: str, measurement: str) -> pd.DataFrame:
        """See ports.Store, of what the server has."""
        return self.remote().latest(bucket, measurement)

    def buckets(self) -> dict[str, int | None]:
        """See ports.Store, of what the server has."""
        return self.remote().buckets()

    def measurements(self, bucket: str) -> list[str]:
        """See ports.Store, of what the server has."""
        return self.remote().measurements(bucket)

    def retain(self, bucket: str, keep_days: int | None) -> None:
        """See ports.Store, of what the server has."""
        self.remote().retain(bucket, keep_days)

    def expire(self, now: pd.Timestamp) -> int:
        """See ports.Store; the server does it by itself."""
        return 0


def _none() -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(index=pd.DatetimeIndex([], tz="UTC", name="time"))


def _ns(time: pd.Timestamp | None, otherwise: int) -> int:
    return otherwise if time is None else int(time.as_unit("ns").value)
