"""The configuration, secret.py, the drivers and the log of maintenance."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...errors import ConfigError, InputError
from ...quality.maintenance import Log
from ...settings import Settings, maintenance
from ...settings.loader import read
from ...settings.secrets import Given, given, read_secret
from .. import drivers
from ..configured import checker, load_settings
from ..show import counted
from . import Finding, Visit, fail, of, ok, warn
from .files import fields, remembered

DEFAULT = Path("config/site.yaml")


def configuration(options: argparse.Namespace) -> tuple[Settings | None, list[str]]:
    """The settings, or as much of them as can be used; and what is wrong with them."""
    try:
        return load_settings(options), []
    except ConfigError as error:
        return salvaged(options), error.problems


def problems(options: argparse.Namespace, found: list[str]) -> Iterator[Finding]:
    """Findings about reading the configuration."""
    for one in found:
        yield fail("configuration", one, "Correct it; docs/configuration.md explains every setting.")
    if not found:
        yield ok("configuration", f"{_path(options)} is right")


def salvaged(options: argparse.Namespace) -> Settings | None:
    """What can be used of a configuration that is not right: every setting at the top, every job, by itself.

    Nothing runs with it; it is for looking on.
    """
    try:
        values: dict[str, Any] = {**read(_path(options), options.project).values}
    except ConfigError:
        values = {}
    for one in _outside(options.project):
        group = values.setdefault(str(one.place[0]), {})
        if isinstance(group, dict):
            group[str(one.place[1])] = one.value
    good = {name: value for name, value in values.items() if name != "jobs" and _fits({name: value})}
    jobs = values.get("jobs")
    good["jobs"] = [job for job in (jobs if isinstance(jobs, list) else []) if _fits({"jobs": [job]})]
    if options.home:
        good["home"] = str(options.home.absolute())
    if not values or ("home" in values and "home" not in good):
        return None  # then it would be another home that is looked at
    settings = Settings.model_validate(good)
    try:
        folder = settings.home.expanduser()
    except RuntimeError:  # ~name of a user who is not there
        return None
    return settings.model_copy(update={"home": options.project / folder})


def _path(options: argparse.Namespace) -> Path:
    """The configuration; what is typed is meant from the working directory, if it is there, else from the project."""
    config = Path(options.config or DEFAULT)
    return config.absolute() if options.config and config.exists() else Path(options.project) / config


def _fits(values: Mapping[str, Any]) -> bool:
    try:
        Settings.model_validate(values)
    except ValueError:
        return False
    return True


def _outside(project: Path) -> list[Given]:
    try:
        return given(read_secret(project / "secret.py"), os.environ)
    except ConfigError:
        return given({}, os.environ)


def secret(visit: Visit) -> Iterator[Finding]:
    """Findings about secret.py and where the token comes from; never what stands there."""
    path = visit.project / "secret.py"
    if visit.settings.store == "influxdb":
        yield _token(visit.project)
    if os.name != "nt" and path.is_file() and path.stat().st_mode & 0o007 and _holds_something(path):
        yield warn("secret.py", f"{path} can be read by every user of this computer", f"Run: chmod 600 {path}")


def _holds_something(path: Path) -> bool:
    """Whether there is a secret in it; a copy that nobody has filled in may be read by all."""
    try:
        values = read_secret(path)
    except ConfigError:
        return True
    return any(values.get(name) for name in ("token", "proxy_login", "grafana_token"))


def _token(project: Path) -> Finding:
    places = [one.where for one in _outside(project) if one.place == ("influxdb", "token")]
    if not places:
        return warn(
            "token",
            "none is set, which only a server without logins takes",
            "Copy secret_copy.py to secret.py and write the token into it, or set INFLUXDB_TOKEN.",
        )
    over = f"; it wins over {' and '.join(places[:-1])}" if places[:-1] else ""
    return ok("token", f"from {places[-1]}{over}")


def code(project: Path, used: set[str]) -> Iterator[Finding]:
    """Findings about the drivers. used: those that jobs name; another one that is broken stops no job."""
    folder, good = project / "drivers", []
    for name in sorted({*drivers.names(folder), *used}):
        try:
            good.append(f"{name} ({counted(len(drivers.load(folder, name)), 'table')})")
        except InputError as error:
            yield of("drivers", error, "fail" if name in used else "warn")
    if good:
        yield ok("drivers", ", ".join(good))


def _of_no_station(visit: Visit, log: Log) -> Iterator[str]:
    """Entries of the log of maintenance for a station of which no file was read."""
    headers = [seen.place.header for seen in remembered(visit).values() if seen.place.header]
    if headers:
        every = {name for entry in log.entries for name in entry.fields}  # which fields there are, the store knows
        yield from log.idle({header.station: every for header in headers})


def _maintenance(visit: Visit) -> Iterator[Finding]:
    """Findings about the log of maintenance."""
    own = visit.settings.quality
    try:
        log = maintenance.load(Path(own.maintenance), visit.project, visit.settings.defaults.utc_offset)
    except ConfigError as error:
        for one in error.problems:
            yield fail("maintenance", one, "Correct it; docs/quality.md explains the log of maintenance.")
    else:
        if log.entries:
            yield ok("maintenance", f"{own.maintenance}: {counted(len(log.entries), 'entry', 'entries')}")
        for one in _of_no_station(visit, log):
            yield warn("maintenance", one, "Correct the name; then `fieldline recheck` applies the entry.")


def quality(visit: Visit) -> Iterator[Finding]:
    """Findings about the log of maintenance and the configured checks."""
    yield from _maintenance(visit)
    try:
        rules = checker(visit.settings, visit.project, None).rules
        for layout in visit.layouts:
            rules.of(layout.measurement, fields(layout), layout.checks, layout.interval)
    except ConfigError as error:
        for one in error.problems:
            yield fail("checks", one, "Correct it; docs/quality.md has every check and its parameters.")
