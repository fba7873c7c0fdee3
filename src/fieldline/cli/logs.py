"""The log file of a home: rotated, and never the reason that a run fails."""

from __future__ import annotations

import logging
import logging.handlers
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ..settings import Log


class _Rotating(logging.handlers.RotatingFileHandler):
    def doRollover(self) -> None:
        """Begin a new file, unless another program holds one of them (Windows): then go on in this one for now.

        The full one is moved first. The base class moves the older ones before it finds out that it can't, and with
        each message that is tried again one of them would be lost.
        """
        if self.stream is not None:
            self.stream.close()
            self.stream = None
        log = Path(self.baseFilename)
        full = log.with_name(f"{log.name}.full")
        try:
            if not full.exists():  # of a run that ended just here
                log.replace(full)
            self._make_way(log)
            full.replace(log.with_name(f"{log.name}.1"))
        except PermissionError:
            if full.exists() and not log.exists():
                full.replace(log)

    def _make_way(self, log: Path) -> None:
        """Let each full file be one older."""
        for age in range(self.backupCount - 1, 0, -1):
            with suppress(FileNotFoundError):
                log.with_name(f"{log.name}.{age}").replace(log.with_name(f"{log.name}.{age + 1}"))

    def handleError(self, record: logging.LogRecord) -> None:
        """Say in one line, once, that the log can't be written; the next message tries again."""
        stream, self.stream = self.stream, None
        with suppress(OSError):  # what could not be written would be tried again here, and stop the run
            if stream is not None:
                stream.close()
        if not self._told:
            self._told = True
            print(f"{self.baseFilename}: the log can't be written: {sys.exc_info()[1]}", file=sys.stderr)

    _told = False


def append_line(home: Path, text: str) -> None:
    """One warning from a process without the lock of `home`: it must not rotate the log under the one that has it."""
    folder = home / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    with (
        suppress(PermissionError),
        (folder / "fieldline.log").open("a", encoding="utf-8", errors="backslashreplace") as log,
    ):
        log.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime())}Z WARNING {text}\n")


@contextmanager
def open_log(
    home: Path, settings: Log, file: str = "fieldline.log", loggers: Sequence[str] = ("fieldline",)
) -> Iterator[None]:
    """Send the messages of this process to `home`/logs/`file` for a while; of one process at a time."""
    folder = home / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    handler = _Rotating(
        folder / file,
        maxBytes=settings.megabytes * 2**20,
        backupCount=settings.keep,
        encoding="utf-8",
        errors="backslashreplace",
        delay=True,
    )
    formatter = logging.Formatter("%(asctime)sZ %(levelname)s %(message)s", datefmt="%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    for logger in map(logging.getLogger, loggers):
        logger.addHandler(handler)
        logger.setLevel(settings.level)
        logger.propagate = False
    try:
        yield
    finally:
        for logger in map(logging.getLogger, loggers):
            logger.removeHandler(handler)
        handler.close()
