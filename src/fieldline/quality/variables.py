"""What a column probably measures, by its name and unit, and the limits that go with it.

The limits of variables.tsv are those of the AmeriFlux variable table (service fp_var with limits, of 2023-02-23 as
in AMF-BASE-QAQC 2.3.6, and the newer names of 2024-10-25). A value outside them is suspect, one that is outside by more
than 5 % of their span fails (AMF-BASE-QAQC, physical range: soft and hard). Offsets of radiometers at night are not
suspect down to -4 W m-2 (QCRad, Long and Shi 2008), for photons twice that number.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_MARGIN = 0.05  # of the span, soft to hard
_HALF_HOUR = 1800.0  # [s]
_OPEN_MARGIN = 5.0  # in the variable's unit, where one limit is missing
_OFFSET = {"W m-2": -4.0, "umol m-2 s-1": -8.0}

# AmeriFlux grammar: BASE, BASE_F, then _H_V_R, _H_V_A or _#; what ends in _SD, _N, _QC or _SIGMA is no measured value.
_QUALIFIED = re.compile(r"(?P<base>[A-Z][A-Z0-9_]*?)(?:_F)?(?:_PI)?(?:_\d+){0,3}(?:_A)?(?:_(?:Avg|Smp|Med|Max|Min))?")
_NO_VALUE = re.compile(r".*_(?:SD|N|QC|IU|Std|TMx|TMn|Tot)\d*$")

# Names that logger programs use; the first pattern that fits the whole name wins. Extended by `quality: aliases:`.
ALIASES: Mapping[str, str] = {
    r"(?:Temp|AirT|AirTemp|AirTC|TAir|T_air)(?:_C)?(?:_avg)?(?:_\d+(?:\.\d+)?c?m)?(?:_(?:Avg|Smp|Max|Min))?": "TA",
    r"Sonic_temp(?:_\d+m)?(?:_Avg)?|Ts_Avg": "T_SONIC",
    r"(?:RH|RelHumid)(?:_avg)?(?:_\d+(?:\.\d+)?c?m)?(?:_(?:Avg|Smp|Max|Min))?": "RH",
    r"CO2(?:_avg)?_\d+c?m": "CO2",
    r"H2O(?:_avg)?_\d+c?m": "H2O",
    r"(?:U_wind_speed|Wind_speed|WindSpd|WS_ms)(?:_\d+m)?(?:_(?:Avg|S_WVT|WVc))?": "WS",
    r"(?:Wind_dir|WindDir|WindDir_D1_WVT)(?:_\d+m)?(?:_(?:Avg|WVc))?": "WD",
    r"(?:Incident_solar|SWin|SR_Avg|SlrW(?:_Avg)?|InSW_Avg|SR01Up_Avg)(?:_\d+m)?": "SW_IN",
    r"(?:Reflected_solar|SWout|OutSW_Avg|SR01Dn_Avg)(?:_\d+m)?": "SW_OUT",
    r"(?:Incident_far_red|InLW_Avg|LWin)(?:_\d+m)?": "LW_IN",
    r"(?:Outgoing_far_red|OutLW_Avg|LWout)(?:_\d+m)?": "LW_OUT",
    r"(?:Net_radiation|NetRad|Rn)(?:_\d+m)?(?:_Avg)?": "NETRAD",
    r"(?:Total_)?PPFD(?:_\d+m)?|PAR_(?:Den|Avg|Den_Avg)|PARuE_Avg": "PPFD_IN",
    r"Diffuse_PPFD(?:_\d+m)?": "PPFD_DIF",
    r"Downward_PAR(?:_\d+m)?": "PPFD_OUT",
    r"(?:BP|BaromPres|Pressure|amb_press|BP_kPa)(?:_Avg)?": "PA",
    r"(?:Rain|Rain_mm|Precip|Rainfall)_Tot": "P",
    r"(?:Soil_temp|SoilT|T107|Tsoil)(?:_\d+(?:\.\d+)?c?m)?(?:_st\d)?(?:_Avg)?": "TS",
    r"(?:Soil_moisture|VWC|SoilVWC)(?:_\d+(?:-\d+)?c?m)?(?:_\d)?(?:_Avg)?": "SWC",
    r"shf(?:_plate)?(?:_\d)?_Avg|SHF_\d?Avg": "G",
}

# Spellings of units, cleaned of blanks, dots, brackets and carets, and of the substance named in them.
_UNITS: Mapping[str, str] = {
    "degc": "degC", "c": "degC", "°c": "degC", "celsius": "degC", "oc": "degC", "deg_c": "degC",
    "k": "K", "kelvin": "K",
    "%": "%", "percent": "%", "%rh": "%", "fraction": "fraction", "m3/m3": "fraction", "m3m-3": "fraction",
    "kpa": "kPa", "hpa": "hPa", "mbar": "hPa", "mb": "hPa", "pa": "Pa",
    "w/m2": "W m-2", "wm-2": "W m-2", "wm2": "W m-2", "w/m^2": "W m-2", "watts/meter2": "W m-2", "w/meter2": "W m-2",
    "umol/m2/s": "umol m-2 s-1", "umolm-2s-1": "umol m-2 s-1", "umol/s/m2": "umol m-2 s-1", "umol/m2s": "umol m-2 s-1",
    "nmolm-2s-1": "nmol m-2 s-1", "nmol/m2/s": "nmol m-2 s-1", "mmolm-2s-1": "mmol m-2 s-1",
    "m/s": "m s-1", "ms-1": "m s-1", "meters/second": "m s-1", "deg": "deg", "degrees": "deg", "decimaldegrees": "deg",
    "decimaldegree": "deg",
    "umol/mol": "umol mol-1", "umolmol-1": "umol mol-1", "ppm": "umol mol-1",
    "mmol/mol": "mmol mol-1", "mmolmol-1": "mmol mol-1", "nmolmol-1": "nmol mol-1", "nmol/mol": "nmol mol-1",
    "mm": "mm", "cm": "cm", "m": "m", "inches": "in", "in": "in", "nondimensional": "1", "1": "1",
    "kg/ms2": "kg m-1 s-2", "kgm-1s-2": "kg m-1 s-2",
}  # fmt: skip

_ELECTRIC = frozenset(["v", "volt", "volts", "mv", "millivolts", "ma", "ohm", "ohms", "kohm", "kohms", "hz", "khz"])
_STATISTICS = frozenset(["AVG", "STD", "TOT", "MAX", "MIN", "MED", "COV", "WVC"])  # made of numbers alone
_OTHER_WORDS = frozenset(["DO"])  # a digital output, as often as dissolved oxygen

# value in the first unit × factor + offset = value in the second
_CONVERSIONS: Mapping[tuple[str, str], tuple[float, float]] = {
    ("degC", "K"): (1.0, 273.15),
    ("%", "fraction"): (0.01, 0.0),
    ("kPa", "hPa"): (10.0, 0.0),
    ("kPa", "Pa"): (1000.0, 0.0),
    ("hPa", "kPa"): (0.1, 0.0),
    ("hPa", "Pa"): (100.0, 0.0),
    ("mm", "in"): (1 / 25.4, 0.0),
    ("mm", "cm"): (0.1, 0.0),
    ("cm", "m"): (0.01, 0.0),
}


@dataclass(frozen=True)
class Variable:
    """One row of the AmeriFlux table; a limit that it does not state is None."""

    name: str
    group: str
    unit: str
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Limits:
    """Soft and hard limits in the unit of the column they are for; None: no limit on that side."""

    variable: str
    unit: str
    soft: tuple[float | None, float | None]
    hard: tuple[float | None, float | None]


@cache
def table() -> Mapping[str, Variable]:
    """The AmeriFlux variables by name."""
    with Path(__file__).with_name("variables.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {
        row["name"]: Variable(row["name"], row["group"], unit(row["unit"]), _number(row["min"]), _number(row["max"]))
        for row in rows
    }


def _number(text: str) -> float | None:
    return float(text) if text else None


def unit(text: str) -> str:
    """One spelling for one unit; a unit that is not known stays as it is."""
    plain = text.lower().replace("µ", "u").replace("μ", "u").replace("⁻", "-").replace("²", "2").replace("¹", "1")
    plain = re.sub(r"(?<=mol)(?:co2|h2o|ch4|n2o|no2?|o3|co|photons?)", "", plain)
    return _UNITS.get(_bare(plain), text)


def _bare(text: str) -> str:
    return re.sub(r"[\s^()._]|\*{2}", "", text)


@cache
def is_measured(name: str, column_unit: str, processing: str) -> bool:
    """Whether a column can hold nothing but numbers, by what the header of its file says.

    So it is where the logger made a mean, a total or the like of samples, where the unit is that of a quantity, and
    where the name is one that brings limits.

    Args:
        processing: the word of the header's fourth line; the time of an extreme (TMx, TMn) is none of these numbers.
    """
    word = processing.strip().upper()
    if word in ("TMX", "TMN"):
        return False
    known = unit(column_unit)
    quantity = known in _UNITS.values() and known != "1"
    electric = _bare(column_unit.lower()) in _ELECTRIC
    return word in _STATISTICS or quantity or electric or (name not in _OTHER_WORDS and limits(name, "") is not None)


def base(name: str, aliases: Mapping[str, str] | None = None) -> str | None:
    """The AmeriFlux variable that a column called `name` holds, if the name tells.

    Args:
        aliases: patterns for whole names, tried before `ALIASES`; an empty variable means: none.
    """
    for pattern, variable in {**(aliases or {}), **ALIASES}.items():
        if re.fullmatch(pattern, name):
            return variable or None
    if _NO_VALUE.fullmatch(name):
        return None
    match = _QUALIFIED.fullmatch(name)
    return match["base"] if match and match["base"] in table() else None


def limits(
    name: str, column_unit: str, aliases: Mapping[str, str] | None = None, seconds: float | None = None
) -> Limits | None:
    """The physical limits of a column, in its own unit; None where name or unit don't tell.

    A column without a unit is taken at its word only when its name is AmeriFlux's own, not an alias. Precipitation is a
    total, and AmeriFlux's limits are for half an hour.

    Args:
        seconds: the table's scan interval, if it is known. [s]
    """
    variable = table().get(base(name, aliases) or "")
    if variable is None or (variable.low is None and variable.high is None):
        return None
    if variable.group == "MET_PRECIP" and (seconds is None or seconds > _HALF_HOUR):
        return None
    own = unit(column_unit) if column_unit.strip() else variable.unit if name.startswith(variable.name) else ""
    factor = (1.0, 0.0) if own == variable.unit else _CONVERSIONS.get((variable.unit, own))
    if factor is None:
        return None
    soft = (variable.low, variable.high)
    margin = _MARGIN * (soft[1] - soft[0]) if soft[0] is not None and soft[1] is not None else _OPEN_MARGIN
    hard = (None if soft[0] is None else soft[0] - margin, None if soft[1] is None else soft[1] + margin)
    if soft[0] == 0 and variable.group == "MET_RAD" and variable.unit in _OFFSET:
        soft = (_OFFSET[variable.unit], soft[1])
    return Limits(variable.name, own, _converted(soft, *factor), _converted(hard, *factor))


def _converted(
    pair: tuple[float | None, float | None], factor: float, offset: float
) -> tuple[float | None, float | None]:
    low, high = (None if one is None else one * factor + offset for one in pair)
    return low, high
