"""What each part of a ranking request is worth: the served model asked again for the same request without it.

The model is not taught anew, so this says what a part does in the answers that are served, not what could be had without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference_graph.features import RANKED_SOURCES
from rec_models.evaluation.requests import Requests

MOST, SHOWN = 1000, 10
WHOLE = "nothing"
Inputs = Mapping[str, NDArray[Any]]
OF_CANDIDATES, OF_HISTORY = ("candidate_ids", "item_features", "ranks"), ("history_ids", "history_ages", "history_values", "history_rated")


def without_source(source: int, inputs: Inputs) -> Inputs:
    """Its ranks are not told, and what no other source proposed is no candidate."""
    ranks = inputs["ranks"].copy()
    ranks[..., source] = np.nan
    left = ~np.isnan(ranks[0]).all(axis=-1)
    return {**inputs, **{name: (ranks if name == "ranks" else inputs[name])[:, left] for name in OF_CANDIDATES}}


def without_history(inputs: Inputs) -> Inputs:
    return {**inputs, **{name: inputs[name][:, :0] for name in OF_HISTORY}}


def without_values(name: str, nothing: float, inputs: Inputs) -> Inputs:
    return {**inputs, name: np.full_like(inputs[name], nothing)}


PARTS: Mapping[str, Callable[[Inputs], Inputs]] = {
    WHOLE: lambda inputs: inputs,
    **{f"source {name}": partial(without_source, source) for source, name in enumerate(RANKED_SOURCES)},
    "ranks of all sources": partial(without_values, "ranks", float("nan")),
    "history": without_history,
    "item features": partial(without_values, "item_features", 0.0),
    "user features": partial(without_values, "user_features", 0.0),
}


def examined(requests: Requests) -> NDArray[np.int64]:
    """The numbers of at most MOST requests, evenly over all."""
    return np.unique(np.linspace(0, len(requests) - 1, min(MOST, len(requests))).astype(np.int64))
