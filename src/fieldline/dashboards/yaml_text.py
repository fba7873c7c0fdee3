"""Plain values as YAML that people can read: blocks, in quotes every text that might be taken for something else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*")
_HIDDEN = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")  # YAML wants these written by their numbers
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def dump(value: object, comment: str = "") -> str:
    """A document, with a comment above."""
    head = "".join(f"# {line}".rstrip() + "\n" for line in comment.splitlines())
    return head + "\n".join(_block(value, 0)) + "\n"


def _block(value: object, depth: int) -> Iterator[str]:
    pad = "  " * depth
    if isinstance(value, Mapping) and value:
        for key, one in value.items():
            yield from _entry(f"{pad}{_scalar(str(key))}:", one, depth + 1)
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        for one in value:
            if isinstance(one, Mapping) and one:
                first, *rest = _block(one, depth + 1)
                yield f"{pad}- {first.lstrip()}"
                yield from rest
            else:
                yield from _entry(f"{pad}-", one, depth + 1)
    else:
        yield pad + _scalar(value)


def _entry(head: str, value: object, depth: int) -> Iterator[str]:
    if isinstance(value, Mapping | list | tuple) and value:
        yield head
        yield from _block(value, depth)
    else:
        yield f"{head} {_scalar(value)}"


def _scalar(value: object) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return _HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))
