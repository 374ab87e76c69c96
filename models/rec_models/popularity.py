"""How popular items are now, and the popular ones of each category: what a stranger is shown."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from inference_graph.features import ITEM_FEATURES, RECENT_HALF_LIFE_DAYS

LONGEST_SEGMENT = 10_000
PRIOR_AN_ITEM = 0.25
COLUMN = {feature.name: column for column, feature in enumerate(ITEM_FEATURES)}


def popularity(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """One score an item, [N], from features [N, F] in contract order.

    Recent interactions, as of the newest day of all, with the all-time share as a prior worth a quarter of an interaction an
    item; times the share that was liked. Where much happens the recent past decides, where little does the whole past: on
    online-retail as good as the recent counts alone and 18 % better than all-time counts, on MovieLens 15 % better than
    the recent ones (hits among the first 100, over the 60 days after each of five cuts in time, without the liked share).
    """
    if len(features) == 0:
        return np.zeros(0)
    column = {name: features[:, index].astype(np.float64) for name, index in COLUMN.items()}
    idle = column["last_day"].max() - column["last_day"]
    recent = column["recent_interactions"] * 0.5 ** (idle / RECENT_HALF_LIFE_DAYS)
    share = column["interactions"] / max(1.0, column["interactions"].sum())
    return np.asarray((recent + PRIOR_AN_ITEM * len(features) * share) * column["liked_share"])


def popular_segments(
    scores: NDArray[np.float64], category_offsets: NDArray[np.int64], category_ids: NDArray[np.int32], categories: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Offsets [categories + 2] and rows, most popular first, of the whole catalogue and of each category; ties by row."""
    order = np.argsort(-scores, kind="stable").astype(np.int32)
    position = np.empty(len(order), np.int64)
    position[order] = np.arange(len(order))
    members = np.repeat(np.arange(len(scores), dtype=np.int32), np.diff(category_offsets))
    sorted_pairs = np.lexsort((position[members], category_ids))
    bounds = np.searchsorted(category_ids[sorted_pairs], np.arange(categories + 1))
    segments = [order[:LONGEST_SEGMENT]]
    segments += [members[sorted_pairs[start:end]][:LONGEST_SEGMENT] for start, end in pairwise(bounds.tolist())]
    lengths = np.array([len(segment) for segment in segments], np.int64)
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), np.concatenate(segments).astype(np.int32)
