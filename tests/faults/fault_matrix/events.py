"""Events of many users, each user's in order, sent until they are acknowledged; and what must be true of them afterwards."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, cast

import orjson
import redis

from fault_matrix.http_client import HttpClient
from inference_graph.clients.event_format import HISTORY_KEPT, Keys

EVENTS = "/v1/events"
START = 1_600_000_000.0
AGAIN_SECONDS = 0.05


@dataclass
class Writer:
    """Sends at least `count` events a user to `url`, one after another, and each again until it is acknowledged with a 202.

    With `pause`, in seconds between a user's events, it goes on until it is told that it is `enough`.
    """

    url: str
    users: Sequence[str]
    count: int
    pause: float = 0.0
    enough: bool = False
    written: dict[str, int] = field(default_factory=dict)
    sent_again: int = 0
    surprises: list[str] = field(default_factory=list)

    @property
    def acknowledged(self) -> int:
        return sum(self.written.values())

    async def run(self) -> None:
        client = HttpClient(self.url)
        try:
            await asyncio.gather(*(self._write(client, user) for user in self.users))
        finally:
            client.close()

    async def _write(self, client: HttpClient, user: str) -> None:
        number = 0
        while number < self.count or (self.pause and not self.enough):
            while not await self._is_acknowledged(client, event(user, number)):
                self.sent_again += 1
                await asyncio.sleep(AGAIN_SECONDS)
            number += 1
            self.written[user] = number
            await asyncio.sleep(self.pause)

    async def _is_acknowledged(self, client: HttpClient, sent: dict[str, object]) -> bool:
        try:
            status, content = await client.post(EVENTS, orjson.dumps({"events": [sent]}))
        except (OSError, TimeoutError):
            return False
        if status not in (202, 429, 503):
            self.surprises.append(f"{status} {content.decode()[:200]}")
        return status == 202


def event(user: str, number: int) -> dict[str, object]:
    return {"user_id": user, "item_id": f"event-{number}", "type": "view", "timestamp": START + number}


def faults_of(writer: Writer, client: redis.Redis, prefix: str) -> list[str]:
    """What is wrong in the stream and in the histories: a lost event, a doubled one, another order than the user's."""
    keys = Keys(prefix)
    streamed: dict[str, list[int]] = defaultdict(list)
    for _, fields in cast(list[Any], client.xrange(keys.events)):
        if b"event" in fields:
            entry = json.loads(fields[b"event"])
            if entry["item_id"].startswith("event-"):
                streamed[entry["user_id"]].append(int(entry["item_id"].removeprefix("event-")))
    found = list(writer.surprises)
    for user in writer.users:
        numbers = streamed[user]
        count = writer.written[user]
        lost, doubled = count - len(set(numbers)), len(numbers) - len(set(numbers))
        ordered = all(earlier < later for earlier, later in pairwise(numbers))
        if lost or doubled or not ordered:
            found.append(f"user {user}: {lost} events lost, {doubled} doubled, {'in' if ordered else 'out of'} order in the stream")
        kept = [json.loads(member)[1] for member in cast(list[bytes], client.zrange(keys.history(user), 0, -1))]
        expected = [f"event-{number}" for number in range(count)][-HISTORY_KEPT:]
        if [item for item in kept if item.startswith("event-")] != expected:
            found.append(f"user {user}: the history holds {len(kept)} events, expected {len(expected)} in order")
    return found
