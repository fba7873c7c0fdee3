"""API keys: shown once, stored hashed, with what each may read and write."""

from __future__ import annotations

from pathlib import Path


class Keys:
    """The keys in a file of the home."""

    def __init__(self, path: Path) -> None:
        self.path = path
