"""What a field is for a page: its group, its family (the fields that share a panel), its unit and its decimals."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..ports import Field
from ..quality import variables
from .levels import Place

GROUPS: Mapping[str, str] = {
    "temperature": "Temperature and humidity",
    "wind": "Wind",
    "gases": "CO2 and H2O",
    "analyser": "Gas analysers and diagnostics",
    "radiation": "Radiation",
    "par": "Photosynthetically active radiation",
    "soil_temperature": "Soil temperature",
    "soil_moisture": "Soil moisture and water",
    "pressure": "Pressure",
    "precipitation": "Precipitation",
    "fluxes": "Fluxes",
    "power": "Battery and power",
    "logger": "Logger health",
    "other": "Other",
}

# family -> title, group, variables of AmeriFlux (a trailing * stands for the rest of a name)
_FAMILIES: tuple[tuple[str, str, str, str], ...] = (
    ("TA", "Air temperature", "temperature", "TA T_DP_DEW T_DP T_DEW"),
    ("T_SONIC", "Sonic temperature", "temperature", "T_SONIC"),
    ("RH", "Relative humidity", "temperature", "RH"),
    ("VPD", "Vapour pressure deficit", "temperature", "VPD"),
    ("T_CANOPY", "Canopy and bole temperature", "temperature", "T_CANOPY T_BOLE"),
    ("WS", "Wind speed", "wind", "WS WS_MAX"),
    ("WD", "Wind direction", "wind", "WD"),
    ("SIGMA", "Turbulence", "wind", "U_SIGMA V_SIGMA W_SIGMA"),
    ("CO2", "CO2", "gases", "CO2 CO2_MIXING_RATIO"),
    ("H2O", "H2O", "gases", "H2O H2O_MIXING_RATIO"),
    ("CH4", "CH4", "gases", "CH4 CH4_MIXING_RATIO"),
    ("GAS", "Other gases", "gases", "CO N2O* NO NO2 O3 SO2 CO2C13"),
    ("RADIATION", "Radiation", "radiation", "SW_* LW_* NETRAD R_UVA R_UVB"),
    ("ALB", "Albedo and indices", "radiation", "ALB NDVI PRI EVI"),
    ("PPFD", "Photosynthetic photon flux density", "par", "PPFD* APAR"),
    ("FAPAR", "Share of absorbed light", "par", "FAPAR FIPAR"),
    ("TS", "Soil temperature", "soil_temperature", "TS TSN TW"),
    ("SWC", "Soil moisture", "soil_moisture", "SWC"),
    ("SWP", "Soil water potential", "soil_moisture", "SWP"),
    ("WTD", "Water table", "soil_moisture", "WTD"),
    ("PA", "Air pressure", "pressure", "PA"),
    ("P", "Precipitation", "precipitation", "P P_RAIN P_SNOW THROUGHFALL STEMFLOW RUNOFF"),
    ("D_SNOW", "Snow depth", "precipitation", "D_SNOW"),
    ("CARBON", "Carbon fluxes", "fluxes", "FC NEE GPP RECO SC"),
    ("ENERGY", "Energy fluxes", "fluxes", "H LE G SH SLE SG SB"),
    ("TAU", "Momentum flux", "fluxes", "TAU"),
    ("FLUX", "Other fluxes", "fluxes", "F* S*"),
    ("USTAR", "Friction velocity", "fluxes", "USTAR"),
    ("STABILITY", "Stability", "fluxes", "MO_LENGTH ZL"),
)

# What AmeriFlux has no variable for; the first pattern found in the name wins.
_NAMES: tuple[tuple[str, str, str, str], ...] = tuple(
    (pattern, family, title, group)
    for family, title, group, pattern in (
        ("GRADE", "Quality grades", "fluxes", r"_(?:QC|SSITC_TEST|QC_grade)$"),
        ("SAMPLES", "Samples in each flux", "fluxes", r"_samples"),
        ("DIAG", "Diagnostic bits", "analyser", r"(?i:(?:^|_)diag(?:$|_|\d|nost))"),
        ("SIGNAL", "Signal strength", "analyser", r"(?i:sig_?str|signal_strength|(?:^|_)agc(?:_|$)|rssi)"),
        ("CELL_T", "Cell temperature", "analyser", r"(?i:cell_?t)"),
        ("CELL_P", "Cell pressure", "analyser", r"(?i:cell_?p)"),
        ("BATTERY", "Battery", "power", r"(?i:batt?(?:ery)?(?:_|v|$)|(?:^|_)soc(?:_|$))"),
        ("TILT", "Tilt of instruments", "logger", r"(?i:tilt|inclino|(?:^|_)(?:pitch|roll)(?:_|$))"),
        (
            "BODY_T",
            "Temperature of instruments",
            "logger",
            r"(?i:(?:^|_)(?:nr01|nr_?lite|cnr\d|c[gm]r?\d+|pir|sn500|body|case|dome|sensor)_?t(?:emp|[ck])?(?:_|$))",
        ),
        ("LOGGER_T", "Logger temperature", "logger", r"(?i:p(?:anel)?_?te?mpr?(?:_|$)|ptemp|logger_?t)"),
        (
            "LOGGER",
            "Logger",
            "logger",
            r"(?i:skipped|watchdog|low12v|memory|free_?mem|(?:^|_)errors?(?:_|$)|buffer|uptime)",
        ),
        ("W", "Vertical wind", "wind", r"^(?:Uz|W)(?:_|$)"),
        ("UV", "Wind components", "wind", r"^(?:Ux|Uy|U|V)(?:_|$)"),
        ("WS", "Wind speed", "wind", r"(?i:wind_?sp|gust)"),
        ("WD", "Wind direction", "wind", r"(?i:wind_?dir)"),
        ("TS", "Soil temperature", "soil_temperature", r"(?i:^t_?soil|soil_?t)"),
        ("SWC", "Soil moisture", "soil_moisture", r"(?i:soil_?(?:moist|w)|(?:^|_)vwc(?:_|$))"),
        ("ALB", "Albedo and indices", "radiation", r"(?i:albedo)"),
        ("TAU", "Momentum flux", "fluxes", r"^(?i:tau)(?:_|$)"),
        ("PPFD", "Photosynthetic photon flux density", "par", r"(?:^|_)PAR(?:_|$)|PPFD"),
        ("P", "Precipitation", "precipitation", r"(?i:(?:^|_)(?:rain|precip))"),
    )
)

_OWN = next(place for place, one in enumerate(_NAMES) if one[1] == "W")  # before: what an instrument says of itself

_BY_UNIT: Mapping[str, tuple[str, str, str]] = {
    "degC": ("UNIT_T", "Temperatures", "temperature"), "K": ("UNIT_T", "Temperatures", "temperature"),
    "m s-1": ("UNIT_WIND", "Speeds", "wind"), "deg": ("UNIT_DIR", "Directions", "wind"),
    "W m-2": ("RADIATION", "Radiation", "radiation"), "umol m-2 s-1": ("UNIT_FLUX", "Photon and gas fluxes", "par"),
    "umol mol-1": ("GAS", "Other gases", "gases"), "mmol mol-1": ("GAS", "Other gases", "gases"),
    "kPa": ("PA", "Air pressure", "pressure"), "hPa": ("PA", "Air pressure", "pressure"),
    "Pa": ("PA", "Air pressure", "pressure"), "mm": ("UNIT_MM", "Water", "precipitation"),
    **{unit: ("POWER_" + unit, title, "power") for unit, title in
       (("V", "Voltage"), ("A", "Current"), ("W", "Power"), ("kW", "Power"), ("Wh", "Energy"), ("kWh", "Energy"))},
}  # fmt: skip

_ELECTRIC = {"volts": "V", "volt": "V", "v": "V", "amps": "A", "amp": "A", "a": "A", "mv": "mV", "watts": "W", "w": "W"}

_DECIMALS: Mapping[str, int] = {
    **{"degC": 1, "K": 1, "%": 1, "umol mol-1": 1, "mmol mol-1": 2, "W m-2": 0, "umol m-2 s-1": 1, "kPa": 2, "hPa": 1},
    **{
        "Pa": 0,
        "m s-1": 2,
        "deg": 0,
        "V": 2,
        "mV": 1,
        "A": 2,
        "W": 1,
        "mm": 1,
        "fraction": 3,
        "m": 2,
        "cm": 1,
        "kW": 2,
    },
}


@dataclass(frozen=True)
class Sort:
    """What a field is. variable: AmeriFlux's, '' where unknown. family: fields of one family and unit share a panel."""

    variable: str
    family: str
    title: str
    group: str
    known: bool = True

    @property
    def soil(self) -> bool:
        """Whether its level is a depth."""
        return self.group in ("soil_temperature", "soil_moisture") or self.variable in ("G", "SG")


