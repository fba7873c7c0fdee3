"""Where a sensor is, as its name tells: height, depth, plot and replicate."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

_METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001}
_AT = re.compile(r"(?:^|_)(?:(\d+(?:\.\d+)?)-)?(\d+(?:\.\d+)?)(m|cm|mm)(?=_|$)")  # _46m, _7.5cm, _0-30cm
_PLOT = re.compile(r"_(?:st|plot|pit)_?(\d{1,3})(?=_|$)", re.IGNORECASE)
_REPLICATE = re.compile(r"_(?:(?:rep|r|sensor)_?)?(\d{1,2})(?=_|$)")
# _SD1_WVT: of a wind vector; RainTot: a total without a bar before it
_STATISTIC = re.compile(r"(?:_(Avg|Smp|Med|Max|Min|Std|SD|Tot|SIGMA)(?:\d_WVT)?|(?<=[a-z0-9])(Tot))$")
_POSITION = re.compile(r"(?P<core>[A-Z][A-Z0-9_]*?)(?:_PI)?(?:_F)?_(\d+)_(\d+)_(\d+|A)$")  # AmeriFlux: _H_V_R
_STATION = re.compile(r"(\d+(?:\.\d+)?)m")
_DIGITS = re.compile(r"([0-9]+)")
_SPREAD = {"Std": "spread", "SD": "spread", "SIGMA": "spread", "Max": "extremes", "Min": "extremes", "Tot": "total"}


@dataclass(frozen=True)
class Place:
    """What is left of a name, and what was taken from it.

    core: the name without levels and numbers. metres: above the ground, or below it for what is in the soil; None: the
    name doesn't tell. top: upper end of a range of depths [m]. level: place in a vertical order without metres, as
    AmeriFlux counts it. statistic: '' for means and samples, else extremes, spread or total; word: as the name has it.
    """

    core: str
    metres: float | None = None
    top: float | None = None
    plot: int | None = None
    replicate: int | None = None
    level: int | None = None
    statistic: str = ""
    word: str = ""

    @property
    def middle(self) -> float | None:
        """The level, or the middle of a range. [m]"""
        return self.metres if self.metres is None or self.top is None else (self.metres + self.top) / 2


@lru_cache(maxsize=50_000)
def natural(text: str) -> tuple[object, ...]:
    """A key to sort names by as people count: TC1, TC2, TC10."""
    parts = _DIGITS.split(text)
    numbers = [part.lstrip("0") for part in parts[1::2]]
    keys = itertools.zip_longest(parts[::2], ((len(number), number) for number in numbers), fillvalue=(0, ""))
    return (tuple(itertools.chain.from_iterable(keys)), text)


def place(name: str, station: str = "", heights: Mapping[str, float] | None = None) -> Place:
    """Take a field's name apart.

    Args:
        station: a station that is called after its height ('46m') stands for the height that the name lacks.
        heights: what a table of instruments says, by the names of fields; below the ground with a minus. [m]
    """
    told = (heights or {}).get(name)
    match = _STATISTIC.search(name)
    word = (match[1] or match[2]) if match else ""
    rest, statistic = (name[: match.start()] if match else name), _SPREAD.get(word, "")
    if position := _POSITION.fullmatch(rest):
        plot, level, sensor = position[2], position[3], position[4]
        metres = None if told is None else abs(told)
        replicate = int(sensor) if sensor.isdigit() else None
        return Place(position["core"], metres, None, int(plot), replicate, int(level), statistic, word)
    rest, metres, top = _measured(rest)
    rest, plot_number = _taken(_PLOT, rest)
    rest, replicate = _taken(_REPLICATE, rest)
    if told is not None:
        metres, top = abs(told), None
    elif metres is None:
        metres = height_of(station)
    core = re.sub(r"_(?:avg|mean)$", "", rest, flags=re.IGNORECASE) or name
    return Place(core, metres, top, plot_number, replicate, None, statistic, word)


def height_of(station: str) -> float | None:
    """The height that a station is called after, as '46m' is. [m]"""
    tower = _STATION.fullmatch(station)
    return float(tower[1]) if tower else None


def _measured(name: str) -> tuple[str, float | None, float | None]:
    """The name without its level, the level, and the upper end if it is a range. [m]"""
    found = list(_AT.finditer(name))
    if not found:
        return name, None, None
    last = found[-1]
    scale = _METRES[last[3]]
    top = None if last[1] is None else float(last[1]) * scale
    rest = name[: last.start()] + name[last.end() :]
    return rest.strip("_") or name, round(float(last[2]) * scale, 6), top


def _taken(pattern: re.Pattern[str], name: str) -> tuple[str, int | None]:
    """The name without what the pattern finds last, and the number in it."""
    found = list(pattern.finditer(name))
    if not found or not found[-1].start():
        return name, None
    last = found[-1]
    return name[: last.start()] + name[last.end() :], int(last[1])


def length(metres: float, soil: bool = False) -> str:
    """A height or a depth in words: '46 m', '7.5 cm'."""
    if soil and metres < 1:
        return f"{round(metres * 100, 4):g} cm"
    return f"{round(metres, 4):g} m"


def words(at: Place, soil: bool) -> str:
    """Where it is, in words: '46 m', '7.5 cm, plot 2', '0–30 cm, no. 1'."""
    parts = []
    if at.metres is not None:
        text = length(at.metres, soil)
        parts.append(text if at.top is None else f"{_start(at.top, at.metres)}–{text}")
    elif at.level is not None:
        parts.append(f"level {at.level}")
    if at.plot is not None:
        parts.append(f"plot {at.plot}")
    if at.replicate is not None:
        parts.append(f"no. {at.replicate}")
    return ", ".join(parts)


def numbered(at: Place) -> str:
    """A place without metres as AmeriFlux writes it, for a series that stands alone: 'TA 1_1_1'; else ''."""
    if at.level is None or at.metres is not None:
        return ""
    return f"{at.core} {at.plot}_{at.level}_{'A' if at.replicate is None else at.replicate}"


def _start(top: float, bottom: float) -> str:
    return f"{round(top * (100 if bottom < 1 else 1), 4):g}"
