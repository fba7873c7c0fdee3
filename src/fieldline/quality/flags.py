"""The five flags of QARTOD, and how the flags of several checks become one.

Source: U.S. IOOS, Manual for the Use of Real-Time Oceanographic Data Quality Control Flags (2020); the order of merging
is that of the QARTOD aggregate as in ioos_qc 3.0.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Flags = npt.NDArray[np.uint8]


class Flag(IntEnum):
    """What a flag says of a value."""

    GOOD = 1
    UNKNOWN = 2  # not evaluated
    SUSPECT = 3
    FAIL = 4
    MISSING = 9


GOOD, UNKNOWN, SUSPECT, FAIL, MISSING = (int(flag) for flag in Flag)

_ORDER = np.array([MISSING, UNKNOWN, GOOD, SUSPECT, FAIL], dtype=np.uint8)  # a later one wins
_RANK = np.zeros(256, dtype=np.uint8)
_RANK[_ORDER] = np.arange(len(_ORDER))


def merge(flags: Sequence[Flags], missing: Bools) -> Flags:
    """The verdict of several checks on n values: missing < unknown < good < suspect < fail.

    Args:
        flags: one array of n flags for each check; without any, what is there is not evaluated.
        missing: which of the n values are missing. They are 9, whatever a check says of them.
    """
    if not flags:
        merged = np.full(missing.shape, UNKNOWN, dtype=np.uint8)
    elif len(flags) == 1:
        merged = flags[0].copy()
    else:
        ranks = _RANK[flags[0]]
        for one in flags[1:]:
            np.maximum(ranks, _RANK[one], out=ranks)
        merged = _ORDER[ranks]
    merged[missing] = MISSING
    return merged


def spoken(flags: Flags) -> Bools:
    """Where a check said suspect or fail."""
    return np.asarray((flags == SUSPECT) | (flags == FAIL))
