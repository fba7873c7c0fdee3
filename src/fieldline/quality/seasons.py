"""The usual values of a site by season and time of day: the percentile bands that AmeriFlux publishes.

    DOY2,HR2,USTAR,TA,...
    1,0.25,0.41745,-6.3493,...

One file a percentile: LOWER2 2.5 %, LOWER1 25 %, MEDIAN, UPPER1 75 %, UPPER2 97.5 %. DOY2 counts 12 windows of 30 days
from the first of January, of which the last takes the rest of the year; HR2 is the middle of the half hour, in local
standard time. Source: AMF-BASE-QAQC 2.3.6, diurnal_seasonal.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass

import numpy as np

from .check import SECOND, Around, Check, mark, not_evaluated, number
from .flags import GOOD, MISSING, SUSPECT, UNKNOWN, Flags, Floats, Ints

WINDOWS, HALF_HOURS, WINDOW_DAYS = 12, 48, 30
NAMES = ("LOWER2", "LOWER1", "MEDIAN", "UPPER1", "UPPER2")


@dataclass(frozen=True)
class Band:
    """The usual range of one variable: 2.5 % and 97.5 % percentile, each 12 × 48; NaN where there is none."""

    lower: Floats
    upper: Floats

    def __post_init__(self) -> None:
        if self.lower.shape != (WINDOWS, HALF_HOURS) or self.upper.shape != (WINDOWS, HALF_HOURS):
            raise ValueError(f"a band has 12 x 48 values on each side, not {self.lower.shape} and {self.upper.shape}")
        if (self.lower > self.upper).any():
            raise ValueError("a band's lower side must not be above its upper side; are two files mixed up?")

    def __str__(self) -> str:
        return f"{np.nanmin(self.lower):g} to {np.nanmax(self.upper):g}"


def parse(text: str) -> dict[str, Floats]:
    """The text of one file -> a table of 12 × 48 for each variable, NaN where a value is missing.

    Raises: ValueError, naming the line, when it is not such a file.
    """
    header, *rows = csv.reader(text.splitlines())
    if header[:2] != ["DOY2", "HR2"]:
        raise ValueError(f"line 1: found {','.join(header[:2])!r}, expected 'DOY2,HR2' and the names of variables")
    tables = np.full((len(header) - 2, WINDOWS, HALF_HOURS), np.nan)
    for line, row in enumerate(rows, start=2):
        try:
            window, half_hour = int(row[0]) - 1, round(float(row[1]) * 2 - 0.5)
            values = [float(word) if word else np.nan for word in row[2:]]
            if window not in range(WINDOWS) or half_hour not in range(HALF_HOURS):
                raise ValueError(f"window {row[0]}, hour {row[1]}")
            tables[:, window, half_hour] = values
        except (ValueError, IndexError) as error:
            raise ValueError(f"line {line}: expected {len(header)} numbers for one of 12 x 48: {error}") from error
    tables[tables == -9999] = np.nan
    return dict(zip(header[2:], tables, strict=True))


def band(lower: str, upper: str, variable: str) -> Band:
    """The band of one variable from the texts of the files LOWER2 and UPPER2.

    Raises: ValueError, when a text is not such a file, or has no such variable.
    """
    low, high = parse(lower), parse(upper)
    if variable not in low or variable not in high:
        raise ValueError(f"the files have no {variable!r}; they have {', '.join(sorted(set(low) & set(high)))}")
    return Band(low[variable], high[variable])


def place(times: Ints, interval: int | None, utc_offset_hours: float) -> tuple[Ints, Ints]:
    """Season (0 to 11) and half hour (0 to 47) in which the intervals lie that end at n stamps [ns UTC]."""
    middle = times - (1 if interval is None else max(interval // 2, 1)) + round(utc_offset_hours * 3600 * SECOND)
    moment = middle.astype("datetime64[ns]")
    day = (moment.astype("datetime64[D]") - moment.astype("datetime64[Y]")).astype(np.int64)
    half_hour = middle // (1800 * SECOND) % HALF_HOURS
    return np.minimum(day // WINDOW_DAYS, WINDOWS - 1), half_hour


def percentile_band(band: Band, *, utc_offset_hours: float, margin: float = 0.5) -> Check:
    """Suspect what the site has hardly ever seen at this season and time of day.

    Args:
        band: of the variable that the column holds. [unit of the column]
        utc_offset_hours: of local standard time. [h]
        margin: how far outside of the band is still good, as a share of its width. With 0, one value in twenty is
            suspect, by the definition of the band. [1]

    Source: AMF-BASE-QAQC 2.3.6, which judges seasons as a whole (15 % of values outside is a warning, 30 % an error)
        and not each value; the margin is our own.
    """
    if not isinstance(band, Band):
        raise ValueError(
            f"percentile_band: band is {band!r}, must be a Band, as fieldline.quality.seasons.band makes it"
        )
    hours = number("percentile_band", "utc_offset_hours", utc_offset_hours, least=-14)
    width = (band.upper - band.lower) * number("percentile_band", "margin", margin, least=0)
    low, high = band.lower - width, band.upper + width

    def check(values: Floats, around: Around) -> Flags:
        if not len(values):
            return not_evaluated(values)
        at = place(around.times, around.interval, hours)
        flags = np.full(values.shape, GOOD, dtype=np.uint8)
        mark(flags, (values < low[at]) | (values > high[at]), SUSPECT)
        mark(flags, np.isnan(low[at]) | np.isnan(high[at]), UNKNOWN)
        mark(flags, np.isnan(values), MISSING)
        return flags

    parameters = {"band": band, "utc_offset_hours": utc_offset_hours, "margin": margin}
    return Check("percentile_band", check, parameters=parameters)
