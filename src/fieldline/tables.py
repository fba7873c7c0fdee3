"""DataTable: what one kind of logger table holds, declared, not programmed; and the table nobody declared."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from .clock import fixed_offset
from .errors import InputError
from .ports import OWN_ENDS, Field, Kind
from .readers.header import RECORD, TIMESTAMP, Header

if TYPE_CHECKING:
    import pandas as pd

    from .quality.check import Check

REGISTRY: dict[str, type[DataTable]] = {}

_FROM_HEADER = ("station", "serial")  # tags that the header gives; every other tag is a column


@dataclass(frozen=True)
class Column:
    """One column: its name in the store, its unit, the checks it must pass, what it holds (None: its values tell).

    instrument: what measures it, in words for people, such as "Vaisala HMP155".
    """

    name: str
    unit: str
    checks: tuple[Check, ...] = ()
    kind: Kind | None = "number"
    instrument: str = ""


class DataTable:
    """One kind of logger table. Subclass it in drivers/ and set the class attributes; that is all.

    station, table: what the file's header says; `*` and `?` stand for anything. Required: table.
    bucket, measurement: where the rows go. Required.
    timezone: the logger's clock, '-05:00' or a zone; loggers keep standard time, so an offset is right. Required.
    columns: {name in the file: Column(name in the store, unit)}. Required.
    interval: seconds between rows, which checks of neighbours and windows need; None: not known.
    tags: what tells the series of this measurement apart: 'station', 'serial', or names of columns in the store.
    keep_days: how long the bucket keeps rows (None: for ever); left out: as in the configuration.
    others: whether columns of the file that are not declared are kept too, under their own names.
    missing: words that mean 'no value' besides NAN, INF, NA and nothing.
    pattern, names: for files without a header: which files (`GndRad*.dat`), and what their columns are called.
    """

    station: ClassVar[str] = "*"
    table: ClassVar[str]
    bucket: ClassVar[str]
    measurement: ClassVar[str]
    timezone: ClassVar[str]
    columns: ClassVar[Mapping[str, Column]]
    interval: ClassVar[float | None] = None
    tags: ClassVar[tuple[str, ...]] = ("station",)
    keep_days: ClassVar[int | None]
    others: ClassVar[bool] = True
    missing: ClassVar[tuple[str, ...]] = ()
    pattern: ClassVar[str | None] = None
    names: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        faults = list(_faults(cls))
        if faults:
            raise TypeError("\n  ".join([f"{cls.__module__}.{cls.__name__} is not a table yet:", *faults]))
        REGISTRY[cls.__name__] = cls

    @classmethod
    def matches(cls, header: Header) -> bool:
        """Whether a file with this header is one of mine: by what it says, not by what it is called."""
        return fnmatchcase(header.station, cls.station) and fnmatchcase(header.table, cls.table)

    @classmethod
    def derive(cls, frame: pd.DataFrame) -> pd.DataFrame:
        """Override this to add columns that follow from others; never change the ones that are there.

        Args:
            frame: index = time (UTC), columns as they are called in the store.
        """
        return frame


def _faults(cls: type[DataTable]) -> Iterator[str]:
    """Everything that is wrong with a declaration."""
    optional = ("keep_days", *(("table",) if cls.pattern else ()))
    absent = [name for name in DataTable.__annotations__ if not hasattr(cls, name) and name not in optional]
    if absent:
        yield f"it does not set: {', '.join(absent)}"
    if not (cls.__doc__ or "").strip() or cls.__doc__ == DataTable.__doc__:
        yield "it has no docstring: say in one sentence what the table holds, with the interval"
    known = [name for name in dir(DataTable) if not name.startswith("_")] + list(DataTable.__annotations__)
    for name, value in vars(cls).items():
        if (
            not name.startswith("_")
            and name not in known
            and not callable(value)
            and not isinstance(value, classmethod)
        ):
            near = difflib.get_close_matches(name, known, n=1)
            yield f"unknown attribute {name!r}; " + (
                f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            )
    if cls.__name__ in REGISTRY and REGISTRY[cls.__name__].__module__ != cls.__module__:
        yield f"another table is called {cls.__name__}, in {REGISTRY[cls.__name__].__module__}; rename one"
    yield from _wrong_types(cls)
    yield from _wrong_columns(cls)


def _wrong_types(cls: type[DataTable]) -> Iterator[str]:
    for name in ("station", "table", "bucket", "measurement", "timezone"):
        value = getattr(cls, name, "x")
        if not isinstance(value, str) or not value:
            yield f"{name} is {value!r}, must be text"
    for name in ("tags", "missing", "names"):
        if not isinstance(getattr(cls, name), tuple):
            yield f'{name} is {getattr(cls, name)!r}, must be a tuple such as ("station",)'
    if bool(cls.pattern) != bool(cls.names):
        yield "pattern and names go together: which files without a header, and what their columns are called"
    elif cls.names and TIMESTAMP not in cls.names:
        yield f"names has no {TIMESTAMP}"
    yield from _wrong_times(cls)


def _wrong_times(cls: type[DataTable]) -> Iterator[str]:
    if isinstance(zone := getattr(cls, "timezone", None), str):
        try:
            fixed_offset(zone)
        except ValueError as error:
            yield f"timezone: {error}"
    if cls.interval is not None and (not isinstance(cls.interval, int | float) or cls.interval <= 0):
        yield f"interval is {cls.interval!r}, must be a number of seconds above 0, or None"
    keep_days = getattr(cls, "keep_days", None)
    if keep_days is not None and (not isinstance(keep_days, int) or isinstance(keep_days, bool) or keep_days < 1):
        yield f"keep_days is {keep_days!r}, must be a whole number of days, or None for ever"


def _wrong_columns(cls: type[DataTable]) -> Iterator[str]:
    columns = getattr(cls, "columns", {})
    if not isinstance(columns, Mapping):
        yield f"columns is {columns!r}, must be {{name in the file: Column(name, unit)}}"
        return
    for key, column in columns.items():
        yield from _wrong_column(key, column, cls.interval)
    stored = [column.name for column in columns.values() if isinstance(column, Column)]
    for name in sorted({name for name in stored if stored.count(name) > 1}):
        yield f"two columns are called {name!r} in the store"
    for tag in cls.tags if isinstance(cls.tags, tuple) else ():
        if tag not in _FROM_HEADER and tag not in stored:
            yield f"the tag {tag!r} is neither 'station' nor 'serial' nor a column in the store"


def _wrong_column(key: str, column: object, interval: float | None) -> Iterator[str]:
    if not isinstance(column, Column):
        yield f"columns[{key!r}] is {column!r}, must be a Column(name, unit)"
    elif not (column.name and column.unit and column.kind in get_args(Kind) and isinstance(column.instrument, str)):
        kinds = ", ".join(get_args(Kind))
        yield f"columns[{key!r}] needs a name, a unit ('1' for none), a kind of {kinds}, and text as instrument, if any"
    elif column.name.endswith(OWN_ENDS):
        yield f"columns[{key!r}] is called {column.name!r}; _qc, _qcbits and _corrected are fieldline's own"
    elif column.name in ("time", *_FROM_HEADER):
        yield f"columns[{key!r}] is called {column.name!r} in the store, which is the name of the time or of a tag"
    elif not all(hasattr(check, "function") for check in column.checks):
        yield f"columns[{key!r}]: {column.checks!r} must be a tuple of checks, such as (between(-50, 50),)"
    elif column.checks and column.kind not in ("number", "integer"):
        yield f"columns[{key!r}] holds {column.kind}, which no check can judge"
    elif interval is None and (needing := [check.name for check in column.checks if check.neighbours]):
        yield f"columns[{key!r}]: {', '.join(needing)} can't judge without the table's `interval` (seconds); declare it"


@dataclass(frozen=True)
class Layout:
    """Where the rows under one header go, and what becomes of each column.

    absent: declared columns that the file has not. measured: columns that nobody declared and that hold numbers by what
    the header says; what else stands in them is set aside, so that it does not matter which row comes first.
    undeclared: columns of the file that its class does not name.
    """

    name: str
    bucket: str
    measurement: str
    timezone: str
    keep_days: int | None
    tags: tuple[str, ...]
    columns: Mapping[str, Column]
    missing: tuple[str, ...] = ()
    derive: Callable[[pd.DataFrame], pd.DataFrame] = DataTable.derive
    absent: tuple[str, ...] = ()
    interval: float | None = None
    measured: tuple[str, ...] = ()
    undeclared: tuple[str, ...] = ()

    @property
    def checks(self) -> dict[str, tuple[Check, ...]]:
        """The declared checks, by the name of the field in the store."""
        return {column.name: column.checks for column in self.columns.values() if column.checks}

    def kinds(self, stored: Mapping[str, Field]) -> dict[str, Kind]:
        """What is known of the kinds of the file's columns: declared, or as the store already holds them."""
        known: dict[str, Kind] = {}
        for name, column in self.columns.items():
            if column.name in self.tags:
                known[name] = "text"
            elif column.kind:
                known[name] = column.kind
            elif column.name in stored:
                known[name] = stored[column.name].kind
        return known

    def kept_as_text(self, stored: Mapping[str, Field]) -> list[str]:
        """The fields that are declared numbers (or booleans), and that the store took for text before that."""
        return [
            column.name
            for column in self.columns.values()
            if column.kind not in ("text", None)
            and column.name not in self.tags
            and column.name in stored
            and stored[column.name].kind == "text"
        ]

    @property
    def units(self) -> dict[str, str]:
        """The unit of each field that has one."""
        return {column.name: column.unit for column in self.columns.values() if column.unit}


