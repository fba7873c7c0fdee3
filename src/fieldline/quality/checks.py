"""All checks by name, for drivers; and `build`, which makes one from what a configuration says."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType

from .across import agrees_with, between_levels, ppfd_agrees
from .check import NEAR, Around, Check
from .diagnostics import diagnostic
from .neighbours import rate_of_change, spike
from .seasons import percentile_band
from .sun import not_above_potential, not_at_night
from .values import between, out_of_range_marker, signal_strength
from .windows import attenuated, despike, flat_line

CHECKS: Mapping[str, Callable[..., Check]] = MappingProxyType(
    {
        function.__name__: function
        for function in (
            *(between, out_of_range_marker, signal_strength),
            *(spike, rate_of_change, flat_line, attenuated, despike),
            *(percentile_band, not_above_potential, not_at_night),
            *(diagnostic, agrees_with, between_levels, ppfd_agrees),
        )
    }
)
__all__ = [
    "CHECKS",
    "NEAR",
    "Around",
    "Check",
    "agrees_with",
    "attenuated",
    "between",
    "between_levels",
    "build",
    "despike",
    "diagnostic",
    "factory",
    "flat_line",
    "not_above_potential",
    "not_at_night",
    "out_of_range_marker",
    "percentile_band",
    "ppfd_agrees",
    "rate_of_change",
    "signal_strength",
    "spike",
]


def factory(name: str) -> Callable[..., Check]:
    """The function that makes the check `name`.

    Raises: ValueError, with the nearest name, when there is none.
    """
    if name not in CHECKS:
        raise ValueError(f"unknown check {name!r}; {_near(name, CHECKS)}")
    return CHECKS[name]


def build(name: str, parameters: Mapping[str, object]) -> Check:
    """A check from its name and parameters, as a configuration has them; lists may stand for tuples.

    Raises: ValueError, for a check or parameter that there is not, with the nearest name; for one that is missing; and
        for a value that makes no sense.
    """
    function = factory(name)
    known = inspect.signature(function).parameters
    for given in parameters:
        if given not in known:
            raise ValueError(f"{name}: unknown parameter {given!r}; {_near(str(given), known)}")
    for parameter in known.values():
        if parameter.default is parameter.empty and parameter.name not in parameters:
            raise ValueError(f"{name}: the parameter {parameter.name!r} is missing; it takes {', '.join(known)}")
    many = [one.name for one in known.values() if one.kind is one.VAR_POSITIONAL]
    values = [value for each in many for value in _list(name, each, parameters[each])]
    return function(*values, **{key: value for key, value in parameters.items() if key not in many})


def _list(check: str, name: str, value: object) -> list[object]:
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, int | float):
        return [value]
    raise ValueError(f"{check}: {name} is {value!r}, must be a list of numbers, such as [7999, -7999]")


def _near(name: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
