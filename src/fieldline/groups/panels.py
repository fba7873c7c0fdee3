"""Fields to panels: over heights, between sensors, profiles, roses, balances, flags and what is missing."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from . import colours, levels
from .kinds import GROUPS, pretty
from .shown import Shown, changed, human

Kind = Literal["lines", "pair", "profile", "rose", "depth", "fingerprint", "flags", "missing", "diagnostics", "balance"]
MOST = 12  # series in a panel: more can't be told apart
_PAIRS = 3  # pairs of one family: more would bury the rest
_PROFILES = ("TA", "RH", "CO2", "H2O", "WS", "CH4")
_DAILY = ("TA", "RH", "WS", "CO2", "SW_IN", "NETRAD", "PPFD_IN", "TS", "SWC", "FC", "LE")
_RADIATION = ("SW_IN", "SW_OUT", "LW_IN", "LW_OUT", "NETRAD")
_ENERGY = ("NETRAD", "H", "LE", "G")
_RANKS = {name: place for place, name in enumerate((*_RADIATION, *_ENERGY[1:]))}
_APART = ("RADIATION", "ENERGY", "CARBON")  # what belongs together is what one table measured
_NO_PAIRS = ("RADIATION", "P", "WD", "DIAG", "GRADE", "SAMPLES")
_DASHES = 4  # that a page draws
_PACE = 12  # times as long between rows: a panel of its own, so that daily values are no dots among minutes
_DAYS = 12 * 3600  # [s] tables with rows so far apart show no course of a day
_STATISTICS = {"": "", "extremes": ", extremes", "spread": ", standard deviation", "total": ", totals"}


@dataclass(frozen=True)
class Threshold:
    """A limit to draw. flag: 3 suspect beyond it, 4 fail."""

    value: float
    flag: int


@dataclass(frozen=True)
class Panel:
    """One picture. kind: what picture.

    pair: two series of one quantity. rose: speed, then direction. balance: the series by variable, without G
    where no soil heat flux is measured.
    missing: one series a table, of which only the table counts.
    """

    id: str
    kind: Kind
    title: str
    unit: str
    description: str
    series: tuple[Shown, ...]
    thresholds: tuple[Threshold, ...] = ()


@dataclass(frozen=True)
class Group:
    """Panels under one heading, which are never none."""

    id: str
    title: str
    panels: tuple[Panel, ...]


def groups(fields: Sequence[Shown]) -> list[Group]:
    """All panels; every field is in at least one of them."""
    found = []
    for name, title in GROUPS.items():
        mine = [one for one in fields if one.group == name]
        panels = [panel for make in _MAKERS for panel in make(name, mine)]
        if name == "fluxes":
            panels += _balances("energy", "Energy balance", _ENERGY, fields)
        if panels:
            found.append(Group(name, title, tuple(_numbered(name, panels))))
    quality = [*_flags(fields), *_missing(fields)]
    if quality:
        found.append(Group("quality", "Quality and completeness", tuple(_numbered("quality", quality))))
    return found


def _numbered(group: str, panels: Iterable[Panel]) -> Iterator[Panel]:
    """Panels with a title and an id each, which stay when others come."""
    panels, seen = list(panels), set[str]()
    titles = Counter((panel.title, panel.unit) for panel in panels)
    used = set[str]()
    for panel in panels:
        title = panel.title
        if titles[title, panel.unit] > 1:
            title = f"{title}, {panel.series[0].where}"
        title = _unused(title, panel, used)
        used.add(title)
        words = "-".join(filter(None, (group, panel.kind, _slug(title), _slug(panel.unit))))
        unused = (name for number in itertools.count(1) if (name := words + f"-{number}" * (number > 1)) not in seen)
        seen.add(name := next(unused))
        yield replace(panel, title=title, id=name)


def _unused(title: str, panel: Panel, used: set[str]) -> str:
    """A title that no panel before has: with its unit, or with its table where it has none, at last with a number."""
    more = f" [{panel.unit}]" if panel.unit else f", {panel.series[0].where}"
    choices = itertools.chain((title, title + more), (f"{title}, {number}" for number in itertools.count(2)))
    return next(each for each in choices if each not in used)


def _slug(text: str) -> str:
    kept = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in text.lower())
    return "-".join(filter(None, kept.split("-")))


# ---- lines ----------------------------------------------------------------------------------------------------------


def _lines(group: str, fields: Sequence[Shown]) -> Iterator[Panel]:
    """The quick tables of all families first, then what comes more slowly."""
    paced = [(title, unit, *one) for title, unit, family in _families(fields) for one in _paces(family)]
    for title, unit, members, pace in sorted(paced, key=lambda one: bool(one[3])):
        kind: Kind = "diagnostics" if members[0].sort.family in ("DIAG", "GRADE") else "lines"
        for part, words in _parts(sorted(members, key=_order)):
            yield _panel(kind, f"{title}{words}{pace}", unit, part)


def _paces(members: Sequence[Shown]) -> list[tuple[list[Shown], str]]:
    """Members by how far apart their rows are, quickest first, and what the slower ones are called.

    Those of which that is not known are taken for quick. Totals share a panel only where their rows are equally far
    apart: 10 mm in an hour and 10 mm in a day are not the same rain.
    """
    total = members[0].total
    found: list[tuple[float, list[Shown]]] = []
    for one in sorted(members, key=lambda one: one.interval or 0):
        every = one.interval or 0
        if found and (every <= 1.01 * found[-1][0] if total else not found[-1][0] or every <= _PACE * found[-1][0]):
            found[-1][1].append(one)
            found[-1] = (found[-1][0] or every, found[-1][1])
        else:
            found.append((every, [one]))
    return [(some, f", {_every(every)}" if number else "") for number, (every, some) in enumerate(found)]


def _every(seconds: float) -> str:
    """How often rows come, in words."""
    known = {3600.0: "hourly", 86_400.0: "daily"}
    size, unit = next((size, unit) for size, unit in ((3600, "h"), (60, "min"), (0, "s")) if seconds >= 2 * size)
    return known.get(float(seconds)) or f"every {seconds / (size or 1):.4g} {unit}"


def _families(fields: Sequence[Shown]) -> list[tuple[str, str, list[Shown]]]:
    """Title, unit and members of each family; lone fields of unknown kinds share a panel for each unit."""
    families: dict[tuple[str, str, str, bool, bool, str], list[Shown]] = {}
    for one in fields:
        of = (
            one.measurement if one.apart is not None and not one.sort.known else ""
        )  # `free` of mem is not that of disk
        stem = one.sort.family if one.sort.known else one.at.core.rstrip("0123456789_") or one.at.core
        statistic = one.at.statistic
        if stem == "P" and statistic == "total":
            statistic = ""  # precipitation is one by nature
        families.setdefault((stem, one.unit, statistic, one.sort.known, one.total, of), []).append(one)
    pooled: dict[tuple[str, str, str, bool], list[Shown]] = {}
    found = []
    for (stem, unit, statistic, known, _, of), members in families.items():
        if not known and len(members) == 1 and not members[0].many:
            pooled.setdefault((unit, statistic, of, bool(of) and "percent" in stem), []).extend(members)
        else:
            title = members[0].sort.title if known else _of(of, human(stem))
            found.append((title + _STATISTICS[statistic], unit, members))
    for (unit, statistic, of, percent), members in pooled.items():
        others = "Percentages" if percent else members[0].sort.title or _others(unit)
        title = _of(of, human(members[0].name) if len(members) == 1 else others)
        found.append((title + _STATISTICS[statistic], unit, members))
    return found


def _of(measurement: str, title: str) -> str:
    """A title with the table before it, where that says what it is."""
    return f"{measurement}: {_small(title)}" if measurement else title


def _others(unit: str) -> str:
    return f"Others in {pretty(unit)}" if unit else "Others"


def _order(one: Shown) -> tuple[object, ...]:
    """From the top of the tower down into the soil; then by plot, variable, replicate and name."""
    height = one.height if one.height is not None else -one.depth if one.depth is not None else -math.inf
    component = _RANKS.get(one.sort.variable, len(_RANKS))
    return (
        -height,
        one.at.level or 0,
        one.at.plot or 0,
        component,
        one.sort.variable,
        one.at.replicate or 0,
        *_key(one),
    )


def _key(one: Shown) -> tuple[object, ...]:
    series = one.station if one.apart is None else (*map(levels.natural, one.apart), levels.natural(one.station))
    return (levels.natural(one.name), *one.table[:2], series)


def _parts(members: list[Shown]) -> list[tuple[list[Shown], str]]:
    """At most MOST series each: by plot where that is enough, else by what is next to each other."""
    apart = members[0].sort.family in _APART and len({one.table for one in members}) > 1
    if len(members) <= MOST and not apart:
        return [(members, "")]
    for split, word in _SPLITS:
        parts: dict[object, list[Shown]] = {}
        for one in members:
            parts.setdefault(split(one), []).append(one)
        if len(parts) > 1 and (apart or len(parts) <= len(members) / 2):
            return [(part, f"{word(part[0])}{more}") for mine in parts.values() for part, more in _parts(mine)]
    count = math.ceil(len(members) / MOST)
    size = math.ceil(len(members) / count)
    pieces = [members[first : first + size] for first in range(0, len(members), size)]
    return [(piece, f", {_span(piece) or f'part {number}'}") for number, piece in enumerate(pieces, 1)]


def _span(part: Sequence[Shown]) -> str:
    """From which level to which."""
    ends = [one.at.metres for one in (part[0], part[-1])]
    if None in ends or ends[0] == ends[1]:
        return ""
    first, last = (levels.length(end, part[0].sort.soil) for end in ends if end is not None)
    return f"{first} to {last}"


_SPLITS: tuple[tuple[Callable[[Shown], object], Callable[[Shown], str]], ...] = (
    (lambda one: one.table, lambda one: f", {one.where}"),
    (lambda one: one.at.plot, lambda one: f", plot {one.at.plot}" if one.at.plot is not None else ""),
    (lambda one: (one.apart or ("",))[0], lambda one: f", {(one.apart or ('',))[0]}"),
)


def _panel(kind: Kind, title: str, unit: str, series: Sequence[Shown], description: str = "") -> Panel:
    named = _labelled(series)
    painted = named if kind == "flags" else _painted(named)
    limits = _thresholds(series) if kind in ("lines", "fingerprint") else ()
    return Panel("", kind, title, pretty(unit), description or _sources(series), tuple(painted), limits)


def _labelled(series: Sequence[Shown]) -> list[Shown]:
    """Series whose labels tell them apart: by level, statistic, quantity, station, table, and at last name."""
    found = list(series)
    if len(found) == 1 and (name := levels.numbered(found[0].at)):
        return [changed(found[0], label=name)]
    if len({one.sort.variable for one in series}) > 1:
        found = [changed(one, label=_with_core(one)) for one in found]
    found = _told(found, lambda one: one.at.word)
    if len({one.label for one in found}) < len(found):
        found = [changed(one, label=_with_core(one)) for one in found]
    apart = _apart(series)
    if len(apart) == len(series) > 1 and len({one.name for one in series}) == 1:
        found = [changed(one, label=apart[one.table]) for one in found]  # what is measured stands in the title
    words = (lambda one: apart.get(one.table, _station(one)), lambda one: one.measurement)
    for word in (*words, lambda one: one.name, lambda one: one.bucket):
        found = _told(found, word)
    return found


def _apart(series: Sequence[Shown]) -> dict[tuple[str, str, str], str]:
    """What tells series without a station apart from the others of their table among these, by table."""
    tables: dict[tuple[str, str], dict[tuple[str, str, str], tuple[str, ...]]] = {}
    for one in series:
        if one.apart is not None:
            tables.setdefault(one.table[:2], {})[one.table] = one.apart
    found = dict[tuple[str, str, str], str]()
    for mine in tables.values():
        several = [len({*column}) > 1 for column in zip(*mine.values(), strict=True)]
        found |= {table: ", ".join(itertools.compress(words, several)) for table, words in mine.items()}
    return found


def _told(series: Sequence[Shown], word: Callable[[Shown], str]) -> list[Shown]:
    """A word more for those whose labels are equal."""
    counts = Counter(one.label for one in series)
    return [changed(one, label=_joined(one.label, word(one))) if counts[one.label] > 1 else one for one in series]


def _station(one: Shown) -> str:
    """A station for a label; one that is called after its height is no second height."""
    return f"station {one.station}" if one.station[:1].isdigit() else one.station


def _with_core(one: Shown) -> str:
    core = human(one.at.core)
    return one.label if one.label.startswith(core) else f"{core}, {one.label}"


def _joined(label: str, word: str) -> str:
    return f"{label}, {word}" if word and word not in label.split(", ") else label


def _painted(series: Sequence[Shown]) -> list[Shown]:
    """Colours by level where that tells series apart, else by component or number; equal colours get dashes.

    Where more share a colour than there are dashes, also shades of it. Of extremes a level has its colour everywhere,
    a sensor its shade, and the lowest a dash.
    """
    alone = len(series) == 1 and (series[0].height is not None or series[0].depth is not None)
    if not alone and len({_place(one) for one in series}) == 1:
        chosen = _components(series)
    else:
        chosen = [
            colours.of_number(number) if one.height is None and one.depth is None else one.colour
            for number, one in enumerate(series)
        ]
    by_colour: dict[str, list[Shown]] = {}
    found: list[Shown] = []
    for one, colour in zip(series, chosen, strict=True):
        before = by_colour.setdefault(colour, [])
        number, dash = _extreme(one, before) if one.at.statistic == "extremes" else (0, len(before))
        if one.at.statistic != "extremes" and chosen.count(colour) > _DASHES:
            number, dash = dash % 3, dash % _DASHES  # both change from one to the next, and twelve are all different
        shade = colours.shade(colour, number)
        while any((other.colour, other.dash) == (shade, dash) for other in found):
            dash += 2
        before.append(one)
        found.append(changed(one, colour=shade, dash=dash))
    return found


def _place(one: Shown) -> tuple[object, ...]:
    """What series must share to be coloured by something else; never extremes of a level."""
    level = (one.height, one.depth)
    return (*level, one.name) if one.at.statistic == "extremes" and any(at is not None for at in level) else level


def _extreme(one: Shown, before: Sequence[Shown]) -> tuple[int, int]:
    """Shade and dash: which sensor of this colour it is, and whether its lowest values."""
    sensors = list(dict.fromkeys(_sensor(each) for each in (*before, one)))
    return sensors.index(_sensor(one)), int(one.at.word == "Min")


def _sensor(one: Shown) -> tuple[object, ...]:
    return (one.table, one.at.core, one.at.plot, one.at.replicate, one.at.level)


def _components(series: Sequence[Shown]) -> list[str]:
    """Fixed colours for the components of a balance, the next free one of the palette for the others."""
    fixed = [colours.COMPONENTS.get(one.sort.variable, "") for one in series]
    named = [colour for colour in fixed if colour]
    if len(set(named)) < len(named):
        fixed, named = [""] * len(series), []
    free = itertools.cycle([colour for colour in colours.PALETTE if colour not in named] or colours.PALETTE)
    return [colour or next(free) for colour in fixed]


def _sources(series: Sequence[Shown]) -> str:
    """Which tables it comes from."""
    tables = dict.fromkeys(
        f"{'' if one.apart is not None else one.station} {one.measurement}".strip() for one in series
    )
    return "From " + ", ".join(tables) + "."


def _thresholds(series: Sequence[Shown]) -> tuple[Threshold, ...]:
    """The limits that all series share."""
    found = set[tuple[float, int]]()
    for flag, pairs in ((3, {one.suspect for one in series}), (4, {one.limits for one in series})):
        if len(pairs) == 1:
            found |= {(value, flag) for value in pairs.pop() if value is not None}
    return tuple(Threshold(value, flag) for value, flag in sorted(found))


# ---- other pictures --------------------------------------------------------------------------------------------------


def _pairs(group: str, fields: Sequence[Shown]) -> Iterator[Panel]:
    """Two instruments at one level first, then neighbours from the top down."""
    for title, unit, members in _families(_means(fields)):
        if members[0].sort.family not in _NO_PAIRS and members[0].sort.known:
            for pair in _quickest(_neighbours(sorted(members, key=_order)))[:_PAIRS]:
                one, other = (each.label for each in _labelled(pair))
                yield _panel("pair", _both(title, one, other, pair[0]), unit, pair,
                             f"{one} minus {other}, and one against the other.")  # fmt: skip


def _both(title: str, one: str, other: str, first: Shown) -> str:
    """A short title: 'CO2: 46 m and 34 m', but 'PPFD and Total PPFD, 46 m', whose names say what they are."""
    level = f", {levels.words(first.at, first.sort.soil)}"
    if one.endswith(level) and other.endswith(level):
        return f"{one.removesuffix(level)} and {other}"
    return f"{title}: {one} and {other}"


def _quickest(pairs: Sequence[tuple[Shown, Shown]]) -> list[tuple[Shown, Shown]]:
    """Of each station only the pairs of that of its tables with pairs whose rows come quickest."""
    best: dict[str, float] = {}
    for one, _ in pairs:
        best[one.station] = min(one.interval or 0, best.get(one.station, math.inf))
    return [pair for pair in pairs if (pair[0].interval or 0) == best[pair[0].station]]


def _neighbours(members: Sequence[Shown]) -> list[tuple[Shown, Shown]]:
    """The pairs of one table and variable, at most one from each level to itself and one to the next."""
    alike: dict[object, list[tuple[int, Shown]]] = {}
    for place, one in enumerate(members):
        alike.setdefault((one.table, one.sort.variable), []).append((place, one))
    pairs = [pair for mine in alike.values() for pair in itertools.combinations(mine, 2)]
    pairs.sort(key=lambda pair: (pair[0][0], pair[1][0]))
    steps = [(one, other) for (_, one), (_, other) in pairs if one.at.metres is not None]
    below: dict[object, list[tuple[float | None, float | None]]] = {}
    for one, other in steps:
        below.setdefault((one.table, one.sort.variable, _level(one)), []).append(_level(other))
    same: dict[object, tuple[Shown, Shown]] = {}
    near: dict[object, tuple[Shown, Shown]] = {}
    for one, other in steps:
        key = (one.table, one.sort.variable, _level(one))
        following = next((level for level in below[key] if level != _level(one)), None)
        if _level(one) == _level(other):
            same.setdefault(key, (one, other))
        elif _level(other) == following and one.at.plot == other.at.plot:
            near.setdefault(key, (one, other))
    return [*same.values(), *near.values()]


def _level(one: Shown) -> tuple[float | None, float | None]:
    return (one.at.metres, one.at.top)


def _sonic(group: str, fields: Sequence[Shown]) -> Iterator[Panel]:
    """The sonic's temperature beside the air's at the same height."""
    means = sorted((one for one in _means(fields) if one.sort.variable in ("TA", "T_SONIC")), key=_order)
    air = {(*one.table, one.height, one.unit): one for one in means if one.sort.variable == "TA"}
    sonic = [one for one in means if one.sort.variable == "T_SONIC" and one.height is not None]
    beside = [(one, air.get((*one.table, one.height, one.unit))) for one in sonic]
    for one, other in [(one, other) for one, other in beside if other is not None][:_PAIRS]:
        yield _panel("pair", f"Sonic and air temperature, {levels.length(one.height or 0)}", one.unit, (one, other),
                     "The sonic's temperature minus the air's; it is warmer in humid air.")  # fmt: skip


def _means(fields: Iterable[Shown]) -> list[Shown]:
    return [one for one in fields if one.at.statistic == "" and one.kind != "boolean" and not _is_corrected(one)]


def _hourly(fields: Iterable[Shown]) -> list[Shown]:
    """Means of tables that show the course of a day."""
    return [one for one in _means(fields) if (one.interval or 0) < _DAYS]


def _is_corrected(one: Shown) -> bool:
    return one.name.endswith("_corrected")


def _profiles(group: str, fields: Sequence[Shown]) -> Iterator[Panel]:
    means = _hourly(fields)
    for variable in _PROFILES:
        for unit, members in _by_unit(one for one in means if one.sort.variable == variable):
            placed = _one_a_level(one for one in members if one.height is not None)
            if len(placed) >= 3:
                yield _panel("profile", f"Profile of {_small(placed[0].sort.title)}", unit, placed[:MOST],
                             "Values over height at the cursor's time.")  # fmt: skip


def _small(title: str) -> str:
    """A title within a sentence."""
    return title[0].lower() + title[1:] if title[1:2].islower() else title


def _by_unit(fields: Iterable[Shown]) -> list[tuple[str, list[Shown]]]:
    found: dict[str, list[Shown]] = {}
    for one in fields:
        found.setdefault(one.unit, []).append(one)
    return list(found.items())


def _one_a_level(fields: Iterable[Shown]) -> list[Shown]:
    """The first of each level, from the top down, of the table that has most of them."""
    members = sorted(fields, key=_order)
    counts: dict[tuple[str, str, str], set[float | None]] = {}
    for one in members:
        counts.setdefault(one.table, set()).add(one.at.metres)
    best = max(sorted(counts), key=lambda table: len(counts[table])) if counts else None
    return list({one.at.metres: one for one in reversed(members) if one.table == best}.values())[::-1]


def _roses(group: str, fields: Sequence[Shown]) -> Iterator[Panel]:
    means = _hourly(fields)
    speeds = sorted((one for one in means if one.sort.family == "WS"), key=_order)
    for direction in sorted((one for one in means if one.direction), key=_order):
        same = [one for one in speeds if one.table == direction.table]
        level = [one for one in same if one.at.metres == direction.at.metres] or same
        named = [one for one in level if one.at.core.removesuffix("_speed") == direction.at.core.removesuffix("_dir")]
        if level:
            words = f", {levels.words(direction.at, False)}" if direction.at.metres is not None else ""
            yield _panel("rose", f"Wind rose{words}", level[0].unit, ((named or level)[0], direction),
                         "How often the wind comes from where, by its speed.")  # fmt: skip


def _depths(group: str, fields: Sequence[Shown]) -> Iterator[Panel]:
    """Depth over time, for each table; by plot, if all together are too many."""
    for title, unit, members in _families(_means(fields)):
        soil = [one for one in members if one.depth is not None and one.at.top is None and one.sort.known]
        for table in dict.fromkeys(one.table for one in soil):
            for part, words in _parts(sorted((one for one in soil if one.table == table), key=_order)):
                if len({one.depth for one in part}) >= 3:
                    yield _panel("depth", f"{title} by depth and time{words}", unit, part,
                                 "The mean where several sensors share a depth.")  # fmt: skip


def _prints(group: str, fields: Sequence[Shown]) -> Iterator[Panel]:
    """Date and time of day, for the uppermost sensor of quantities that have a daily course."""
    means = _hourly(fields)
    for variable in _DAILY:
        mine = sorted((one for one in means if one.sort.variable == variable), key=_order)
        if mine:
            top = min((one for one in mine if _level(one) == _level(mine[0])), key=lambda one: one.interval or 0)
            title = human(top.at.core) if top.sort.family in _APART else top.sort.title
            words = levels.words(top.at, top.sort.soil)
            yield _panel("fingerprint", f"{title} by date and hour{words and ', ' + words}", top.unit, [top],
                         "One line a day, one column a time of day, on the station's clock.")  # fmt: skip


def _radiation(group: str, fields: Sequence[Shown]) -> Iterator[Panel]:
    if group == "radiation":
        yield from _balances("radiation", "Radiation balance", _RADIATION, fields)


def _balances(name: str, title: str, wanted: Sequence[str], fields: Sequence[Shown]) -> Iterator[Panel]:
    """One for each table that has all parts but the soil's: without any other one, nothing would be balanced."""
    means = sorted((one for one in _means(fields) if one.sort.variable in wanted), key=_order)
    for table in dict.fromkeys(one.table for one in sorted(means, key=lambda one: one.table)):
        first: dict[str, Shown] = {}
        for one in means:
            if one.table == table:
                first.setdefault(one.sort.variable, one)
        parts = tuple(first[variable] for variable in wanted if variable in first)
        if {*wanted} - first.keys() <= {"G"} and len({one.unit for one in parts}) == 1:
            yield _panel("balance", title, parts[0].unit, parts, _BALANCES[name])


