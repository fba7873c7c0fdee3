"""Rows that wait, laid over those that a server has: pure functions on frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from ..lineprotocol import frame
from ..ports import Precision


def waiting_rows(
    parcels: Iterable[tuple[bytes, Precision]],
    measurement: str,
    fields: Sequence[str],
    start: pd.Timestamp | None,
    end: pd.Timestamp | None,
) -> pd.DataFrame | None:
    """The rows of a measurement in some lines, in their order, from `start` to before `end`; None: there are none."""
    parts = [frame(text, precision, measurement, fields)[0] for text, precision in parcels]
    rows = pd.concat(parts) if parts else None
    if rows is not None and start is not None:
        rows = rows[rows.index >= start]
    if rows is not None and end is not None:
        rows = rows[rows.index < end]
    return rows if rows is not None and len(rows) else None


def laid_over(
    stored: pd.DataFrame | None, waiting: pd.DataFrame | None, tags: Sequence[str], fields: Sequence[str]
) -> pd.DataFrame:
    """One row a point, oldest first: of each field the last value that is there, what waits being later.

    Returns: the frame of ports.Store.read: tags first, then the fields in the order asked.
    """
    if waiting is None and stored is not None:
        return stored.reindex(columns=[*tags, *fields])
    columns = [*tags, *fields]
    parts = [part.reindex(columns=columns) for part in (stored, waiting) if part is not None and len(part)]
    if not parts:
        return pd.DataFrame(columns=columns, index=pd.DatetimeIndex([], tz="UTC", name="time"))
    rows = pd.concat(parts).rename_axis("time").reset_index()
    for tag in tags:
        rows[tag] = rows[tag].fillna("")
    points = rows.groupby(["time", *tags], sort=True).last().reset_index().set_index("time")
    return points[columns].dropna(subset=list(fields), how="all")