def sort(field: Field, at: Place, aliases: Mapping[str, str] | None = None) -> Sort:
    """What a field is, by its name, and if that doesn't tell, by its unit."""
    variable = variables.base(field.name, aliases) or variables.base(at.core, aliases) or ""
    for pattern, family, title, group in _NAMES[:_OWN]:  # an instrument's own state, whatever it measures
        if re.search(pattern, field.name):
            return Sort("", family, title, group)
    for family, title, group, names in _FAMILIES:
        if variable and any(_fits(variable, name) for name in names.split()):
            return Sort(variable, family, title, group)
    by_unit = _BY_UNIT.get(clean(field.unit), ("", "", "other"))
    for pattern, family, title, group in _NAMES[_OWN:]:
        volts = family in ("W", "UV") and by_unit[2] not in ("wind", "other")  # a `V` in V is no wind
        if re.search(pattern, field.name) and not volts:
            return Sort(variable or family, family, title, group)
    family, title, group = by_unit
    return Sort(variable, family, title, group, known=False)


def is_direction(kind: Sort, at: Place, unit: str) -> bool:
    """Whether values go round: after 359 comes 0, and the mean of both is no south."""
    return kind.family == "WD" and at.statistic in ("", "extremes") and clean(unit) in ("", "deg")


def is_total(kind: Sort, at: Place, field: Field) -> bool:
    """Whether a value is what came since the row before, as rain: longer windows have the sum of it, not the mean.

    A rate (mm h-1) and a sum since long ago are none.
    """
    if field.kind not in ("number", "integer") or at.statistic not in ("", "total"):
        return False
    if at.statistic == "total":
        return True
    return kind.family == "P" and not _RATE.search(clean(field.unit)) and not _NO_AMOUNT.search(field.name)


