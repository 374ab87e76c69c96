"""The same for everybody: by all interactions, or by those lately before the request."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from inference_graph.features import DAY_SECONDS
from rec_models.evaluation.baselines.trial import Trial
from rec_models.evaluation.requests import Requests
from rec_models.sequences import Sequences

HALF_LIVES_DAYS = (1.0, 3.0, 7.0, 30.0, 90.0, 365.0, 1460.0)
PERIODS = 500


def popularity(known: Sequences) -> Iterator[Trial]:
    counts = np.bincount(known.items, minlength=known.item_count).astype(np.float32)
    yield Trial({}, lambda requests, part: np.tile(counts, (len(requests.cut[part]), 1)))


def recent_popularity(known: Sequences) -> Iterator[Trial]:
    """Interactions before the request, weighted by 0.5^(age / half-life); time in PERIODS of equally many interactions."""
    edges = np.unique(np.quantile(known.times, np.linspace(0, 1, PERIODS + 1)[1:], method="higher"))
    period = np.searchsorted(edges, known.times)
    counts = sparse.csr_matrix((np.ones(len(known), np.float32), (period, known.items)), (len(edges), known.item_count))
    counts.sum_duplicates()
    overall = (1e-6 * np.bincount(known.items, minlength=known.item_count)).astype(np.float32)

    def scores(half_life: float, requests: Requests, part: slice) -> NDArray[np.float32]:
        days = (requests.times[part][:, None] - edges) / DAY_SECONDS
        weights = np.where(days > 0, 0.5 ** (np.maximum(days, 0.0) / half_life), 0.0).astype(np.float32)
        # The newest period that has ended counts whole, so that what is old is told apart too.
        weights /= np.maximum(weights.max(axis=1, keepdims=True), 1e-30)
        answer: NDArray[np.float32] = (counts.T @ weights.T).T + overall
        return answer

    for half_life in HALF_LIVES_DAYS:
        yield Trial({"half_life_days": half_life}, lambda requests, part, h=half_life: scores(h, requests, part))  # type: ignore[misc]
