"""What influxd asks of a SELECT before it looks at data: which functions there are, and what goes together."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .tree import (
    Binary,
    Call,
    Duration,
    Expr,
    Fill,
    Integer,
    Item,
    Number,
    Ref,
    Regex,
    Select,
    Source,
    Star,
    SyntaxFault,
    Text,
    Truth,
    walk,
)
from .tree import QueryError as Fault

AGGREGATES = ("count", "first", "last", "max", "mean", "median", "min", "percentile", "spread", "stddev", "sum")
SELECTORS = ("first", "last", "max", "min", "percentile")
TRANSFORMS = (
    *("cumulative_sum", "derivative", "difference", "elapsed", "moving_average"),
    *("non_negative_derivative", "non_negative_difference"),
)
REFUSED = (
    *("bottom", "distinct", "holt_winters", "holt_winters_with_fit", "integral", "mode", "sample", "top"),
    *("abs", "acos", "asin", "atan", "atan2", "ceil", "cos", "exp", "floor", "ln", "log", "log10", "log2", "pow"),
    *("round", "sin", "sqrt", "tan", "exponential_moving_average", "double_exponential_moving_average"),
    *("triple_exponential_moving_average", "relative_strength_index", "triple_exponential_derivative"),
    *("kaufmans_efficiency_ratio", "kaufmans_adaptive_moving_average", "chande_momentum_oscillator"),
)
FEWEST_WINDOWS = 1  # ns; a window cannot be narrower
Literal = Number | Integer | Duration | Text | Truth


def fill(expr: Expr) -> Fill:
    """What fill(...) means."""
    if isinstance(expr, Ref) and expr.name in ("null", "none", "previous", "linear"):
        return Fill(expr.name)  # type: ignore[arg-type]
    if isinstance(expr, Integer | Number):
        return Fill("number", expr.value)
    raise SyntaxFault("error parsing query: expected number argument in fill()")


def zone(name: str) -> str:
    """A time zone that is known."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SyntaxFault(f"error parsing query: unable to find time zone {name}") from error
    return "" if name in ("", "UTC") else name


def select(items: tuple[Item, ...], sources: tuple[Source, ...], **rest: Any) -> Select:
    """A SELECT as it is answered. Raises: QueryError, for what influxd refuses and for what is not answered here."""
    time_name, kept = "time", []
    for item in items:
        if isinstance(item.expr, Ref) and item.expr.name == "time":
            time_name = item.alias or time_name
        else:
            kept.append(item)
    groups = _groups(rest.pop("groups", ()))
    statement = Select(tuple(kept), sources, time_name=time_name, **groups, **rest)
    _check(statement)
    return statement


def _groups(dimensions: tuple[Expr, ...]) -> dict[str, Any]:
    """Tags, and the width and offset of time()."""
    names: list[Expr] = []
    every = offset = 0
    for dimension in dimensions:
        if isinstance(dimension, Call):
            if every:
                raise Fault("multiple time dimensions not allowed")
            every, offset = _windows(dimension)
        elif isinstance(dimension, Ref) and dimension.name.lower() == "time":
            raise Fault("time() is a function and expects at least one argument")
        elif isinstance(dimension, Ref | Star | Regex):
            names.append(dimension)
        else:
            raise Fault("only time and tag dimensions allowed")
    return {"groups": tuple(names), "every": every, "offset_ns": offset}


def _windows(call: Call) -> tuple[int, int]:
    if call.name != "time":
        raise Fault("only time() calls allowed in dimensions")
    if not 1 <= len(call.args) <= 2:
        raise Fault("time dimension expected 1 or 2 arguments")
    width = call.args[0]
    if not isinstance(width, Duration):
        raise Fault("time dimension must have duration argument")
    if width.value < FEWEST_WINDOWS:
        raise Fault("unsupported: windows without a width")
    if len(call.args) == 1:
        return width.value, 0
    offset = call.args[1]
    if not isinstance(offset, Duration):
        raise Fault("unsupported: an offset in time() that is not a duration")
    return width.value, abs(offset.value) % width.value * (1 if offset.value >= 0 else -1)


