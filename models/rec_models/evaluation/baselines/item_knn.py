"""What the nearest items by shared users would add up to: cosine with shrinkage, the nearest only.

Sarwar et al. (2001), "Item-based collaborative filtering recommendation algorithms".
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from rec_models.evaluation.baselines.trial import Trial
from rec_models.evaluation.requests import Requests, everything
from rec_models.item_to_item import Neighbours, strongest
from rec_models.linear_weights import user_items
from rec_models.sequences import Sequences

SHRINKAGES, NEIGHBOURS = (0.0, 10.0, 50.0), (20, 50, 100, 200)


def item_knn(known: Sequences) -> Iterator[Trial]:
    having = user_items(known)
    together = sparse.csr_matrix(having.T @ having)
    norm = np.sqrt(np.maximum(together.diagonal(), 1.0))
    for shrinkage in SHRINKAGES:
        rows, columns = together.nonzero()
        cosine = sparse.csr_matrix((together.data / (norm[rows] * norm[columns] + shrinkage), (rows, columns)), together.shape)
        nearest = strongest(cosine, NEIGHBOURS[-1])
        for neighbours in NEIGHBOURS:
            yield Trial({"shrinkage": shrinkage, "neighbours": neighbours}, partial(_scores, _first(nearest, neighbours)))


def _first(nearest: Neighbours, count: int) -> sparse.csr_matrix:
    """Of each item its nearest, as a row's weights [N, N]."""
    found, scores = nearest.rows[:, :count], nearest.scores[:, :count]
    rows, places = np.nonzero(found >= 0)
    return sparse.csr_matrix((scores[rows, places], (rows, found[rows, places])), (len(found), len(found)))


def _scores(weights: sparse.csr_matrix, requests: Requests, part: slice) -> NDArray[np.float32]:
    scores: NDArray[np.float32] = (requests.histories(part, everything) @ weights).toarray()
    return scores
