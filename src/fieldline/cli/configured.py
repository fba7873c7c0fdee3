"""What every verb begins with: the configuration, the lock of the home, and the checks that it asks for."""

from __future__ import annotations

import argparse
import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from .. import settings as configuration
from ..errors import Busy, ConfigError, InputError
from ..ports import Store
from ..settings import Settings
from ..sources.memory import Memory
from .logs import append_line, open_log

if TYPE_CHECKING:  # a run without new rows must not pay for numpy
    from ..flagging import Checker
    from ..quality.maintenance import Log


def load_settings(options: argparse.Namespace) -> Settings:
    """The configuration of this command, with an absolute home."""
    config, home = options.config, options.home
    if config is not None and config.exists():
        config = config.absolute()  # what is typed is meant from the working directory; else from the project
    return configuration.from_project(options.project, config, home and home.absolute(), os.environ)


@contextmanager
def locked(settings: Settings) -> Iterator[None]:
    """Hold the lock of the home, and log there.

    Raises: Busy, when another run holds it; InputError, when this account may not write there.
    """
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        found = error.strerror or str(error)
        raise ConfigError([f"home: {settings.home} can't be made or used: {found}; choose another folder"]) from error
    lock = FileLock(settings.home / "run.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise Busy(busy_message(settings)) from error
    except OSError as error:
        raise InputError(
            lock.lock_file,
            error.strerror or str(error),
            "a file that this account may write",
            "What another account made belongs to it, on Windows what the schedule made as SYSTEM: open the window as "
            "administrator, or let the schedule run under your account.",
        ) from error
    try:
        with open_log(settings.home, settings.log):
            yield
    finally:
        lock.release()


def checker(settings: Settings, project: Path, store: Store | None) -> Checker:
    """What gives rows their flags, as the configuration says."""
    from ..flagging import Checker
    from ..rules import Rules

    own = settings.quality
    log = functools.cache(lambda: maintenance_of(settings, project))
    site = own.site.model_dump(exclude_none=True, exclude={"heights", "instruments"})
    return Checker(Rules(own.defaults, own.aliases, own.checks, site, functools.partial(_text, project)), log, store)


def maintenance_of(settings: Settings, project: Path) -> Log:
    """The log of maintenance. Raises: ConfigError that lists every problem."""
    from ..settings import maintenance

    return maintenance.load(Path(settings.quality.maintenance), project, settings.defaults.utc_offset)


def busy_message(settings: Settings) -> str:
    """Who holds the lock, since when, and whether that is too long; also in the log."""
    memory = Memory(settings.home / "state.db", frozen=True)
    began, process = memory.note("began"), memory.note("process")
    memory.close()
    text = f"another run works on {settings.home}; nothing was done, the next run will"
    if began:
        minutes = (datetime.now(UTC) - datetime.fromisoformat(began)).total_seconds() / 60
        text = text.replace(";", f" since {began} (process {process});")
        if minutes > settings.every_minutes:
            text += (
                f".\n  It has worked for {minutes:.0f} min, runs are {settings.every_minutes} min apart: is it stuck?"
            )
    append_line(settings.home, text)
    return text


def _text(project: Path, name: str) -> str:
    """The text of a file that the configuration names. Raises: ValueError."""
    try:
        return (project / name).read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{name} cannot be read: {error.strerror or error}") from error
