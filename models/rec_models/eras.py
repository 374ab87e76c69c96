"""What all models and sources knew at one cut, and the requests of the time after it as they would have been served."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from rec_models.configuration import Ranking
from rec_models.data.dataset import Seen
from rec_models.event_table import EventTable
from rec_models.examples import Examples, gains_of
from rec_models.item_to_item import Neighbours, co_occurrence, immediate, linear, transitions
from rec_models.neighbour_lookup import NeighbourLookup
from rec_models.proposals import Sources, propose
from rec_models.retrieval_training import TwoTower
from rec_models.sequences import Indices, Sequences
from rec_models.two_tower import without_history

CHUNK = 256
SCORES = 1 << 26
"""How many scores of users and items are held at once, at most."""


@dataclass(frozen=True, eq=False)
class ItemVectors:
    """What the item tower made of every item: `vectors` float32 [N + 1, D] and `attraction` [N + 1], row 0 unknown."""

    vectors: NDArray[np.float32]
    attraction: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Era(ItemVectors):
    """The vectors at one cut, and what the sources knew then."""

    sources: Sources
    lookup: NeighbourLookup


def era_of(towers: TwoTower, known: Sequences, similar: Neighbours, popular: NDArray[np.int32], settings: Ranking) -> Era:
    """`known` is what had happened before the cut; the towers are trained on nothing else."""
    succession = transitions(known, settings.item_to_item)
    rows = tf.range(known.item_count + 1)
    return Era(
        vectors=towers.items(rows).numpy(),
        attraction=towers.items.attraction.numpy(),
        sources=Sources(succession, similar, popular),
        lookup=NeighbourLookup([succession, *(made(known, settings.item_to_item) for made in (co_occurrence, immediate, linear))]),
    )


def examples_of(
    era: Era, number: int, towers: TwoTower, sequences: Sequences, table: EventTable, moments: Indices, seen: Seen, settings: Ranking
) -> Examples:
    """The requests at these moments, all after the era's cut, with every candidate; histories may reach beyond the cut."""
    users, top = retrieve(era, towers, table, moments, seen, settings.proposing.two_tower)
    proposed = propose(sequences, moments, top, era.sources, seen, settings.proposing)
    candidates = proposed.rows + 1
    gains, positives = gains_of(sequences, moments, proposed.rows, settings)
    retrieval, neighbours = _looked_up(era, table, moments, users, candidates)
    eras = np.full(len(moments), number, np.int32)
    count = (candidates > 0).sum(axis=1, dtype=np.int32)
    return Examples(moments, eras, candidates, gains, proposed.ranks, retrieval, neighbours, count, positives)


def retrieve(
    items: ItemVectors, towers: TwoTower, table: EventTable, moments: Indices, seen: Seen, count: int
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """User vectors [R, D] and the best rows [R, count], what was seen left out where the data set's mode is `ever`."""
    vectors, attraction = tf.constant(items.vectors), tf.constant(items.attraction)
    count = min(count, len(items.vectors) - 1)

    @tf.function(reduce_retracing=True)
    def answer(chunk: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        histories = table.histories(chunk)
        users = towers.users(tf.gather(vectors, histories.items), histories)[:, 0]
        scores = tf.matmul(users, vectors, transpose_b=True) + attraction
        return users, tf.math.top_k((without_history(scores, histories) if seen.mode == "ever" else scores)[:, 1:], count).indices

    chunk = max(1, min(CHUNK, SCORES // len(items.vectors)))
    parts = [answer(tf.constant(moments[start : start + chunk], tf.int32)) for start in range(0, max(1, len(moments)), chunk)]
    return np.concatenate([users.numpy() for users, _ in parts]), np.concatenate([top.numpy() for _, top in parts])


def _looked_up(
    era: Era, table: EventTable, moments: Indices, users: NDArray[np.float32], candidates: NDArray[np.int32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The towers' own scores [R, C] and the neighbours' signals [R, C, J]."""
    retrieval = np.zeros(candidates.shape, np.float32)
    neighbours = np.zeros((*candidates.shape, era.lookup.width), np.float32)
    lookup = tf.function(lambda chunk, rows: era.lookup(table.histories(chunk).items, rows), reduce_retracing=True)
    for start in range(0, len(moments), CHUNK):
        part = slice(start, start + CHUNK)
        rows = candidates[part]
        retrieval[part] = np.einsum("rd,rcd->rc", users[part], era.vectors[rows]) + era.attraction[rows]
        neighbours[part] = lookup(tf.constant(moments[part], tf.int32), tf.constant(rows)).numpy()
    return retrieval, neighbours
