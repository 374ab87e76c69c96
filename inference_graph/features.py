"""The feature contract between training and serving: names, order, defaults, meaning. Append only, never reorder."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference_graph.grouping import best_first, group

DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Feature:
    name: str
    default: float
    meaning: str


ITEM_FEATURES = (
    Feature("interactions", 0.0, "interactions with the item so far"),
    Feature("recent_interactions", 0.0, "interactions weighted by 0.5^(age / 30 days), as of last_day"),
    Feature("mean_value", 0.0, "mean value of its interactions: stars, or log(1 + quantity)"),
    Feature("liked_share", 0.0, "share of its interactions that are a liking (see the README's words)"),
    Feature("first_day", 0.0, "first interaction, in days since 1970-01-01 UTC"),
    Feature("last_day", 0.0, "newest interaction, in days since 1970-01-01 UTC"),
)
USER_FEATURES = (
    Feature("interactions", 0.0, "interactions of the user so far"),
    Feature("mean_value", 0.0, "mean value of the user's interactions"),
    Feature("liked_share", 0.0, "share of the user's interactions that are a liking"),
    Feature("mean_item_interactions", 0.0, "mean of log(1 + interactions of the item), over the user's interactions"),
    Feature("first_day", 0.0, "first interaction, in days since 1970-01-01 UTC"),
    Feature("last_day", 0.0, "newest interaction, in days since 1970-01-01 UTC"),
)
RANKED_SOURCES = ("two_tower", "similar_to_liked", "next_item", "popular")
"""The columns of the ranker's input `ranks`, in order."""

LIKED_RATING = 3.5
RECENT_HALF_LIFE_DAYS = 30.0


def tie_break(user_id: str, item_id: str, timestamp: float) -> bytes:
    """The order of a user's events within one second: by content, because file order is an artefact."""
    return hashlib.sha256(f"{user_id}|{item_id}|{timestamp:.15g}".encode()).digest()


HISTORY_LENGTH = 100
"""How many of a user's newest interactions the models see."""

TYPE_VALUES = {"view": 0.2, "click": 0.5}


def interaction_value(type_: str, value: float | None, type_values: Mapping[str, float] = TYPE_VALUES) -> float:
    """What one interaction is worth: stars for a rating, log(1 + quantity) for a purchase, else its type's value."""
    if type_ == "rating":
        if value is None:
            raise ValueError("a rating has no value")
        return float(value)
    if type_ in type_values:
        return type_values[type_]
    return math.log1p(max(0.0, 1.0 if value is None else float(value)))


def liked(values: NDArray[np.float32], rated: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which interactions of one user are a liking: a rating at or above the user's mean and LIKED_RATING.

    What is not a rating counts only where the user has no ratings at all.
    """
    if not rated.any():
        return np.ones(len(values), np.bool_)
    return rated & (values >= max(LIKED_RATING, float(values[rated].mean())))


def seeds(
    rows: NDArray[np.int32],
    values: NDArray[np.float32],
    rated: NDArray[np.bool_],
    ages: NDArray[np.float64],
    count: int,
    half_life: float,
) -> NDArray[np.intp]:
    """Indices into one user's history of the most liked known items, by value x 0.5^(age / half-life), best first.

    `ages` and `half_life` in days; an item that occurs twice counts once, with its best occurrence.
    """
    weights = np.where(liked(values, rated) & (rows >= 0), values * 0.5 ** (ages / half_life), 0.0)
    order = np.argsort(-weights, kind="stable")
    order = order[weights[order] > 0.0]
    known = group(rows[order])
    return order[np.sort(known.order[known.starts])][:count]


def next_item_scores(
    history_rows: NDArray[np.int32],
    next_rows: NDArray[np.int32],
    next_scores: NDArray[np.float32],
    decay: float = 0.8,
    length: int = 20,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Successors of the newest `length` interactions (newest first), summed with weight decay^position, best first.

    next_rows int32 [N, K] (-1 = none) and next_scores float32 [N, K]; ties go to the lower row.
    """
    known = history_rows[:length]
    weights = decay ** np.arange(len(known), dtype=np.float32)
    weights, known = weights[known >= 0], known[known >= 0]
    rows, scores = next_rows[known].ravel(), (next_scores[known] * weights[:, None]).ravel()
    rows, scores = rows[rows >= 0], scores[rows >= 0]
    if len(rows) == 0:
        return rows, scores
    groups = group(rows)
    total = np.add.reduceat(scores[groups.order], groups.starts)
    order = best_first(total)
    return groups.rows[order], total[order]