@dataclass(frozen=True)
class Planner:
    """Finds the layout for a header: the one table that matches, or a generic one.

    The last three are what the configuration says for tables that don't say it themselves.

    known: the declared tables, or what loads them; a run that finds nothing new never needs them.
    """

    known: tuple[type[DataTable], ...] | Callable[[], tuple[type[DataTable], ...]] = ()
    unknown: Literal["load", "refuse"] = "load"
    bucket: str = "field"
    timezone: str = "+00:00"
    keep_days: int | None = None

    @property
    def tables(self) -> tuple[type[DataTable], ...]:
        """The declared tables. Raises: InputError, when their driver can't be imported."""
        return self.known() if callable(self.known) else self.known

    def layout(self, header: Header, path: Path) -> Layout:
        """The layout for the rows under `header` in the file `path`.

        Raises: InputError, when several tables match, when none does and unknown tables are refused, or when a table
            matches but none of its columns is there.
        """
        found = [table for table in self.tables if _claims(table, header, path)]
        if len(found) == 1:
            return self._declared(found[0], header, str(path))
        if found or self.unknown == "refuse":
            raise self._no_single_table(found, header, str(path))
        columns = _undeclared(header, _FROM_HEADER)
        return Layout(
            f"{header.station}.{header.table}" if header.station else header.table,
            self.bucket,
            header.table if header.table != "runs" else "runs_2",  # `runs` tells what became of fieldline's own runs
            self.timezone,
            self.keep_days,
            _FROM_HEADER,
            columns,
            measured=_measured(header, columns),
        )

    def headerless(self, path: Path) -> type[DataTable] | None:
        """The table that declares files called like this one, which have no header."""
        return next((table for table in self.tables if table.pattern and fnmatchcase(path.name, table.pattern)), None)

    def _declared(self, table: type[DataTable], header: Header, where: str) -> Layout:
        absent = tuple(name for name in table.columns if name not in header.names)
        if table.columns and len(absent) == len(table.columns):
            raise InputError(
                f"{where}:2",
                f"none of the columns of {table.__name__}",
                f"at least one of {', '.join(table.columns)}",
                f"Did the logger program change? Edit {table.__module__}.{table.__name__}.columns.",
            )
        declared = {name: column for name, column in table.columns.items() if name in header.names}
        taken = {column.name for column in declared.values()} | set(table.tags)
        rest = _undeclared(header, taken) if table.others else {}
        columns = {name: declared.get(name, rest.get(name)) for name in header.names}
        return Layout(
            table.__name__,
            table.bucket,
            table.measurement,
            table.timezone,
            getattr(table, "keep_days", self.keep_days),
            table.tags,
            {name: column for name, column in columns.items() if column},
            table.missing,
            table.derive,
            absent,
            table.interval,
            _measured(header, {name: one for name, one in rest.items() if name not in declared}),
            tuple(name for name in header.names if name not in declared and name not in (TIMESTAMP, RECORD)),
        )

    def _no_single_table(self, found: Iterable[type[DataTable]], header: Header, where: str) -> InputError:
        names = [table.__name__ for table in found]
        known = "; ".join(f"{t.__name__} ({t.station}/{t.table})" for t in self.tables if t.pattern is None) or "none"
        return InputError(
            f"{where}:1",
            f"station {header.station!r}, table {header.table!r}, "
            + (f"which {' and '.join(names)} both claim" if names else "which no driver knows"),
            f"exactly one of: {known}",
            "Narrow `station` or `table` in one of them."
            if names
            else f"Copy a class in drivers/ and write into it: station, table = {header.station!r}, {header.table!r}",
        )


