"""The settings of this project, for the scripts beside it: config/*.yaml, secret.py and the environment, checked."""

import os
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent
if str(PROJECT / "src") not in sys.path:
    sys.path.insert(0, str(PROJECT / "src"))

from fieldline.settings import Settings, from_project  # noqa: E402


class Config:
    """`Config.load()` returns the Settings of config/site.yaml; see docs/configuration.md."""

    @staticmethod
    def load(path: Path | None = None, home: Path | None = None) -> Settings:
        """Read `path` (config/site.yaml) and raise ConfigError with all that is wrong; `home` wins over the file's."""
        return from_project(PROJECT, path, home, os.environ)
