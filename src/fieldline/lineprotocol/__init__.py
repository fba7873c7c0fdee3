r"""The line protocol of InfluxDB: points to lines and back.

    par46m,logger=1041,station=46m PPFD=601.2,RECORD=7i,PPFD_qc=1i 1704067200

text.py       lines as bytes: cut a text into them, the time and the measurement of one; needs neither numpy nor pandas
names.py      measurement, tags, field names and strings: how they are written, and what is refused
numerals.py   columns of numbers to columns of text
rows.py       points to lines, a block of rows at a time
reading.py    lines to a frame

What has no value is not written, nor is a row without any. Tags stand sorted by name. A float is the shortest decimal
number that is read back as the same float. Names and tag values take a backslash before a comma, a space and (not in a
measurement) an equals sign; strings one before `"` and `\`. What some InfluxDB would refuse or, worse, read differently
is refused here, see names.py.

A line feed inside a string is written as it is, as the format has it. InfluxDB 1.x, 2.x and 3 read it back; so a line
does not end at every line feed, and `split` knows. VictoriaMetrics keeps no strings but cuts at each line feed: it
loses the point and says so in its log only, and takes for a point what looks like a line inside the string. It also
reads `.5` as 0, so there is always a digit before the decimal point.

Sources: https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/ and what influxd 1.6.7 does with each
case in tests/test_lineprotocol.py; for InfluxDB 3 the parser `influxdb_line_protocol`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..ports import Precision
from .text import Lines, measurement_of, split, time_of

if TYPE_CHECKING:
    from .reading import frame
    from .rows import chunks, encode, precision_of

__all__ = ["Lines", "Precision", "chunks", "encode", "frame", "measurement_of", "precision_of", "split", "time_of"]

_LATER = {"chunks": ".rows", "encode": ".rows", "precision_of": ".rows", "frame": ".reading"}


def __getattr__(name: str) -> Any:
    """What needs numpy and pandas, imported when asked for: a run that only sends what waits must not pay for them."""
    if name not in _LATER:
        raise AttributeError(f"module 'fieldline.lineprotocol' has no attribute {name!r}")
    return getattr(import_module(_LATER[name], __name__), name)
