"""What follows what, from the newest items with decay: the item-to-item transitions that win on much sequential data."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from rec_models.evaluation.baselines.trial import Trial
from rec_models.evaluation.requests import Requests
from rec_models.item_to_item import ItemToItem, successions
from rec_models.sequences import Sequences

WINDOWS, SHRINKAGES, DECAYS = (1, 3, 10), (1.0, 10.0), (0.3, 0.6, 0.85)
LENGTH, DENSE = 20, 0.03


def succession(known: Sequences) -> Iterator[Trial]:
    for window in WINDOWS:
        for shrinkage in SHRINKAGES:
            shares = _as_is_faster(successions(known, ItemToItem(window=window, shrinkage=shrinkage)))
            for decay in DECAYS:
                settings = {"window": window, "shrinkage": shrinkage, "decay": decay}
                yield Trial(settings, partial(_scores, shares, decay))


def _scores(shares: sparse.csr_matrix | NDArray[np.float32], decay: float, requests: Requests, part: slice) -> NDArray[np.float32]:
    scores = requests.histories(part, partial(_fading, decay)) @ shares
    whole: NDArray[np.float32] = scores.toarray() if sparse.issparse(scores) else scores
    return whole


def _as_is_faster(shares: sparse.csr_matrix) -> sparse.csr_matrix | NDArray[np.float32]:
    """Dense where a good part of all pairs follow one another."""
    return shares.toarray() if shares.nnz > DENSE * shares.shape[0] ** 2 else shares


def _fading(decay: float, steps: NDArray[np.int64], days: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(steps < LENGTH, decay ** np.minimum(steps, LENGTH), 0.0)
