"""What a token may do on an InfluxDB server, found out by requests that change nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Literal

from ..errors import Denied, Rejected, StoreError, Unreachable
from ..ports import Parcel
from ._influx_buckets import V2, Wire, of
from ._influx_faults import MAKE_IT, Answer

State = Literal["ok", "warn", "fail"]
APART = 120  # seconds between two clocks from which on a person should know
NOTHING = b"# nothing, only to see whether we may\n"  # a comment: stores nothing


@dataclass(frozen=True)
class Finding:
    """One line for `doctor`. remedy: what to do; empty when all is well."""

    name: str
    state: State
    text: str
    remedy: str = ""


def found(
    wire: Wire,
    product: Callable[[], str],
    deliver: Callable[[Parcel], None],
    parcel: Parcel,
    bucket: str,
    now: datetime | None,
) -> Iterator[Finding]:
    """All findings, in the order in which one needs the other; the first `fail` to reach the server ends them.

    Args:
        parcel: a comment for the bucket, by our name of it.
        bucket: the server's name of it.
        now: the local clock.
    """
    began = time.monotonic()
    try:
        answer, name = wire.call("GET", "/ping"), product()
    except Unreachable as error:
        yield _bad("reachable", error)
        return
    number, took = answer.headers.get("x-influxdb-version", "?"), time.monotonic() - began
    yield Finding("reachable", "ok", f"{name}, version {number}, answered in {took:.2f} s")
    if now is not None:
        yield from _clock(answer, now)
    told, listed = _token(wire, name, bucket)
    yield from told
    if any(one.name == "token" and one.state == "fail" for one in told):
        return  # whatever is asked next has the same answer
    if name == "v3" and listed is not None and bucket not in listed:
        yield Finding("write", "warn", f"not tried: to write to {bucket!r} would make it, without its days", MAKE_IT)
    else:
        yield _tried("write", lambda: deliver(parcel), "may write", enough=Rejected)
    yield _tried("read", lambda: wire.ask(bucket, "SHOW MEASUREMENTS"), "may read")


def _clock(answer: Answer, now: datetime) -> Iterator[Finding]:
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", ""))
    except (ValueError, TypeError):
        return
    ahead = (now - theirs).total_seconds()
    text = f"this clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the server's"
    wrong = abs(ahead) > APART
    remedy = "Set the clock of this computer, or let it follow a time server." if wrong else ""
    yield Finding("clock", "warn" if wrong else "ok", text, remedy)


def _token(wire: Wire, product: str, bucket: str) -> tuple[list[Finding], list[str] | None]:
    """The token, and the bucket with its days and its mapping; and the buckets that it sees, None if it may not."""
    try:
        listed = of(product, wire).listed()
    except Denied as error:
        if "expected a token" in str(error):
            return [_bad("token", error)], None
        return [Finding("token", "ok", "the token is known"), _bad("buckets", error, "warn")], None
    except StoreError as error:
        return [_bad("buckets", error, "warn")], None
    known = "the token is known" if wire.authorised else "no token, and none is asked for"
    told = [Finding("token", "ok", known), Finding("buckets", "ok", f"may be listed; there are {len(listed)}")]
    return [*told, *_bucket(wire, product, bucket, listed)], list(listed)


def _bucket(wire: Wire, product: str, bucket: str, listed: Mapping[str, int | None]) -> Iterator[Finding]:
    """The bucket with its days and its mapping."""
    if bucket not in listed:
        seen = ", ".join(listed) or "none"
        yield Finding("bucket", "warn", f"{wire.place(bucket)}: not among those that the token sees: {seen}", MAKE_IT)
        return
    days = listed[bucket]
    yield Finding(
        "bucket", "ok", f"{bucket!r} is there and keeps rows {'for ever' if days is None else f'{days} days'}"
    )
    kind = of(product, wire)
    if isinstance(kind, V2):
        yield _mapping(kind, bucket)


def _mapping(buckets: V2, bucket: str) -> Finding:
    try:
        mapped = buckets.mapping(bucket, buckets.find(bucket) or {})
    except StoreError as error:
        return _bad("mapping", error, "warn")
    if mapped:
        return Finding("mapping", "ok", f"InfluxQL finds {bucket!r}")
    return Finding("mapping", "warn", f"InfluxQL does not find {bucket!r}: rows go in, dashboards see none", MAKE_IT)


def _tried(name: str, attempt: Callable[[], object], text: str, enough: type[Exception] | tuple[()] = ()) -> Finding:
    """A finding about one request; an error of the kind `enough` shows that we may, too."""
    try:
        attempt()
    except enough:
        return Finding(name, "ok", text)
    except StoreError as error:
        return _bad(name, error)
    return Finding(name, "ok", text)


def _bad(name: str, error: StoreError, state: State = "fail") -> Finding:
    text, _, remedy = str(error).partition("\n")
    return Finding(name, state, text, remedy.strip())
