"""`fieldline read`: what the store holds, as rows or as a list of what there is."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import IO

import pandas as pd

from ..errors import InputError, UsageError
from ..ports import FLAG_ENDS, Store
from .configured import load_settings
from .show import table
from .stores import open_store
from .times import iso, moment, width


def main(options: argparse.Namespace) -> int:
    """Print rows, or the measurements of a bucket, or the buckets."""
    store = open_store(load_settings(options))
    try:
        if options.bucket is None:
            print(_buckets(store))
        elif options.measurement is None:
            print(_measurements(store, options.bucket))
        else:
            _rows(store, options)
    finally:
        store.close()
    return 0


def _buckets(store: Store) -> str:
    buckets = store.buckets()
    if not buckets:
        return "the store is empty; make a bucket and load a file: python new-db.py FILE, then python update-db.py FILE"
    rows = [
        (name, f"{days} days" if days else "for ever", ", ".join(store.measurements(name)) or "-")
        for name, days in buckets.items()
    ]
    return table(("bucket", "keeps", "measurements"), rows)


def _measurements(store: Store, bucket: str) -> str:
    rows = [
        (name, field.name, "tag" if field.tag else field.kind, field.unit or "-")
        for name in store.measurements(bucket)
        for field in store.fields(bucket, name).values()
    ]
    return table(("measurement", "field", "kind", "unit"), rows)


def _rows(store: Store, options: argparse.Namespace) -> None:
    if options.agg and not options.every:
        raise UsageError("--agg", "no --every", "the width of the windows", "Add for example --every 10m.")
    if options.format == "parquet" and options.out is None:
        raise UsageError("--format parquet", "no --out", "a file to write to", "Add for example --out rows.parquet.")
    now = pd.Timestamp.now("UTC")
    frame = store.read(
        options.bucket,
        options.measurement,
        fields=options.field or (_measured(store, options) if options.every else None),
        start=moment("--start", options.start, now),
        end=moment("--end", options.end, now),
        every=width("--every", options.every) if options.every else None,
        agg=options.agg or "mean",
    )
    if options.out is None:
        _write(frame, options.format, sys.stdout)
        return
    try:
        _save(frame, options.format, options.out)
    except OSError as error:
        found = error.strerror or str(error)
        raise InputError(str(options.out), found, "a file that can be written", "Name another with --out.") from error


def _measured(store: Store, options: argparse.Namespace) -> list[str] | None:
    """The fields that make sense in windows: neither flags nor record numbers; None, if that leaves nothing."""
    known = store.fields(options.bucket, options.measurement).values()
    names = [field.name for field in known if not field.tag and not field.name.endswith(FLAG_ENDS)]
    numbers = {field.name for field in known if field.kind in ("number", "integer")}
    wanted = [
        name for name in names if name != "RECORD" and (options.agg in ("first", "last", "count") or name in numbers)
    ]
    return wanted or None


def _save(frame: pd.DataFrame, form: str, path: Path) -> None:
    if form == "parquet":
        _parquet(frame, path)
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            _write(frame, form, file)


def _write(frame: pd.DataFrame, form: str, file: IO[str]) -> None:
    """Rows with the time as ISO 8601 and Z, and numbers in the shortest form that keeps all their digits."""
    stamps = pd.Series([iso(time) for time in frame.index], name="time", dtype=object)
    frame = pd.concat([stamps, frame.reset_index(drop=True)], axis=1)
    if form == "csv":
        frame.to_csv(file, index=False, lineterminator="\n")
        return
    frame = frame.astype(object).where(frame.notna(), None)
    separator = "[\n"
    for row in frame.to_dict("records"):
        file.write(separator + json.dumps(row, ensure_ascii=False))
        separator = ",\n"
    file.write("\n]\n" if len(frame) else "[]\n")


def _parquet(frame: pd.DataFrame, path: Path) -> None:
    from ..sinks.embedded import to_parquet

    to_parquet(frame.reset_index(), path)
