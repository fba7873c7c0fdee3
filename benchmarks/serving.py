"""The server over HTTP: what its page and dashboards ask, beside influxd; its page in Chromium; /metrics; writing.

Server, influxd and browser run on the same cores as what measures them. The client asks one question after the other
over one connection that stays open, as a data source of Grafana does for each panel.
"""

from __future__ import annotations

import gzip
import http.client
import itertools
import shutil
import statistics
import sys
import time
import urllib.parse
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fieldline import lineprotocol
from fieldline.groups import Known
from fieldline.points import points
from fieldline.serve.keys import Keys
from fieldline.sinks.embedded import Embedded

from .common import PROJECT, Figure, Sizes, interleaved, seconds
from .dashboards import Question, questions

sys.path.insert(0, str(PROJECT / "tests"))

BUCKET, TABLE, STATION = "field", "tower", "46m"
HEIGHTS = (46, 34, 15, 3)  # m
MEASURED = {"Temp": "degC", "RH": "%", "WindSpeed": "m s-1", "CO2": "umol mol-1", "PPFD": "umol m-2 s-1"}
UNITS = {f"{name}_{height}m": unit for name, unit in MEASURED.items() for height in HEIGHTS}
STEP, MONTH = 5, 518_400  # s; rows of 30 days
HOUR, DAY = 3_600_000, 86_400_000  # ms
SPANS = {"3 h": 3 * HOUR, "24 h": DAY, "7 days": 7 * DAY, "30 days": 30 * DAY}
OPENED = 3  # times that each dashboard is opened over each range, and once before
LATER = 1_009  # ms between one opening and the next, as a viewer's now goes on: no question comes twice
WIDTH = 1_000  # pixels of a panel
SERIES = 100  # of /metrics
REQUEST = 5_000  # lines of a request, as Telegraf and our own outbox have it
SCRAPE = 1.05  # s; a little more than an answer of /metrics is given again
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
Asked = tuple[str, int]  # range, number of the question
Taken = Mapping[str, Mapping[Asked, list[float]]]  # seconds, by who answered and what was asked
SMALL = {"newest row": "LIMIT 1", "rows of an hour": "* 100.0 / 720", "stations": "SHOW TAG VALUES"}


