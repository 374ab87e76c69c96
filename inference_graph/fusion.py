"""Reciprocal-rank fusion: an order from ranks alone, for choosing candidates and for answers without the ranker.

Cormack, Clarke and Buettcher (2009), "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods"; the
sources here are not equally good, so each has a weight.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DAMPING = 60.0
WEIGHTS = {"two_tower": 2.0, "similar_to_liked": 0.25, "next_item": 1.0, "popular": 0.125}
"""Of the sources in the default graph, chosen on the newest training requests (ADR 0015)."""
_LEAST = np.finfo(np.float32).tiny


def fuse(ranks: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scores [...] in (0, 1] from ranks [..., sources] (from 1, NaN where absent); 1 is first place in every source."""
    if ranks.shape[-1] == 0:
        return np.ones(ranks.shape[:-1], np.float32)
    reciprocal = np.fmax((DAMPING + 1) / (DAMPING + ranks), np.float32(0.0))  # 0 in place of NaN
    scores: NDArray[np.float32] = np.fmin(np.fmax(reciprocal @ weights / weights.sum(), _LEAST), np.float32(1.0))
    return scores
