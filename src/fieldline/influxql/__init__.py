"""InfluxQL as far as the embedded store answers it: text to statements, and the form of an answer (docs/influxql.md)."""

from __future__ import annotations

from functools import lru_cache

from .series import Series
from .tree import QueryError, Select, Show, Statement, SyntaxFault, databases

__all__ = ["QueryError", "Select", "Series", "Show", "Statement", "SyntaxFault", "databases", "parse"]

LONGEST = 200_000  # characters of a text; Grafana's longest are a few thousand


def parse(text: str) -> list[Statement]:
    """The statements of a text, in order; none for an empty one.

    Raises: SyntaxFault, when it is not InfluxQL or not answered here; nothing of such a text may be run.
    """
    if len(text) > LONGEST:
        raise SyntaxFault(f"error parsing query: found {len(text)} characters, expected at most {LONGEST}")
    return list(_parsed(text))


@lru_cache(maxsize=256)
def _parsed(text: str) -> tuple[Statement, ...]:
    from .grammar import statements

    return tuple(statements(text))
