"""`fieldline read`: what the store holds, as rows or as a list of what there is."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

import pandas as pd
from pandas.api.types import is_float_dtype

from ..errors import InputError, Rejected, UsageError
from ..groups.windows import read_windows
from ..outbox import SCHEMA, Queue
from ..ports import FLAG_ENDS, Store
from ..settings import Settings
from ..sources.memory import Memory
from . import hints
from .configured import load_settings
from .show import table
from .stores import open_store
from .times import iso, moment, whole, width


def main(options: argparse.Namespace) -> int:
    """Print rows, or the measurements of a bucket, or the buckets."""
    settings = load_settings(options)
    store = open_store(settings)
    try:
        if options.bucket is None:
            print(hints.whole(_buckets(store), options))
        elif options.measurement is None:
            print(_measurements(store, options.bucket, options.flags))
        else:
            _rows(store, options, settings.quality.aliases, _order(settings, options.bucket, options.measurement))
    except Rejected as rejected:
        raise _there(store, options.bucket) or rejected from rejected
    finally:
        store.close()
    _tell_what_waits(settings, options)
    return 0


def _there(store: Store, bucket: str | None) -> InputError | None:
    """The error that says which buckets there are, if the one asked for is not among them."""
    names = [] if bucket is None else list(store.buckets())
    if not names or bucket in names:
        return None
    found = f"no bucket {bucket!r}"
    return InputError(
        "fieldline read", found, f"one of: {', '.join(names)}", "Correct it; `fieldline read` lists them."
    )


def _tell_what_waits(settings: Settings, options: argparse.Namespace) -> None:
    """A word about rows that are not in the store yet."""
    if settings.store != "influxdb":
        return
    memory = Memory(settings.home / "state.db", frozen=True, more=SCHEMA)
    try:
        waiting = Queue(memory.ledger).depth().rows
    finally:
        memory.close()
    if waiting:
        send = hints.whole("fieldline outbox send", options)
        print(f"{waiting:,} rows wait in the outbox and are not shown; send them: {send}", file=sys.stderr)


def _buckets(store: Store) -> str:
    buckets = store.buckets()
    if not buckets:
        return "the store is empty; make a bucket and load a file: python new-db.py FILE, then python update-db.py FILE"
    rows = [
        (name, f"{days} days" if days else "for ever", ", ".join(store.measurements(name)) or "-")
        for name, days in buckets.items()
    ]
    return table(("bucket", "keeps", "measurements"), rows)


def _measurements(store: Store, bucket: str, flags: bool) -> str:
    """The fields of a bucket, and whether each has flags; these are fields themselves and listed if `flags`."""
    rows = list[tuple[str, ...]]()
    for name in store.measurements(bucket):
        known = store.fields(bucket, name)
        own = {f"{field}{end}" for field in known for end in FLAG_ENDS} & known.keys()
        rows += [
            (
                name,
                field.name,
                "tag" if field.tag else field.kind,
                field.unit if field.unit and field.kind != "text" else "-",
                "yes" if f"{field.name}{FLAG_ENDS[0]}" in known else "-",
            )
            for field in known.values()
            if flags or field.name not in own
        ]
    return table(("measurement", "field", "kind", "unit", "flags"), rows)


def _order(settings: Settings, bucket: str, measurement: str) -> dict[str, int]:
    """The places of tags and fields as they were written from here; a server, unlike our own store, keeps none."""
    if settings.store != "influxdb":
        return {}
    memory = Memory(settings.home / "state.db", frozen=True, more=SCHEMA)
    try:
        return {name: place for place, name in enumerate(Queue(memory.ledger).fields(bucket, measurement))}
    finally:
        memory.close()


def _rows(store: Store, options: argparse.Namespace, aliases: Mapping[str, str], order: Mapping[str, int]) -> None:
    if options.agg and not options.every:
        raise UsageError("--agg", "no --every", "the width of the windows", "Add for example --every 10m.")
    options.format = options.format or _format(options.out)
    if options.format == "parquet" and options.out is None:
        raise UsageError("--format parquet", "no --out", "a file to write to", "Add for example --out rows.parquet.")
    frame = _asked(store, options, aliases)
    if not options.field:
        frame = frame[sorted(frame.columns, key=lambda name: order.get(str(name), len(order)))]
    if frame.empty:
        print(_why_none(store, options), file=sys.stderr)
    if options.out is None:
        _as_a_file(sys.stdout)
        _write(frame, options.format, sys.stdout)
        return
    try:
        _save(frame, options.format, options.out)
    except OSError as error:
        found = error.strerror or str(error)
        raise InputError(str(options.out), found, "a file that can be written", "Name another with --out.") from error
    print(f"{len(frame):,} rows written to {options.out}", file=sys.stderr)


def _as_a_file(out: TextIO) -> None:
    """Let rows that go to a file or another program have the bytes of --out, whatever this machine speaks otherwise.

    Windows would write them in its own code page, where not every text of a row exists, and every line end as two.
    """
    if isinstance(out, TextIOWrapper) and not out.isatty() and "PYTHONIOENCODING" not in os.environ:
        out.reconfigure(encoding="utf-8", newline="\n")


def _format(out: Path | None) -> str:
    """What the name of a file asks for. Raises: UsageError."""
    form = out.suffix.lower().removeprefix(".") if out is not None else "csv"
    if form not in ("csv", "json", "parquet"):
        raise UsageError(f"--out {out}", f"the ending {form!r}", ".csv, .json or .parquet", "Or add --format csv.")
    return form


def _why_none(store: Store, options: argparse.Namespace) -> str:
    """A word about an answer without rows: the fields asked for are tags, or the rows are of other times."""
    known = store.fields(options.bucket, options.measurement)
    tags = [name for name in options.field or () if name in known and known[name].tag]
    if tags and len(tags) == len(options.field):
        verb = "is a tag and always shown" if len(tags) == 1 else "are tags and always shown"
        return f"no rows: {', '.join(tags)} {verb}; name a field with --field"
    times = [f"{word} {value}" for word, value in (("from", options.start), ("to", options.end)) if value]
    newest = store.latest(options.bucket, options.measurement).index
    last = f"; the newest is of {iso(newest.max())}" if len(newest) else ""
    return f"no rows {' '.join(times)}".rstrip() + last


def _asked(store: Store, options: argparse.Namespace, aliases: Mapping[str, str]) -> pd.DataFrame:
    """The rows or windows that were asked for."""
    now = pd.Timestamp.now("UTC")
    every = width("--every", options.every) if options.every else None
    start, end = moment("--start", options.start, now), moment("--end", options.end, now)
    if every is None:
        return store.read(options.bucket, options.measurement, fields=options.field, start=start, end=end)
    if start is not None and options.start.startswith("-"):
        start = whole(start, every)
    frame = read_windows(
        store,
        options.bucket,
        options.measurement,
        every=every,
        agg=options.agg,
        fields=options.field or _measured(store, options),
        start=start,
        end=end,
        aliases=aliases,
    )
    if options.format == "parquet" or options.agg not in (None, "mean", "sum"):
        return frame
    numbers = [name for name, kind in frame.dtypes.items() if is_float_dtype(kind)]
    return frame.assign(**{str(name): frame[name].map(_shortened) for name in numbers})


def _shortened(value: float) -> float:
    """With twelve digits: those behind them come from adding up, and no sensor has measured them."""
    return float(f"{value:.12g}")


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


def _write(frame: pd.DataFrame, form: str, file: TextIO) -> None:
    """Rows with the time as ISO 8601 and Z, and numbers in the shortest form that keeps all their digits."""
    stamps = pd.Series([iso(time) for time in frame.index], name="time", dtype=object)
    frame = pd.concat([stamps, frame.reset_index(drop=True)], axis=1)
    if form == "csv":
        frame.to_csv(file, index=False, lineterminator="\n")
        return
    frame = frame.astype(object).where(frame.notna(), None)
    separator, plain = "[\n", (file.encoding or "utf-8").lower() not in ("utf-8", "utf8")
    for row in frame.to_dict("records"):
        file.write(separator + json.dumps(row, ensure_ascii=plain))
        separator = ",\n"
    file.write("\n]\n" if len(frame) else "[]\n")


def _parquet(frame: pd.DataFrame, path: Path) -> None:
    from ..sinks.embedded import to_parquet

    to_parquet(frame.reset_index(), path)
