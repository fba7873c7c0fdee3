"""What to say of a table's columns: that one is gone or new, or that it does not hold what its header says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ..ports import Field, Kind
from ..readers.header import RECORD, TIMES, TIMESTAMP, Header
from ..tables import Layout

if TYPE_CHECKING:  # a run that finds nothing new must not pay for pandas
    import pandas as pd

_MANY = 5


def absent(layout: Layout, names: Sequence[str]) -> Iterator[str]:
    """Declared columns that the file has not, beside those that nobody declared: one may be the other, renamed.

    Args:
        names: the columns of the file.
    """
    if layout.absent:
        others = [name for name in names if name in layout.undeclared]
        hint = f" (not declared: {listed(others)}; was one renamed?)" if others else ""
        yield f"{layout.name}: no column {', '.join(layout.absent)} in the file{hint}; the rest is read"


def changed(layout: Layout, before: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    """Columns that are gone and that are new since the rows before; none before: nothing is known of them."""
    gone = [name for name in before if name not in names and name not in layout.absent]
    new = [name for name in names if name not in before]
    if not before or not (gone or new):
        return
    words = [f"column {listed(some)} is {word}" for some, word in ((gone, "gone"), (new, "new")) if some]
    end = "; the store keeps both. Was it renamed? docs/add-a-table.md says how to go on under one name"
    yield f"{layout.name}: {', '.join(words)}{end if gone and new else ''}"


def unlike(layout: Layout, kinds: Mapping[str, Kind]) -> Iterator[str]:
    """Columns that hold numbers by the file's header, and that the store has kept as something else until now."""
    wrong = [name for name in layout.measured if kinds.get(name, "number") != "number"]
    if wrong:
        yield (
            f"{layout.name}: {listed(wrong)} should be a number by the header, but the store has kept it as "
            f"{kinds[wrong[0]]} and goes on so, without checks. Give it another name in a class and read the file "
            "again (docs/files.md)"
        )


def declared(layout: Layout, stored: Mapping[str, Field]) -> Iterator[str]:
    """Fields that a class declares as numbers, and that the store has kept as text until now."""
    if wrong := layout.kept_as_text(stored):
        kind = next(column.kind for column in layout.columns.values() if column.name == wrong[0])
        yield (
            f"{layout.name}: {listed(wrong)} is declared as {kind}, but the store has kept it as text and goes on so. "
            "Give it another name in the class and read the file again (docs/files.md)"
        )


def guessed(
    layout: Layout, before: Mapping[str, Kind], after: Mapping[str, Kind], header: Header, rows: pd.DataFrame
) -> Iterator[str]:
    """Columns whose first values made them text, where neither class nor header nor store says what they hold.

    Args:
        before, after: the kinds that were known before these rows, and with them.
    """
    times = {name for name, word in zip(header.names, header.processing, strict=True) if word.upper() in TIMES}
    new = [name for name in map(str, rows) if after.get(name) == "text" and name not in before and name not in times]
    for name in new[:_MANY]:
        values = rows[name].dropna()
        word = f", since {str(values.iloc[0])!r} came first" if len(values) else ""
        yield (
            f"{layout.name}: column {name} is kept as text{word}; if it is measured, declare it in a class before more "
            "comes (docs/add-a-table.md)"
        )


def listed(names: Sequence[str]) -> str:
    """A few names, and how many more."""
    more = f" and {len(names) - _MANY} more" if len(names) > _MANY else ""
    return ", ".join(names[:_MANY]) + more


def of_file(names: Sequence[str]) -> list[str]:
    """The columns of a file but for those that every table has."""
    return [name for name in names if name not in (TIMESTAMP, RECORD)]
