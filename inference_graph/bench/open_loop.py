"""Open loop: requests go out when they are due, whatever became of the ones before, and a late answer is late from then on."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import orjson

from inference_graph.bench.client import Client
from inference_graph.bench.http_messages import Response
from inference_graph.errors import DependencyError

ANSWER_SECONDS = 15.0
NO_ANSWER = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request. Seconds since the run's start, `due` and `ended`; `sent_late` is the generator's own delay.

    `status` is 0 where no answer came; `degraded` is what a 200 did without.
    """

    due: float
    ended: float
    sent_late: float
    status: int
    degraded: tuple[str, ...] = ()

    @property
    def milliseconds(self) -> float:
        return (self.ended - self.due) * 1000

    @property
    def full(self) -> bool:
        return self.status == 200 and not self.degraded


def arrivals(rate: float, duration: float) -> list[float]:
    """When requests are due, in seconds: as independent people would come (a Poisson process), the same in every run."""
    chance = random.Random(0)
    gaps = [chance.expovariate(rate) for _ in range(max(1, round(rate * duration)))]
    # Scaled, so that the rate is what was asked for and not what chance made of it.
    scale = duration / sum(gaps)
    times, now = [], 0.0
    for gap in gaps:
        times.append(now)
        now += gap * scale
    return times


async def offer(port: int, requests: Sequence[bytes], rate: float, duration: float, check: Callable[[], None]) -> list[Outcome]:
    """Sends the requests in turn at that rate; ends when the last was answered. `check` may raise to end it early."""
    loop, client = asyncio.get_running_loop(), Client(port)
    outcomes: list[Outcome] = []
    under_way: set[asyncio.Task[None]] = set()
    # Python's collector would stop the generator, and with it the clock of every answer, for up to a tenth of a second.
    gc.collect()
    gc.disable()
    start = loop.time() + 0.01

    async def one(request: bytes, due: float) -> None:
        outcomes.append(await _one(client, request, start, due))

    try:
        for turn, due in enumerate(arrivals(rate, duration)):
            check()
            if (wait := start + due - loop.time()) > 0:
                await asyncio.sleep(wait)
            under_way.add(task := asyncio.create_task(one(requests[turn % len(requests)], due)))
            task.add_done_callback(under_way.discard)
        # Of the last ones only: to look at ten thousand that are done holds this loop, and with it their answers, for a tenth of a second.
        await asyncio.gather(*under_way)
        return sorted(outcomes, key=lambda outcome: outcome.due)
    finally:
        for task in under_way:
            task.cancel()
        client.close()
        gc.enable()


async def _one(client: Client, request: bytes, start: float, due: float) -> Outcome:
    loop = asyncio.get_running_loop()
    sent_late = loop.time() - start - due
    try:
        response = await client.ask(request, ANSWER_SECONDS)
        status, degraded = response.status, _degraded(response)
    except (OSError, DependencyError):
        status, degraded = NO_ANSWER, ()
    return Outcome(due, loop.time() - start, sent_late, status, degraded)


def _degraded(response: Response) -> tuple[str, ...]:
    return tuple(orjson.loads(response.body)["predictions"][0]["degraded"]) if response.status == 200 else ()