_RATE = re.compile(r"-1|/|%")
_NO_AMOUNT = re.compile(r"(?i)intens|rate|cum|accum|type|prob")


def _fits(variable: str, pattern: str) -> bool:
    return variable.startswith(pattern[:-1]) if pattern.endswith("*") else variable == pattern


def clean(unit: str) -> str:
    """One spelling for one unit: 'Deg C' is 'degC', '1' is nothing."""
    plain = variables.unit(unit.strip())
    plain = _ELECTRIC.get(plain.lower(), plain)
    return "" if plain == "1" else plain


def pretty(unit: str) -> str:
    """A unit as people write it: 'umol m-2 s-1' is 'µmol m⁻² s⁻¹'."""
    if unit in ("degC", "deg"):
        return "°C" if unit == "degC" else "°"
    text = re.sub(r"(?<=[A-Za-z])-?\d+(?= |$)", lambda m: m[0].translate(_RAISED), unit)
    return re.sub(r"\bu(?=mol\b|m\b|g\b|A\b|V\b|S\b)", "µ", text)


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def decimals(field: Field, unit: str, family: str) -> int:
    """How many digits behind the point are worth showing."""
    if field.kind != "number" or family in ("GRADE", "SAMPLES", "DIAG"):
        return 0
    return 0 if family == "PPFD" else _DECIMALS.get(unit, 2)
