"""Which file holds which table, and which table which columns: names, units, processing, number format.

fastdata and slowdata carry the names of the dashboard of the real tower, flux those of AmeriFlux and EasyFlux,
PARCal_2019 is the table of the tower's own test file of 2021.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .flux import daily_course, flux_course
from .minutes import GASES, TEMPERATURES, air_course
from .noise import Floats, Ints
from .sky import par_course
from .soil import DEPTHS, MOISTURE, PLOTS, soil_course
from .sun import DAY


@dataclass(frozen=True)
class Field:
    """One column: unit and processing as the header states them, `kind` is FP2, IEEE4 or TIME."""

    name: str
    unit: str
    processing: str = "Avg"
    kind: str = "FP2"


@dataclass(frozen=True)
class Table:
    """One table of one logger; `interval` in seconds, it divides a day."""

    station: str
    model: str
    serial: str
    system: str
    program: str
    signature: str
    name: str
    interval: int
    fields: tuple[Field, ...]
    course: Callable[[int, int, Ints], dict[str, Floats]]  # (seed, day since 1970, stamps) -> a column each

    @property
    def stem(self) -> str:
        """The file's name without `.dat`, as LoggerNet makes it."""
        return f"{self.station}_{self.name}"

    def stamps(self, day: int) -> Ints:
        """The ends of the intervals that end in `day`, midnight after it included [s since 1970, station clock]."""
        return np.arange(1, DAY // self.interval + 1, dtype=np.int64) * self.interval + day * DAY


def _fast_fields() -> tuple[Field, ...]:
    rows = [(f"Temp_{level}", "Deg C", "Avg") for level in TEMPERATURES]
    rows += [(f"RH_{level}", "%", "Avg") for level in TEMPERATURES]
    rows += [(f"Sonic_temp_{level}", "Deg C", "Avg") for level in ("46m", "34m")]
    rows += [(f"U_wind_speed_{level}", "m/s", "Avg") for level in ("46m", "34m")]
    rows += [("Wind_speed_46m", "m/s", "Avg"), ("Wind_dir_46m", "degrees", "Smp")]
    rows += [(f"Uz_{level}", "m/s", "Avg") for level in ("46m", "34m")]
    rows += [(f"CO2_{level}", "umol/mol", "Avg") for level in GASES]
    rows += [(f"H2O_{level}", "mmol/mol", "Avg") for level in GASES]
    rows += [(f"Cell_{what}_{level}", "mV", "Avg") for what in ("temp", "pressure") for level in ("46m", "34m")]
    rows += [(f"{what}_solar_46m", "W/m^2", "Avg") for what in ("Incident", "Reflected")]
    rows += [(f"{what}_46m", "W/m^2", "Avg") for what in ("Net_radiation", "Incident_far_red", "Outgoing_far_red")]
    rows += [(f"{what}_46m", "umol/m^2/s", "Avg") for what in ("PPFD", "Diffuse_PPFD", "Total_PPFD")]
    rows += [
        ("Downward_PAR_37m", "umol/m^2/s", "Avg"),
        ("Battery_voltage", "Volts", "Smp"),
        ("Panel_temp", "Deg C", "Smp"),
    ]
    return tuple(Field(*row) for row in rows)


def _flux_fields() -> tuple[Field, ...]:
    rows = [("FC", "umol/(m^2 s)", "Smp"), ("FC_QC", "grade", "Smp"), ("FC_samples", "samples", "Tot")]
    rows += [("LE", "W/m^2", "Smp"), ("LE_QC", "grade", "Smp"), ("H", "W/m^2", "Smp"), ("H_QC", "grade", "Smp")]
    rows += [("TAU", "kg/(m s^2)", "Smp"), ("TAU_QC", "grade", "Smp"), ("USTAR", "m/s", "Smp"), ("WS", "m/s", "Avg")]
    rows += [("WD", "degrees", "Smp"), ("TA_1_1_1", "Deg C", "Avg"), ("RH_1_1_1", "%", "Avg"), ("PA", "kPa", "Avg")]
    rows += [("VPD", "hPa", "Avg"), ("CO2", "umol/mol", "Avg"), ("H2O", "mmol/mol", "Avg"), ("T_SONIC", "Deg C", "Avg")]
    rows += [(name, "W/m^2", "Avg") for name in ("NETRAD", "SW_IN", "SW_OUT", "LW_IN", "LW_OUT")]
    rows += [("PPFD_IN", "umol/(m^2 s)", "Avg"), ("G", "W/m^2", "Avg"), ("P", "mm", "Tot")]
    rows += [("CO2_SIG_STRGTH", "fraction", "Min"), ("diag_sonic", "bits", "Max"), ("diag_irga", "bits", "Max")]
    rows += [("batt_volt_Avg", "Volts", "Avg"), ("panel_tmpr_Avg", "Deg C", "Avg")]
    return tuple(Field(*row, "IEEE4") for row in rows)


def _soil_fields() -> tuple[Field, ...]:
    levels = [(level, plot) for level in DEPTHS for plot in PLOTS]
    names = [f"Soil_temp_{level}_st{plot}" for level, plot in levels]
    wet = [f"Soil_moisture_{level}" for level in MOISTURE if level != "0-30cm"]
    wet += [f"Soil_moisture_0-30cm_{plot}" for plot in PLOTS]
    return (*(Field(name, "Deg C") for name in names), *(Field(name, "%") for name in wet))


def _daily_fields() -> tuple[Field, ...]:
    declared = (
        ("Temp_46m", "Deg C", "Max TMx Min TMn Avg"),
        ("Temp_avg_3m", "Deg C", "Max TMx Min TMn Avg"),
        ("RH_avg_3m", "%", "Max TMx Min TMn"),
        ("Wind_speed_46m", "m/s", "Max TMx Avg"),
        ("PPFD_46m", "umol/m^2/s", "Max TMx Avg"),
        ("CO2_0m", "umol/mol", "Max TMx Min TMn"),
        ("Battery_voltage", "Volts", "Min TMn"),
    )
    parts = [(name, unit, how) for name, unit, hows in declared for how in hows.split()]
    fields = [
        Field(f"{name}_{how}", "" if how in {"TMx", "TMn"} else unit, how, "TIME" if how in {"TMx", "TMn"} else "FP2")
        for name, unit, how in parts
    ]
    return (*fields, Field("Rain_Tot", "mm", "Tot"))


_PAR = (
    Field("PPFD", "umol/m^2/s", "Smp", "IEEE4"),
    *(Field(name, "", "Smp") for name in ("Total_PPFD", "Diffuse_PPFD", "calPPFD", "Solar_inci")),
)
_TOWER = ("umbs", "CR3000", "4711", "CR3000.Std.32.05", "CPU:UMBS_tower_2024.CR3", "31415")
_EDDY = ("umbs", "CR6", "8321", "CR6.Std.12.02", "CPU:EasyFlux_DL_CR6OP_v2.00.CR6", "27182")

PAR = Table("46m", "CR5000", "1041", "CR5000.Std.07", "CPU:Y21_46M_PARCal.CR5", "6827", "PARCal_2019", 5, _PAR,
            lambda seed, _, stamps: par_course(seed, stamps))  # fmt: skip
FAST = Table(*_TOWER, "fastdata", 60, _fast_fields(), lambda seed, day, _: air_course(seed, day))
FLUX = Table(*_EDDY, "flux", 1800, _flux_fields(), flux_course)
SOIL = Table(*_TOWER, "slowdata", 1800, _soil_fields(), lambda seed, _, stamps: soil_course(seed, stamps))
DAILY = Table(*_TOWER, "daily", DAY, _daily_fields(), lambda seed, day, _: daily_course(seed, day))
TABLES = (PAR, FAST, FLUX, SOIL, DAILY)

# What the second program of the flux logger adds (fault program_change).
ALBEDO = Field("ALB", "%", "Smp", "IEEE4")
