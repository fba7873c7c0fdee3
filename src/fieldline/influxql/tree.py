"""What an InfluxQL text means: statements and expressions as frozen data, and the errors of those who read them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from ..errors import FieldlineError

DEEPEST = 100  # operators and functions inside each other


class QueryError(FieldlineError):
    """A statement that can be read and not be answered; the words are those that influxd uses, where it has some."""


class SyntaxFault(QueryError):
    """A text that is not InfluxQL, or not the part of it that is answered here: nothing of it was run."""


@dataclass(frozen=True)
class Ref:
    """A field or tag by name; `cast` is what stood behind `::` (field, tag or nothing)."""

    name: str
    cast: str = ""


@dataclass(frozen=True)
class Star:
    """All fields and tags, or only those that `cast` says."""

    cast: str = ""


@dataclass(frozen=True)
class Regex:
    """A regular expression of RE2, as it stood between the slashes."""

    text: str


@dataclass(frozen=True)
class Number:
    """A number with a fraction."""

    value: float


@dataclass(frozen=True)
class Integer:
    """A whole number."""

    value: int


@dataclass(frozen=True)
class Duration:
    """A length of time [ns]."""

    value: int


@dataclass(frozen=True)
class Text:
    """What stood in single quotes."""

    value: str


@dataclass(frozen=True)
class Truth:
    """true or false."""

    value: bool


@dataclass(frozen=True)
class Binary:
    """Two expressions and what stands between them; AND and OR in capitals, `<>` as `!=`.

    depth: of the tree below. Raises: SyntaxFault, when it is deeper than those who walk it may go.
    """

    op: str
    left: Expr
    right: Expr
    depth: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", _depth((self.left, self.right)))


@dataclass(frozen=True)
class Call:
    """A function; its name in small letters. depth: as that of `Binary`."""

    name: str
    args: tuple[Expr, ...] = ()
    depth: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", _depth(self.args))


Expr = Ref | Star | Regex | Number | Integer | Duration | Text | Truth | Binary | Call


@dataclass(frozen=True)
class Item:
    """One thing selected, and what it shall be called."""

    expr: Expr
    alias: str = ""


@dataclass(frozen=True)
class Source:
    """A measurement, or with `regex` all whose names match; empty names are those of the request."""

    name: str = ""
    policy: str = ""
    database: str = ""
    regex: bool = False


@dataclass(frozen=True)
class Fill:
    """What stands where a window has no value."""

    how: Literal["null", "none", "previous", "linear", "number"] = "null"
    value: int | float | None = None


@dataclass(frozen=True)
class Select:
    """A SELECT that passed the checks; 0 for a limit means none. `every` and `offset_ns` [ns] are those of time()."""

    items: tuple[Item, ...]
    sources: tuple[Source, ...]
    where: Expr | None = None
    groups: tuple[Ref | Star | Regex, ...] = ()
    every: int = 0
    offset_ns: int = 0
    fill: Fill = Fill()
    descending: bool = False
    limit: int = 0
    offset: int = 0
    slimit: int = 0
    soffset: int = 0
    zone: str = ""
    time_name: str = "time"


@dataclass(frozen=True)
class Show:
    """A SHOW: of databases, policies, measurements, field keys, tag keys or tag values; `keys` is for tag values."""

    what: Literal["databases", "policies", "measurements", "field keys", "tag keys", "tag values"]
    database: str = ""
    sources: tuple[Source, ...] = ()
    where: Expr | None = None
    keys: tuple[str, ...] | Regex = ()
    negated: bool = False
    limit: int = 0
    offset: int = 0


@dataclass(frozen=True)
class Refused:
    """A statement that can be read and is not answered; the words of the error that stands in its place."""

    message: str


Statement = Select | Show | Refused


def _depth(parts: tuple[Expr, ...]) -> int:
    """The depth of an expression with these parts. Raises: SyntaxFault."""
    depth = 1 + max((getattr(part, "depth", 0) for part in parts), default=0)
    if depth > DEEPEST:
        raise SyntaxFault(
            f"error parsing query: found more than {DEEPEST} operators or functions inside each other, expected fewer; "
            "write the sum of constants as one, or ask in several statements (AND and OR may be as many as you like)"
        )
    return depth


def walk(expr: Expr | None) -> Iterator[Expr]:
    """An expression and all that is in it, outside first."""
    if expr is None:
        return
    yield expr
    parts: tuple[Expr, ...] = ()
    if isinstance(expr, Binary):
        parts = (expr.left, expr.right)
    elif isinstance(expr, Call):
        parts = expr.args
    for part in parts:
        yield from walk(part)


def databases(statement: Statement, default: str) -> set[str]:
    """Every database that a statement reads; `default` is that of the request. Of SHOW DATABASES: none."""
    if isinstance(statement, Refused):
        return set()
    if isinstance(statement, Show):
        if statement.what == "databases":
            return set()
        default = statement.database or default
    return {source.database or default for source in statement.sources} or {default}
