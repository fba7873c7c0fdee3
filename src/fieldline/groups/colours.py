"""One colour a height, the same everywhere, as on the dashboard that people know: 46 m red, 34 m orange, 15 m green,
3 m blue; others lie between.

Each is at least 3:1 against a white page and a dark one (WCAG 2.2, 1.4.11), and the four stay apart for people who
can't tell red from green. Okabe and Ito's palette (2008), darkened where it was too light.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

_HEIGHTS = (
    (0.0, "#8a6fd1"),
    (3.0, "#2f80c8"),
    (15.0, "#009e73"),
    (34.0, "#c58300"),
    (46.0, "#d6322d"),
    (70.0, "#b9509a"),
)
_DEPTHS = (
    (0.02, "#d6322d"),
    (0.075, "#c58300"),
    (0.2, "#009e73"),
    (0.5, "#2f80c8"),
    (1.0, "#8a6fd1"),
    (3.0, "#b9509a"),
)
PALETTE = ("#d6322d", "#2f80c8", "#009e73", "#c58300", "#8a6fd1", "#b9509a", "#4b93a8", "#7d8a2e", "#a6693c", "#7f8790")
COMPONENTS = {
    **{"SW_IN": "#c58300", "SW_OUT": "#a6693c", "LW_IN": "#d6322d", "LW_OUT": "#b9509a", "NETRAD": "#2f80c8"},
    **{"H": "#d6322d", "LE": "#009e73", "G": "#a6693c", "FC": "#7d8a2e"},
    **{"P": "#2f80c8", "P_RAIN": "#2f80c8", "P_SNOW": "#4b93a8"},
}


def of_height(metres: float) -> str:
    """The colour of a height above the ground. [m]"""
    return _between(_HEIGHTS, metres, lambda x: x)


def of_depth(metres: float) -> str:
    """The colour of a depth in the soil, warm at the surface. [m]"""
    return _between(_DEPTHS, metres, lambda x: math.log(max(x, 0.001)))


def of_number(number: int) -> str:
    """The colour of the nth series where no height tells them apart."""
    return PALETTE[number % len(PALETTE)]


def shade(colour: str, number: int) -> str:
    """A colour for the nth of those that should share it: itself, then two lighter or darker ones, and again.

    The lightness stays where a line can be seen on both pages.
    """
    red, green, blue = light = _linear(colour)
    own = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    end = max(_SEEN, key=lambda one: abs(one - own))
    wanted = (own, end, (own + end) / 2)[number % 3]
    if number % 3 == 0:
        return colour
    if wanted < own:
        return "#" + "".join(f"{_byte(part * wanted / own):02x}" for part in light)
    white = (wanted - own) / (1 - own)
    return "#" + "".join(f"{_byte(part + (1 - part) * white):02x}" for part in light)


_SEEN = (0.14, 0.28)  # relative luminance


def _between(stops: tuple[tuple[float, str], ...], at: float, scale: Callable[[float], float]) -> str:
    """The colour at a place between stops, mixed in linear light; the ends go on for ever."""
    x = scale(at)
    if x <= scale(stops[0][0]):
        return stops[0][1]
    for (low, one), (high, other) in itertools.pairwise(stops):
        if x <= scale(high):
            share = (x - scale(low)) / (scale(high) - scale(low))
            return _mixed(one, other, share)
    return stops[-1][1]


def _mixed(one: str, other: str, share: float) -> str:
    pairs = zip(_linear(one), _linear(other), strict=True)
    return "#" + "".join(f"{_byte(a + (b - a) * share):02x}" for a, b in pairs)


def _linear(colour: str) -> list[float]:
    return [(int(colour[k : k + 2], 16) / 255) ** 2.2 for k in (1, 3, 5)]


def _byte(light: float) -> int:
    return round(255 * math.pow(light, 1 / 2.2))
