"""The event log against a real Redis: atomic, idempotent, bounded, and never another user's reply."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from inference_graph.clients import event_format
from inference_graph.clients.event_format import identity_of
from inference_graph.clients.redis_connection import open_redis
from inference_graph.clients.user_events import UserEvents
from inference_graph.errors import DependencyBadResponse, DependencyTimeout, DependencyUnavailable
from inference_graph.features import tie_break
from inference_graph.types import Event, Events


@pytest.fixture
async def redis(redis_server: Any) -> AsyncIterator[Redis]:
    # Each write waits for the disk, which others may keep busy: only the test of a silent Redis is about time.
    client = open_redis(redis_server.url, timeout=10.0)
    yield client
    await client.aclose()


@pytest.fixture
def store(redis: Redis) -> UserEvents:
    return UserEvents(redis, "shop")


def rating(user: str = "1", item: str = "318", at: float = 1000.0, value: float = 5.0, **more: Any) -> Event:
    return Event(user, item, "rating", at, value, **more)


async def test_events_are_in_history_and_stream_together(store: UserEvents, redis: Redis) -> None:
    assert await store.write([rating(request_id="r1"), rating(item="50", at=1001.5)]) == (2, 0)
    read = await store.read("1")
    assert read.events == Events(("50", "318"), ("rating", "rating"), (5.0, 5.0), (1001.5, 1000.0))
    assert read.newest == 1001.5
    entries = [json.loads(fields[b"event"]) for _, fields in await redis.xrange("{shop}:events")]
    assert entries[0] == {
        "user_id": "1",
        "item_id": "318",
        "type": "rating",
        "value": 5.0,
        "timestamp": 1000.0,
        "identity": identity_of(rating()),
        "request_id": "r1",
    }
    assert [entry["item_id"] for entry in entries] == ["318", "50"]


async def test_an_event_that_is_sent_again_is_stored_once(store: UserEvents, redis: Redis) -> None:
    batch = [rating(), rating(), rating(at=2000.0)]
    assert await store.write(batch) == (2, 1)
    assert await store.write(batch) == (0, 3)
    assert await redis.xlen("{shop}:events") == 2


async def test_an_event_id_identifies_an_event_of_one_user_whatever_else_it_says(store: UserEvents) -> None:
    assert await store.write([rating(event_id="a"), rating(event_id="a", at=9.0), rating(user="2", event_id="a")]) == (2, 1)


async def test_a_repurchase_is_an_event_of_its_own(store: UserEvents) -> None:
    assert await store.write([Event("1", "318", "purchase", at, 1.0) for at in (1.0, 2.0)]) == (2, 0)
    assert len(await store.events("1")) == 2


async def test_events_in_any_order_are_read_newest_first_and_ties_by_content(store: UserEvents) -> None:
    events = [rating(item=f"i{i}", at=float(at)) for i, at in enumerate([3, 1, 2, 2, 2, 2, 9, 0])]
    random.Random(1).shuffle(events)
    await store.write(events)
    expected = sorted(events, key=lambda e: (e.timestamp, tie_break(e.user_id, e.item_id, e.timestamp)), reverse=True)
    assert (await store.read("1")).events == Events.of(expected)
    assert await store.events("1", 3) == Events.of(expected[:3])


async def test_of_one_second_with_too_many_events_the_last_in_order_are_kept(store: UserEvents) -> None:
    events = [rating(item=f"i{i}", at=5.0) for i in range(600)]
    await store.write(events)
    expected = sorted(events, key=lambda e: tie_break(e.user_id, e.item_id, e.timestamp), reverse=True)
    assert await store.events("1") == Events.of(expected[:500])


async def test_events_that_differ_in_their_event_id_alone_are_both_kept(store: UserEvents) -> None:
    assert await store.write([Event("1", "318", "purchase", 1.0, 1.0, event_id=name) for name in "ab"]) == (2, 0)
    assert (await store.events("1")).item_ids == ("318", "318")


async def test_fifty_writes_at_once_are_all_in_the_history(store: UserEvents) -> None:
    await asyncio.gather(*(store.write([rating(item=str(i), at=float(i))]) for i in range(50)))
    assert (await store.events("1")).item_ids == tuple(str(i) for i in reversed(range(50)))


async def test_a_history_keeps_the_newest_five_hundred_and_the_stream_everything(store: UserEvents, redis: Redis) -> None:
    for start in (300, 0):
        await store.write([rating(item=str(i), at=float(i)) for i in range(start, start + 300)])
    assert (await store.events("1")).item_ids == tuple(str(i) for i in reversed(range(100, 600)))
    assert await redis.xlen("{shop}:events") == 600
    read = await store.read("1")
    assert read.newest == 599.0
    assert read.older == {str(i).encode() for i in range(100)}


async def test_an_old_event_sent_again_is_known_though_the_history_dropped_it(store: UserEvents) -> None:
    await store.write([rating(item=str(i), at=float(i)) for i in range(501)])
    assert await store.write([rating(item="0", at=0.0)]) == (0, 1)


async def test_identities_are_bounded(store: UserEvents, redis: Redis) -> None:
    for start in range(0, 10_500, 500):
        await store.write([rating(item=str(i), at=float(i)) for i in range(start, start + 500)])
    assert await redis.zcard("{shop}:identities:1") == 10_000
    assert await store.write([rating(item="10499", at=10_499.0)]) == (0, 1)


async def test_a_batch_that_cannot_be_stored_whole_leaves_nothing(store: UserEvents, redis: Redis) -> None:
    await redis.set("{shop}:identities:2", "x")
    with pytest.raises(DependencyBadResponse):
        await store.write([rating(), rating(user="2")])
    assert await store.events("1") == Events()
    assert await redis.xlen("{shop}:events") == 0


async def test_an_erased_user_is_gone_and_the_stream_says_so(store: UserEvents, redis: Redis) -> None:
    await store.write([rating(), rating(user="2")])
    assert await store.erase("1")
    assert not await store.erase("1")
    assert await store.events("1") == Events()
    assert len(await store.events("2")) == 1
    assert sorted(await redis.keys("*:1")) == []
    markers = [json.loads(fields[b"erase"]) for _, fields in await redis.xrange("{shop}:events") if b"erase" in fields]
    assert [marker["user_id"] for marker in markers] == ["1", "1"]


async def test_blocking_is_seen_by_the_next_read_of_every_process(store: UserEvents, redis_server: Any) -> None:
    other = open_redis(redis_server.url, timeout=10.0)
    elsewhere = UserEvents(other, "shop")
    assert (await store.read(None)).blocked == frozenset()
    assert await elsewhere.block(["a", "b"]) == 2
    assert await elsewhere.block(["a"]) == 0
    assert (await store.read(None)).blocked == {"a", "b"}
    assert await elsewhere.unblock(["a"]) == 1
    assert (await store.read("1")).blocked == {"b"} == store.last_blocked
    await other.aclose()


async def test_what_was_blocked_is_remembered_while_redis_is_away_and_reading_recovers(store: UserEvents, redis_server: Any) -> None:
    await store.block(["a"])
    await store.write([rating()])
    await asyncio.gather(*(store.read("1") for _ in range(20)))
    redis_server.kill()
    with pytest.raises(DependencyUnavailable):
        await store.read("1")
    with pytest.raises(DependencyUnavailable):
        await store.write([rating(at=7.0)])
    assert store.last_blocked == {"a"}
    redis_server.start()
    # Twenty broken connections wait in the pool: none of them may cost a request.
    for read in await asyncio.gather(*(store.read("1") for _ in range(20))):
        assert (len(read.events), set(read.blocked)) == (1, {"a"})


async def test_a_silent_redis_is_a_timeout(redis: Redis, redis_server: Any) -> None:
    hasty = open_redis(redis_server.url, timeout=0.2)
    await redis.client_pause(2000)
    with pytest.raises(DependencyTimeout):
        await UserEvents(hasty, "shop").read("1")
    await hasty.aclose()


@pytest.mark.parametrize("member", [b"not json", b"[1]", b'["a", "b", "c", "d", 1]', b'["a", "b", "c", null, "x"]', b"{}"])
async def test_a_malformed_history_is_a_bad_response(store: UserEvents, redis: Redis, member: bytes) -> None:
    await redis.zadd("{shop}:history:1", {member: 1.0})
    with pytest.raises(DependencyBadResponse):
        await store.read("1")


async def test_a_key_of_another_type_is_a_bad_response(store: UserEvents, redis: Redis) -> None:
    await redis.set("{shop}:history:1", "x")
    with pytest.raises(DependencyBadResponse):
        await store.read("1")


async def test_writing_works_after_the_server_forgot_its_scripts(store: UserEvents, redis: Redis) -> None:
    await store.write([rating()])
    await redis.script_flush()
    assert await store.write([rating(at=2.0)]) == (1, 0)


async def test_hostile_ids_are_only_bytes(store: UserEvents, redis: Redis) -> None:
    for user in ("*", "a}b{c", "\"';--", "ключ", "x:y", "[1]"):
        await store.write([rating(user=user, item=user)])
        assert (await store.events(user)).item_ids == (user,)


async def test_the_servers_fsync_policy_is_known(store: UserEvents, redis: Redis) -> None:
    assert await store.fsync_policy() == "always"
    await redis.config_set("appendfsync", "everysec")
    assert await store.fsync_policy() == "everysec"


async def test_a_cancelled_request_never_hands_its_reply_to_another(redis_server: Any) -> None:
    redis = open_redis(redis_server.url, timeout=10.0, connections=4)
    store = UserEvents(redis, "shop")
    users = [str(i) for i in range(20)]
    for user in users:
        await store.write([rating(user=user, item=f"{user}-{i}", at=float(i)) for i in range(200)])
    chance, answered, cancelled = random.Random(7), 0, 0

    async def read(user: str) -> None:
        nonlocal answered
        read = await store.read(user)
        assert len(read.events) == 200
        assert all(item_id.startswith(f"{user}-") for item_id in read.events.item_ids)
        answered += 1

    for _ in range(60):
        tasks = [asyncio.create_task(read(user)) for user in chance.choices(users, k=12)]
        for task in chance.sample(tasks, 6):
            asyncio.get_running_loop().call_later(chance.random() * 0.004, task.cancel)
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        problems = [o for o in outcomes if o is not None and not isinstance(o, asyncio.CancelledError)]
        assert problems == []
        cancelled += sum(isinstance(o, asyncio.CancelledError) for o in outcomes)
    assert answered > 100
    assert cancelled > 50
    await redis.aclose()


async def test_a_cancelled_write_is_stored_whole_or_not_at_all(redis_server: Any) -> None:
    redis = open_redis(redis_server.url, timeout=10.0, connections=4)
    store = UserEvents(redis, "shop")
    chance = random.Random(3)
    for i in range(60):
        task = asyncio.create_task(store.write([rating(user=str(i), item=str(j), at=float(j)) for j in range(20)]))
        asyncio.get_running_loop().call_later(chance.random() * 0.002, task.cancel)
        await asyncio.gather(task, return_exceptions=True)
    sizes = [await redis.zcard(f"{{shop}}:history:{i}") for i in range(60)]
    assert set(sizes) <= {0, 20}
    entries = [json.loads(fields[b"event"])["user_id"] for _, fields in await redis.xrange("{shop}:events")]
    assert {user: len(list(rows)) for user, rows in itertools.groupby(entries)} == {str(i): 20 for i, s in enumerate(sizes) if s}
    await redis.aclose()


def test_an_identity_does_not_confuse_where_one_field_ends() -> None:
    assert identity_of(rating(user="a", item="b")) != identity_of(rating(user="a,b", item=""))
    assert identity_of(rating(at=1)) == identity_of(rating(at=1.0))
    assert len(event_format.identity_of(rating())) == 16
