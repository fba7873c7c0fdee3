"""What `fieldline doctor` looks at. Each module yields findings, and changes nothing.

program.py   Python and the packages
setup.py     configuration, secret.py, drivers, log of maintenance
place.py     the home: may it be written, room on the disk, clock, the last run
files.py     which files each pattern finds, and where their rows go
store.py     the store: there, whole, and what the token may do in it
waiting.py   outbox, quarantine, raw archive
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from ...errors import FieldlineError, InputError
from ...settings import Settings
from ...tables import Layout

State = Literal["ok", "warn", "fail"]
CLOCKS = 120  # [s] between two clocks from which on a person should know


@dataclass(frozen=True)
class Finding:
    """One line. name: what was looked at. remedy: what to do; empty when all is well."""

    name: str
    state: State
    text: str
    remedy: str = ""


@dataclass
class Visit:
    """What is known when a look begins. layouts: where the rows of each table go, as `files` found it."""

    project: Path
    settings: Settings
    now: datetime
    layouts: list[Layout] = field(default_factory=list)


def ok(name: str, text: str) -> Finding:
    """All is well."""
    return Finding(name, "ok", text)


def warn(name: str, text: str, remedy: str) -> Finding:
    """Rows are stored all the same, but somebody should look."""
    return Finding(name, "warn", text, remedy)


def fail(name: str, text: str, remedy: str) -> Finding:
    """Rows are not stored until somebody has done what the remedy says."""
    return Finding(name, "fail", text, remedy)


def of(name: str, error: FieldlineError, state: State = "fail") -> Finding:
    """An error as a finding: what is wrong in a line, and what to do as the remedy."""
    if isinstance(error, InputError):
        head, *rest = error.found.splitlines() or [""]
        found = " ".join([head, "; ".join(line.strip() for line in rest)]).strip()
        return Finding(name, state, f"{error.where}: found {found}, expected {error.expected}.", error.fix)
    text, _, remedy = str(error).partition("\n")
    return Finding(name, state, text, " ".join(remedy.split()))


def bounded(name: str, look: Callable[[], Iterable[Finding]], seconds: float) -> list[Finding]:
    """What `look` finds, and one `fail` more if it does not come to its end in time: no disk and no server can make
    the doctor wait for ever.

    Args:
        look: works in a thread of its own.
    """
    found: list[Finding] = []

    def work() -> None:
        try:
            for one in look():
                found.append(one)  # one by one: what is found before an error stays
        except FieldlineError as error:
            found.append(of(name, error))
        except Exception as error:  # one look that fails must not end the others, and its words may quote a secret
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(last.filename).name}:{last.lineno}"
            found.append(fail(name, f"a fault in the program ({type(error).__name__}, {where})", "Please report it."))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    told = list(found)
    if thread.is_alive():
        told.append(fail(name, f"no answer in {seconds:g} s", "Is a disk, a network drive or a server away?"))
    return told
