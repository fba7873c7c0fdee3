"""Lines of a parcel that was refused: which are tried next, and which are bad."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..errors import Rejected, TooLarge
from ..parcels import pack
from .queue import Waiting

Dead = list[tuple[list[bytes], str]]  # lines that were refused for good, and why


def smaller(lines: list[bytes], refused: Rejected, dead: Dead) -> list[list[bytes]]:
    """What is tried next of lines that were refused, the first of it last; bad lines go to `dead`."""
    reason = str(refused)
    if len(lines) == 1 or (refused.dropped == len(lines) and not isinstance(refused, TooLarge)):
        dead.append((lines, reason))
        return []
    named = {number: why for number, why in refused.named.items() if 0 < number <= len(lines)}
    if named:
        for number, why in sorted(named.items()):
            dead.append(([lines[number - 1]], why))
        good = [line for number, line in enumerate(lines, 1) if number not in named]
        return [good] if good else []
    half = len(lines) // 2
    return [lines[half:], lines[:half]]


def by_reason(dead: Sequence[tuple[list[bytes], str]]) -> Dead:
    """The lines that were refused for the same reason, together."""
    found: dict[str, list[bytes]] = {}
    for lines, reason in dead:
        found.setdefault(reason, []).extend(lines)
    return [(lines, reason) for reason, lines in found.items()]


def part(one: Waiting, lines: Sequence[bytes]) -> Waiting:
    """Some lines of a parcel as a parcel."""
    from ..lineprotocol import time_of

    times = [time_of(line, one.parcel.precision) for line in lines]
    parcel = pack(one.parcel.bucket, one.parcel.precision, b"".join(lines), len(lines))
    return replace(one, parcel=parcel, first=min(times), last=max(times))
