"""A call that is cancelled at a random moment never leaves its reply on a connection for the next caller."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest

from inference_graph.clients.feature_store import UserFeatures, open_feature_store
from inference_graph.clients.redis_connection import open_redis
from inference_graph.clients.tf_serving import ServedModel
from inference_graph.clients.tf_serving_protocol.codec import decode, encode
from inference_graph.clients.tf_serving_protocol.predict_pb2 import ModelSpec, PredictRequest, PredictResponse
from inference_graph.clients.user_events import UserEvents
from inference_graph.clients.users import Users
from inference_graph.errors import DependencyUnavailable
from inference_graph.types import Event
from rec_models.materialize import materialize
from rec_models.small_workspace import START, make_workspace

USERS = 40
CALLS = 1500
AT_ONCE = 20
ECHO_SECONDS = 0.01


async def storm(ask: Callable[[int], Awaitable[Any]]) -> list[tuple[int, Any]]:
    """Answers by user of the calls that were not cancelled; the others were, at random moments."""
    draw, answers, cancelled = random.Random(1), list[tuple[int, Any]](), 0
    # Twice as long as a call usually takes: the one after a cancelled call has to connect first.
    places, patient = asyncio.Semaphore(AT_ONCE), 2 * await _seconds_of(ask)

    async def one(user: int, patience: float) -> None:
        nonlocal cancelled
        async with places:
            try:
                async with asyncio.timeout(patience):
                    answers.append((user, await ask(user)))
            except (TimeoutError, DependencyUnavailable):
                # A gRPC server in a storm of resets cancels a call or two of its own accord: no answer, and none of another's.
                cancelled += 1

    await asyncio.gather(*(one(draw.randrange(USERS), draw.expovariate(1 / patient)) for _ in range(CALLS)))
    assert cancelled > CALLS / 20
    assert len(answers) > CALLS / 20
    # No connection was lost to the pool: as many calls at once as before are answered.
    answers += [(user, await ask(user)) for user in range(USERS)]
    answers += list(enumerate(await asyncio.gather(*(ask(user) for user in range(USERS)))))
    return answers


async def _seconds_of(ask: Callable[[int], Awaitable[Any]]) -> float:
    """How long a call takes among AT_ONCE others on this machine: patience is drawn around it, so that many calls end either way."""
    for _ in range(3):
        began = time.perf_counter()
        await asyncio.gather(*(ask(user) for user in range(AT_ONCE)))
        seconds = time.perf_counter() - began
    return seconds


async def test_a_users_history_and_features_are_never_anothers(redis_server: Any, tmp_path: Any) -> None:
    ratings = [(f"u{user}", f"i{n % 20}", START + n, 4.0) for user in range(USERS) for n in range(user + 1)]
    workspace = make_workspace(tmp_path / "small", ratings)
    await asyncio.to_thread(materialize, workspace, redis_server.url)
    features = UserFeatures(open_feature_store(workspace.registry, workspace.feature_project, redis_server.url, timeout=5.0))
    events = UserEvents(open_redis(redis_server.url, timeout=10.0, connections=16), "p")
    for user in range(USERS):
        await events.write([Event(f"u{user}", f"i{user}", "view", START + n) for n in range(1 + user % 3)])
    users = Users(events, features)
    for user, found in await storm(lambda user: users.read(f"u{user}")):
        assert set(found.stored.events.item_ids) == {f"i{user}"}
        assert len(found.stored.events) == 1 + user % 3
        assert found.features[0] == user + 1
    await events.close()
    await features.close()


class Echo(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    """A model whose answer is its input, after a random time."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        return grpc.unary_unary_rpc_method_handler(self._answer)

    async def _answer(self, body: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        await asyncio.sleep(random.expovariate(1 / ECHO_SECONDS))
        given = decode(PredictRequest.FromString(body).inputs["user"])
        reply = PredictResponse(outputs={"user": encode(given)}, model_spec=ModelSpec(name="echo"))
        reply.model_spec.version.value = 1
        return reply.SerializeToString()


@pytest.fixture
async def echo() -> AsyncIterator[ServedModel]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Echo(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    model = ServedModel(f"127.0.0.1:{port}", "echo")
    yield model
    await model.close()
    await server.stop(None)


async def test_a_prediction_is_never_anothers(echo: ServedModel) -> None:
    for user, prediction in await storm(lambda user: echo.predict({"user": np.array([[user]], np.float32)}, 5.0)):
        assert prediction.outputs["user"].tolist() == [[user]]
