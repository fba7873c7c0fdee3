"""InfluxQL over HTTP as InfluxDB 1.8 answers it: Grafana, the influx shell and the clients of InfluxDB 1 ask so.

    GET  /query?db=field&q=SELECT+mean("Temp_46m")+FROM+"fastdata"+...&epoch=ms
    POST /query?db=field&epoch=ms     with the form q=...

    {"results": [{"statement_id": 0, "series": [{"name": "fastdata", "columns": ["time", "mean"], "values": [[...]]}]}]}

A text that is not InfluxQL is refused with 400; a statement that can't be answered has its error in the place of its
answer. With `chunked` the answer comes in parts, one JSON object a line; with `Accept: text/csv` as CSV.

Source: services/httpd/handler.go and response_writer.go of influxd 1.8, and 1.6.7 as it runs.
"""

from __future__ import annotations

import asyncio
import csv
import io
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import parse_qsl

import numpy as np
from anyio import from_thread
from fastapi import APIRouter, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ..errors import FieldlineError, Rejected, Unreachable
from ..influxql import QueryError, Room, Series, Show, Statement, SyntaxFault, databases, parse
from .access import Access, authorize, refuse_unless
from .context import Context
from .replies import VERSION, Body, Direct, Json, json_bytes, refuse_unknown, unit_of

