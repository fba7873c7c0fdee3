"""Words to statements: the grammar of InfluxQL as far as it is answered, for lark's LALR parser.

The parser is built when the first text comes; what the grammar leaves out is refused by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import zip_longest
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedToken, VisitError
from lark.lexer import Lexer

from . import checks
from .tree import (
    Binary,
    Call,
    Duration,
    Expr,
    Fill,
    Integer,
    Item,
    Number,
    QueryError,
    Ref,
    Refused,
    Regex,
    Show,
    Source,
    Star,
    Statement,
    SyntaxFault,
    Text,
    Truth,
)
from .words import SIGNS, place, words

GRAMMAR = r"""
start: statement? (SEMICOLON statement?)*
?statement: select | show

select: SELECT items FROM sources where? _grouped
_grouped: groups? _filled
_filled: fill? _ordered
_ordered: order? _limited
_limited: limit? offset? _series
_series: slimit? soffset? tz?
items: item (COMMA item)*
item: (expr | regex) alias?
alias: AS IDENT
sources: source (COMMA source)*
source: regex                         -> source_regex
      | IDENT                         -> source_name
      | IDENT DOT IDENT               -> source_name
      | IDENT DOT IDENT DOT IDENT     -> source_name
      | IDENT DOT DOT IDENT           -> source_short
      | IDENT DOT regex               -> source_regex
      | IDENT DOT IDENT DOT regex     -> source_regex
      | IDENT DOT DOT regex           -> source_short
where: WHERE expr
groups: GROUP BY group (COMMA group)*
group: expr | regex
fill: FILL OPEN expr CLOSE
order: ORDER BY IDENT direction?      -> order_by
     | ORDER BY direction             -> order_plain
direction: ASC | DESC
limit: LIMIT INTEGER
offset: OFFSET INTEGER
slimit: SLIMIT INTEGER
soffset: SOFFSET INTEGER
tz: TZ OPEN TEXT CLOSE

show: SHOW DATABASES                                              -> show_databases
    | SHOW RETENTION POLICIES on?                                 -> show_policies
    | SHOW MEASUREMENTS on? measured? where? _cut                 -> show_measurements
    | SHOW FIELD KEYS on? from? _cut                              -> show_field_keys
    | SHOW TAG KEYS on? from? where? _cut                         -> show_tag_keys
    | SHOW TAG VALUES on? from? keys where? _cut                  -> show_tag_values
_cut: limit? offset?
on: ON IDENT
from: FROM sources
measured: WITH MEASUREMENT (EQ | MATCHES) source
keys: WITH KEY EQ IDENT               -> keys_named
    | WITH KEY NE IDENT               -> keys_not_named
    | WITH KEY IN OPEN IDENT (COMMA IDENT)* CLOSE -> keys_named
    | WITH KEY MATCHES regex          -> keys_matching
    | WITH KEY DIFFERS regex          -> keys_not_matching

?expr: both (OR both)*                -> chain
?both: compared (AND compared)*       -> chain
?compared: sum ((EQ | NE | LT | LE | GT | GE) sum | (MATCHES | DIFFERS) regex)* -> chain
?sum: product ((PLUS | MINUS | BAR | CARET) product)*             -> chain
?product: unary ((STAR | SLASH | PERCENT | AMPERSAND) unary)*     -> chain
?unary: MINUS unary                   -> negative
      | PLUS unary                    -> positive
      | primary
?primary: OPEN expr CLOSE             -> inner
        | IDENT OPEN args? CLOSE      -> call
        | IDENT (DOT IDENT)*          -> ref
        | IDENT (DOT IDENT)* CAST (IDENT | FIELD | TAG) -> cast
        | STAR                        -> star
        | STAR CAST (FIELD | TAG)     -> star
        | INTEGER                     -> integer
        | NUMBER                      -> number
        | DURATION                    -> length
        | TEXT                        -> text
        | (TRUE | FALSE)              -> truth