def _check(statement: Select) -> None:
    if not statement.items:
        raise Fault("at least 1 non-time field must be queried")
    calls = [call for item in statement.items for call in _calls(item.expr, statement.every)]
    plain = [item for item in statement.items if not any(isinstance(part, Call) for part in walk(item.expr))]
    if not calls:
        _check_raw(statement)
    elif plain:
        if any(call.name not in SELECTORS or not isinstance(call.args[0], Ref) for call in calls):
            raise Fault("mixing aggregate and non-aggregate queries is not supported")
        raise Fault("unsupported: a tag or field beside a selector function")


def _check_raw(statement: Select) -> None:
    if statement.fill.how in ("none", "linear"):
        raise Fault(f"fill({statement.fill.how}) must be used with a function")
    if statement.every:
        raise Fault("GROUP BY requires at least one aggregate function")


def _calls(expr: Expr, every: int) -> list[Call]:
    """The functions of one thing selected, checked."""
    if isinstance(expr, Call):
        _check_call(expr, every)
        return [expr]
    if isinstance(expr, Binary):
        if expr.op not in ("+", "-", "*", "/"):
            raise Fault(f"unsupported: {expr.op} in SELECT")
        if any(isinstance(part, Star | Regex) for part in (expr.left, expr.right)):
            raise Fault("unable to use wildcard in a binary expression")
        _check_literals(expr)
        return [call for side in (expr.left, expr.right) for call in _calls(side, every)]
    return []


def _check_literals(expr: Binary) -> None:
    for side in (expr.left, expr.right):
        if isinstance(side, Text | Duration | Truth):
            raise Fault("unsupported: arithmetic with something that is not a number")
    if isinstance(expr.left, Literal) and isinstance(expr.right, Literal):
        raise Fault("cannot perform a binary expression on two literals")


def _check_call(call: Call, every: int) -> None:
    if call.name in REFUSED:
        raise Fault(f"unsupported: {call.name}()")
    if call.name not in AGGREGATES and call.name not in TRANSFORMS:
        raise Fault(f"undefined function {call.name}()")
    _check_count(call)
    if call.name in TRANSFORMS:
        _check_transform(call, every)
    else:
        _check_field(call)
        if call.name == "percentile" and not isinstance(call.args[1], Integer | Number):
            raise Fault("expected float argument in percentile()")


def _check_count(call: Call) -> None:
    fewest = most = 1
    if call.name in ("percentile", "moving_average"):
        fewest = most = 2
    elif call.name in ("derivative", "non_negative_derivative", "elapsed"):
        most = 2
    if not fewest <= len(call.args) <= most:
        wanted = f"at least {fewest} but no more than {most}" if fewest != most else str(fewest)
        raise Fault(f"invalid number of arguments for {call.name}, expected {wanted}, got {len(call.args)}")


def _check_field(call: Call) -> None:
    if isinstance(call.args[0], Call) and call.name == "count" and call.args[0].name == "distinct":
        raise Fault("unsupported: distinct()")
    if not isinstance(call.args[0], Ref | Star | Regex):
        raise Fault(f"expected field argument in {call.name}()")
    if isinstance(call.args[0], Star) and call.args[0].cast == "tag":
        raise Fault(f"unable to use tag wildcard in {call.name}()")


def _check_transform(call: Call, every: int) -> None:
    if len(call.args) == 2:
        _check_second(call)
    if isinstance(call.args[0], Call):
        if not every:
            raise Fault(f"{call.name} aggregate requires a GROUP BY interval")
        _check_call(call.args[0], every)
    elif every:
        raise Fault(f"aggregate function required inside the call to {call.name}")
    else:
        _check_field(call)


def _check_second(call: Call) -> None:
    """How many windows a moving average is of, or the unit of a derivative."""
    second = call.args[1]
    if call.name == "moving_average":
        if not isinstance(second, Integer):
            raise Fault("second argument for moving_average must be an integer")
        if second.value <= 1:
            raise Fault(f"moving_average window must be greater than 1, got {second.value}")
    elif not isinstance(second, Duration):
        raise Fault(f"second argument to {call.name} must be a duration")
    elif second.value <= 0:
        raise Fault("duration argument must be positive")
