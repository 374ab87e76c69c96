"""A process that was served from S3 before starts from its own disk when S3 is gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer
from pyarrow import fs

from inference_graph.catalogue import write_snapshot
from inference_graph.serving.catalogue_feed import CatalogueFeed
from inference_graph.snapshots import SnapshotStore
from inference_graph.testing import make_arrays


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedMotoServer]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in {"AWS_ENDPOINT_URL": f"http://{host}:{port}", **keys}.items():
        monkeypatch.setenv(name, value)
    fs.S3FileSystem(endpoint_override=f"http://{host}:{port}", scheme="http", allow_bucket_creation=True).create_dir("shop")
    yield server
    server.stop()


async def test_the_snapshot_that_was_opened_last_is_served_while_the_store_is_gone(server: ThreadedMotoServer, tmp_path: Path) -> None:
    store = SnapshotStore("s3://shop/snapshots", tmp_path / "cache")
    assert store.last_opened() is None
    folder = write_snapshot(tmp_path, make_arrays(["a", "b"]), categories=[], attributes={}, newest_event=1.0, created=1.0)
    store.publish(folder)
    before = CatalogueFeed(store)
    await before.look()
    assert before.catalogue is not None
    assert store.last_opened() == folder.name
    server.stop()
    after = CatalogueFeed(SnapshotStore("s3://shop/snapshots", tmp_path / "cache"))
    await after.look()
    assert after.catalogue is not None
    assert after.catalogue.name == folder.name
    assert SnapshotStore(str(tmp_path), tmp_path / "cache").last_opened() is None