args: arg (COMMA arg)*
arg: expr | regex
regex: REGEX
%declare SELECT FROM WHERE GROUP BY ORDER ASC DESC LIMIT OFFSET SLIMIT SOFFSET AS AND OR TRUE FALSE FIELD TAG FILL TZ
%declare SHOW DATABASES RETENTION POLICIES MEASUREMENTS MEASUREMENT KEYS KEY VALUES ON WITH IN
%declare IDENT TEXT REGEX INTEGER NUMBER DURATION CAST DOT COMMA SEMICOLON OPEN CLOSE
%declare EQ NE LT LE GT GE MATCHES DIFFERS PLUS MINUS STAR SLASH PERCENT AMPERSAND BAR CARET
"""
SHOWN = {kind: sign for sign, kind in SIGNS.items() if sign != "<>"} | {
    **{"IDENT": "identifier", "TEXT": "string", "REGEX": "regex", "INTEGER": "integer", "NUMBER": "number"},
    **{"DURATION": "duration", "$END": "EOF", "FILL": "fill", "TZ": "tz"},
}
OPERAND = "identifier, string, number, bool"
REFUSED = {
    "DISTINCT": "distinct()",
    "INTO": "SELECT INTO",
    "EXPLAIN": "EXPLAIN",
    "SERIES": "SHOW SERIES",
    "CARDINALITY": "SHOW ... CARDINALITY",
    "EXACT": "SHOW ... EXACT CARDINALITY",
    **{kind: f"SHOW {kind}" for kind in ("CONTINUOUS", "DIAGNOSTICS", "GRANTS", "QUERIES", "SHARD", "SHARDS", "STATS")},
    **{kind: f"SHOW {kind}" for kind in ("SUBSCRIPTIONS", "USERS")},
    **{kind: kind for kind in ("ALTER", "CREATE", "DELETE", "DROP", "GRANT", "INSERT", "KILL", "REVOKE", "SET")},
}


class Words(Lexer):
    """Our words as lark takes them."""

    def __init__(self, _conf: Any) -> None:
        pass

    def lex(self, text: Any) -> Iterator[Token]:  # type: ignore[override]
        """The tokens; a name before a bracket may be fill() or tz()."""
        text = getattr(text, "text", text)
        found = list(words(text))
        for word, after in zip_longest(found, found[1:]):
            kind = word.kind
            if kind == "IDENT" and after is not None and after.kind == "OPEN" and word.shown.lower() in ("fill", "tz"):
                kind = word.shown.upper()
            yield Token(kind, word.value, word.at)


class Builder(Transformer[Token, Any]):
    """What each rule of the grammar means."""

    def start(self, parts: list[Any]) -> list[Statement]:
        return [part for part in parts if not isinstance(part, Token)]

    def chain(self, parts: list[Any]) -> Expr:
        expr: Expr = parts[0]
        if len(parts) > 1 and parts[1].type in ("AND", "OR"):
            return _balanced(parts[1].type, parts[::2])
        for op, right in zip(parts[1::2], parts[2::2], strict=True):
            expr = Binary(op.value.upper(), expr, right)
        return expr

    def negative(self, parts: list[Any]) -> Expr:
        inner = parts[1]
        if isinstance(inner, Integer | Number | Duration):
            return type(inner)(-inner.value)  # type: ignore[arg-type]
        return Binary("*", Integer(-1), inner)

    def positive(self, parts: list[Any]) -> Expr:
        inner: Expr = parts[1]
        return inner

    def inner(self, parts: list[Any]) -> Expr:
        expr: Expr = parts[1]
        return expr

    def call(self, parts: list[Any]) -> Call:
        return Call(parts[0].lower(), parts[2] if len(parts) > 3 else ())

    def ref(self, parts: list[Any]) -> Ref:
        return Ref(".".join(part.value for part in parts[::2]))

    def cast(self, parts: list[Any]) -> Ref:
        cast = parts[-1].lower()
        if cast not in ("field", "tag"):
            raise SyntaxFault(f"unsupported: a cast to another type (::{cast})")
        return Ref(".".join(part.value for part in parts[:-2:2]), cast)

    def star(self, parts: list[Any]) -> Star:
        return Star(parts[-1].lower() if len(parts) > 1 else "")

    def integer(self, parts: list[Any]) -> Integer:
        return Integer(parts[0].value)

    def number(self, parts: list[Any]) -> Number:
        return Number(parts[0].value)

    def length(self, parts: list[Any]) -> Duration:
        return Duration(parts[0].value)

    def text(self, parts: list[Any]) -> Text:
        return Text(parts[0].value)

    def truth(self, parts: list[Any]) -> Truth:
        return Truth(parts[0].lower() == "true")

    def regex(self, parts: list[Any]) -> Regex:
        return Regex(parts[0].value)

    def args(self, parts: list[Any]) -> tuple[Expr, ...]:
        return tuple(parts[::2])

    def arg(self, parts: list[Any]) -> Expr:
        expr: Expr = parts[0]
        return expr

    group = arg

    def item(self, parts: list[Any]) -> Item:
        return Item(parts[0], parts[1] if len(parts) > 1 else "")

    def alias(self, parts: list[Any]) -> str:
        return str(parts[1].value)

    def items(self, parts: list[Any]) -> tuple[Item, ...]:
        return tuple(parts[::2])

    def sources(self, parts: list[Any]) -> tuple[Source, ...]:
        return tuple(parts[::2])

    def source_name(self, parts: list[Any]) -> Source:
        names = [part.value for part in parts[::2]]
        return Source(*reversed(names))

    def source_short(self, parts: list[Any]) -> Source:
        last = parts[-1]
        if isinstance(last, Regex):
            return Source(last.text, "", parts[0].value, True)
        return Source(last.value, "", parts[0].value)

    def source_regex(self, parts: list[Any]) -> Source:
        names = [part.value for part in parts[:-1:2]]
        return Source(parts[-1].text, names[-1] if names else "", names[0] if len(names) > 1 else "", True)

    def where(self, parts: list[Any]) -> tuple[str, Expr]:
        return "where", parts[1]

    def groups(self, parts: list[Any]) -> tuple[str, tuple[Expr, ...]]:
        return "groups", tuple(parts[2::2])

    def fill(self, parts: list[Any]) -> tuple[str, Fill]:
        return "fill", checks.fill(parts[2])

    def order_by(self, parts: list[Any]) -> tuple[str, bool]:
        if parts[2].value != "time":
            raise SyntaxFault("error parsing query: only ORDER BY time supported at this time")
        return "descending", len(parts) > 3 and parts[3]

    def order_plain(self, parts: list[Any]) -> tuple[str, bool]:
        return "descending", parts[2]

    def direction(self, parts: list[Any]) -> bool:
        return bool(parts[0].type == "DESC")

    def limit(self, parts: list[Any]) -> tuple[str, int]:
        return parts[0].lower(), parts[1].value

    offset = slimit = soffset = limit

    def tz(self, parts: list[Any]) -> tuple[str, str]:
        return "zone", checks.zone(parts[2].value)

    def select(self, parts: list[Any]) -> Statement:
        try:
            return checks.select(parts[1], parts[3], **dict(parts[4:]))
        except QueryError as error:
            return Refused(str(error))

    def on(self, parts: list[Any]) -> tuple[str, str]:
        return "database", parts[1].value

    def measured(self, parts: list[Any]) -> tuple[str, tuple[Source, ...]]:
        return "sources", (parts[3],)

    def keys_named(self, parts: list[Any]) -> tuple[str, tuple[str, ...]]:
        return "keys", tuple(part.value for part in parts if part.type == "IDENT")

    def keys_not_named(self, parts: list[Any]) -> tuple[str, tuple[str, ...]]:
        return "not keys", (parts[3].value,)

    def keys_matching(self, parts: list[Any]) -> tuple[str, Regex]:
        return "keys", parts[3]

    def keys_not_matching(self, parts: list[Any]) -> tuple[str, Regex]:
        return "not keys", parts[3]

    def show_databases(self, parts: list[Any]) -> Show:
        return Show("databases")

    def show_policies(self, parts: list[Any]) -> Show:
        return _show("policies", parts)

    def show_measurements(self, parts: list[Any]) -> Show:
        return _show("measurements", parts)

    def show_field_keys(self, parts: list[Any]) -> Show:
        return _show("field keys", parts)

    def show_tag_keys(self, parts: list[Any]) -> Show:
        return _show("tag keys", parts)

    def show_tag_values(self, parts: list[Any]) -> Show:
        return _show("tag values", parts)


setattr(Builder, "from", lambda _self, parts: ("sources", parts[1]))


def _balanced(op: str, terms: list[Expr]) -> Expr:
    """Terms between which one of AND, OR stands, as a tree that is not deep."""
    if len(terms) == 1:
        return terms[0]
    middle = (len(terms) + 1) // 2
    return Binary(op, _balanced(op, terms[:middle]), _balanced(op, terms[middle:]))


def _show(what: Any, parts: list[Any]) -> Show:
    given: dict[str, Any] = dict(part for part in parts if isinstance(part, tuple))
    if "not keys" in given:
        given |= {"keys": given.pop("not keys"), "negated": True}
    return Show(what, **given)


@cache
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", lexer=Words, transformer=Builder(), maybe_placeholders=False)


def statements(text: str) -> list[Statement]:
    """The statements of a text, checked. Raises: SyntaxFault, QueryError."""
    try:
        found: list[Statement] = _parser().parse(text)  # type: ignore[assignment]
    except UnexpectedToken as error:
        raise SyntaxFault(_unexpected(text, error)) from None
    except VisitError as error:
        if isinstance(error.orig_exc, QueryError):
            raise error.orig_exc from None
        raise
    except RecursionError:
        raise SyntaxFault("error parsing query: found too much inside each other, expected fewer brackets") from None
    return found


def _unexpected(text: str, error: UnexpectedToken) -> str:
    """The words of influxd for a word that it did not expect."""
    token = error.token
    if token.type in REFUSED and token.type not in error.accepts:
        return f"error parsing query: unsupported: {REFUSED[token.type]}"
    if token.type == "OPEN" and "REGEX" in error.accepts and "IDENT" in error.accepts and "TEXT" not in error.accepts:
        return "error parsing query: unsupported: a subquery in FROM"
    at = len(text) if token.type == "$END" else token.start_pos or 0
    found = "EOF" if token.type == "$END" else next(word.shown for word in words(text) if word.at == at)
    return f"error parsing query: found {found}, expected {_expected(set(error.accepts))} at {place(text, at)}"


def _expected(accepts: set[str]) -> str:
    if {"IDENT", "TEXT"} <= accepts:
        return OPERAND
    for kind in ("SEMICOLON", "FROM", "CLOSE"):
        if kind in accepts:
            return SHOWN.get(kind, kind)
    return ", ".join(sorted(SHOWN.get(kind, kind) for kind in accepts))
