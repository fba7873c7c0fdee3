"""Where the sun stands over the tower.

Source: NOAA Global Monitoring Laboratory, "General Solar Position Calculations" (solareqns.pdf), after Spencer 1971;
good to about half a degree. Site: US-UMB, University of Michigan Biological Station, 45.56 N, 84.71 W. The loggers
keep the standard time of the site, UTC-5, all year; `seconds` count from 1970-01-01 00:00 on that clock.
"""

from __future__ import annotations

import numpy as np

from .noise import Floats, Ints, remembered

LATITUDE = 45.56  # degrees north
LONGITUDE = -84.71  # degrees east
UTC_OFFSET_HOURS = -5
DAY = 86_400  # seconds


@remembered
def day_of_year(seconds: Floats | Ints) -> Floats:
    """Days since the first of January 00:00, with fraction (0 to 366)."""
    moment = np.asarray(seconds).astype("datetime64[s]")
    return np.asarray((moment - moment.astype("datetime64[Y]")) / np.timedelta64(DAY, "s"), dtype=np.float64)


@remembered
def _fourier(seconds: Floats | Ints) -> tuple[Floats, Floats]:
    """The equation of time [minutes] and the declination of the sun [rad]."""
    year = 2.0 * np.pi / 365.0 * (day_of_year(seconds) - 0.5)
    sin1, cos1, sin2, cos2 = np.sin(year), np.cos(year), np.sin(2 * year), np.cos(2 * year)
    equation = 229.18 * (0.000075 + 0.001868 * cos1 - 0.032077 * sin1 - 0.014615 * cos2 - 0.040849 * sin2)
    declination = 0.006918 - 0.399912 * cos1 + 0.070257 * sin1 - 0.006758 * cos2 + 0.000907 * sin2
    declination += -0.002697 * np.cos(3 * year) + 0.00148 * np.sin(3 * year)
    return equation, declination


@remembered
def solar_hour(seconds: Floats | Ints) -> Floats:
    """True solar time, 0 to 24 [h]; the sun stands in the south at 12."""
    minutes = _fourier(seconds)[0] + 4.0 * LONGITUDE - 60.0 * UTC_OFFSET_HOURS
    return (np.asarray(seconds, dtype=np.float64) / 3600.0 + minutes / 60.0) % 24.0


def night_hours(seconds: Floats | Ints) -> Floats:
    """From sunset to sunrise without refraction [h]."""
    cosine = -np.tan(np.radians(LATITUDE)) * np.tan(_fourier(seconds)[1])
    return np.asarray(24.0 - 2.0 * np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))) / 15.0)


@remembered
def position(seconds: Floats | Ints) -> tuple[Floats, Floats]:
    """Elevation over the horizon without refraction, and azimuth clockwise from north [degrees]."""
    declination, angle = _fourier(seconds)[1], np.radians(15.0 * (solar_hour(seconds) - 12.0))
    latitude = np.radians(LATITUDE)
    sine = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(angle)
    south = np.cos(angle) * np.sin(latitude) - np.tan(declination) * np.cos(latitude)
    azimuth = (np.degrees(np.arctan2(np.sin(angle), south)) + 180.0) % 360.0
    return np.degrees(np.arcsin(np.clip(sine, -1.0, 1.0))), azimuth
