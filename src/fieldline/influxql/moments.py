"""Texts that differ only in their times, as a dashboard sends them again and again, need be read once.

time >= 1795034938605ms   is read as   time >= 8000000000000ms   and gets its own time afterwards
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from .tree import Binary, Duration, Expr, Refused, Statement

_TIME = re.compile(r"(?<=[<>=] )([0-8]\d{12})ms(?!\w)", re.ASCII)  # of one length, so that all else stays in its place
_FIRST = 8_000_000_000_000  # in the place of the first time, for the second one more, and so on [ms]
_MOST = 100
_MS = 10**6


def lifted(text: str) -> tuple[str, tuple[int, ...]]:
    """A text with others in the place of its times, and the times [ms]; as it was, if there are none or too many."""
    times = tuple(int(time) for time in _TIME.findall(text))
    if not 0 < len(times) <= _MOST:
        return text, ()
    numbers = count(_FIRST)
    return _TIME.sub(lambda _: f"{next(numbers)}ms", text), times


def given(statements: Sequence[Statement], times: Sequence[int]) -> list[Statement] | None:
    """The statements of a lifted text with its times.

    None, unless each of the times stands in a condition just once: then the text must be read as it is.
    """
    used: list[int] = []
    found = [_given(statement, times, used) for statement in statements]
    return found if sorted(used) == [*range(len(times))] else None


def _given(statement: Statement, times: Sequence[int], used: list[int]) -> Statement:
    if isinstance(statement, Refused) or statement.where is None:
        return statement
    where = _put(statement.where, times, used)
    return statement if where is statement.where else replace(statement, where=where)


def _put(expr: Expr, times: Sequence[int], used: list[int]) -> Expr:
    if isinstance(expr, Binary):
        left, right = _put(expr.left, times, used), _put(expr.right, times, used)
        return expr if left is expr.left and right is expr.right else Binary(expr.op, left, right)
    if isinstance(expr, Duration):
        number, rest = divmod(expr.value, _MS)
        if not rest and 0 <= number - _FIRST < len(times):
            used.append(number - _FIRST)
            return Duration(times[number - _FIRST] * _MS)
    return expr
