"""The catalogue of the embedded store: which table and column hold which measurement and field, and how they grow.

Names of DuckDB ignore case and `time` is taken, names of loggers may be anything; so what a field is called and what
its column is called are two things, kept side by side in the schema `_fieldline`. They differ only where they must.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, TypeVar

from ..errors import Rejected
from ..ports import Field, Kind

T = TypeVar("T")
STORE = "store"  # the name under which the file is attached
CATALOG = "_fieldline"
RESERVED = ("information_schema", "pg_catalog", "temp", "system")
TYPES: Mapping[Kind, str] = {"number": "DOUBLE", "integer": "BIGINT", "boolean": "BOOLEAN", "text": "VARCHAR"}


class Sql(str):
    """A piece of SQL, as against a name or a value."""


def sql(template: str, **parts: str | Sequence[str]) -> Sql:
    """Fill `{parts}`: Sql as it is, any other text quoted as a name, a tuple as a dotted name, a list with commas."""
    return Sql(template.format(**{key: _piece(part) for key, part in parts.items()}))


def _piece(part: str | Sequence[str]) -> str:
    if isinstance(part, Sql):
        return part
    if isinstance(part, str):
        return '"' + part.replace('"', '""') + '"'
    return (", " if isinstance(part, list) else ".").join(_piece(each) for each in part)


CREATE = (
    sql("CREATE SCHEMA IF NOT EXISTS {schema}", schema=(STORE, CATALOG)),
    sql(
        "CREATE TABLE IF NOT EXISTS {table} (name VARCHAR NOT NULL, keep_days INTEGER)",
        table=(STORE, CATALOG, "buckets"),
    ),
    sql(
        "CREATE TABLE IF NOT EXISTS {table} (bucket VARCHAR NOT NULL, measurement VARCHAR NOT NULL,"
        " name VARCHAR NOT NULL, kind VARCHAR NOT NULL, unit VARCHAR NOT NULL, tag BOOLEAN NOT NULL,"
        " position INTEGER NOT NULL, table_name VARCHAR NOT NULL, column_name VARCHAR NOT NULL)",
        table=(STORE, CATALOG, "fields"),
    ),
)
# The last writes: which times of which measurement each touched, so that who keeps something derived can follow.
CREATE_WRITES = sql(
    "CREATE TABLE IF NOT EXISTS {table} (number BIGINT NOT NULL, bucket VARCHAR NOT NULL, measurement VARCHAR NOT NULL,"
    " first BIGINT NOT NULL, last BIGINT NOT NULL)",
    table=(STORE, CATALOG, "writes"),
)
KEPT_WRITES = 1000
HAS_WRITES = "SELECT 1 FROM duckdb_tables() WHERE database_name = ? AND schema_name = ? AND table_name = 'writes'"
LAST_WRITE = sql("SELECT coalesce(max(number), 0) FROM {table}", table=(STORE, CATALOG, "writes"))
WRITES_SINCE = sql(
    "SELECT bucket, measurement, first, last FROM {table} WHERE number > ? ORDER BY number",
    table=(STORE, CATALOG, "writes"),
)
ADD_WRITE = sql(
    "INSERT INTO {table} SELECT coalesce(max(number), 0) + 1, ?, ?, ?, ? FROM {table} RETURNING number",
    table=(STORE, CATALOG, "writes"),
)
DROP_WRITES = sql("DELETE FROM {table} WHERE number <= ?", table=(STORE, CATALOG, "writes"))
BUCKETS = sql("SELECT name, keep_days FROM {table} ORDER BY name", table=(STORE, CATALOG, "buckets"))
ADD_BUCKET = sql("INSERT INTO {table} VALUES (?, ?)", table=(STORE, CATALOG, "buckets"))
SET_DAYS = sql("UPDATE {table} SET keep_days = ? WHERE name = ?", table=(STORE, CATALOG, "buckets"))
MEASUREMENTS = sql(
    "SELECT DISTINCT measurement FROM {table} WHERE bucket = ? ORDER BY ALL", table=(STORE, CATALOG, "fields")
)
EVERYTHING = sql(
    "SELECT bucket, measurement, name, kind, unit, tag FROM {table} ORDER BY bucket, measurement, position",
    table=(STORE, CATALOG, "fields"),
)
TABLES = sql("SELECT DISTINCT bucket, table_name FROM {table}", table=(STORE, CATALOG, "fields"))
ONE_TABLE = sql(
    "SELECT position, table_name, column_name, name, kind, unit, tag FROM {table} WHERE bucket = ? AND measurement = ?",
    table=(STORE, CATALOG, "fields"),
)
ADD_FIELD = sql("INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", table=(STORE, CATALOG, "fields"))
SET_UNIT = sql(
    "UPDATE {table} SET unit = ? WHERE bucket = ? AND measurement = ? AND name = ?", table=(STORE, CATALOG, "fields")
)
TAKEN = sql(
    "SELECT table_name FROM duckdb_tables() WHERE database_name = ? AND schema_name = ?"
    " UNION ALL SELECT view_name FROM duckdb_views() WHERE database_name = ? AND schema_name = ?"
)


class Cursor(Protocol):
    """What is used of a connection to DuckDB, so that one module only needs to import it."""

    def execute(self, query: str, parameters: Any = None, /) -> Any:
        """Run one statement; the result has fetchone, fetchall and fetchnumpy."""

    def register(self, view_name: str, python_object: object, /) -> Any:
        """Let statements see a frame under a name."""

    def cursor(self) -> Any:
        """Another connection to the same DuckDB, with a transaction of its own."""

    def close(self) -> None:
        """Undo what was not committed."""


@dataclass(frozen=True)
class Reading:
    """A cursor on a file that is open for reading; memory: what was learnt of the file since it was opened."""

    wrapped: Any
    memory: dict[Hashable, Any]

    def execute(self, query: str, parameters: Any = None, /) -> Any:
        """See Cursor."""
        return self.wrapped.execute(query, parameters)

    def register(self, view_name: str, python_object: object, /) -> Any:
        """See Cursor."""
        return self.wrapped.register(view_name, python_object)

    def cursor(self) -> Any:
        """See Cursor."""
        return self.wrapped.cursor()

    def interrupt(self) -> None:
        """End the query that runs."""
        self.wrapped.interrupt()

    def close(self) -> None:
        """See Cursor."""
        self.wrapped.close()


def recall(cursor: Cursor, key: Hashable, work: Callable[[], T]) -> T:
    """What `work` found, once for a key while the file stays open for reading; nobody writes meanwhile.

    What is found is handed to several threads: nobody may change it.
    """
    if not isinstance(cursor, Reading):
        return work()
    if key not in cursor.memory:
        cursor.memory[key] = work()
    found: T = cursor.memory[key]
    return found


@dataclass(frozen=True)
class Column:
    """A field or tag, and the column that holds it."""

    field: Field
    name: str


@dataclass(frozen=True)
class Table:
    """A measurement, and the table that holds it; a table without columns is not there yet."""

    bucket: str
    measurement: str
    name: str = ""
    columns: tuple[Column, ...] = ()

    @property
    def path(self) -> tuple[str, str, str]:
        """The table's name for `sql`."""
        return (STORE, self.bucket, self.name)

    @cached_property
    def tags(self) -> tuple[Column, ...]:
        """The columns that are part of the key."""
        return tuple(column for column in self.columns if column.field.tag)

    @cached_property
    def fields(self) -> tuple[Column, ...]:
        """The columns that are measured."""
        return tuple(column for column in self.columns if not column.field.tag)

    @cached_property
    def known(self) -> Mapping[str, Field]:
        """Each tag and field, by its name."""
        return {column.field.name: column.field for column in self.columns}

    @cached_property
    def kinds(self) -> Mapping[str, Kind]:
        """The kind of each field."""
        return {column.field.name: column.field.kind for column in self.fields}

    @cached_property
    def _by_name(self) -> Mapping[str, Column]:
        return {column.field.name: column for column in reversed(self.columns)}

    def find(self, name: str) -> Column | None:
        """The column of a field or tag."""
        return self._by_name.get(name)


