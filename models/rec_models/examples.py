"""The ranker's training examples: requests of the past, with the candidates that would have been proposed then."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from inference_graph.features import DAY_SECONDS
from rec_models.configuration import Ranking
from rec_models.sequences import Indices, Sequences

Floats = NDArray[np.float32]
LEAST_MOMENTS = 3


class FeaturesAt(Protocol):
    """Point-in-time features; `times` in seconds since 1970, what happened at that very second is visible."""

    def items(self, rows: NDArray[np.int32], times: NDArray[np.float64]) -> Floats: ...

    def users(self, users: NDArray[np.int32], times: NDArray[np.float64]) -> Floats: ...


@dataclass(frozen=True, eq=False)
class Examples:
    """R requests of C candidates.

    moments (index of the first event foreseen) and era [R]; candidates int32 [R, C], 0 = none; gains [R, C], 0 = not a positive,
    1 = of the very next moment; ranks [R, C, S]; retrieval [R, C]; neighbours [R, C, J]; proposed [R], how many candidates there
    were before any were left out; positives [R], how many items the next moment held, proposed or not.
    """

    moments: Indices
    era: NDArray[np.int32]
    candidates: NDArray[np.int32]
    gains: Floats
    ranks: Floats
    retrieval: Floats
    neighbours: Floats
    proposed: NDArray[np.int32]
    positives: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.moments)

    def take(self, chosen: NDArray[np.intp] | NDArray[np.bool_]) -> Self:
        return type(self)(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def thinned(self, count: int, random: np.random.Generator) -> Self:
        """Every positive and a random part of the rest: `count` candidates a request, in the order that they had.

        Not the positives first: what is taught with these and breaks ties by place would see what it is to foresee.
        """
        if count >= self.candidates.shape[1]:
            return self
        priority = random.random(self.candidates.shape) + (self.gains > 0) - 2.0 * (self.candidates == 0)
        kept = np.sort(np.argpartition(-priority, count - 1, axis=1)[:, :count], axis=1)
        rows = np.arange(len(self))[:, None]
        return replace(self, **{name: getattr(self, name)[rows, kept] for name in WIDE})

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))


WIDE = ("candidates", "gains", "ranks", "retrieval", "neighbours")


@dataclass(frozen=True, eq=False)
class Aggregates:
    """What Feast said at each request's moment: item_features [R, C, F], user_features [R, U], day [R]."""

    item_features: Floats
    user_features: Floats
    day: Floats


def aggregates(examples: Examples, sequences: Sequences, features_at: FeaturesAt) -> Aggregates:
    """Joined as of one second before the moment, so that nothing of its own second is known."""
    times = sequences.times[examples.moments]
    present = examples.candidates > 0
    before = np.broadcast_to((times - 1.0)[:, None], present.shape)[present]
    known = features_at.items(examples.candidates[present] - 1, before)
    item_features = np.zeros((*present.shape, known.shape[1]), np.float32)
    item_features[present] = known
    user_features = features_at.users(sequences.users[examples.moments], times - 1.0)
    return Aggregates(item_features, user_features, (times / DAY_SECONDS).astype(np.float32))


def cut_times(sequences: Sequences, shares: tuple[float, ...]) -> NDArray[np.float64]:
    """The moments by which these shares of all interactions had happened, in seconds since 1970."""
    return np.unique(np.quantile(sequences.times, shares, method="higher"))


def choose_moments(sequences: Sequences, cuts: NDArray[np.float64], settings: Ranking) -> Indices:
    """Random moments from the first cut on, in order of time; a user with n of them is drawn from n^0.5 times as often as with one."""
    moments = np.unique(sequences.moment)
    return _drawn(sequences, moments[sequences.times[moments] >= cuts[0]], settings.requests, settings.seed)


def newest_of_users(sequences: Sequences, share: float) -> NDArray[np.bool_]:
    """Whether an event is of its user's newest moments, [events]: that share of the moments, one at least where there are three."""
    number = sequences.moment_number
    last = np.full(len(sequences.user_ids), -1, np.int64)
    np.maximum.at(last, sequences.users, number)
    count = last[sequences.users] - number[sequences.first] + 1
    newest = np.where(count >= LEAST_MOMENTS, np.ceil(share * count), 0)
    return last[sequences.users] - number < newest


def choose_newest_moments(sequences: Sequences, newest: NDArray[np.bool_], before: float, settings: Ranking) -> Indices:
    """Random ones of the moments of these events, all before that time, in order of time; users with many are drawn less, as above."""
    moments = np.unique(sequences.moment)
    return _drawn(sequences, moments[newest[moments] & (sequences.times[moments] < before)], settings.newest_requests, settings.seed)


def _drawn(sequences: Sequences, moments: Indices, count: int, seed: int) -> Indices:
    random = np.random.default_rng(seed)
    weight = np.bincount(sequences.users[moments], minlength=len(sequences.user_ids))[sequences.users[moments]] ** -0.5
    luck = random.exponential(size=len(moments)) / weight
    chosen = moments[np.argsort(luck, kind="stable")[:count]]
    in_order: Indices = chosen[np.argsort(sequences.times[chosen], kind="stable")]
    return in_order


def gains_of(sequences: Sequences, moments: Indices, rows: NDArray[np.int32], settings: Ranking) -> tuple[Floats, NDArray[np.int32]]:
    """The gain of each proposed row [R, C] (-1 = none), and how many different items would have had one, [R]."""
    gains, positives = np.zeros(rows.shape, np.float32), np.zeros(len(moments), np.int32)
    number, count = sequences.moment_number, len(sequences)
    for request, moment in enumerate(moments):
        end = int(np.searchsorted(number, number[moment] + settings.future_moments))
        coming = slice(int(moment), min(end, count))
        same = sequences.users[coming] == sequences.users[moment]
        items = sequences.items[coming][same]
        worth = settings.future_weight ** (number[coming][same] - number[moment])
        order = np.argsort(-worth, kind="stable")
        wanted, first = np.unique(items[order], return_index=True)
        place = np.minimum(np.searchsorted(wanted, rows[request]), len(wanted) - 1)
        gains[request] = np.where(wanted[place] == rows[request], worth[order][first][place], 0.0)
        positives[request] = (worth[order][first] == 1.0).sum()
    return gains, positives
