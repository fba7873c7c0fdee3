"""What the parts ask of each other: the only module that sources, sinks and the pump share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, get_args

if TYPE_CHECKING:  # a run that finds nothing new must not pay for this import
    import pandas as pd

Kind = Literal["number", "integer", "boolean", "text"]
Aggregate = Literal["mean", "min", "max", "first", "last", "count", "sum"]
FLAG_ENDS = ("_qc", "_qcbits")  # beside a field `X` stand its flags, `X_qc` and `X_qcbits`
OWN_ENDS = (*FLAG_ENDS, "_corrected")  # and what a person's gain and offset make of it: names that no column may have
DEVICE_TAGS = ("station", "device_id", "node", "serial")  # tags whose value names a device; the first that is there
Precision = Literal["s", "ms", "us", "ns"]
AGGREGATES: tuple[Aggregate, ...] = get_args(Aggregate)


@dataclass(frozen=True)
class Field:
    """One field or tag of a measurement, as a store knows it."""

    name: str
    kind: Kind
    unit: str = ""
    tag: bool = False


class Sink(Protocol):
    """Where rows go. tests/test_sinks.py runs every sink through the same cases.

    A frame has one row a point. Its index is the time: `DatetimeIndex`, UTC, nanoseconds. Its columns are the tags
    (text) and the fields: float64 is a number, int64 or Int64 an integer, bool or boolean a boolean, the rest text.
    NaN, None and NA are missing and are never written.
    """

    def create(self, bucket: str, keep_days: int | None) -> None:
        """Make `bucket` if it is not there; keep points for `keep_days` (None: for ever)."""

    def write(
        self,
        bucket: str,
        measurement: str,
        frame: pd.DataFrame,
        tags: tuple[str, ...] = (),
        units: Mapping[str, str] | None = None,
    ) -> int:
        """Write every row and return their number.

        A point is (measurement, tags, time). Writing it again replaces the fields that the later row brings; a field
        that is missing there keeps its earlier value. So writing a frame twice is writing it once.

        Args:
            tags: the names of those columns of `frame` that are tags.
            units: a unit for each field that has one.

        Raises: Unreachable (keep and try again) or Rejected (set aside), nothing else.
        """

    def close(self) -> None:
        """Let go of files and connections; safe to call twice."""


@dataclass(frozen=True)
class Parcel:
    """Lines of the line protocol for one bucket: what an outbox keeps and a carrier takes.

    body: the lines, compressed with gzip (one member). rows, size: number of lines, and their bytes uncompressed.
    """

    bucket: str
    precision: Precision
    body: bytes
    rows: int
    size: int


class Carrier(Protocol):
    """What takes lines of the line protocol as they are; an outbox forwards to one."""

    def create(self, bucket: str, keep_days: int | None) -> None:
        """As for a Sink. Raises: Denied, when we may not; Unreachable."""

    def deliver(self, parcel: Parcel) -> None:
        """Hand over all lines; done means stored. The same lines twice are the same as once.

        Raises: Unreachable (and Denied among it): keep the parcel; Rejected (and TooLarge): at least one line was
            refused, the others may be stored.
        """

    def keeps(self, bucket: str) -> int | None:
        """How many days a bucket keeps rows; None: for ever, or it does not say. Raises: Unreachable."""

    def clock(self) -> float | None:
        """The time where rows are kept, as the last answer told it [s since 1970]; None: none has told it."""

    def close(self) -> None:
        """Let go of connections; safe to call twice."""


class Store(Sink, Protocol):
    """A sink that can be asked. Ranges are half open: start <= time < end."""

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
        """Rows of one measurement, oldest first; an empty frame when there are none.

        Args:
            fields: the fields wanted (None: all); tags always come along.
            every: the width of a window, aligned to 1970-01-01 UTC; a window is labelled by its start, one row for each
                window and series. None: rows as they were written.
            agg: what a window becomes; fields that are not numbers have only first, last and count.

        Raises: Rejected, when bucket, measurement or a field is not there; Unreachable.
        """

    def latest(self, bucket: str, measurement: str) -> pd.DataFrame:
        """The newest row of each series (combination of tags)."""

    def buckets(self) -> dict[str, int | None]:
        """The buckets and how many days each keeps (None: for ever)."""

    def measurements(self, bucket: str) -> list[str]:
        """The measurements of `bucket`, sorted."""

    def fields(self, bucket: str, measurement: str) -> dict[str, Field]:
        """Tags and fields by name, in the order in which they appeared; empty when the measurement is not there."""

    def retain(self, bucket: str, keep_days: int | None) -> None:
        """Change how many days `bucket` keeps its rows (None: for ever). Raises: Rejected, Unreachable."""

    def expire(self, now: pd.Timestamp) -> int:
        """Delete the rows that are past their bucket's retention; return how many."""


def _nothing() -> None:
    """What `done` does when nothing has to be remembered."""


@dataclass(frozen=True)
class Batch:
    """Rows for one measurement, and what to do once they are safe (acknowledge, remember the place in the file)."""

    bucket: str
    measurement: str
    frame: pd.DataFrame
    tags: tuple[str, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    done: Callable[[], None] = _nothing


class Source(Protocol):
    """Where rows come from: anything that can be looped over for batches."""

    def __iter__(self) -> Iterator[Batch]:
        """Batches until there is nothing more for now. Raises InputError or Unreachable, nothing else."""
