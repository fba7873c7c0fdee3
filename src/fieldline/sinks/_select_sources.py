"""The measurements that a statement of InfluxQL reads."""

from __future__ import annotations

from collections.abc import Sequence

from ..influxql.tree import QueryError, Source
from . import _catalog as catalog
from ._catalog import Cursor, Sql, Table, look_up

POLICIES = ("", "autogen", "default")  # a bucket has one retention policy; 1.x calls it autogen
MATCHING = Sql("SELECT name FROM (SELECT unnest(?::VARCHAR[]) AS name) WHERE regexp_matches(name, ?)")


def tables(cursor: Cursor, bucket: str, sources: Sequence[Source]) -> list[Table]:
    """The tables of some sources, each once; measurements that are not there are left out. Raises: QueryError."""
    found: dict[tuple[str, str], Table] = {}
    for source in sources:
        database = source.database or bucket
        if source.policy not in POLICIES:
            raise QueryError(f"retention policy not found: {source.policy}")
        for name in _names(cursor, database, source):
            table = look_up(cursor, database, name)
            if table is None:
                raise QueryError(f"database not found: {database}")
            if table.columns:
                found[database, name] = table
    return list(found.values())


def _names(cursor: Cursor, database: str, source: Source) -> list[str]:
    if not source.regex:
        return [source.name]
    return [name for name in measurements(cursor, database) if name in matching(cursor, [name], source.name)]


def measurements(cursor: Cursor, database: str) -> list[str]:
    """All measurements of a bucket, sorted. Raises: QueryError."""
    if database not in (name for name, _ in cursor.execute(catalog.BUCKETS).fetchall()):
        raise QueryError(f"database not found: {database}")
    return [name for (name,) in cursor.execute(catalog.MEASUREMENTS, [database]).fetchall()]


def matching(cursor: Cursor, names: Sequence[str], regex: str) -> set[str]:
    """Those names that a regular expression of RE2 matches."""
    if not names:
        return set()
    return {name for (name,) in cursor.execute(MATCHING, [list(names), regex]).fetchall()}
