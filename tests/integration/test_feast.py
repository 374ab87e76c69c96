"""Feast as the project uses it: point-in-time joins, S3, and a request path without registry and offline reads."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import redis
from moto.server import ThreadedMotoServer
from pyarrow import fs

from inference_graph.clients.feature_store import UserFeatures, open_feature_store
from inference_graph.clients.redis_connection import open_redis
from inference_graph.clients.user_events import UserEvents
from inference_graph.clients.users import Users
from inference_graph.errors import DependencyBadResponse, DependencyTimeout, DependencyUnavailable, InvalidConfiguration
from inference_graph.features import DAY_SECONDS, ITEM_FEATURES, USER_FEATURES
from inference_graph.snapshots import SnapshotStore
from inference_graph.storage import list_files
from inference_graph.types import Event
from inference_graph.workspace import Workspace
from rec_models.feature_repo import apply_feature_repo, local_registry, repo_folder
from rec_models.materialize import materialize
from rec_models.offline_store import point_in_time_features, refresh_offline
from rec_models.small_workspace import START, make_workspace
from rec_models.snapshot import publish_snapshot
from rec_models.stream import EventStream


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "small")


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A local S3 with an empty bucket, named by the environment as a user would."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    fs.S3FileSystem(endpoint_override=f"http://{host}:{port}", scheme="http", allow_bucket_creation=True).create_dir("recommender")
    yield "s3://recommender"
    server.stop()


def as_of(rows: pl.DataFrame, key: str, moments: pl.DataFrame) -> np.ndarray:  # type: ignore[type-arg]
    """The interaction counts by definition: how many events the row's entity had up to its moment."""
    counts = []
    for name, moment in moments.select(key, "event_timestamp").iter_rows():
        day_rows = rows.filter((pl.col(key) == name) & (pl.col("event_timestamp").dt.timestamp("us") <= moment * 1e6))
        counts.append(day_rows["interactions"][-1] if len(day_rows) else 0.0)
    return np.array(counts, np.float32)


@pytest.mark.parametrize("key", ["item_id", "user_id"])
def test_features_are_those_of_the_moment_in_the_order_of_the_rows(workspace: Workspace, key: str) -> None:
    rng = np.random.default_rng(1)
    names = [f"{key[0]}{n}" for n in rng.integers(0, 22, 500)]
    moments = pl.DataFrame({key: names, "event_timestamp": START + rng.uniform(-DAY_SECONDS, 16 * DAY_SECONDS, 500)})
    found = point_in_time_features(workspace, moments)
    assert found.shape == (500, len(ITEM_FEATURES if key == "item_id" else USER_FEATURES))
    assert found.dtype == np.float32
    view = "item_statistics" if key == "item_id" else "user_statistics"
    rows = pl.read_parquet(f"{workspace.offline}/{view}.parquet").sort("event_timestamp")
    np.testing.assert_array_equal(found[:, 0], as_of(rows, key, moments))
    assert (found[found[:, 0] == 0] == 0).all()


def test_a_second_before_an_event_nothing_of_it_is_seen(workspace: Workspace) -> None:
    asked = pl.DataFrame({"item_id": ["i0", "i0"], "event_timestamp": [START - 1, START]})
    assert point_in_time_features(workspace, asked)[:, 0].tolist() == [0.0, 1.0]


def test_no_rows_are_no_features_and_two_keys_are_an_error(workspace: Workspace) -> None:
    empty = pl.DataFrame(schema={"item_id": pl.String, "event_timestamp": pl.Float64})
    assert point_in_time_features(workspace, empty).shape == (0, len(ITEM_FEATURES))
    with pytest.raises(ValueError, match="exactly one"):
        point_in_time_features(workspace, pl.DataFrame({"item_id": ["a"], "user_id": ["b"], "event_timestamp": [0.0]}))


def test_registering_twice_leaves_the_registry_as_it_is_and_knows_the_data_sets_columns(workspace: Workspace) -> None:
    refresh_offline(workspace)
    apply_feature_repo(workspace)
    before = Path(workspace.registry).read_bytes()
    apply_feature_repo(workspace)
    assert Path(workspace.registry).read_bytes() == before
    assert b"brand" in before
    apply_feature_repo(workspace, ("item_attributes",))
    assert Path(workspace.registry).read_bytes() != before
    assert not [name for name in os.listdir(workspace.root) if name.startswith("registry.") and name != "registry.db"]


