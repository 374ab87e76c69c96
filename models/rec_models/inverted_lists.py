"""Items in lists of one length, like beside like, so that a request looks into a few of them only. No TensorFlow here.

Inverted lists as in Jegou et al., Product Quantization for Nearest Neighbor Search (2011), with two changes. Distances are
those that users see: the metric is the second moment of real user vectors, in which two items are near when their scores
are (at 1,000,000 invented items a third as many items had to be scored for the same recall as with plain distances).
And a cluster is cut into lists of equal length, so that a model reads whole blocks and every request costs the same.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from rec_models.configuration import Lists

Floats = NDArray[np.float32]
CLUSTER_LISTS, SAMPLED_A_CLUSTER, ROUNDS, TURNS = 8, 64, 8, 8
LEAST_SPREAD = 1e-2


@dataclass(frozen=True, eq=False)
class InvertedLists:
    """`rows` int32 [lists, length] are catalogue rows, -1 where a list is shorter; a user vector's score of a list is its product
    with `centres` float32 [lists, D] plus `draw` float32 [lists]."""

    rows: NDArray[np.int32]
    centres: Floats
    draw: Floats

    def ranks(self, users: Floats) -> NDArray[np.int32]:
        """The place of each list in the order in which each user's request looks into them, from 0, int32 [R, lists]."""
        order = np.argsort(-(users @ self.centres.T + self.draw), axis=1, kind="stable")
        places = np.empty(order.shape, np.int32)
        np.put_along_axis(places, order, np.arange(order.shape[1], dtype=np.int32)[None], 1)
        return places

    def recall(self, users: Floats, exact: NDArray[np.int32]) -> NDArray[np.float64]:
        """[lists]: the share of the rows in `exact` [R, K] that lies in the first 1, 2, ... lists of each user's order."""
        of_row = np.empty(self.rows.max() + 1, np.int32)
        filled = self.rows >= 0
        of_row[self.rows[filled]] = np.broadcast_to(np.arange(len(self.rows), dtype=np.int32)[:, None], self.rows.shape)[filled]
        found = np.take_along_axis(self.ranks(users), of_row[exact], 1)
        return np.cumsum(np.bincount(found.ravel(), minlength=len(self.rows))) / max(1, exact.size)

    def enough(self, items: int) -> int:
        """How many lists hold that many items whichever they are; all of them where there are not so many."""
        held = np.cumsum(np.sort((self.rows >= 0).sum(axis=1)))
        return min(len(held), 1 + int(np.searchsorted(held, items)))


def inverted_lists(vectors: Floats, attraction: Floats, users: Floats, settings: Lists) -> InvertedLists:
    """Lists over items float32 [N, D] with their attraction [N]; `users` float32 [R, D] are vectors of real requests."""
    items = np.column_stack([vectors, attraction])
    seen = items @ _metric(users)
    lists = list(_cut(seen, _clusters(seen, max(1, len(items) // (CLUSTER_LISTS * settings.length))), settings.length))
    rows = np.full((len(lists), max(len(part) for part in lists)), -1, np.int32)
    centres, spread = np.empty((len(lists), items.shape[1]), np.float32), np.empty(len(lists), np.float32)
    for number, part in enumerate(lists):
        rows[number, : len(part)] = np.sort(part)
        centres[number] = items[part].mean(axis=0)
        spread[number] = np.sqrt(np.square(seen[part] - seen[part].mean(axis=0)).sum(axis=1).mean())
    # What counts is a list's best item, which lies above its mean by about the spread of its scores.
    return InvertedLists(rows, np.ascontiguousarray(centres[:, :-1]), centres[:, -1] + spread)


def _metric(users: Floats) -> Floats:
    """[D + 1, D + 1]: distances after it are root mean square differences of users' scores."""
    asked = np.column_stack([users, np.ones(len(users), np.float32)]).astype(np.float64)
    strength, directions = np.linalg.eigh(asked.T @ asked / len(asked))
    floor = LEAST_SPREAD * max(float(strength.max()), LEAST_SPREAD)
    return np.asarray(directions * np.sqrt(np.maximum(strength, floor)), np.float32)


def _clusters(points: Floats, count: int) -> NDArray[np.int32]:
    """The cluster of each point; learnt from a sample, the same every time."""
    sample = np.random.default_rng(0).permutation(len(points))[: SAMPLED_A_CLUSTER * count]
    means = KMeans(count, init="random", n_init=1, max_iter=ROUNDS, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of items that are all alike
        means.fit(points[sample])
    return np.asarray(means.predict(points), np.int32)


def _cut(points: Floats, clusters: NDArray[np.int32], length: int) -> Iterator[NDArray[np.intp]]:
    """The rows of each list: a cluster of more than `length` items is halved across its longest direction until it fits."""
    order = np.argsort(clusters, kind="stable")
    for cluster in np.split(order, np.flatnonzero(np.diff(clusters[order])) + 1):
        waiting = [cluster]
        while waiting:
            part = waiting.pop()
            if len(part) <= length:
                yield part
                continue
            parts = -(-len(part) // length)
            half = len(part) * (parts // 2) // parts
            along = np.argpartition(_along_longest(points[part]), half)
            waiting += [part[along[half:]], part[along[:half]]]


def _along_longest(points: Floats) -> Floats:
    """Each point's place along the direction in which they differ most (power iteration)."""
    centred = points - points.mean(axis=0)
    direction = centred[np.argmax(np.square(centred).sum(axis=1))]
    for _ in range(TURNS):
        direction = (centred @ direction) @ centred
        direction /= max(float(np.linalg.norm(direction)), 1e-12)
    return np.asarray(centred @ direction)
