"""`fieldline quality`: what the checks said of a bucket or a measurement, as tables, JSON or a page to look at."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ..errors import UsageError
from ..ports import Field, Store
from ..quality.bits import names
from ..quality.picture import Section, page
from ..quality.report import FieldReport, Report, joined, summarise, usual_interval
from ..quality.words import VERDICTS, checks, clock, percent, span
from ..settings import Settings
from ..sources.memory import Memory
from .configured import load_settings
from .show import counted, table
from .stores import open_store
from .times import iso, moment

_DAYS = pd.Timedelta(days=7)
_CELLS = 8_000_000  # that are read at once: 64 MB of numbers
_TICK = pd.Timedelta(1, unit="ns")


@dataclass(frozen=True)
class Flagged:
    """A measurement that has flags: its flagged fields, and all of its fields as the store knows them."""

    bucket: str
    measurement: str
    fields: tuple[str, ...]
    known: Mapping[str, Field]

    def columns(self, names: Sequence[str]) -> list[str]:
        """The columns that are there for some of the fields."""
        return [column for name in names for column in (name, *_beside(name)) if column in self.known]

    @property
    def tags(self) -> list[str]:
        """The names of its tags."""
        return [field.name for field in self.known.values() if field.tag]


@dataclass(frozen=True)
class Series:
    """One series of a measurement and its report."""

    bucket: str
    measurement: str
    tags: Mapping[str, str]
    report: Report

    @property
    def title(self) -> str:
        """As in 'field.fastdata, station tower'."""
        return _title(self.bucket, self.measurement, self.tags)


def _title(bucket: str, measurement: str, tags: Mapping[str, str]) -> str:
    return ", ".join([f"{bucket}.{measurement}", *(f"{tag} {text}" for tag, text in tags.items())])


@dataclass(frozen=True)
class Silent:
    """A series of a measurement with flags that has no row in the range: a logger that failed, or was taken down."""

    bucket: str
    measurement: str
    tags: Mapping[str, str]
    newest: pd.Timestamp

    @property
    def words(self) -> str:
        """As in 'field.fastdata, station tower: no row in this range, the newest is of 2024-07-01 05:00'."""
        title = _title(self.bucket, self.measurement, self.tags)
        return f"{title}: no row in this range, the newest is of {clock(self.newest)}"


def main(options: argparse.Namespace) -> int:
    """Print the tables, and write the page when it is asked for."""
    settings, now = load_settings(options), pd.Timestamp.now("UTC")
    start, end = moment("--from", options.start, now), moment("--to", options.end, now)
    if start is not None and end is not None and not start < end:
        raise UsageError("--from", options.start, f"a time before --to {options.end}", "Correct one of them.")
    store = open_store(settings)
    try:
        groups = list(_by_bucket(store, options.bucket, options.measurement))
        found = [one for group in groups for one in _group(store, group, start, end, _intervals(settings))]
        silent = [one for group in groups for one in _silent(store, group, found)]
    finally:
        store.close()
    _print(found, silent, options.all)
    if found and start is None:
        print("these are the newest seven days of each bucket; for more add for example --from -30d", file=sys.stderr)
    if options.html is not None:
        _write(options.html, found, silent, now)
        print(f"written: {options.html}")
    if options.json:
        print(_json(found, silent, options.html))
    return 0


def _print(found: Sequence[Series], silent: Sequence[Silent], every: bool) -> None:
    for one in found:
        print(_table(one, every), end="\n\n")
    for each in silent:
        print(each.words)
    if not found:
        print("no flags in this range; they come with new rows, once a table has checks")


def _by_bucket(store: Store, bucket: str | None, measurement: str | None) -> Iterator[list[Flagged]]:
    """The measurements asked for that have flags, a list for each bucket.

    Raises: UsageError, when a measurement is named that is not there; Rejected, for such a bucket.
    """
    for name in [bucket] if bucket is not None else store.buckets():
        there = store.measurements(name)
        if measurement is not None and measurement not in there:
            raise UsageError(
                f"bucket {name}",
                f"no measurement {measurement!r}",
                f"one of {', '.join(there) or 'none'}",
                "Correct it.",
            )
        chosen = [measurement] if measurement is not None else there
        yield [one for one in (_flagged(store, name, each) for each in chosen) if one.fields]


def _flagged(store: Store, bucket: str, measurement: str) -> Flagged:
    """A field has flags when `<field>_qc` is there and is not a column of the logger that happens to be called so."""
    known = store.fields(bucket, measurement)
    fields = [
        name.removesuffix("_qc")
        for name in known
        if name.endswith("_qc") and (name.removesuffix("_qc") in known or f"{name}bits" in known)
    ]
    order = {name: place for place, name in enumerate(known)}
    fields.sort(key=lambda name: order.get(name, len(order)))
    return Flagged(bucket, measurement, tuple(fields), known)


def _beside(name: str) -> tuple[str, str]:
    return f"{name}_qc", f"{name}_qcbits"


def _group(
    store: Store,
    group: Sequence[Flagged],
    start: pd.Timestamp | None,
    end: pd.Timestamp | None,
    intervals: Mapping[tuple[str, str], pd.Timedelta],
) -> Iterator[Series]:
    """The series of one bucket. Without --to a report ends with the bucket's newest record: who fell silent, shows."""
    if end is None:
        newest = [store.latest(one.bucket, one.measurement).index.max() for one in group]
        times = [time for time in newest if not pd.isna(time)]
        if not times:
            return
        end = max(times).as_unit("ns") + _TICK
    for one in group:
        yield from _series(store, one, start, end, intervals.get((one.bucket, one.measurement)))


