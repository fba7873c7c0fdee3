"""Noise that depends on (seed, stream, index) only, so that a course never depends on how it was cut into runs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
P = ParamSpec("P")
T = TypeVar("T")
KEPT = 6  # results that a remembered function keeps


def remembered(function: Callable[P, T]) -> Callable[P, T]:
    """Keep the last results of a function of numbers and arrays: many quantities ask for the same sun and wind."""
    results: dict[tuple[object, ...], T] = {}

    @wraps(function)
    def answer(*args: P.args, **kwargs: P.kwargs) -> T:
        parts = (*args, *kwargs.values())
        key = tuple(part.tobytes() if isinstance(part, np.ndarray) else part for part in parts)
        if key not in results:
            while len(results) >= KEPT:
                del results[next(iter(results))]
            results[key] = function(*args, **kwargs)
        return results[key]

    return answer


@lru_cache(maxsize=1024)
def _key(seed: int, stream: str) -> np.uint64:
    digest = hashlib.blake2b(f"{seed}/{stream}".encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


def _mixed(bits: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finalizer of SplitMix64. Source: Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def uniform(seed: int, stream: str, index: Ints) -> Floats:
    """Independent numbers in the open interval (0, 1), one for each index."""
    counter = index.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + _key(seed, stream)
    return ((_mixed(counter) >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def normal(seed: int, stream: str, index: Ints) -> Floats:
    """Independent standard normal numbers, one for each index (Box and Muller 1958)."""
    radius = np.sqrt(-2.0 * np.log(uniform(seed, stream, index)))
    return np.asarray(radius * np.cos(2.0 * np.pi * uniform(seed, f"{stream}/angle", index)))


def smooth(seed: int, stream: str, seconds: Floats | Ints, period: float) -> Floats:
    """A smooth course of mean 0 and variance 1: a normal number every `period` seconds, blended in between."""
    place = np.asarray(seconds, dtype=np.float64) / period
    knot = np.floor(place).astype(np.int64)
    first = int(knot.min())
    knots = normal(seed, f"{stream}/{period:g}", np.arange(first, int(knot.max()) + 2))
    share = place - knot
    weight = share * share * (3.0 - 2.0 * share)
    blend = (1.0 - weight) * knots[knot - first] + weight * knots[knot - first + 1]
    return np.asarray(blend / np.hypot(1.0 - weight, weight))


def turbulent(seed: int, stream: str, seconds: Floats | Ints, periods: Sequence[float]) -> Floats:
    """Eddies of several sizes: smooth courses, the longer the stronger (square root of the period); variance 1."""
    parts = [np.sqrt(period) * smooth(seed, stream, seconds, period) for period in periods]
    return np.asarray(np.sum(parts, axis=0) / np.sqrt(np.sum(periods)))


def logistic(values: Floats) -> Floats:
    """From 0 to 1, one half at 0."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * values)))
