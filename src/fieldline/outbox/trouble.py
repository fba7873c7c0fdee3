"""Failures of deliveries: what is remembered of them, and how they are told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from ..errors import Denied
from .queue import Queue


@dataclass
class Trouble:
    """What is remembered of failures from run to run. Times: seconds since 1970."""

    failures: int = 0
    not_before: float = 0.0
    since: float = 0.0
    message: str = ""
    to: str = ""

    @classmethod
    def of(cls, queue: Queue) -> Trouble:
        """As the last run left it."""
        return cls(**json.loads(queue.ledger.note("delivery") or "{}"))

    def keep(self, queue: Queue) -> None:
        """Remember it."""
        queue.ledger.keep_notes(delivery=json.dumps(asdict(self)))


def together(closed: Mapping[str, Denied]) -> list[str]:
    """Why buckets wait for a person: what is the same for several is said once, with their names."""
    alike: dict[str, list[str]] = {}
    for bucket, denied in closed.items():
        alike.setdefault(str(denied).replace(f"bucket {bucket!r}", "bucket"), []).append(bucket)
    return [
        str(closed[names[0]]).replace(f"bucket {names[0]!r}", f"buckets {', '.join(map(repr, names))}")
        if len(names) > 1
        else str(closed[names[0]])
        for names in alike.values()
    ]
