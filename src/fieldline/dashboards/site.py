"""What dashboards are made from: what a store holds, what is declared, and how this site is configured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..groups import Known, Layout, arrange
from ..groups.apart import MOST_SERIES
from ..groups.shown import Shown, declared
from ..ports import FLAG_ENDS, Field
from ..rules import Rules
from ..settings.model import Grafana
from ..tables import DataTable
from .names import uid

Row = tuple[str, str, str]  # bucket, measurement, station: one table of one station
TAG = "fieldline"  # uids begin with it, and every dashboard carries it
RECORD = "RECORD"
NO_STATION = "site"
RUNS = "runs"  # the measurement, and the dashboard, that tell of the program itself


@dataclass(frozen=True)
class Site:
    """What the dashboards of a site are made from; the same Site gives the same bytes.

    known: what the store holds, or will hold. intervals: (bucket, measurement) -> seconds between rows, where no class
    says it. runs: the bucket that holds the measurement `runs`. outbox: whether rows wait on this machine for a server.
    apart: whether flags are kept in measurements of their own. buckets: bucket of a table -> that of the server.
    latitude, longitude: degrees, None where they are not known. zone: the clock of the loggers. heights: of instruments
    by the names of their fields, below the ground with a minus [m]. instruments: what measures a field, by patterns.
    """

    known: tuple[Known, ...]
    tables: tuple[type[DataTable], ...] = ()
    intervals: Mapping[tuple[str, str], float] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    runs: str = "field"
    every_minutes: int = 5
    outbox: bool = False
    apart: bool = False
    buckets: Mapping[str, str] = field(default_factory=dict)
    latitude: float | None = None
    longitude: float | None = None
    zone: str = "+00:00"
    grafana: Grafana = field(default_factory=Grafana)
    heights: Mapping[str, float] = field(default_factory=dict)
    instruments: Mapping[str, str] = field(default_factory=dict)

    @property
    def stations(self) -> tuple[str, ...]:
        """The stations, sorted; '' stands for rows without one."""
        return tuple(sorted({one.station for one in self.known}))

    @property
    def names(self) -> tuple[str, ...]:
        """All buckets, as the server has them, sorted."""
        return tuple(sorted({self.bucket(one.bucket) for one in self.known} | {self.bucket(self.runs)}))

    def uid(self, *words: str) -> str:
        """A uid of this installation: its `grafana.source` keeps it apart from others that share a Grafana."""
        own = self.grafana.source
        return uid(TAG, *words) if own == TAG else uid(TAG, own, *words)

    def part(self, station: str, part: str) -> str:
        """The uid of a dashboard of a station, or of that of the runs, which has none."""
        return self.uid(self.bucket(self.runs) if part == RUNS else title_of(station), part)

    @property
    def of_runs(self) -> str:
        """What stands for the program itself, as a station stands for its rows: two never write to one bucket."""
        return self.title(self.bucket(self.runs))

    def called(self, station: str) -> str:
        """A station in titles, with the name of the installation if it has one of its own."""
        own = self.grafana.source
        return title_of(station) if own == TAG else f"{own} {title_of(station)}"

    def title(self, bucket: str) -> str:
        """The name of the data source of a bucket as the server calls it."""
        return f"{self.grafana.source} {bucket}"

    def of(self, station: str) -> Layout:
        """What one station shows."""
        every = self.intervals
        mine = [
            replace(one, interval=every.get((one.bucket, one.measurement)))
            for one in self.known
            if one.station == station
        ]
        return arrange(mine, self.tables, self.heights, self.aliases, self.instruments)

    def bucket(self, name: str) -> str:
        """What the server calls a bucket."""
        return self.buckets.get(name, name)

    def source(self, bucket: str) -> str:
        """The uid of the data source of a bucket."""
        return self.server_source(self.bucket(bucket))

    def server_source(self, bucket: str) -> str:
        """The same, of a bucket as the server calls it."""
        return uid(self.grafana.source, bucket)

    def interval(self, row: Row) -> float | None:
        """Seconds between the rows of a table, if they are known."""
        return declared(self.tables, row[0], row[1]).interval or self.intervals.get((row[0], row[1]))

    def fields(self, row: Row) -> Mapping[str, Field]:
        """The fields of a table as the store has them."""
        return next((one.fields for one in self.known if (one.bucket, one.measurement, one.station) == row), {})

    def tags(self, row: Row) -> tuple[str, ...]:
        """The tags that a question must keep apart: all, where no station is picked and series are not too many."""
        return (
            ()
            if row[2] or self.crowd(row)
            else tuple(sorted(name for name, one in self.fields(row).items() if one.tag))
        )

    def telling(self, row: Row) -> tuple[str, ...]:
        """Those of them that tell its series apart; none where it has one series."""
        return next((one.by for one in self.known if (one.bucket, one.measurement, one.station) == row), ())

    def crowd(self, row: Row) -> int:
        """How many series a table has, where they are too many to be drawn apart; else 0."""
        count = next((one.series for one in self.known if (one.bucket, one.measurement, one.station) == row), 1)
        return count if count > MOST_SERIES else 0

    def several(self, row: Row) -> bool:
        """Whether a table has several series, apart or together."""
        return bool(self.telling(row) or self.crowd(row))

    def counter(self, row: Row) -> str:
        """A field that every row has."""
        known = self.fields(row)
        numbers = [name for name, one in known.items() if one.kind in ("number", "integer") and not one.tag]
        plain = [name for name in numbers if not name.endswith(FLAG_ENDS)]
        return RECORD if RECORD in known else (plain or numbers or [RECORD])[0]


def title_of(station: str) -> str:
    """A station as titles have it."""
    return station or NO_STATION


def tag_of(station: str) -> str:
    """The tag that all dashboards of a station carry, and those of no other one."""
    return f"station:{uid(title_of(station))}"


def promised(tables: Iterable[type[DataTable]], rules: Rules | None = None) -> list[Known]:
    """What the declared tables will hold once their files are read: fields, and flags where checks judge them.

    A table whose header may name any station (`*`) promises nothing: the store tells which stations there are.
    """
    rules = rules or Rules()
    found: dict[Row, dict[str, Field]] = {}
    by: dict[Row, tuple[str, ...]] = {}
    for table in tables:
        if any(sign in table.station for sign in "*?["):
            continue
        fields = {one.name: Field(one.name, one.kind or "number", one.unit) for one in table.columns.values()}
        checks = {one.name: one.checks for one in table.columns.values() if one.checks}
        judged = rules.of(table.measurement, fields, checks, table.interval)
        fields |= {name + end: Field(name + end, "integer") for name in judged for end in FLAG_ENDS}
        fields |= {tag: Field(tag, "text", tag=True) for tag in table.tags}
        fields[RECORD] = Field(RECORD, "integer")
        station = table.station if "station" in table.tags else ""
        row = (table.bucket, table.measurement, station)
        found.setdefault(row, {}).update(fields)
        by[row] = () if station else table.tags
    return [Known(*row, fields, by=by[row]) for row, fields in found.items()]


def joined(*parts: Sequence[Known]) -> tuple[Known, ...]:
    """Several accounts of the same tables as one; of two words on one field the later one counts, but never no unit."""
    found: dict[Row, dict[str, Field]] = {}
    last: dict[Row, Known] = {}
    for one in (known for part in parts for known in part):
        last[one.bucket, one.measurement, one.station] = one
        fields = found.setdefault((one.bucket, one.measurement, one.station), {})
        for name, word in one.fields.items():
            before = fields.get(name)
            fields[name] = replace(word, unit=word.unit or before.unit) if before else word
    told = sorted(found.items())
    return tuple(Known(*row, fields, by=last[row].by, series=last[row].series) for row, fields in told)


def rows_of(series: Iterable[Shown]) -> list[Row]:
    """The tables that fields stand in, each once."""
    return list(dict.fromkeys(one.table for one in series))
