"""The feature contract between training and serving: names, order, defaults, meaning. Append only, never reorder."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

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
