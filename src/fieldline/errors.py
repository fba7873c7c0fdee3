"""Everything that fieldline raises on purpose.

FieldlineError
├── InputError      a file, message or request is wrong: where, found, expected, what to do
│   └── UsageError      it was a word on the command line
├── ConfigError     the configuration is wrong: every problem found, each with its line
├── Busy            another run holds the lock of this home
└── StoreError      a sink refused or could not be reached
    ├── Unreachable     try again later: nothing is lost, the source will offer the rows again
    │   └── Denied          and a person must act first: the token, a right or the bucket is wrong
    └── Rejected        never try again: set aside, and said aloud
        └── TooLarge        in one piece; smaller pieces may be taken
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


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
    """The store could not be reached: keep the rows and try again.

    retry_after: seconds that the store asked for, if it did.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Denied(Unreachable):
    """The store is there and refuses us, not the rows: keep them until somebody has done what the message says.

    no_bucket: what is missing is the bucket.
    """

    def __init__(self, message: str, no_bucket: bool = False) -> None:
        super().__init__(message)
        self.no_bucket = no_bucket


class Rejected(StoreError):
    """The store refused the rows: trying again cannot help.

    dropped: of the lines sent, how many the store says it did not take (the others are stored); None: it does not say.
    named: the reason for each line that the store names, by its number from 1.
    """

    def __init__(self, message: str, dropped: int | None = None, named: Mapping[int, str] | None = None) -> None:
        super().__init__(message)
        self.dropped, self.named = dropped, dict(named or {})


class TooLarge(Rejected):
    """The store does not take so much at once."""
