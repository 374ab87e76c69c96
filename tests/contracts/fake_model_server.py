"""A gRPC server that answers what a test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import grpc
import grpc.aio
import numpy as np

from inference_graph.clients.tf_serving_protocol.predict_pb2 import ModelSpec, PredictResponse
from inference_graph.clients.tf_serving_protocol.tensor_pb2 import TensorProto

Behaviour = Callable[[bytes, "grpc.aio.ServicerContext[bytes, bytes]"], Awaitable[bytes]]
INPUTS = {"x": np.array([[1.0, 2.0]], np.float32), "ids": np.array([[b"a", b"b"]])}


@dataclass
class FakeServer(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    """Answers each method as told, and keeps what it was asked."""

    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    asked: list[tuple[str, bytes]] = field(default_factory=list)
    called: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        method = str(handler_call_details.method)
        if method not in self.behaviours:
            return None

        async def behave(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            self.asked.append((method, request))
            self.called.set()
            return await self.behaviours[method](request, context)

        return grpc.unary_unary_rpc_method_handler(behave)


def answers(reply: bytes) -> Behaviour:
    async def behave(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        return reply

    return behave


def fails(code: grpc.StatusCode, details: str = "why") -> Behaviour:
    async def behave(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        await context.abort(code, details)
        raise AssertionError("abort returned")

    return behave


async def hangs(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
    await asyncio.Event().wait()
    return b""


def response(version: int = 7, **outputs: TensorProto) -> bytes:
    reply = PredictResponse(outputs=outputs, model_spec=ModelSpec(name="ranking"))
    reply.model_spec.version.value = version
    return reply.SerializeToString()