def _claims(table: type[DataTable], header: Header, path: Path) -> bool:
    return fnmatchcase(path.name, table.pattern) if table.pattern else table.matches(header)


def _undeclared(header: Header, taken: Iterable[str]) -> dict[str, Column]:
    """Columns as the header has them; a name that is taken (a tag, `time`, a flag) gets `_2` behind it."""
    columns, used = {}, {*taken, "time"}
    for name, unit in zip(header.names, header.units, strict=True):
        if name != TIMESTAMP:
            stored = name
            while stored in used or stored.endswith(OWN_ENDS):
                stored += "_2"
            columns[name] = Column(stored, "" if name == RECORD else unit, kind="integer" if name == RECORD else None)
    return columns


def _measured(header: Header, columns: Mapping[str, Column]) -> tuple[str, ...]:
    """Those of some columns that hold numbers by what the header says."""
    from .quality.variables import is_measured

    said = zip(header.names, header.units, header.processing, strict=True)
    return tuple(name for name, *words in said if name in columns and name != RECORD and is_measured(name, *words))


def _derived(layout: Layout, frame: pd.DataFrame) -> pd.DataFrame:
    """What `derive` makes of the rows, which may add columns and nothing else.

    Raises: InputError, naming the class.
    """
    try:
        derived = layout.derive(frame.copy())
        kept = derived.index.equals(frame.index) and derived[list(frame)].equals(frame)
    except Exception as error:  # a driver may do anything; whatever it does, it is this driver's fault alone
        found = f"{type(error).__name__}: {error}"
        raise InputError(
            f"{layout.name}.derive", found, "the frame with more columns", "Mend it in drivers/."
        ) from error
    if not kept:
        expected = "all rows and columns as they were, with more columns beside them"
        raise InputError(f"{layout.name}.derive", "rows or values that differ", expected, "Mend it in drivers/.")
    return derived


def build(layout: Layout, header: Header, rows: pd.DataFrame, after: pd.Timestamp | None = None) -> pd.DataFrame:
    """Rows as the logger wrote them -> rows as the store wants them: UTC, stored names, tags as columns.

    Args:
        rows: the frame of `readers.toa5.Rows`.
        after: the time of the row before the first, if one is known. [UTC]
    """
    import pandas as pd

    from .clock import to_utc

    kept = {name: column.name for name, column in layout.columns.items() if name in rows}
    frame = rows[list(kept)].rename(columns=kept)
    frame.index = to_utc(pd.DatetimeIndex(rows.index), layout.timezone, after).rename("time")
    frame = _derived(layout, frame)
    constant = {
        tag: pd.Categorical([getattr(header, tag)]).repeat(len(frame)) for tag in layout.tags if tag in _FROM_HEADER
    }
    return pd.concat([frame, pd.DataFrame(constant, index=frame.index)], axis=1)
