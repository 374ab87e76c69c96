"""Events from the stream to the offline store, to statistics, to Redis: exactly once, wherever it is interrupted."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import redis

from inference_graph.clients.event_format import HISTORY_KEPT, Keys
from inference_graph.clients.feature_store import UserFeatures, open_feature_store
from inference_graph.clients.redis_connection import open_redis
from inference_graph.clients.user_events import UserEvents
from inference_graph.features import interaction_value, tie_break
from inference_graph.storage import write_file
from inference_graph.types import Event
from inference_graph.workspace import Workspace
from rec_models.data.dataset import load_dataset, write_dataset
from rec_models.events import all_events, erased_users
from rec_models.materialize import materialize
from rec_models.offline_store import point_in_time_features
from rec_models.small_workspace import START, make_dataset, make_workspace
from rec_models.stream import EventStream


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "small")


@pytest.fixture
def client(redis_server) -> Iterator[redis.Redis]:  # type: ignore[no-untyped-def]
    with redis.Redis.from_url(redis_server.url) as connection:
        yield connection


def send(url: str, workspace: Workspace, events: list[Event]) -> None:
    async def write() -> None:
        connection = open_redis(url, timeout=5.0)
        await UserEvents(connection, workspace.redis_prefix).write(events)
        await connection.aclose()

    asyncio.run(write())


def erase(url: str, workspace: Workspace, user_id: str) -> None:
    async def run() -> None:
        connection = open_redis(url, timeout=5.0)
        await UserEvents(connection, workspace.redis_prefix).erase(user_id)
        await connection.aclose()

    asyncio.run(run())


def live(count: int, start: float = START + 5e6) -> list[Event]:
    return [Event(f"u{n % 6}", f"i{n % 20}", "rating", start + n * 30_000.0, 1.0 + n % 5) for n in range(count)]


class Killed(BaseException):
    pass


class Interrupted:
    """A writer and a Redis that die at the nth of their operations, before or after it took effect."""

    def __init__(self, client: redis.Redis, dies_at: int, after: bool) -> None:
        self.client, self.left, self.after = client, dies_at, after

    def _do(self, operation):  # type: ignore[no-untyped-def]
        self.left -= 1
        if self.left == 0 and not self.after:
            raise Killed
        result = operation()
        if self.left == 0:
            raise Killed
        return result

    def write(self, uri: str, content: bytes) -> None:
        self._do(lambda: write_file(uri, content))

    def xrange(self, *arguments):  # type: ignore[no-untyped-def]
        return self._do(lambda: self.client.xrange(*arguments))

    def xtrim(self, *arguments, **named):  # type: ignore[no-untyped-def]
        return self._do(lambda: self.client.xtrim(*arguments, **named))


@pytest.mark.parametrize("after", [False, True])
def test_every_event_is_moved_once_wherever_the_move_is_killed(workspace, client, redis_server, after) -> None:  # type: ignore[no-untyped-def]
    prefix, sent = workspace.redis_prefix, 0
    for dies_at in range(1, 26):
        batch = live(7, START + 1e7 + sent * 30_000.0)
        send(redis_server.url, workspace, batch)
        sent += len(batch)
        flaky = Interrupted(client, dies_at, after)
        with contextlib.suppress(Killed):
            EventStream(flaky, prefix, workspace.offline, write=flaky.write, batch=3).move()  # type: ignore[arg-type]
        send(redis_server.url, workspace, live(2, START + 1e7 + sent * 30_000.0))
        sent += 2
    EventStream(client, prefix, workspace.offline, batch=3).move()
    files = [pl.read_parquet(file) for file in Path(workspace.offline).glob("events/day=*/*.parquet")]
    moved = pl.concat(files)
    assert len(moved) == sent
    assert not moved["identity"].is_duplicated().any()
    assert client.xlen(Keys(prefix).events) == 0


def test_a_begun_batch_that_redis_lost_since_does_not_stop_the_next_ones(workspace, client, redis_server) -> None:  # type: ignore[no-untyped-def]
    send(redis_server.url, workspace, live(3))
    flaky = Interrupted(client, 3, after=True)
    with pytest.raises(Killed):
        EventStream(flaky, workspace.redis_prefix, workspace.offline, write=flaky.write).move()  # type: ignore[arg-type]
    client.flushall()
    send(redis_server.url, workspace, live(2, START + 2e7))
    assert EventStream(client, workspace.redis_prefix, workspace.offline).move().events == 2


def test_events_of_one_second_keep_the_order_of_their_content(workspace, client, redis_server) -> None:  # type: ignore[no-untyped-def]
    tied = [Event("u1", f"i{n}", "view", START + 1e7) for n in range(5)]
    send(redis_server.url, workspace, tied)
    materialize(workspace, redis_server.url)
    events = all_events(workspace).filter(pl.col("timestamp") == START + 1e7)
    assert events["item_id"].to_list() == sorted((e.item_id for e in tied), key=lambda i: tie_break("u1", i, START + 1e7))
    assert events["worth"].to_list() == pytest.approx([interaction_value("view", None)] * 5)


async def read_all(workspace: Workspace, url: str, users: list[str]) -> list[np.ndarray | None]:  # type: ignore[type-arg]
    store = UserFeatures(open_feature_store(workspace.registry, workspace.feature_project, url))
    found = [await store.read(user) for user in users]
    await store.close()
    return found


def test_what_is_online_is_what_the_offline_store_says_as_of_now(workspace, redis_server) -> None:  # type: ignore[no-untyped-def]
    first = materialize(workspace, redis_server.url)
    assert (first.moved, first.statistics, first.histories, first.online) == (0, True, True, {"user_statistics": 4})
    send(redis_server.url, workspace, live(12))
    second = materialize(workspace, redis_server.url)
    assert (second.moved, second.statistics, second.histories) == (12, True, False)
    users = [f"u{n}" for n in range(6)]
    online = asyncio.run(read_all(workspace, redis_server.url, users))
    asked = pl.DataFrame({"user_id": users, "event_timestamp": START + 1e8})
    np.testing.assert_allclose(np.stack(online), point_in_time_features(workspace, asked), rtol=1e-6)  # type: ignore[arg-type]
    assert online[5][0] == 2.0  # type: ignore[index]
    third = materialize(workspace, redis_server.url)
    assert (third.moved, third.statistics, third.online) == (0, False, {"user_statistics": 0})


def test_a_late_event_changes_the_online_row_although_its_timestamp_stays(workspace, redis_server) -> None:  # type: ignore[no-untyped-def]
    materialize(workspace, redis_server.url)
    (before,) = asyncio.run(read_all(workspace, redis_server.url, ["u0"]))
    send(redis_server.url, workspace, [Event("u0", "i19", "rating", START + 5.0, 5.0)])
    assert materialize(workspace, redis_server.url).online == {"user_statistics": 1}
    (after,) = asyncio.run(read_all(workspace, redis_server.url, ["u0"]))
    assert before is not None
    assert after is not None
    assert after[0] == before[0] + 1
    assert after[-1] == before[-1]


def test_an_emptied_redis_gets_every_row_and_every_history_again(workspace, client, redis_server) -> None:  # type: ignore[no-untyped-def]
    send(redis_server.url, workspace, live(6))
    materialize(workspace, redis_server.url)
    history = client.zrange(Keys(workspace.redis_prefix).history("u1"), 0, -1)
    client.flushall()
    again = materialize(workspace, redis_server.url)
    assert (again.histories, again.online) == (True, {"user_statistics": 6})
    assert client.zrange(Keys(workspace.redis_prefix).history("u1"), 0, -1) == history


def test_histories_hold_the_newest_events_and_keep_what_came_live(workspace, client, redis_server) -> None:  # type: ignore[no-untyped-def]
    many = [("u1", f"i{n % 20}", START + n, 3.0) for n in range(HISTORY_KEPT + 100)]
    write_dataset(workspace.data, make_dataset(many, "many"))
    newest = Event("u1", "i7", "rating", START + 1e6, 4.0)
    send(redis_server.url, workspace, [newest])
    materialize(workspace, redis_server.url)
    keys = Keys(workspace.redis_prefix)
    scores = [score for _, score in client.zrange(keys.history("u1"), 0, -1, withscores=True)]
    assert len(scores) == HISTORY_KEPT
    assert scores == [*(START + n for n in range(101, HISTORY_KEPT + 100)), START + 1e6]
    assert float(client.get(keys.newest)) == START + 1e6


def test_an_event_of_the_data_set_that_is_sent_again_is_a_duplicate(workspace, client, redis_server) -> None:  # type: ignore[no-untyped-def]
    materialize(workspace, redis_server.url)
    row = load_dataset(workspace.data).interactions.row(-1, named=True)
    send(redis_server.url, workspace, [Event(row["user_id"], row["item_id"], "rating", row["timestamp"], row["value"])])
    assert client.xlen(Keys(workspace.redis_prefix).events) == 0


def test_an_erased_user_leaves_the_offline_store_and_redis(workspace, client, redis_server) -> None:  # type: ignore[no-untyped-def]
    send(redis_server.url, workspace, live(6))
    materialize(workspace, redis_server.url)
    send(redis_server.url, workspace, [Event("u1", "i2", "view", START + 2e7)])
    erase(redis_server.url, workspace, "u1")
    erase(redis_server.url, workspace, "u2")
    send(redis_server.url, workspace, [Event("u1", "i4", "view", START + 3e7)])
    assert materialize(workspace, redis_server.url).erased == 2
    events = all_events(workspace)
    assert events.filter(pl.col("user_id") == "u1")["item_id"].to_list() == ["i4"]
    assert events.filter(pl.col("user_id") == "u2").is_empty()
    assert sorted(erased_users(workspace.offline)["user_id"]) == ["u1", "u2"]
    known, forgotten = asyncio.run(read_all(workspace, redis_server.url, ["u1", "u2"]))
    assert known is not None
    assert known[0] == 1.0
    assert forgotten is None
    assert not [key for key in client.scan_iter() if b"u2" in key]
