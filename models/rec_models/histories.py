"""Brings the histories of the data set into Redis, once per data set; what came live is never removed or repeated."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import cast

import polars as pl
import redis

from inference_graph.clients.event_format import HISTORY_KEPT, OLDER_KEPT, Keys, history_member, identity_of
from inference_graph.clients.redis_connection import redis_errors
from inference_graph.types import Event

USERS_PER_TRIP = 200
RAISE_NEWEST = """
local newest = redis.call('GET', KEYS[1])
if not newest or tonumber(ARGV[1]) > tonumber(newest) then redis.call('SET', KEYS[1], ARGV[1]) end
"""
Member = tuple[str, bytes, float]
"""Identity, member of the history, timestamp."""


def load_histories(
    client: redis.Redis,
    prefix: str,
    read_events: Callable[[], pl.DataFrame],
    data_hash: str,
    begin: Callable[[int], None] = lambda _: None,
    progress: Callable[[int], None] = lambda _: None,
) -> bool:
    """Adds each user's newest events and sets the newest event known; returns False where this data set is there already.

    `read_events` gives what rec_models.events.all_events does. Calling it again, or going on after an interruption, adds nothing twice.
    """
    keys, marker = Keys(prefix), f"{{{prefix}}}:histories"
    with redis_errors("loading histories"):
        if client.get(marker) == data_hash.encode():
            return False
        events = read_events()
        ordered = events.sort("timestamp", "tie").with_columns(age=pl.int_range(pl.len(), 0, -1).over("user_id"))
        newest, older = ordered.filter(pl.col("age") <= HISTORY_KEPT), ordered.filter(pl.col("age") > HISTORY_KEPT)
        begin(newest["user_id"].n_unique())
        users = _users(newest)
        while batch := list(itertools.islice(users, USERS_PER_TRIP)):
            _add(client, keys, batch)
            progress(len(batch))
        _add_older(client, keys, older)
        client.eval(RAISE_NEWEST, 1, keys.newest, repr(cast(float, events["timestamp"].max())))
        client.set(marker, data_hash)
    return True


def _users(newest: pl.DataFrame) -> Iterator[tuple[str, list[Member]]]:
    rows = newest.sort("user_id").select("user_id", "item_id", "timestamp", "type", "value", "identity").iter_rows()
    for user_id, own in itertools.groupby(rows, key=lambda row: str(row[0])):
        yield user_id, [_member(*row) for row in own]


def _member(user_id: str, item_id: str, timestamp: float, type_: str, value: float | None, identity: str | None) -> Member:
    event = Event(user_id, item_id, type_, timestamp, value)
    identity = identity_of(event) if identity is None else identity
    return identity, history_member(event, identity), timestamp


def _add(client: redis.Redis, keys: Keys, batch: list[tuple[str, list[Member]]]) -> None:
    now = time.time()
    with client.pipeline(transaction=False) as pipeline:
        for user_id, members in batch:
            pipeline.zadd(keys.identities(user_id), {identity: now for identity, _, _ in members}, nx=True)
            pipeline.zadd(keys.history(user_id), {member: timestamp for _, member, timestamp in members})
            pipeline.zremrangebyrank(keys.history(user_id), 0, -HISTORY_KEPT - 1)
        pipeline.execute()


def _add_older(client: redis.Redis, keys: Keys, older: pl.DataFrame) -> None:
    """The items of what is too old for the history; few users have any."""
    for (user_id,), own in older.group_by("user_id"):
        client.sadd(keys.older(str(user_id)), *own["item_id"].unique().sort().head(OLDER_KEPT).to_list())
