"""The step `train`: reads the prepared data, trains both models and publishes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from inference_graph.workspace import Workspace
from rec_models.data.dataset import Dataset, load_dataset
from rec_models.events import COLUMNS, all_events
from rec_models.joined_features import JoinedFeatures
from rec_models.offline_store import refresh_offline
from rec_models.publishing import publish_models
from rec_models.sequences import sequences_of
from rec_models.snapshot import item_vectors
from rec_models.trained import configurations, mark_trained
from rec_models.training import Given, Phase, train_models
from rec_models.vectors import shortened
from rec_models.written_examples import write_examples


@dataclass(frozen=True)
class Published:
    versions: Mapping[str, int]
    metrics: Mapping[str, float]


def train(workspace: Workspace, quick: bool, agree: Callable[[str], bool], phase: Phase, examples: Path | None = None) -> Published:
    """Trains and publishes the next version of both models. `agree` is asked before embeddings are bought.

    `examples`: where to write what the ranker was taught (rec_models.written_examples).
    """
    with phase("data"):
        given, dataset = given_of(workspace, quick, agree)
    trained = train_models(given, phase)
    with phase("export"):
        facts = {"data": dataset.description.name, "data_hash": dataset.description.hash, "ties": dataset.description.ties}
        folders = publish_models(workspace.models, dataset.items["item_id"].to_list(), given, trained, facts)
    if examples is not None and trained.requests is not None:
        write_examples(examples, trained.requests)
    mark_trained(workspace, quick)
    return Published({name: int(folder.name) for name, folder in folders.items()}, trained.metrics)


def given_of(workspace: Workspace, quick: bool, agree: Callable[[str], bool]) -> tuple[Given, Dataset]:
    refresh_offline(workspace)
    prepared = load_dataset(workspace.data)
    events, items = all_events(workspace).select(COLUMNS), prepared.items.select("item_id")
    known = events.join(items, on="item_id", how="semi", maintain_order="left")
    dataset = replace(prepared, interactions=known)
    sequences = sequences_of(dataset)
    retrieval, ranking = configurations(quick)
    content = shortened(item_vectors(workspace, dataset, agree).astype(np.float32), retrieval.content_dimensions)
    features_at = JoinedFeatures(workspace, dataset.items["item_id"], pl.Series(sequences.user_ids.tolist(), dtype=pl.String))
    return Given(sequences, content, prepared.description.seen, features_at, retrieval, ranking), dataset
