"""How good an order is: NDCG and recall over the candidates of held-out requests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rec_models.examples import Examples

Floats = NDArray[np.float32]


def ndcg(scores: Floats, relevant: NDArray[np.bool_], positives: NDArray[np.int32], depth: int = 10) -> float:
    """Mean over requests; scores and relevant [R, C]; the ideal has all `positives` [R], proposed or not, in front."""
    if len(scores) == 0:
        return float("nan")
    discounts = 1.0 / np.log2(np.arange(2, depth + 2))
    best = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
    gained = (np.take_along_axis(relevant, best, 1) * discounts[: best.shape[1]]).sum(axis=1)
    ideal = np.cumsum(discounts)[np.minimum(positives, depth) - 1]
    return float((gained / ideal).mean())


def recall(relevant: NDArray[np.bool_], positives: NDArray[np.int32], depth: int) -> float:
    """The mean share of the positives among the first `depth` of rows in order, relevant [R, K]."""
    return float((relevant[:, :depth].sum(axis=1) / positives).mean()) if len(relevant) else float("nan")


def by_rank(examples: Examples, source: int) -> Floats:
    """Scores that put candidates in one source's order, what it did not propose last."""
    ranks = examples.ranks[..., source]
    return np.where(np.isnan(ranks), -np.inf, -ranks).astype(np.float32)
