"""Checks of radiation against the sun: nothing above what arrives outside of the atmosphere, nothing at night.

They need pvlib, `pip install "fieldline[solar]"`, and import it when they are made.
"""

from __future__ import annotations

from functools import partial
from types import ModuleType

import numpy as np

from .check import Around, Check, blank, mark, number
from .flags import SUSPECT, Flags, Floats, Ints


def _pvlib() -> ModuleType:
    try:
        import pvlib  # type: ignore[import-untyped]
    except ImportError as error:
        raise ImportError(
            f"checks against the sun need pvlib ({error}).\n  "
            'pip install "fieldline[solar]", or take not_above_potential and not_at_night out of the configuration'
        ) from error
    return pvlib  # type: ignore[no-any-return]


def _site(check: str, latitude: float, longitude: float, altitude: float) -> tuple[float, float, float]:
    for name, value, most in (("latitude", latitude, 90), ("longitude", longitude, 180)):
        if abs(number(check, name, value)) > most:
            raise ValueError(
                f"{check}: {name} is {value}, must be from -{most} to {most} degrees, north and east positive"
            )
    return float(latitude), float(longitude), number(check, "altitude", altitude)


def sine_and_potential(times: Ints, latitude: float, longitude: float, altitude: float) -> tuple[Floats, Floats]:
    """Sine of the sun's elevation without refraction [1], and irradiance on a horizontal plane above the air [W m-2].

    Args:
        times: n moments [ns UTC]. latitude, longitude: [degrees north, east]. altitude: above the sea [m].

    Source: pvlib: the solar position algorithm of NREL (Reda and Andreas 2003), extraterrestrial radiation after
        Spencer 1971 with a solar constant of 1366.1 W m-2.
    """
    import pandas as pd

    pvlib = _pvlib()
    index = pd.DatetimeIndex(times.astype("datetime64[ns]")).tz_localize("UTC")
    position = pvlib.solarposition.get_solarposition(index, latitude, longitude, altitude=altitude)
    sine = np.cos(np.radians(position["zenith"].to_numpy()))
    above = np.asarray(pvlib.irradiance.get_extra_radiation(index.day_of_year.to_numpy()), dtype=np.float64)
    return sine, np.maximum(sine, 0.0) * above


def _extreme(around: Around, site: tuple[float, float, float], margin: int) -> tuple[Floats, Floats]:
    """The largest sine and potential at the ends of the intervals that end at the n stamps.

    Args:
        margin: how many intervals more to each side.
    """
    step = around.interval or 0
    moments = [around.times + margin * step, around.times - (margin + 1) * step]
    unique, back = np.unique(np.concatenate(moments), return_inverse=True)
    both = [np.maximum(*np.split(values[back], 2)) for values in sine_and_potential(unique, *site)]
    return both[0], both[1]


def not_above_potential(latitude: float, longitude: float, altitude: float = 0.0, *, factor: float = 1.0) -> Check:
    """Suspect incoming radiation that is more than the sun sends.

    Suspect is what exceeds 50 W m-2 while the potential is 0, and what exceeds a potential above 200 W m-2 by more than
    50 W m-2 and more than 15 % of it. The potential is the larger one of both ends of the interval.

    Args:
        latitude, longitude: [degrees north, east]. altitude: above the sea. [m]
        factor: what makes W m-2 of the column's unit: 1 for SW_IN, 0.5 for PPFD_IN in umol m-2 s-1.

    Source: ONEFlux 1.3.4 qc_auto (rpot), thresholds and factor.
    """
    _pvlib()
    site = _site("not_above_potential", latitude, longitude, altitude)
    watts = number("not_above_potential", "factor", factor, above=0)

    def check(values: Floats, around: Around) -> Flags:
        flags = blank(values)
        if len(values):
            _, potential = _extreme(around, site, 0)
            excess = values * watts - potential
            mark(flags, (potential == 0) & (excess > 50), SUSPECT)
            mark(flags, (potential > 200) & (excess > 50) & (excess > 0.15 * potential), SUSPECT)
        return flags

    parameters = {"latitude": latitude, "longitude": longitude, "altitude": altitude, "factor": factor}
    return Check("not_above_potential", check, parameters=parameters)


def not_at_night(latitude: float, longitude: float, altitude: float = 0.0, *, limit: float = 10.0) -> Check:
    """Suspect light at night: a clock that is wrong, an offset, a lamp.

    Night is when the sun is below the horizon over the whole interval and the interval before and behind it.

    Args:
        latitude, longitude: [degrees north, east]. altitude: above the sea. [m]
        limit: what is still dark. [unit of the column, W m-2 or umol m-2 s-1]

    Source: AMF-BASE-QAQC 2.3.6, timestamp alignment: above potential and 10 W m-2 at night, steps beside the transition
        left out; night by PPFD is 10 umol m-2 s-1 or less in its USTAR filtering.
    """
    _pvlib()
    site = _site("not_at_night", latitude, longitude, altitude)
    dark = number("not_at_night", "limit", limit, least=0)
    night = partial(_extreme, site=site, margin=1)

    def check(values: Floats, around: Around) -> Flags:
        flags = blank(values)
        if len(values):
            mark(flags, (night(around)[0] <= 0) & (values > dark), SUSPECT)
        return flags

    parameters = {"latitude": latitude, "longitude": longitude, "altitude": altitude, "limit": limit}
    return Check("not_at_night", check, parameters=parameters)
