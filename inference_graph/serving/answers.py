"""Answers and explanations as JSON, from the arrays of the pipeline's answer."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference_graph.features import USER_FEATURES
from inference_graph.pipeline import Answer
from inference_graph.types import Ranks, Rows


def prediction(answer: Answer, sources: Sequence[str], graph_version: str) -> dict[str, Any]:
    """One entry of `predictions`; `sources` names the columns of the ranks."""
    query, chosen = answer.query, answer.selection.chosen
    rows, ranks, scores = answer.ranked.rows[chosen], answer.ranked.ranks[chosen], answer.scores[chosen]
    columns = _item_ids(answer, rows), query.catalogue.titles(rows), rounded(scores), proposed_by(ranks, sources)
    items = [
        {"item_id": item_id, "title": title, "score": score, "sources": by} for item_id, title, score, by in zip(*columns, strict=True)
    ]
    return {
        "user_id": query.user_id,
        "user": query.kind_of_user,
        "items": items,
        "degraded": list(answer.degraded),
        "rules_relaxed": list(answer.selection.relaxed),
        "versions": {**answer.versions, "snapshot": query.catalogue.name, "graph": graph_version},
        "request_id": query.request_id,
    }


def explanation(answer: Answer, sources: Sequence[str], seeds: Rows, graph_version: str) -> dict[str, Any]:
    """A prediction, and everything that the pipeline knew when it made it."""
    user = answer.query.user
    columns = _texts(user.history.item_ids), rounded(user.history.values), user.history.timestamps.tolist()
    history = [
        {"item_id": item_id, "value": value, "timestamp": timestamp} for item_id, value, timestamp in zip(*columns, strict=True)
    ]
    features = {feature.name: value for feature, value in zip(USER_FEATURES, rounded(user.features), strict=True)}
    return {
        **prediction(answer, sources, graph_version),
        "state": {"features": features, "history": history},
        "seeds": _item_ids(answer, seeds),
        "candidates": _candidates(answer, sources),
        "timings_ms": {name: round(milliseconds, 3) for name, milliseconds in answer.timings_ms.items()},
    }


def _candidates(answer: Answer, sources: Sequence[str]) -> list[dict[str, Any]]:
    """Every item that was considered: shown ones in their order, then by score, then what was removed."""
    in_ranked = {row: index for index, row in enumerate(answer.ranked.rows.tolist())}
    positions = {index: position for position, index in enumerate(answer.selection.chosen.tolist(), 1)}
    rows, proposed = answer.considered.rows, proposed_by(answer.considered.ranks, sources)
    ranker_scores = [None] * len(in_ranked) if "ranker" in answer.degraded else rounded(answer.ranked.scores)
    scores, factors = rounded(answer.scores), {name: rounded(by_row) for name, by_row in answer.factors.items()}
    found = []
    for item_id, row, by, removed_by in zip(_item_ids(answer, rows), rows.tolist(), proposed, answer.removed_by, strict=True):
        entry = {"item_id": item_id, "sources": by, "removed_by": removed_by or None}
        index = in_ranked.get(row)
        if index is None:
            found.append({**entry, "ranker_score": None, "boosts": {}, "score": None, "position": None})
            continue
        boosts = {name: by_row[index] for name, by_row in factors.items()}
        found.append(
            {**entry, "ranker_score": ranker_scores[index], "boosts": boosts, "score": scores[index], "position": positions.get(index)}
        )
    return sorted(found, key=lambda entry: (entry["position"] or np.inf, -(entry["score"] or 0.0)))


def proposed_by(ranks: Ranks, sources: Sequence[str]) -> list[dict[str, int]]:
    """For each candidate the rank in each source that proposed it."""
    return [{name: int(rank) for name, rank in zip(sources, of_item, strict=True) if rank == rank} for of_item in ranks.tolist()]


def rounded(values: NDArray[np.float32]) -> list[float | None]:
    """The shortest numbers that are the same float32; null for what is not a number."""
    return [float(str(value)) if isfinite(value) else None for value in values]


def _item_ids(answer: Answer, rows: Rows) -> list[str]:
    return _texts(answer.query.catalogue.arrays.item_ids[rows])


def _texts(item_ids: NDArray[np.bytes_]) -> list[str]:
    return [item_id.decode() for item_id in item_ids.tolist()]
