"""An erased user's features are gone from Feast's online store too, and nobody else's."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from inference_graph.clients.feature_store import UserFeatures, open_feature_store
from inference_graph.features import USER_FEATURES


def register(folder: Path, url: str) -> str:
    """A registry with the users' features alone, and the rows of two users online."""
    from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
    from feast.types import Float32

    names = [feature.name for feature in USER_FEATURES]
    rows = pd.DataFrame({"user_id": ["1", "2"], "event_timestamp": datetime(2020, 1, 1, tzinfo=UTC)})
    rows[names] = np.arange(2 * len(names), dtype=np.float32).reshape(2, -1)
    pq.write_table(pa.Table.from_pandas(rows), folder / "user_statistics.parquet")
    registry = str(folder / "registry.db")
    online = {"type": "redis", "connection_string": url.removeprefix("redis://")}
    store = FeatureStore(
        config=RepoConfig(project="shop", provider="local", registry=registry, online_store=online, entity_key_serialization_version=3)
    )
    user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.STRING)
    source = FileSource(path=str(folder / "user_statistics.parquet"), timestamp_field="event_timestamp")
    view = FeatureView(name="user_statistics", entities=[user], schema=[Field(name=name, dtype=Float32) for name in names], source=source)
    store.apply([user, view, FeatureService(name="user_features_v1", features=[view])])
    store.write_to_online_store("user_statistics", rows)
    return registry


async def test_erasing_a_user_removes_that_users_features_only(redis_server: Any, tmp_path: Path) -> None:
    registry = register(tmp_path, redis_server.url)
    features = UserFeatures(open_feature_store(registry, "shop", redis_server.url))
    first, second = await features.read("1"), await features.read("2")
    assert first is not None
    assert second is not None
    assert second.tolist() == [6, 7, 8, 9, 10, 11]
    await features.erase("1")
    await features.erase("nobody")
    assert await features.read("1") is None
    again = await features.read("2")
    assert again is not None
    assert again.tolist() == second.tolist()
    await features.close()
