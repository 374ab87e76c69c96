"""Redis: a user's history and the blocked items in one trip, and the event log that both are written with."""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Sequence, Set
from dataclasses import dataclass
from typing import Any, cast

import orjson
import redis.asyncio

from inference_graph.clients.event_format import (
    HISTORY_KEPT,
    IDENTITIES_KEPT,
    OLDER_KEPT,
    Keys,
    history_member,
    identity_of,
    read_history,
    stream_entry,
)
from inference_graph.clients.redis_connection import Command, ask, redis_call
from inference_graph.types import Event, Events

WRITE_EVENTS = """
local now, history_kept, identities_kept, older_kept = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
for i = 3, #KEYS do
  local kind, expected = redis.call('TYPE', KEYS[i]).ok, i % 3 == 2 and 'set' or 'zset'
  if kind ~= expected and kind ~= 'none' then return redis.error_reply('WRONGTYPE ' .. KEYS[i] .. ' is a ' .. kind) end
end
local stored, newest = 0, redis.call('GET', KEYS[2])
for i = 5, #ARGV, 5 do
  local user = tonumber(ARGV[i])
  local identity, timestamp, member, entry = ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  if redis.call('ZADD', KEYS[user + 1], 'NX', now, identity) == 1 then
    redis.call('ZADD', KEYS[user], timestamp, member)
    redis.call('XADD', KEYS[1], '*', 'event', entry)
    if not newest or tonumber(timestamp) > tonumber(newest) then newest = timestamp end
    stored = stored + 1
  end
end
for user = 3, #KEYS, 3 do
  for _, member in ipairs(redis.call('ZRANGE', KEYS[user], 0, -history_kept - 1)) do
    if redis.call('SCARD', KEYS[user + 2]) < older_kept then redis.call('SADD', KEYS[user + 2], cjson.decode(member)[2]) end
  end
  redis.call('ZREMRANGEBYRANK', KEYS[user], 0, -history_kept - 1)
  redis.call('ZREMRANGEBYRANK', KEYS[user + 1], 0, -identities_kept - 1)
end
if newest then redis.call('SET', KEYS[2], newest) end
return stored
"""
"""A script is not rolled back: types are checked before the first write. Identities are scored by the time they
arrived: the newest are kept, however old the event that was sent."""


@dataclass(frozen=True, slots=True)
class StoredUser:
    """What Redis knows of a user: the history, the items of events that have left it, and of all users the newest event.

    `newest` in seconds since 1970.
    """

    events: Events
    older: Set[bytes]
    blocked: frozenset[str]
    newest: float | None


