"""What a push does with one thing, and how it is told: looked at, compared, then written, left alone or refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .diff import differences
from .frame import Json
from .grafana_api import Away, Grafana, Refused

NEW, UPDATED, SAME, GONE = "new", "updated", "same", "deleted"
KEPT, REFUSED, SILENT = "kept", "refused", "silent"
ELSEWHERE = "it comes from a file or from Git, and is changed there"
BY_HAND = "it was changed in Grafana since, and stays so; --overwrite writes it anew"
OTHERS = (
    "another installation of fieldline sent it, for other buckets: give this one a name of its own (grafana.source); "
    "--overwrite takes it over"
)
_SAVED_MEANWHILE = "version-mismatch"


@dataclass(frozen=True)
class Step:
    """What became of one thing.

    state: new, updated, same, deleted; kept (a person's: left alone), refused (by Grafana), silent (a data source that
    gets no answer from the store). lines: what changes, or why not.
    """

    kind: str
    name: str
    state: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A step, and what makes it so; None: nothing is to be done."""

    step: Step
    act: Callable[[], object] | None = None


@dataclass(frozen=True)
class Way:
    """How things are brought into Grafana.

    overwrite: also what a person changed. dry: look, compare, and write nothing.
    """

    grafana: Grafana
    overwrite: bool = False
    dry: bool = False

    def do(self, kind: str, name: str, plan: Callable[[], Plan]) -> Step:
        """Find out what is to be done, and do it; a refusal is a step too. Raises: Away."""
        try:
            found = plan()
            if found.act and not self.dry:
                found.act()
        except Away:
            raise
        except Refused as error:
            meanwhile = error.key == _SAVED_MEANWHILE
            return Step(kind, name, *((KEPT, (BY_HAND,)) if meanwhile else (REFUSED, (str(error),))))
        return found.step

    def provisioned(self, step: Step, there: Json, act: Callable[[], object]) -> Plan:
        """A step on something that Grafana tells the origin of: what came through the API nobody else can edit."""
        origin = there.get("provenance") or ""
        if not step.lines:
            return Plan(Step(step.kind, step.name, SAME))
        if origin not in ("", "api"):
            return Plan(Step(step.kind, step.name, KEPT, (ELSEWHERE,)))
        if origin == "" and not self.overwrite:
            return Plan(Step(step.kind, step.name, KEPT, (BY_HAND, *step.lines)))
        return Plan(step, act)


def lines(there: Json, made: Json) -> tuple[str, ...]:
    """What would change in something small."""
    return tuple(f"{path}: {one!r} -> {other!r}"[:300] for path, one, other in differences(there, made))
