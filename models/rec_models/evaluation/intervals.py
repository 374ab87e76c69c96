"""Intervals by resampling users, and how large a difference the number of users can show.

Efron and Tibshirani (1993), "An Introduction to the Bootstrap": percentile intervals, users drawn with replacement, pairs kept together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES, LEVEL = 4000, 0.95
CELLS = 1 << 24
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
    random, size = np.random.default_rng(seed), max(1, CELLS // len(values))
    means = [
        values[random.integers(0, len(values), (min(size, RESAMPLES - start), len(values)))].mean(axis=1)
        for start in range(0, RESAMPLES, size)
    ]
    low, high = np.quantile(np.concatenate(means), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(values.mean()), float(low), float(high))


def smallest_shown(differences: NDArray[np.float64]) -> float:
    """The true mean difference that this many users would show (lower bound above 0) four times out of five."""
    return float((Z_LEVEL + Z_POWER) * differences.std(ddof=1) / np.sqrt(len(differences))) if len(differences) > 1 else float("nan")
