"""Questions of InfluxQL that every InfluxDB and our own server answer, with Grafana's variables or without any.

Raw queries inside what 1.x, 2.x, v3 and `fieldline serve` have in common: no subquery, no regex, no function beyond
mean, median, min, max, first, last, sum, count and spread.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..groups.shown import Shown
from ..sinks.apart import END
from .names import variable
from .site import Row, Site

# What `flags` may be: values whose flag is below that are drawn. The last one ends in a condition that is true also for
# values that have no flag at all, for which no comparison with a flag is.
HIDE_FAILED, HIDE_SUSPECT, SHOW_ALL = "4", "3", "10 OR \"station\" != '' OR \"station\" = ''"
STATION = "${station:singlequote}"  # in single quotes, and a quote in it with a backslash
DAY = 86_400


def name(text: str) -> str:
    """A name in double quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def quoted(text: str) -> str:
    """A text in single quotes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@dataclass(frozen=True)
class Look:
    """How questions are written: with variables, or, for copies and alerts, without."""

    site: Site
    station: str
    variables: bool = True

    @property
    def agg(self) -> str:
        """What a window becomes, where people may choose."""
        return "$agg" if self.variables else "mean"

    def source(self, bucket: str) -> dict[str, str]:
        """The data source of a bucket."""
        known = self.site.bucket(bucket)
        return {"type": "influxdb", "uid": f"${{{variable(known)}}}" if self.variables else self.site.source(bucket)}

    def good(self, one: Shown) -> list[str]:
        """The condition that hides flagged values of a field; none where flags stand elsewhere or nowhere."""
        if not one.flags or self.site.apart:
            return []
        base = one.name.removesuffix("_corrected")
        flag = name(f"{base}_qc")
        if not self.variables:
            return [f"{flag} < {HIDE_FAILED}"]
        return [f"({flag} < $flags)"]

    def here(self, row: Row) -> list[str]:
        """The condition that picks the rows of the station."""
        if not row[2]:
            return []
        return [f"{name('station')} = {STATION if self.variables else quoted(row[2])}"]

    def flags_of(self, row: Row) -> str:
        """The measurement that holds the flags of a table."""
        return row[1] + (END if self.site.apart else "")


def select(
    look: Look,
    row: Row,
    items: Sequence[str],
    *,
    good: Iterable[Shown] = (),
    where: Sequence[str] = (),
    every: str = "$__interval",
    fill: str = "null",
    time: str = "$timeFilter",
    measurement: str = "",
    end: str = "",
    apart: bool = False,
) -> str:
    """SELECT items FROM a table of the station.

    Args:
        good: fields whose flagged values are hidden.
        every: the width of a window; '': no windows.
        time: the condition on time.
        measurement: instead of the table's own.
        end: what follows.
        apart: each combination of the tags of a table without a station is a series of its own.
    """
    conditions = [time, *look.here(row), *(word for one in good for word in look.good(one)), *where]
    source, wanted = name(measurement or row[1]), " AND ".join(filter(None, conditions))
    by = [*([f"time({every})"] if every else []), *(name(tag) for tag in (look.site.tags(row) if apart else ()))]
    windows = " ".join(filter(None, [f"GROUP BY {', '.join(by)}" if by else "", f"fill({fill})" if every else ""]))
    return " ".join(filter(None, ["SELECT", ", ".join(items), "FROM", source, "WHERE", wanted, windows, end]))


def alias(look: Look, one: Shown, alone: bool = False) -> str:
    """What Grafana calls a series of a field: its label, and the values of the tags that tell it from others.

    Args:
        alone: the only field of its picture, so that the tags are enough.
    """
    tags = [
        f"$tag_{tag}" if re.fullmatch(r"\w+", tag, re.ASCII) else f"[[tag_{tag}]]"
        for tag in look.site.telling(one.table)
    ]
    return ", ".join([*([] if alone and tags else [one.label]), *tags])


def target(
    look: Look, bucket: str, query: str, number: int, alias: str = "", form: str = "time_series"
) -> dict[str, Any]:
    """A question as a panel holds it. form: time_series or table."""
    return {
        "alias": alias,
        "datasource": look.source(bucket),
        "query": query,
        "rawQuery": True,
        "refId": reference(number),
        "resultFormat": form,
    }


def reference(number: int) -> str:
    """A, B, ... Z, AA, AB, ..."""
    letters = ""
    while number >= 0:
        number, letter = divmod(number, 26)
        letters, number = chr(65 + letter) + letters, number - 1
    return letters


def width(seconds: float) -> str:
    """A length of time as InfluxQL and Grafana write it."""
    for unit, size in (("d", DAY), ("h", 3600), ("m", 60), ("s", 1)):
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return f"{max(1, round(seconds * 1000))}ms"
