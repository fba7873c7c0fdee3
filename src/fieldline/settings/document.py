"""YAML text to plain values that know their lines; YAML's traps are closed here.

YAML 1.1 guesses: `-05:00` would be the number -300, `no` would be false, `name: 123` a number. Here every value is the
text that stands in the file, and the model alone decides what it means. An empty value or null is a setting left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import yaml

from ..errors import ConfigError

Value: TypeAlias = "str | list[Value] | dict[str, Value] | None"
Place: TypeAlias = tuple[str | int, ...]

DEEPEST = 20  # levels; a setting is at most 4 deep, and YAML's parser is recursive
NULLS = ("", "~", "null", "Null", "NULL")
PLAIN_TAGS = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map"))
LOGIN = "a login is a secret and does not belong here: put it in secret.py or in the environment, as {0}"
SECRET = "a token is a secret and does not belong here: put it in secret.py or in the environment, as {0}_TOKEN"
ALIAS = "aliases are not used here: write the value out; a value that begins with * must stand in quotes"
BACKSLASH = "between double quotes a backslash is an escape: use single quotes, or / instead of it"

REMEDIES = {  # part of PyYAML's words: ours
    "'\\t' that cannot start": "a tab cannot stand here: use spaces",
    "escape": BACKSLASH,
    "alphabetic or numeric": "a value that begins with * or & must stand in quotes",
    "cannot start any token": "a value that begins with % @ or ` must stand in quotes",
    "mapping values are not allowed": "either the indentation differs from the line above, or a value with ': ' in it "
    "must stand in quotes",
    "could not find expected ':'": "a setting is written `name: value`, with a space after the colon",
    "another document": "a file holds one document: remove the line that begins with ---",
    "end of stream": "a quote is opened here or above and not closed",
    "expected ',' or ']'": "a [ above is not closed, or a comma is missing",
    "expected ',' or '}'": "a { above is not closed, or a comma is missing",
    "expected the node content": "a value is missing, or a [ or { is not closed",
    "expected <block end>": "the indentation differs from the line above",
    "tag": "tags (!) are not used here: remove it, or put the value in quotes",
}


@dataclass
class Document:
    """The values of one file, where each of them stands, and what is wrong with the file as such."""

    name: str
    values: dict[str, Value] = field(default_factory=dict)
    lines: dict[Place, int] = field(default_factory=dict)
    problems: list[tuple[int, str]] = field(default_factory=list)
    refused: set[Place] = field(default_factory=set)  # their problem is told; nobody need complain again

    def line(self, place: Place) -> int:
        """Return the line of `place`, or of what it would be in when it is not there."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


def dotted(place: Place) -> str:
    """Write a place as people do: jobs[0].files."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")


def parse(text: str, name: str) -> Document:
    """Read YAML; raise ConfigError at once where YAML itself is broken, collect what else is wrong."""
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        found = f"{name}:{line}: found character U+{ord(text[error.position]):04X}, which cannot be seen: remove it"
        raise ConfigError([found]) from None
    except yaml.MarkedYAMLError as error:  # never chained: its text quotes the file, and a secret may stand there
        raise ConfigError([_broken(error, name)]) from None
    return _Reading(text, name).whole(root)


def _broken(error: yaml.MarkedYAMLError, name: str) -> str:
    mark, problem = error.problem_mark, f"{error.problem}, {error.context}"
    where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
    remedy = next((ours for theirs, ours in REMEDIES.items() if theirs in problem), "")
    return f"{where}: {remedy or error.problem}"


class _Loader(yaml.BaseLoader):
    """PyYAML's own, in Python: libyaml is faster and says less about what is wrong."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse aliases (nine lines of them can grow to gigabytes) and nesting that nobody needs."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            raise _refusal(ALIAS, event)
        if self.depth == DEEPEST:
            raise _refusal("more levels than any setting has", event)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _refusal(problem: str, event: yaml.Event) -> yaml.MarkedYAMLError:
    mark = event.start_mark
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark if isinstance(mark, yaml.Mark) else None)


class _Reading:
    """One walk over the nodes of a file."""

    def __init__(self, text: str, name: str) -> None:
        self.text, self.document = text, Document(name)

    def whole(self, root: yaml.Node | None) -> Document:
        value = self.value(root, ()) if root else None
        if isinstance(value, dict):
            self.document.values = value
        elif root and value is not None:
            self.problem(root, (), "must be made of settings, each written `name: value` with a space after the colon")
        return self.document

    def problem(self, node: yaml.Node, place: Place, message: str) -> None:
        self.document.problems.append((node.start_mark.line + 1, message))
        self.document.refused.add(place)

    def value(self, node: yaml.Node, place: Place) -> Value:
        self.document.lines.setdefault(place, node.start_mark.line + 1)
        if node.tag not in PLAIN_TAGS:
            self.problem(node, place, f"{dotted(place)} has the tag {_short(node.tag)}: tags are not used here")
            return None
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*place, index)) for index, item in enumerate(node.value)]
        return self.scalar(node, place) if isinstance(node, yaml.ScalarNode) else None

    def mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for key, child in node.value:
            here = (*place, str(key.value))
            if not isinstance(key, yaml.ScalarNode):
                self.problem(key, here, "the name of a setting must be text, without brackets")
            elif "token" in key.value.lower():
                self.problem(key, here, f"{dotted(here)}: {SECRET.format(_owner(here))}")
            elif key.value.lower() == "proxy_login":
                self.problem(key, here, f"{dotted(here)}: {LOGIN.format('INFLUXDB_PROXY_LOGIN')}")
            elif here in self.document.lines:
                first = self.document.lines[here]
                self.problem(key, here, f"{dotted(here)} is set twice, first in line {first}: remove one")
            else:
                self.document.lines[here] = key.start_mark.line + 1
                values[key.value] = self.value(child, here)
        return values

    def scalar(self, node: yaml.ScalarNode, place: Place) -> str | None:
        if node.style is None and node.value in NULLS:
            return None
        if node.style == '"' and self.escapes(node):
            self.problem(node, place, f"{dotted(place)}: {BACKSLASH}")
            return None
        return str(node.value)

    def escapes(self, node: yaml.Node) -> bool:
        r"""Tell whether a backslash changed the text: "C:\new.dat" is legal YAML with a line end in it."""
        written = self.text[node.start_mark.index : node.end_mark.index]
        for harmless in (r"\\", r"\"", r"\/"):
            written = written.replace(harmless, "")
        return "\\" in written


def _owner(place: Place) -> str:
    return "GRAFANA" if "grafana" in dotted(place).lower() else "INFLUXDB"


def _short(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")
