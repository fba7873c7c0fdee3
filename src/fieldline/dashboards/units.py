"""Units as Grafana writes them, and colours by value.

Where Grafana would change the prefix from value to value, as 0.2 mm into 200 µm, the unit is a suffix.
"""

from __future__ import annotations

from ..groups.kinds import pretty

_OWN = {
    "degC": "celsius",
    "K": "kelvin",
    "%": "percent",
    "W m-2": "Wm2",
    "m s-1": "velocityms",
    "deg": "degree",
    "kPa": "pressurekpa",
    "hPa": "pressurehpa",
    "s": "s",
}


def unit(text: str) -> str:
    """A unit as fieldline spells it -> one that Grafana knows, or a suffix."""
    if not text or text in ("1", "bits", "grade", "fraction"):
        return "none"
    return _OWN.get(text, f"suffix:{pretty(text)}")


def scheme(text: str) -> str:
    """A range of colours for a quantity: cold to warm, dry to wet, or dark to light."""
    if text in ("degC", "K"):
        return "continuous-BlYlRd"
    return "continuous-blues" if text == "%" else "continuous-BlYlRd"
