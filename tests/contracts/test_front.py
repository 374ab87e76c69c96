"""The front under overload: who is refused, before what, and what a slow sender costs the others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from prometheus_client import REGISTRY
from starlette.types import Message, Receive, Scope, Send

from inference_graph.overload import Overload, OverloadSettings
from inference_graph.serving.front import READERS, Front, Limits

PREDICT, EVENTS = "/v1/models/recommender:predict", "/v1/events"
BODY: Message = {"type": "http.request", "body": b"{}", "more_body": False}


@dataclass
class Waiting:
    """An application whose requests stay at work until they are let go."""

    leave: asyncio.Event = field(default_factory=asyncio.Event)
    at_work: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.at_work += 1
        await self.leave.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@dataclass
class Asked:
    """One request and what came back; its body is there once `body` is set."""

    front: Front
    path: str = PREDICT
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: asyncio.Event = field(default_factory=asyncio.Event)
    read: bool = False
    sent: list[Any] = field(default_factory=list)

    def start(self) -> asyncio.Task[None]:
        scope = {"type": "http", "method": "POST", "path": self.path, "headers": list(self.headers)}
        return asyncio.create_task(self.front(scope, self._receive, self._send))

    async def _receive(self) -> Message:
        self.read = True
        await self.body.wait()
        return BODY

    async def _send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])


@pytest.fixture
def app() -> Waiting:
    return Waiting()


def front_over(app: Callable[..., Awaitable[None]], most: int, usual: int | None = None) -> Front:
    settings = OverloadSettings(least_concurrency=1, usual_concurrency=usual or most)
    computes = Overload(settings, most, processor_time=time.monotonic)
    return Front(app, {PREDICT: "home"}, Limits(concurrency=most), lambda: False, computes)


async def start(front: Front, path: str = PREDICT, whole: bool = True) -> tuple[Asked, asyncio.Task[None]]:
    asked = Asked(front, path)
    if whole:
        asked.body.set()
    task = asked.start()
    await asyncio.sleep(0)
    return asked, task


async def test_one_too_many_is_refused_unread_with_the_contracts_error(app: Waiting) -> None:
    front = front_over(app, most=8, usual=2)
    at_work = [await start(front) for _ in range(2)]
    refused = Asked(front, headers=((b"x-request-id", b"mine"),))
    before = REGISTRY.get_sample_value("recommender_requests_total", {"surface": "home", "code": "429"}) or 0
    await refused.start()
    assert not refused.read
    headers = dict(refused.sent[0]["headers"])
    assert (refused.status, headers[b"retry-after"], headers[b"x-request-id"]) == (429, b"1", b"mine")
    assert int(headers[b"content-length"]) == len(refused.sent[1]["body"])
    assert orjson.loads(refused.sent[1]["body"]) == {
        "error": "more requests than can be served now, try again",
        "field": None,
        "request_id": "mine",
    }
    assert REGISTRY.get_sample_value("recommender_requests_total", {"surface": "home", "code": "429"}) == before + 1
    app.leave.set()
    await asyncio.gather(*(task for _, task in at_work))
    assert {asked.status for asked, _ in at_work} == {200}
    again, task = await start(front)
    await task
    assert again.status == 200


async def test_events_are_taken_while_answers_are_refused(app: Waiting) -> None:
    front = front_over(app, most=8, usual=1)
    _, answer = await start(front)
    event, stored = await start(front, EVENTS)
    assert app.at_work == 2
    app.leave.set()
    await asyncio.gather(answer, stored)
    assert event.status == 200


async def test_a_body_that_comes_slowly_takes_nobodys_place(app: Waiting) -> None:
    front = front_over(app, most=1)
    slow, slow_task = await start(front, whole=False)
    good, task = await start(front)
    assert app.at_work == 1
    slow.body.set()
    await slow_task
    assert slow.status == 429
    app.leave.set()
    await task
    assert good.status == 200


async def test_bodies_that_are_being_read_are_bounded_too(app: Waiting) -> None:
    front = front_over(app, most=2)
    slow = [await start(front, whole=False) for _ in range(2 * READERS)]
    one_more, task = await start(front, whole=False)
    await task
    assert (one_more.status, one_more.read) == (429, False)
    app.leave.set()
    for asked, _ in slow:
        asked.body.set()
    await asyncio.gather(*(task for _, task in slow))
    assert {asked.status for asked, _ in slow} <= {200, 429}


async def test_a_request_that_fails_gives_its_place_back() -> None:
    async def breaks(scope: Scope, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError

    front = front_over(breaks, most=1)
    for _ in range(3):
        asked, task = await start(front)
        await task
        assert asked.status == 500
