"""The names under which reports list the baselines."""

from __future__ import annotations

from collections.abc import Mapping

from rec_models.evaluation.baselines.ease import ease, recent_ease
from rec_models.evaluation.baselines.ials import ials
from rec_models.evaluation.baselines.item_knn import item_knn
from rec_models.evaluation.baselines.popularity import popularity, recent_popularity
from rec_models.evaluation.baselines.succession import succession
from rec_models.evaluation.baselines.trial import Trials

BASELINES: Mapping[str, Trials] = {
    "popularity": popularity,
    "recent popularity": recent_popularity,
    "item-kNN": item_knn,
    "EASE": ease,
    "EASE, recency": recent_ease,
    "iALS": ials,
    "succession": succession,
}
