"""Percentiles, ratios of medians and how far chance moves them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2_000
Times = NDArray[np.float64]


def percentile(values: Sequence[float] | Times, share: float) -> float:
    """The smallest value that `share` percent of them do not exceed: one that was measured, never one between two."""
    if len(values) == 0:
        return float("nan")
    return float(np.percentile(np.asarray(values, np.float64), share, method="inverted_cdf"))


def ratio_of_medians(above: Times, below: Times) -> float:
    return float(np.median(above) / np.median(below))


def interval(*columns: Times, of: str) -> tuple[float, float]:
    """Where 95 % of a figure would fall if other rounds had been drawn: rounds are resampled whole (Efron's bootstrap, 1979).

    Two columns for `ratio`; three for `overhead`, whose figure is (first - second) / third, of medians.
    """
    rows = np.stack(columns)
    chance = np.random.default_rng(0)
    drawn = rows[:, chance.integers(0, rows.shape[1], (RESAMPLES, rows.shape[1]))]
    medians = np.median(drawn, axis=2)
    figures = medians[0] / medians[1] if of == "ratio" else (medians[0] - medians[1]) / medians[2]
    low, high = np.percentile(figures, (2.5, 97.5))
    return float(low), float(high)
