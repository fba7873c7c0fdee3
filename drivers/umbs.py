"""The AmeriFlux core site at the University of Michigan Biological Station (US-UMB): tower and soil loggers.

Names, levels and buckets are those of the station's dashboard. The loggers keep Eastern standard time all year.
"""

from fieldline import Column, DataTable, between, flat_line

EASTERN_STANDARD = "-05:00"


def each(pattern, levels, unit, *checks):
    """One column for each level, under the name that the logger gives it, with the same checks."""
    return {name: Column(name, unit, checks) for name in (pattern.format(level) for level in levels)}


STUCK = flat_line(suspect_seconds=3600, fail_seconds=3 * 3600)  # air is never still for so long


class Par46m(DataTable):
    """Photosynthetic photon flux density at 46 m beside its calibration standard, every 5 s."""

    station, table = "46m", "PARCal_*"
    bucket, measurement = "testoutput", "Ameriflux_fastdata"
    timezone = EASTERN_STANDARD
    interval = 5
    columns = {
        "PPFD": Column("PPFD", "umol m-2 s-1", (between(-10, 3000, suspect=(-8, 2500)),)),
        "Total_PPFD": Column("Total_PPFD", "umol m-2 s-1", (between(-10, 3000, suspect=(-8, 2500)),)),
        "Diffuse_PPFD": Column("Diffuse_PPFD", "umol m-2 s-1", (between(-10, 3000, suspect=(-8, 1400)),)),
        "calPPFD": Column("Calibration_PPFD", "umol m-2 s-1"),
        "Solar_inci": Column("Solar_Incidence", "W m-2"),
    }


class FastData(DataTable):
    """Air, wind, gases and radiation along the tower, 0 m to 46 m, every minute."""

    station, table = "umbs", "fastdata"
    bucket, measurement = "ameriflux_atmospheric", "fastdata"
    timezone = EASTERN_STANDARD
    interval = 60
    columns = {
        **each("Temp_{}", ("46m", "34m", "15m", "avg_3m"), "degC", STUCK),
        **each("RH_{}", ("46m", "34m", "15m", "avg_3m"), "%"),
        **each("Sonic_temp_{}", ("46m", "34m"), "degC"),
        **each("U_wind_speed_{}", ("46m", "34m"), "m s-1"),
        **each("Uz_{}", ("46m", "34m"), "m s-1"),
        "Wind_speed_46m": Column("Wind_speed_46m", "m s-1"),
        "Wind_dir_46m": Column("Wind_dir_46m", "deg"),
        **each("CO2_{}", ("46m", "34m", "22m", "7m", "3m", "0m"), "umol mol-1", STUCK),
        **each("H2O_{}", ("46m", "34m", "22m", "7m", "3m", "0m"), "mmol mol-1"),
        **each("Cell_temp_{}", ("46m", "34m"), "mV"),
        **each("Cell_pressure_{}", ("46m", "34m"), "mV"),
        **each("{}_46m", ("Incident_solar", "Reflected_solar", "Net_radiation"), "W m-2"),
        **each("{}_far_red_46m", ("Incident", "Outgoing"), "W m-2"),
        **each("{}_46m", ("PPFD", "Diffuse_PPFD", "Total_PPFD"), "umol m-2 s-1"),
        "Downward_PAR_37m": Column("Downward_PAR_37m", "umol m-2 s-1"),
        "Battery_voltage": Column("Battery_voltage", "V", (between(9.6, 16, suspect=(11, 15)),)),
        "Panel_temp": Column("Panel_temp", "degC"),
    }


class SlowData(DataTable):
    """Soil temperature at five depths of three plots and soil moisture, means of 30 min."""

    station, table = "umbs", "slowdata"
    bucket, measurement = "ameriflux_soil", "slowdata"
    timezone = EASTERN_STANDARD
    interval = 1800
    columns = {
        **each("Soil_temp_2cm_st{}", (1, 2, 3), "degC"),
        **each("Soil_temp_7.5cm_st{}", (1, 2, 3), "degC"),
        **each("Soil_temp_20cm_st{}", (1, 2, 3), "degC"),
        **each("Soil_temp_50cm_st{}", (1, 2, 3), "degC"),
        **each("Soil_temp_1m_st{}", (1, 2, 3), "degC"),
        **each("Soil_moisture_{}", ("5cm", "15cm", "30cm"), "%"),
        **each("Soil_moisture_0-30cm_{}", (1, 2, 3), "%"),
    }
