"""Commands in messages, such that they can be typed as they stand: with the --config and --home of the command itself.

What says `python new-db.py FILE` (a store, an outbox) knows nothing of either; what prints it does.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys

_VERBS = "run|new-db|update-db|read|status|quality|recheck|outbox|doctor|replay|serve|dashboards|keys"
_COMMAND = re.compile(
    rf"(\bfieldline (?:{_VERBS})|\bpython (?:driver|new-db|update-db)\.py)\b(?![:-]| --help| --config| --home)"
)


def whole(text: str, options: argparse.Namespace) -> str:
    """`text` with the --config and --home of this command behind each command in it; as it is, where none was given."""
    given = said(options)
    return _COMMAND.sub(lambda found: f"{found[1]} {given}", text) if given else text


def said(options: argparse.Namespace) -> str:
    """The --config and --home of this command as they were typed; empty, where there is none."""
    words = list[str]()
    for name in ("config", "home"):
        if value := getattr(options, name, None):
            words += [f"--{name}", str(value)]
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)
