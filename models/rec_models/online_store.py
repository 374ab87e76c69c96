"""Writes the newest row of each user (or item) to Feast's online store: only the rows that changed."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from pathlib import Path

import polars as pl
import redis
from feast import FeatureStore
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value

from inference_graph.clients.redis_connection import redis_errors
from inference_graph.workspace import Workspace
from rec_models.offline_store import view_file
from rec_models.parquet_files import read_frame, write_frame

BATCH = 5_000


def write_online(
    workspace: Workspace,
    store: FeatureStore,
    client: redis.Redis,
    view: str,
    begin: Callable[[int], None] = lambda _: None,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Brings one view's newest rows to the online store and returns how many were written or removed.

    What was written last is remembered beside the workspace and named in Redis: another or an emptied Redis gets all rows.
    Feast's own incremental materialization goes by time and would miss a row whose values changed at an old timestamp.
    """
    key = store.get_feature_view(view).join_keys[0]
    newest = read_frame(view_file(workspace, view)).sort("event_timestamp").group_by(key, maintain_order=True).last()
    marker = f"{{{workspace.redis_prefix}}}:online:{view}"
    with redis_errors("writing features"):
        last = _last_written(workspace, client, view, marker)
        changed = newest if last is None else newest.join(last, on=newest.columns, how="anti", nulls_equal=True)
        vanished = [] if last is None else last.join(newest, on=key, how="anti")[key].to_list()
        begin(len(changed))
        if len(changed) or vanished or last is None:
            # A write that is cut short must not pass for the last complete one.
            client.delete(marker)
            for part in changed.iter_slices(BATCH):
                store.write_to_online_store(view, part.to_pandas())
                progress(len(part))
            _remove(store, client, key, vanished)
            _remember(workspace, client, view, marker, newest)
    return len(changed) + len(vanished)


def _last_written(workspace: Workspace, client: redis.Redis, view: str, marker: str) -> pl.DataFrame | None:
    name = client.get(marker)
    file = _folder(workspace) / f"{view}-{name.decode()}.parquet" if isinstance(name, bytes) else None
    return read_frame(str(file)) if file is not None and file.exists() else None


def _remember(workspace: Workspace, client: redis.Redis, view: str, marker: str, written: pl.DataFrame) -> None:
    name = uuid.uuid4().hex
    write_frame(written, str(_folder(workspace) / f"{view}-{name}.parquet"))
    client.set(marker, name)
    for file in _folder(workspace).glob(f"{view}-*.parquet"):
        if file.stem != f"{view}-{name}":
            file.unlink()


def _folder(workspace: Workspace) -> Path:
    """Per project and prefix, so that workspaces that share a folder do not mistake each other's."""
    digest = hashlib.sha256(f"{workspace.feature_project}|{workspace.redis_prefix}".encode()).hexdigest()[:8]
    return workspace.root / "online" / digest


def _remove(store: FeatureStore, client: redis.Redis, key: str, ids: list[str]) -> None:
    for start in range(0, len(ids), BATCH):
        keys = [EntityKey(join_keys=[key], entity_values=[Value(string_val=name)]) for name in ids[start : start + BATCH]]
        version = store.config.entity_key_serialization_version
        client.unlink(*(serialize_entity_key(k, version) + store.project.encode() for k in keys))
