"""What comes from secret.py and from the environment; a message never shows what stands there."""

from __future__ import annotations

import runpy
import traceback
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError
from .document import Place

SECRET_NAMES: dict[str, Place] = {
    "url": ("influxdb", "url"),
    "org": ("influxdb", "org"),
    "token": ("influxdb", "token"),
    "proxy_login": ("influxdb", "proxy_login"),
    "grafana_url": ("grafana", "url"),
    "grafana_token": ("grafana", "token"),
}
ENVIRON_NAMES: dict[str, Place] = {  # a later name wins: ours over those of the InfluxDB client
    "INFLUXDB_V2_URL": ("influxdb", "url"),
    "INFLUXDB_V2_ORG": ("influxdb", "org"),
    "INFLUXDB_V2_TOKEN": ("influxdb", "token"),
    "INFLUXDB_URL": ("influxdb", "url"),
    "INFLUXDB_ORG": ("influxdb", "org"),
    "INFLUXDB_TOKEN": ("influxdb", "token"),
    "INFLUXDB_PROXY": ("influxdb", "proxy"),
    "INFLUXDB_PROXY_LOGIN": ("influxdb", "proxy_login"),
    "INFLUXDB_BUCKET": ("defaults", "bucket"),
    "GRAFANA_URL": ("grafana", "url"),
    "GRAFANA_TOKEN": ("grafana", "token"),
}


@dataclass(frozen=True)
class Given:
    """One value from outside the YAML."""

    place: Place
    value: object
    where: str


def read_secret(path: Path) -> dict[str, object]:
    """Return what secret.py sets, in its class Secret or by itself; {} when there is no such file.

    Raises: ConfigError with file and line when it does not run.
    """
    if not path.is_file():
        return {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python shows the line that it warns about
            names = runpy.run_path(str(path))  # unlike an import this leaves no copy of the secret in __pycache__
    except Exception as error:
        raise ConfigError([_broken(path, error)]) from None
    if "Secret" in names:
        names |= {name: getattr(names["Secret"], name) for name in dir(names["Secret"])}
    return {name: value for name, value in names.items() if name in SECRET_NAMES or _is_text(name, value)}


def _is_text(name: str, value: object) -> bool:
    return not name.startswith("_") and isinstance(value, str)


def _broken(path: Path, error: Exception) -> str:
    """Say where `error` happened and of what kind it is; its own words may quote the secret."""
    here = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    line = error.lineno if isinstance(error, SyntaxError) else here[-1] if here else None
    return (
        f"{path.name}:{line or 1}: is not Python that runs ({type(error).__name__}): compare it with secret_copy.py; "
        "each text stands in quotes"
    )


def given(secret: Mapping[str, object], environ: Mapping[str, str]) -> list[Given]:
    """List what is set outside the YAML; a later one wins. Empty means not set."""
    found = [Given(place, secret.get(name), f"secret.py: {name}") for name, place in SECRET_NAMES.items()]
    found += [Given(place, environ.get(name), f"environment: {name}") for name, place in ENVIRON_NAMES.items()]
    stripped = [Given(one.place, _strip(one.value), one.where) for one in found]
    return [one for one in stripped if one.value not in (None, "")]


def _strip(value: object) -> object:
    return value.strip() if isinstance(value, str) else value
