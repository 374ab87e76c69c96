"""Answers and explanations as JSON, from the arrays of the pipeline's answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from inference_graph.features import USER_FEATURES
from inference_graph.pipeline import Answer
from inference_graph.types import Ranks, Rows


def prediction(answer: Answer, sources: Sequence[str], graph_version: str) -> dict[str, Any]:
    """One entry of `predictions`; `sources` names the columns of the ranks."""
    query, chosen = answer.query, answer.selection.chosen
    rows, ranks, scores = answer.ranked.rows[chosen], answer.ranked.ranks[chosen], answer.scores[chosen]
    item_ids, proposed = _item_ids(answer, rows), proposed_by(ranks, sources)
    items = [
        {"item_id": item_id, "title": query.catalogue.title(row), "score": rounded(score), "sources": by}
        for item_id, row, score, by in zip(item_ids, rows.tolist(), scores.tolist(), proposed, strict=True)
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
    history = [
        {"item_id": item_id, "value": rounded(value), "timestamp": timestamp}
        for item_id, value, timestamp in zip(
            user.history.item_ids, user.history.values.tolist(), user.history.timestamps.tolist(), strict=True
        )
    ]
    features = {feature.name: rounded(value) for feature, value in zip(USER_FEATURES, user.features.tolist(), strict=True)}
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
    found = []
    for item_id, row, by, removed_by in zip(_item_ids(answer, rows), rows.tolist(), proposed, answer.removed_by, strict=True):
        entry = {"item_id": item_id, "sources": by, "removed_by": removed_by or None}
        index = in_ranked.get(row)
        found.append({**entry, **(_unranked() if index is None else _ranked(answer, index, positions.get(index)))})
    return sorted(found, key=lambda entry: (entry["position"] or np.inf, -(entry["score"] or 0.0)))


def _unranked() -> dict[str, Any]:
    return {"ranker_score": None, "boosts": {}, "score": None, "position": None}


def _ranked(answer: Answer, index: int, position: int | None) -> dict[str, Any]:
    factors = {name: rounded(float(by_row[index])) for name, by_row in answer.factors.items()}
    ranker_score = None if "ranker" in answer.degraded else rounded(float(answer.ranked.scores[index]))
    score = rounded(float(answer.scores[index]))
    return {"ranker_score": ranker_score, "boosts": factors, "score": score, "position": position}


def proposed_by(ranks: Ranks, sources: Sequence[str]) -> list[dict[str, int]]:
    """For each candidate the rank in each source that proposed it."""
    return [{name: int(rank) for name, rank in zip(sources, of_item, strict=True) if rank == rank} for of_item in ranks.tolist()]


def rounded(value: float) -> float | None:
    """The shortest number that is the same float32; null for what is not a number."""
    return float(str(np.float32(value))) if np.isfinite(value) else None


def _item_ids(answer: Answer, rows: Rows) -> list[str]:
    return [item_id.decode() for item_id in answer.query.catalogue.arrays.item_ids[rows].tolist()]
