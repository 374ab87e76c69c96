"""What tends to follow what, and what goes together: neighbours of every item, counted from sequences. No TensorFlow here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy import sparse

from inference_graph.features import DAY_SECONDS
from rec_models.linear_weights import item_weights, most_popular, user_items
from rec_models.sequences import Sequences

TINY = 1e-9


class ItemToItem(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    neighbours: int = Field(100, ge=1, le=1000, description="items kept per item")
    window: int = Field(10, ge=1, le=100, description="how many moments of a user ahead still count as following")
    decay: float = Field(0.8, gt=0, le=1, description="factor per moment of distance")
    half_life_days: float = Field(7300.0, gt=0, le=36_500, description="age at which a succession counts half, in days")
    shrinkage: float = Field(10.0, ge=0, le=1000, description="successions of prior weight: rare items are believed less")
    next_shrinkage: float = Field(1.0, ge=0, le=1000, description="the same, of what comes in the very next moment")
    penalty: float = Field(200.0, gt=0, le=100_000, description="ridge penalty of linear weights")
    linear_items: int = Field(6000, ge=10, le=30_000, description="the most popular items, which have linear weights; time grows cubically")


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Row i: the neighbours of item i, best first; rows int32 [N, K] (-1 = none), scores float32 [N, K] (0 = none)."""

    rows: NDArray[np.int32]
    scores: NDArray[np.float32]


def transitions(sequences: Sequences, settings: ItemToItem) -> Neighbours:
    """What follows an item in a user's later moments; never what shares its moment, where there is no order.

    A moment of n items is each of them with weight 1/n: the mean over all orders of what is tied.
    """
    return strongest(successions(sequences, settings), settings.neighbours)


def successions(sequences: Sequences, settings: ItemToItem) -> sparse.csr_matrix:
    """All of `transitions`: the share of each item [N] in what follows item [N], shrunken."""
    moments, steps = _moments(sequences), _steps(sequences, settings)
    return _shares((moments.T @ (steps @ moments)).tocsr(), settings.shrinkage)


def co_occurrence(sequences: Sequences, settings: ItemToItem) -> Neighbours:
    """What shares a user's moments, or lies near in time on either side: symmetric, as a cosine."""
    moments, steps = _moments(sequences), _steps(sequences, settings)
    near = (moments.T @ (steps @ moments)).tocsr()
    together = near + near.T + moments.T @ _recency(sequences, settings) @ moments
    return strongest(_cosine(together, settings.shrinkage), settings.neighbours)


def immediate(sequences: Sequences, settings: ItemToItem) -> Neighbours:
    """What comes in the very next moment."""
    return transitions(sequences, settings.model_copy(update={"window": 1, "shrinkage": settings.next_shrinkage}))


def linear(sequences: Sequences, settings: ItemToItem) -> Neighbours:
    """What having an item speaks for most, all others considered."""
    items, shape = most_popular(sequences, settings.linear_items), (sequences.item_count,) * 2
    if len(items) < 2:
        return strongest(sparse.csr_matrix(shape, dtype=np.float32), settings.neighbours)
    weights = np.maximum(item_weights(user_items(sequences)[:, items], settings.penalty), 0.0)
    count = min(settings.neighbours, len(items) - 1)
    best = np.argpartition(-weights, count - 1, axis=1)[:, :count]
    pairs = np.repeat(items, count), items[best].ravel()
    return strongest(sparse.csr_matrix((np.take_along_axis(weights, best, 1).ravel(), pairs), shape), settings.neighbours)


def strongest(matrix: sparse.csr_matrix, count: int) -> Neighbours:
    """The largest entries of each row beside the diagonal, ties by row number."""
    matrix.setdiag(0.0)
    matrix.eliminate_zeros()
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, -matrix.data, rows))
    rank = np.arange(len(order)) - matrix.indptr[rows]
    kept = rank < count
    neighbours = Neighbours(np.full((matrix.shape[0], count), -1, np.int32), np.zeros((matrix.shape[0], count), np.float32))
    neighbours.rows[rows[kept], rank[kept]] = matrix.indices[order][kept]
    neighbours.scores[rows[kept], rank[kept]] = matrix.data[order][kept]
    return neighbours


def _moments(sequences: Sequences) -> sparse.csr_matrix:
    """Which items each moment holds, [moments, items], each row summing to one."""
    number = sequences.moment_number
    sizes = np.bincount(number)
    shape = (len(sizes), sequences.item_count)
    return sparse.csr_matrix((1.0 / sizes[number].astype(np.float32), (number, sequences.items)), shape)


def _steps(sequences: Sequences, settings: ItemToItem) -> sparse.csr_matrix:
    """The weight of going from one moment of a user to a later one, [moments, moments]."""
    starts = np.unique(sequences.moment)
    users, weights = sequences.users[starts], _weights(sequences, settings)
    count = len(starts)
    steps = sparse.csr_matrix((count, count), dtype=np.float32)
    for distance in range(1, min(settings.window, count - 1) + 1):
        same = users[:-distance] == users[distance:]
        weight = np.where(same, weights[distance:] * settings.decay ** (distance - 1), 0.0).astype(np.float32)
        steps += sparse.diags_array(weight, offsets=distance, shape=(count, count), dtype=np.float32)
    steps.eliminate_zeros()
    return steps


def _recency(sequences: Sequences, settings: ItemToItem) -> sparse.dia_array:
    return sparse.diags_array(_weights(sequences, settings))


def _weights(sequences: Sequences, settings: ItemToItem) -> NDArray[np.float32]:
    times = sequences.times[np.unique(sequences.moment)]
    ages = (times.max(initial=0.0) - times) / DAY_SECONDS
    weights: NDArray[np.float32] = (0.5 ** (ages / settings.half_life_days)).astype(np.float32)
    return weights


def _shares(counts: sparse.csr_matrix, shrinkage: float) -> sparse.csr_matrix:
    leaving = np.maximum(np.asarray(counts.sum(axis=1)).ravel() + shrinkage, TINY)
    return sparse.csr_matrix(sparse.diags_array((1.0 / leaving).astype(np.float32)) @ counts)


def _cosine(counts: sparse.csr_matrix, shrinkage: float) -> sparse.csr_matrix:
    norm = 1.0 / np.sqrt(np.maximum(np.asarray(counts.sum(axis=1)).ravel() + shrinkage, TINY))
    return sparse.csr_matrix(sparse.diags_array(norm) @ counts @ sparse.diags_array(norm))
