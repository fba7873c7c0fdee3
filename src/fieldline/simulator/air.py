"""The air around the tower as functions of (seed, time, height): heat, moisture, wind, carbon dioxide."""

from __future__ import annotations

import numpy as np

from .climate import cloud_cover, highs, leaves, overcast, rain_rate, season, spells, sun_power
from .noise import Floats, Ints, logistic, remembered, smooth, turbulent
from .sun import DAY, night_hours, position, solar_hour

EDDIES = (900.0, 300.0, 60.0)  # seconds


def saturation(temperature: Floats) -> Floats:
    """Saturation vapour pressure over water [kPa] at [degC]. Source: Alduchov and Eskridge 1996, the Magnus form."""
    return np.asarray(0.61094 * np.exp(17.625 * temperature / (temperature + 243.04)))


@remembered
def daylight(seconds: Ints) -> Floats:
    """0 at night to 1 by day, in between while the sun is near the horizon: what mixes the air."""
    return logistic((position(seconds)[0] - 6.0) / 3.0)


@remembered
def pressure(seed: int, seconds: Ints) -> Floats:
    """Air pressure [kPa]; 234 m above the sea."""
    return 98.6 + 0.75 * highs(seed, seconds) + 0.02 * smooth(seed, "pressure", seconds, 3600.0)


@remembered
def wind_speed(seed: int, seconds: Ints) -> Floats:
    """Mean wind at 46 m [m s-1]: gusty by day, weaker in a high."""
    mood = 0.33 * smooth(seed, "wind", seconds, 8 * 3600) - 0.18 * highs(seed, seconds)
    gusts = (0.10 + 0.10 * daylight(seconds)) * turbulent(seed, "gusts", seconds, EDDIES)
    return np.asarray(np.exp(1.25 + 0.25 * daylight(seconds) + mood + gusts))


@remembered
def temperature(seed: int, seconds: Ints, height: float) -> Floats:
    """Air temperature [degC] at `height` metres: warmest at the ground by day, coldest there in clear calm nights."""
    hour, day = solar_hour(seconds), daylight(seconds)
    swing = (1.2 + 4.6 * sun_power(seconds)) * (1.0 - 0.65 * overcast(seed, seconds))
    course = np.cos(2 * np.pi * (hour - 15.0) / 24.0) + 0.18 * np.cos(4 * np.pi * (hour - 14.5) / 24.0)
    calm = np.exp(-((wind_speed(seed, seconds) / 5.0) ** 2))
    cover = cloud_cover(seed, seconds)
    inversion = (1.0 - day) * (0.3 + 4.0 * (1.0 - 0.85 * cover) * calm)
    gradient = 1.1 * day * sun_power(seconds) * (1.0 - 0.7 * cover) - inversion
    near = np.log(46.0 / height) / np.log(46.0 / 3.0)
    eddies = (0.05 + 0.15 * day) * turbulent(seed, f"heat/{height:g}", seconds, EDDIES)
    base = 6.0 + 14.0 * season(seconds, 204.0) + spells(seed, seconds) - 0.4 * rain_rate(seed, seconds)
    return np.asarray(base + swing * course + gradient * near + eddies)


@remembered
def vapour(seed: int, seconds: Ints, height: float) -> Floats:
    """Vapour pressure [kPa], never above saturation; trees add to it by day."""
    dry = 7.5 + 2.5 * smooth(seed, "dew", seconds, 1.5 * DAY)
    mean = 6.0 + 14.0 * season(seconds, 204.0) + spells(seed, seconds)
    dew = mean - dry * (1.0 - 0.8 * overcast(seed, seconds)) - 0.5
    eddies = 1.0 + 0.012 * turbulent(seed, f"vapour/{height:g}", seconds, EDDIES)
    trees = 0.06 * leaves(seconds) * daylight(seconds) * np.exp(-(((height - 15.0) / 15.0) ** 2))
    wet = 1.0 + 0.03 * np.minimum(rain_rate(seed, seconds), 3.0)
    air = temperature(seed, seconds, max(height, 1.0))
    return np.asarray(np.minimum((saturation(dew) + trees) * eddies * wet, 0.995 * saturation(air)))


@remembered
def respiration(seed: int, seconds: Ints) -> Floats:
    """What soil and trees breathe out [umol m-2 s-1]: doubles every 10 K, little in winter."""
    mean = 8.7 + 8.2 * season(seconds, 208.0) + 0.5 * spells(seed, seconds)
    return np.asarray((1.6 + 3.6 * leaves(seconds)) * 2.0 ** ((mean - 15.0) / 10.0))


def carbon_dioxide(seed: int, seconds: Ints, height: float) -> Floats:
    """Mole fraction of CO2 [umol mol-1]: it gathers near the ground from sunset on and is mixed away after sunrise."""
    night = night_hours(seconds)
    dark = (solar_hour(seconds) + night / 2.0) % 24.0  # hours since sunset
    filled = 1.0 - np.exp(-np.minimum(dark, night) / 5.0)
    stored = filled * np.exp(-np.maximum(dark - night, 0.0) / 1.3)
    calm = 0.25 + 1.2 * np.exp(-((wind_speed(seed, seconds) / 4.5) ** 2))
    near = np.exp(-height / 9.0) + 0.04
    built = 22.0 * respiration(seed, seconds) * stored * calm * near
    trend = 415.0 + 2.4 * (np.asarray(seconds) / (365.25 * DAY) - 51.0)
    uptake = 7.0 * leaves(seconds) * daylight(seconds) * np.exp(-(((height - 20.0) / 25.0) ** 2))
    floor = 3.0 * respiration(seed, seconds) * np.exp(-height / 1.5)
    eddies = (0.6 + 0.05 * built) * turbulent(seed, f"carbon/{height:g}", seconds, EDDIES)
    return np.asarray(trend + 8.0 * season(seconds, 105.0) - uptake + floor + built + eddies)
