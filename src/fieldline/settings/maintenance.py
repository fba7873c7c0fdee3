"""config/maintenance.yaml (or a CSV file with the same columns) -> quality.maintenance.Log.

entries:
  - station: umbs
    fields: ["CO2_*"]
    from: 2026-06-25T10:00
    to: 2026-06-25T12:30
    flag: fail
    reason: calibration gas
    who: A. P.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError

from ..clock import fixed_offset
from ..errors import ConfigError
from ..held import patiently
from ..quality.maintenance import Entry, Log
from ..readers.header import decode
from .document import Document, Place
from .loader import problems_of, read
from .model import Section

FLAGS = {"good": 1, "not evaluated": 2, "suspect": 3, "fail": 4}


def _time(value: object) -> object:
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("must be a time such as 2026-06-25T10:00") from None
    return value


def _names(value: object) -> object:
    return tuple(value.replace(";", " ").split()) if isinstance(value, str) else value


Time = Annotated[datetime, BeforeValidator(_time)]


class Line(Section):
    """One entry as a person writes it. A time without a zone is on the loggers' clock (`defaults.utc_offset`)."""

    model_config = ConfigDict(populate_by_name=True)

    station: str = Field(default="*", description="name of the station; may hold `*`")
    fields: Annotated[tuple[str, ...], BeforeValidator(_names)] = Field(min_length=1, description="fields or patterns")
    start: Time | None = Field(
        default=None, alias="from", description="first time concerned; left out: from the beginning"
    )
    end: Time | None = Field(default=None, alias="to", description="last time concerned; left out: until now")
    flag: Literal["good", "not evaluated", "suspect", "fail"] | None = Field(
        default=None, description="flag that values get"
    )
    gain: float | None = Field(default=None, description="with offset: `<field>_corrected` = value x gain + offset")
    offset: float | None = Field(default=None, description="see gain")
    reason: str = Field(min_length=1, description="why")
    who: str = Field(default="", description="who says so")


class Lines(Section):
    """The whole file."""

    entries: tuple[Line, ...] = ()


def load(path: Path, project: Path, zone: str) -> Log:
    """Read the log of maintenance; an empty one, if the file is not there.

    Args:
        zone: the clock of times that say no other, as `defaults.utc_offset`.

    Raises: ConfigError that lists every problem, one a line.
    """
    path = project / path
    if not path.exists():
        return Log()
    document = _csv(path, project) if path.suffix.lower() == ".csv" else read(path, project)
    try:
        lines = Lines.model_validate(document.values)
    except ValidationError as error:
        found = problems_of(error.errors(include_url=False), document, root=Lines)
        raise ConfigError([f"{document.name}:{line}: {text}" for line, text in found]) from None
    problems = [
        *(f"{document.name}:{line}: {text}" for line, text in document.problems),
        *_wrong(lines, document, zone),
    ]
    if problems:
        raise ConfigError(problems)
    places = [f"{document.name}:{document.line(('entries', number))}" for number in range(len(lines.entries))]
    return Log(tuple(_entry(line, zone, place) for line, place in zip(lines.entries, places, strict=True)))


def _csv(path: Path, project: Path) -> Document:
    """A CSV file as the document that the same entries in YAML would be."""
    name = path.relative_to(project).as_posix() if path.is_relative_to(project) else str(path)
    try:
        content = patiently(path.read_bytes).removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise ConfigError([f"{name}: cannot be read: {error.strerror}; is it open in another program?"]) from None
    text = decode(content).splitlines()
    heads = text[0] if text else ""
    comma = heads.count(";") > heads.count(
        ","
    )  # where a comma stands in numbers, spreadsheets part cells by semicolons
    rows = csv.DictReader(text, delimiter=";" if comma else ",")
    entries: list[Any] = [{str(key): value for key, value in row.items() if value} for row in rows]
    for entry in entries if comma else ():
        entry |= {key: entry[key].replace(",", ".") for key in ("gain", "offset") if isinstance(entry.get(key), str)}
    lines: dict[Place, int] = {("entries", number): number + 2 for number in range(len(entries))}
    return Document(name, {"entries": entries}, lines)


def _wrong(lines: Lines, document: Document, zone: str) -> Iterator[str]:
    for number, line in enumerate(lines.entries):
        where = f"{document.name}:{document.line(('entries', number))}: entries[{number}]"
        corrects = line.gain is not None or line.offset is not None
        if (line.flag is None) != corrects:
            yield f"{where} must have either a flag or a gain and offset"
        start, end = _utc(line.start, zone), _utc(line.end, zone)
        if start and end and start > end:
            yield f"{where}: from is {line.start}, must not be after to, which is {line.end}"


def _entry(line: Line, zone: str, place: str) -> Entry:
    return Entry(
        line.station,
        line.fields,
        _utc(line.start, zone),
        _utc(line.end, zone),
        line.reason,
        line.who,
        None if line.flag is None else FLAGS[line.flag],
        1.0 if line.gain is None else line.gain,
        line.offset or 0.0,
        place,
    )


def _utc(time: datetime | None, zone: str) -> datetime | None:
    if time is None:
        return None
    if time.tzinfo is None:
        offset = fixed_offset(zone)
        return (
            time.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
            if offset is None
            else (time - offset).replace(tzinfo=UTC)
        )
    return time.astimezone(UTC)