_BALANCES = {
    "radiation": "Incoming minus outgoing radiation beside the measured net radiation.",
    "energy": "Net radiation minus soil heat flux beside the turbulent fluxes H + LE.",
}

_MAKERS: tuple[Callable[[str, Sequence[Shown]], Iterator[Panel]], ...] = (
    *(_lines, _profiles, _roses, _radiation, _depths, _pairs, _sonic, _prints),
)


def _flags(fields: Sequence[Shown]) -> Iterator[Panel]:
    """What the checks said, over time: one band a field, one panel a group."""
    for group, title in GROUPS.items():
        mine = sorted((one for one in fields if one.flags and one.group == group), key=_order)
        for part, words in _even(mine):
            yield _panel("flags", f"Flags: {_small(title)}{words}", "", part,
                         "The flag of each value over time, and which checks spoke.")  # fmt: skip


def _even(members: list[Shown]) -> list[tuple[list[Shown], str]]:
    count = math.ceil(len(members) / MOST)
    size = math.ceil(len(members) / count) if count else 1
    pieces = [members[first : first + size] for first in range(0, len(members), size)]
    return [(piece, f", part {number}" if count > 1 else "") for number, piece in enumerate(pieces, 1)]


def _missing(fields: Sequence[Shown]) -> Iterator[Panel]:
    """How many of the rows of each day came, for each table."""
    firsts = list({one.table: one for one in reversed(fields)}.values())[::-1]
    named = [changed(one, label=one.where) for one in firsts]
    for part, words in _even(named):
        unique = _labelled_tables(part)
        yield Panel("", "missing", f"Rows that came{words}", "%", "Share of the rows of each day.", tuple(unique))


def _labelled_tables(part: Sequence[Shown]) -> list[Shown]:
    labels = [one.label for one in part]
    return [changed(one, label=f"{one.bucket} {one.label}") if labels.count(one.label) > 1 else one for one in part]
