"""What is asked of every contestant: histories up to a moment, and the items that came then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from inference_graph.features import DAY_SECONDS, LIKED_RATING
from rec_models.data.dataset import Seen
from rec_models.sequences import Indices, Sequences

Weights = Callable[[NDArray[np.int64], NDArray[np.float64]], NDArray[np.float64]]
"""The weight of events by their distance from the newest (0, 1, ...) and their age in days."""


def everything(steps: NDArray[np.int64], days: NDArray[np.float64]) -> NDArray[np.float64]:
    """Every event of a history alike."""
    return np.ones(len(steps))


@dataclass(frozen=True, eq=False)
class Requests:
    """R requests: number i knows the events first[i]:cut[i] of `sequences`, at `times[i]`, and is to find its wanted items.

    `wanted` are indices of events [W], `owner` says whose each is [W], ascending.
    """

    sequences: Sequences
    first: Indices
    cut: Indices
    times: NDArray[np.float64]
    wanted: Indices
    owner: Indices

    def __len__(self) -> int:
        return len(self.cut)

    @property
    def users(self) -> NDArray[np.int32]:
        """[R]; the first event that is not known is the user's own."""
        return self.sequences.users[self.cut]

    @property
    def items(self) -> NDArray[np.int32]:
        """The catalogue rows that are wanted, [W]."""
        return self.sequences.items[self.wanted]

    def take(self, chosen: Indices) -> Requests:
        """The requests of these numbers, ascending."""
        number = np.full(len(self), -1)
        number[chosen] = np.arange(len(chosen))
        kept = number[self.owner] >= 0
        own = replace(self, first=self.first[chosen], cut=self.cut[chosen], times=self.times[chosen])
        return replace(own, wanted=self.wanted[kept], owner=number[self.owner[kept]])

    def where(self, kept: NDArray[np.bool_]) -> Requests:
        """Only the wanted items of `kept` [W]; every request stays, though it may want nothing any more."""
        return replace(self, wanted=self.wanted[kept], owner=self.owner[kept])

    def some_users(self, count: int, seed: int = 1) -> Requests:
        """All requests of at most that many users, drawn at random."""
        users = np.unique(self.users)
        if len(users) <= count:
            return self
        drawn = np.random.default_rng(seed).choice(users, count, replace=False)
        return self.take(np.flatnonzero(np.isin(self.users, drawn)))

    def histories(self, chosen: slice, weights: Weights = everything) -> sparse.csr_matrix:
        """What requests know as weights of items, [requests, N]; an item that occurs twice has its greatest weight."""
        events, rows = self._known(chosen)
        steps, days = self.cut[chosen][rows] - 1 - events, (self.times[chosen][rows] - self.sequences.times[events]) / DAY_SECONDS
        weight = weights(steps, days)
        order = np.lexsort((-weight, self.sequences.items[events], rows))
        key = rows[order].astype(np.int64) * self.sequences.item_count + self.sequences.items[events][order]
        one = order[np.unique(key, return_index=True)[1]]
        shape = (len(self.cut[chosen]), self.sequences.item_count)
        return sparse.csr_matrix((weight[one].astype(np.float32), (rows[one], self.sequences.items[events][one])), shape)

    def hidden(self, chosen: slice, seen: Seen) -> sparse.csr_matrix | None:
        """What may not be proposed, as the graph's filter `seen` has it; None where everything may."""
        if seen.mode == "off":
            return None
        within = np.inf if seen.within_days is None else seen.within_days
        hidden = self.histories(chosen, lambda steps, days: (days <= within).astype(np.float64))
        hidden.eliminate_zeros()
        return hidden

    def repeated(self) -> NDArray[np.bool_]:
        """Which wanted items the user had before, [W]."""
        known = [set(self.sequences.items[a:b].tolist()) for a, b in zip(self.first.tolist(), self.cut.tolist(), strict=True)]
        return np.array([item in known[own] for item, own in zip(self.items.tolist(), self.owner.tolist(), strict=True)], np.bool_)

    def liked(self) -> NDArray[np.bool_]:
        """Which wanted items were liked when they came: a rating at least LIKED_RATING and the mean of the user's before it, [W]."""
        values, rated = self.sequences.values, self.sequences.rated
        total = np.concatenate([[0.0], np.cumsum(np.where(rated, values, 0.0), dtype=np.float64)])
        count = np.concatenate([[0], np.cumsum(rated)])
        first, cut = self.first[self.owner], self.cut[self.owner]
        mean = (total[cut] - total[first]) / np.maximum(count[cut] - count[first], 1)
        liked: NDArray[np.bool_] = ~rated[self.wanted] | (values[self.wanted] >= np.maximum(LIKED_RATING, mean))
        return liked

    def _known(self, chosen: slice) -> tuple[Indices, Indices]:
        first, cut = self.first[chosen], self.cut[chosen]
        lengths = cut - first
        rows = np.repeat(np.arange(len(lengths)), lengths)
        start = np.cumsum(lengths) - lengths
        return np.arange(lengths.sum()) - start[rows] + first[rows], rows
