"""Stands between a transformer and a model server, passes gRPC messages on as bytes, and notes the Predict calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import grpc
import grpc.aio

from inference_graph.bench.recorded_calls import HOLD_SECONDS, Call
from inference_graph.clients.tf_serving_protocol.methods import PREDICT
from inference_graph.local.ports import HOST

UNBOUNDED = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1), ("grpc.enable_http_proxy", 0))
SECONDS = 10.0


class RecordingModel(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic in its stubs only
    """One model server's stand-in; `noted` gets every Predict."""

    def __init__(self, name: str, port: int, noted: Callable[[Call], None]) -> None:
        self._name, self._noted = name, noted
        self._channel = grpc.aio.insecure_channel(f"{HOST}:{port}", options=UNBOUNDED)
        self._server = grpc.aio.server(options=UNBOUNDED)
        self._server.add_generic_rpc_handlers((self,))

    async def start(self) -> int:
        """The port that it listens on."""
        port = self._server.add_insecure_port(f"{HOST}:0")
        await self._server.start()
        return port

    async def stop(self) -> None:
        await self._server.stop(None)
        await self._channel.close(None)

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        return grpc.unary_unary_rpc_method_handler(self._passing(str(details.method)))

    def _passing(self, method: str) -> Callable[[bytes, grpc.aio.ServicerContext[bytes, bytes]], Awaitable[bytes]]:
        async def passed(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            began = time.perf_counter()
            await asyncio.sleep(HOLD_SECONDS)
            try:
                reply: bytes = await self._channel.unary_unary(method, None, None)(request, timeout=SECONDS)
            except grpc.aio.AioRpcError as error:
                await context.abort(error.code(), error.details() or "")
            if method == PREDICT:
                self._noted(Call(self._name, method, request, 1, began, time.perf_counter()))
            return reply

        return passed
