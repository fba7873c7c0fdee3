"""What `ports.Store.read` is asked, checked alike for every store: fields, times and windows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import Rejected
from ..ports import AGGREGATES, Aggregate, Field, Kind
from ._names import meant

if TYPE_CHECKING:
    import pandas as pd

OF_ANY_KIND: tuple[Aggregate, ...] = ("first", "last", "count")


def refuse_nothing(known: Collection[object], where: str) -> None:
    """Raise Rejected unless something is known of a measurement; where: names it."""
    if not known:
        raise Rejected(
            f"{where}: found nothing, expected a measurement that was written.\n  See the names with: fieldline read"
        )


def chosen(known: Mapping[str, Field], wanted: Sequence[str] | None, agg: Aggregate | None, where: str) -> list[Field]:
    """The fields asked for; None: all that can be. Raises: Rejected, when one is not there or cannot be aggregated."""
    refuse_nothing(known, where)
    if wanted is None:
        return [field for field in known.values() if not field.tag and _can(field, agg)]
    fields = [_found(known, name, where) for name in dict.fromkeys(wanted)]
    for field in fields:
        if not field.tag and not _can(field, agg):
            raise Rejected(
                f"{where}, field {field.name!r}: found {agg} of a {field.kind} field, expected"
                f" {', '.join(OF_ANY_KIND)}.\n  Ask for one of these, or for the rows as they are."
            )
    return [field for field in fields if not field.tag]


def _can(field: Field, agg: Aggregate | None) -> bool:
    return agg is None or agg in OF_ANY_KIND or field.kind in ("number", "integer")


def _found(known: Mapping[str, Field], name: str, where: str) -> Field:
    if name not in known:
        raise Rejected(
            f"{where}: found no field {name!r}, expected one that was written.\n  {meant(name, list(known))}"
        )
    return known[name]


def ns(time: pd.Timestamp | None) -> Any:
    """Nanoseconds since 1970 UTC; None stays None. Raises: ValueError, without a zone."""
    if time is None:
        return None
    if time.tzinfo is None:
        raise ValueError(f"expected a time with its zone, found {time}")
    return time.as_unit("ns").value


def width(every: pd.Timedelta | None, agg: Aggregate) -> int:
    """Nanoseconds of a window, 0 for none. Raises: ValueError, when it is no width or `agg` no such name."""
    if agg not in AGGREGATES:
        raise ValueError(f"expected one of {', '.join(AGGREGATES)}, found {agg!r}")
    if every is None:
        return 0
    size = int(every.as_unit("ns").value)
    if size <= 0:
        raise ValueError(f"expected windows wider than nothing, found {every}")
    return size


def kind_of(field: Field, agg: Aggregate | None) -> Kind:
    """What a field is in the answer."""
    if agg == "count":
        return "integer"
    return "number" if agg == "mean" else field.kind