class UserEvents:
    """Histories, the event stream and the blocked items under one prefix; shared by all requests."""

    def __init__(self, redis: redis.asyncio.Redis, prefix: str) -> None:
        self._redis = redis
        self._keys = Keys(prefix)
        self._write = redis.register_script(WRITE_EVENTS)
        self._blocked: tuple[bytes | None, frozenset[str]] | None = None
        self._newest: float | None = None

    @property
    def last_blocked(self) -> frozenset[str]:
        """The blocked items as last read; none before the first read."""
        return self._blocked[1] if self._blocked is not None else frozenset()

    @property
    def last_newest(self) -> float | None:
        """The newest event of all users, as last read or written here; None before."""
        return self._newest

    async def read(self, user_id: str | None) -> StoredUser:
        """History, blocked items and the newest event, in one trip; in two right after the blocked items changed."""
        return (await self.read_with(user_id, ()))[0]

    async def read_with(self, user_id: str | None, more: Sequence[Command]) -> tuple[StoredUser, list[Any]]:
        """The same, and the replies to `more` commands of the same trip."""
        async with redis_call(self._redis, "reading a user"):
            commands: list[Command] = [("MGET", self._keys.blocked_version, self._keys.newest)]
            if user_id is not None:
                commands.append(("ZREVRANGE", self._keys.history(user_id), 0, HISTORY_KEPT - 1))
                commands.append(("SMEMBERS", self._keys.older(user_id)))
            replies = await ask(self._redis, [*commands, *more])
            for reply in replies[: len(commands)]:
                if isinstance(reply, Exception):
                    raise reply
            version, newest = replies[0]
            events = read_history(replies[1]) if user_id is not None else Events()
            older = _members(replies[2]) if user_id is not None else frozenset()
            self._newest = None if newest is None else float(newest)
            return StoredUser(events, older, await self._blocked_at(version), self._newest), replies[len(commands) :]

    async def _blocked_at(self, version: bytes | None) -> frozenset[str]:
        if self._blocked is None or self._blocked[0] != version:
            # The version was read first, so a change in between is seen again at the next read.
            members = await cast(Awaitable[set[bytes]], self._redis.smembers(self._keys.blocked))
            self._blocked = (version, frozenset(member.decode() for member in members))
        return self._blocked[1]

    async def write(self, events: Sequence[Event]) -> tuple[int, int]:
        """Stores all events or none, in history and stream together; returns how many were new and how many were known."""
        users = {user_id: 3 + 3 * i for i, user_id in enumerate(dict.fromkeys(event.user_id for event in events))}
        keys = [self._keys.events, self._keys.newest]
        for user_id in users:
            keys += self._keys.of_user(user_id)
        arguments: list[str | bytes | int | float] = [time.time(), HISTORY_KEPT, IDENTITIES_KEPT, OLDER_KEPT]
        for event in events:
            identity, score = identity_of(event), repr(float(event.timestamp))
            arguments += [users[event.user_id], identity, score, history_member(event, identity), stream_entry(event, identity)]
        async with redis_call(self._redis, "writing events"):
            stored = int(await cast(Awaitable[int], self._write(keys=keys, args=arguments)))
        self._newest = max([event.timestamp for event in events] + ([] if self._newest is None else [self._newest]))
        return stored, len(events) - stored

    async def events(self, user_id: str, limit: int = HISTORY_KEPT) -> Events:
        """The newest events of one user, newest first."""
        async with redis_call(self._redis, "reading a history"):
            members = await cast(Awaitable[list[bytes]], self._redis.zrevrange(self._keys.history(user_id), 0, HISTORY_KEPT - 1))
            return read_history(members)[:limit]

    async def erase(self, user_id: str) -> bool:
        """Forgets a user here and tells the readers of the stream to; returns whether there was anything to forget."""
        async with redis_call(self._redis, "erasing a user"), self._redis.pipeline(transaction=True) as pipeline:
            pipeline.delete(*self._keys.of_user(user_id))
            pipeline.xadd(self._keys.events, {"erase": orjson.dumps({"user_id": user_id, "timestamp": time.time()})})
            replies = await pipeline.execute()
        return bool(replies[0])

    async def block(self, item_ids: Sequence[str]) -> int:
        """Items that nobody is shown from now on; returns how many were not blocked before."""
        return await self._change_blocked("sadd", item_ids)

    async def unblock(self, item_ids: Sequence[str]) -> int:
        return await self._change_blocked("srem", item_ids)

    async def _change_blocked(self, command: str, item_ids: Sequence[str]) -> int:
        async with redis_call(self._redis, "changing the blocked items"):
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.execute_command(command.upper(), self._keys.blocked, *item_ids)
                # Never a number that comes again: a counter would, after the keys were lost.
                pipeline.set(self._keys.blocked_version, uuid.uuid4().hex)
                replies = await pipeline.execute()
            return int(replies[0])

    async def fsync_policy(self) -> str | None:
        """The server's `appendfsync`, `off` without an append-only file; None where it does not say (managed services)."""
        async with redis_call(self._redis, "asking for its configuration"):
            try:
                found = await self._redis.config_get("appendonly", "appendfsync")
            except redis.exceptions.ResponseError:
                return None
        if found.get("appendonly") == "no":
            return "off"
        policy = found.get("appendfsync")
        return str(policy) if policy is not None else None

    async def close(self) -> None:
        await self._redis.aclose()


def _members(reply: object) -> frozenset[bytes]:
    if not isinstance(reply, list | set) or not set(map(type, reply)) <= {bytes}:
        raise ValueError(f"a set's members are {str(reply)[:100]}")
    return frozenset(reply)
