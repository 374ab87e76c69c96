"""What a model's signature may ask for: each input's name and how it is made from a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from inference_graph.clients import Array, SignatureLike
from inference_graph.errors import DependencyBadResponse
from inference_graph.features import DAY_SECONDS, HISTORY_LENGTH, RANKED_SOURCES
from inference_graph.types import Candidates, Query


def user_inputs(signature: SignatureLike, query: Query) -> dict[str, Array]:
    """The inputs of a model of the user alone, each with a batch of one."""
    return {name: _of_user(name)(query) for name in signature.inputs}


def ranking_inputs(signature: SignatureLike, query: Query, candidates: Candidates, sources: tuple[str, ...]) -> dict[str, Array]:
    """The inputs of a ranker, each with a batch of one; `sources` names the columns of `candidates.ranks`."""
    inputs: dict[str, Array] = {}
    for name, (_, shape) in signature.inputs.items():
        if name == "candidate_ids":
            inputs[name] = query.catalogue.arrays.item_ids[candidates.rows][None]
        elif name == "item_features":
            inputs[name] = query.catalogue.arrays.features[candidates.rows, : shape[-1]][None]
        elif name == "ranks":
            inputs[name] = _ranks(candidates, sources, shape[-1])[None]
        else:
            inputs[name] = _of_user(name)(query)
    return inputs


def _ranks(candidates: Candidates, sources: tuple[str, ...], width: int) -> NDArray[np.float32]:
    ranks = np.full((len(candidates), width), np.nan, np.float32)
    for column, source in enumerate(RANKED_SOURCES[:width]):
        if source in sources:
            ranks[:, column] = candidates.ranks[:, sources.index(source)]
    return ranks


def _of_user(name: str) -> Callable[[Query], Array]:
    if name not in _USER_INPUTS:
        raise DependencyBadResponse(f"the model asks for an input {name!r}; known are {sorted(_USER_INPUTS)} and the candidates' own")
    return _USER_INPUTS[name]


_USER_INPUTS: Mapping[str, Callable[[Query], Array]] = {
    "history_ids": lambda query: query.user.history.item_ids[None, :HISTORY_LENGTH],
    "history_ages": lambda query: ages(query)[None, :HISTORY_LENGTH].astype(np.float32),
    "history_values": lambda query: query.user.history.values[None, :HISTORY_LENGTH],
    "history_rated": lambda query: query.user.history.rated[None, :HISTORY_LENGTH].astype(np.float32),
    "user_features": lambda query: query.user.features[None],
    "day": lambda query: np.array([query.now / DAY_SECONDS], np.float32),
}


def ages(query: Query) -> NDArray[np.float64]:
    """Days from each interaction of the history to the request, [len(history)], never negative."""
    return np.maximum(0.0, (query.now - query.user.history.timestamps) / DAY_SECONDS)
