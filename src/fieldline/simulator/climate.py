"""The slow part of the weather, as functions of (seed, time): seasons, highs and lows, cloud cover, rain."""

from __future__ import annotations

import numpy as np

from .noise import Floats, Ints, logistic, normal, remembered, smooth, uniform
from .sun import DAY, day_of_year

SLOT = 3 * 3600  # seconds; it rains or stays dry for a slot at a time
FRONT = 4 * DAY  # seconds between the knots of warm and cold spells


@remembered
def season(seconds: Floats | Ints, peak: float) -> Floats:
    """A cosine over the year, 1 on day `peak` and -1 half a year from it."""
    return np.asarray(np.cos(2.0 * np.pi * (day_of_year(seconds) - peak) / 365.25))


def sun_power(seconds: Floats | Ints) -> Floats:
    """The sun's energy of a clear day, as a share of that of the longest day."""
    return 0.62 + 0.38 * season(seconds, 172.0)


@remembered
def leaves(seconds: Floats | Ints) -> Floats:
    """Leaf area, 0 in winter to 1 in summer: out in mid May, down in early October."""
    day = day_of_year(seconds)
    return np.asarray(logistic((day - 138.0) / 5.0) * logistic((280.0 - day) / 6.0))


@remembered
def highs(seed: int, seconds: Floats | Ints) -> Floats:
    """The pressure pattern, standard normal: positive in a high."""
    return smooth(seed, "highs", seconds, 2.5 * DAY)


@remembered
def spells(seed: int, seconds: Floats | Ints) -> Floats:
    """How much warmer than the season it is [K]."""
    return np.asarray(3.5 * smooth(seed, "spells", seconds, FRONT) + 1.5 * smooth(seed, "spells", seconds, FRONT / 3))


@remembered
def overcast(seed: int, seconds: Floats | Ints) -> Floats:
    """Cloudiness of the day, 0 to 1: less in a high, more in winter."""
    gloom = -1.6 * highs(seed, seconds) + 1.4 * smooth(seed, "overcast", seconds, 1.2 * DAY)
    return logistic(gloom + 0.1 + 0.7 * season(seconds, 355.0))


@remembered
def cloud_cover(seed: int, seconds: Floats | Ints) -> Floats:
    """Cloudiness of the hour, 0 to 1."""
    cover = np.clip(overcast(seed, seconds), 0.01, 0.99)
    return logistic(np.log(cover / (1.0 - cover)) + 0.7 * smooth(seed, "cover", seconds, 4 * 3600))


def rain_of_slots(seed: int, slots: Ints) -> Floats:
    """What falls in each slot of three hours, counted from 1970 [mm]; showers where it is cloudy, none in frost."""
    middle = slots * SLOT + SLOT // 2
    chance = 0.55 * np.clip(cloud_cover(seed, middle) - 0.6, 0.0, None) / 0.4
    amount = np.exp(0.9 + 0.9 * normal(seed, "amount", slots))
    frost = 6.0 + 14.0 * season(middle, 204.0) + spells(seed, middle) < 0.5
    return np.where((uniform(seed, "shower", slots) < chance) & ~frost, amount, 0.0)


@remembered
def rain_rate(seed: int, seconds: Floats | Ints) -> Floats:
    """Rain as it falls [mm h-1]: swelling and ebbing within each wet slot."""
    place = np.asarray(seconds, dtype=np.float64) / SLOT
    slot = np.floor(place).astype(np.int64)
    first = int(slot.min())
    amounts = rain_of_slots(seed, np.arange(first, int(slot.max()) + 1))[slot - first]
    return np.asarray(amounts * (1.0 - np.cos(2.0 * np.pi * (place - slot))) * 3600.0 / SLOT)
