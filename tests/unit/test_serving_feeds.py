"""The feeds refuse what must not be served, and readiness latches."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from prometheus_client import REGISTRY

from inference_graph.catalogue import Catalogue
from inference_graph.errors import DependencyTimeout, DependencyUnavailable, InvalidConfiguration, InvalidSnapshot
from inference_graph.graph import default_graph
from inference_graph.serving import catalogue_feed
from inference_graph.serving.catalogue_feed import CatalogueFeed
from inference_graph.serving.gauges import VersionsSeen, watch_catalogue
from inference_graph.serving.graph_feed import GraphFeed
from inference_graph.serving.readiness import Probe, Readiness
from inference_graph.snapshots import SnapshotStore
from inference_graph.testing import FakeClients, make_catalogue


@dataclass(frozen=True)
class FakeStore(SnapshotStore):
    """Snapshots by name in memory; a name that is not there is a broken one."""

    uri: str = ""
    cache: Path = Path()
    pointer: list[str] = field(default_factory=list)
    snapshots: dict[str, Catalogue] = field(default_factory=dict)
    opened: list[str] = field(default_factory=list)
    fault: list[Exception] = field(default_factory=list)
    on_disk: list[str] = field(default_factory=list)
    silent: threading.Event | None = None
    readings: list[int] = field(default_factory=list)

    def last_opened(self) -> str | None:
        return self.on_disk[-1] if self.on_disk else None

    def current(self) -> str:
        self.readings.append(1)
        if self.silent is not None:
            self.silent.wait(30)
        if self.fault:
            raise self.fault[-1]
        if not self.pointer:
            raise InvalidSnapshot("no snapshot is published")
        return self.pointer[-1]

    def open(self, name: str) -> Catalogue:
        self.opened.append(name)
        if name not in self.snapshots:
            raise InvalidSnapshot(f"{name}: truncated")
        return self.snapshots[name]

    def publish_as(self, name: str, columns: int = 6) -> None:
        catalogue = make_catalogue(["1", "2"])
        object.__setattr__(catalogue, "name", name)
        object.__setattr__(catalogue.arrays, "features", np.zeros((2, columns), np.float32))
        self.snapshots[name] = catalogue
        self.pointer.append(name)


def named(feed: CatalogueFeed) -> str | None:
    return feed.catalogue.name if feed.catalogue is not None else None


async def test_the_pointer_is_followed_and_the_same_snapshot_is_opened_once() -> None:
    store = FakeStore()
    feed = CatalogueFeed(store)
    await feed.look()
    assert named(feed) is None
    for name in ("a", "b"):
        store.publish_as(name)
        await feed.look()
        await feed.look()
        assert named(feed) == name
    assert store.opened == ["a", "b"]


async def test_without_the_store_a_process_starts_from_its_disk_and_follows_the_pointer_later() -> None:
    store = FakeStore(fault=[OSError("no route to the store")], on_disk=["a"])
    store.publish_as("a")
    store.publish_as("b")
    feed = CatalogueFeed(store)
    await feed.look()
    await feed.look()
    assert (named(feed), store.opened) == ("a", ["a"])
    store.fault.clear()
    await feed.look()
    assert named(feed) == "b"


async def test_a_store_that_swallows_requests_holds_one_thread_and_not_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_feed, "POINTER_SECONDS", 0.05)
    silence = threading.Event()
    store = FakeStore(silent=silence, on_disk=["a"])
    store.publish_as("a")
    store.publish_as("b")
    feed = CatalogueFeed(store)
    for _ in range(3):
        await feed.look()
    assert (named(feed), len(store.readings)) == ("a", 1)
    silence.set()
    await feed.look()
    assert named(feed) == "b"


async def test_a_spoilt_snapshot_on_the_disk_is_refused_and_the_store_awaited() -> None:
    store = FakeStore(fault=[OSError("no route to the store")], on_disk=["spoilt"])
    feed = CatalogueFeed(store)
    await feed.look()
    assert named(feed) is None
    store.fault.clear()
    store.publish_as("a")
    await feed.look()
    assert named(feed) == "a"


async def test_a_pinned_snapshot_is_stayed_with() -> None:
    store = FakeStore()
    store.publish_as("a")
    store.publish_as("b")
    feed = CatalogueFeed(store, pin="a")
    await feed.look()
    assert named(feed) == "a"


async def test_a_broken_snapshot_is_refused_with_one_line_and_the_last_good_one_stays(caplog: pytest.LogCaptureFixture) -> None:
    store = FakeStore()
    store.publish_as("a")
    feed = CatalogueFeed(store)
    await feed.look()
    store.pointer.append("broken")
    for _ in range(5):
        await feed.look()
    assert (named(feed), store.opened) == ("a", ["a", "broken"])
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert line == "snapshot broken is refused: broken: truncated; a stays in use"


async def test_a_refused_snapshot_is_looked_at_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_feed, "REFUSED_SECONDS", 0.0)
    store = FakeStore()
    store.pointer.append("late")
    feed = CatalogueFeed(store)
    await feed.look()
    store.publish_as("late")
    await feed.look()
    assert named(feed) == "late"


async def test_a_store_that_fails_in_any_way_leaves_the_feed_alive_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    store = FakeStore()
    store.publish_as("a")
    feed = CatalogueFeed(store)
    await feed.look()
    store.fault.append(OSError("the bucket is gone"))
    for _ in range(3):
        await feed.look()
    assert named(feed) == "a"
    assert [r.getMessage() for r in caplog.records if "bucket" in r.getMessage()] == [
        "no new snapshot: OSError: the bucket is gone; a stays in use"
    ]


async def test_a_snapshot_without_the_columns_of_the_ranking_model_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    async def seven() -> int:
        return 7

    store = FakeStore()
    store.publish_as("narrow", columns=6)
    feed = CatalogueFeed(store, columns_needed=seven)
    await feed.look()
    assert named(feed) is None
    assert "6 feature columns, expected at least the 7 that the ranking model takes" in caplog.text
    store.publish_as("wide", columns=8)
    await feed.look()
    assert named(feed) == "wide"


async def test_a_process_that_begins_with_a_broken_graph_says_why_and_takes_up_the_mended_one(tmp_path: Path) -> None:
    path = tmp_path / "graph.yaml"
    good = default_graph("ratings", {"mode": "ever"}, "wall")
    path.write_text(good + "surfaces_of_mars: 1\n")
    feed = GraphFeed(path, FakeClients(make_catalogue(["1"])).clients(), poll_seconds=0.01)
    line = len(good.splitlines()) + 1
    assert (feed.graph, feed.refused) == (None, f"{path}: line {line}: surfaces_of_mars: Extra inputs are not permitted")
    watch, first = asyncio.create_task(feed.run()), asyncio.create_task(feed.first())
    await asyncio.sleep(0.05)
    assert not first.done()
    path.write_text(good)
    graph = await asyncio.wait_for(first, 5)
    watch.cancel()
    assert (graph, feed.refused) == (feed.graph, "")


def test_a_graph_that_is_not_there_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration, match=r"GRAPH: expected a file that can be read, got .*none\.yaml"):
        GraphFeed(tmp_path / "none.yaml", FakeClients(make_catalogue(["1"])).clients())


@pytest.mark.parametrize(("clock", "age"), [("wall", 500_000.0), ("data", 250.0)])
def test_features_are_as_old_as_the_graphs_clock_makes_them(tmp_path: Path, clock: Literal["wall", "data"], age: float) -> None:
    path = tmp_path / "graph.yaml"
    path.write_text(default_graph("ratings", {"mode": "ever"}, clock))
    catalogue, newest = make_catalogue(["1"]), time.time() - 500_000
    object.__setattr__(catalogue, "newest_event", newest)
    graph = GraphFeed(path, FakeClients(catalogue).clients()).graph
    assert graph is not None
    watch_catalogue(lambda: catalogue, lambda current: graph.now(current, newest + 250))
    assert REGISTRY.get_sample_value("recommender_feature_age_seconds") == pytest.approx(age, abs=60)


@dataclass
class Service:
    up: bool = False
    asked: int = 0

    async def ask(self) -> None:
        self.asked += 1
        if not self.up:
            raise DependencyUnavailable("refused")


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  # the state is a field by design
            await asyncio.sleep(0.01)


async def test_readiness_waits_for_the_snapshot_and_every_service_and_then_stays() -> None:
    readiness, service, catalogue = Readiness(), Service(), [False]
    watch = asyncio.create_task(readiness.watch(lambda: catalogue[0], {"Redis": Probe(service.ask, "poorer")}, None))
    await until(lambda: service.asked > 0)
    service.up = True
    await until(lambda: service.asked > 1)
    assert not readiness.ready
    catalogue[0] = True
    await watch
    assert readiness.ready


async def test_after_its_grace_it_is_ready_without_a_service_and_says_what_it_lacks(caplog: pytest.LogCaptureFixture) -> None:
    async def silent() -> None:
        raise DependencyTimeout("silent")

    readiness = Readiness()
    await readiness.watch(lambda: True, {"ranking": Probe(silent, "fused ranks order the answers")}, 0.0)
    assert readiness.ready
    assert "ready without ranking (silent): fused ranks order the answers" in caplog.text


async def test_without_an_end_of_grace_a_dead_service_keeps_it_unready() -> None:
    readiness, service = Readiness(), Service()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.6):
            await readiness.watch(lambda: True, {"Redis": Probe(service.ask, "")}, None)
    assert service.asked > 1
    assert not readiness.ready


def test_a_model_that_does_not_answer_keeps_its_last_known_version() -> None:
    seen = VersionsSeen()
    seen.saw({"ranking": "3", "snapshot": "a"})
    seen.saw({"ranking": None, "snapshot": "b"})
    assert REGISTRY.get_sample_value("recommender_info", {"ranking": "3", "snapshot": "b"}) == 1.0
