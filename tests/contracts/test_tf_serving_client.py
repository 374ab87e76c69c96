"""The client against a gRPC server that answers what a test tells it to: errors mapped, garbage refused, deadlines kept."""

from __future__ import annotations

import asyncio

import grpc
import grpc.aio
import numpy as np
import pytest
from fake_model_server import INPUTS, FakeServer, answers, fails, hangs, response

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
