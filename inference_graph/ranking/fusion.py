"""Reciprocal-rank fusion: an order from ranks alone, for choosing candidates and for answers without the ranker.

Cormack, Clarke and Buettcher (2009), "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods".
"""

from __future__ import annotations

import numpy as np

from inference_graph.types import Ranks, Scores

DAMPING = 60.0


def fuse(ranks: Ranks) -> Scores:
    """Scores in (0, 1] from ranks [n, sources] (from 1, NaN where absent); 1 is first place in every source."""
    if ranks.shape[1] == 0:
        return np.ones(len(ranks), np.float32)
    reciprocal = np.nan_to_num((DAMPING + 1) / (DAMPING + ranks), nan=0.0)
    scores: Scores = np.maximum(reciprocal.mean(axis=1), np.finfo(np.float32).tiny).astype(np.float32)
    return scores