PARAMETERS = ("q", "db", "rp", "epoch", "pretty", "chunked", "chunk_size", "node_id", "async")
CREATE = re.compile(
    r"""\s*CREATE\s+DATABASE\s+(?:"(?P<quoted>(?:[^"\\]|\\.)+)"|(?P<plain>[A-Za-z_]\w*))
    (?:\s+WITH(?:\s+DURATION\s+(?:INF|(?P<number>\d{1,9})(?P<unit>[smhdw])))?
    (?:\s+REPLICATION\s+\d+)?(?:\s+SHARD\s+DURATION\s+\w+)?(?:\s+NAME\s+\S+)?)?\s*;?\s*""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
DAY = 86_400
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": DAY, "w": 7 * DAY}
CSV = ("application/csv", "text/csv")
CHUNK = 10_000  # rows
MOST_STATEMENTS = 100  # of a request
_EXAMPLE = 'SELECT mean("Temp_46m") FROM "fastdata" WHERE time > now() - 1h GROUP BY time(1m) fill(none)'
_ANSWER = {
    "results": [
        {
            "statement_id": 0,
            "series": [{"name": "fastdata", "columns": ["time", "mean"], "values": [[1719312600000, 21.4]]}],
        }
    ]
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "A result for each statement", "content": {"application/json": {"example": _ANSWER}}},
    400: {"description": "This is not InfluxQL, or not the part of it that is answered"},
    401: {"description": "No key, or not a good one"},
    403: {"description": "The key may not read this bucket"},
    503: {"description": "The store is busy: try again"},
}
_FORM = {
    "requestBody": {
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {"type": "object", "properties": {"q": {"type": "string"}}},
                "example": {"q": _EXAMPLE},
            }
        }
    }
}
Q = Annotated[str, Query(description="InfluxQL, see docs/influxql.md", examples=[_EXAMPLE])]
Db = Annotated[str, Query(description="the bucket", examples=["ameriflux_atmospheric"])]
Epoch = Annotated[str, Query(description="times as whole numbers of ns, u, ms, s, m or h; else as RFC 3339")]
Chunked = Annotated[str, Query(description="true: the answer in parts, a JSON object a line")]


def router(context: Context) -> APIRouter:
    """The endpoints."""
    routes = APIRouter(tags=["InfluxDB"], route_class=Direct)

    @routes.get("/query", responses=_RESPONSES, operation_id="query")
    def get(request: Request, body: Body, q: Q = "", db: Db = "", epoch: Epoch = "", chunked: Chunked = "") -> Response:
        """Ask the store in InfluxQL."""
        return _reply(context, request, b"")

    @routes.post("/query", responses=_RESPONSES, operation_id="query_form", openapi_extra=_FORM)
    def post(request: Request, body: Body, db: Db = "", epoch: Epoch = "", chunked: Chunked = "") -> Response:
        """Ask the store in InfluxQL that is too long for an address."""
        return _reply(context, request, body)

    return routes


def _reply(context: Context, request: Request, body: bytes) -> Response:
    """The answer to one request, in the form that it asks for."""
    words = _words(request, body)
    epoch = words.get("epoch", "")
    unit = unit_of("epoch", epoch) if epoch else None
    size = _size(words)
    if request.method == "POST" and (new := CREATE.fullmatch(words["q"])):
        return _made(context, request, new)
    try:
        statements = parse(words["q"])
    except SyntaxFault as error:
        raise HTTPException(400, str(error), VERSION) from error
    if len(statements) > MOST_STATEMENTS:
        said = f"found {len(statements)} statements, expected at most {MOST_STATEMENTS}; send them in several requests"
        raise HTTPException(400, said, VERSION)
    bucket = words.get("db", "")
    access = _allowed(context, request, statements, bucket)
    answers = _answers(context, request, access, statements, bucket)
    accept = request.headers.get("accept", "").partition(",")[0].partition(";")[0].strip()
    if accept in CSV:
        text = _csv(answers, unit)
        return Response(text, media_type=accept, headers=VERSION)
    if size:
        return StreamingResponse(_chunks(answers, unit, size), media_type="application/json", headers=VERSION)
    if words.get("pretty") == "true":
        results = [_result(number, answer, unit) for number, answer in enumerate(answers)]
        content = json_bytes({"results": results}, True)
    else:  # one after the other, since what is text already takes the least memory
        texts = [json_bytes(_result(number, answer, unit)) for number, answer in enumerate(answers)]
        content = b'{"results":[' + b",".join(texts) + b"]}"
    return Response(content + b"\n", media_type="application/json", headers=VERSION)


def _made(context: Context, request: Request, new: re.Match[str]) -> Response:
    """Make a bucket, the one thing that this address changes: Telegraf and the clients of InfluxDB 1 begin with it."""
    name = re.sub(r"\\(.)", r"\1", new["quoted"]) if new["quoted"] else new["plain"]
    authorize(context, request, "write", name)
    answer: dict[str, Any] = {"statement_id": 0}
    seconds = int(new["number"] or 0) * SECONDS[(new["unit"] or "s").lower()]
    if seconds % DAY or seconds > 36_500 * DAY:
        answer["error"] = "a bucket keeps whole days: expected a DURATION such as 720h or 30d"
    elif name not in context.store.buckets():
        context.store.create(name, seconds // DAY or None)
    return Json({"results": [answer]}, headers=VERSION)


def _words(request: Request, body: bytes) -> dict[str, str]:
    """The parameters from the address and the form. Raises: HTTPException."""
    pairs = [*request.query_params.multi_items()]
    if body:
        kind = (
            request.headers.get("content-type", "application/x-www-form-urlencoded").partition(";")[0].strip().lower()
        )
        if kind != "application/x-www-form-urlencoded":
            raise HTTPException(415, "expected a form: Content-Type application/x-www-form-urlencoded")
        try:
            pairs += parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=50)
        except ValueError as error:
            raise HTTPException(400, "expected a form in UTF-8 with at most 50 parameters") from error
    refuse_unknown([name for name, _ in pairs], PARAMETERS)
    words = dict(pairs)
    if not words.get("q"):
        raise HTTPException(400, 'missing required parameter "q"', VERSION)
    return words


def _size(words: Mapping[str, str]) -> int:
    """Rows of a part of a chunked answer; 0: in one piece. Raises: HTTPException."""
    if words.get("chunked") != "true":
        return 0
    text = words.get("chunk_size") or str(CHUNK)
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 8):
        raise HTTPException(400, "chunk_size: expected a number of rows", VERSION)
    return int(text) or CHUNK


def _allowed(context: Context, request: Request, statements: list[Statement], bucket: str) -> Access:
    """What the request may read, if it may read all that it asks for. Raises: HTTPException."""
    access = authorize(context, request, "read")
    for name in {name for statement in statements for name in databases(statement, bucket)} - {""}:
        refuse_unless(access, "read", name)
    return access


Answer = list[Series] | str  # a text is an error


def _answers(
    context: Context, request: Request, access: Access, statements: list[Statement], bucket: str
) -> Iterator[Answer]:
    """What answers each statement, or its error; nothing is asked before it is needed, nor after the client has gone.

    Room and time are those of the request: a statement has what those before it left.
    """
    now, room, most = context.now().as_unit("ns").value, Room(), context.limits.query_seconds
    until, unwanted = time.monotonic() + most, _leaving(request)

    def ask(statement: Statement, seconds: float) -> list[Series]:
        return context.store.answer(bucket, statement, now, seconds, room, unwanted)

    for number, statement in enumerate(statements):
        if number and from_thread.run(_gone, request):
            return
        left = until - time.monotonic()
        if left <= 0:
            yield f"query-timeout limit exceeded: {most:g} s for a request; ask for less in one request"
        else:
            yield _answer(ask, access, statement, bucket, left)


async def _gone(request: Request) -> bool:
    """Whether nobody waits for the answer; the first messages that are there may be the body's."""
    return any([await request.is_disconnected() for _ in range(3)])


def _leaving(request: Request) -> Callable[[], bool]:
    """A function that says whether the client had gone when it was called before; any thread may call it."""
    asked: Future[bool] | None = None

    def unwanted() -> bool:
        nonlocal asked
        if request.state.loop.is_closed():
            return True
        if asked is not None and not asked.done():
            return False
        gone = asked is not None and not asked.cancelled() and asked.exception() is None and asked.result()
        asked = asyncio.run_coroutine_threadsafe(_gone(request), request.state.loop)
        return gone

    return unwanted


def _answer(
    ask: Callable[[Statement, float], list[Series]], access: Access, statement: Statement, bucket: str, seconds: float
) -> Answer:
    if "" in databases(statement, bucket):
        return "database name required"
    try:
        series = ask(statement, seconds)
    except (QueryError, Rejected) as error:
        return str(error)
    if isinstance(statement, Show) and statement.what == "databases":
        return [_only(one, access) for one in series]
    return series


def _only(series: Series, access: Access) -> Series:
    """The names that the key may read."""
    names = [name for name in series.values[0] if access.may("read", str(name))]
    return replace(series, values=[np.array(names, object)])


def _result(number: int, answer: Answer, unit: int | None) -> dict[str, Any]:
    if isinstance(answer, str):
        return {"statement_id": number, "error": answer}
    shown = [_series(one, unit) for one in answer]
    return {"statement_id": number, "series": shown} if shown else {"statement_id": number}


def _series(series: Series, unit: int | None, first: int = 0, last: int | None = None) -> dict[str, Any]:
    """One series, or some of its rows, as influxd writes it."""
    columns = [] if series.times is None else [_times(series.times[first:last], unit)]
    columns += [np.asarray(values[first:last]).tolist() for values in series.values]
    found: dict[str, Any] = {"name": series.name} if series.name else {}
    if series.tags:
        found["tags"] = dict(series.tags)
    found["columns"] = series.columns
    if rows := list(zip(*columns, strict=True)):
        found["values"] = rows
    return found


def _times(times: Any, unit: int | None) -> list[Any]:
    """Times as whole numbers of a unit, or as text without zeros at the end."""
    if unit is None:
        return _texts(times)
    if unit == 1:
        return list(times.tolist())
    whole = times // unit
    whole += (times < 0) & (whole * unit != times)  # as Go divides: towards zero
    return list(whole.tolist())


def _texts(times: Any) -> list[str]:
    if not (times % 10**9).any():
        return [f"{text}Z" for text in np.datetime_as_string(times.view("M8[ns]"), unit="s").tolist()]
    texts = np.datetime_as_string(times.view("M8[ns]"), unit="ns").tolist()
    return [f"{text.rstrip('0').rstrip('.')}Z" for text in texts]


def _chunks(answers: Iterator[Answer], unit: int | None, size: int) -> Iterator[bytes]:
    """The answer in parts of at most `size` rows of one series."""
    number = 0
    try:
        for number, answer in enumerate(answers):
            for result in _parts(number, answer, unit, size):
                yield json_bytes({"results": [result]}) + b"\n"
    except FieldlineError as error:  # the status is on its way already
        words = "the store is busy; try again" if isinstance(error, Unreachable) else str(error)
        yield json_bytes({"results": [{"statement_id": number, "error": words}]}) + b"\n"


def _parts(number: int, answer: Answer, unit: int | None, size: int) -> Iterator[dict[str, Any]]:
    """The answer to one statement in parts; all but the last say that there is more."""
    if isinstance(answer, str) or not answer:
        yield _result(number, answer, unit)
        return
    for series in answer:
        for first in range(0, max(series.rows, 1), size):
            shown = _series(series, unit, first, first + size)
            result: dict[str, Any] = {"statement_id": number, "series": [shown]}
            if more := first + size < series.rows:
                shown["partial"] = True
            if more or series is not answer[-1]:
                result["partial"] = True
            yield result


def _csv(answers: Iterable[Answer], unit: int | None) -> str:
    """The answer as influxd writes it for `Accept: text/csv`; times are ns unless `epoch` says otherwise."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    first = True
    for answer in answers:
        if isinstance(answer, str):
            writer.writerows([["error"], [answer]])
            continue
        columns: tuple[str, ...] = ()
        for series in answer:
            if series.columns != columns:
                columns = series.columns
                if not first:
                    file.write("\n")
                writer.writerow(["name", "tags", *columns])
                first = False
            pairs = sorted((series.tags or {}).items())
            tags = ",".join(f"{_escaped(name)}={_escaped(value)}" for name, value in pairs if value)
            cells = [] if series.times is None else [_times(series.times, unit or 1)]
            cells += [_cells(values) for values in series.values]
            writer.writerows([series.name, tags, *row] for row in zip(*cells, strict=True))
    return file.getvalue()


def _escaped(text: str) -> str:
    """A name or value of a tag as line protocol has it."""
    return re.sub(r"[,= ]", r"\\\g<0>", text)


def _cells(values: Any) -> list[Any]:
    """Values as text; nothing where there is none."""
    return [_cell(value) for value in np.asarray(values).tolist()]


def _cell(value: Any) -> Any:
    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return np.format_float_positional(value, trim="-")
    return value
