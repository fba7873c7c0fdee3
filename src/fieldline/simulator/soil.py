"""Soil temperature as damped waves, soil moisture as the memory of rain.

Source: the heat equation in a half space below a periodic surface (Campbell and Norman 1998, An Introduction to
Environmental Biophysics, ch. 8): amplitude exp(-z/d), lag z/d radians, d = sqrt(diffusivity x period / pi).
"""

from __future__ import annotations

import numpy as np

from .climate import FRONT, SLOT, overcast, rain_of_slots, season, spells, sun_power
from .noise import Floats, Ints, normal
from .sun import DAY, solar_hour

DIFFUSIVITY = 0.5e-6  # m2 s-1, moist sand
YEAR = 365.25 * DAY  # seconds
DEPTHS = {"2cm": 0.02, "7.5cm": 0.075, "20cm": 0.2, "50cm": 0.5, "1m": 1.0}  # m
PLOTS = (1, 2, 3)
# depth: dry [%], gain [% per mm], time to wet and to dry [days]
MOISTURE = {
    "5cm": (7.5, 0.45, 0.05, 2.5),
    "15cm": (9.0, 0.30, 0.3, 4.0),
    "30cm": (10.5, 0.20, 0.8, 7.0),
    "0-30cm": (9.0, 0.32, 0.3, 4.5),
}
MEMORY = 20 * DAY // SLOT  # slots of rain that soil remembers


def _wave(depth: float, period: float) -> tuple[float, float]:
    """What is left of a wave of `period` seconds at `depth` metres (0 to 1), and how late it comes [s]."""
    damping = float(np.sqrt(DIFFUSIVITY * period / np.pi))
    return float(np.exp(-depth / damping)), depth / damping * period / (2.0 * np.pi)


def soil_temperature(seed: int, seconds: Ints, depth: float) -> Floats:
    """Temperature of the soil at `depth` metres [degC]: the year, the warm and cold spells, the day."""
    moment = seconds.astype(np.float64)
    left, late = _wave(depth, YEAR)
    year = 9.2 + 7.3 * left * season(moment - late, 212.0)
    left, late = _wave(depth, 2.0 * FRONT)
    # Snow keeps the cold of winter out.
    spell = (0.15 + 0.35 * sun_power(seconds)) * left * spells(seed, moment - late)
    left, late = _wave(depth, DAY)
    strength = 2.6 * sun_power(seconds) * (1.0 - 0.65 * overcast(seed, moment - late))
    day = left * strength * np.cos(2.0 * np.pi * (solar_hour(moment - late) - 15.0) / 24.0)
    return np.asarray(year + spell + day)


def soil_moisture(seed: int, seconds: Ints, level: str) -> Floats:
    """Volumetric water content [%]: every shower of the last weeks wets quickly and drains slowly."""
    dry, gain, wetting, drying = MOISTURE[level]
    last = int(seconds.max()) // SLOT
    slots = np.arange(int(seconds.min()) // SLOT - MEMORY, last + 1)
    rain = rain_of_slots(seed, slots)
    wet = slots[rain > 0]
    age = np.maximum(seconds[:, None] - (wet * SLOT + SLOT // 2)[None, :], 0) / DAY
    answer = (1.0 - np.exp(-age / wetting)) * np.exp(-age / drying)
    # Older rain counts nothing, wherever a run begins.
    answer[age > MEMORY * SLOT / DAY - 1.0] = 0.0
    return np.asarray(dry + 3.0 * season(seconds, 100.0) + gain * answer @ rain[rain > 0])


def soil_course(seed: int, stamps: Ints) -> dict[str, Floats]:
    """The columns of slowdata: three plots that differ a little, each sensor with its offset and noise."""
    course: dict[str, Floats] = {}

    def seen(name: str, true: Floats, offset: float, spread: float) -> Floats:
        own = float(normal(seed, f"{name}/offset", np.zeros(1, dtype=np.int64))[0])
        return true + offset * own + spread * normal(seed, name, stamps)

    for level, depth in DEPTHS.items():
        for plot in PLOTS:
            name = f"Soil_temp_{level}_st{plot}"
            course[name] = seen(name, soil_temperature(seed, stamps, depth), 0.25, 0.015)
    for level in MOISTURE:
        for plot in PLOTS if level == "0-30cm" else (0,):
            name = f"Soil_moisture_{level}" + (f"_{plot}" if plot else "")
            course[name] = seen(name, soil_moisture(seed, stamps, level), 0.6, 0.03)
    return course
