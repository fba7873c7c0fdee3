"""All benchmarks: `python -m benchmarks [--quick] [--write] [PART]...` in the project folder.

Prints a table for each part; --write puts them into docs/benchmarks.md, each between its two marks.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from . import delivery, encoding, growth, quality, reading, runs, serving
from .common import FULL, PROJECT, QUICK, Figure, Sizes

BEGIN, END = "<!-- {part}: begin, generated -->", "<!-- {part}: end -->"
PARTS: dict[str, tuple[Callable[[Path, Sizes], list[Figure]], ...]] = {
    "reading": reading.PARTS,
    "encoding": encoding.PARTS,
    "runs": runs.PARTS,
    "store": growth.PARTS,
    "quality": quality.PARTS,
    "delivery": delivery.PARTS,
    "serving": serving.PARTS,
}


def measured(names: Sequence[str], sizes: Sizes, folder: Path | None = None) -> list[Figure]:
    """The figures of some parts, in a temporary folder that is gone afterwards."""
    figures = []
    for part in (part for name in names for part in PARTS[name]):
        with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as name:
            print(f"{part.__module__.rpartition('.')[2]}: {part.__name__} ...", file=sys.stderr, flush=True)
            figures += part(Path(name), sizes)
    return figures


def table(figures: Sequence[Figure], sizes: Sizes) -> str:
    """The figures in Markdown, and what they were measured on."""
    rows = ["| what | measured | should be | on this machine (medians) |", "|---|---|---|---|"]
    rows += [f"| {one.what} | {one.value} | {one.target} | {one.here} |" for one in figures]
    versions = ", ".join(f"{name} {version(name)}" for name in ("pandas", "numpy", "duckdb"))
    return "\n".join(
        [
            *rows,
            "",
            f"{platform.system()} on {platform.machine()} with {os.cpu_count()} cores, "
            f"Python {platform.python_version()}, {versions}; "
            f"{sizes.repeats} rounds{' of --quick' if sizes == QUICK else ''}.",
        ]
    )


def with_table(page: str, part: str, text: str) -> str:
    """`page` with `text` between the two marks of a part."""
    begin, end = (mark.format(part=part) for mark in (BEGIN, END))
    before, found, rest = page.partition(begin)
    if not found:
        raise ValueError(f"docs/benchmarks.md has no mark {begin}")
    return f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}"


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="small sizes: one minute instead of three")
    parser.add_argument("--write", action="store_true", help="rewrite the table in docs/benchmarks.md")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where temporary files go (4 GB)")
    options = parser.parse_args(argv)
    if unknown := set(options.parts) - PARTS.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    sizes = QUICK if options.quick else FULL
    page = PROJECT / "docs" / "benchmarks.md"
    for part in options.parts or list(PARTS):
        text = table(measured([part], sizes, options.folder), sizes)
        print(text, flush=True)
        if options.write:
            page.write_text(with_table(page.read_text(encoding="utf-8"), part, text), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
