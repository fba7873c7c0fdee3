"""A store in one DuckDB file, plain enough for anybody's DuckDB, pandas or R to open.

    import duckdb
    duckdb.connect("store.duckdb", read_only=True).sql('FROM field.tower WHERE PPFD > 1000').df()

A bucket is a schema, a measurement a table, `time` its UTC time, a tag a text column, a field a column of its kind.
The catalogue in the schema `_fieldline` knows the few names that had to differ, the units, and how long a bucket keeps
its rows.

DuckDB allows one writing process and then no reader, so every call opens, works and closes. `<file>.lock` is a
turnstile: a writer holds it while it works, a reader only while it opens, so readers share and a waiting writer is not
starved. Opening costs a millisecond because one empty DuckDB per process and file stays, to which the file is attached
and from which it is detached; between calls nothing is open. Use it in the process that imported it, not in a fork.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import numpy as np
import pandas as pd

from ..errors import Rejected, Unreachable
from ..influxql import QueryError, Refused, Room, Select, Series, Show, Statement
from ..points import Points, answer, fitted, points
from ..ports import Aggregate, Field
from . import _asked as asked
from . import _catalog as catalog
from . import _query as query
from ._catalog import STORE, Column, Cursor, Table, sql
from ._faults import fault
from ._file import shared
from ._select import select
from ._select_show import show
from ._turnstile import PAUSE_SECONDS, Patience, turnstile
from ._watch import Watch
from .looking import Look

T = TypeVar("T")
STEP_ROWS = 122_880  # a row group of DuckDB: written once and compressed, 0.1 to 0.2 s for 20 columns
DAY = 86_400 * 10**9  # ns
MEMORY = sql("SET memory_limit = {most}", most=catalog.Sql("'256MiB'"))  # more goes to files beside the store
TURN = 1.0  # [s] that several writes may have the file, while others wait
_watch = Watch()
EVER = -(2**63)  # ns; before any time that can be kept


class Embedded:
    """A `ports.Store` in one DuckDB file.

    Args:
        path: the file; `create` makes it. `<path>.lock` appears beside it, and `<path>.wal` while it is written.
        wait_seconds: how long a call waits for its turn before it raises Unreachable.
        linger_seconds: how long the file may stay open for questions that come close together; a writer waits as much
            longer. None: as it is for this file in this process, at first 0.
    """

    def __init__(self, path: str | Path, wait_seconds: float = 60.0, linger_seconds: float | None = None) -> None:
        self.path, self.wait_seconds = Path(path), wait_seconds
        self._file = shared(self.path, _empty_duckdb)
        if linger_seconds is not None:
            self._file.linger = linger_seconds

    def create(self, bucket: str, keep_days: int | None) -> None:
        """See `ports.Sink`; a bucket that is there keeps its `keep_days`."""
        with self._writing(f"to make the bucket {bucket!r}", make=True) as cursor:
            for statement in catalog.CREATE:
                cursor.execute(statement)
            existing = [name for name, _ in cursor.execute(catalog.BUCKETS).fetchall()]
            catalog.refuse_bucket(bucket, existing)
            if bucket not in existing:
                cursor.execute(sql("CREATE SCHEMA IF NOT EXISTS {schema}", schema=(STORE, bucket)))
                cursor.execute(catalog.ADD_BUCKET, [bucket, keep_days])

    def write(
        self,
        bucket: str,
        measurement: str,
        frame: pd.DataFrame,
        tags: tuple[str, ...] = (),
        units: Mapping[str, str] | None = None,
    ) -> int:
        """See `ports.Sink`. Long frames go in steps, each durable when it is done; between them others have their turn.

        Raises also: ValueError, when `frame` is not what `ports.Sink` says.
        """
        batch = points(frame, tags)
        for first in range(0, len(batch.frame), STEP_ROWS):
            with self._writing(f"to write {len(batch.frame)} rows") as cursor:
                table = self._known(cursor, bucket, measurement)
                if first == 0:  # all of it, so that what does not fit is refused before anything is written
                    batch = self._fitted(batch, table)
                part = self._fitted(batch.part(first, first + STEP_ROWS), table)
                _put(cursor, table, part, units or {})
        return batch.rows

    @contextmanager
    def together(self, bucket: str) -> Iterator[Together]:
        """What is written in the body becomes durable together at its end, and nothing of it when the body raises.

        Raises: Rejected, when the bucket is not there; Unreachable.
        """
        with ExitStack() as turn:
            yield Together(self, bucket, turn)

    def read(
        self,
        bucket: str,
        measurement: str,
        *,
        fields: Sequence[str] | None = None,
        start: pd.Timestamp | None = None,
        end: pd.Timestamp | None = None,
        every: pd.Timedelta | None = None,
        agg: Aggregate = "mean",
    ) -> pd.DataFrame:
        """See `ports.Store`. Tags come first, then the fields as asked; rows without a value in any are left out.

        Raises also: ValueError, when a time has no zone, a window no width or `agg` no such name.
        """
        since, until, width = asked.ns(start), asked.ns(end), asked.width(every, agg)
        with self._reading(f"to read {measurement!r}") as cursor:
            table = self._there(cursor, bucket, measurement)
            wanted = self._chosen(table, fields, agg if width else None)
            if width:
                question = query.windows(table, wanted, since, until, width, agg)
            else:
                question = query.rows(table, wanted, since, until)
            return _ask(cursor, question, width or 1)

    def latest(self, bucket: str, measurement: str) -> pd.DataFrame:
        """See `ports.Store`."""
        with self._reading(f"to read {measurement!r}") as cursor:
            return _ask(cursor, query.newest(self._there(cursor, bucket, measurement)))

    def look(self, bucket: str, measurement: str, work: Callable[[Look], T]) -> T:
        """What `work` makes of one measurement as it is at one moment; it may ask several questions.

        Raises: Rejected, when bucket or measurement is not there; Unreachable.
        """
        with self._reading(f"to look at {measurement!r}") as cursor:
            table = self._there(cursor, bucket, measurement)
            return work(Look(table, cursor, self._where(table)))

    def catalogue(self) -> dict[str, dict[str, dict[str, Field]]]:
        """Tags and fields of every measurement of every bucket, in one query."""
        if self._file.missing():
            return {}
        found: dict[str, dict[str, dict[str, Field]]] = {}
        with self._reading("to list everything") as cursor:
            for bucket, measurement, name, kind, unit, tag in cursor.execute(catalog.EVERYTHING).fetchall():
                found.setdefault(bucket, {}).setdefault(measurement, {})[name] = Field(name, kind, unit, tag)
        return found

    def buckets(self) -> dict[str, int | None]:
        """See `ports.Store`."""
        if self._file.missing():
            return {}
        with self._reading("to list the buckets") as cursor:
            return catalog.buckets(cursor)

    def measurements(self, bucket: str) -> list[str]:
        """See `ports.Store`. Raises: Rejected, when the bucket is not there; Unreachable."""
        with self._reading("to list the measurements") as cursor:
            self._known(cursor, bucket, "")
            return catalog.measurements(cursor, bucket)

    def fields(self, bucket: str, measurement: str) -> dict[str, Field]:
        """See `ports.Store`."""
        if self._file.missing():
            return {}
        with self._reading("to list the fields") as cursor:
            table = catalog.look_up(cursor, bucket, measurement)
            return dict(table.known) if table else {}

    def answer(
        self,
        bucket: str,
        statement: Statement,
        now_ns: int,
        timeout_seconds: float = 20.0,
        room: Room | None = None,
        unwanted: Callable[[], bool] | None = None,
    ) -> list[Series]:
        """What answers one statement of InfluxQL (see docs/influxql.md).

        Args:
            bucket: the database, where the statement names none.
            now_ns: what now() is [ns since 1970].
            timeout_seconds: how long DuckDB may work at it; writers wait meanwhile.
            room: for this answer and the others to the same request, which share it.
            unwanted: whether nobody waits for the answer any more. Another thread calls it now and then, so it must
                neither wait nor raise; when it is true, the work ends.

        Raises: QueryError, when it can't be answered; Unreachable.
        """
        if isinstance(statement, Refused):
            raise QueryError(statement.message)
        if self._file.missing():
            return _of_nothing(bucket, statement)
        room = Room() if room is None else room
        with self._reading("to answer a query") as cursor, _limited(cursor, timeout_seconds, unwanted):
            self._file.limit(cursor, MEMORY)
            if isinstance(statement, Show):
                return show(cursor, bucket, statement, now_ns, room)
            return select(cursor, bucket, statement, now_ns, room)

    def retain(self, bucket: str, keep_days: int | None) -> None:
        """See `ports.Store`."""
        with self._writing(f"to change the bucket {bucket!r}") as cursor:
            self._known(cursor, bucket, "")
            cursor.execute(catalog.SET_DAYS, [keep_days, bucket])

    def expire(self, now: pd.Timestamp) -> int:
        """See `ports.Store`. With nothing to delete this is one look at the statistics of each table."""
        limits = {bucket: asked.ns(now) - days * DAY for bucket, days in self.buckets().items() if days is not None}
        if not limits:
            return 0
        with self._reading("to look for old rows") as cursor:
            old = [(table, limit) for table, limit in _tables(cursor, limits) if _has_rows_before(cursor, table, limit)]
        return sum(self._delete(table, limit) for table, limit in old)

    def close(self) -> None:
        """See `ports.Sink`; the next call opens again."""
        self._file.rest()

    def _delete(self, table: tuple[str, str, str], limit: int) -> int:
        with self._writing("to delete old rows") as cursor:
            (count,) = cursor.execute(query.past(table, "DELETE"), [limit]).fetchone() or (0,)
            catalog.note_write(cursor, table[1], "", EVER, limit)  # whichever measurement the table holds
            return int(count)

    def _fitted(self, batch: Points, table: Table) -> Points:
        return fitted(batch, table.known, self._where(table))

    def _where(self, table: Table) -> str:
        return f"{self.path}, bucket {table.bucket!r}, measurement {table.measurement!r}"

    def _known(self, cursor: Cursor, bucket: str, measurement: str) -> Table:
        """The measurement in the catalogue, which may have no columns yet. Raises: Rejected without its bucket."""
        table = catalog.look_up(cursor, bucket, measurement)
        if table is None:
            raise self._no_bucket([*catalog.buckets(cursor)], bucket)
        return table

    def _there(self, cursor: Cursor, bucket: str, measurement: str) -> Table:
        table = self._known(cursor, bucket, measurement)
        asked.refuse_nothing(table.columns, self._where(table))
        return table

    def _chosen(self, table: Table, fields: Sequence[str] | None, agg: Aggregate | None) -> list[Column]:
        """The columns of the fields asked for. Raises: Rejected, when one is not there or cannot be aggregated."""
        columns = {column.field.name: column for column in table.columns}
        return [columns[field.name] for field in asked.chosen(table.known, fields, agg, self._where(table))]

    def _no_bucket(self, there: Sequence[str] = (), bucket: str = "") -> Rejected:
        found = f"no bucket {bucket!r} (there are: {', '.join(there) or 'none'})" if bucket else "no such store"
        expected = "one that is there" if bucket else "one with a bucket"
        return Rejected(f"{self.path}: found {found}, expected {expected}.\n  Make it with: python new-db.py FILE")

    @contextmanager
    def _reading(self, purpose: str) -> Iterator[Cursor]:
        """A cursor on the file for one answer; others may read at the same time."""
        if self._file.missing():
            raise self._no_bucket()
        with self._translated():
            cursor = self._file.again()
            if cursor is None:
                patience = Patience(self.path, self.wait_seconds, purpose)
                with turnstile(self.path, patience):
                    cursor = patience.until(lambda: self._file.attach(write=False))
            try:
                yield cursor
            finally:
                self._file.detach(cursor)

    @contextmanager
    def _writing(self, purpose: str, make: bool = False) -> Iterator[Cursor]:
        """A cursor on the file in one transaction, which is durable at the end; nobody else has the file."""
        if make:
            _make_folder(self.path.parent)
        elif self._file.missing():
            raise self._no_bucket()
        patience = Patience(self.path, self.wait_seconds, purpose)
        with self._translated(), turnstile(self.path, patience):
            if make:
                self._file.make()
            cursor = patience.until(lambda: self._file.attach(write=True))
            try:
                cursor.execute("BEGIN")
                yield cursor
                cursor.execute("COMMIT")
            finally:
                self._file.detach(cursor)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """DuckDB's errors as ours."""
        try:
            yield
        except duckdb.Error as error:
            self._file.rest()  # whatever failed is not used again
            raise fault(self.path, str(error)) from error


