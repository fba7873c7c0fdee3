"""What a SELECT names, in terms of tables: wildcards become fields and tags, and every column gets its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..influxql.tree import Binary, Call, Expr, Integer, Item, Number, QueryError, Ref, Regex, Select, Star
from ..ports import Kind
from ._catalog import Table

ORDER: tuple[Kind, ...] = ("number", "integer", "text", "boolean")  # where kinds differ, influxd takes the earlier
NUMBERS: frozenset[Kind] = frozenset(("number", "integer"))
ANY: frozenset[Kind] = frozenset(ORDER)
TAKES: Mapping[str, frozenset[Kind]] = {
    "count": ANY,
    "first": ANY,
    "last": ANY,
    "elapsed": ANY,
    "min": NUMBERS | {"boolean"},
    "max": NUMBERS | {"boolean"},
}
Matches = Callable[[Sequence[str], str], set[str]]  # which of some names a regular expression matches


@dataclass(frozen=True)
class Asked:
    """A SELECT without wildcards: each column with its name, the tags grouped by in order, the kinds of the fields."""

    columns: tuple[tuple[str, Expr], ...]
    dims: tuple[str, ...]
    grouped: bool
    kinds: Mapping[str, Kind]


def kinds_of(tables: Sequence[Table]) -> Mapping[str, Kind]:
    """Every field of some tables, and the kind that stands for all; of one table what it remembers."""
    if len(tables) == 1:
        return tables[0].kinds
    result: dict[str, Kind] = {}
    for column in (column for table in tables for column in table.fields):
        name, kind = column.field.name, column.field.kind
        result[name] = min(result.get(name, kind), kind, key=ORDER.index)
    return result


def asked(statement: Select, tables: Sequence[Table], matches: Matches) -> Asked:
    """The statement with its wildcards resolved by these tables. Raises: QueryError."""
    kinds = kinds_of(tables)
    tags = sorted({column.field.name for table in tables for column in table.tags}) if kinds else []
    dims = _dimensions(statement, tags, matches)
    every_tag = any(isinstance(group, Star | Regex) for group in statement.groups)
    tags = [] if every_tag else [tag for tag in tags if tag not in dims]
    items = [each for item in statement.items for each in _expanded(item, kinds, tags, matches)]
    for item in items:
        _check_kinds(item.expr, kinds)
    names = column_names(items)
    columns = tuple((name, item.expr) for name, item in zip(names, items, strict=True))
    return Asked(columns, tuple(dims), bool(statement.groups) and bool(dims), kinds)


def _dimensions(statement: Select, tags: Sequence[str], matches: Matches) -> list[str]:
    found: set[str] = set()
    for group in statement.groups:
        if isinstance(group, Ref):
            found.add(group.name)
        elif isinstance(group, Star):
            found.update(tags)
        else:
            found.update(matches(tags, group.text))
    return sorted(found)


def _expanded(item: Item, kinds: Mapping[str, Kind], tags: Sequence[str], matches: Matches) -> list[Item]:
    """One thing selected as one or more without wildcards."""
    expr = item.expr
    if isinstance(expr, Star | Regex):
        return [Item(ref) for ref in _wild(expr, kinds, tags, matches)]
    if not isinstance(expr, Call):
        return [item]
    inner = expr
    while isinstance(inner.args[0], Call):
        inner = inner.args[0]
    wild = inner.args[0]
    if not isinstance(wild, Star | Regex):
        return [item]
    fit = [ref for ref in _wild(wild, kinds, (), matches) if kinds[ref.name] in TAKES.get(inner.name, NUMBERS)]
    return [Item(_with(expr, ref), f"{item.alias or expr.name}_{ref.name}") for ref in fit]


def _wild(expr: Star | Regex, kinds: Mapping[str, Kind], tags: Sequence[str], matches: Matches) -> list[Ref]:
    cast = expr.cast if isinstance(expr, Star) else ""
    names = [Ref(name, "field") for name in kinds if cast != "tag"] + [
        Ref(tag, "tag") for tag in tags if cast != "field"
    ]
    if isinstance(expr, Regex):
        wanted = matches([ref.name for ref in names], expr.text)
        names = [ref for ref in names if ref.name in wanted]
    return sorted(names, key=lambda ref: ref.name)


def _with(call: Call, ref: Ref) -> Call:
    """The call with `ref` in the place of its wildcard."""
    first = call.args[0]
    return replace(call, args=(_with(first, ref) if isinstance(first, Call) else ref, *call.args[1:]))


def _check_kinds(expr: Expr, kinds: Mapping[str, Kind]) -> Kind | None:
    """Refuse a function of something whose kind it does not take; the kind of what it gives, if that is known."""
    if isinstance(expr, Binary):
        sides = [_check_kinds(expr.left, kinds), _check_kinds(expr.right, kinds)]
        wrong = [side for side in sides if side and side not in NUMBERS]
        if wrong and None not in sides:
            raise QueryError(f"type error: found {wrong[0]} beside {expr.op}, expected numbers")
        return None if None in sides else "number"
    if isinstance(expr, Number | Integer):
        return "number"
    if not isinstance(expr, Call):
        return kinds.get(expr.name) if isinstance(expr, Ref) and expr.cast != "tag" else None
    kind = _check_kinds(expr.args[0], kinds)
    if kind and kind not in TAKES.get(expr.name, NUMBERS):
        word = {"text": "string", "number": "float"}.get(kind, kind)
        raise QueryError(f"unsupported {expr.name} iterator type: *query.{word}Iterator")
    return fixed_kind(expr) or kind


def fixed_kind(call: Call) -> Kind | None:
    """What a function gives whatever it is of; None where that depends."""
    if call.name in ("count", "elapsed"):
        return "integer"
    if call.name in ("mean", "median", "stddev", "moving_average") or call.name.endswith("derivative"):
        return "number"
    inner = call.args[0]
    return fixed_kind(inner) if isinstance(inner, Call) else None


def column_names(items: Sequence[Item]) -> list[str]:
    """What the columns are called: by alias, function or field, with a number where that was taken."""
    taken = {item.alias: 1 for item in items if item.alias}
    names = []
    for item in items:
        name = item.alias or plain_name(item.expr)
        if not item.alias:
            name = _free(name, taken)
        names.append(name)
    return names


def _free(name: str, taken: dict[str, int]) -> str:
    if name in taken:
        count = taken[name]
        while f"{name}_{count}" in taken:
            count += 1
        taken[name] = count + 1
        name = f"{name}_{count}"
    taken[name] = taken.get(name, 0) + 1
    return name


def plain_name(expr: Expr) -> str:
    """The name of an expression without alias."""
    if isinstance(expr, Ref | Call):
        return expr.name
    if isinstance(expr, Binary):
        return "_".join(name for name in (plain_name(expr.left), plain_name(expr.right)) if name)
    return ""
