"""The logger's clock and UTC: fixed offsets (right for loggers, which keep standard time), zones with summer time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import pandas as pd

_OFFSET = re.compile(r"([+-])(\d{2}):(\d{2})")
_LARGEST = timedelta(hours=14)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def at(nanoseconds: int) -> datetime:
    """The time so many nanoseconds after 1970, UTC; also before it, where the functions of Windows know none."""
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)


@cache
def fixed_offset(zone: str) -> timedelta | None:
    """How far the clock `zone` is ahead of UTC; None when that changes in the year.

    Args:
        zone: an offset such as '-05:00', or an IANA zone such as 'Etc/GMT+5' or 'America/Detroit'.

    Raises: ValueError, when it is neither.
    """
    if match := _OFFSET.fullmatch(zone):
        offset = timedelta(hours=int(match[2]), minutes=int(match[3])) * (-1 if match[1] == "-" else 1)
        if abs(offset) > _LARGEST or int(match[3]) > 59:
            raise ValueError(f"{zone!r} is no offset between -14:00 and +14:00")
        return offset
    try:
        info = ZoneInfo(zone)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(
            f"{zone!r} is neither an offset such as '-05:00' nor a zone such as 'America/Detroit'"
        ) from error
    offsets = {info.utcoffset(datetime(2025, month, 1)) for month in range(1, 13)}
    return offsets.pop() if len(offsets) == 1 else None


def to_utc(stamps: pd.DatetimeIndex, zone: str, after: pd.Timestamp | None = None) -> pd.DatetimeIndex:
    """The logger's own stamps (naive) as UTC, in the same order.

    In a zone with summer time one hour stands twice each autumn: such a stamp is the earlier of its two times as long
    as that lies after the row before, else the later one. A stamp in the hour that spring leaves out is read with the
    standard offset (the logger did not change its clock).

    Args:
        after: the time of the row before the first, if one is known. [UTC]
    """
    offset = fixed_offset(zone)
    if offset is not None:
        return (stamps - offset).tz_localize(UTC)
    import numpy as np
    import pandas as pd

    earlier, later = (
        stamps.tz_localize(zone, ambiguous=np.full(len(stamps), summer), nonexistent=timedelta(hours=1)).tz_convert(UTC)
        for summer in (True, False)
    )
    chosen = list(earlier)
    for position in map(int, np.flatnonzero(earlier != later)):
        before = chosen[position - 1] if position else after
        if before is not None and chosen[position] <= before:
            chosen[position] = later[position]
    return pd.DatetimeIndex(chosen)
