"""What stands in an address, read strictly: times, spans, names; and a word to who asks for what is not there."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

import pandas as pd
from starlette.exceptions import HTTPException
from starlette.requests import Request

from .access import authorize
from .context import Context
from .replies import shown

LONGEST_SPAN = 366 * 86_400  # [s]
_SPAN = re.compile(r"(\d{1,9})(s|m|h|d|w)", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_MILLISECONDS = re.compile(r"\d{1,13}", re.ASCII)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def seconds(name: str, text: str) -> int:
    """A span such as 5m in seconds. Raises: HTTPException 422, which names the parameter."""
    match = _SPAN.fullmatch(text)
    length = int(match[1]) * _SECONDS[match[2]] if match else 0
    if not 0 < length <= LONGEST_SPAN:
        raise HTTPException(
            422, f"{name}: found {shown(text)}, expected a span of 1s to 366d, such as 30s, 5m, 12h, 7d"
        )
    return length


def moment(name: str, text: str | None, now: pd.Timestamp) -> pd.Timestamp | None:
    """A time: RFC 3339 with its zone, milliseconds since 1970 UTC, or so long ago (-3h).

    Raises: HTTPException 422, which names the parameter.
    """
    if text is None:
        return None
    if text.startswith("-"):
        return now - pd.Timedelta(seconds=seconds(name, text[1:]))
    try:
        if _MILLISECONDS.fullmatch(text):
            return pd.Timestamp(int(text), unit="ms", tz="UTC").as_unit("ns")
        if _RFC3339.fullmatch(text):
            return pd.Timestamp(text.upper()).tz_convert("UTC").as_unit("ns")
    except ValueError:  # the 30th of February, the year 9999
        pass
    expected = "expected a time such as 2026-06-25T10:50:00Z (a + in it is %2B), milliseconds since 1970, or -3h"
    raise HTTPException(422, f"{name}: found {shown(text)}, {expected}")


def one_of(what: str, name: str, there: Iterable[str]) -> None:
    """Raise HTTPException 404, with near names, unless `name` is there."""
    names = list(there)
    if name not in names:
        near = difflib.get_close_matches(name, names, 3)
        words = f"; did you mean {', '.join(map(shown, near))}?" if near else ""
        raise HTTPException(404, f"no {what} {shown(name)}{words}")


def measured(context: Context, request: Request, bucket: str, measurement: str) -> None:
    """See that the request may read the measurement and that it is there. Raises: HTTPException."""
    authorize(context, request, "read", bucket)
    one_of("bucket", bucket, context.store.buckets())
    one_of("measurement", measurement, context.store.measurements(bucket))


_REFUSALS = {
    400: ("A parameter is unknown or there twice.", "unknown parameter 'buckt'; did you mean 'bucket'?"),
    401: ("There is no good API key.", "an API key is needed: make one with `fieldline keys add`"),
    403: ("The key is not for that.", "this key may not read bucket 'field'"),
    404: ("What was asked for is not there.", "no bucket 'feld'; did you mean 'field'?"),
    422: ("A value is wrong; the words say where, what was found and what was expected.", "start: expected a time"),
    429: ("Too many requests with wrong keys.", "too many refused requests; wait a minute"),
    503: ("The store is busy; try again.", "the store can't be reached now; try again"),
}
_ERROR = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}


def refusals() -> dict[int | str, dict[str, Any]]:
    """The part `responses` of every endpoint: how errors look."""
    return {
        status: {
            "description": words,
            "content": {"application/json": {"schema": _ERROR, "example": {"error": example}}},
        }
        for status, (words, example) in _REFUSALS.items()
    }


def example(value: Any, words: str) -> dict[int | str, dict[str, Any]]:
    """The part `responses` of an endpoint whose answer is JSON; `words` say what it is."""
    kind = {"type": "array" if isinstance(value, list) else "object"}
    good = {"description": words, "content": {"application/json": {"schema": kind, "example": value}}}
    return {200: good, **refusals()}
