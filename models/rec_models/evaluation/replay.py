"""Asks the served graph what it would have shown each tested user then: over HTTP, at the event's time, with what had come by then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import httpx
import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray

from inference_graph.errors import DependencyBadResponse
from rec_models.evaluation.rankings import DEPTH
from rec_models.evaluation.requests import Requests

AT_ONCE, TRIES, SECONDS = 2, 3, 60.0
MOST_EVENTS = 500
Instance = Mapping[str, Any]
Reply = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Question:
    """Instances in the order of the requests; `seconds` of each answer are measured where the client waits."""

    verb: Literal["predict", "explain"]
    instances: list[Instance]
    graph: str


def instances(requests: Requests, events: pl.DataFrame, train: NDArray[np.bool_], limit: int = DEPTH) -> list[Instance]:
    """What is sent for each request: `history` holds what the user did since the training part ended for them.

    `events` (item_id, type, value, timestamp) and `train` are in the order of the requests' sequences.
    """
    user_ids, users = requests.sequences.user_ids, requests.users
    bounds = zip(requests.first.tolist(), requests.cut.tolist(), strict=True)
    held_out = [np.arange(first, cut)[~train[first:cut]][-MOST_EVENTS:] for first, cut in bounds]
    needed = np.unique(np.concatenate([np.empty(0, np.int64), *held_out]))
    found = dict(zip(needed.tolist(), events.select("item_id", "type", "value", "timestamp")[needed].to_dicts(), strict=True))
    return [
        {"user_id": str(user_ids[user]), "limit": limit, "timestamp": moment, "history": [_sent(found[event]) for event in own.tolist()]}
        for user, moment, own in zip(users.tolist(), requests.times.tolist(), held_out, strict=True)
    ]


def ask(url: str, question: Question, take: Callable[[int, Reply, float], None], advance: Callable[[float], None]) -> None:
    """Asks one instance after another, AT_ONCE at a time; `take` is given the number, the answer and its seconds.

    An answer that had to do without something is asked for again. Raises DependencyBadResponse where it stays so.
    """
    asyncio.run(_ask(url, question, take, advance))


async def _ask(url: str, question: Question, take: Callable[[int, Reply, float], None], advance: Callable[[float], None]) -> None:
    waiting = iter(enumerate(question.instances))
    async with httpx.AsyncClient(base_url=url, timeout=SECONDS, trust_env=False) as client:
        await _taken_up(client, question)

        async def work() -> None:
            for number, instance in waiting:
                started = time.perf_counter()
                take(number, await _whole(client, question, instance), time.perf_counter() - started)
                advance(1.0 / len(question.instances))

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))


async def _taken_up(client: httpx.AsyncClient, question: Question) -> None:
    """Until the graph.yaml that is to be measured answers."""
    until = time.monotonic() + SECONDS
    while (graph := (await _one(client, question.verb, question.instances[0]))["versions"]["graph"]) != question.graph:
        if time.monotonic() > until:
            raise DependencyBadResponse(f"graph {question.graph} was not taken up within {SECONDS:.0f} s, {graph} still answers")
        await asyncio.sleep(0.2)


async def _whole(client: httpx.AsyncClient, question: Question, instance: Instance) -> Reply:
    for _ in range(TRIES):
        reply = await _one(client, question.verb, instance)
        if not reply["degraded"] and reply["versions"]["graph"] == question.graph:
            return reply
    raise DependencyBadResponse(
        f"{TRIES} answers for user {instance['user_id']} did without {', '.join(reply['degraded'])}: such answers are not what is measured"
    )


async def _one(client: httpx.AsyncClient, verb: str, instance: Instance) -> Reply:
    reply = await client.post(f"/v1/models/recommender:{verb}", content=orjson.dumps({"instances": [instance]}))
    if reply.status_code != 200:
        raise DependencyBadResponse(f"the graph answered {reply.status_code}: {reply.text[:300]}")
    answer: Reply = orjson.loads(reply.content)["predictions"][0]
    return answer


def _sent(event: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in event.items() if value is not None}