def _series(
    store: Store, one: Flagged, start: pd.Timestamp | None, end: pd.Timestamp, interval: pd.Timedelta | None
) -> Iterator[Series]:
    begin = end - _DAYS if start is None else start
    if not begin < end:
        return
    first = _beginning(store, one, begin, end)
    parts = dict[tuple[str, ...], list[Report]]()
    for fields in _portions(store, one, first, end):
        frame = store.read(one.bucket, one.measurement, fields=one.columns(fields), start=first, end=end)
        units = {name: one.known[name].unit for name in fields if name in one.known}
        for tags, rows in _split(frame, one.tags):
            every = usual_interval(pd.DatetimeIndex(rows.index)) or interval
            report = summarise(rows, fields, interval=every, start=first, end=end, names=names, units=units)
            parts.setdefault(tags, []).append(report)
    for tags, reports in parts.items():
        yield Series(one.bucket, one.measurement, dict(zip(one.tags, tags, strict=True)), joined(reports))


def _silent(store: Store, group: Sequence[Flagged], found: Sequence[Series]) -> Iterator[Silent]:
    """The series of which nothing was found."""
    there = {_title(one.bucket, one.measurement, one.tags) for one in found}
    for one in group:
        for key, rows in _split(store.latest(one.bucket, one.measurement), one.tags):
            tags = dict(zip(one.tags, key, strict=True))
            if _title(one.bucket, one.measurement, tags) not in there:
                yield Silent(one.bucket, one.measurement, tags, pd.Timestamp(rows.index.max()))


def _beginning(store: Store, one: Flagged, start: pd.Timestamp, end: pd.Timestamp) -> pd.Timestamp:
    """`start`, or the first record if that is younger: what came before a station stood is not missing."""
    columns = one.columns(one.fields)
    before = store.read(one.bucket, one.measurement, fields=columns[:1], every=_DAYS, agg="count", end=start)
    if len(before):
        return start
    rows = store.read(one.bucket, one.measurement, fields=columns, start=start, end=end)
    return pd.Timestamp(rows.index[0]).as_unit("ns") if len(rows) else start


