"""One station day of the minute table: what every sensor of the tower shows at its height."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .air import (
    EDDIES,
    carbon_dioxide,
    daylight,
    pressure,
    saturation,
    temperature,
    vapour,
    wind_speed,
)
from .climate import cloud_cover, leaves, rain_rate, season
from .noise import Floats, Ints, normal, smooth, turbulent
from .sky import CALIBRATION, PHOTONS, sky
from .sun import DAY, position

STEFAN_BOLTZMANN = 5.670374e-8  # W m-2 K-4
TEMPERATURES = {"46m": 46.0, "34m": 34.0, "15m": 15.0, "avg_3m": 3.0}  # m
GASES = {"46m": 46.0, "34m": 34.0, "22m": 22.0, "7m": 7.0, "3m": 3.0, "0m": 0.0}  # m
TIP = 0.254  # mm, one tip of the rain gauge
# The spread of a sensor's readings, by the first word of its column, in the unit of the column.
NOISE = {"Temp": 0.02, "RH": 0.15, "Sonic": 0.03, "U": 0.02, "Wind": 0.02, "CO2": 0.15, "H2O": 0.02, "Cell": 1.0}
NOISE |= {"PPFD": 0.15, "Total": 0.15, "Diffuse": 0.1, "Downward": 0.15, "Incident": 0.25, "Reflected": 0.15}
NOISE |= {"Outgoing": 0.25, "Net": 0.3, "Battery": 0.004, "Panel": 0.01, "Uz": 0.01}


def _radiation(seed: int, stamps: Ints) -> dict[str, Floats]:
    """Means over each minute of what the five-second course shows; far infrared after Brutsaert 1975."""
    fine = (stamps[:, None] + np.arange(-55, 1, 5)[None, :]).ravel()
    here = sky(seed, fine)

    def mean(values: Floats) -> Floats:
        return np.asarray(values.reshape(-1, 12).mean(axis=1))

    incident, diffuse, cover = mean(here.incident), mean(here.diffuse), mean(here.cover)
    offset = -1.2 * (1.0 - cover) * (position(stamps)[0] < 0)
    kelvin = temperature(seed, stamps, 15.0) + 273.15
    emissivity = 1.24 * (10.0 * vapour(seed, stamps, 46.0) / kelvin) ** (1.0 / 7.0)
    sky_heat = np.minimum(emissivity * (1.0 + 0.22 * cover**2.75), 1.0) * STEFAN_BOLTZMANN * kelvin**4
    canopy_heat = 0.98 * STEFAN_BOLTZMANN * (kelvin + 0.0025 * incident) ** 4 + 0.02 * sky_heat
    albedo = 0.135 + 0.06 * (1.0 - leaves(stamps)) * np.clip(season(stamps, 20.0), 0.0, 1.0)
    return {
        "Incident_solar_46m": incident + offset,
        "Reflected_solar_46m": albedo * incident + 0.5 * offset,
        "Incident_far_red_46m": sky_heat,
        "Outgoing_far_red_46m": canopy_heat,
        "Net_radiation_46m": (1.0 - albedo) * incident + sky_heat - canopy_heat,
        "PPFD_46m": PHOTONS * incident,
        "Diffuse_PPFD_46m": PHOTONS / CALIBRATION * diffuse,
        "Total_PPFD_46m": PHOTONS / CALIBRATION * incident,
        "Downward_PAR_37m": 0.985 * PHOTONS * incident,
    }


def _wind(seed: int, stamps: Ints) -> dict[str, Floats]:
    speed, day = wind_speed(seed, stamps), daylight(stamps)
    below = 0.72 * speed * (1.0 + 0.05 * turbulent(seed, "gusts/34", stamps, EDDIES))
    veer = 75.0 * smooth(seed, "veer", stamps, 1.5 * DAY) + 25.0 * smooth(seed, "veer", stamps, 3 * 3600)
    sway = (4.0 + 9.0 * day) * turbulent(seed, "sway", stamps, EDDIES)
    return {
        "U_wind_speed_46m": speed,
        "U_wind_speed_34m": below,
        "Wind_speed_46m": 0.98 * speed,
        "Wind_dir_46m": (250.0 + veer + sway) % 360.0,
        "Uz_46m": 0.02 + 0.035 * speed * (0.5 + day) * turbulent(seed, "lift/46", stamps, (120.0, 60.0)),
        "Uz_34m": 0.01 + 0.035 * below * (0.5 + day) * turbulent(seed, "lift/34", stamps, (120.0, 60.0)),
    }


def _sonic(seed: int, stamps: Ints, height: float) -> Floats:
    """Temperature as sound tells it [degC]: warmer in moist air (Schotanus 1983)."""
    kelvin = temperature(seed, stamps, height) + 273.15
    return kelvin * (1.0 + 0.32 * vapour(seed, stamps, height) / pressure(seed, stamps)) - 273.15


def _heat(seed: int, stamps: Ints) -> dict[str, Floats]:
    course: dict[str, Floats] = {}
    for level, height in TEMPERATURES.items():
        course[f"Temp_{level}"] = temperature(seed, stamps, height)
    for level, height in TEMPERATURES.items():
        course[f"RH_{level}"] = 100.0 * vapour(seed, stamps, height) / saturation(course[f"Temp_{level}"])
    for level in ("46m", "34m"):
        course[f"Sonic_temp_{level}"] = _sonic(seed, stamps, GASES[level]) + 0.1
        # Both analysers give their cell's state as volts: 100 mV/K from 0 degC, 40 mV/kPa (scales of this simulation).
        course[f"Cell_temp_{level}"] = 100.0 * np.clip(0.6 * course[f"Temp_{level}"] + 14.0, 0.0, 50.0)
        course[f"Cell_pressure_{level}"] = 40.0 * (pressure(seed, stamps) - 0.012 * GASES[level] - 0.4)
    sun = clear_share(seed, stamps)
    course["Battery_voltage"] = 12.55 + 0.9 * sun + 0.05 * smooth(seed, "battery", stamps, 7200.0)
    course["Panel_temp"] = course["Temp_avg_3m"] + 1.5 + 5.0 * sun
    return course


def clear_share(seed: int, stamps: Ints) -> Floats:
    """How strongly the sun heats and charges the logger box, 0 to 1."""
    height = np.maximum(np.sin(np.radians(position(stamps)[0])), 0.0)
    return np.asarray(height**0.5 * (1.0 - 0.7 * cloud_cover(seed, stamps)))


def _gases(seed: int, stamps: Ints) -> dict[str, Floats]:
    air = pressure(seed, stamps)
    carbon = {f"CO2_{level}": carbon_dioxide(seed, stamps, height) for level, height in GASES.items()}
    water = {f"H2O_{level}": 1000.0 * vapour(seed, stamps, height) / air for level, height in GASES.items()}
    return carbon | water


@lru_cache(maxsize=2)
def air_course(seed: int, day: int) -> dict[str, Floats]:
    """One station day of fastdata, 1,440 minutes, and the rain: `Rain` [mm]. Do not change the arrays."""
    stamps = np.arange(1, 1441, dtype=np.int64) * 60 + day * DAY
    course = _heat(seed, stamps) | _wind(seed, stamps) | _gases(seed, stamps) | _radiation(seed, stamps)
    for name, values in course.items():
        course[name] = values + NOISE[name.split("_")[0]] * normal(seed, name, stamps)
        if name.startswith("RH"):
            course[name] = np.minimum(course[name], 100.0)
    course["Wind_dir_46m"] %= 360.0
    fallen = np.floor(np.cumsum(rain_rate(seed, stamps) / 60.0) / TIP)
    course["Rain"] = TIP * np.diff(fallen, prepend=0.0)
    return course
