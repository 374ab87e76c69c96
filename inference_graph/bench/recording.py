"""Records what a request sends to Redis and the models: a transformer of its own asks through stand-ins that note every byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from inference_graph.bench.client import Client
from inference_graph.bench.contestants import ours
from inference_graph.bench.http_messages import is_full
from inference_graph.bench.recorded_calls import Call, waves
from inference_graph.bench.recording_grpc import RecordingModel
from inference_graph.bench.recording_redis import RecordingRedis, through
from inference_graph.bench.session import TRIES, Session
from inference_graph.errors import InferenceGraphError

WARM_UP = 5
SECONDS = 10.0


async def record(session: Session) -> list[list[list[Call]]]:
    """For each user the remote calls of one request, in groups that were under way side by side."""
    calls: list[Call] = []
    async with _stand_ins(session, calls) as environment:
        program = ours(session.running, session.graph, "recorded", **environment)
        started = session.started(program)
        # In a thread, because the stand-ins answer in this loop.
        await asyncio.to_thread(started.__enter__)
        try:
            client = Client(program.port)
            for user_id in session.users[:WARM_UP]:
                await client.ask(session.request("recommender", user_id), SECONDS)
            recorded = [await _recorded(session, client, calls, user_id) for user_id in session.users]
            client.close()
        finally:
            await asyncio.to_thread(started.__exit__, None, None, None)
    return recorded


@asynccontextmanager
async def _stand_ins(session: Session, calls: list[Call]) -> AsyncIterator[dict[str, str]]:
    """The settings of a transformer that asks through them."""
    redis = RecordingRedis(session.running.redis_url, calls.append)
    models = {name: RecordingModel(name, port, calls.append) for name, (port, _) in session.running.ports.models.items()}
    try:
        ports = {name: await model.start() for name, model in models.items()}
        targets = {f"{name.upper()}_TARGET": f"127.0.0.1:{port}" for name, port in ports.items()}
        yield {"REDIS_URL": through(session.running.redis_url, await redis.start()), **targets}
    finally:
        for model in models.values():
            await model.stop()
        await redis.stop()


async def _recorded(session: Session, client: Client, calls: list[Call], user_id: str) -> list[list[Call]]:
    for _ in range(TRIES):
        session.stopping.check()
        calls.clear()
        response = await client.ask(session.request("recommender", user_id), SECONDS)
        if is_full(response):
            return waves(calls)
    raise InferenceGraphError(f"no full answer for user {user_id} while its calls were recorded: {response.status} {response.body[:300]!r}")
