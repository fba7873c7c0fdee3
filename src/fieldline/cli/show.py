"""What a person reads at the end of a command: aligned tables, and what to do about problems."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns under their heads; those whose cells are numbers stand to the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    right = [
        bool(cells) and all(row[i].replace(",", "").replace(".", "").isdigit() for row in cells)
        for i in range(len(heads))
    ]
    widths = [max(len(row[i]) for row in [list(heads), *cells]) for i in range(len(heads))]
    lines = [
        "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)).rstrip()
        for row in [list(heads), *cells]
    ]
    return "\n".join(lines)
