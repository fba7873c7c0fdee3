"""Units as Grafana writes them, and colours by value."""

from __future__ import annotations

from ..groups.kinds import pretty

_OWN = {
    "degC": "celsius",
    "K": "kelvin",
    "%": "percent",
    "W m-2": "Wm2",
    "m s-1": "velocityms",
    "deg": "degree",
    "V": "volt",
    "mV": "mvolt",
    "A": "amp",
    "W": "watt",
    "kW": "kwatt",
    "Wh": "watth",
    "kWh": "kwatth",
    "kPa": "pressurekpa",
    "hPa": "pressurehpa",
    "mm": "lengthmm",
    "s": "s",
    "fraction": "percentunit",
}


def unit(text: str) -> str:
    """A unit as fieldline spells it -> one that Grafana knows, or a suffix."""
    if not text or text in ("1", "bits", "grade"):
        return "none"
    return _OWN.get(text, f"suffix: {pretty(text)}")


def scheme(text: str) -> str:
    """A range of colours for a quantity: cold to warm, dry to wet, or dark to light."""
    if text in ("degC", "K"):
        return "continuous-BlYlRd"
    return "continuous-blues" if text == "%" else "continuous-BlYlRd"