class Together:
    """One bucket of a store for several writes: one turn at the file, in place of one for each.

    The file is opened when it is first needed. From then on nobody else has it; so when that took longer than a second,
    the next write makes durable what was written until then, and lets others have their turn before it goes on.
    """

    def __init__(self, store: Embedded, bucket: str, turn: ExitStack) -> None:
        self._store, self._bucket, self._turn = store, bucket, turn
        self._cursor: Cursor | None = None
        self._began = 0.0
        self._tables: dict[str, Table] = {}

    def fields(self, measurement: str) -> Mapping[str, Field]:
        """See `ports.Store`; in this turn nobody else changes them. Raises: Rejected, when the bucket is not there."""
        return self._table(measurement)[1].known

    def write(self, measurement: str, frame: pd.DataFrame, tags: tuple[str, ...] = ()) -> int:
        """See `ports.Sink`; nothing of a frame that is refused is written, and the others may go on."""
        batch = points(frame, tags)
        if self._cursor is not None and time.monotonic() - self._began > TURN:
            self._cursor = None
            self._turn.close()
            time.sleep(PAUSE_SECONDS[1])  # as long as somebody who waits looks away
        cursor, table = self._table(measurement)
        batch = self._store._fitted(batch, table)
        if len(batch.frame):
            self._tables[measurement] = _put(cursor, table, batch, {})
        return batch.rows

    def _table(self, measurement: str) -> tuple[Cursor, Table]:
        if self._cursor is None:
            self._cursor = self._turn.enter_context(self._store._writing("to write"))
            self._began, self._tables = time.monotonic(), {}
        if measurement not in self._tables:
            self._tables[measurement] = self._store._known(self._cursor, self._bucket, measurement)
        return self._cursor, self._tables[measurement]


