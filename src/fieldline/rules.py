"""Which checks a stored field must pass: by its name, as its class declares, as the configuration says."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from .errors import ConfigError
from .ports import OWN_ENDS, Field

if TYPE_CHECKING:  # a run without new rows must not pay for numpy
    from .quality.check import Check

Declared = Mapping[str, tuple["Check", ...]]
Choice = Mapping[str, Any]  # name of a check -> its parameters, or False: switched off


def _no_files(name: str) -> str:
    raise ValueError(f"{name}: no files can be read here")


@dataclass(frozen=True)
class Rules:
    """What the configuration says about checks.

    defaults: whether a field gets the physical limits of the AmeriFlux variable that its name tells. aliases: patterns
    for names -> variables. checks: measurement (pattern) -> field (pattern) -> choice; a later line wins. site:
    latitude, longitude [degrees] and altitude [m], for checks that take them and are given none. text: reads a file
    that a check names.
    """

    defaults: bool = True
    aliases: Mapping[str, str] = field(default_factory=dict)
    checks: Mapping[str, Mapping[str, Choice]] = field(default_factory=dict)
    site: Mapping[str, float] = field(default_factory=dict)
    text: Callable[[str], str] = _no_files

    def of(
        self, measurement: str, fields: Mapping[str, Field], declared: Declared, seconds: float | None
    ) -> dict[str, tuple[Check, ...]]:
        """The checks of each field that has any; the configuration wins over the class, and the class over the name.

        Args:
            declared: the checks of the class, by the name of the field in the store.
            seconds: the scan interval of the table, if it is known.

        Raises: ConfigError, for a check or a parameter that there is not.
        """
        found = {}
        for name, one in fields.items():
            if one.kind not in ("number", "integer") or one.tag or name == "RECORD" or name.endswith(OWN_ENDS):
                continue
            chosen = self._by_name(name, one.unit, seconds) | {check.name: check for check in declared.get(name, ())}
            chosen |= self._configured(measurement, name)
            checks = tuple(check for check in chosen.values() if check is not None)
            if checks or name in declared:
                found[name] = checks
        return found

    def _by_name(self, name: str, unit: str, seconds: float | None) -> dict[str, Check | None]:
        from .quality.checks import between
        from .quality.variables import limits

        known = limits(name, unit, self.aliases, seconds) if self.defaults else None
        if known is None:
            return {}
        check = between(*known.hard, suspect=known.soft)
        return {check.name: check}

    def _configured(self, measurement: str, name: str) -> dict[str, Check | None]:
        """What the configuration says of one field; None for a check that is switched off."""
        chosen: dict[str, Check | None] = {}
        for table, choices in self.checks.items():
            for pattern, choice in choices.items():
                if fnmatchcase(measurement, table) and fnmatchcase(name, pattern):
                    where = f"quality.checks.{table}.{pattern}"
                    chosen |= {check: _built(where, check, given, self) for check, given in choice.items()}
        return chosen


def _built(where: str, name: str, given: object, rules: Rules) -> Check | None:
    """A check from its parameters; None, if these are False: switched off.

    Raises: ConfigError, for a check or a parameter that there is not.
    """
    from .quality.checks import build, factory

    try:
        wanted = inspect.signature(factory(name)).parameters
        if given is False:
            return None
        own = {key: value for key, value in rules.site.items() if key in wanted}
        return build(name, {**own, **_with_band(name, given if isinstance(given, Mapping) else {}, rules.text)})
    except (ValueError, ImportError) as error:
        raise ConfigError([f"{where}: {error}"]) from error


def _with_band(name: str, given: Mapping[str, Any], text: Callable[[str], str]) -> Mapping[str, Any]:
    """Instead of `files` (what AmeriFlux's band files of a site have in common) and `variable`, the band in them.

    Raises: ValueError.
    """
    if name != "percentile_band" or "files" not in given:
        return given
    from .quality.seasons import band

    rest = {key: value for key, value in given.items() if key not in ("files", "variable")}
    lower, upper = (text(f"{given['files']}_{side}.csv") for side in ("LOWER2", "UPPER2"))
    return {**rest, "band": band(lower, upper, str(given.get("variable")))}
