"""Builds the catalogue snapshot from Feast's item views, and publishes it."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from inference_graph.catalogue import Attribute, CatalogueArrays, write_snapshot
from inference_graph.clients.vector_format import FLAT_ITEMS
from inference_graph.features import ITEM_FEATURES
from inference_graph.snapshots import SnapshotStore
from inference_graph.workspace import Workspace
from rec_models.data.dataset import Dataset, load_dataset
from rec_models.embeddings import Ask, Endpoint, embed
from rec_models.events import COLUMNS, all_events
from rec_models.feature_repo import apply_feature_repo, historical, open_store
from rec_models.item_to_item import ItemToItem, transitions
from rec_models.offline_store import contract_matrix, refresh_offline
from rec_models.popularity import popular_segments, popularity
from rec_models.progress import progress_bar
from rec_models.sequences import sequences_of
from rec_models.vectors import DIMENSIONS, local_vectors, shortened, unit_length

STATISTICS, ATTRIBUTES = "item_statistics__", "item_attributes__"


@dataclass(frozen=True)
class Published:
    name: str
    items: int


def publish_snapshot(workspace: Workspace, agree: Callable[[str], bool]) -> Published:
    """Builds a snapshot as of the newest event, and makes it the current one.

    The same data gives the same name. `agree` is asked before embeddings are bought (rec_models.embeddings).
    """
    refresh_offline(workspace)
    apply_feature_repo(workspace)
    dataset = load_dataset(workspace.data)
    events = all_events(workspace)
    newest = float(events["timestamp"].max())  # type: ignore[arg-type]
    items = item_views(workspace, dataset.items["item_id"], newest)
    categories, arrays = _arrays(dataset, events, items, searchable(item_vectors(workspace, dataset, agree)))
    store = SnapshotStore(workspace.snapshots, workspace.cache / "snapshots")
    folder = write_snapshot(
        store.staging,
        arrays,
        categories=categories,
        attributes={name: _attribute(items[ATTRIBUTES + name]) for name in dataset.description.columns},
        newest_event=newest,
        created=time.time(),
    )
    # The snapshot that transformers are pinned to is kept, however old.
    store.publish(folder, frozenset(filter(None, [os.environ.get("SNAPSHOT_PIN")])))
    return Published(folder.name, len(items))


def publish_once(workspace: Workspace, run: str, agree: Callable[[str], bool]) -> Published:
    """The same, unless a run of that name has published before: then what is current by now stays so."""
    store = SnapshotStore(workspace.snapshots, workspace.cache / "snapshots")
    if store.has_published(run):
        current = store.open(store.current())
        return Published(current.name, len(current))
    published = publish_snapshot(workspace, agree)
    store.note_run(run, published.name)
    return published


def item_views(workspace: Workspace, item_ids: pl.Series, moment: float) -> pl.DataFrame:
    """Feast's service catalogue_v1 for the items as of a moment, in one retrieval; one row per item, in their order."""
    when = datetime.fromtimestamp(math.ceil(moment), UTC)
    asked = pl.DataFrame({"item_id": item_ids}).with_columns(event_timestamp=pl.lit(when, pl.Datetime("us", "UTC")))
    found = historical(open_store(workspace), "catalogue_v1", asked, full_names=True)
    return asked.select("item_id").join(found, on="item_id", how="left", maintain_order="left")


def item_vectors(workspace: Workspace, dataset: Dataset, agree: Callable[[str], bool], ask: Ask | None = None) -> NDArray[np.float16]:
    """float16 [N, D] of unit length or zero: from the configured endpoint, by default made here."""
    endpoint = Endpoint.from_environment()
    if endpoint is None:
        return local_vectors(dataset.items, dataset.description.columns).astype(np.float16)
    with progress_bar() as progress:
        task = progress.add_task(f"embedding by {endpoint.model}", total=None)
        vectors = embed(
            dataset.items["text"].to_list(),
            endpoint,
            workspace.cache / "embeddings.sqlite",
            agree,
            lambda done, total: progress.update(task, completed=done, total=total),
            ask,
        )
    return unit_length(vectors).astype(np.float16)


def searchable(vectors: NDArray[np.float16], large: int = FLAT_ITEMS) -> NDArray[np.float16]:
    """The vectors that are searched: those of a catalogue too large for the exact search are shortened to DIMENSIONS numbers.

    What is looked for and what is searched are rows of the same snapshot, so that no projection has to be kept anywhere.
    """
    if len(vectors) <= large or vectors.shape[1] <= DIMENSIONS:
        return vectors
    return unit_length(shortened(vectors.astype(np.float32), DIMENSIONS)).astype(np.float16)


def _arrays(dataset: Dataset, events: pl.DataFrame, items: pl.DataFrame, vectors: NDArray[np.float16]) -> tuple[list[str], CatalogueArrays]:
    features = contract_matrix(items, ITEM_FEATURES, STATISTICS)
    lists = items[ATTRIBUTES + "categories"].fill_null([]).to_list()
    categories = sorted({name for own in lists for name in own})
    number = {name: i for i, name in enumerate(categories)}
    category_ids = np.array([number[name] for own in lists for name in own], np.int32)
    category_offsets = _offsets([len(own) for own in lists])
    titles = [(title or "").encode() for title in items[ATTRIBUTES + "title"]]
    popular_offsets, popular_rows = popular_segments(popularity(features), category_offsets, category_ids, len(categories))
    known = events.select(COLUMNS).join(dataset.items.select("item_id"), on="item_id", how="semi", maintain_order="left")
    neighbours = transitions(sequences_of(replace(dataset, interactions=known)), ItemToItem())
    return categories, CatalogueArrays(
        item_ids=np.array([item_id.encode() for item_id in items["item_id"]], np.bytes_),
        features=features,
        category_offsets=category_offsets,
        category_ids=category_ids,
        title_offsets=_offsets([len(title) for title in titles]),
        title_bytes=np.frombuffer(b"".join(titles), np.uint8),
        popular_offsets=popular_offsets,
        popular_rows=popular_rows,
        next_rows=neighbours.rows,
        next_scores=neighbours.scores,
        vectors=vectors,
    )


def _offsets(lengths: list[int]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)


def _attribute(column: pl.Series) -> Attribute:
    """Numbers as float64 with NaN where unknown; text as codes into its sorted words, -1 where unknown."""
    if column.dtype.is_numeric():
        return Attribute(column.cast(pl.Float64).fill_null(float("nan")).to_numpy())
    words = sorted(column.drop_nulls().unique().to_list())
    code = {word: i for i, word in enumerate(words)}
    return Attribute(np.array([code.get(word, -1) for word in column], np.int32), tuple(words))
