"""A WHERE of InfluxQL as SQL: what influxd thinks of tags, fields and what is missing, in DuckDB's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..influxql.tree import Binary, Expr, Integer, Number, QueryError, Ref, Regex, Text, Truth
from ..ports import Kind
from ._catalog import Sql, Table, sql

NOTHING, ALL = Sql("FALSE"), Sql("TRUE")
COMPARISONS = {"=": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


@dataclass(frozen=True)
class Piece:
    """SQL and the values of its question marks, in their order."""

    text: Sql
    values: tuple[Any, ...] = ()


def joined(word: str, pieces: Sequence[Piece]) -> Piece:
    """Pieces with a word such as AND between them, in brackets."""
    text = Sql("(" + f" {word} ".join(piece.text for piece in pieces) + ")")
    return Piece(text, tuple(value for piece in pieces for value in piece.values))


@dataclass(frozen=True)
class Names:
    """What names mean in one table. `kinds` are those of the fields of all sources together, which may differ."""

    table: Table
    kinds: Mapping[str, Kind]

    def is_tag(self, ref: Ref) -> bool:
        """Whether influxd takes the name for a tag: a name that nobody wrote is one, without a value."""
        return ref.cast == "tag" or (ref.cast != "field" and ref.name not in self.kinds)

    def tag(self, name: str) -> Sql:
        """The value of a tag; nothing where the table has no such tag."""
        column = self.table.find(name)
        return sql("{name}", name=column.name) if column is not None and column.field.tag else Sql("''")

    def field(self, name: str) -> tuple[Sql, Kind] | None:
        """The value of a field as its common kind; None where this table has none that could be that."""
        column = self.table.find(name)
        if column is None or column.field.tag:
            return None
        wanted, kind = self.kinds.get(name, column.field.kind), column.field.kind
        if wanted == kind:
            return sql("{name}", name=column.name), kind
        if (wanted, kind) == ("number", "integer"):
            return sql("CAST({name} AS DOUBLE)", name=column.name), wanted
        return None


def condition(expr: Expr | None, names: Names) -> Piece:
    """Which rows the condition lets through, for a WHERE: there NULL is as good as FALSE, also beside AND and OR."""
    return _each(expr, lambda leaf: _leaf(leaf, names))


def tag_condition(expr: Expr | None, names: Names) -> Piece:
    """Which series could have such rows: what the condition says of fields or numbers is taken for granted."""

    def leaf(binary: Binary) -> Piece:
        sides = (binary.left, binary.right)
        tags = all(names.is_tag(side) if isinstance(side, Ref) else isinstance(side, Text | Regex) for side in sides)
        return _leaf(binary, names) if tags else Piece(ALL)

    return _each(expr, leaf)


def pinned(expr: Expr | None, names: Names) -> set[str]:
    """The tags that have one value in all rows that the condition lets through."""
    if isinstance(expr, Binary) and expr.op == "AND":
        return pinned(expr.left, names) | pinned(expr.right, names)
    if isinstance(expr, Binary) and expr.op == "=" and isinstance(expr.right, Text) and isinstance(expr.left, Ref):
        return {expr.left.name} if names.is_tag(expr.left) else set()
    return set()


def _each(expr: Expr | None, leaf: Callable[[Binary], Piece]) -> Piece:
    if expr is None:
        return Piece(ALL)
    if isinstance(expr, Truth):
        return Piece(ALL if expr.value else NOTHING)
    if not isinstance(expr, Binary):
        raise QueryError("invalid condition expression: expected a comparison")
    if expr.op in ("AND", "OR"):
        return joined(expr.op, [_each(expr.left, leaf), _each(expr.right, leaf)])
    return leaf(expr)


MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}


def _leaf(expr: Binary, names: Names) -> Piece:
    left, op, right = expr.left, expr.op, expr.right
    if not isinstance(left, Ref):
        left, op, right = right, MIRRORED.get(op, op), left
    if not isinstance(left, Ref) or op not in (*COMPARISONS, "=~", "!~"):
        raise QueryError("unsupported: a comparison in WHERE that is not of a tag, a field or time with a value")
    if not isinstance(right, Ref | Regex | Text | Number | Integer | Truth):
        raise QueryError("unsupported: arithmetic, functions and durations in a comparison of a tag or field")
    if isinstance(right, Ref):
        return _two(left, op, right, names)
    if names.is_tag(left):
        return _tag(names.tag(left.name), op, right)
    return _field(names.field(left.name), op, right)


def _tag(tag: Sql, op: str, value: Expr) -> Piece:
    """A tag that is missing is an empty one; tags can be equal or match, nothing else."""
    if isinstance(value, Regex):
        word = Sql("" if op == "=~" else "NOT ")
        return Piece(sql("{word}regexp_matches({tag}, ?)", word=word, tag=tag), (value.text,))
    if isinstance(value, Text) and op in ("=", "!="):
        return Piece(sql("{tag} {op} ?", tag=tag, op=Sql(COMPARISONS[op])), (value.value,))
    return Piece(NOTHING)


def _field(field: tuple[Sql, Kind] | None, op: str, value: Expr) -> Piece:
    """What is missing or of another kind is neither equal to a value nor different from it."""
    if field is None:
        return Piece(NOTHING)
    text, kind = field
    if isinstance(value, Regex):
        if kind != "text":
            return Piece(NOTHING)
        word = Sql("" if op == "=~" else "NOT ")
        return Piece(sql("{word}regexp_matches({it}, ?)", word=word, it=text), (value.text,))
    if not isinstance(value, Text | Number | Integer | Truth) or not _fits(kind, op, value):
        return Piece(NOTHING)
    return Piece(sql("{it} {op} ?", it=text, op=Sql(COMPARISONS[op])), (value.value,))


def _fits(kind: Kind, op: str, value: Text | Number | Integer | Truth) -> bool:
    if isinstance(value, Number | Integer):
        return kind in ("number", "integer")
    return op in ("=", "!=") and kind == ("text" if isinstance(value, Text) else "boolean")


def _two(left: Ref, op: str, right: Ref, names: Names) -> Piece:
    """Two names: those of tags and texts can be equal or not, numbers compare, all else is neither."""
    if op not in COMPARISONS:
        return Piece(NOTHING)
    if names.is_tag(left) and names.is_tag(right):
        if op not in ("=", "!="):
            return Piece(NOTHING)
        same = sql("({a} = {b} AND {a} <> '')", a=names.tag(left.name), b=names.tag(right.name))
        return Piece(same if op == "=" else sql("NOT {same}", same=same))
    first, second = _side(left, names), _side(right, names)
    if first is None or second is None or not _compares({first[1], second[1]}, op):
        return Piece(NOTHING)
    return Piece(sql("{a} {op} {b}", a=first[0], op=Sql(COMPARISONS[op]), b=second[0]))


def _side(ref: Ref, names: Names) -> tuple[Sql, Kind] | None:
    if names.is_tag(ref):
        return sql("nullif({tag}, '')", tag=names.tag(ref.name)), "text"
    return names.field(ref.name)


def _compares(kinds: set[Kind], op: str) -> bool:
    return kinds <= {"number", "integer"} or (len(kinds) == 1 and op in ("=", "!="))
