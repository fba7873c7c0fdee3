"""GET /metrics: what the store has now, for Prometheus, read when it asks.

Each value carries the time of its row. Prometheus then shows it at that time, not at the time of the scrape, and does
not mark the series as stale when it disappears: it is seen for five minutes after its row. For tables that come late or
seldom ask with `last_over_time(fieldline_latest_value[1h])`. A value whose row is older than five intervals (and than
ten minutes), or more than ten minutes ahead of the clock, is not shown at all, so nothing sticks when a logger falls
silent; `fieldline_lag_seconds` goes on.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, Metric, generate_latest
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from ..outbox import SCHEMA, Queue
from ..sources.memory import Memory
from .access import authorize
from .asked import refusals
from .context import Context
from .latest import Latest, Name, Series, Table, latest_of
from .replies import strict
from .states import DELAY

KEPT_SECONDS = 1.0  # an answer is given again for so long
_NOT_PLAIN = re.compile(r"[^a-zA-Z0-9_]")
_TEXT = {
    "schema": {"type": "string"},
    "example": 'fieldline_latest_value{bucket="field",field="T",measurement="soil",unit="degC"} 7.1 1782384600000',
}


def router(context: Context) -> APIRouter:
    """The endpoint."""
    routes = APIRouter(tags=["Prometheus"])
    answers = _Answers(context)

    @routes.get(
        "/metrics",
        response_class=Response,
        responses={200: {"description": "Prometheus' text format.", "content": {"text/plain": _TEXT}}, **refusals()},
    )
    def metrics(request: Request) -> Response:
        """The newest values with their own time stamps, lag, flags, rows today, and the state of the runs."""
        strict(request, ())
        access = authorize(context, request, "read")
        visible = frozenset(name for name, _ in answers.station.latest.tables() if access.may("read", name))
        return Response(answers.text(visible), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return routes


class _Answers:
    """The last answer for each set of buckets."""

    def __init__(self, context: Context) -> None:
        self.context, self.lock = context, threading.Lock()
        self.station = Station(context)
        self.kept: dict[frozenset[str], tuple[pd.Timestamp, bytes]] = {}

    def text(self, visible: frozenset[str]) -> bytes:
        """The text for who may see these buckets."""
        now = self.context.now()
        with self.lock:
            made, text = self.kept.get(visible, (None, b""))
            if made is None or not 0 <= (now - made).total_seconds() < KEPT_SECONDS:
                registry = CollectorRegistry(auto_describe=False)
                registry.register(_Collector(self.station, visible, now))
                text = generate_latest(registry)
                if len(self.kept) > 100:
                    self.kept.clear()
                self.kept[visible] = (now, text)
            return text


@dataclass(frozen=True)
class _Collector(Collector):
    """Metrics of one answer."""

    station: Station
    visible: frozenset[str]
    now: pd.Timestamp

    def describe(self) -> list[Metric]:
        """Nothing is known before the store was read."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every metric."""
        latest = self.station.latest
        series = latest.series(self.visible.__contains__)
        fresh = [one for one in series if -DELAY <= one.age(self.now) <= latest.patience(one)]
        yield from _values(fresh)
        yield from _ages(series, self.now)
        yield _rows_today(self.station.rows_today(self.visible, self.now))
        yield from self.station.runs(self.now)


