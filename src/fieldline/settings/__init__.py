"""YAML, secret.py and the environment become one frozen `Settings`; all problems are told at once, each with its line.

model.py      what can be set, and the defaults
document.py   YAML text to plain values that know their lines; the only user of yaml
secrets.py    what comes from secret.py and the environment
loader.py     the three put together, checked, and what is wrong said in words
reference.py  the table in docs/configuration.md; not loaded at start-up
"""

from __future__ import annotations

from .loader import from_project, load
from .model import Defaults, Grafana, Influxdb, Job, Log, Settings

__all__ = ["Defaults", "Grafana", "Influxdb", "Job", "Log", "Settings", "from_project", "load"]