def _portions(store: Store, one: Flagged, start: pd.Timestamp, end: pd.Timestamp) -> Iterator[tuple[str, ...]]:
    """The fields in portions whose rows fit into memory."""
    column = one.columns(one.fields)[:1]
    counted = store.read(one.bucket, one.measurement, fields=column, start=start, end=end)
    size = max(1, _CELLS // (3 * max(1, len(counted))))
    for place in range(0, len(one.fields), size):
        yield one.fields[place : place + size]


def _split(frame: pd.DataFrame, tags: Sequence[str]) -> Iterator[tuple[tuple[str, ...], pd.DataFrame]]:
    if frame.empty:
        return
    if not tags:
        yield (), frame
        return
    words = frame[list(tags)].astype(object).where(frame[list(tags)].notna(), "").astype(str)
    for key, rows in frame.groupby([words[tag] for tag in tags], sort=True):
        yield tuple(map(str, key if isinstance(key, tuple) else (key,))), rows


def _intervals(settings: Settings) -> dict[tuple[str, str], pd.Timedelta]:
    """What the runs remember of the intervals, for measurements whose tables agree."""
    memory = Memory(settings.home / "state.db", frozen=True)
    try:
        seen = [table for file in memory.files.values() for table in file.tables.values() if table.interval]
    finally:
        memory.close()
    found = dict[tuple[str, str], set[int]]()
    for one in seen:
        found.setdefault((one.bucket, one.measurement), set()).add(one.interval or 0)
    return {key: pd.Timedelta(min(many), unit="ns") for key, many in found.items() if len(many) == 1}


def _table(one: Series, all_fields: bool) -> str:
    """The title, the range and a line for each field that is not good throughout, or for each."""
    report = one.report
    every = f"a row every {span(report.interval)}" if report.interval is not None else "interval not known"
    came = f"{counted(report.rows, 'row')} came, {report.absent:,} did not"
    heads = ("field", *(f"{word} %" for word in VERDICTS.values()), "worst hour", "in it", "checks")
    shown = [field for field in report.fields if all_fields or field.good < field.total]
    newest = max((field.last for field in report.fields if field.last is not None), default=report.end)
    last = f"; the last value is of {clock(newest)}" if report.end - newest > pd.Timedelta(1, "min") else ""
    text = f"{one.title}\n{clock(report.start)} to {clock(report.end)} UTC, {every}: {came}{last}\n"
    if shown:
        text += table(heads, [_cells(field) for field in shown])
    hidden = len(report.fields) - len(shown)
    more = f"{counted(hidden, 'field is', 'fields are')} good throughout; --all lists them too" if hidden else ""
    return "\n".join(filter(None, [text.rstrip("\n"), more]))


def _cells(field: FieldReport) -> tuple[str, ...]:
    worst = (clock(field.worst[0].start), f"{field.worst[0].count:,}") if field.worst else ("-", "0")
    return (field.name, *(percent(field.percent(key)) for key in VERDICTS), *worst, checks(field.checks) or "-")


def _write(path: Path, found: Sequence[Series], silent: Sequence[Silent], made: pd.Timestamp) -> None:
    heading = " ".join(["Data quality:", ", ".join(sorted({one.bucket for one in found}))]) if found else "Data quality"
    facts = [*_facts(found), *(("silent", one.words) for one in silent)]
    text = page([Section(one.title, (), one.report) for one in found], heading=heading, facts=facts, made=made)
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(f"--html {path}", str(error), "a file that can be written", "Name another.") from error


def _facts(found: Sequence[Series]) -> list[tuple[str, str]]:
    stations = sorted({one.tags["station"] for one in found if one.tags.get("station")})
    fields = sum(len(one.report.fields) for one in found)
    return [
        *([("station" if len(stations) == 1 else "stations", ", ".join(stations))] if stations else []),
        ("measurements", ", ".join(sorted({f"{one.bucket}.{one.measurement}" for one in found})) or "none"),
        ("fields", f"{fields:,} with flags"),
    ]


def _json(found: Sequence[Series], silent: Sequence[Silent], page: Path | None) -> str:
    series = [
        {"bucket": one.bucket, "measurement": one.measurement, "tags": dict(one.tags), **one.report.as_dict()}
        for one in found
    ]
    quiet = [
        {"bucket": one.bucket, "measurement": one.measurement, "tags": dict(one.tags), "newest": iso(one.newest)}
        for one in silent
    ]
    whole = {"verb": "quality", "html": str(page) if page else None, "series": series, "silent": quiet}
    return json.dumps(whole)
