"""A world whose next item is known: p(next) = softmax(taste + succession + popularity), over what is there and not yet seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Strengths:
    """How much each signal adds to a candidate's logit; `successor_decay` for each step back in the history."""

    taste: float = 8.0
    succession: float = 6.5
    successor_decay: float = 0.6
    successor_depth: int = 3
    popularity: float = 1.1


@dataclass(frozen=True, eq=False)
class World:
    """U users, N items, E events, D taste dimensions, S successors; times in seconds since 1970.

    Latent: user_tastes [U, 2, D] at the world's beginning and end, item_vectors [N, D], successors [N, S] with
    successor_weights [N, S], popularity_level, popularity_swing, popularity_peak, popularity_width, available_from [N].
    Visible: item_categories [N, 2] (-1 = no second one) into `categories`, item_titles, item_texts, item_prices, item_makers,
    and the events: event_users, event_items, event_times, event_stars [E], by time.
    """

    seed: int
    beginning: float
    end: float
    strengths: Strengths
    categories: tuple[str, ...]
    user_ids: tuple[str, ...]
    item_ids: tuple[str, ...]
    item_titles: tuple[str, ...]
    item_texts: tuple[str, ...]
    item_makers: tuple[str, ...]
    item_prices: Floats
    item_categories: Ints
    user_tastes: Floats
    item_vectors: Floats
    successors: Ints
    successor_weights: Floats
    popularity_level: Floats
    popularity_swing: Floats
    popularity_peak: Floats
    popularity_width: Floats
    available_from: Floats
    event_users: Ints
    event_items: Ints
    event_times: Floats
    event_stars: Floats

    def taste_logits(self, users: Ints, times: Floats) -> Floats:
        """How well each item suits each user then, [n, N]."""
        logits: Floats = self.strengths.taste * (self.tastes(users, times) @ self.item_vectors.T)
        return logits

    def tastes(self, users: Ints, times: Floats) -> Floats:
        """The users' tastes then, [n, D]: on a straight line from the beginning's to the end's."""
        share = ((times - self.beginning) / (self.end - self.beginning))[:, None]
        tastes: Floats = self.user_tastes[users, 0] * (1 - share) + self.user_tastes[users, 1] * share
        return tastes

    def popularity_logits(self, times: Floats) -> Floats:
        """What everybody turns to then, [n, N]: each item rises and fades once."""
        away = (times[:, None] - self.popularity_peak) / self.popularity_width
        return self.strengths.popularity * (self.popularity_level + self.popularity_swing * np.exp(-0.5 * away**2))

    def succession_logits(self, newest: Ints) -> Floats:
        """What follows the newest items, [n, N]; `newest` [n, depth], newest first, -1 = none."""
        logits = np.zeros((len(newest), len(self.item_ids)))
        for back in range(min(newest.shape[1], self.strengths.successor_depth)):
            rows = np.flatnonzero(newest[:, back] >= 0)
            items = newest[rows, back]
            weight = self.strengths.succession * self.strengths.successor_decay**back
            logits[rows[:, None], self.successors[items]] += weight * self.successor_weights[items]
        return logits

    def logits(self, users: Ints, times: Floats, newest: Ints) -> Floats:
        """The sum of the three, -inf for items that are not there yet, [n, N]; what was seen is the caller's to mask."""
        total = self.taste_logits(users, times) + self.popularity_logits(times) + self.succession_logits(newest)
        return np.where(self.available_from <= times[:, None], total, -np.inf)

    def oracle_scores(self, user: int, history: Sequence[int], timestamp: float) -> Floats:
        """log p(next item) [N] for a user with this history of items (oldest first) at that time; -inf where impossible."""
        depth = self.strengths.successor_depth
        newest = np.array([*list(history)[::-1][:depth], *[-1] * depth][:depth], np.int64)[None, :]
        scores: Floats = self.logits(np.array([user]), np.array([timestamp]), newest)[0]
        scores[list(history)] = -np.inf
        largest = scores.max()
        scores -= largest + np.log(np.exp(scores - largest).sum())
        return scores
