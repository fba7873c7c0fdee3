"""Rows to the bytes that LoggerNet writes: TOA5, four quoted header lines, CRLF.

"TOA5","46m","CR5000","1041","CR5000.Std.07","CPU:Y21_46M_PARCal.CR5","6827","PARCal_2019"
"TIMESTAMP","RECORD","PPFD","Total_PPFD","Diffuse_PPFD","calPPFD","Solar_inci"
"TS","RN","umol/m^2/s","","","",""
"","","Smp","Smp","Smp","Smp","Smp"
"2021-06-25 10:50:05",260623,624.6105,573.4,559.5,7999,329.5
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .noise import Floats, Ints
from .tables import ALBEDO, Field, Table

FULL = 7999  # the largest number FP2 holds; a larger one is stored as this
NAN = '"NAN"'


@lru_cache(maxsize=1)
def _fp2_texts() -> npt.NDArray[np.object_]:
    """Every number of FP2 as text: three decimals down to none, 0 to 7999 units each; negative ones; NAN."""
    texts: list[str] = []
    for decimals in (3, 2, 1, 0):
        texts += [f"{units / 10**decimals:.{decimals}f}" for units in range(FULL + 1)]
    short = [text.rstrip("0").rstrip(".") if "." in text else text for text in texts]
    return np.array([*short, *(f"-{text}" if text != "0" else "0" for text in short), NAN], dtype=object)


def fp2(values: Floats) -> list[str]:
    """Four significant digits, at most three decimals, up to 7999. Source: the format of Campbell's 2-byte floats."""
    size = np.abs(values)
    missing = np.isnan(size)
    decimals = np.select([size < 7.9995, size < 79.995, size < 799.95], [3, 2, 1], 0)
    units = np.minimum(np.rint(np.where(missing, 0.0, np.minimum(size, FULL)) * 10.0**decimals), FULL).astype(np.int64)
    place = units + (3 - decimals) * (FULL + 1) + 4 * (FULL + 1) * (values < 0)
    chosen: list[str] = _fp2_texts()[np.where(missing, 8 * (FULL + 1), place)].tolist()
    return chosen


def ieee4(values: Floats) -> list[str]:
    """Seven significant digits, no trailing zeros."""
    return [NAN if number != number else f"{number:.7G}" for number in values.tolist()]


def stamp_texts(seconds: Floats | Ints) -> list[str]:
    """Quoted date-times `"YYYY-MM-DD HH:MM:SS"` for seconds since 1970 on the station's clock."""
    moments = np.asarray(seconds).astype("datetime64[s]").astype(str).tolist()
    return [f'"{moment[:10]} {moment[11:]}"' for moment in moments]


FORMATS = {"FP2": fp2, "IEEE4": ieee4, "TIME": stamp_texts}


def second_program(table: Table) -> Table:
    """The table after its logger got a new program: one column more."""
    return replace(
        table,
        program=table.program.replace("v2.00", "v2.01"),
        signature=str(int(table.signature) + 1),
        fields=(*table.fields, ALBEDO),
    )


def _quoted(cells: Sequence[str]) -> str:
    return ",".join(f'"{cell}"' for cell in cells) + "\r\n"


def header(table: Table) -> bytes:
    """The four lines above the rows."""
    about = ("TOA5", table.station, table.model, table.serial, table.system, table.program, table.signature, table.name)
    names = ("TIMESTAMP", "RECORD", *(field.name for field in table.fields))
    units = ("TS", "RN", *(field.unit for field in table.fields))
    processing = ("", "", *(field.processing for field in table.fields))
    return "".join(map(_quoted, (about, names, units, processing))).encode()


def payloads(fields: Sequence[Field], course: Mapping[str, Floats], rows: Ints) -> list[str]:
    """What stands behind the record number, for each of `rows` of the course."""
    cells = [FORMATS[field.kind](course[field.name][rows]) for field in fields]
    return list(map(",".join, zip(*cells, strict=True)))


def lines(stamps: Ints, records: Ints, rest: Sequence[str]) -> list[bytes]:
    """Whole rows with their line ends."""
    numbers = map(str, records.tolist())
    return [
        f"{stamp},{number},{row}\r\n".encode()
        for stamp, number, row in zip(stamp_texts(stamps), numbers, rest, strict=True)
    ]
