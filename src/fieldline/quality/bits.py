"""Which bit of `<field>_qcbits` belongs to which check.

The numbers are stored beside values for years: append to the table, never change or reuse a line. A test pins them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

BITS: Mapping[str, int] = MappingProxyType(
    {
        "other": 0,  # a check that has no bit of its own, such as one that a driver defines
        "between": 1,
        "spike": 2,
        "rate_of_change": 3,
        "flat_line": 4,
        "attenuated": 5,
        "despike": 6,
        "out_of_range_marker": 7,
        "signal_strength": 8,
        "percentile_band": 9,
        "not_above_potential": 10,
        "not_at_night": 11,
        "diagnostic": 12,
        "agrees_with": 13,
        "between_levels": 14,
        "ppfd_agrees": 15,
        "maintenance": 16,  # a person said so
    }
)
HIGHEST = 52  # JavaScript, and so every dashboard, holds whole numbers exactly up to 2**53


def bit(name: str) -> int:
    """The value that the check `name` adds to the bits: a power of two."""
    return 1 << BITS.get(name, BITS["other"])


def names(bits: int) -> tuple[str, ...]:
    """The checks that spoke, in the order of their bits; a bit that this version does not know is `bit N`."""
    known = {number: name for name, number in BITS.items()}
    return tuple(known.get(number, f"bit {number}") for number in range(int(bits).bit_length()) if bits >> number & 1)
