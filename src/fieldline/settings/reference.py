"""The table of settings in docs/configuration.md: `python -m fieldline.settings.reference docs/configuration.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from .model import Job, Settings

BEGIN, END = "<!-- settings: begin, generated -->", "<!-- settings: end -->"


def table() -> str:
    """Return every setting with its default as a table in Markdown."""
    rows = ["| setting | default | meaning |", "|---|---|---|", *_rows(Settings, ""), *_rows(Job, "jobs[].")]
    return "\n".join(rows)


def with_table(page: str) -> str:
    """Return `page` with the table as it is now between its two marks."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


def _rows(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            yield from _rows(type(field.default), f"{prefix}{name}.")
        elif field.description:
            meaning = "; ".join(filter(None, [field.description, _choices(field)]))
            yield f"| `{prefix}{name}` | {_default(field)} | {meaning} |"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be set"
    if field.default is None:
        return "`null`"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    if field.default == ():
        return "`[]`"
    return f"`{field.default}`" if str(field.default) else '`""`'


def _choices(field: FieldInfo) -> str:
    """Say what a value may be: the words of a Literal, or the ends of a range."""
    parts: list[Any] = [field.annotation, *field.metadata, *_inner(field.annotation)]
    words = [w for part in parts if get_origin(part) is Literal for w in get_args(part) if isinstance(w, str)]
    low, high = (next((getattr(part, end) for part in parts if hasattr(part, end)), None) for end in ("ge", "le"))
    return f"one of {', '.join(words)}" if words else f"{low} to {high}" if low is not None else ""


def _inner(annotation: Any) -> Iterator[Any]:
    """Yield what stands in `X | None` and in `Annotated[X, ...]`, the bounds of a number among them."""
    if get_origin(annotation) is Literal:
        return
    for part in get_args(annotation):
        if part is not NoneType:
            yield part
            yield from getattr(part, "metadata", ())
            yield from _inner(part)


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(with_table(page.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
