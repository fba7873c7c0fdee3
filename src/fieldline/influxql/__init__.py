"""InfluxQL as far as the embedded store answers it (docs/influxql.md): text to statements, and what an answer is."""

from __future__ import annotations

from functools import lru_cache

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
    return list((_parsed if len(text) <= KEPT else _parsed.__wrapped__)(text))


@lru_cache(maxsize=256)
def _parsed(text: str) -> tuple[Statement, ...]:
    from .grammar import statements

    return tuple(statements(text))
