"""A snapshot says of every item what Feast says: offline and online."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import redis

from inference_graph.catalogue import Catalogue
from inference_graph.clients.feature_store import UserFeatures, open_feature_store
from inference_graph.features import ITEM_FEATURES
from inference_graph.snapshots import SnapshotStore
from inference_graph.workspace import Workspace
from rec_models.materialize import materialize
from rec_models.offline_store import point_in_time_features
from rec_models.small_workspace import START, make_workspace
from rec_models.snapshot import Published, publish_once, publish_snapshot


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    rng = np.random.default_rng(3)
    ratings = [
        (f"u{rng.integers(200)}", f"i{min(int(rng.exponential(250)), 1_099)}", START + n * 500.0, float(rng.integers(1, 6)))
        for n in range(6_000)
    ]
    return make_workspace(tmp_path / "shop", ratings, items=1_100)


def publish(workspace: Workspace) -> Published:
    return publish_snapshot(workspace, lambda _: pytest.fail("local vectors cost nothing"))


def opened(workspace: Workspace) -> Catalogue:
    store = SnapshotStore(workspace.snapshots, workspace.cache)
    return store.open(store.current())


def test_a_thousand_rows_equal_what_feast_says_offline_and_online(workspace, redis_server) -> None:  # type: ignore[no-untyped-def]
    publish(workspace)
    catalogue = opened(workspace)
    ids = [catalogue.item_id(row) for row in range(1_000)]
    asked = pl.DataFrame({"item_id": ids, "event_timestamp": catalogue.newest_event})
    np.testing.assert_array_equal(catalogue.arrays.features[:1_000], point_in_time_features(workspace, asked))

    materialize(workspace, redis_server.url, ("item_statistics", "item_attributes"))
    columns = [f"item_statistics:{feature.name}" for feature in ITEM_FEATURES] + ["item_attributes:year", "item_attributes:title"]

    async def read() -> dict[str, np.ndarray]:  # type: ignore[type-arg]
        store = UserFeatures(open_feature_store(workspace.registry, workspace.feature_project, redis_server.url, timeout=5.0))
        found = dict(await store.read_items(ids, columns))
        await store.close()
        return found

    online = asyncio.run(read())
    for column, feature in enumerate(ITEM_FEATURES):
        np.testing.assert_allclose(catalogue.arrays.features[:1_000, column], np.nan_to_num(online[feature.name]), rtol=1e-6)
    np.testing.assert_array_equal(catalogue.attributes["year"].values[:1_000], online["year"])
    assert catalogue.titles(np.arange(1_000, dtype=np.int32)) == online["title"].tolist()


def test_titles_categories_attributes_and_vectors_are_those_of_the_items(workspace: Workspace) -> None:
    publish(workspace)
    catalogue = opened(workspace)
    rows = catalogue.rows_of(["i0", "i1", "i3", "i12", "nothing"])
    assert rows[-1] == -1
    assert catalogue.titles(rows[:4]) == ["Item 0 é", "Item 1 é", "Item 3 é", "Item 12 é"]
    assert [set(catalogue.categories_of(row)) for row in rows[:4]] == [{"all", "even"}, set(), {"odd"}, {"all", "even"}]
    brand = catalogue.attributes["brand"]
    assert brand.words == ("acme",)
    assert brand.values[rows[:4]].tolist() == [0, 0, 0, -1]
    np.testing.assert_array_equal(catalogue.attributes["year"].values[rows[:4]], [1990.0, 1991.0, np.nan, 2002.0])
    np.testing.assert_allclose(np.linalg.norm(catalogue.arrays.vectors.astype(np.float32), axis=1), 1.0, atol=1e-2)
    assert catalogue.popular("odd")[0] in catalogue.popular()[:5]
    assert (catalogue.arrays.next_rows >= 0).any()


def test_the_same_data_gives_the_same_snapshot_and_new_data_another(workspace, redis_server) -> None:  # type: ignore[no-untyped-def]
    first = publish(workspace)
    assert (first.items, publish(workspace).name) == (1_100, first.name)
    with redis.Redis.from_url(redis_server.url) as client:
        event = '{"user_id": "u1", "item_id": "i5", "type": "rating", "value": 5, "timestamp": 1.7e9, "identity": "x"}'
        client.xadd(f"{{{workspace.redis_prefix}}}:events", {"event": event})
    materialize(workspace, redis_server.url)
    assert publish(workspace).name != first.name
    assert opened(workspace).newest_event == 1.7e9


def test_a_run_that_is_brought_back_leaves_the_pointer_where_later_ones_moved_it(workspace, redis_server) -> None:  # type: ignore[no-untyped-def]
    first = publish_once(workspace, "a", lambda _: False)
    assert opened(workspace).name == first.name
    with redis.Redis.from_url(redis_server.url) as client:
        event = '{"user_id": "u1", "item_id": "i5", "type": "rating", "value": 5, "timestamp": 1.7e9, "identity": "x"}'
        client.xadd(f"{{{workspace.redis_prefix}}}:events", {"event": event})
    materialize(workspace, redis_server.url)
    assert publish_once(workspace, "a", lambda _: False) == first
    second = publish_once(workspace, "b", lambda _: False)
    assert second.name != first.name
    assert publish_once(workspace, "a", lambda _: False) == second
    assert opened(workspace).name == second.name
