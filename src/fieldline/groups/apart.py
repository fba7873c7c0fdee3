"""What tells the series of a table apart that no tag of a device names: the fewest of their tags, as words."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence

from ..ports import DEVICE_TAGS, Field
from .levels import natural
from .shown import Known

Tags = Mapping[str, str]
MOST_SERIES = 100  # of a table that are shown: containers, topics and the like come and go by thousands
_NATURAL = 1000  # series that are sorted as people count; for more it takes too long
_ALWAYS = "host"  # the machine that asked, said wherever there are several


def is_foreign(fields: Mapping[str, Field]) -> bool:
    """Whether a table has tags, none of which names a device: each combination of them is a series."""
    tags = {name for name, one in fields.items() if one.tag}
    return bool(tags) and not tags & {*DEVICE_TAGS}


def told(known: Iterable[Known]) -> dict[tuple[str, str, str], tuple[str, ...]]:
    """What tells apart the series of tables whose tags name no device, by bucket, measurement and name."""
    tables: dict[tuple[str, str], list[Known]] = {}
    for one in known:
        if is_foreign(one.fields):
            tables.setdefault((one.bucket, one.measurement), []).append(one)
    found = dict[tuple[str, str, str], tuple[str, ...]]()
    for (bucket, measurement), mine in tables.items():
        tags = telling([one.tags for one in mine])
        found |= {(bucket, measurement, one.station): words(one.tags, tags) for one in mine}
    return found


def telling(series: Sequence[Tags]) -> tuple[str, ...]:
    """The fewest tags that tell series apart, those with few values first.

    Left out: tags with one value, then those that follow from others, such as the file system of a disk from its path.
    """
    values = {tag: {one.get(tag, "") for one in series} for tag in {tag for one in series for tag in one}}
    tags = sorted((tag for tag in values if len(values[tag]) > 1), key=lambda tag: (len(values[tag]), tag))
    for tag in [tag for tag in tags if tag != _ALWAYS]:
        fewer = [other for other in tags if other != tag]
        if _different(series, fewer) == _different(series, tags):
            tags = fewer
    return tuple(sorted(tags, key=lambda tag: (tag != _ALWAYS, len(values[tag]), tag)))


def _different(series: Sequence[Tags], tags: Sequence[str]) -> int:
    return len({tuple(one.get(tag, "") for tag in tags) for one in series})


def words(one: Tags, tags: Sequence[str]) -> tuple[str, ...]:
    """A word for each of these tags of a series: 'cpu0', 'core 1' for a bare number, 'no cpu' where it has none."""
    return tuple(_word(tag, one.get(tag, "")) for tag in tags)


def _word(tag: str, value: str) -> str:
    if not value:
        return f"no {tag}"
    return value if any(letter.isalpha() for letter in value) else f"{tag} {value}"


def few(series: Mapping[str, int], most: int, lasting: int) -> list[str]:
    """At most so many series, in the order of names: those that still had rows at the end first, then by name.

    So they stay the same while rows come.

    Args:
        series: the newest time of each by its name.
        lasting: how much older than the newest of all still counts as the end, in the unit of these times.
    """
    end = max(series.values(), default=0) - lasting
    order = natural if len(series) <= _NATURAL else str
    best = heapq.nsmallest(most, series, key=lambda name: (series[name] < end, order(name)))
    return sorted(best, key=natural)
