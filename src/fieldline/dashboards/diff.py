"""What differs between a dashboard that Grafana holds and one that was made, in lines for a person.

Only what was made is compared: Grafana adds ids, versions and defaults, and brings old models up to date.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile

from .frame import Json

_ADDED = ("id", "version")  # by Grafana, in every dashboard
_UPDATED = (*_ADDED, "schemaVersion")  # it brings dashboards up to date when it gives them back
_SAVED_WITH = "pluginVersion"  # of a panel: that of the Grafana on whose page it was saved
_LONGEST = 100  # characters of a value
_AROUND = 24  # characters beside what differs
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def mark(made: object) -> str:
    """Sixteen letters that tell one thing made from another."""
    kept = {key: value for key, value in made.items() if key not in _ADDED} if isinstance(made, Mapping) else made
    text = json.dumps(kept, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2s(text.encode(), digest_size=8).hexdigest()


def covers(stored: object, made: object) -> bool:
    """Whether all that was made stands in what is stored, whatever else does."""
    return next(differences(stored, made), None) is None


def differences(stored: object, made: object, path: str = "") -> Iterator[tuple[str, object, object]]:
    """(path, stored, made) for everything in `made` that is not so in `stored`."""
    if isinstance(made, Mapping) and isinstance(stored, Mapping):
        for key, value in made.items():
            if key != _SAVED_WITH and (path or key not in _UPDATED):
                yield from differences(stored.get(key), value, f"{path}.{key}" if path else str(key))
    elif _is_list(made) and _is_list(stored) and len(made) == len(stored):  # type: ignore[arg-type]
        for at, (one, other) in enumerate(zip(stored, made, strict=True)):  # type: ignore[call-overload]
            yield from differences(one, other, f"{path}[{at}]")
    elif not (stored == made or (_empty(stored) and _empty(made)) or _same_span(stored, made)):
        yield path, stored, made


def changes(stored: Json, made: Json) -> list[str]:
    """What would change in a dashboard, panel by panel."""
    found = [
        f"{path}: {_both(before, after)}"
        for path, before, after in differences(
            {key: value for key, value in stored.items() if key != "panels"},
            {key: value for key, value in made.items() if key != "panels"},
        )
    ]
    old, new = _panels(stored), _panels(made)
    found += [f"panel {name!r}: new" for name in new if name not in old]
    found += [f"panel {name!r}: is not made any more" for name in old if name not in new]
    moved = 0
    for name, panel in new.items():
        if name in old:
            lines = list(_of_panel(name, old[name], panel))
            found += lines
            moved += not lines and not covers(old[name].get("gridPos"), panel.get("gridPos"))
    return found + ([f"{moved} panels: moved"] if moved else [])


def _of_panel(name: str, old: Json, new: Json) -> Iterator[str]:
    """What differs in one panel, its questions first."""
    kept = ("id", "gridPos", "targets")
    before, after = (
        {one.get("refId"): one for one in panel.get("targets") or [] if isinstance(one, Mapping)}
        for panel in (old, new)
    )
    for letter in sorted({*before, *after}, key=str):
        one, other = (side.get(letter, {}).get("query") for side in (before, after))
        if one != other:
            yield f"panel {name!r}, query {letter}: {_both(one, other)}"
        elif not covers(before[letter], after[letter]):
            yield f"panel {name!r}, query {letter}: its settings"
    rest = {key: value for key, value in new.items() if key not in kept}
    for path, stored, made in differences(old, rest):
        yield f"panel {name!r}, {path}: {_both(stored, made)}"


def _panels(dashboard: Json) -> dict[str, Json]:
    """Panels by their titles, those in closed rows too; the second of one title has a number."""
    found: dict[str, Json] = {}
    for panel in _each(dashboard.get("panels") or []):
        title = str(panel.get("title") or panel.get("type") or "")
        name, number = title, 1
        while name in found:
            number += 1
            name = f"{title} ({number})"
        found[name] = panel
    return found


def _each(panels: Sequence[Json]) -> Iterator[Json]:
    for panel in panels:
        yield panel
        yield from _each(panel.get("panels") or [])


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _empty(value: object) -> bool:
    """Whether a value says nothing: Grafana leaves out what is empty, and adds what is."""
    return value is None or value in ("", [], {}, ()) or value is False


def _same_span(one: object, other: object) -> bool:
    """Whether two texts are one length of time: 5m and 5m0s."""
    if not (isinstance(one, str) and isinstance(other, str)):
        return False
    spans = [re.fullmatch(r"(?:\d+[wdhms])+", text) for text in (one, other)]
    if not all(spans):
        return False
    first, second = (
        sum(int(number) * _SECONDS[unit] for number, unit in re.findall(r"(\d+)([wdhms])", text))
        for text in (one, other)
    )
    return first == second


def _both(before: object, after: object) -> str:
    """`before -> after`; of two long texts what differs, and a little on both sides of it."""
    one, other = _text(before), _text(after)
    start = _alike(one, other)
    same = _alike(one[start:][::-1], other[start:][::-1])
    first, last = max(0, start - _AROUND), max(0, same - _AROUND)
    return " -> ".join(_cut(text, first, len(text) - last) if len(text) > _LONGEST else text for text in (one, other))


def _alike(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _text(value: object) -> str:
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
    return " ".join(text.split()) or "nothing"


def _cut(text: str, first: int, last: int) -> str:
    """Part of a text, itself cut where it is too long."""
    end = min(last, first + _LONGEST)
    return ("…" if first else "") + text[first:end] + ("…" if end < len(text) else "")
