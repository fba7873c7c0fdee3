"""The measurements that a statement of InfluxQL reads."""

from __future__ import annotations

from collections.abc import Sequence

from ..influxql.tree import QueryError, Source
from ..ports import Field
from . import _catalog as catalog
from ._catalog import Column, Cursor, Sql, Table, sql

POLICIES = ("", "autogen", "default")  # a bucket has one retention policy; 1.x calls it autogen
MATCHING = Sql("SELECT name FROM (SELECT unnest(?::VARCHAR[]) AS name) WHERE regexp_matches(name, ?)")
COLUMNS = sql(
    "SELECT measurement, position, table_name, column_name, name, kind, unit, tag FROM {fields} WHERE bucket = ?",
    fields=(catalog.STORE, catalog.CATALOG, "fields"),
)
OF_ONE = Sql(COLUMNS + " AND measurement = ?")


def tables(cursor: Cursor, bucket: str, sources: Sequence[Source]) -> list[Table]:
    """The tables of some sources, each once; measurements that are not there are left out. Raises: QueryError."""
    found: dict[tuple[str, str], Table] = {}
    for source in sources:
        database = source.database or bucket
        if source.policy not in POLICIES:
            raise QueryError(f"retention policy not found: {source.policy}")
        if source.regex:
            known = _known(cursor, COLUMNS, database)
            wanted = matching(cursor, list(known), source.name)
        else:
            known = _known(cursor, OF_ONE, database, source.name)
            wanted = set(known)
        if not known:
            refuse_unknown(cursor, database)
        found |= {(database, name): known[name] for name in wanted}
    return list(found.values())


def _known(cursor: Cursor, query: Sql, *values: str) -> dict[str, Table]:
    """The tables that the catalogue names."""
    return dict(catalog.recall(cursor, (query, *values), lambda: _named(cursor, query, values)))


def _named(cursor: Cursor, query: Sql, values: Sequence[str]) -> dict[str, Table]:
    """Sorted here, which is ten times faster than there."""
    columns: dict[str, list[Column]] = {}
    places: dict[str, str] = {}
    for name, _, place, column, *field in sorted(cursor.execute(query, list(values)).fetchall()):
        columns.setdefault(name, []).append(Column(Field(*field), column))
        places[name] = place
    return {name: Table(values[0], name, places[name], tuple(found)) for name, found in columns.items()}


def refuse_unknown(cursor: Cursor, database: str) -> None:
    """Raise QueryError unless there is such a bucket."""
    if database not in catalog.buckets(cursor):
        raise QueryError(f"database not found: {database}")


def matching(cursor: Cursor, names: Sequence[str], regex: str) -> set[str]:
    """Those names that a regular expression of RE2 matches."""
    if not names:
        return set()
    return {name for (name,) in cursor.execute(MATCHING, [list(names), regex]).fetchall()}
