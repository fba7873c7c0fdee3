"""Frames on their way into and out of a store: every column of one kind, every row one point.

A frame is tidied once (`points`), fitted to the kinds that the table keeps (`fitted`), and built again from what a
query gives back (`answer`). Pure functions all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from .errors import Rejected
from .ports import Field, Kind


@dataclass(frozen=True)
class Points:
    """Rows with one point each, oldest first: the index is UTC in nanoseconds without a zone, no column is empty."""

    frame: pd.DataFrame
    kinds: Mapping[str, Kind]
    tags: tuple[str, ...]
    rows: int  # how many rows of the caller are in here, before rows of one point became one

    def part(self, first: int, stop: int) -> Points:
        """Some of the rows."""
        return replace(self, frame=self.frame.iloc[first:stop])

    def fields(self, units: Mapping[str, str]) -> list[Field]:
        """What these columns would be called in a catalogue, tags first."""
        return [Field(name, kind, units.get(name, ""), name in self.tags) for name, kind in self.kinds.items()]


def points(frame: pd.DataFrame, tags: tuple[str, ...]) -> Points:
    """Tidy a frame as `ports.Sink.write` takes it.

    Raises: ValueError, when it is not such a frame (a fault of the caller); Rejected, when a time cannot be kept.
    """
    index = _utc(frame.index)
    names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names) or not set(tags) <= set(names):
        raise ValueError(f"expected each tag of {tags} and no column twice, found the columns {names}")
    _refuse_broken(names)
    columns, kinds = dict[str, Any](), dict[str, Kind]()
    for name in tags:
        columns[name], kinds[name] = _as_text(frame.iloc[:, names.index(name)]).fillna("").array, "text"
    for name, (_, values) in zip(names, frame.items(), strict=True):
        if name not in tags and (found := _tidy(values)) is not None:
            columns[name], kinds[name] = found
    tidy = pd.DataFrame(columns, index=index, copy=False)
    tidy = _without_empty_rows(tidy, [name for name in columns if name not in tags])
    return Points(_one_row_a_point(tidy, list(tags)), kinds, tuple(tags), len(tidy))


def _refuse_broken(names: Sequence[str]) -> None:
    """Names with half a character, as a file read with the wrong encoding has them, cannot be a column."""
    for name in names:
        if name != name.encode("utf-8", "replace").decode("utf-8"):
            raise Rejected(f"field {name!r}: expected text.\n  Correct the encoding of the file's header.")


def _utc(index: pd.Index) -> pd.DatetimeIndex:
    """The index without its zone, in nanoseconds."""
    if not isinstance(index, pd.DatetimeIndex) or str(index.tz) != "UTC" or index.hasnans:
        raise ValueError(f"expected an index of times in UTC without gaps, found {index.dtype} {index[:3]}")
    try:
        return index.tz_localize(None).as_unit("ns")
    except pd.errors.OutOfBoundsDatetime as error:
        raise Rejected(
            f"time: found {error}, expected a time between 1677 and 2262.\n  Correct the clock of the logger."
        ) from error


def kind_of(values: pd.Series) -> Kind:
    """What a column is; see `ports.Sink`."""
    if pd.api.types.is_bool_dtype(values.dtype) and not isinstance(values.dtype, pd.CategoricalDtype):
        return "boolean"
    if pd.api.types.is_integer_dtype(values.dtype):
        return "integer"
    if pd.api.types.is_float_dtype(values.dtype):
        return "number"
    return "text"


def _tidy(values: pd.Series) -> tuple[Any, Kind] | None:
    """A field as an array in the one form of its kind; None when it brings nothing."""
    kind = kind_of(values)
    if kind == "number":
        numbers = values.to_numpy("float64", na_value=np.nan)
        finite = np.isfinite(numbers)
        if finite.all():
            return numbers, kind
        return (np.where(finite, numbers, np.nan), kind) if finite.any() else None
    if values.isna().all():
        return None
    # DuckDB's BIGINT takes whole numbers up to here; a column with a larger one becomes text.
    if kind == "text" or (kind == "integer" and values.max() > np.iinfo("int64").max):
        return _as_text(values).array, "text"
    if kind == "integer":
        values = values.astype("Int64" if values.isna().any() else "int64")
    return values.array, kind


def _as_text(values: pd.Series) -> pd.Series:
    """Everything as text; what is missing stays so."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        names = values.dtype.categories.dtype
        values = values.astype(names if isinstance(names, pd.StringDtype) else object)
    if isinstance(values.dtype, pd.StringDtype):
        return values
    plain = values.astype(object)
    return plain.map(text, na_action="ignore").where(plain.notna(), None).astype(object)


