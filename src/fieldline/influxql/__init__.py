"""InfluxQL as far as the embedded store answers it (docs/influxql.md): text to statements, and what an answer is."""

from __future__ import annotations

from functools import lru_cache

from .moments import given, lifted
from .series import Room, Series
from .tree import QueryError, Refused, Select, Show, Statement, SyntaxFault, databases

__all__ = [
    "QueryError",
    "Refused",
    "Room",
    "Select",
    "Series",
    "Show",
    "Statement",
    "SyntaxFault",
    "databases",
    "parse",
]

LONGEST = 200_000  # characters of a text; Grafana's longest are a few thousand
KEPT = 10_000  # characters; what was read of longer texts is not kept


def parse(text: str) -> list[Statement]:
    """The statements of a text, in order; none for an empty one.

    A SELECT that influxd refuses before it looks at data, or that is not answered here, is a `Refused` among them.

    Raises: SyntaxFault, when it is not InfluxQL, or a part of it that the grammar does not have; nothing of such a
        text may be run (influxd: status 400).
    """
    if len(text) > LONGEST:
        raise SyntaxFault(f"error parsing query: found {len(text)} characters, expected at most {LONGEST}")
    if len(text) > KEPT:
        return list(_parsed.__wrapped__(text))
    return _again(text) or list(_parsed(text))


def _again(text: str) -> list[Statement] | None:
    """The statements of a text that came with other times before, or will come; None, if it must be read as it is."""
    shape, times = lifted(text)
    try:
        return given(_parsed(shape), times) if times else None
    except SyntaxFault:
        return None


@lru_cache(maxsize=256)
def _parsed(text: str) -> tuple[Statement, ...]:
    from .grammar import statements

    return tuple(statements(text))
