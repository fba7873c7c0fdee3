"""Rows go to another store than before, or theirs is gone: then every file is read from its start."""

from __future__ import annotations

import logging

from ..outbox import Queue
from ..settings import Settings
from ..sources.memory import Memory
from .stores import destination, store_path

log = logging.getLogger(__name__)


def follow(settings: Settings, memory: Memory) -> list[str]:
    """Forget how far files were read, where the store that had their rows is not that of today; return what to say.

    Where the server before took nothing (its address was wrong), all that was read still waits, and nothing is
    forgotten. `memory` was opened with the outbox's SCHEMA.
    """
    to, before = destination(settings), memory.note("destination") or "embedded"
    gone = settings.store == "embedded" and not store_path(settings).exists()
    if to == before and not gone:
        return []
    queue, known = Queue(memory.ledger), bool(memory.files)
    took_nothing = "embedded" not in (to, before) and _took_nothing(memory, queue)
    if not took_nothing:
        memory.forget()
        memory.keep_notes(forgot=str(queue.last_number()))
    if to != before:
        memory.keep_notes(destination=to)
        queue.forget_server()
    if not known:
        return []
    said = f"rows go to another store now ({to}, before: {before})" if to != before else "the store is gone"
    said += "; that took nothing, so what waits goes there" if took_nothing else ": every file is read from its start"
    log.warning("%s", said)
    return [said]


def _took_nothing(memory: Memory, queue: Queue) -> bool:
    """Whether all that was read since the places in the files were forgotten last still waits in the outbox."""
    since = memory.note("forgot")
    return since is not None and queue.all_wait_since(int(since))
