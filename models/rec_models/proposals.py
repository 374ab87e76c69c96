"""What the graph's four sources would have proposed at a moment, from what they knew at a cut: the ranker's training candidates.

The algorithms are the serving path's own (inference_graph.features and .fusion); limits and merging are those of the default graph.yaml.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference_graph.features import DAY_SECONDS, RANKED_SOURCES, next_item_scores, seeds
from inference_graph.fusion import WEIGHTS, fuse
from rec_models.configuration import Proposing
from rec_models.data.dataset import Seen
from rec_models.item_to_item import Neighbours
from rec_models.sequences import Indices, Sequences

Rows = NDArray[np.int32]
SOURCE_WEIGHTS = np.array([WEIGHTS[name] for name in RANKED_SOURCES], np.float32)
KEPT_HISTORY = 500
"""How many of a user's newest events the serving path stores."""


@dataclass(frozen=True, eq=False)
class Sources:
    """What the sources beside the two towers know: succession, nearness of content, and rows by popularity."""

    next_item: Neighbours
    similar: Neighbours
    popular: Rows


@dataclass(frozen=True, eq=False)
class Proposed:
    """The candidates of R requests: rows int32 [R, C] (-1 = none), ranks float32 [R, C, S] (from 1, NaN = not proposed)."""

    rows: Rows
    ranks: NDArray[np.float32]


def propose(
    sequences: Sequences, moments: Indices, two_tower: Rows, sources: Sources, seen: Seen, settings: Proposing
) -> Proposed:
    """Candidates for the history before each moment; `two_tower` int32 [R, K] is what the towers propose, best first."""
    limit = settings.candidates
    proposed = Proposed(
        np.full((len(moments), limit), -1, np.int32), np.full((len(moments), limit, len(RANKED_SOURCES)), np.nan, np.float32)
    )
    next_rows, next_scores = sources.next_item.rows, sources.next_item.scores
    for request, moment in enumerate(moments):
        history = slice(max(sequences.first[moment], moment - KEPT_HISTORY), moment)
        ages = (sequences.times[moment] - sequences.times[history][::-1]) / DAY_SECONDS
        newest_first = sequences.items[history][::-1]
        proposals = {
            "two_tower": two_tower[request, : settings.two_tower],
            "similar_to_liked": _similar(sequences, history, ages, sources.similar, settings),
            "next_item": next_item_scores(newest_first, next_rows, next_scores)[0][: settings.next_item],
            "popular": sources.popular[: settings.popular],
        }
        rows, ranks = merge(proposals, _unwanted(newest_first, ages, seen), limit)
        proposed.rows[request, : len(rows)], proposed.ranks[request, : len(rows)] = rows, ranks
    return proposed


def merge(proposals: dict[str, Rows], unwanted: Rows, limit: int) -> tuple[Rows, NDArray[np.float32]]:
    """The union without the unwanted, with each source's ranks; beyond the limit the best by reciprocal-rank fusion."""
    rows = np.unique(np.concatenate(list(proposals.values())))
    ranks = np.full((len(rows), len(RANKED_SOURCES)), np.nan, np.float32)
    for source, name in enumerate(RANKED_SOURCES):
        ranks[np.searchsorted(rows, proposals[name]), source] = np.arange(1, len(proposals[name]) + 1)
    if len(unwanted):
        kept = ~np.isin(rows, unwanted)
        rows, ranks = rows[kept], ranks[kept]
    if len(rows) > limit:
        best = np.sort(np.argsort(-fuse(ranks, SOURCE_WEIGHTS), kind="stable")[:limit])
        rows, ranks = rows[best], ranks[best]
    return rows, ranks


def content_neighbours(vectors: NDArray[np.float32], count: int, chunk: int = 1024) -> Neighbours:
    """The nearest items of each item by cosine, itself left out; vectors float32 [N, D] of length one or zero."""
    total, count = len(vectors), min(count, len(vectors) - 1)
    found = Neighbours(np.full((total, count), -1, np.int32), np.zeros((total, count), np.float32))
    for start in range(0, total, chunk):
        own = np.arange(start, min(total, start + chunk))
        similarity = vectors[own] @ vectors.T
        similarity[own - start, own] = -np.inf
        near = np.argpartition(-similarity, count - 1, axis=1)[:, :count]
        scores = np.take_along_axis(similarity, near, 1)
        order = np.lexsort((near, -scores), axis=1)
        found.rows[own] = np.take_along_axis(near, order, 1)
        found.scores[own] = np.take_along_axis(scores, order, 1)
    found.rows[~vectors.any(axis=1)] = -1
    return found


def _similar(sequences: Sequences, history: slice, ages: NDArray[np.float64], similar: Neighbours, settings: Proposing) -> Rows:
    rows, values, rated = sequences.items[history][::-1], sequences.values[history][::-1], sequences.rated[history][::-1]
    liked = rows[seeds(rows, values, rated, ages, settings.seeds, settings.half_life_days)]
    found, scores = similar.rows[liked].ravel(), similar.scores[liked].ravel()
    usable = (found >= 0) & ~np.isin(found, liked)
    found, scores = found[usable], scores[usable]
    order = np.lexsort((found, -scores))
    _, first = np.unique(found[order], return_index=True)
    return found[order][np.sort(first)][: settings.similar_to_liked]


def _unwanted(rows: Rows, ages: NDArray[np.float64], seen: Seen) -> Rows:
    if seen.mode == "off":
        return rows[:0]
    return rows if seen.within_days is None else rows[ages <= seen.within_days]
