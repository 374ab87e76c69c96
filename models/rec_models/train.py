"""The step `train`: reads the prepared data, trains both models and publishes them, unless nothing has changed since."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import tensorflow as tf
from numpy.typing import NDArray

from inference_graph.features import DAY_SECONDS, HISTORY_LENGTH
from inference_graph.steps import digest, is_done, mark_done
from inference_graph.workspace import Workspace
from rec_models.configuration import CONFIGS, Ranking, Retrieval, read_configuration
from rec_models.data.dataset import Dataset, load_dataset
from rec_models.events import COLUMNS, all_events
from rec_models.export import example_requests, publish, versions
from rec_models.joined_features import JoinedFeatures
from rec_models.offline_store import refresh_offline
from rec_models.sequences import sequences_of
from rec_models.served_models import HISTORY, ServedRanking, ServedRetrieval
from rec_models.snapshot import item_vectors
from rec_models.training import Given, Phase, Trained, train_models

STEP = "train"
NAMES = ("retrieval", "ranking")
QUICK = {"epochs": 1.0}
CATALOGUE_LIMIT = (
    "Sensible up to about 1,000,000 items: every item is scored, exactly, in each call. Measured with 64 numbers an item and one "
    "thread: 1.5 ms at 100,000 items, 40 ms and 256 MB at 1,000,000. Beyond that an approximate index belongs between the towers."
)


@dataclass(frozen=True)
class Published:
    """What `train` left behind; `metrics` is empty where everything was up to date."""

    versions: Mapping[str, int]
    metrics: Mapping[str, float]
    fresh: bool


def train(workspace: Workspace, quick: bool, agree: Callable[[str], bool], phase: Phase) -> Published:
    """Trains and publishes the next version of both models; does nothing where data, settings and code are unchanged."""
    inputs = {"data": load_dataset(workspace.data).description.hash, "settings": _settings_hash(quick), "code": _code_hash()}
    cards = [workspace.models / name for name in NAMES]
    if is_done(workspace, STEP, inputs, cards) and all(versions(card) for card in cards):
        return Published({name: versions(workspace.models / name)[-1] for name in NAMES}, {}, False)
    with phase("data"):
        given, dataset = _given(workspace, quick, agree)
    trained = train_models(given, phase)
    with phase("export"):
        published = _publish(workspace, dataset, given, trained)
    mark_done(workspace, STEP, inputs)
    return Published(published, trained.metrics, True)


def _given(workspace: Workspace, quick: bool, agree: Callable[[str], bool]) -> tuple[Given, Dataset]:
    refresh_offline(workspace)
    prepared = load_dataset(workspace.data)
    known = all_events(workspace).select(COLUMNS).join(prepared.items.select("item_id"), on="item_id", how="semi", maintain_order="left")
    dataset = replace(prepared, interactions=known)
    sequences = sequences_of(dataset)
    retrieval, ranking = configurations(quick)
    content = _content(item_vectors(workspace, dataset, agree).astype(np.float32), retrieval.content_dimensions)
    features_at = JoinedFeatures(workspace, dataset.items["item_id"], pl.Series(sequences.user_ids.tolist(), dtype=pl.String))
    return Given(sequences, content, prepared.description.seen, features_at, retrieval, ranking), dataset


def configurations(quick: bool) -> tuple[Retrieval, Ranking]:
    retrieval = read_configuration(Retrieval, CONFIGS / "retrieval.yaml")
    ranking = read_configuration(Ranking, CONFIGS / "ranking.yaml")
    if not quick:
        return retrieval, ranking
    return retrieval.model_copy(update=QUICK), ranking.model_copy(update={**QUICK, "cuts": ranking.cuts[-1:], "requests": ranking.requests // 10})


def _content(vectors: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """Long vectors shortened to their `most` strongest directions."""
    if vectors.shape[1] <= most:
        return vectors
    from sklearn.decomposition import TruncatedSVD

    return np.asarray(TruncatedSVD(most, random_state=0).fit_transform(vectors), np.float32)


def _publish(workspace: Workspace, dataset: Dataset, given: Given, trained: Trained) -> dict[str, int]:
    item_ids = dataset.items["item_id"].to_list()
    hidden = given.seen.mode == "ever"
    modules: dict[str, tf.Module] = {
        "retrieval": ServedRetrieval(item_ids, trained.towers.users, trained.era, hidden, given.retrieval.answer),
        "ranking": ServedRanking(item_ids, trained.towers.users, trained.ranker, trained.era, given.content),
    }
    requests = example_requests(item_ids, given.ranking.proposing.candidates, given.sequences.times.max() / DAY_SECONDS)
    histories = [{spec.name: request[spec.name] for spec in HISTORY} for request in requests]
    settings = {"retrieval": given.retrieval, "ranking": given.ranking}
    published = {}
    for name, warm_up in (("retrieval", histories), ("ranking", requests)):
        card = {"model": name, **_card(dataset, given, trained), "settings": settings[name].model_dump()}
        if name == "retrieval":
            card["catalogue_limit"] = CATALOGUE_LIMIT
        published[name] = int(publish(workspace.models / name, modules[name], warm_up, card).name)
    return published


def _card(dataset: Dataset, given: Given, trained: Trained) -> dict[str, Any]:
    description, sequences = dataset.description, given.sequences
    return {
        "data": {
            "name": description.name,
            "hash": description.hash,
            "users": len(sequences.user_ids),
            "items": sequences.item_count,
            "interactions": len(sequences),
            "seen": given.seen.mode,
            "ties": description.ties,
        },
        "trained_until": float(sequences.times.max()),
        "cuts": list(trained.cuts),
        "metrics": {"on": f"requests from {trained.held_out_from:.0f} on, models as of {trained.cuts[-1]:.0f}", **trained.metrics},
        "history_length": HISTORY_LENGTH,
        "tensorflow": tf.__version__,
        "created": time.time(),
    }


def _settings_hash(quick: bool) -> str:
    return digest(str(quick), *(f"{name}={settings.model_dump_json()}" for name, settings in zip(NAMES, configurations(quick), strict=True)))


def _code_hash() -> str:
    here = Path(__file__).parent
    return digest(*(here / f"{name}.py" for name in CODE))


CODE = (
    "eras",
    "event_table",
    "examples",
    "export",
    "item_to_item",
    "neighbour_lookup",
    "popularity",
    "proposals",
    "ranker",
    "ranking_training",
    "retrieval_training",
    "sequences",
    "served_models",
    "statistics",
    "train",
    "training",
    "two_tower",
    "vectors",
)
"""The files whose change makes other models of the same data."""
