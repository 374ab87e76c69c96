"""What rankings are worth: whether they find what came, and what else they are like."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from rec_models.evaluation.rankings import Rows, places
from rec_models.evaluation.requests import Requests

RECALL_DEPTHS, NDCG_DEPTHS, MRR_DEPTH, SHOWN = (10, 50, 100, 500), (10, 100), 10, 10
Values = NDArray[np.float64]
HEADLINE = "ndcg@10"


def found(rows: Rows, requests: Requests) -> Mapping[str, Values]:
    """Recall, NDCG (its ideal has the request's whole set in front) and MRR of each request, [R]; NaN where nothing is wanted."""
    place, wanted = places(rows, requests), np.bincount(requests.owner, minlength=len(requests)).astype(np.float64)
    wanted[wanted == 0] = np.nan
    measured = {f"recall@{depth}": _total(place <= depth, requests) / wanted for depth in RECALL_DEPTHS}
    for depth in NDCG_DEPTHS:
        ideal = np.cumsum(1.0 / np.log2(np.arange(2, depth + 2)))
        most = ideal[np.minimum(np.nan_to_num(wanted, nan=1.0), depth).astype(np.int64) - 1]
        measured[f"ndcg@{depth}"] = _total(np.where(place <= depth, 1.0 / np.log2(place + 1.0), 0.0), requests) / most + 0.0 * wanted
    best = np.zeros(len(requests))
    np.maximum.at(best, requests.owner, np.where(place <= MRR_DEPTH, 1.0 / place, 0.0))
    measured[f"mrr@{MRR_DEPTH}"] = best + 0.0 * wanted
    return measured


def beyond_accuracy(rows: Rows, counts: NDArray[np.int64], vectors: NDArray[np.float32]) -> Mapping[str, float]:
    """Of the first SHOWN items: coverage (share of the catalogue shown to anybody), novelty (mean bits, -log2 of an item's share of
    the training interactions; Castells et al. 2011), diversity (mean cosine distance of contents within a list; Ziegler et al. 2005).

    counts [N]: training interactions of each item; vectors float32 [N, D] of length one or zero.
    """
    shown = rows[:, :SHOWN]
    there = shown >= 0
    share = (counts + 1.0) / (counts + 1.0).sum()
    content = vectors[np.maximum(shown, 0)] * there[..., None]
    size = (content != 0).any(-1).sum(1)
    pairs = (np.square(content.sum(1)).sum(-1) - np.square(content).sum((1, 2)))[size > 1] / (size * (size - 1))[size > 1]
    return {
        f"coverage@{SHOWN}": len(np.unique(shown[there])) / len(counts),
        f"novelty@{SHOWN}": float(-np.log2(share[shown[there]]).mean()) if there.any() else float("nan"),
        f"diversity@{SHOWN}": float(1.0 - pairs.mean()) if len(pairs) else float("nan"),
    }


def by_user(values: Values, users: NDArray[np.int32]) -> Values:
    """Means of each user's requests, in the order of the users' codes; users without a value are left out."""
    known = ~np.isnan(values)
    codes, number = np.unique(users[known], return_inverse=True)
    total: Values = np.bincount(number, values[known], minlength=len(codes)).astype(np.float64)
    return total / np.bincount(number, minlength=len(codes))


def _total(values: NDArray[np.bool_] | Values, requests: Requests) -> Values:
    return np.bincount(requests.owner, values.astype(np.float64), minlength=len(requests)).astype(np.float64)
