"""The range of time that a WHERE asks for, taken out of it; the rest is about tags and fields."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from .tree import Binary, Call, Duration, Expr, Integer, Number, QueryError, Ref, Text, Truth

EARLIEST, LATEST = -(2**63) + 2, 2**63 - 2  # ns; "no bound" to influxd
DATE = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:(?: (\d\d):(\d\d):(\d\d)(\.\d+)?)|(?:T(\d\d):(\d\d):(\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)))?"
)
MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}


@dataclass(frozen=True)
class Range:
    """From `start` to `end` [ns since 1970], both included; None where the text names no bound."""

    start: int | None = None
    end: int | None = None

    def both(self, other: Range) -> Range:
        """What lies in this range and in the other."""
        starts = [each for each in (self.start, other.start) if each is not None]
        ends = [each for each in (self.end, other.end) if each is not None]
        return Range(max(starts, default=None), min(ends, default=None))


def split(where: Expr | None, now_ns: int, zone: str) -> tuple[Expr | None, Range]:
    """A condition without its comparisons of time, and the range that these mean together.

    influxd takes all of them together, also those that stand on one side of an OR. Raises: QueryError.
    """
    if where is None or isinstance(where, Truth):
        return (None if where is None or where.value else where), Range()
    if not isinstance(where, Binary):
        raise QueryError(f"invalid condition expression: {_shown(where)}")
    if where.op in ("AND", "OR"):
        left, one = split(where.left, now_ns, zone)
        right, other = split(where.right, now_ns, zone)
        return _joined(where, left, right), one.both(other)
    if _is_time(where.left):
        return None, _bound(where.op, where.right, now_ns, zone)
    if _is_time(where.right):
        return None, _bound(MIRRORED.get(where.op, where.op), where.left, now_ns, zone)
    return where, Range()


def _joined(where: Binary, left: Expr | None, right: Expr | None) -> Expr | None:
    if left is None or right is None:
        return left if right is None else right
    return Binary(where.op, left, right)


def _is_time(expr: Expr) -> bool:
    return isinstance(expr, Ref) and expr.name.lower() == "time"


def _bound(op: str, expr: Expr, now_ns: int, zone: str) -> Range:
    value = _value(expr, now_ns, zone)
    if not EARLIEST <= value <= LATEST:
        word = "overflows" if value > 0 else "underflows"
        raise QueryError(f"time {value} {word} time literal")
    if op == "=":
        return Range(value, value)
    if op in (">", ">="):
        return Range(start=value + (op == ">"))
    if op in ("<", "<="):
        return Range(end=value - (op == "<"))
    raise QueryError(f"invalid time comparison operator: {op}")


def _value(expr: Expr, now_ns: int, zone: str) -> int:
    """Nanoseconds since 1970, or a length of time where the expression is one."""
    if isinstance(expr, Integer | Duration | Number):
        return int(expr.value)
    if isinstance(expr, Call) and expr.name == "now" and not expr.args:
        return now_ns
    if isinstance(expr, Text):
        return instant(expr.value, zone)
    if isinstance(expr, Binary) and expr.op in ("+", "-"):
        left, right = _value(expr.left, now_ns, zone), _value(expr.right, now_ns, zone)
        return left + right if expr.op == "+" else left - right
    raise QueryError(f"invalid operation: time and {_shown(expr)} are not compatible")


def instant(text: str, zone: str) -> int:
    """A date, or date and time, in a zone (UTC if empty) as nanoseconds since 1970. Raises: QueryError."""
    found = DATE.fullmatch(text)
    if found is None:
        raise QueryError(f"invalid timestamp string: {text!r}")
    year, month, day = found[1], found[2], found[3]
    hour, minute, second = found[4] or found[8] or 0, found[5] or found[9] or 0, found[6] or found[10] or 0
    fraction = (found[7] or found[11] or ".")[1:][:9].ljust(9, "0")
    try:
        when = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=UTC)
        if found[12] and found[12] != "Z":
            when = datetime.fromisoformat(when.isoformat()[:19] + found[12])
        elif zone and not found[12]:
            when -= _offset(when - _offset(when, zone), zone)
        seconds = int(when.astimezone(UTC).timestamp())
    except (ValueError, OverflowError) as error:
        raise QueryError(f"invalid timestamp string: {text!r}") from error
    return seconds * 10**9 + int(fraction)


def _offset(when: datetime, zone: str) -> timedelta:
    """The offset of a zone; asked twice it finds that of a local time, also of one that a clock skips or repeats."""
    return when.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()


def _shown(expr: Expr) -> str:
    """An expression for a message."""
    if isinstance(expr, Ref):
        return f'"{expr.name}"'
    if isinstance(expr, Text):
        return f"'{expr.value}'"
    return f"{expr.name}()" if isinstance(expr, Call) else str(getattr(expr, "value", getattr(expr, "op", "it")))
