"""The fields that a page shows, each with its label, place, colour, decimals and limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from ..ports import OWN_ENDS, Field
from ..ports import Kind as Holds
from ..quality import variables
from ..tables import Column, DataTable
from . import colours, levels
from .kinds import Sort, clean, decimals, is_direction, is_total, pretty, sort
from .levels import Place

Pair = tuple[float | None, float | None]
STATION = "station"
_CORRECTED = "_corrected"


@dataclass(frozen=True)
class Known:
    """What a store knows of one series of a measurement: of one station's rows, or, where no tag names a device, of
    one combination of tags.

    station: the name of the series; '' where there are no tags, or where it is of all rows. interval: between rows,
    where no class says it [s]; None: not known. tags: where no tag names a device. by: where it is all rows of several
    series, the tags that tell these apart. series: how many these are.
    """

    bucket: str
    measurement: str
    station: str
    fields: Mapping[str, Field]
    interval: float | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    by: tuple[str, ...] = ()
    series: int = 1


@dataclass(frozen=True)
class Shown:
    """One field of one station.

    unit: as fieldline spells it; `pretty` writes it for people. height, depth: above and below the ground [m]. limits,
    suspect: what the check `between` fails and suspects, None where it has no limit. flags: whether flags stand beside
    it. dash: 1, 2, ... where another series of its panel has the same colour. kind: as in ports.Field. interval:
    between the rows of its table [s]; None: not known. instrument: what measures it, as declared; '': nobody says.
    apart: what tells its series from the others of its table, a word for each tag; None where a tag names a device or
    there are no tags. many: whether it stands for several series.
    """

    bucket: str
    measurement: str
    station: str
    name: str
    unit: str
    label: str
    at: Place
    sort: Sort
    colour: str
    decimals: int
    limits: Pair = (None, None)
    suspect: Pair = (None, None)
    flags: bool = False
    dash: int = 0
    kind: Holds = "number"
    interval: float | None = None
    instrument: str = ""
    apart: tuple[str, ...] | None = None
    many: bool = False

    @property
    def height(self) -> float | None:
        """Above the ground, if it is not in the soil. [m]"""
        return None if self.sort.soil else self.at.metres

    @property
    def depth(self) -> float | None:
        """Below the ground, if it is in the soil; of a range its middle. [m]"""
        return self.at.middle if self.sort.soil else None

    @property
    def direction(self) -> bool:
        """Whether its values go round, as degrees from north do."""
        return is_direction(self.sort, self.at, self.unit)

    @property
    def total(self) -> bool:
        """Whether windows have the sum of its values, as of rain, and not their mean."""
        return is_total(self.sort, self.at, Field(self.name, self.kind, self.unit))

    @property
    def group(self) -> str:
        """The id of its group."""
        return self.sort.group

    @property
    def table(self) -> tuple[str, str, str]:
        """Bucket, measurement and station: the rows that it stands in."""
        return (self.bucket, self.measurement, self.station)

    @property
    def where(self) -> str:
        """Its table in words: 'fastdata umbs', 'cpu cpu0'."""
        return " ".join(filter(None, (self.measurement, *((self.station,) if self.apart is None else self.apart))))

    @property
    def symbol(self) -> str:
        """Its unit for people."""
        return pretty(self.unit)


def changed(one: Shown, **words: object) -> Shown:
    """As dataclasses.replace, five times as fast: a page may have a hundred thousand series."""
    found = object.__new__(Shown)
    vars(found).update(vars(one), **words)
    return found


@dataclass(frozen=True)
class Declared:
    """What the classes say of one measurement. interval: [s]."""

    interval: float | None = None
    columns: Mapping[str, Column] = field(default_factory=dict)


def declared(tables: Iterable[type[DataTable]], bucket: str, measurement: str) -> Declared:
    """What is declared for a measurement; the first class that names a field wins."""
    mine = [table for table in tables if (table.bucket, table.measurement) == (bucket, measurement)]
    columns: dict[str, Column] = {}
    for table in mine:
        for column in table.columns.values():
            columns.setdefault(column.name, column)
    return Declared(next((table.interval for table in mine if table.interval), None), columns)


def drawable(fields: Mapping[str, Field]) -> list[Field]:
    """The fields that can be lines: no tags, no text, no flags, no record numbers."""
    return [
        one
        for name, one in fields.items()
        if not one.tag and one.kind != "text" and name != "RECORD" and not _own(name, fields)
    ]


def _own(name: str, fields: Mapping[str, Field]) -> bool:
    """Whether it is a flag of a field; a corrected field is shown beside the raw one."""
    return any(name.endswith(end) and name.removesuffix(end) in fields for end in OWN_ENDS if end != _CORRECTED)


def shown(
    known: Known,
    tables: Sequence[type[DataTable]],
    heights: Mapping[str, float],
    aliases: Mapping[str, str] | None,
    instruments: Mapping[str, str],
) -> list[Shown]:
    """Every drawable field of a table, in the order of the store."""
    says = declared(tables, known.bucket, known.measurement)
    found = [_one(known, one, says, heights, aliases) for one in drawable(known.fields)]
    return [replace(one, instrument=_instrument(one.name, says, instruments)) for one in found]


def _instrument(name: str, says: Declared, instruments: Mapping[str, str]) -> str:
    """What measures a field: as its class says, or the configuration."""
    name = name.removesuffix(_CORRECTED)
    column = says.columns.get(name)
    if column and column.instrument:
        return column.instrument
    return next((words for pattern, words in instruments.items() if fnmatchcase(name, pattern)), "")


def _one(
    known: Known, one: Field, says: Declared, heights: Mapping[str, float], aliases: Mapping[str, str] | None
) -> Shown:
    name = one.name.removesuffix(_CORRECTED)
    column = says.columns.get(name)
    raw = column.unit if column else one.unit or getattr(known.fields.get(name), "unit", "")
    plain = replace(one, name=name, unit=raw)
    at = levels.place(name, known.station, heights)
    kind = sort(plain, at, aliases)
    if kind.family == "ALB" and clean(raw) == "W m-2":
        raw = "1"  # copied from the radiation beside it: a share has no unit
    if kind.group in ("power", "logger") and levels.place(name).metres is None:
        at = replace(at, metres=None)  # the height of a tower's top is not where its battery is
    interval = says.interval or known.interval
    limits, suspect = _limits(column, name, raw, aliases, interval)
    label = levels.words(at, kind.soil) or human(at.core)
    found = Shown(
        *(known.bucket, known.measurement, known.station, one.name, clean(raw)),
        label + (" corrected" if name != one.name else ""),
        at,
        kind,
        "",
        decimals(one, clean(raw), kind.family),
        limits,
        suspect,
        f"{name}_qc" in known.fields,
        kind=one.kind,
        interval=interval,
    )
    return replace(found, colour=_colour(found))


def _limits(
    column: Column | None, name: str, unit: str, aliases: Mapping[str, str] | None, interval: float | None
) -> tuple[Pair, Pair]:
    """What fails and what is suspect: as declared, or as AmeriFlux has it for the variable that the name tells."""
    for check in column.checks if column else ():
        if check.name == "between":
            given = check.parameters
            return (_number(given["low"]), _number(given["high"])), _pair(given.get("suspect"))
    found = variables.limits(name, unit, aliases, interval)
    return (found.hard, found.soft) if found else ((None, None), (None, None))


def _pair(span: object) -> Pair:
    return (_number(span[0]), _number(span[1])) if isinstance(span, tuple | list) else (None, None)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _colour(one: Shown) -> str:
    if one.height is not None:
        return colours.of_height(one.height)
    if one.depth is not None:
        return colours.of_depth(one.depth)
    return colours.COMPONENTS.get(one.sort.variable, colours.PALETTE[1])


def human(core: str) -> str:
    """A name in words: 'Incident_far_red' is 'Incident far red'."""
    return core.replace("_", " ").strip() or core or "(no name)"
