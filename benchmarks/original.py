"""The original's way of loading a logger file, written anew here to be measured beside fieldline.

A file is read line by line into a dictionary of lists, made a frame, and handed to influxdb-client, which makes lines
of it and sends them. By itself: `python benchmarks/original.py WAY FILE URL BUCKET`, with a way of WAYS. It imports
nothing of fieldline, and what it loses is the subject of losses.py.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
from influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS

MEASUREMENT, STAMP = "original", "%Y-%m-%d %H:%M:%S"
TOKEN, ORG = "token-of-the-benchmarks", "field-lab"
PATIENCE = 600_000  # [ms] for one answer: a whole file is one request, and the usual 10 s end before it
TEXTS = ("station", "Site")


def parsed(path: Path) -> pd.DataFrame:
    """The rows of a TOA5 file with their stamps as index. NAN is missing, and so is a stamp that is none."""
    with path.open(encoding="utf-8") as file:
        head = [next(file) for _ in range(4)]
        names = [name.strip('"') for name in head[1].rstrip().split(",")]
        columns: dict[str, list[object]] = {name: [] for name in names}
        for line in file:
            for name, value in zip(names, line.rstrip().split(","), strict=True):
                columns[name].append(_value(name, value.strip('"')))
    frame = pd.DataFrame(columns).set_index("TIMESTAMP")
    return frame.assign(station=head[0].split(",")[1].strip('"'))


def _value(name: str, text: str) -> object:
    if name == "TIMESTAMP":
        return _stamp(text)
    if name == "RECORD":
        return int(text)
    return (text or None) if name in TEXTS else float(text)


def _stamp(text: str) -> datetime:
    try:
        return datetime.strptime(text, STAMP)
    except ValueError:
        return pd.NaT  # type: ignore[return-value]


def client(url: str, **more: Any) -> InfluxDBClient:
    """As a script makes it."""
    return InfluxDBClient(url=url, token=TOKEN, org=ORG, timeout=PATIENCE, **more)


def handed_over(frame: pd.DataFrame, api: Any, bucket: str, **more: Any) -> None:
    """Give a frame to one of the client's ways of writing."""
    tags = [name for name in TEXTS if name in frame]
    api.write(bucket, record=frame, data_frame_measurement_name=MEASUREMENT, data_frame_tag_columns=tags, **more)


def synchronous(frame: pd.DataFrame, url: str, bucket: str) -> None:
    """One request, and an exception when it fails. The original says `gzip=True`, which the client does not know."""
    handed_over(frame, client(url).write_api(write_options=SYNCHRONOUS), bucket)


def stamp_named(frame: pd.DataFrame, url: str, bucket: str) -> None:
    """The same, the stamps in a column that the client is told of."""
    api = client(url).write_api(write_options=SYNCHRONOUS)
    handed_over(frame.reset_index(), api, bucket, data_frame_timestamp_column="TIMESTAMP")


def inferred(frame: pd.DataFrame, url: str, bucket: str) -> None:
    """The same with the kinds of numbers as `pandas.read_csv` finds them: a column of whole ones is one of integers."""
    numbers = frame.select_dtypes("float64")
    whole = [name for name in numbers if (numbers[name] % 1 == 0).all()]
    synchronous(frame.astype(dict.fromkeys(whole, "int64")), url, bucket)


def compressed(frame: pd.DataFrame, url: str, bucket: str) -> None:
    """The same with the option that compresses."""
    handed_over(frame, client(url, enable_gzip=True).write_api(write_options=SYNCHRONOUS), bucket)


def unclosed(frame: pd.DataFrame, url: str, bucket: str) -> None:
    """The client's batching, which is its default; then the script is at its end."""
    handed_over(frame, client(url).write_api(), bucket)


def exiting(frame: pd.DataFrame, url: str, bucket: str) -> None:
    """The same, ended by sys.exit."""
    handed_over(frame, client(url).write_api(), bucket)
    sys.exit(0)


def flushed(frame: pd.DataFrame, url: str, bucket: str) -> None:
    """The same with flush(), which does nothing."""
    api = client(url).write_api()
    handed_over(frame, api, bucket)
    api.flush()


def half_closed(frame: pd.DataFrame, url: str, bucket: str) -> None:
    """The client closed, and not what writes."""
    one = client(url)
    handed_over(frame, one.write_api(), bucket)
    one.close()


def closed(frame: pd.DataFrame, url: str, bucket: str) -> None:
    """What writes closed: it waits until all was sent, or given up."""
    with client(url).write_api() as api:
        handed_over(frame, api, bucket)


WAYS: dict[str, Callable[[pd.DataFrame, str, str], None]] = {
    way.__name__: way
    for way in (synchronous, compressed, stamp_named, inferred, unclosed, exiting, flushed, half_closed, closed)
}


def main() -> None:
    """Load a file in one of the ways."""
    way, path, url, bucket = sys.argv[1:]
    WAYS[way](parsed(Path(path)), url, bucket)


if __name__ == "__main__":
    main()
