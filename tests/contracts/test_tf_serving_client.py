"""The client against a gRPC server that answers what a test tells it to: errors mapped, garbage refused, deadlines kept."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import grpc
import grpc.aio
import numpy as np
import pytest

from inference_graph.clients import tf_serving
from inference_graph.clients.tf_serving import ServedModel
from inference_graph.clients.tf_serving_protocol import methods
from inference_graph.clients.tf_serving_protocol.codec import encode
from inference_graph.clients.tf_serving_protocol.model_pb2 import GetModelMetadataResponse, SignatureDef, SignatureDefMap, TensorInfo
from inference_graph.clients.tf_serving_protocol.predict_pb2 import ModelSpec, PredictRequest, PredictResponse
from inference_graph.clients.tf_serving_protocol.tensor_pb2 import DataType, TensorProto, TensorShapeProto
from inference_graph.errors import (
    DependencyBadResponse,
    DependencyError,
    DependencyOverloaded,
    DependencyTimeout,
    DependencyUnavailable,
)

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


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    fake = FakeServer()
    listening = grpc.aio.server(options=[("grpc.max_send_message_length", -1)])
    listening.add_generic_rpc_handlers((fake,))
    fake.port = listening.add_insecure_port("127.0.0.1:0")
    await listening.start()
    yield fake
    await listening.stop(None)


@pytest.fixture
async def model(server: FakeServer) -> AsyncIterator[ServedModel]:
    served = ServedModel(f"127.0.0.1:{server.port}", "ranking")
    yield served
    await served.close()


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


def metadata(name: str = methods.DEFAULT_SIGNATURE) -> bytes:
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=-1), TensorShapeProto.Dim(size=2)])
    inputs = {
        "x": TensorInfo(name="x:0", dtype=DataType.DT_FLOAT, tensor_shape=shape),
        "ids": TensorInfo(name="ids:0", dtype=DataType.DT_STRING, tensor_shape=shape),
    }
    packed = SignatureDefMap(signature_def={name: SignatureDef(inputs=inputs)})
    reply = GetModelMetadataResponse()
    reply.metadata[methods.SIGNATURE_FIELD].value = packed.SerializeToString()
    return reply.SerializeToString()


async def test_the_request_names_the_model_and_carries_the_inputs_raw(server: FakeServer, model: ServedModel) -> None:
    server.behaviours[methods.PREDICT] = answers(response(y=encode(np.zeros(1, np.float32))))
    await model.predict(INPUTS, 1.0)
    request = PredictRequest.FromString(server.asked[0][1])
    assert request.model_spec == ModelSpec(name="ranking")
    assert request.inputs["x"].tensor_content == INPUTS["x"].tobytes()
    assert list(request.inputs["ids"].string_val) == [b"a", b"b"]


@pytest.mark.parametrize("raw", [True, False])
async def test_outputs_are_read_in_both_forms_with_the_version_that_answered(server: FakeServer, model: ServedModel, raw: bool) -> None:
    scores, ids = np.array([[0.5, 0.25]], np.float32), np.array([[b"7", b"9"]])
    server.behaviours[methods.PREDICT] = answers(response(12, scores=encode(scores, raw), item_ids=encode(ids)))
    prediction = await model.predict(INPUTS, 1.0)
    assert prediction.version == "12"
    assert prediction.outputs["scores"].tolist() == scores.tolist()
    assert prediction.outputs["item_ids"].tolist() == ids.tolist()


async def test_an_answer_over_grpcs_own_limit_of_four_mebibytes_is_read(server: FakeServer, model: ServedModel) -> None:
    server.behaviours[methods.PREDICT] = answers(response(y=encode(np.zeros(2_000_000, np.float32))))
    assert (await model.predict(INPUTS, 5.0)).outputs["y"].shape == (2_000_000,)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (grpc.StatusCode.RESOURCE_EXHAUSTED, DependencyOverloaded),
        (grpc.StatusCode.DEADLINE_EXCEEDED, DependencyTimeout),
        (grpc.StatusCode.UNAVAILABLE, DependencyUnavailable),
        (grpc.StatusCode.CANCELLED, DependencyUnavailable),
        (grpc.StatusCode.INVALID_ARGUMENT, DependencyBadResponse),
        (grpc.StatusCode.NOT_FOUND, DependencyBadResponse),
        (grpc.StatusCode.INTERNAL, DependencyBadResponse),
    ],
)
async def test_an_error_becomes_ours_with_its_cause_and_the_models_name(
    server: FakeServer, model: ServedModel, code: grpc.StatusCode, error: type[DependencyError]
) -> None:
    server.behaviours[methods.PREDICT] = fails(code, "the reason")
    with pytest.raises(DependencyError, match=r"'ranking' at 127.0.0.1:\d+: .*the reason") as caught:
        await model.predict(INPUTS, 1.0)
    assert type(caught.value) is error
    assert isinstance(caught.value.__cause__, grpc.aio.AioRpcError)


@pytest.mark.parametrize(
    "reply",
    [
        b"\xff\xff not a message",
        response(y=TensorProto(dtype=DataType.DT_FLOAT, tensor_content=b"abc")),
        PredictResponse(outputs={"y": encode(np.zeros(1, np.float32))}).SerializeToString(),
    ],
    ids=["no message", "broken tensor", "no version"],
)
async def test_garbage_is_a_bad_response(server: FakeServer, model: ServedModel, reply: bytes) -> None:
    server.behaviours[methods.PREDICT] = answers(reply)
    with pytest.raises(DependencyBadResponse):
        await model.predict(INPUTS, 1.0)


async def test_a_server_that_hangs_costs_the_timeout_and_no_more(server: FakeServer, model: ServedModel) -> None:
    server.behaviours[methods.PREDICT] = hangs
    started = asyncio.get_running_loop().time()
    with pytest.raises(DependencyTimeout):
        await model.predict(INPUTS, 0.1)
    assert asyncio.get_running_loop().time() - started < 0.5


async def test_a_server_that_is_not_there_is_unavailable_at_once() -> None:
    model = ServedModel("127.0.0.1:1", "ranking")
    with pytest.raises(DependencyUnavailable):
        await model.predict(INPUTS, 5.0)
    await model.close()


class Names(asyncio.DatagramProtocol):
    """A DNS server (RFC 1035) for which every name is this machine, or none there is."""

    asked = 0
    known = False

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        question = data[12 : data.index(b"\0", 12) + 5]
        is_ipv4 = question[-4:-2] == b"\0\1"
        self.asked += is_ipv4
        answers = [b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 1, 4) + bytes([127, 0, 0, 1])] if self.known and is_ipv4 else []
        header = data[:2] + (b"\x84\x00" if self.known else b"\x84\x03") + struct.pack(">HHHH", 1, len(answers), 0, 0)
        self._transport.sendto(header + question + b"".join(answers), address)


async def test_pods_that_are_back_are_found_soon_however_long_they_were_gone(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.behaviours[methods.PREDICT] = answers(response(version=7))
    monkeypatch.setattr(tf_serving, "SILENT_SECONDS", 0.2)
    listening, names = await asyncio.get_running_loop().create_datagram_endpoint(Names, local_addr=("127.0.0.1", 0))
    model = ServedModel(f"dns://127.0.0.1:{listening.get_extra_info('sockname')[1]}/ranking.test:{server.port}", "ranking")
    for _ in range(60):
        with pytest.raises(DependencyUnavailable):
            await model.predict(INPUTS, 1.0)
        await asyncio.sleep(0.05)
    # In three seconds gRPC by itself looks three times, and then every five, eight, twelve seconds.
    assert names.asked >= 6
    names.known = True
    await asyncio.sleep(0.3)
    with contextlib.suppress(DependencyUnavailable):
        await model.predict(INPUTS, 1.0)
    assert (await model.predict(INPUTS, 1.0)).version == "7"
    await model.close()
    listening.close()


async def test_a_channel_that_is_replaced_lets_calls_under_way_end(
    server: FakeServer, model: ServedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tf_serving, "SILENT_SECONDS", 0.05)
    may_end = asyncio.Event()

    async def behave(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        if len(server.asked) == 1:
            await may_end.wait()
            return response(version=7)
        return await fails(grpc.StatusCode.UNAVAILABLE)(request, context)

    server.behaviours[methods.PREDICT] = behave
    under_way = asyncio.create_task(model.predict(INPUTS, 5.0))
    await server.called.wait()
    await asyncio.sleep(0.1)
    with pytest.raises(DependencyUnavailable):
        await model.predict(INPUTS, 1.0)
    may_end.set()
    assert (await under_way).version == "7"


async def test_a_listener_that_speaks_no_grpc_is_a_dependency_error() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 no\r\n\r\n" * 10)
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(speak, "127.0.0.1", 0)
    model = ServedModel(f"127.0.0.1:{listener.sockets[0].getsockname()[1]}", "ranking")
    with pytest.raises(DependencyError):
        await model.predict(INPUTS, 1.0)
    await model.close()
    listener.close()


async def test_a_connection_that_broke_is_tried_once_more_and_not_more_often(server: FakeServer, model: ServedModel) -> None:
    server.behaviours[methods.PREDICT] = fails(grpc.StatusCode.UNAVAILABLE)
    with pytest.raises(DependencyUnavailable):
        await model.predict(INPUTS, 1.0)
    assert len(server.asked) == 2


async def test_retries_stop_while_the_server_fails_every_call(server: FakeServer, model: ServedModel) -> None:
    server.behaviours[methods.PREDICT] = fails(grpc.StatusCode.UNAVAILABLE)
    for _ in range(30):
        with pytest.raises(DependencyUnavailable):
            await model.predict(INPUTS, 1.0)
    assert len(server.asked) <= 36


async def test_a_server_that_is_overloaded_is_not_asked_again(server: FakeServer, model: ServedModel) -> None:
    server.behaviours[methods.PREDICT] = fails(grpc.StatusCode.RESOURCE_EXHAUSTED)
    for _ in range(5):
        with pytest.raises(DependencyOverloaded):
            await model.predict(INPUTS, 1.0)
    assert len(server.asked) == 5


@pytest.mark.parametrize("every", [2, 5, 20])
async def test_a_server_that_fails_some_calls_is_asked_little_more_than_once(server: FakeServer, model: ServedModel, every: int) -> None:
    good, bad, calls = answers(response(y=encode(np.zeros(1, np.float32)))), fails(grpc.StatusCode.UNAVAILABLE), 200

    async def now_and_then(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        return await (bad if len(server.asked) % every == 0 else good)(request, context)

    server.behaviours[methods.PREDICT] = now_and_then
    answered = 0
    for _ in range(calls):
        with contextlib.suppress(DependencyUnavailable):
            await model.predict(INPUTS, 1.0)
            answered += 1
    assert calls < len(server.asked) <= 1.1 * calls + 5
    assert answered >= calls * (1 - 1 / every) - 1


async def test_cancellation_passes_through(server: FakeServer, model: ServedModel) -> None:
    server.behaviours[methods.PREDICT] = hangs
    call = asyncio.create_task(model.predict(INPUTS, 30.0))
    await server.called.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_the_signature_is_asked_once_and_describes_the_inputs(server: FakeServer, model: ServedModel) -> None:
    server.behaviours[methods.GET_MODEL_METADATA] = answers(metadata())
    assert (await model.signature()).inputs == {"x": ("float32", (-1, 2)), "ids": ("string", (-1, 2))}
    await model.signature()
    assert len(server.asked) == 1


async def test_the_signature_is_asked_again_after_an_input_was_refused(server: FakeServer, model: ServedModel) -> None:
    server.behaviours[methods.GET_MODEL_METADATA] = answers(metadata())
    server.behaviours[methods.PREDICT] = fails(grpc.StatusCode.INVALID_ARGUMENT, "input size does not match signature")
    await model.signature()
    with pytest.raises(DependencyBadResponse, match="input size"):
        await model.predict(INPUTS, 1.0)
    await model.signature()
    assert [method for method, _ in server.asked].count(methods.GET_MODEL_METADATA) == 2


@pytest.mark.parametrize("reply", [b"\xff", b"", metadata("another")], ids=["no message", "empty", "another signature"])
async def test_a_reply_without_a_usable_signature_is_a_bad_response(server: FakeServer, model: ServedModel, reply: bytes) -> None:
    server.behaviours[methods.GET_MODEL_METADATA] = answers(reply)
    with pytest.raises(DependencyBadResponse):
        await model.signature()
