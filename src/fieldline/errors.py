"""Everything that fieldline raises on purpose.

FieldlineError
├── InputError      a file, message or request is wrong: where, found, expected, what to do
│   └── UsageError      it was a word on the command line
├── ConfigError     the configuration is wrong: every problem found, each with its line
├── Busy            another run holds the lock of this home
└── StoreError      a sink refused or could not be reached
    ├── Unreachable     try again later: nothing is lost, the source will offer the rows again
    └── Rejected        never try again: set aside, and said aloud
"""

from __future__ import annotations

from collections.abc import Sequence


class FieldlineError(Exception):
    """Base class: `except FieldlineError` catches all that is expected to go wrong."""


class InputError(FieldlineError):
    """An input does not have the form that its table declares."""

    def __init__(self, where: str, found: str, expected: str, fix: str) -> None:
        super().__init__(f"{where}: found {found}, expected {expected}.\n  {fix}")
        self.where, self.found, self.expected, self.fix = where, found, expected, fix


class UsageError(InputError):
    """A command was given a word that it can't use; nothing was done."""


class ConfigError(FieldlineError):
    """The configuration has one or more problems; all of them are listed."""

    def __init__(self, problems: Sequence[str]) -> None:
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''} in the configuration"
        super().__init__("\n  ".join([f"{count}:", *problems]))
        self.problems = list(problems)


class Busy(FieldlineError):
    """Another run works on the same home; nothing was done."""


class StoreError(FieldlineError):
    """A sink did not take a batch, or a store could not answer."""


class Unreachable(StoreError):
    """The store could not be reached: keep the rows and try again."""


class Rejected(StoreError):
    """The store refused the rows: trying again cannot help."""
