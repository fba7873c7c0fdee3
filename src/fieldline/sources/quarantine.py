"""Rows that could not be read, kept as they stood: one file of JSON lines a station and table."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a run without new rows must not pay for pandas
    from ..readers.toa5 import BadRow


class Quarantine:
    """A folder of such files. None as the folder: nothing is written (a dry run)."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def add(self, name: str, file: Path, rows: Sequence[BadRow]) -> None:
        """Keep `rows` of `file` in `<name>.jsonl`; each with file, line, reason and text."""
        if self._folder is None or not rows:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / (re.sub(r"[^\w.-]+", "_", name) + ".jsonl")
        lines = (
            json.dumps(
                {"file": str(file), "line": row.line, "reason": row.reason, "text": row.text}, ensure_ascii=False
            )
            for row in rows
        )
        with path.open("a", encoding="utf-8", newline="\n") as out:
            out.writelines(line + "\n" for line in lines)