def look_up(cursor: Cursor, bucket: str, measurement: str) -> Table | None:
    """What the catalogue knows of a measurement; None when the bucket is not there."""
    return recall(cursor, ("table", bucket, measurement), lambda: _looked_up(cursor, bucket, measurement))


def _looked_up(cursor: Cursor, bucket: str, measurement: str) -> Table | None:
    """One query, two where the measurement is not there; sorted here, which is faster than there."""
    rows = sorted(cursor.execute(ONE_TABLE, [bucket, measurement]).fetchall())
    if not rows and bucket not in buckets(cursor):
        return None
    columns = tuple(Column(Field(*field), column) for _, _, column, *field in rows)
    return Table(bucket, measurement, rows[0][1] if rows else "", columns)


def buckets(cursor: Cursor) -> dict[str, int | None]:
    """The buckets, and how many days each keeps."""
    return dict(recall(cursor, "buckets", lambda: cursor.execute(BUCKETS).fetchall()))


def measurements(cursor: Cursor, bucket: str) -> list[str]:
    """The measurements of a bucket, sorted."""
    rows = recall(cursor, ("measurements", bucket), lambda: cursor.execute(MEASUREMENTS, [bucket]).fetchall())
    return [name for (name,) in rows]


def refuse_bucket(name: str, existing: Iterable[str]) -> None:
    """Raise Rejected unless `name` can be a bucket beside the `existing` ones."""
    why = ""
    if not name or "\0" in name:
        why = "a name with at least one character and no NUL"
    elif name.startswith("_"):
        why = "a name that does not start with '_' (those are fieldline's own)"
    elif name.lower() in RESERVED:
        why = f"a name that DuckDB leaves free (not {', '.join(RESERVED)})"
    elif twin := next((other for other in existing if _alike(other, name)), ""):
        why = f"a name that differs from '{twin}' in more than case"
    if why:
        raise Rejected(f"bucket {name!r}: expected {why}.\n  Choose another bucket in config/ or in the driver.")


