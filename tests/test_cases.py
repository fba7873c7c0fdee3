"""One folder a case: input.dat, then expected.csv, expected.quarantine and expected.err, as far as there are such.

After a change that is meant: FIELDLINE_REWRITE_CASES=1 writes the expected files anew; review them like code.
"""

import math
import os
from pathlib import Path

import pandas as pd
import pytest

from fieldline.cli.drivers import load
from fieldline.errors import InputError
from fieldline.sources.files import LoggerFile
from fieldline.sources.memory import Memory
from fieldline.sources.quarantine import Quarantine
from fieldline.tables import Planner

TESTS = Path(__file__).parent
CASES = sorted(path.parent for path in TESTS.glob("cases/*/input.dat"))
NAMES = ("expected.csv", "expected.quarantine", "expected.err")


class Listed(Quarantine):
    """Keeps the rows in a list."""

    def __init__(self):
        super().__init__(None)
        self.rows = []

    def add(self, name, file, rows):
        self.rows += rows


def outcome(path):
    """What a file gives: the text of each of the NAMES, empty where there is none."""
    planner = Planner(
        load(TESTS.parent / "drivers", "umbs"), unknown="refuse" if "refuse" in path.parent.name else "load"
    )
    quarantine = Listed()
    frames, error = [], ""
    try:
        for batch in LoggerFile(path, planner, lambda layout: {}, quarantine, Memory(None), patience=math.inf):
            frames.append(batch.frame)
            batch.done()
    except InputError as problem:
        error = f"{problem}\n".replace(str(path.parent), "CASE")
    table = pd.concat(frames).to_csv(lineterminator="\n") if frames else ""
    bad = "".join(f"{row.line}: {row.reason}\n  {row.text!r}\n" for row in quarantine.rows)
    return dict(zip(NAMES, (table, bad, error), strict=True))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case):
    got = outcome(case / "input.dat")
    if os.environ.get("FIELDLINE_REWRITE_CASES"):
        for name, text in got.items():
            (case / name).unlink(missing_ok=True)
            if text:
                (case / name).write_text(text, encoding="utf-8", newline="\n")
    for name, text in got.items():
        wanted = (case / name).read_text(encoding="utf-8") if (case / name).exists() else ""
        assert text == wanted, f"{case.name}/{name}"
