"""POST /api/ingest: rows as JSON into the store; `ingest.py` says what they look like."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd
from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request

from ..errors import Rejected
from ..points import fitted, points
from .access import Access, authorize
from .asked import example, one_of
from .context import Context
from .ingest import BadRows, Row, Table, parse, short, tables
from .keys import ALL
from .replies import Body, Json, shown, strict

MOST_SERIES, MOST_COLUMNS, MOST_MEASUREMENTS = 10_000, 1_000, 1_000

_ROW = {
    "bucket": "field",
    "measurement": "tower",
    "tags": {"station": "46m"},
    "time": "2026-06-25T10:50:00Z",
    "fields": {"PPFD": 601.2, "door_open": False},
}
_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"oneOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]},
            "examples": {
                "a row": {"value": _ROW},
                "rows, with a time since 1970": {"value": [{**_ROW, "time": {"epoch": 1782384600, "unit": "s"}}]},
                "a power": {"value": {"timestamp": "2026-06-25T10:50:00Z", "power_ac_w": 1850.5, "bucket": "field"}},
            },
        }
    },
}


def router(context: Context) -> APIRouter:
    """The endpoint."""
    routes = APIRouter(tags=["REST"])
    intake = Intake(context)

    @routes.post(
        "/api/ingest",
        openapi_extra={"requestBody": _BODY},
        responses={
            **example({"ok": True, "rows": 1}, "The rows are in the store, durably."),
            413: {"description": "The body is too long."},
            415: {"description": "The body is no JSON by its Content-Type."},
        },
    )
    def ingest(request: Request, body: Body) -> Json:
        """Write rows: all of the body or nothing. The same rows twice are the same as once."""
        strict(request, ())
        access = authorize(context, request, "write")
        _refuse_other_types(request)
        try:
            return Json({"ok": True, "rows": intake.take(request, access, parse(body, context.now()))})
        except BadRows as bad:
            raise HTTPException(422, str(bad)) from bad

    return routes


class Intake:
    """Takes rows within bounds that keep a faulty device from filling the catalogue."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._series: dict[tuple[str, str], set[tuple[tuple[str, str], ...]]] = {}

    def take(self, request: Request, access: Access, rows: list[Row]) -> int:
        """Write the rows and return their number. Raises: BadRows, HTTPException, Unreachable."""
        there = self.context.store.buckets()
        found = tables(_placed(rows, access, list(there)))
        for bucket in {table.bucket for table in found}:
            authorize(self.context, request, "write", bucket)
            one_of("bucket", bucket, there)
        for table in found:
            self._refuse_growth(table)
        try:
            frames = [(table, *self._checked(table)) for table in found]
            for bucket in sorted({table.bucket for table in found}):
                with self.context.store.together(bucket) as turn:
                    for table, frame, tags in frames:
                        if table.bucket == bucket:
                            turn.write(table.measurement, frame, tags)
        except Rejected as rejected:
            words = str(rejected).replace(f"{self.context.store.path}, ", "")
            raise HTTPException(422, words) from rejected
        for table in found:
            self._series[table.bucket, table.measurement] |= _series(row.tags for row in table.rows)
        return len(rows)

    def _checked(self, table: Table) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """The frame, if every value fits what the store has. Raises: BadRows, Rejected."""
        frame, tags = table.frame()
        known = self.context.store.fields(table.bucket, table.measurement)
        fitted(points(frame, tags), known, f"measurement {short(table.measurement)}")
        return frame, tags

    def _refuse_growth(self, table: Table) -> None:
        """Raise BadRows, if the rows make too many measurements, columns or series."""
        store, where = self.context.store, f"measurement {short(table.measurement)}"
        known = store.fields(table.bucket, table.measurement)
        if not known and len(store.measurements(table.bucket)) >= MOST_MEASUREMENTS:
            raise BadRows(f"{where}: the bucket has {MOST_MEASUREMENTS:,} measurements; put the difference into a tag")
        columns = known.keys() | {name for row in table.rows for name in (*row.tags, *row.fields)}
        if len(columns) > MOST_COLUMNS:
            raise BadRows(f"{where}: with these {len(columns):,} tags and fields, expected at most {MOST_COLUMNS:,}")
        brought, key = _series(row.tags for row in table.rows), (table.bucket, table.measurement)
        if key not in self._series or len(self._series[key] | brought) > MOST_SERIES:
            self._series[key] = self._stored(table) if known else set()
        if (count := len(self._series[key] | brought)) > MOST_SERIES:
            raise BadRows(
                f"{where}: with these {count:,} combinations of tags, expected at most {MOST_SERIES:,}; "
                "a value that is different in every row is a field, not a tag"
            )

    def _stored(self, table: Table) -> set[tuple[tuple[str, str], ...]]:
        frame = self.context.store.latest(table.bucket, table.measurement)
        known = self.context.store.fields(table.bucket, table.measurement)
        tags = [name for name, field in known.items() if field.tag]
        return _series(frame[tags].to_dict("records")) if tags else {()}


def _series(rows: Iterable[Any]) -> set[tuple[tuple[str, str], ...]]:
    """The combinations of tags; an empty tag is none."""
    return {tuple(sorted((name, value) for name, value in tags.items() if value)) for tags in rows}


def _placed(rows: list[Row], access: Access, there: list[str]) -> list[Row]:
    """The rows with a bucket each: their own, else the only one that the key may write or that there is."""
    if all(row.bucket for row in rows):
        return rows
    names = [name for name in (access.key.write if access.key else ()) if name != ALL] or there
    if len(names) != 1:
        raise BadRows('found a row without "bucket", and this key may write several; expected one')
    return [row if row.bucket else Row(names[0], row.measurement, row.tags, row.time, row.fields) for row in rows]


def _refuse_other_types(request: Request) -> None:
    found = request.headers.get("content-type", "")
    kind, _, rest = found.partition(";")
    charset = rest.strip().lower().replace('"', "")
    if kind.strip().lower() != "application/json" or charset not in ("", "charset=utf-8"):
        raise HTTPException(415, f"found the Content-Type {shown(found)}, expected application/json in UTF-8")
