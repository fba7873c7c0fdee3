"""Python and the packages that a run needs."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator
from importlib import import_module, metadata

from . import Finding, fail, ok, warn

OLDEST = (3, 11)
SHOWN = ("pandas", "duckdb", "influxdb-client", "urllib3")
INSTALL = f"Run `{'py' if sys.platform == 'win32' else 'python3'} quickstart.py` once, it installs what is needed."
_NEED = re.compile(r"([A-Za-z0-9_.-]+)\s*>=\s*([0-9.]+)$")


def look() -> Iterator[Finding]:
    """Findings about what is installed."""
    version = platform.python_version()
    if sys.version_info < OLDEST:
        yield fail("python", f"Python {version}", f"Install Python {'.'.join(map(str, OLDEST))} or later.")
    else:
        yield ok("python", f"Python {version}, {sys.executable}")
    wrong = [*wanting(needs()), *replaced("urllib3")]
    yield from wrong
    if not any(one.state == "fail" for one in wrong):
        versions = [f"{name} {found}" for name in SHOWN if (found := installed(name))]
        yield ok("packages", f"fieldline {installed('fieldline') or '?'}, {', '.join(versions)}")


def needs() -> dict[str, str]:
    """The packages that fieldline needs always, and the oldest version that will do ("0": any)."""
    try:
        lines = metadata.requires("fieldline") or []
    except metadata.PackageNotFoundError:
        return dict.fromkeys(SHOWN, "0")
    found = (_NEED.match(line.strip()) for line in lines if ";" not in line)
    return {one[1]: one[2] for one in found if one}


def wanting(needed: dict[str, str]) -> Iterator[Finding]:
    """Packages that are not there, or too old."""
    for name, least in needed.items():
        there = installed(name)
        if there is None:
            yield fail("packages", f"{name} is not installed", INSTALL)
        elif _number(there) < _number(least):
            yield fail("packages", f"{name} {there} is installed, expected {least} or later", INSTALL)


def replaced(name: str) -> Iterator[Finding]:
    """A package whose files another one has overwritten: urllib3-future does so to urllib3."""
    there = installed(name)
    try:
        found = str(getattr(import_module(name), "__version__", there))
    except ImportError as error:
        yield fail("packages", f"{name} can't be imported ({error})", INSTALL)
        return
    if there is not None and not same(found, there):
        yield warn(
            "packages",
            f"{name} {there} is installed, but what is imported is {found}: another package has replaced it",
            f"Run: pip uninstall -y {name}-future, then pip install --force-reinstall {name}=={there}",
        )


def same(imported: str, there: str) -> bool:
    """Whether a module's own version is that of the installed package."""
    return _number(imported) == _number(there)


def installed(name: str) -> str | None:
    """The version of a package; None: it is not there."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _number(version: str) -> tuple[int, ...]:
    parts = [int(digits) for digits in re.findall(r"\d+", version.split("+", maxsplit=1)[0])[:3]]
    return (*parts, 0, 0, 0)[:3]
