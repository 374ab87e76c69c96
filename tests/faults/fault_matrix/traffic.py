"""An open loop: requests leave when they are due, however late the answers are, and every answer is kept."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

from fault_matrix.http_client import HttpClient

LIMIT = 10
PREDICT, EXPLAIN = "/v1/models/recommender:predict", "/v1/models/recommender:explain"


@dataclass(frozen=True, slots=True)
class Answer:
    """Times in seconds of the event loop's clock; status 0 where no answer came, and then `text` says why."""

    user_id: str
    due: float
    received: float
    status: int
    text: str = ""
    prediction: Any = None

    @property
    def milliseconds(self) -> float:
        return (self.received - self.due) * 1000

    @property
    def is_full(self) -> bool:
        """A 200 with as many different items as were asked for, for the user who asked."""
        if self.status != 200:
            return False
        items = {item["item_id"] for item in self.prediction["items"]}
        return len(items) == LIMIT and self.prediction["user_id"] == self.user_id

    @property
    def degraded(self) -> tuple[str, ...]:
        return tuple(self.prediction["degraded"]) if self.status == 200 else ("no answer",)


@dataclass
class Traffic:
    """`answers` in the order in which they came."""

    url: str
    users: Sequence[str]
    rate: float = 20.0
    path: str = PREDICT
    answers: list[Answer] = field(default_factory=list)

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[list[Answer]]:
        """Sends until the block ends, then waits for what is still under way."""
        # A collection over a hundred kept explanations takes 90 ms, over 20,000 answers 450: until then no request leaves when it is
        # due, and every proxy of this process stands still, as by no fault of any service.
        gc.collect()
        gc.disable()
        client, open_requests = HttpClient(self.url), set[asyncio.Task[None]]()
        sending = asyncio.create_task(self._send(client, open_requests))
        try:
            yield self.answers
        finally:
            sending.cancel()
            await asyncio.gather(sending, *open_requests, return_exceptions=True)
            client.close()
            gc.enable()

    async def _send(self, client: HttpClient, open_requests: set[asyncio.Task[None]]) -> None:
        loop = asyncio.get_running_loop()
        start, turn = loop.time(), 0
        while True:
            due = start + turn / self.rate
            await asyncio.sleep(max(0.0, due - loop.time()))
            task = asyncio.create_task(self._ask(client, self.users[turn % len(self.users)], due))
            open_requests.add(task)
            task.add_done_callback(open_requests.discard)
            turn += 1

    async def _ask(self, client: HttpClient, user_id: str, due: float) -> None:
        loop = asyncio.get_running_loop()
        body = orjson.dumps({"instances": [{"user_id": user_id, "limit": LIMIT}]})
        try:
            status, content = await client.post(self.path, body)
        except (OSError, TimeoutError) as error:
            self.answers.append(Answer(user_id, due, loop.time(), 0, repr(error)))
            return
        received = loop.time()
        prediction = orjson.loads(content)["predictions"][0] if status == 200 else None
        self.answers.append(Answer(user_id, due, received, status, "" if status == 200 else content.decode()[:300], prediction))
