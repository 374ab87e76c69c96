"""Trained models into versions: each with the requests that warm it and a card that says what it is."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from inference_graph.features import DAY_SECONDS, HISTORY_LENGTH, ITEM_FEATURES, RANKED_SOURCES, USER_FEATURES
from rec_models.export import publish
from rec_models.retrieval_export import retrieval_model
from rec_models.served_models import HISTORY, ServedRanking
from rec_models.training import Given, Trained


def publish_models(
    folder: Path, item_ids: Sequence[str], given: Given, trained: Trained, facts: Mapping[str, Any]
) -> dict[str, Path]:
    """Writes the next version of `folder/retrieval` and `folder/ranking`; `facts` go into both cards. Returns their folders."""
    users, era = trained.towers.users, trained.era
    requests = example_requests(item_ids, given.ranking.proposing.candidates, float(given.sequences.times.max()) / DAY_SECONDS)
    histories: list[dict[str, NDArray[Any]]] = [{spec.name: request[spec.name] for spec in HISTORY} for request in requests]
    retrieval, size = retrieval_model(item_ids, given, trained)
    ranking = ServedRanking(item_ids, users, trained.ranker, era, given.content)
    card = {**facts, **_card(given, trained)}
    learning = {name: {"learning": curve.points} for name, curve in trained.learning.items()}
    own = {"retrieval": {**size, "settings": given.retrieval.model_dump()}, "ranking": {"settings": given.ranking.model_dump()}}
    described = {name: {**card, **facts_of, **learning.get(name, {})} for name, facts_of in own.items()}
    return {
        "retrieval": publish(folder / "retrieval", retrieval, histories, described["retrieval"]),
        "ranking": publish(folder / "ranking", ranking, requests, described["ranking"]),
    }


def _card(given: Given, trained: Trained) -> dict[str, Any]:
    sequences = given.sequences
    return {
        "users": len(sequences.user_ids),
        "items": sequences.item_count,
        "interactions": len(sequences),
        "seen": given.seen.mode,
        "trained_until": float(sequences.times.max()),
        "cuts": list(trained.cuts),
        "metrics_on": f"requests from {trained.held_out_from:.0f} on, answered by models that know what was before {trained.cuts[-1]:.0f}",
        "metrics": dict(trained.metrics),
        "history_length": HISTORY_LENGTH,
        "tensorflow": tf.__version__,
        "created": time.time(),
    }


def example_requests(item_ids: Sequence[str], candidates: int, day: float) -> list[dict[str, NDArray[Any]]]:
    """Requests of a stranger, a newcomer and a regular: all inputs of both models, each with a batch of one."""
    ids = np.array([item_id.encode() for item_id in item_ids], object)
    ranked = ids[:candidates]
    return [
        {
            "history_ids": ids[:length][None],
            "history_ages": np.arange(len(ids[:length]), dtype=np.float32)[None],
            "history_values": np.full((1, len(ids[:length])), 3.0, np.float32),
            "history_rated": np.ones((1, len(ids[:length])), np.float32),
            "candidate_ids": ranked[None],
            "item_features": np.ones((1, len(ranked), len(ITEM_FEATURES)), np.float32),
            "ranks": np.full((1, len(ranked), len(RANKED_SOURCES)), np.nan, np.float32),
            "user_features": np.ones((1, len(USER_FEATURES)), np.float32),
            "day": np.array([day], np.float32),
        }
        for length in (0, 1, HISTORY_LENGTH)
    ]
