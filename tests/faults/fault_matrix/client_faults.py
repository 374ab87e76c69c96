"""Faults on the other side and around: clients that leave in mid-request, replies late at random, a clock that is an hour off."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import orjson

from fault_matrix.bed import Bed
from fault_matrix.http_client import HttpClient
from fault_matrix.proxy import Mode
from fault_matrix.scene import Scene
from fault_matrix.service_faults import SceneOf
from fault_matrix.traffic import EXPLAIN, LIMIT, PREDICT, Answer

LEAVING_RATE = 20.0
LONGEST_STAY = 0.05
HOUR = 3600.0
TRUTH_SECONDS = 10.0


@asynccontextmanager
async def clients_leave(bed: Bed) -> AsyncIterator[Scene]:
    """As many requests as are answered end by their client at a random moment; nobody gets another's history."""
    transformer = await bed.behind_proxies()
    users = bed.users(40)
    truth = await _histories(transformer.url, users)
    leaving: list[asyncio.Task[None]] = []

    async def begin() -> None:
        leaving.append(asyncio.create_task(_leave(transformer.port, users)))

    async def end() -> None:
        leaving[0].cancel()
        await asyncio.gather(*leaving, return_exceptions=True)

    async def check(answers: Sequence[Answer]) -> list[str]:
        return _foreign(answers, truth)

    yield Scene(transformer.url, begin, end, check, path=EXPLAIN)


@asynccontextmanager
async def replies_late_at_random(bed: Bed) -> AsyncIterator[Scene]:
    """Redis replies after about as long as is waited for it, so that many reads are given up in their midst."""
    transformer = await bed.behind_proxies()
    truth = await _histories(transformer.url, bed.users(40))
    proxy = bed.proxies["redis"]
    changing: list[asyncio.Task[None]] = []

    async def change() -> None:
        while True:
            await proxy.set(Mode.DELAY, random.uniform(0.0, 0.1))
            await asyncio.sleep(0.02)

    async def begin() -> None:
        changing.append(asyncio.create_task(change()))

    async def end() -> None:
        changing[0].cancel()
        await asyncio.gather(*changing, return_exceptions=True)
        await proxy.set(Mode.PASS)

    async def check(answers: Sequence[Answer]) -> list[str]:
        return _foreign(answers, truth)

    yield Scene(transformer.url, begin, end, check, path=EXPLAIN, seconds=5.0)


def clock_off(shift: float) -> SceneOf:
    """The transformer's clock is that many seconds ahead of everybody else's (or behind)."""

    @asynccontextmanager
    async def scene(bed: Bed) -> AsyncIterator[Scene]:
        async with bed.transformer(through_proxies=False, shift=shift) as transformer:
            await transformer.ready()

            async def check(answers: Sequence[Answer]) -> list[str]:
                return await _events_with_a_shifted_clock(transformer.url, shift)

            yield Scene(transformer.url, check=check, faulty=True)

    return scene


async def _events_with_a_shifted_clock(url: str, shift: float) -> list[str]:
    """An event without a time is stored; one of now is stored too, or refused by a server that takes it for the future."""
    client, user = HttpClient(url), f"clock-{uuid4().hex[:8]}"
    timeless: dict[str, Any] = {"user_id": user, "item_id": "1", "type": "view"}
    try:
        events = (timeless, {**timeless, "timestamp": time.time()})
        answers = [await client.post("/v1/events", orjson.dumps({"events": [event]})) for event in events]
    finally:
        client.close()
    (first, _), (second, text) = answers
    problems = [] if first == 202 else [f"an event without a time was answered {first}"]
    refused = second == 400 and orjson.loads(text)["field"] == "events[0].timestamp"
    if second != 202 and not (shift < 0 and refused):
        problems.append(f"an event of now was answered {second} {text.decode()[:200]}")
    return problems


async def _histories(url: str, users: Sequence[str]) -> Mapping[str, object]:
    """Each user's history as the transformer explains it to a calm client, one request at a time."""
    client = HttpClient(url)
    try:
        return {user: await _history(client, user) for user in users}
    finally:
        client.close()


async def _history(client: HttpClient, user: str) -> object:
    """Asked for again where it was not read: on a busy machine even a calm client meets that."""
    body = orjson.dumps({"instances": [{"user_id": user, "limit": LIMIT}]})
    async with asyncio.timeout(TRUTH_SECONDS):
        while True:
            status, content = await client.post(EXPLAIN, body)
            if status == 200 and "history" not in (prediction := orjson.loads(content)["predictions"][0])["degraded"]:
                return prediction["state"]["history"]
            await asyncio.sleep(0.1)


def _foreign(answers: Sequence[Answer], truth: Mapping[str, object]) -> list[str]:
    read = [a for a in answers if a.status == 200 and "history" not in a.degraded]
    wrong = [answer.user_id for answer in read if answer.prediction["state"]["history"] != truth[answer.user_id]]
    return [f"{len(wrong)} of {len(read)} answers show another history than the user's own, such as of user {wrong[0]}"] if wrong else []


async def _leave(port: int, users: Sequence[str]) -> None:
    chance = random.Random(5)
    async with asyncio.TaskGroup() as group:
        while True:
            group.create_task(_ask_and_leave(port, chance.choice(users), chance.uniform(0, LONGEST_STAY)))
            await asyncio.sleep(1 / LEAVING_RATE)


async def _ask_and_leave(port: int, user: str, stay: float) -> None:
    body = orjson.dumps({"instances": [{"user_id": user, "limit": LIMIT}]})
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await asyncio.sleep(stay)
    writer.transport.abort()
