"""The step `train`: reads the prepared data, trains both models and publishes them, unless nothing has changed since."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from inference_graph.steps import digest, is_done, mark_done
from inference_graph.workspace import Workspace
from rec_models.configuration import CONFIGS, Ranking, Retrieval, read_configuration
from rec_models.data.dataset import Dataset, load_dataset
from rec_models.events import COLUMNS, all_events
from rec_models.export import versions
from rec_models.joined_features import JoinedFeatures
from rec_models.offline_store import refresh_offline
from rec_models.publishing import publish_models
from rec_models.sequences import sequences_of
from rec_models.snapshot import item_vectors
from rec_models.training import Given, Phase, train_models

STEP = "train"
NAMES = ("retrieval", "ranking")
QUICK = {"epochs": 1.0}


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
        facts = {"data": dataset.description.name, "data_hash": dataset.description.hash, "ties": dataset.description.ties}
        folders = publish_models(workspace.models, dataset.items["item_id"].to_list(), given, trained, facts)
    mark_done(workspace, STEP, inputs)
    return Published({name: int(folder.name) for name, folder in folders.items()}, trained.metrics, True)


def _given(workspace: Workspace, quick: bool, agree: Callable[[str], bool]) -> tuple[Given, Dataset]:
    refresh_offline(workspace)
    prepared = load_dataset(workspace.data)
    events, items = all_events(workspace).select(COLUMNS), prepared.items.select("item_id")
    known = events.join(items, on="item_id", how="semi", maintain_order="left")
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
    fewer = {"cuts": ranking.cuts[-1:], "requests": ranking.requests // 10}
    return retrieval.model_copy(update=QUICK), ranking.model_copy(update={**QUICK, **fewer})


def _content(vectors: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """Long vectors shortened to their `most` strongest directions."""
    if vectors.shape[1] <= most:
        return vectors
    from sklearn.decomposition import TruncatedSVD

    return np.asarray(TruncatedSVD(most, random_state=0).fit_transform(vectors), np.float32)


def _settings_hash(quick: bool) -> str:
    return digest(str(quick), *(settings.model_dump_json() for settings in configurations(quick)))


def _code_hash() -> str:
    here = Path(__file__).parent
    return digest(*(here / f"{name}.py" for name in CODE))


CODE = (
    "calibration",
    "eras",
    "event_table",
    "examples",
    "export",
    "item_to_item",
    "neighbour_lookup",
    "popularity",
    "proposals",
    "publishing",
    "ranker",
    "ranker_signals",
    "ranking_request",
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
