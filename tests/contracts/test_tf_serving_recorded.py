"""Our model server against what a real TF Serving 2.21 answered: status, error text, decoded values."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf.wrappers_pb2 import Int64Value

from inference_graph.clients.tf_serving_protocol.codec import encode
from inference_graph.clients.tf_serving_protocol.model_pb2 import GetModelStatusRequest, ModelConfig
from inference_graph.clients.tf_serving_protocol.predict_pb2 import ModelSpec, PredictRequest
from inference_graph.clients.tf_serving_protocol.tensor_pb2 import DataType, TensorProto, TensorShapeProto

FACTS = Path(__file__).resolve().parents[3] / "shared" / "facts"
RECORDED = FACTS / "tf_serving_exchanges.jsonl"
NAMES = {"half_plus_two": ("default", "my model", "m"), "signatures": ("default",)}

pytestmark = pytest.mark.skipif(not RECORDED.exists(), reason=f"the recorded exchanges are not beside the checkout ({RECORDED.name})")


def exchanges(over: str) -> list[Any]:
    if not RECORDED.exists():
        return []
    rows = [row for row in map(json.loads, RECORDED.read_text().splitlines()) if row["over"] == over]
    return [pytest.param(row, id=row.get("case") or f"{row['method']} {row['path']} {row['request']}") for row in rows]


@dataclass
class Served:
    answering: Any
    rest: Any


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Served]]:
    from model_server.answering import Answering
    from model_server.metrics import Metrics
    from model_server.models import Models
    from model_server.rest import Rest
    from model_server.saved_model import SavedModel
    from model_server.versions import Loading

    folder = tmp_path_factory.mktemp("models")
    spec = importlib.util.spec_from_file_location("tf_serving_models", FACTS / "tf_serving_models.py")
    assert spec is not None
    assert spec.loader is not None
    exporter = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(exporter)
    exporter.half_plus_two(str(folder))
    exporter.signatures(str(folder))
    answering = {}
    for model, names in NAMES.items():
        models = Models(Loading(lambda name, number, path: SavedModel(path, ["serve"], 0, 0), 0, 60.0))
        models.configure([ModelConfig(name=name, base_path=str(folder / model), model_platform="tensorflow") for name in names])
        answering[model] = Answering(models, Metrics())
    yield {model: Served(one, Rest(one, 30.0, None)) for model, one in answering.items()}
    for one in answering.values():
        one.models.configure([])


@pytest.mark.parametrize("recorded", exchanges("rest"))
def test_a_rest_request_is_answered_as_tf_serving_answered_it(served: dict[str, Served], recorded: dict[str, Any]) -> None:
    body = (recorded["request"] or "").encode()
    reply = served[recorded["model"]].rest.answer(recorded["method"], recorded["path"], body)
    assert (reply.status, parsed(reply.body.decode())) == (recorded["status"], parsed(recorded["reply"]))


@pytest.mark.parametrize("recorded", exchanges("grpc"))
def test_a_grpc_call_is_refused_as_tf_serving_refused_it(served: dict[str, Served], recorded: dict[str, Any]) -> None:
    from model_server.refusal import Refused

    with pytest.raises(Refused) as caught:
        call(served[recorded["model"]].answering, recorded["case"])
    assert (caught.value.status, caught.value.text) == (recorded["code"], recorded["details"])


def call(answering: Any, case: str) -> None:
    x = encode(np.array([2.0], np.float32))
    broken = TensorProto(dtype=DataType.DT_FLOAT, tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=2)]), tensor_content=b"abc")
    m = ModelSpec(name="m")
    status = {
        "grpc_no_model_spec": GetModelStatusRequest(),
        "grpc_unknown_version": GetModelStatusRequest(model_spec=ModelSpec(name="m", version=Int64Value(value=5))),
    }
    predicts = {
        "broken_tensor_proto": PredictRequest(model_spec=m, inputs={"x": broken}),
        "extra_input": PredictRequest(model_spec=m, inputs={"x": x, "z": x}),
        "no_inputs_given": PredictRequest(model_spec=m),
        "no_model_spec": PredictRequest(inputs={"x": x}),
        "unknown_label": PredictRequest(model_spec=ModelSpec(name="m", version_label="nope"), inputs={"x": x}),
        "unknown_model": PredictRequest(model_spec=ModelSpec(name="nope"), inputs={"x": x}),
        "unknown_signature": PredictRequest(model_spec=ModelSpec(name="m", signature_name="nope"), inputs={"x": x}),
        "wrong_dtype": PredictRequest(model_spec=m, inputs={"x": encode(np.array([2], np.int32))}),
    }
    if case in status:
        answering.status(status[case])
    else:
        answering.predict(predicts[case], 1.0)


def parsed(text: str) -> Any:
    """A reply as values; what a text echoes of the body as values too, because only its layout may differ."""
    if not text:
        return text
    document = json.loads(text, parse_constant=str)
    error = document.get("error") if isinstance(document, dict) else None
    if not isinstance(error, str):
        return document
    start = re.search(r"JSON (?:Value|object): (?=\{)", error)
    if start is None:
        return error
    value, end = json.JSONDecoder().raw_decode(error, start.end())
    return error[: start.end()], value, error[end:]
