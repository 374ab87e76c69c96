"""Services that speak the right protocol and say the wrong thing: a Redis and a model server."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import grpc
import grpc.aio
import numpy as np

from inference_graph.clients import Array
from inference_graph.clients.tf_serving_protocol import methods
from inference_graph.clients.tf_serving_protocol.codec import encode
from inference_graph.clients.tf_serving_protocol.predict_pb2 import ModelSpec, PredictRequest, PredictResponse

HOST = "127.0.0.1"
REDIS_REPLIES = (b":1\r\n", b"+OK\r\n", b"$3\r\nabc\r\n", b"*1\r\n:7\r\n", b"*2\r\n*0\r\n$-1\r\n")


@asynccontextmanager
async def wrong_redis() -> AsyncIterator[int]:
    """The port of a server that answers every command with a value of a type that nobody asked for."""
    turn = itertools.cycle(REDIS_REPLIES)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readline():
                for _ in range(int(head[1:])):
                    size = int((await reader.readline())[1:])
                    await reader.readexactly(size + 2)
                writer.write(next(turn))
        except (OSError, ValueError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def wrong_model() -> AsyncIterator[int]:
    """The port of a model server whose answers have wrong names, shapes and types, or are no answers at all, in turn."""
    turn = itertools.cycle(wrong_answers())

    async def predict(request: bytes, context: object) -> bytes:
        return next(turn) or _texts_for(PredictRequest.FromString(request))

    async def metadata(request: bytes, context: object) -> bytes:
        return b""

    server = grpc.aio.server()
    server.add_generic_rpc_handlers([_service(predict, metadata)])
    port = server.add_insecure_port(f"{HOST}:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


def _service(predict: Callable[..., object], metadata: Callable[..., object]) -> grpc.GenericRpcHandler[bytes, bytes]:
    routes = {name.rsplit("/", 1)[1]: call for name, call in ((methods.PREDICT, predict), (methods.GET_MODEL_METADATA, metadata))}
    answers = {name: grpc.unary_unary_rpc_method_handler(call) for name, call in routes.items()}
    return grpc.method_handlers_generic_handler(methods.PREDICTION_SERVICE, answers)


def wrong_answers() -> Sequence[bytes]:
    """Each is wrong for retrieval and for ranking alike."""
    few: dict[str, Array] = {"item_ids": np.zeros(3, np.float32), "scores": np.zeros((1, 3), np.float32)}
    deep: dict[str, Array] = {"item_ids": np.zeros((1, 2, 3), np.float32), "scores": np.zeros((1, 2, 3), np.float32)}
    numbers: dict[str, Array] = {"item_ids": np.ones((1, 5), np.float32), "scores": np.ones((1, 5), np.int64)}
    texts: dict[str, Array] = {"item_ids": np.array(b"scalar", object), "scores": np.array([[b"a", b"b"]], object)}
    empty: dict[str, Array] = {"item_ids": np.zeros((0, 0), np.float32), "scores": np.zeros((0, 0), np.float32)}
    whole = [_answer(outputs) for outputs in ({}, few, deep, numbers, texts, empty)]
    return [*whole, _answer(few, version=False), b"", b"\xff garbage"]


def _texts_for(request: PredictRequest) -> bytes:
    """As many scores as candidates, but texts; no item_ids."""
    count = request.inputs["candidate_ids"].tensor_shape.dim[1].size if "candidate_ids" in request.inputs else 1
    return _answer({"scores": np.full((1, count), b"0.5", object)})


def _answer(outputs: dict[str, Array], version: bool = True) -> bytes:
    spec = ModelSpec(name="wrong")
    if version:
        spec.version.value = 1
    return PredictResponse(model_spec=spec, outputs={name: encode(array) for name, array in outputs.items()}).SerializeToString()
