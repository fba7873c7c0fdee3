"""What one run of driver.py costs, from start to end: a first load, nothing new, a few new rows, a large file."""

from __future__ import annotations

import json
import re
import statistics
import sys
from pathlib import Path

from .common import (
    COLUMNS,
    PROJECT,
    Done,
    Figure,
    Sizes,
    append,
    child,
    interleaved,
    ratio,
    write_bytes,
    write_rows,
)

# A process inherits the peak of the one that starts it, and this one is large: a light one stands between. [MB]
LIGHT = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
print(f"{peak:.0f}", file=sys.stderr)
sys.exit(status)
"""
HEAVY = ("pandas", "numpy", "duckdb", "influxdb_client")
NEW_ROWS = 12  # a minute of a table that is written every five seconds


class Site:
    """A folder with a configuration, logger files and a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.files, self.config = folder / "loggernet", folder / "site.yaml"
        self.files.mkdir(parents=True)
        values = {"home": (folder / "home").as_posix(), "jobs": [{"name": "bench", "files": [self._pattern()]}]}
        self.config.write_text(json.dumps(values), encoding="utf-8")  # JSON is YAML

    def _pattern(self) -> str:
        return (self.files / "*.dat").as_posix()

    def run(self, written: int, *python: str, peak: bool = False) -> Done:
        """Run driver.py; `written` rows must have gone into the store. peak: the last line of `err` is its memory."""
        command = (*python, PROJECT / "driver.py", "--config", self.config, "--json")
        done = child("-c", LIGHT, sys.executable, *command) if peak else child(*command)
        found = json.loads(done.out.splitlines()[-1])["jobs"][0]["written"]
        if found != written:
            raise RuntimeError(f"found {found} rows written, expected {written}\n{done.out}")
        return done

    def forget(self) -> None:
        """Be as before the first run."""
        for path in sorted(self.config.with_name("home").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()


def load(folder: Path, sizes: Sizes) -> list[Figure]:
    """A whole file into the embedded store, against a process that reads it with pandas and does nothing with it."""
    site = Site(folder / "load")
    path = site.files / "fast.dat"
    rows = write_rows(path, sizes.rows)

    def fresh() -> float:
        site.forget()
        return site.run(rows).seconds

    script = "import sys, pandas; pandas.read_csv(sys.argv[1], skiprows=[0, 2, 3])"
    taken = interleaved(
        {"fieldline": fresh, "pandas": lambda: child("-c", script, path).seconds}, max(1, sizes.repeats // 2)
    )
    return [
        Figure(
            f"loading {rows:,} x {COLUMNS} into the embedded store / bare `read_csv`",
            f"{ratio(taken['fieldline'], taken['pandas']):.2f}",
            "at most 5",
            _medians(taken),
        )
    ]


def nothing_new(folder: Path, sizes: Sizes) -> list[Figure]:
    """What happens every five minutes most of the time, for one file and for many; and what it must not import."""
    one, many = Site(folder / "one"), Site(folder / "many")
    for site, count in ((one, 1), (many, sizes.files)):
        for number in range(count):
            write_rows(site.files / f"fast{number:03}.dat", 100)
        site.run(100 * count)
    taken = interleaved(
        {
            "one file": lambda: one.run(0).seconds,
            "import pandas": lambda: child("-c", "import pandas").seconds,
            f"{sizes.files} files": lambda: many.run(0).seconds,
        },
        sizes.repeats,
    )
    imported = set(re.findall(r"\| +(\w+)$", one.run(0, "-X", "importtime").err, re.MULTILINE)) & set(HEAVY)
    single, pandas, several = taken.values()
    return [
        Figure(
            'a run with nothing new / `python -c "import pandas"`',
            f"{ratio(single, pandas):.2f}",
            "at most 1.0",
            _medians({name: taken[name] for name in ("one file", "import pandas")}),
        ),
        Figure(f"of {', '.join(HEAVY)} it imports", ", ".join(sorted(imported)) or "none", "none", ""),
        Figure(
            f"nothing new in {sizes.files} files / in one",
            f"{ratio(several, single):.2f}",
            "at most 1.5",
            _medians({name: taken[name] for name in (f"{sizes.files} files", "one file")}),
        ),
    ]


def large_file(folder: Path, sizes: Sizes) -> list[Figure]:
    """The memory that the first load of a large file takes, then what a few new rows in it cost beside a small file."""
    sites = {_megabytes(size): Site(folder / f"size{size}") for size in (sizes.large_bytes, sizes.small_bytes)}
    rows, first = {}, {}
    for (name, site), size in zip(sites.items(), (sizes.large_bytes, sizes.small_bytes), strict=True):
        rows[name] = write_bytes(site.files / "fast.dat", size)
        first[name] = site.run(rows[name], peak=sys.platform != "win32")

    def go_on(name: str) -> float:
        append(sites[name].files / "fast.dat", rows[name], NEW_ROWS)
        rows[name] += NEW_ROWS
        return sites[name].run(NEW_ROWS).seconds

    taken = interleaved({name: lambda name=name: go_on(name) for name in sites}, sizes.repeats)
    large, small = sites
    peak = "not told by Windows" if sys.platform == "win32" else f"{first[large].err.split()[-1]} MB"
    return [
        Figure(
            f"peak memory of loading a file of {large}",
            peak,
            "below 400 MB",
            f"in {first[large].seconds:.0f} s",
        ),
        Figure(
            f"{NEW_ROWS} new rows in a file of {large} / of {small}",
            f"{ratio(taken[large], taken[small]):.2f}",
            "at most 1.1",
            _medians(taken),
        ),
    ]


def _megabytes(size: int) -> str:
    return f"{size / 10**9:g} GB" if size >= 10**9 else f"{size / 10**6:g} MB"


def _medians(taken: dict[str, list[float]]) -> str:
    return ", ".join(f"{name} {statistics.median(values):.2f} s" for name, values in taken.items())


PARTS = (load, nothing_new, large_file)
