"""What a person reads at the end of a command: aligned tables."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

_YEAR = 31_556_952  # [s]
_ESCAPES = 4  # ENABLE_VIRTUAL_TERMINAL_PROCESSING


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], colours: Sequence[str] = ()) -> str:
    """Columns under their heads; those whose cells are numbers stand to the right.

    Args:
        colours: an ANSI colour for each row; none: plain text.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    right = [bool(cells) and all(_is_number(row[i]) for row in cells) for i in range(len(heads))]
    widths = [max(len(row[i]) for row in [list(heads), *cells]) for i in range(len(heads))]
    lines = [
        "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)).rstrip()
        for row in [list(heads), *cells]
    ]
    painted = [f"\x1b[{colour}m{line}\x1b[0m" for colour, line in zip(colours, lines[1:], strict=False)]
    return "\n".join([lines[0], *(painted or lines[1:])])


def coloured(out: TextIO) -> bool:
    """Whether a person looks at `out`, wants colours (NO_COLOR is not set), and has a terminal that shows them."""
    return out.isatty() and not os.environ.get("NO_COLOR") and _takes_escapes(out)


def _takes_escapes(out: TextIO) -> bool:
    """Whether a terminal takes ANSI's colours; the old console of Windows prints them, until it is told to."""
    if sys.platform != "win32":
        return True
    import ctypes
    import msvcrt
    from ctypes import wintypes

    try:
        handle, mode = wintypes.HANDLE(msvcrt.get_osfhandle(out.fileno())), wintypes.DWORD()
    except (OSError, ValueError):  # what stands in for a terminal has no number
        return False
    kernel = ctypes.windll.kernel32
    found = kernel.GetConsoleMode(handle, ctypes.byref(mode))
    return bool(found and kernel.SetConsoleMode(handle, mode.value | _ESCAPES))


def counted(number: float, one: str, many: str = "") -> str:
    """A number of things: 1 file, 2 files."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def _is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "", 1).isdigit()


def span(seconds: float | None) -> str:
    """A length of time as a person says it: 45 s, 12 min, 3.5 h, 4 d, 7.6 years."""
    if seconds is None:
        return "-"
    if abs(seconds) >= 400 * 86_400:
        return f"{seconds / _YEAR:,.1f} years"
    for unit, width in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if abs(seconds) >= 2 * width or (abs(seconds) >= width and seconds % width == 0):
            return f"{seconds / width:.3g} {unit}"
    return f"{seconds:.3g} s"