def grown(table: Table, wanted: Iterable[Field], taken: Collection[str]) -> Table:
    """`table` with a column for each field it lacks; `taken` are the names of other tables, if it must be made."""
    name = table.name or free_name(table.measurement, taken)
    columns = list(table.columns)
    for new in wanted:
        if table.find(new.name) is None:
            columns.append(Column(new, free_name(new.name, ["time", *(column.name for column in columns)])))
    return replace(table, name=name, columns=tuple(columns))


def free_name(wanted: str, taken: Collection[str]) -> str:
    """`wanted`, or `wanted_2` and so on: the first that differs from all that are `taken` in more than case."""
    wanted = wanted.replace("\0", "") or "unnamed"
    used = {name.casefold() for name in taken}
    number, name = 1, wanted
    while name.casefold() in used:
        number += 1
        name = f"{wanted}_{number}"
    return name


def _alike(one: str, other: str) -> bool:
    return one != other and one.casefold() == other.casefold()


def grow(cursor: Cursor, table: Table, wanted: Sequence[Field]) -> Table:
    """Make the table or the columns that are missing, and note them in the catalogue."""
    taken: list[str] = []
    if not table.columns:
        taken = [name for (name,) in cursor.execute(TAKEN, [STORE, table.bucket] * 2).fetchall()]
    after = grown(table, wanted, taken)
    new = after.columns[len(table.columns) :]
    if not table.columns:
        cursor.execute(
            sql("CREATE TABLE {table} (time TIMESTAMP_NS, {columns})", table=after.path, columns=[*map(_declare, new)])
        )
    else:
        for column in new:
            cursor.execute(sql("ALTER TABLE {table} ADD COLUMN {column}", table=after.path, column=_declare(column)))
    for position, column in enumerate(new, len(table.columns)):
        field = column.field
        key = [table.bucket, table.measurement, field.name]
        cursor.execute(ADD_FIELD, [*key, field.kind, field.unit, field.tag, position, after.name, column.name])
    return after


def _declare(column: Column) -> Sql:
    kind = TYPES[column.field.kind] + (" DEFAULT ''" if column.field.tag else "")
    return sql("{name} {kind}", name=column.name, kind=Sql(kind))


def note_write(cursor: Cursor, bucket: str, measurement: str, first: int, last: int) -> None:
    """Note that rows between two times, both included, were written or deleted. [ns UTC]"""
    cursor.execute(CREATE_WRITES)
    (number,) = cursor.execute(ADD_WRITE, [bucket, measurement, first, last]).fetchone()
    if number % KEPT_WRITES == 0:
        cursor.execute(DROP_WRITES, [number - KEPT_WRITES])


def set_units(cursor: Cursor, table: Table, units: Mapping[str, str]) -> None:
    """Note the units that are new; an empty one never replaces a known one."""
    for column in table.columns:
        unit = units.get(column.field.name, "")
        if unit and unit != column.field.unit:
            cursor.execute(SET_UNIT, [unit, table.bucket, table.measurement, column.field.name])