def _of_nothing(bucket: str, statement: Select | Show) -> list[Series]:
    """The answer before anything was written. Raises: QueryError."""
    if isinstance(statement, Show) and statement.what == "databases":
        return [Series("databases", None, ("name",), None, [np.empty(0, object)])]
    raise QueryError(f"database not found: {bucket}")


@contextmanager
def _limited(cursor: Any, seconds: float, unwanted: Callable[[], bool] | None) -> Iterator[None]:
    """Interrupt what takes too long, and say what a question did that DuckDB can't work out. Raises: QueryError."""
    try:
        with _watch.limit(seconds, cursor.interrupt, unwanted):
            yield
    except duckdb.InterruptException as error:
        raise QueryError(f"query-timeout limit exceeded: {seconds:g} s; ask for a shorter range") from error
    except duckdb.OutOfMemoryException as error:
        what = "ask for a shorter range, wider windows in GROUP BY time() or fewer columns"
        raise QueryError(f"max-memory limit exceeded: DuckDB has 256 MiB for this; {what}") from error
    except (duckdb.InvalidInputException, duckdb.OutOfRangeException, duckdb.ConversionException) as error:
        raise QueryError(f"the query cannot be worked out: {str(error).splitlines()[0]}") from error


def _put(cursor: Cursor, table: Table, batch: Points, units: Mapping[str, str]) -> Table:
    """Write the rows of one step, and make room for what they bring in the table, which is returned."""
    new = [field for field in batch.fields(units) if table.find(field.name) is None]
    catalog.set_units(cursor, table, units)
    if new:
        table = catalog.grow(cursor, table, new)
    columns = [column for column in table.columns if column.field.name in batch.kinds]
    times: Any = batch.frame.index
    values = {column.name: batch.frame[column.field.name].array for column in columns}
    cursor.register("frame", pd.DataFrame({"time": times, **values}, copy=False))
    span = [times[0].value, times[-1].value]
    (overlap,) = cursor.execute(query.any_between(table), span).fetchone() or (True,)
    if overlap:
        cursor.execute(query.merge(table, columns), span)
    else:
        cursor.execute(query.insert(table, columns))
    catalog.note_write(cursor, table.bucket, table.measurement, *span)
    return table


