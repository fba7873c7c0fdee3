"""Text to words: names, numbers, operators and the reserved words of InfluxQL, each with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .tree import SyntaxFault

RESERVED = frozenset(
    re.findall(
        r"\w+",
        """
    ALL ALTER ANALYZE ANY AND AS ASC BEGIN BY CARDINALITY CREATE CONTINUOUS DATABASE DATABASES DEFAULT
    DELETE DESC DESTINATIONS DIAGNOSTICS DISTINCT DROP DURATION END EVERY EXACT EXPLAIN FALSE FIELD FOR
    FROM GRANT GRANTS GROUP GROUPS IN INF INSERT INTO KEY KEYS KILL LIMIT MEASUREMENT MEASUREMENTS NAME
    OFFSET ON OR ORDER PASSWORD POLICY POLICIES PRIVILEGES QUERIES QUERY READ REPLICATION RESAMPLE
    RETENTION REVOKE SELECT SERIES SET SHOW SHARD SHARDS SLIMIT SOFFSET STATS SUBSCRIPTION SUBSCRIPTIONS
    TAG TO TRUE USER USERS VALUES WHERE WITH WRITE
""",
    )
)
SIGNS = {
    **{"=~": "MATCHES", "!~": "DIFFERS", "!=": "NE", "<>": "NE", "<=": "LE", ">=": "GE", "::": "CAST", "=": "EQ"},
    **{"<": "LT", ">": "GT", "+": "PLUS", "-": "MINUS", "*": "STAR", "/": "SLASH", "%": "PERCENT", "&": "AMPERSAND"},
    **{"|": "BAR", "^": "CARET", "(": "OPEN", ")": "CLOSE", ",": "COMMA", ";": "SEMICOLON", ".": "DOT", ":": "COLON"},
}
WORD = re.compile(
    r"""(?P<blank>\s+|--[^\n]*|/\*.*?\*/)
    |(?P<regex>/(?:[^/\\\n]|\\.)*/)
    |(?P<quoted>"(?:[^"\\\n]|\\.)*")
    |(?P<text>'(?:[^'\\\n]|\\.)*')
    |(?P<duration>\d+[A-Za-zµ][A-Za-z0-9µ]*)
    |(?P<number>\d*\.\d+)
    |(?P<integer>\d+)
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<sign>=~|!~|!=|<>|<=|>=|::|[=<>+\-*/%&|^(),;.:])""",
    re.VERBOSE | re.DOTALL,
)
ENDS_OPERAND = frozenset(("IDENT", "NUMBER", "INTEGER", "DURATION", "TEXT", "REGEX", "CLOSE", "TRUE", "FALSE"))
ESCAPE = re.compile(r"\\(.)", re.DOTALL)
ESCAPES = {"n": "\n", "\\": "\\", '"': '"', "'": "'"}
UNITS = {"ns": 1, "u": 10**3, "µ": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
UNITS |= {"d": 86_400 * 10**9, "w": 604_800 * 10**9}
LONGEST = 2**63 - 1


@dataclass(frozen=True)
class Word:
    """One word: its kind, its value, how it stood there, and the offset of its first character."""

    kind: str
    value: str | int | float
    shown: str
    at: int


def words(text: str) -> Iterator[Word]:
    """The words of a text in turn. Raises: SyntaxFault."""
    at, before = 0, ""
    while at < len(text):
        found = WORD.match(text, at)
        if found and found.lastgroup == "regex" and before in ENDS_OPERAND:
            word: Word | None = Word("SLASH", "/", "/", at)
            at += 1
        elif found is None or not found.lastgroup:
            raise SyntaxFault(f"error parsing query: {_unreadable(text, at)} at {place(text, at)}")
        else:
            word = _word(found.lastgroup, found.group(), at, text)
            at = found.end()
        if word is not None:
            before = word.kind
            yield word


def _unreadable(text: str, at: int) -> str:
    if text[at] in "'\"":
        return f"found {text[at:].splitlines()[0][:60]}, expected a closing {text[at]}"
    return f"found {text[at]}, expected identifier, string, number, bool"


def _word(group: str, shown: str, at: int, text: str) -> Word | None:
    if group == "blank":
        return None
    if group == "word":
        kind = shown.upper()
        return Word(kind if kind in RESERVED else "IDENT", shown, shown, at)
    if group == "sign":
        return Word(SIGNS[shown], "!=" if shown == "<>" else shown, shown, at)
    if group in ("quoted", "text"):
        value = ESCAPE.sub(lambda found: _unescaped(found, at, text), shown[1:-1])
        return Word("IDENT" if group == "quoted" else "TEXT", value, value, at)
    if group == "regex":
        return Word("REGEX", shown[1:-1].replace("\\/", "/"), shown, at)
    return _numeric(group, shown, at, text)


def _unescaped(found: re.Match[str], at: int, text: str) -> str:
    if found[1] not in ESCAPES:
        raise SyntaxFault(f"error parsing query: bad escape: {found[0]} at {place(text, at)}")
    return ESCAPES[found[1]]


def _numeric(group: str, shown: str, at: int, text: str) -> Word:
    if group == "duration":
        return Word("DURATION", duration(shown), shown, at)
    if group == "number":
        return Word("NUMBER", float(shown), shown, at)
    value = int(shown) if len(shown) < 40 else LONGEST + 1
    if value > LONGEST:
        raise SyntaxFault(f"error parsing query: unable to parse integer at {place(text, at)}")
    return Word("INTEGER", value, shown, at)


def duration(text: str) -> int:
    """A length of time such as 1h30m [ns]. Raises: SyntaxFault."""
    parts = re.findall(r"(\d+)(ns|ms|[uµsmhdw])", text)
    if "".join(number + unit for number, unit in parts) != text or len(text) > 60:
        raise SyntaxFault("error parsing query: invalid duration")
    total = sum(int(number) * UNITS[unit] for number, unit in parts)
    if total > LONGEST:
        raise SyntaxFault(f"error parsing query: overflowed duration {text}: choose a smaller duration or INF")
    return total


def place(text: str, at: int) -> str:
    """Line and character as influxd counts them, from 1; the end of the text is one further."""
    line = text.count("\n", 0, at)
    char = at - (text.rfind("\n", 0, at) + 1) + (1 if at >= len(text) else 0)
    return f"line {line + 1}, char {char + 1}"
