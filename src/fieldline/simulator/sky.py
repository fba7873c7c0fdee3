"""Radiation over the canopy every five seconds: a clear sky, and the clouds that pass before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .climate import cloud_cover, rain_rate
from .noise import Floats, Ints, logistic, normal, remembered, smooth, turbulent
from .sun import position

PHOTONS = (
    2.06  # umol of PAR photons in a joule of sunlight: 45 % of it at 4.57 umol/J (McCree 1972, with 0.45 PAR share)
)
CALIBRATION = 1.089  # PPFD over Total_PPFD of the two PAR sensors, as in the tower's file of 2021


@dataclass(frozen=True)
class Sky:
    """One array a quantity, all of one length."""

    elevation: Floats  # degrees
    cover: Floats  # 0 to 1
    incident: Floats  # W m-2, the hemisphere
    diffuse: Floats  # W m-2, without the disc of the sun


def clear_sky(elevation: Floats) -> Floats:
    """Short wave on a level plane under a clear sky [W m-2]; elevation in degrees.

    Source: Haurwitz 1945, 1098 cos z exp(-0.057 / cos z), J. Meteorol. 2, 154-166.
    """
    cosine = np.maximum(np.sin(np.radians(elevation)), 1e-3)
    return np.where(elevation > 0.0, 1098.0 * cosine * np.exp(-0.057 / cosine), 0.0)


@remembered
def sky(seed: int, seconds: Ints) -> Sky:
    """The sky at each moment. Overcast passes a quarter (Kasten and Czeplak 1980, doi:10.1016/0038-092X(80)90391-6)."""
    elevation, _ = position(seconds)
    clear, cover = clear_sky(elevation), cloud_cover(seed, seconds)
    clouds = turbulent(seed, "clouds", seconds, (2400.0, 800.0, 200.0, 45.0))
    sunny = logistic((clouds - 2.3 * (2.0 * cover - 1.0)) / 0.1)
    hazy = 0.11 + 0.6 * np.exp(-np.maximum(elevation, 0.0) / 9.0)
    glow = hazy * (1.0 - cover) + cover * (0.75 - 0.5 * cover) * (1.0 + 0.1 * smooth(seed, "glow", seconds, 700.0))
    diffuse = clear * glow / (1.0 + 0.25 * rain_rate(seed, seconds))
    direct = clear * (1.0 - hazy) * (0.97 * sunny + 0.03 * (1.0 - cover))
    return Sky(elevation, cover, diffuse + direct, diffuse)


def par_course(seed: int, stamps: Ints) -> dict[str, Floats]:
    """The columns of PARCal_2019: two PAR sensors that do not quite agree, and a pyranometer."""
    here = sky(seed, stamps)

    def seen(stream: str, true: Floats) -> Floats:
        """A sensor's reading: a spread of 0.2 % and a little, also in the dark."""
        return true + (0.12 + 0.002 * true) * normal(seed, stream, stamps)

    return {
        "PPFD": seen("PPFD", PHOTONS * here.incident),
        "Total_PPFD": seen("Total_PPFD", PHOTONS / CALIBRATION * here.incident),
        "Diffuse_PPFD": seen("Diffuse_PPFD", PHOTONS / CALIBRATION * here.diffuse),
        "calPPFD": np.full(len(stamps), CALIBRATION),
        "Solar_inci": seen("Solar_inci", here.incident - 1.2 * (1.0 - here.cover) * (here.elevation < 0)),
    }
