"""Intervals by resampling users, and how large a difference the number of users can show.

Efron and Tibshirani (1993), "An Introduction to the Bootstrap": percentile intervals, users drawn with replacement, pairs kept together.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

RESAMPLES, LEVEL = 4000, 0.95
Z_LEVEL, Z_POWER = 1.96, 0.84


@dataclass(frozen=True)
class Interval:
    mean: float
    low: float
    high: float


def interval(values: NDArray[np.float64], seed: int = 1) -> Interval:
    """Of the mean of one value a user; of paired differences where the values are such."""
    if len(values) == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    means = _resamples(len(values), seed) @ values / len(values)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(values.mean()), float(low), float(high))


@lru_cache(maxsize=2)
def _resamples(count: int, seed: int) -> NDArray[np.float64]:
    """How often each of `count` users is drawn, [RESAMPLES, count]; the same draws for every figure."""
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1.0 / count), RESAMPLES)
    return drawn.astype(np.float64)


def smallest_shown(differences: NDArray[np.float64]) -> float:
    """The true mean difference that this many users would show (lower bound above 0) four times out of five."""
    return float((Z_LEVEL + Z_POWER) * differences.std(ddof=1) / np.sqrt(len(differences))) if len(differences) > 1 else float("nan")
