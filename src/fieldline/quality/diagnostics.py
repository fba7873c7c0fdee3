"""Diagnostic words: what the bits of sonic anemometers and gas analysers mean, and which of them spoil the data.

Sources: CSAT3 manual p. 61; CSAT3B manual p. 58; EasyFlux-DL 2024-01 for CSAT3A, IRGASON and EC150 (on an EC100);
EddyPro 7.0.9 for the LI-COR analysers, of which the LI-7500 and LI-7200 set a bit when all is well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from .check import Around, Check, blank, mark, number
from .flags import FAIL, MISSING, SUSPECT, UNKNOWN, Flags, Floats

_WORD = 2.0**32  # longer is no word


def _mask(*bits: int) -> int:
    return sum(1 << bit for bit in bits)


@dataclass(frozen=True)
class Sensor:
    """One kind of diagnostic word.

    bits: what is wrong when bit n is set, or clear if it is in `required`. fail, suspect: masks of bits that must be 0.
    required: mask of bits that must be 1. special: words that mean something as a whole; they fail.
    """

    bits: Mapping[int, str]
    fail: int = 0
    suspect: int = 0
    required: int = 0
    special: Mapping[int, str] = field(default_factory=dict)
    agc: bool = False


_EC100_SONIC = Sensor(
    {
        0: "amplitude low", 1: "amplitude high", 2: "poor lock", 3: "delta temperature", 4: "acquiring",
        5: "calibration signature",
    },
    fail=0x3F,
    special={-1: "no data"},
)  # fmt: skip
_EC150 = Sensor(
    dict(
        enumerate(
            (
                "bad data", "general fault", "start-up", "motor speed", "TEC temperature", "source power",
                "source temperature", "source current", "off", "synchronization", "ambient temperature",
                "ambient pressure", "CO2 I", "CO2 Io", "H2O I", "H2O Io", "CO2 Io variation", "H2O Io variation",
                "CO2 signal strength", "H2O signal strength", "calibration signature", "heater control off",
            )
        )
    ),
    fail=1,
    suspect=0x3FFFFE,
    special={-1: "no data"},
)  # fmt: skip
_LI7200_BITS = {
    12: "head not detected", 11: "outlet thermocouple", 10: "inlet thermocouple", 9: "auxiliary input",
    8: "differential pressure", 7: "chopper temperature", 6: "detector temperature", 5: "PLL", 4: "synchronization",
}  # fmt: skip

SENSORS: Mapping[str, Sensor] = {
    "CSAT3": Sensor(
        {15: "speed of sound", 14: "poor lock", 13: "amplitude high", 12: "amplitude low"},
        fail=0xF000,
        special={61503: "no data or acquiring", 61440: "lost trigger", -99999: "no data"},
    ),
    "CSAT3A": _EC100_SONIC,
    "IRGASON sonic": _EC100_SONIC,
    "CSAT3B": Sensor(
        dict(
            enumerate(
                (
                    "amplitude low", "amplitude high", "tracking", "delta temperature", "acquiring", "low voltage",
                    "trigger error", "internal humidity", "memory",
                )
            )
        ),
        fail=0x1FF,
        special={-1: "no data", -99999: "no data"},
    ),
    "EC150": _EC150,
    "IRGASON gas": _EC150,
    "LI-7500": Sensor(
        {7: "chopper", 6: "detector", 5: "PLL", 4: "synchronization"}, required=_mask(5, 6, 7), agc=True
    ),
    "LI-7200": Sensor(_LI7200_BITS, required=_mask(5, 6, 7, 8, 12), agc=True),
    "LI-7700": Sensor(
        {
            15: "not ready", 14: "no signal", 13: "reference unlocked", 12: "bad temperature",
            11: "laser temperature", 10: "block temperature", 9: "motor spinning", 8: "pump", 7: "top heater",
            6: "bottom heater", 5: "calibrating", 4: "motor failure", 3: "thermocouple 3", 2: "thermocouple 2",
            1: "thermocouple 1", 0: "box",
        },
        fail=_mask(5, 8, 9, 10, 11, 13, 14, 15),
        suspect=_mask(4, 12),
    ),
}  # fmt: skip


def word_of(name: str) -> Sensor:
    """The word of a sensor.

    Raises: ValueError, when there is none of that name.
    """
    if name not in SENSORS:
        raise ValueError(f"diagnostic: sensor is {name!r}, must be one of {', '.join(SENSORS)}")
    return SENSORS[name]


def bit_names(name: str, word: int) -> tuple[str, ...]:
    """What a word of the sensor `name` complains of, lowest bit first: bits that are set, or clear where 1 means well.

    For LI-7500 and LI-7200 bits that are not required (synchronization, optional sensors) are named too when they are
    0.
    """
    one = word_of(name)
    if word in one.special:
        return (one.special[word],)
    # Where one bit means well when it is set, all of them do.
    return tuple(one.bits[bit] for bit in sorted(one.bits) if bool(word >> bit & 1) != bool(one.required))


def agc(words: Floats, scale: float = 6.25, offset: float = 0.0) -> Floats:
    """The automatic gain control (or signal strength) in the low four bits of n words of an LI-7500 or LI-7200. [%]

    Args:
        scale, offset: 6.25 and 0 as in the manual; EddyPro takes 6.25 and 6.25 for old software, and 6.6667 and 0 from
            instrument software 5.3.0 on, where the number is a signal strength: higher is better.
    """
    whole = np.isfinite(words) & (words >= 0)
    nibble = np.where(whole, words, 0).astype(np.int64) & 0xF
    return np.where(whole, nibble * scale + offset, np.nan)


def diagnostic(
    sensor: str, *, agc_above: float | None = None, agc_scale: float = 6.25, agc_offset: float = 0.0
) -> Check:
    """A diagnostic word: 4 where it says that data are bad, 3 where it warns, 2 where it is no whole number.

    Half-hourly tables often hold counts of samples (`..._Tot`) or means of words instead: a mean of words means
    nothing.

    Args:
        sensor: one of SENSORS.
        agc_above: for LI-7500 and LI-7200: suspect above this automatic gain control; None: not looked at. [%]
        agc_scale, agc_offset: see `agc`. [%]

    Source: the module's docstring. Bits that warn: EC150 and IRGASON other than bit 0 (which is their sum), LI-7700
        motor failure and bad temperature, which EddyPro lets pass.
    """
    one = word_of(sensor)
    limit = None if agc_above is None else number("diagnostic", "agc_above", agc_above, least=0)
    if limit is not None and not one.agc:
        raise ValueError(f"diagnostic: {sensor} has no automatic gain control in its word; leave out agc_above")
    scale, offset = (
        number("diagnostic", "agc_scale", agc_scale, above=0),
        number("diagnostic", "agc_offset", agc_offset),
    )

    def check(values: Floats, around: Around) -> Flags:
        flags = blank(values)
        there = ~np.isnan(values)
        words = np.where(there, np.clip(values, -1e9, _WORD), 0).astype(np.int64)
        mark(flags, (words & one.suspect) != 0, SUSPECT)
        if limit is not None:
            mark(flags, agc(values, scale, offset) > limit, SUSPECT)
        bad = ((words & one.fail) != 0) | ((words & one.required) != one.required) | (words < 0) | (values >= _WORD)
        mark(flags, bad | np.isin(words, list(one.special)), FAIL)
        mark(flags, values != np.floor(values), UNKNOWN)
        mark(flags, ~there, MISSING)
        return flags

    parameters = {"sensor": sensor, "agc_above": agc_above, "agc_scale": agc_scale, "agc_offset": agc_offset}
    return Check("diagnostic", check, parameters=parameters)
