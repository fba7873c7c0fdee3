"""How long parcels have waited, counted while this computer is on: the time of day has no part in it.

A computer's clock can be a year ahead for one run, and nothing may be thrown away for that. So age is counted by the
clock that starts with the computer: from one look to the next what it went on; where it is lower than before, the
computer was started anew since, and at least as long ago as it says now. Either way no more is counted than has really
passed, whatever the time of day was set to. Time off is not counted, so rows may stay longer, never shorter.

Which parcels are how old is known by their numbers, which only grow: a mark says which was the newest when.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from .queue import Queue

_MARKS = 100  # about so many within the time that matters: what is too old goes a hundredth of it late


@dataclass
class Age:
    """What has been counted. counted: [s] in all; uptime: of the computer at the last look [s]; marks: (counted,
    newest number) of earlier looks, growing."""

    counted: float = 0.0
    uptime: float = 0.0
    marks: list[tuple[float, int]] = field(default_factory=list)

    @classmethod
    def of(cls, queue: Queue) -> Age:
        """As the last look left it; begun anew, where nothing or nothing sound is remembered."""
        counted, uptime, marks = json.loads(queue.ledger.note("age") or "[0, 0, []]")
        return cls(counted, uptime, [(when, number) for when, number in marks])

    def look(self, uptime: float) -> None:
        """Count what has passed since the last look. uptime: how long the computer is on [s]."""
        if self.marks:  # else nothing waited before, and nothing is to be counted
            self.counted += uptime - self.uptime if uptime >= self.uptime else max(uptime, 0.0)
        self.uptime = uptime

    def mark(self, newest: int, longest: float) -> None:
        """Remember that numbers up to `newest` have been given by now, for as long as `longest` [s] takes."""
        known = self.marks if not self.marks or newest >= self.marks[-1][1] else []  # numbers that began anew
        marks = [*known, (self.counted, newest)]
        if len(marks) > 2 and marks[-1][0] - marks[-3][0] < longest / _MARKS:
            del marks[-2]
        while len(marks) > 1 and self.counted - marks[1][0] >= longest:
            del marks[0]
        self.marks = marks

    def keep(self, queue: Queue) -> None:
        """Remember it."""
        queue.ledger.keep_notes(age=json.dumps([self.counted, self.uptime, self.marks]))

    def older(self, longest: float) -> int:
        """The number up to which everything has waited for `longest` [s] at least; 0: nothing has."""
        return max((number for when, number in self.marks if self.counted - when >= longest), default=0)

    def waited(self, number: int) -> float:
        """How long a parcel has waited at least. [s]"""
        return max((self.counted - when for when, newest in self.marks if newest >= number), default=0.0)