class Wire:
    """A connection that stays open."""

    def __init__(self, url: str, key: str = "") -> None:
        self._http = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=120)
        self._headers = {"Authorization": f"Token {key}"} if key else {}

    def ask(self, path: str, **words: Any) -> bytes:
        """The body of an answer. Raises: RuntimeError."""
        return self._said("GET", f"{path}?{urllib.parse.urlencode(words, doseq=True)}" if words else path)

    def query(self, q: str) -> bytes:
        """The answer to InfluxQL, times in ms as Grafana has them."""
        return self.ask("/query", db=BUCKET, epoch="ms", q=q)

    def write(self, body: bytes, packed: bool = False) -> None:
        """Lines, times in s."""
        self._said("POST", f"/write?db={BUCKET}&precision=s", body, {"Content-Encoding": "gzip"} if packed else {})

    def _said(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> bytes:
        self._http.request(method, path, body, {**self._headers, **(headers or {})})
        answer = self._http.getresponse()
        text = answer.read()
        if answer.status >= 300 or b'"error"' in text[:200]:
            raise RuntimeError(f"{method} {path[:200]}: answered {answer.status} {text[:200]!r}")
        return text


@contextmanager
def server(home: Path) -> Iterator[str]:
    """`fieldline serve` as a process of its own; its address."""
    from serving import served_by_command

    with served_by_command(home) as (url, _):
        yield url


def month(rows: int) -> pd.DataFrame:
    """Rows of 5 s until now: 20 fields that walk about, each with flags, of which some are bad."""
    dice = np.random.default_rng(1)
    until = pd.Timestamp.now("UTC").floor("5s")
    index = pd.date_range(end=until, periods=rows, freq=f"{STEP}s", unit="ns", name="time")
    columns: dict[str, Any] = {"station": STATION}
    for name in UNITS:
        columns[name] = np.round(20 + np.cumsum(dice.normal(0, 0.05, rows)), 3)
        columns[f"{name}_qc"] = np.where(dice.random(rows) < 0.001, 4, 1)
    return pd.DataFrame(columns, index=index)


def stored(home: Path, frame: pd.DataFrame, table: str = TABLE, units: Mapping[str, str] = UNITS) -> str:
    """Put the rows into the store of a home; a key that may do all there."""
    store = Embedded(home / "store.duckdb")
    store.create(BUCKET, None)
    store.write(BUCKET, table, frame, ("station",), units)
    store.close()
    return Keys(home / "keys.json").add("bench", ["*"], ["*"])[0]


def pictures(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """What the page asks for its panels, over the ranges that it offers: parameters of /api/series."""
    last = int(frame.index[-1].value) // 10**6
    return [
        {
            "bucket": BUCKET,
            "measurement": TABLE,
            "station": STATION,
            "field": [f"{name}_{height}m" for height in HEIGHTS],
            "start": last - span,
            "end": last + 1,
            "points": WIDTH,
            "good": 0,
        }
        for span in SPANS.values()
        for name in MEASURED
    ]


def fill(influxd: Any, frame: pd.DataFrame) -> None:
    """Bring the same rows to an influxd."""
    influxd.query(f'CREATE DATABASE "{BUCKET}"')
    wire = Wire(influxd.url)
    for some in lineprotocol.chunks(TABLE, points(frame, ("station",)), "s"):
        wire.write(some.text)


def centile(taken: Sequence[float], share: float) -> float:
    """The value below which this share of them lies."""
    return sorted(taken)[min(len(taken) - 1, int(share * len(taken)))]


def milliseconds(taken: Mapping[str, Sequence[float]]) -> str:
    """Medians in words."""
    return ", ".join(f"{name} {1e3 * statistics.median(values):.1f} ms" for name, values in taken.items())


def panels(folder: Path, sizes: Sizes) -> list[Figure]:
    """The time of each question of page and dashboards, and of the same InfluxQL to an influxd with the same rows."""
    frame = month(sizes.rows * MONTH // 500_000)
    key = stored(folder / "home", frame)
    store = Embedded(folder / "home" / "store.duckdb")
    asked = questions(Known(BUCKET, TABLE, STATION, store.fields(BUCKET, TABLE)), STEP)
    with ExitStack() as stack:
        wires = {"fieldline": Wire(stack.enter_context(server(folder / "home")), key)}
        if shutil.which("influxd"):
            from servers import Influxd

            influxd = stack.enter_context(Influxd(folder / "influxd"))
            fill(influxd, frame)
            wires["influxd"] = Wire(influxd.url)
        own = wires["fieldline"]
        cold = seconds(lambda: own.ask("/api/series", **pictures(frame)[-1]))
        series = {
            str(number): lambda words=words: seconds(lambda: own.ask("/api/series", **words))
            for number, words in enumerate(pictures(frame))
        }
        interleaved(series, 1)
        drawn = interleaved(series, sizes.repeats)
        taken = opened(asked, wires, int(frame.index[-1].value) // 10**6, min(OPENED, sizes.repeats))
    return [_drawn(frame, drawn, cold), _answered(taken, asked, len(frame)), _beside_influxd(taken, asked)]


def opened(asked: Sequence[Question], wires: Mapping[str, Wire], last: int, rounds: int) -> Taken:
    """What each question takes when one dashboard after the other is opened over each range, by one and the other. [s]

    Args:
        last: the time of the last row [ms].
    """
    boards: dict[str, list[int]] = {}
    for number, question in enumerate(asked):
        boards.setdefault(question.board, []).append(number)
    taken: dict[str, dict[Asked, list[float]]] = {who: {} for who in wires}
    turns, until = list(wires), last
    for round_ in range(rounds + 1):
        for (name, span), numbers in itertools.product(SPANS.items(), boards.values()):
            until -= LATER
            turns.reverse()
            for who, number in itertools.product(turns, numbers):
                text = asked[number].over(span, until)
                took = seconds(lambda who=who, text=text: wires[who].query(text))
                if round_:
                    taken[who].setdefault((name, number), []).append(took)
    return taken


def _drawn(frame: pd.DataFrame, drawn: Mapping[str, list[float]], cold: float) -> Figure:
    every = [one for values in drawn.values() for one in values]
    return Figure(
        f"a panel of the page (/api/series, 4 fields of {len(frame):,} x {len(UNITS)} with flags): 95th percentile",
        f"{1e3 * centile(every, 0.95):.0f} ms",
        "at most 60 ms",
        f"median {1e3 * statistics.median(every):.1f} ms; the first, 30 days, from a fresh server {1e3 * cold:.0f} ms",
    )


def _answered(taken: Taken, asked: Sequence[Question], rows: int) -> Figure:
    own = taken["fieldline"]
    every = [one for values in own.values() for one in values]
    parts = {name: [one for place in places for one in own[place]] for name, places in _parts(own, asked).items()}
    return Figure(
        f"a question of a dashboard (/query, {rows:,} rows x {len(UNITS)} with flags): 95th percentile",
        f"{1e3 * centile(every, 0.95):.0f} ms",
        "at most 60 ms",
        f"all {1e3 * statistics.median(every):.1f} ms, {milliseconds(parts)}",
    )


def _beside_influxd(taken: Taken, asked: Sequence[Question]) -> Figure:
    what = f"all {len(asked)} questions of its dashboards over {len(SPANS)} ranges: influxd 1.6 / fieldline, the median"
    if "influxd" not in taken:
        return Figure(what, "not measured", "", "`apt-get install influxdb`")
    ratios = {
        place: statistics.median(taken["influxd"][place]) / statistics.median(own)
        for place, own in taken["fieldline"].items()
    }
    parts = [
        f"{name} {statistics.median(ratios[place] for place in places):.1f}"
        for name, places in _parts(ratios, asked).items()
    ]
    faster = sum(value > 1 for value in ratios.values()) / len(ratios)
    here = f"{', '.join(parts)}; fieldline is faster in {faster:.0%} of them"
    return Figure(what, f"{statistics.median(ratios.values()):.1f}", "at least 2", here)


def _parts(places: Collection[Asked], asked: Sequence[Question]) -> dict[str, list[Asked]]:
    """Those of a range, and those that ask for little."""
    parts = {f"over {name}": [place for place in places if place[0] == name] for name in SPANS}
    small = {name: [place for place in places if word in asked[place[1]].text] for name, word in SMALL.items()}
    return {name: found for name, found in (parts | small).items() if found}


def page(folder: Path, sizes: Sizes) -> list[Figure]:
    """From the address to the first charts, in Chromium; for the last month and for the last day."""
    what = "the page in Chromium"
    browser = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if browser is None or find_spec("playwright") is None:
        return [Figure(what, "not measured", "", "`pip install playwright`, `apt-get install chromium`")]
    frame = month(sizes.rows * MONTH // 500_000)
    stored(folder / "home", frame)
    (folder / "home" / "keys.json").unlink()  # reading is open where no key was made
    figures = []
    with server(folder / "home") as url, chromium(browser) as opened:
        for name, range_ in (("30 days", "1m"), ("24 hours", "1d")):
            taken = [opened(f"{url}/#last={range_}") for _ in range(sizes.repeats + 1)]
            first, whole = (statistics.median(times) for times in zip(*taken[1:], strict=True))
            fresh = f"the first time {taken[0][0]:.2f} s" + (", server and browser fresh" if not figures else "")
            figures.append(
                Figure(
                    f"{what}: until the first charts of {name} of {len(frame):,} x {len(UNITS)} are there",
                    f"{first:.2f} s",
                    "less than 1 s",
                    f"all that are in view {whole:.2f} s; {fresh}",
                )
            )
    return figures


@contextmanager
def chromium(browser: str) -> Iterator[Callable[[str], list[float]]]:
    """A function that opens a page: seconds until the first panel, and each in view, has data, by the page's clock."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=browser, args=list(ARGUMENTS))
        context = running.new_context(viewport={"width": 1400, "height": 1000})
        context.add_init_script(WATCH)

        def opened(address: str) -> list[float]:
            tab = context.new_page()
            tab.goto(address, wait_until="commit")
            taken = tab.evaluate("() => window.drawn")
            tab.close()
            return [each / 1e3 for each in taken]

        yield opened
        running.close()


# `drawn` becomes the times [ms] at which the first panel, and each that is in view, showed its data.
WATCH = """
window.drawn = new Promise((done) => {
  let first = 0;
  const look = () => {
    const panels = [...document.querySelectorAll(".panel")];
    const seen = panels.filter((one) => one.getBoundingClientRect().top < innerHeight);
    const ready = seen.filter((one) => one.matches("[data-loaded]"));
    first ||= ready.length ? performance.now() : 0;
    if (first && ready.length === seen.length) done([first, performance.now()]);
    else requestAnimationFrame(look);
  };
  look();
});
"""


def metrics(folder: Path, sizes: Sizes) -> list[Figure]:
    """What Prometheus waits for: of a store that did not change, and after a row of each series was written."""
    now = pd.Timestamp.now("UTC").floor("s")

    def rows(ago: int) -> pd.DataFrame:
        index = pd.DatetimeIndex([now - pd.Timedelta(ago, "s")] * SERIES, name="time").as_unit("ns")
        stations = [f"s{place:02}" for place in range(SERIES)]
        return pd.DataFrame({"station": stations, "T": 20.5, "RH": 70.0}, index=index)

    key = stored(folder, pd.concat([rows(ago) for ago in (3_600, 60, 55)]), units={"T": "degC", "RH": "%"})
    store = Embedded(folder / "store.duckdb")
    with server(folder) as url:
        wire = Wire(url, key)

        def scrape(ago: int | None = None) -> float:
            if ago is not None:
                store.write(BUCKET, TABLE, rows(ago), ("station",))
            time.sleep(SCRAPE)
            return seconds(lambda: wire.ask("/metrics"))

        scrape(50)
        later = iter(range(49, 0, -1))
        taken = interleaved({"unchanged": scrape, "after a write": lambda: scrape(next(later))}, sizes.repeats)
        size = len(wire.ask("/metrics"))
    worst = max(statistics.median(values) for values in taken.values())
    here = f"{milliseconds(taken)}; {size / 1e3:.0f} kB"
    return [Figure(f"/metrics, {SERIES} series", f"{1e3 * worst:.0f} ms", "at most 20 ms", here)]


def writing(folder: Path, sizes: Sizes) -> list[Figure]:
    """Lines a second that are stored for good, one request after the other; 1 and 10 fields, plain and as gzip."""
    count = max(1, sizes.rows // 4 // REQUEST)
    key = stored(folder, month(10))
    figures = []
    with server(folder) as url:
        wire = Wire(url, key)
        works = {
            f"{words}, {'gzip' if packed else 'plain'}": _sending(wire, fields, packed, count)
            for fields, words in ((1, "1 field"), (10, "10 fields"))
            for packed in (False, True)
        }
        interleaved(works, 1)
        taken = interleaved(works, min(sizes.repeats, 5))
    for name, values in taken.items():
        speed = count * REQUEST / statistics.median(values)
        least = count * REQUEST / max(values)
        figures.append(
            Figure(
                f"/write, {name}, {REQUEST:,} lines a request: lines a second",
                f"{speed:,.0f}",
                "at least 100,000",
                f"slowest round {least:,.0f}",
            )
        )
    return figures


def _sending(wire: Wire, fields: int, packed: bool, count: int) -> Callable[[], float]:
    """A function that sends so many requests of later and later rows. [s]"""
    dice = np.random.default_rng(fields)
    at = pd.Timestamp("2024-01-01", tz="UTC")
    table = f"wrote{fields}{'packed' if packed else ''}"

    def bodies() -> list[bytes]:
        nonlocal at
        made = []
        for _ in range(count):
            index = pd.date_range(at, periods=REQUEST, freq="s", unit="ns", name="time")
            at = index[-1] + pd.Timedelta(1, "s")
            values = {f"f{place}": dice.normal(20, 5, REQUEST).round(3) for place in range(fields)}
            text = lineprotocol.encode(
                table, points(pd.DataFrame({"station": STATION, **values}, index=index), ("station",)), "s"
            )
            made.append(gzip.compress(text, 1) if packed else text)
        return made

    def send() -> float:
        ready = bodies()
        return seconds(lambda: [wire.write(body, packed) for body in ready])

    return send


PARTS = (panels, page, metrics, writing)
