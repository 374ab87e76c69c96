"""Linear item weights in closed form, from everything a user had alike, or with what is recent counting more.

Steck (2019), "Embarrassingly shallow autoencoders for sparse data".
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from rec_models.evaluation.baselines.trial import Trial
from rec_models.evaluation.requests import Requests, Weights, everything
from rec_models.linear_weights import item_weights, most_popular, user_items
from rec_models.sequences import Sequences

MOST_ITEMS = 20_000
PENALTIES, RECENT_PENALTIES = (50.0, 200.0, 1000.0), (200.0, 1000.0)
DECAYS, FLOORS = (0.5, 0.8, 0.95), (0.02, 0.1, 0.3)
NOWHERE = -1e9


def ease(known: Sequences) -> Iterator[Trial]:
    for penalty in PENALTIES:
        items, weights = _fitted(known, penalty)
        yield Trial({"penalty": penalty}, partial(_scores, items, weights, everything))


def recent_ease(known: Sequences) -> Iterator[Trial]:
    """A history fades with every step back, down to a floor."""
    for penalty in RECENT_PENALTIES:
        items, weights = _fitted(known, penalty)
        for decay in DECAYS:
            for floor in FLOORS:
                settings = {"penalty": penalty, "decay": decay, "floor": floor}
                yield Trial(settings, partial(_scores, items, weights, partial(_fading, decay, floor)))


def _fitted(known: Sequences, penalty: float) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The rows of the MOST_ITEMS most popular items, and their weights; all other items come last."""
    items = most_popular(known, MOST_ITEMS)
    return items, item_weights(user_items(known)[:, items], penalty)


def _scores(
    items: NDArray[np.int64], weights: NDArray[np.float32], fading: Weights, requests: Requests, part: slice
) -> NDArray[np.float32]:
    histories = requests.histories(part, fading)
    scores = np.full(histories.shape, NOWHERE, np.float32)
    scores[:, items] = histories[:, items] @ weights
    return scores


def _fading(decay: float, floor: float, steps: NDArray[np.int64], days: NDArray[np.float64]) -> NDArray[np.float64]:
    faded: NDArray[np.float64] = np.maximum(decay**steps, floor)
    return faded