def text(value: object) -> str:
    """A value as a tag or text field: 250.0 is '250', True is 'true'."""
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)):
        return str(value).removesuffix(".0")
    return str(value)


def _without_empty_rows(frame: pd.DataFrame, fields: Sequence[str]) -> pd.DataFrame:
    """Only rows that bring a value: a point without a field is none."""
    empty = np.ones(len(frame), dtype=bool)
    for name in fields:
        empty &= frame[name].isna().to_numpy()
        if not empty.any():
            return frame
    return frame[~empty]


def _one_row_a_point(frame: pd.DataFrame, tags: list[str]) -> pd.DataFrame:
    """Rows of one time and tags become one, in which the last value of each field stands; oldest first."""
    times = frame.index.asi8  # type: ignore[attr-defined]
    steps = np.diff(times)
    if (steps > 0).all():
        return frame
    keys = frame[tags].assign(**{_KEY: times})
    if keys.duplicated().any():
        merged = frame.groupby([keys[_KEY].to_numpy(), *(frame[tag].to_numpy() for tag in tags)], sort=False).last()
        first = ~keys.duplicated().to_numpy()
        frame = pd.DataFrame(
            {name: (frame[name][first] if name in tags else merged[name]).array for name in frame.columns},
            index=frame.index[first],
        )
    return frame if frame.index.is_monotonic_increasing else frame.sort_index(kind="stable")


_KEY = "\0time"  # no field can have this name


def fitted(batch: Points, known: Mapping[str, Field], where: str) -> Points:
    """The same points with the kinds that the table keeps. Raises: Rejected, when a value does not fit."""
    columns: dict[str, Any] = {}
    for name, came in batch.kinds.items():
        has = known.get(name)
        if has is not None and has.tag != (name in batch.tags):
            raise Rejected(
                f"{where}, {name!r}: found a {_role(not has.tag)}, expected a {_role(has.tag)} as until now.\n"
                "  Name it differently in the driver, or write to another measurement."
            )
        if has is not None and has.kind != came:
            columns[name] = _fit(batch.frame[name], came, has.kind, f"{where}, field {name!r}").array
    if not columns:
        return batch
    kinds = {name: known[name].kind if name in columns else kind for name, kind in batch.kinds.items()}
    return replace(batch, frame=batch.frame.assign(**columns), kinds=kinds)


def _role(tag: bool) -> str:
    return "tag" if tag else "field"


def _fit(values: pd.Series, came: Kind, has: Kind, where: str) -> pd.Series:
    """The values as the kind that the table has."""
    wrong = values.dropna()
    if has == "text":
        return _as_text(values)
    if (came, has) == ("integer", "number"):
        return pd.Series(values.to_numpy("float64", na_value=np.nan))
    if (came, has) == ("number", "integer"):
        wrong = wrong[(wrong % 1 != 0) | (wrong.abs() >= 2.0**63)]
        if wrong.empty:
            return values.astype("Int64")
    raise Rejected(
        f"{where}: found {came}, for example '{text(wrong.iloc[0])}', expected {has} as until now.\n"
        "  If it means 'no value', add it to `missing` in the driver; else rename the field, or write to another"
        " measurement."
    )


def answer(names: Sequence[tuple[str, Kind]], data: Mapping[str, Any], times: np.ndarray[Any, Any]) -> pd.DataFrame:
    """The frame of a query.

    Args:
        names: name and kind of each column.
        data: the columns as DuckDB gives them, `c0`, `c1`, ... in that order.
        times: int64 nanoseconds since 1970 or datetime64[ns], UTC.
    """
    index = pd.DatetimeIndex(np.asarray(times).view("M8[ns]"), name="time").tz_localize("UTC")
    columns = {name: _series(data[f"c{place}"], kind, index) for place, (name, kind) in enumerate(names)}
    return pd.DataFrame(columns, index=index, copy=False)


def _series(values: Any, kind: Kind, index: pd.DatetimeIndex) -> pd.Series:
    mask = np.ma.getmaskarray(values)
    plain = np.ma.getdata(values)
    if kind == "number":
        return pd.Series(np.where(mask, np.nan, plain) if mask.any() else plain, index=index, dtype="float64")
    if kind == "integer":
        return pd.Series(pd.arrays.IntegerArray(plain.astype("int64"), mask), index=index)
    if kind == "boolean":
        return pd.Series(pd.arrays.BooleanArray(plain.astype("bool"), mask), index=index)
    return pd.Series(np.where(mask, np.array(None), plain) if mask.any() else plain, index=index)
