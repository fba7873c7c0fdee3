"""What Grafana asks a store when the dashboards that fieldline makes of a table are opened: all of it, nothing chosen.

What Grafana does to a question is done here too: variables, the range of time, and the width of a window, which hangs
on range and pixels of a panel; then each question is a request of its own. Source: roundInterval in
packages/grafana-data/src/datetime/rangeutil.ts, and pkg/tsdb/influxdb/influxql of Grafana 12.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fieldline.dashboards import Site, dashboards
from fieldline.groups import Known

SCREEN, COLUMNS = 1_200, 24  # pixels of a panel over the whole width, and the columns of that
UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}  # ms
STEPS = (  # below the first number of ms a window has the second
    *((10, 1), (15, 10), (35, 20), (75, 50), (150, 100), (350, 200), (750, 500), (1_500, 1_000), (3_500, 2_000)),
    *((7_500, 5_000), (12_500, 10_000), (17_500, 15_000), (25_000, 20_000), (45_000, 30_000), (90_000, 60_000)),
    *((210_000, 120_000), (450_000, 300_000), (750_000, 600_000), (1_050_000, 900_000), (1_500_000, 1_200_000)),
    *((2_700_000, 1_800_000), (5_400_000, 3_600_000), (9_000_000, 7_200_000), (16_200_000, 10_800_000)),
)


@dataclass(frozen=True)
class Question:
    """A question of a dashboard. text: with Grafana's names for times. least, span: window and range [ms] if given."""

    board: str
    text: str
    pixels: int
    least: int
    span: int | None

    def over(self, span: int, until: int) -> str:
        """What is sent for a range that ends at a time; both in ms."""
        span = self.span or span
        step = max(self.least, next((step for below, step in STEPS if span / self.pixels < below), STEPS[-1][1]))
        text = self.text.replace("$timeFilter", f"time >= {until - span}ms and time <= {until}ms")
        return text.replace("$__interval", f"{step}ms")


def questions(table: Known, seconds: float) -> list[Question]:
    """Every question that the dashboards of a table ask of it, dashboard by dashboard. seconds: between its rows."""
    made = dashboards(Site((table,), intervals={(table.bucket, table.measurement): seconds}))
    found = [one for board in made for one in _of_board(board)]
    return [one for one in found if f'FROM "{table.measurement}"' in one.text]  # not of the runs of fieldline


def _of_board(board: Mapping[str, Any]) -> Iterator[Question]:
    listed = board["templating"]["list"]
    values = {one["name"]: str(one["current"]["value"]) for one in listed if one["type"] != "datasource"}
    for one in listed:
        if one["type"] == "query":
            yield Question(board["uid"], one["query"], SCREEN, 0, None)
    for panel in _panels(board["panels"]):
        pixels = panel.get("maxDataPoints") or panel["gridPos"]["w"] * SCREEN // COLUMNS
        least, span = _ms(panel.get("interval")) or 0, _ms(panel.get("timeFrom"))
        for target in panel.get("targets", ()):
            yield Question(board["uid"], _filled(target["query"], values), pixels, least, span)


def _panels(panels: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for panel in panels:
        yield panel
        yield from _panels(panel.get("panels", ()))


def _ms(length: str | None) -> int | None:
    """Milliseconds of a length such as 5s."""
    match = re.fullmatch(r"(\d+)(\w+)", length or "")
    return int(match[1]) * UNITS[match[2]] if match else None


def _filled(text: str, values: Mapping[str, str]) -> str:
    """A question with the values of its variables."""
    for name, value in values.items():
        quoted = "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
        text = text.replace(f"${{{name}:singlequote}}", quoted).replace(f"${{{name}}}", value)
        text = re.sub(rf"\${name}\b", lambda _, value=value: value, text)
    return text