class Station:
    """What is asked besides the newest rows; each once for a state of the file it stands in."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.latest: Latest = latest_of(context)
        self._counted: dict[Name, tuple[pd.Timestamp, int, int]] = {}

    def rows_today(self, visible: frozenset[str], now: pd.Timestamp) -> dict[Name, int]:
        """Rows since midnight of the station's clock, by bucket and measurement."""
        midnight = now.tz_convert(self.context.zone).normalize().tz_convert("UTC")
        found = {}
        for name, table in self.latest.tables().items():
            if name[0] not in visible:
                continue
            state = (midnight, table.turn)
            if self._counted.get(name, ())[:2] != state:
                self._counted[name] = (*state, self._count(name, table, midnight))
            found[name] = self._counted[name][2]
        return found

    def _count(self, name: Name, table: Table, midnight: pd.Timestamp) -> int:
        """Rows of all series of a measurement."""
        start = midnight.as_unit("ns").value
        if all(one.time < start for one in table.series):
            return 0
        return self.context.store.look(*name, lambda look: look.count(start))

    def runs(self, now: pd.Timestamp) -> Iterator[Metric]:
        """The last run of the driver, what waits in the outbox, what was set aside."""
        path = self.context.home / "state.db"
        if not path.exists():
            return
        memory = Memory(path, frozen=True, more=SCHEMA)
        try:
            queue = Queue(memory.ledger)
            yield _gauge("fieldline_outbox_rows", "Rows that wait for the remote store.", queue.depth().rows)
            yield _gauge("fieldline_outbox_refused_rows", "Rows that the remote store refused.", queue.depth(True).rows)
            aside = sum(table.quarantined for seen in memory.files.values() for table in seen.tables.values())
            yield _gauge("fieldline_quarantined_rows", "Rows of files that could not be read, in all.", aside)
            ended, status = memory.note("ended"), memory.note("status")
        finally:
            memory.close()
        if ended:
            time = datetime.fromisoformat(ended).timestamp()
            yield _gauge("fieldline_last_run_timestamp_seconds", "When the driver's last run ended.", time)
            yield _gauge("fieldline_last_run_age_seconds", "Seconds since then.", now.timestamp() - time)
        if status:
            yield _gauge(
                "fieldline_last_run_status", "Its exit status; 0: done, 3: done, some rows aside.", int(status)
            )


def labels(one: Series) -> dict[str, str]:
    """The labels of a series: bucket, measurement, station (its device), and every other tag as tag_NAME."""
    found = {"bucket": one.bucket, "measurement": one.measurement, "station": one.device}
    for name, value in sorted(one.tags.items()):
        if name == "station" or not value:
            continue
        label = base = f"tag_{_NOT_PLAIN.sub('_', name)}"
        number = 1
        while label in found:  # `a.b` and `a b`
            number += 1
            label = f"{base}_{number}"
        found[label] = value
    return found


def _values(fresh: list[Series]) -> Iterator[Metric]:
    value = Metric("fieldline_latest_value", "The newest value of a field, at the time of its row.", "gauge")
    flag = Metric("fieldline_latest_flag", "Its flag: 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing.", "gauge")
    for one in fresh:
        own, time = labels(one), _seconds(one.time)
        for name, number in one.fields.items():
            if not isinstance(number, str):
                unit = one.units.get(name, "")
                value.add_sample(value.name, {**own, "field": name, "unit": unit}, float(number), timestamp=time)
        for name, number in one.flags.items():
            flag.add_sample(flag.name, {**own, "field": name}, number, timestamp=time)
    yield value
    yield flag


def _ages(series: list[Series], now: pd.Timestamp) -> Iterator[Metric]:
    newest = Metric("fieldline_last_sample_timestamp_seconds", "The time of the newest row.", "gauge")
    lag = Metric("fieldline_lag_seconds", "Seconds since the newest row.", "gauge")
    for one in series:
        own = labels(one)
        newest.add_sample(newest.name, own, one.time / 1e9)
        lag.add_sample(lag.name, own, one.age(now))
    yield newest
    yield lag


def _rows_today(counts: dict[Name, int]) -> Metric:
    metric = Metric("fieldline_rows_today", "Rows since midnight of the station's clock.", "gauge")
    for (bucket, measurement), count in counts.items():
        metric.add_sample(metric.name, {"bucket": bucket, "measurement": measurement}, count)
    return metric


def _gauge(name: str, words: str, value: float) -> Metric:
    metric = Metric(name, words, "gauge")
    metric.add_sample(name, {}, value)
    return metric


def _seconds(time: int) -> float:
    """Seconds of which the client makes the same milliseconds: it cuts off, and a double may lie just below."""
    return time // 10**6 / 1e3 + 1e-4