def test_a_registry_on_s3_is_written_there_and_read_from_there(
    workspace: Workspace, s3: str, monkeypatch: pytest.MonkeyPatch, redis_server: Any
) -> None:
    monkeypatch.setenv("FEATURE_REGISTRY", f"{s3}/features/registry.db")
    refresh_offline(workspace)
    apply_feature_repo(workspace)
    store = open_feature_store(workspace.registry, workspace.feature_project, redis_server.url)
    assert [service.name for service in store.list_feature_services()]
    local_registry(workspace).unlink()
    apply_feature_repo(workspace)
    assert local_registry(workspace).exists()
    with pytest.raises(InvalidConfiguration, match="is not there"):
        open_feature_store(f"{s3}/features/none.db", workspace.feature_project, redis_server.url)


def test_feasts_own_command_line_reads_the_same_definitions(workspace: Workspace) -> None:
    refresh_offline(workspace)
    variables = {
        "FEATURE_PROJECT": "by_hand",
        "FEATURE_REGISTRY": str(workspace.root / "by_hand.db"),
        "FEATURE_OFFLINE_TYPE": "duckdb",
        "FEATURE_REDIS": "127.0.0.1:6379",
        "OFFLINE_STORE": workspace.offline,
    }
    feast = [str(Path(sys.executable).parent / "feast"), "apply", "--skip-source-validation"]
    done = subprocess.run(feast, cwd=repo_folder(), env={**os.environ, **variables}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"catalogue_v1" in (workspace.root / "by_hand.db").read_bytes()


def test_the_offline_store_and_snapshots_work_on_s3(workspace, s3, redis_server, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    moments = pl.DataFrame({"item_id": [f"i{n}" for n in range(20)], "event_timestamp": [START + n * 40_000.0 for n in range(20)]})
    locally = point_in_time_features(workspace, moments)
    monkeypatch.setenv("OFFLINE_STORE", f"{s3}/offline")
    monkeypatch.setenv("SNAPSHOT_STORE", f"{s3}/snapshots")
    assert materialize(workspace, redis_server.url).online == {"user_statistics": 4}
    np.testing.assert_array_equal(point_in_time_features(workspace, moments), locally)
    assert f"{s3}/offline/events/base.parquet" in list_files(f"{s3}/offline", ".parquet")
    published = publish_snapshot(workspace, lambda _: False)
    reader = SnapshotStore(workspace.snapshots, workspace.root / "reader")
    assert reader.current() == published.name
    assert len(reader.open(published.name)) == 20


def test_events_are_moved_to_s3(workspace, s3, redis_server) -> None:  # type: ignore[no-untyped-def]
    with redis.Redis.from_url(redis_server.url) as client:
        event = {"user_id": "u", "item_id": "i", "type": "view", "value": None, "timestamp": START, "identity": "x"}
        client.xadd("{p}:events", {"event": json.dumps(event)})
        assert EventStream(client, "p", f"{s3}/offline").move().events == 1
        assert EventStream(client, "p", f"{s3}/offline").move().events == 0
    assert len([name for name in list_files(f"{s3}/offline/events", ".parquet") if "/day=2020-09-13/" in name]) == 1


def remove_registry_and_offline_files(workspace: Workspace) -> None:
    Path(workspace.registry).unlink()
    for file in Path(workspace.offline).rglob("*.parquet"):
        file.unlink()


async def test_requests_read_neither_the_registry_nor_the_offline_store(workspace, redis_server) -> None:  # type: ignore[no-untyped-def]
    await asyncio.to_thread(materialize, workspace, redis_server.url)
    store = UserFeatures(open_feature_store(workspace.registry, workspace.feature_project, redis_server.url))
    asked = pl.DataFrame({"user_id": ["u1"], "event_timestamp": [START + 1e9]})
    expected = await asyncio.to_thread(point_in_time_features, workspace, asked)
    remove_registry_and_offline_files(workspace)
    for _ in range(3):
        np.testing.assert_allclose(await store.read("u1"), expected[0], rtol=1e-6)
    assert await store.read("nobody") is None
    await store.close()


def test_the_transformer_loads_no_other_stores_and_keeps_its_metrics_in_one_process(workspace, redis_server) -> None:  # type: ignore[no-untyped-def]
    materialize(workspace, redis_server.url)
    code = f"""
import asyncio, os, sys
sys.modules["duckdb"] = sys.modules["ibis"] = None
from inference_graph.clients.feature_store import UserFeatures, open_feature_store
store = UserFeatures(open_feature_store({workspace.registry!r}, {workspace.feature_project!r}, {redis_server.url!r}))
print((asyncio.run(store.read("u1")))[0], "PROMETHEUS_MULTIPROC_DIR" in os.environ)
print(*sorted({{"dask", "scipy", "boto3", "aiobotocore"}} & set(sys.modules)))
"""
    environment = {name: value for name, value in os.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["15.0", "False"], done.stderr


async def test_columns_of_items_are_read_as_numbers_and_text(workspace, redis_server) -> None:  # type: ignore[no-untyped-def]
    await asyncio.to_thread(materialize, workspace, redis_server.url, ("item_attributes", "item_statistics"))
    store = UserFeatures(open_feature_store(workspace.registry, workspace.feature_project, redis_server.url))
    columns = ["item_attributes:year", "item_attributes:brand", "item_statistics:interactions"]
    found = await store.read_items(["i2", "i3", "i12", "nothing"], columns)
    np.testing.assert_array_equal(found["year"], [1992.0, np.nan, 2002.0, np.nan])
    assert found["brand"].tolist() == ["acme", "acme", "", ""]
    np.testing.assert_array_equal(found["interactions"], [4.0, 4.0, 3.0, np.nan])
    assert (await store.read_items([], columns))["year"].shape == (0,)
    await store.close()


def test_a_registry_that_is_not_there_or_of_another_project_is_named(workspace: Workspace) -> None:
    with pytest.raises(InvalidConfiguration, match="materialize"):
        open_feature_store(workspace.registry, "small", "redis://127.0.0.1:1")
    refresh_offline(workspace)
    apply_feature_repo(workspace)
    with pytest.raises(InvalidConfiguration, match="other"):
        open_feature_store(workspace.registry, "other", "redis://127.0.0.1:1")


async def test_a_dead_and_a_silent_redis_are_named_and_bounded(workspace: Workspace) -> None:
    await asyncio.to_thread(refresh_offline, workspace)
    await asyncio.to_thread(apply_feature_repo, workspace)

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(never_answer, "127.0.0.1", 0)
    for port, error in [(1, DependencyUnavailable), (silent.sockets[0].getsockname()[1], DependencyTimeout)]:
        url = f"redis://127.0.0.1:{port}"
        store = UserFeatures(open_feature_store(workspace.registry, workspace.feature_project, url, timeout=0.1))
        before = asyncio.get_running_loop().time()
        with pytest.raises(error):
            await store.read("u1")
        assert asyncio.get_running_loop().time() - before < 1.0
        await store.close()
    silent.close()
    await silent.wait_closed()


async def test_a_users_row_is_what_feast_answers_and_a_wrong_one_spares_the_history(workspace: Workspace, redis_server: Any) -> None:
    await asyncio.to_thread(materialize, workspace, redis_server.url)
    store = open_feature_store(workspace.registry, workspace.feature_project, redis_server.url, timeout=5.0)
    features, events = UserFeatures(store), UserEvents(open_redis(redis_server.url, timeout=5.0), "p")
    await events.write([Event("u1", "i1", "view", START)])
    users = Users(events, features)
    asked = [f"user_statistics:{feature.name}" for feature in USER_FEATURES]
    for user_id in ("u1", "u2", "nobody"):
        theirs = (await asyncio.to_thread(store.get_online_features, asked, [{"user_id": user_id}])).to_dict()
        found = await users.read(user_id)
        expected = [theirs[feature.name][0] for feature in USER_FEATURES]
        assert found.features_error is None
        assert found.features is None if expected[0] is None else found.features.tolist() == np.array(expected, np.float32).tolist()
    ((_, key, *fields),) = features.commands("u1")
    with redis.Redis.from_url(redis_server.url) as client:
        client.hset(key, fields[0], b"\xff\xff\xff")
        broken = await users.read("u1")
        client.delete(key)
        client.set(key, "of another type")
        mistyped = await users.read("u1")
    for found in (broken, mistyped):
        assert isinstance(found.features_error, DependencyBadResponse)
        assert found.stored.events.item_ids == ("i1",)
    await events.close()
    await features.close()
