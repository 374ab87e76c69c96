"""Reciprocal-rank fusion: an order from ranks alone, for choosing candidates and for answers without the ranker.

Cormack, Clarke and Buettcher (2009), "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods".
"""

from __future__ import annotations

import numpy as np

from inference_graph.types import Ranks, Scores

DAMPING = 60.0
_LEAST = np.finfo(np.float32).tiny


def fuse(ranks: Ranks) -> Scores:
    """Scores in (0, 1] from ranks [n, sources] (from 1, NaN where absent); 1 is first place in every source."""
    if ranks.shape[1] == 0:
        return np.ones(len(ranks), np.float32)
    reciprocal = (DAMPING + 1) / (DAMPING + ranks)
    reciprocal[np.isnan(reciprocal)] = 0.0
    scores: Scores = np.maximum(reciprocal.sum(axis=1) / ranks.shape[1], _LEAST)
    return scores
