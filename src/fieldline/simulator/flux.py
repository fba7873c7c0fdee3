"""Half-hourly eddy fluxes and daily extremes, both made from the course of the minutes."""

from __future__ import annotations

import numpy as np

from .air import daylight, pressure, respiration, saturation
from .climate import leaves
from .minutes import air_course
from .noise import Floats, Ints, normal
from .sun import DAY

CLOSURE = 0.88  # share of net radiation less ground heat that turbulence carries; towers find 0.8 to 0.9 (Wilson 2002)
SAMPLES = 18_000  # 10 Hz for half an hour


def _energy(seed: int, stamps: Ints, net: Floats) -> tuple[Floats, Floats, Floats]:
    """Sensible, latent and ground heat [W m-2]: more evaporation while there are leaves, a little dew at night."""
    ground = 0.05 * net + 1.0
    available = CLOSURE * (net - ground) * np.where(net > 0, 1.0, 0.6)
    bowen = 0.5 + 1.8 * (1.0 - leaves(stamps))
    latent = np.where(available > 0, available / (1.0 + bowen), 0.06 * available)
    spread = 1.0 + 0.07 * normal(seed, "LE/share", stamps)
    heat = (available - latent) * (1.0 + 0.07 * normal(seed, "H/share", stamps)) + 2.0 * normal(seed, "H", stamps)
    return heat, latent * spread + 1.5 * normal(seed, "LE", stamps), ground


def _carbon(seed: int, stamps: Ints, light: Floats) -> Floats:
    """Net CO2 flux [umol m-2 s-1], negative into the forest: respiration less a light response (hyperbola)."""
    uptake = 31.0 * leaves(stamps) * np.maximum(light, 0.0) / (np.maximum(light, 0.0) + 650.0)
    return np.asarray((respiration(seed, stamps) - uptake) * (1.0 + 0.08 * normal(seed, "FC", stamps)))


def flux_course(seed: int, day: int, stamps: Ints) -> dict[str, Floats]:
    """The columns of flux: AmeriFlux names, EasyFlux diagnostics."""
    mean = {name: values.reshape(48, 30).mean(axis=1) for name, values in air_course(seed, day).items()}
    rain = air_course(seed, day)["Rain"].reshape(48, 30).sum(axis=1)
    net, speed, lit = mean["Net_radiation_46m"], mean["U_wind_speed_46m"], daylight(stamps)
    heat, latent, ground = _energy(seed, stamps, net)
    friction = 0.13 * speed * (0.6 + 0.6 * lit) * (1.0 + 0.06 * normal(seed, "USTAR", stamps))
    kpa = pressure(seed, stamps)
    density = kpa * 1000.0 / (287.05 * (mean["Temp_46m"] + 273.15))
    angle = np.radians(air_course(seed, day)["Wind_dir_46m"]).reshape(48, 30)
    heading = np.degrees(np.arctan2(np.sin(angle).mean(axis=1), np.cos(angle).mean(axis=1))) % 360.0
    grade = np.where(friction < 0.15, 7.0, np.where(friction < 0.3, 4.0, 1.0))
    return {
        "FC": _carbon(seed, stamps, mean["PPFD_46m"]),
        "FC_QC": grade,
        "FC_samples": SAMPLES - np.rint(400.0 * rain),
        "LE": latent,
        "LE_QC": grade,
        "H": heat,
        "H_QC": grade,
        "TAU": -density * friction**2,
        "TAU_QC": grade,
        "USTAR": friction,
        "WS": speed,
        "WD": heading,
        "TA_1_1_1": mean["Temp_46m"],
        "RH_1_1_1": mean["RH_46m"],
        "PA": kpa,
        "VPD": 10.0 * saturation(mean["Temp_46m"]) * (1.0 - mean["RH_46m"] / 100.0),
        "CO2": mean["CO2_46m"],
        "H2O": mean["H2O_46m"],
        "T_SONIC": mean["Sonic_temp_46m"],
        "NETRAD": net,
        "SW_IN": mean["Incident_solar_46m"],
        "SW_OUT": mean["Reflected_solar_46m"],
        "LW_IN": mean["Incident_far_red_46m"],
        "LW_OUT": mean["Outgoing_far_red_46m"],
        "PPFD_IN": mean["PPFD_46m"],
        "G": ground + 0.3 * normal(seed, "G", stamps),
        "P": rain,
        "CO2_SIG_STRGTH": 0.97 - 0.05 * np.minimum(rain, 6.0) + 0.003 * normal(seed, "signal", stamps),
        "diag_sonic": np.zeros(48),
        "diag_irga": np.zeros(48),
        "batt_volt_Avg": mean["Battery_voltage"],
        "panel_tmpr_Avg": mean["Panel_temp"],
        "ALB": 100.0 * mean["Reflected_solar_46m"] / np.where(lit > 0.5, mean["Incident_solar_46m"], np.nan),
    }


def daily_course(seed: int, day: int) -> dict[str, Floats]:
    """The columns of daily: extremes, the end of the minute in which they were read [s, station clock], means, rain."""
    air = air_course(seed, day)
    course: dict[str, Floats] = {}
    for name in ("Temp_46m", "Temp_avg_3m", "RH_avg_3m", "Wind_speed_46m", "PPFD_46m", "CO2_0m", "Battery_voltage"):
        high, low = int(air[name].argmax()), int(air[name].argmin())
        extremes = (air[name][high], day * DAY + 60 * (high + 1), air[name][low], day * DAY + 60 * (low + 1))
        values = (*extremes, air[name].mean())
        parts = zip(("Max", "TMx", "Min", "TMn", "Avg"), values, strict=True)
        course |= {f"{name}_{part}": np.array([value], dtype=np.float64) for part, value in parts}
    course["Rain_Tot"] = np.array([air["Rain"].sum()])
    return course
