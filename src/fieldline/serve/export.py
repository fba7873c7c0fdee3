"""GET /api/export: a range of a measurement as CSV, in pieces as it is read, or as Parquet."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from fastapi import APIRouter, Query
from pandas.api.types import is_numeric_dtype
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from ..errors import Rejected
from ..groups.windows import read_windows
from ..ports import AGGREGATES, FLAG_ENDS, Aggregate
from ..sinks.embedded import to_parquet
from .asked import measured, moment, one_of, refusals, seconds
from .context import Context
from .replies import strict

MOST_ROWS = {"csv": 10_000_000, "parquet": 2_000_000}
MOST_CELLS = {"csv": 400_000_000, "parquet": 40_000_000}  # values; a Parquet file is made in memory, a CSV is not
PIECE_ROWS = 50_000
_COUNTED = pd.Timedelta(hours=1)
_FORMULA = r"[\s\0]*[=+\-@＝＋－＠]|[\t\r\n\0]"  # how a cell begins that a spreadsheet may take for a formula (OWASP)
_SAFE = re.compile(r"[^A-Za-z0-9._-]+")
_FINER: tuple[tuple[Literal["us", "ns"], int], ...] = (("us", 10**9), ("ns", 10**3))
_PARAMETERS = ("bucket", "measurement", "field", "start", "end", "format", "every", "agg")
_AGG = f"{', '.join(AGGREGATES)}; without it means, and sums of totals such as rain"
_FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A file; in CSV a text that a spreadsheet could take for a formula begins with an apostrophe.",
        "content": {
            "text/csv": {
                "schema": {"type": "string"},
                "example": "time,station,PPFD\r\n2026-06-25T10:50:00Z,46m,601.2\r\n",
            },
            "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


def router(context: Context) -> APIRouter:
    """The endpoint."""
    routes = APIRouter(tags=["REST"])

    @routes.get("/api/export", response_class=Response, responses={**_FILES, **refusals()})
    def export(
        request: Request,
        bucket: Annotated[str, Query(examples=["field"])],
        measurement: Annotated[str, Query(examples=["tower"])],
        field: Annotated[list[str] | None, Query(description="Only these; may come several times.")] = None,
        start: Annotated[str | None, Query(description="Rows from here on.", examples=["2026-06-25T00:00:00Z"])] = None,
        end: Annotated[str | None, Query(description="Rows before this.", examples=["2026-06-26T00:00:00Z"])] = None,
        format: Annotated[str, Query(description="csv or parquet.", examples=["csv"])] = "csv",
        every: Annotated[
            str | None, Query(description="One row for each window of this width.", examples=["10m"])
        ] = None,
        agg: Annotated[str | None, Query(description=_AGG, examples=["mean"])] = None,
    ) -> Response:
        """Rows of a measurement, oldest first, to keep. Times are UTC; numbers keep all their digits."""
        strict(request, _PARAMETERS, ("field",))
        measured(context, request, bucket, measurement)
        _refuse_words(format, every, agg)
        now = context.now()
        width = None if every is None else pd.Timedelta(seconds=seconds("every", every))
        wanted = Wanted(context, bucket, measurement, moment("start", start, now), moment("end", end, now))
        wanted.choose(field, width, _aggregate(agg))
        return _answer(wanted, format, now)

    return routes


class Wanted:
    """What was asked for, and how to read it in pieces."""

    def __init__(
        self,
        context: Context,
        bucket: str,
        measurement: str,
        start: pd.Timestamp | None,
        end: pd.Timestamp | None,
    ) -> None:
        if start is not None and end is not None and start >= end:
            raise HTTPException(422, "start: expected a time before end")
        self.store, self.bucket, self.measurement = context.store, bucket, measurement
        self.aliases = context.aliases
        self.start, self.end = start, end
        self.fields: list[str] = []
        self.every: pd.Timedelta | None = None
        self.agg: Aggregate | None = None

    def choose(self, fields: list[str] | None, every: pd.Timedelta | None, agg: Aggregate | None) -> None:
        """Say which fields; None: all that can be had. Raises: HTTPException, when one can't."""
        known = self.store.fields(self.bucket, self.measurement)
        self.every, self.agg = every, agg
        for name in fields or ():
            one_of("field", name, known)
        numbers = every is not None and agg not in ("first", "last", "count")
        able = [
            name
            for name, one in known.items()
            if not one.tag
            and (not numbers or one.kind in ("number", "integer"))
            and (every is None or not name.endswith(FLAG_ENDS))
        ]
        asked = [name for name in fields or able if not known[name].tag]
        if wrong := [name for name in asked if numbers and known[name].kind not in ("number", "integer")]:
            raise HTTPException(
                422, f"field: {wrong[0]!a} is no number, so it has no {agg or 'mean'}; it has first, last, count"
            )
        if not asked:
            raise HTTPException(422, "field: found none to give, expected at least one that is not a tag")
        self.fields = asked

    def plan(self, form: str) -> list[tuple[pd.Timestamp | None, pd.Timestamp | None]]:
        """Ranges of about PIECE_ROWS rows each. Raises: HTTPException 422, when it would be too much in all."""
        if self.every is not None:
            counted = self._count(max(self.every, _COUNTED))
            windows = max(1, _COUNTED // self.every)
            self._refuse_many(int(np.minimum(counted.to_numpy(), windows).sum()), form)
            return [(self.start, self.end)]
        counted = self._count(_COUNTED).groupby(level=0).sum()
        total = counted.cumsum()
        self._refuse_many(int(counted.sum()), form)
        if form == "parquet":
            return [(self.start, self.end)]
        piece = total // PIECE_ROWS
        edges = list(counted.index[1:][piece.diff().to_numpy()[1:] > 0])
        return list(zip([self.start, *edges], [*edges, self.end], strict=True))

    def _count(self, every: pd.Timedelta) -> pd.Series:
        """How many rows there are at least in each window and series."""
        frame = self.read(self.start, self.end, every, "count")
        return frame[self.fields].max(axis=1).astype("int64")

    def _refuse_many(self, rows: int, form: str) -> None:
        most = min(MOST_ROWS[form], MOST_CELLS[form] // len(self.fields))
        if rows > most:
            raise HTTPException(
                422,
                f"the range has {rows:,} rows, expected at most {most:,} as {form} with {len(self.fields)} fields; "
                "ask for a shorter range, fewer fields, or windows (every=10m)",
            )

    def read(
        self,
        start: pd.Timestamp | None,
        end: pd.Timestamp | None,
        every: pd.Timedelta | None,
        agg: Aggregate | None,
    ) -> pd.DataFrame:
        """Rows of a part of the range; the mean of a direction is that of vectors."""
        try:
            if every is None:
                return self.store.read(self.bucket, self.measurement, fields=self.fields, start=start, end=end)
            return read_windows(
                self.store,
                self.bucket,
                self.measurement,
                every=every,
                agg=agg,
                fields=self.fields,
                start=start,
                end=end,
                aliases=self.aliases,
            )
        except Rejected as rejected:
            raise HTTPException(422, str(rejected).replace(f"{self.store.path}, ", "")) from rejected


def _refuse_words(form: str, every: str | None, agg: str | None) -> None:
    if form not in MOST_ROWS:
        raise HTTPException(422, f"format: expected {' or '.join(MOST_ROWS)}")
    if agg is not None and agg not in AGGREGATES:
        raise HTTPException(422, f"agg: expected one of {', '.join(AGGREGATES)}")
    if agg is not None and every is None:
        raise HTTPException(422, "agg: found no every, expected the width of the windows, such as every=10m")


def _aggregate(word: str | None) -> Aggregate | None:
    return next((agg for agg in AGGREGATES if agg == word), None)


def _answer(wanted: Wanted, form: str, now: pd.Timestamp) -> Response:
    ranges = wanted.plan(form)
    headers = {"Content-Disposition": f'attachment; filename="{file_name(wanted, form, now)}"'}
    if form == "csv":
        return StreamingResponse(_csv(wanted, ranges), media_type="text/csv; charset=utf-8", headers=headers)
    with tempfile.NamedTemporaryFile(prefix="fieldline", suffix=".parquet", delete=False) as file:
        path = Path(file.name)
    try:
        to_parquet(wanted.read(*ranges[0], wanted.every, wanted.agg).reset_index(), path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    gone = BackgroundTask(path.unlink, missing_ok=True)
    return FileResponse(path, media_type="application/vnd.apache.parquet", headers=headers, background=gone)


def _csv(wanted: Wanted, ranges: list[tuple[pd.Timestamp | None, pd.Timestamp | None]]) -> Iterator[bytes]:
    """The pieces of the file, the first with the heads."""
    for place, (start, end) in enumerate(ranges):
        frame = wanted.read(start, end, wanted.every, wanted.agg)
        yield csv_text(frame, head=place == 0).encode("utf-8")


def csv_text(frame: pd.DataFrame, head: bool) -> str:
    """Rows as CSV: times with Z, numbers in the shortest form that keeps all their digits, texts no formulas."""
    columns: dict[Any, Any] = {"time": stamps(pd.DatetimeIndex(frame.index))}
    for place in range(frame.shape[1]):
        values = frame.iloc[:, place].reset_index(drop=True)
        columns[place] = harmless(values) if not is_numeric_dtype(values.dtype) else values
    names = harmless(pd.Series(["time", *map(str, frame.columns)], dtype=object)).tolist()
    table = pd.DataFrame(columns)
    # Python quotes a cell for the line ends that it writes itself: with \n alone a cell with a \r would become two rows
    return str(table.to_csv(index=False, header=names if head else False, lineterminator="\r\n"))


def harmless(values: pd.Series) -> pd.Series:
    """Texts, with an apostrophe before those that a spreadsheet may take for a formula."""
    text = values.astype(object)
    risky = text.str.match(_FORMULA).fillna(False).astype(bool)
    return text.where(~risky, "'" + text) if risky.any() else text


def stamps(index: pd.DatetimeIndex) -> np.ndarray[Any, Any]:
    """Times as ISO 8601 with Z, in whole seconds where they are whole, as `fieldline read` prints them."""
    times: npt.NDArray[np.datetime64] = index.as_unit("ns").tz_localize(None).to_numpy()
    counts = times.astype("int64")
    text = np.char.add(np.datetime_as_string(times, unit="s"), "Z").astype(object)
    for unit, step in _FINER:
        finer = counts % step != 0
        if finer.any():
            text[finer] = np.char.add(np.datetime_as_string(times[finer], unit=unit), "Z")
    return text


def file_name(wanted: Wanted, form: str, now: pd.Timestamp) -> str:
    """A name that is safe on every system: letters, digits, dots and dashes, and no device of Windows."""
    until = now if wanted.end is None else wanted.end
    parts = [wanted.bucket, wanted.measurement, f"{wanted.start:%Y%m%dT%H%M%SZ}" if wanted.start else "start"]
    name = "_".join([*parts, f"{until:%Y%m%dT%H%M%SZ}"])
    return f"fieldline_{_SAFE.sub('-', name)[:120]}.{form}"
