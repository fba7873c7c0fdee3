"""What every part of the server is handed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from ..sinks.embedded import Embedded
from ..tables import DataTable
from .keys import Keys
from .limits import Limits


@dataclass(frozen=True)
class Context:
    """The server's surroundings; it reads neither clock nor configuration itself.

    home: the folder of the state. store: each call opens, works and closes, so several threads may use it, and the
    driver writes meanwhile. tables: the declared tables of all drivers. zone: the station's clock. loopback: whether
    only this machine can connect; then reading needs no key as long as there are none. now: UTC. limits: what a request
    may cost. aliases, heights, instruments: what the configuration says of fields by their names, for groups.arrange.
    """

    home: Path
    store: Embedded
    keys: Keys
    tables: tuple[type[DataTable], ...]
    zone: str
    loopback: bool
    now: Callable[[], pd.Timestamp]
    limits: Limits = field(default_factory=Limits)
    aliases: Mapping[str, str] = field(default_factory=dict, hash=False)
    heights: Mapping[str, float] = field(default_factory=dict, hash=False)
    instruments: Mapping[str, str] = field(default_factory=dict, hash=False)
