"""Fills the vector index in Redis from the published snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

import redis

from inference_graph.clients.vector_index_build import build_index
from inference_graph.snapshots import SnapshotStore
from inference_graph.workspace import Workspace
from rec_models.progress import progress_bar


@dataclass(frozen=True)
class Indexed:
    """`width` is HNSW's EF_RUNTIME, 0 for an exact index; `recall_by_width` what was found of the exact nearest hundred."""

    name: str
    added: int
    width: int
    recall_by_width: Mapping[int, float]


def index_snapshot(workspace: Workspace, redis_url: str) -> Indexed:
    """Indexes the current snapshot's content vectors; adds nothing where they are indexed already."""
    store = SnapshotStore(workspace.snapshots, workspace.cache / "snapshots")
    arrays = store.open(store.current()).arrays
    added = 0
    client = redis.Redis.from_url(redis_url, socket_timeout=30.0, socket_connect_timeout=5.0)
    with closing(client), progress_bar() as progress:
        task = progress.add_task("indexing vectors", total=len(arrays.item_ids))

        def count(items: int) -> None:
            nonlocal added
            added += items
            progress.advance(task, items)

        built = build_index(client, workspace.redis_prefix, arrays.item_ids, arrays.vectors, count)
    return Indexed(built.live.index, added, built.live.width, built.recall.by_width if built.recall else {})