def _ask(cursor: Cursor, question: query.Query, unit: int = 1) -> pd.DataFrame:
    """The frame that answers; `unit` is how many ns one step of the column `at` means."""
    data = cursor.execute(question.statement, question.values).fetchnumpy()
    return answer(question.columns, data, data["at"].astype("int64") * unit)


def _tables(cursor: Cursor, limits: Mapping[str, int]) -> list[tuple[tuple[str, str, str], int]]:
    """Every table of some buckets, with the limit of its bucket."""
    found = [(bucket, name) for bucket, name in cursor.execute(catalog.TABLES).fetchall() if bucket in limits]
    return [((STORE, bucket, name), limits[bucket]) for bucket, name in found]


def _has_rows_before(cursor: Cursor, table: tuple[str, str, str], limit: int) -> bool:
    (found,) = cursor.execute(query.past(table, "SELECT"), [limit]).fetchone() or (False,)
    return bool(found)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unreachable(
            f"{folder}: found {error.strerror}, expected to make the folder of the store.\n"
            "  Choose another `home` in config/, or give the account that runs fieldline the right to write there."
        ) from error


def _empty_duckdb(path: Path) -> duckdb.DuckDBPyConnection:
    """A DuckDB without a file; what does not fit in memory goes beside the store, not into the working directory."""
    aside = str(path.with_name(path.name + ".tmp"))
    config: dict[str, bool | int | float | str | list[str]] = {
        "temp_directory": aside,
        "wal_autocheckpoint": "1KB",  # what is committed goes into the file at once, not into the log and then the file
        "autoinstall_known_extensions": "false",
        "python_enable_replacements": "false",  # the name of a table never means one of our variables
    }
    return duckdb.connect(":memory:", config=config)


def to_parquet(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame as a Parquet file; here because no other module imports DuckDB. Raises: OSError."""
    try:
        with duckdb.connect(":memory:") as connection:
            connection.from_df(frame).write_parquet(str(path))
    except duckdb.IOException as error:
        raise OSError(str(error)) from error
