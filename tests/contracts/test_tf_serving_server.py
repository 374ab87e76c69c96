"""The model server's services in this process: labels, configuration, REST, metrics, and what is not readable."""

from __future__ import annotations

import gzip
import importlib
import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest

from inference_graph.clients.tf_serving_protocol import methods
from inference_graph.clients.tf_serving_protocol.codec import decode, encode
from inference_graph.clients.tf_serving_protocol.model_pb2 import (
    GetModelMetadataRequest,
    HealthCheckResponse,
    ModelConfig,
    ReloadConfigRequest,
)
from inference_graph.clients.tf_serving_protocol.predict_pb2 import ModelSpec, PredictionLog, PredictLog, PredictRequest, PredictResponse
from model_server.answering import Answering
from model_server.batching_parameters import configured_batching
from model_server.flags import Flags
from model_server.grpc_service import open_grpc
from model_server.loading import loader
from model_server.metrics import Metrics
from model_server.models import Models
from model_server.predicting import predict as model_answer
from model_server.refusal import Refused
from model_server.rest import Reply, Rest
from model_server.rest_server import open_rest
from model_server.saved_model import SavedModel
from model_server.versions import Loading

X = encode(np.array([2.0], np.float32))


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tf: Any = importlib.import_module("tensorflow")
    folder = tmp_path_factory.mktemp("m")
    for version in (1, 2):
        module = tf.Module()
        vector = tf.TensorSpec((None,), tf.float32, name="x")
        module.add = tf.function(lambda x, by=version: {"y": x + by, "z": -x}, input_signature=[vector])
        module.weigh = tf.function(lambda x: {"y": x * tf.constant([1.0, 2.0, 3.0])}, input_signature=[vector])
        module.text = tf.function(lambda x: {"bytes": tf.strings.length(x)}, input_signature=[tf.TensorSpec((None,), tf.string, name="x")])
        signatures = {"serving_default": module.add, "weigh": module.weigh, "text": module.text}
        tf.saved_model.save(module, str(folder / str(version)), signatures=signatures)
    return folder


def config(base: Path, name: str = "m", labels: dict[str, int] | None = None) -> ModelConfig:
    made = ModelConfig(name=name, base_path=str(base), model_platform="tensorflow", version_labels=labels or {})
    made.model_version_policy.all.SetInParent()
    return made


@pytest.fixture
def models(base: Path) -> Iterator[Models]:
    made = Models(Loading(lambda name, number, folder: SavedModel(folder, ["serve"], 0, 0), 0, 60.0))
    made.configure([config(base)])
    yield made
    made.configure([])


@pytest.fixture
def answering(models: Models) -> Answering:
    return Answering(models, Metrics())


@pytest.fixture
def channel(answering: Answering) -> Iterator[grpc.Channel]:
    flags = Flags(port=free_port(), enable_grpc_healthcheck_service=True)
    server = open_grpc(answering, flags)
    with grpc.insecure_channel(f"127.0.0.1:{flags.port}") as opened:
        yield opened
    server.stop(None).wait()


def predict(answering: Answering, **spec: Any) -> tuple[dict[str, list[float]], int]:
    outputs, came = answering.predict(PredictRequest(model_spec=ModelSpec(name="m", **spec), inputs={"x": X}), None)
    return {name: array.tolist() for name, array in outputs.items()}, came.version.value


def test_the_newest_version_answers_unless_one_is_named(answering: Answering) -> None:
    assert predict(answering) == ({"y": [4.0], "z": [-2.0]}, 2)
    assert predict(answering, version={"value": 1}) == ({"y": [3.0], "z": [-2.0]}, 1)


def test_only_the_outputs_that_are_asked_for_are_computed_and_unknown_ones_named(answering: Answering) -> None:
    request = PredictRequest(model_spec=ModelSpec(name="m"), inputs={"x": X}, output_filter=["z"])
    assert list(answering.predict(request, None)[0]) == ["z"]
    request.output_filter.append("w")
    with pytest.raises(Refused, match=r"output tensor alias not found in signature: w Outputs expected to be in the set \{y,z\}\."):
        answering.predict(request, None)


def test_a_shape_that_the_graph_cannot_compute_with_is_refused_in_tensorflows_words(answering: Answering) -> None:
    bad = encode(np.zeros(2, np.float32))
    with pytest.raises(Refused, match=r"INVALID_ARGUMENT: Incompatible shapes: \[3\] vs\. \[2\]"):
        answering.predict(PredictRequest(model_spec=ModelSpec(name="m", signature_name="weigh"), inputs={"x": bad}), None)


def test_metadata_must_be_asked_for_by_its_one_name(answering: Answering) -> None:
    with pytest.raises(Refused, match="must specify at least one metadata_field"):
        answering.metadata(GetModelMetadataRequest(model_spec=ModelSpec(name="m")))
    with pytest.raises(Refused, match="Metadata field weights is not supported"):
        answering.metadata(GetModelMetadataRequest(model_spec=ModelSpec(name="m"), metadata_field=["weights"]))


def test_what_grpc_cannot_read_or_does_not_know_has_its_code(channel: grpc.Channel) -> None:
    def code(path: str, body: bytes) -> grpc.StatusCode:
        return channel.unary_unary(path, None, None).future(body, timeout=5).code()

    assert code(methods.PREDICT, b"\xff\xff") == grpc.StatusCode.INTERNAL
    for method in ("Prediction/Classify", "Prediction/Regress", "Prediction/MultiInference", "Session/SessionRun"):
        assert code(f"/tensorflow.serving.{method.replace('/', 'Service/')}", b"") == grpc.StatusCode.UNIMPLEMENTED
    nope = PredictRequest(model_spec=ModelSpec(name="m", signature_name="n" * 5000), inputs={"x": X})
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(methods.PREDICT, None, None)(nope.SerializeToString(), timeout=5)
    assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert caught.value.details() == f'Serving signature key "{"n" * 1001}...TRUNCATED'
    assert HealthCheckResponse.FromString(channel.unary_unary(methods.CHECK_HEALTH, None, None)(b"")).status == HealthCheckResponse.SERVING


def test_replies_list_their_values_and_are_raw_only_by_flag(answering: Answering, channel: grpc.Channel) -> None:
    body = PredictRequest(model_spec=ModelSpec(name="m"), inputs={"x": X}).SerializeToString()
    reply = PredictResponse.FromString(channel.unary_unary(methods.PREDICT, None, None)(body, timeout=5))
    assert (list(reply.outputs["y"].float_val), reply.outputs["y"].tensor_content) == ([4.0], b"")
    flags = Flags(port=free_port(), enable_serialization_as_tensor_content=True)
    server = open_grpc(answering, flags)
    with grpc.insecure_channel(f"127.0.0.1:{flags.port}") as raw:
        reply = PredictResponse.FromString(raw.unary_unary(methods.PREDICT, None, None)(body, timeout=5))
    server.stop(None).wait()
    assert (list(reply.outputs["y"].float_val), decode(reply.outputs["y"]).tolist()) == ([], [4.0])


def test_a_reload_serves_exactly_the_new_models_and_a_broken_one_says_why(
    base: Path, tmp_path: Path, models: Models, channel: grpc.Channel
) -> None:
    def reload(*configs: ModelConfig) -> grpc.StatusCode:
        request = ReloadConfigRequest()
        request.config.model_config_list.config.extend(configs)
        return channel.unary_unary(methods.RELOAD_CONFIG, None, None).future(request.SerializeToString(), timeout=20).code()

    assert reload(config(base), config(base, "other")) == grpc.StatusCode.OK
    assert models.versions(ModelSpec(name="other"))[0].number == 2
    assert reload(config(base), config(base)) == grpc.StatusCode.INVALID_ARGUMENT
    (tmp_path / "1").mkdir()
    assert reload(config(base), config(tmp_path, "broken")) == grpc.StatusCode.UNKNOWN
    with pytest.raises(Refused, match=r"Servable not found for request: Latest\(other\)"), models.use(ModelSpec(name="other")):
        pass


def test_rest_over_http_keeps_the_connection_reads_gzip_and_counts(answering: Answering) -> None:
    flags = Flags(rest_api_port=free_port())
    server = open_rest(Rest(answering, 30.0, "/monitoring/prometheus/metrics"), flags)
    with httpx.Client(base_url=f"http://127.0.0.1:{flags.rest_api_port}", trust_env=False) as client:
        body = json.dumps({"instances": [2.0, 0.1]}).encode()
        expected = {"predictions": [{"y": 4.0, "z": -2.0}, {"y": 2.1, "z": -0.1}]}
        assert client.post("/v1/models/m:predict", content=body).json() == expected
        assert client.post("/v1/models/m:predict", content=gzip.compress(body), headers={"content-encoding": "gzip"}).json() == expected
        assert client.post("/v1/models/m:predict", content=b"x", headers={"content-encoding": "gzip"}).status_code == 400
        assert client.post("/v1/models/m/versions/1:predict", json={"signature_name": "weigh", "inputs": [2.0, 2.0]}).status_code == 400
        assert [client.post(f"/v1/models/m:{method}", json={}).status_code for method in ("classify", "regress")] == [501, 501]
        assert client.get("/v1/models/m/labels/none/metadata").json() == {"error": "Unrecognized servable version label: none"}
        described = client.get("/v1/models/m/metadata").json()
        assert described["model_spec"] == {"name": "m", "signature_name": "", "version": "2"}
        signature = described["metadata"]["signature_def"]["signature_def"]["serving_default"]
        assert signature["inputs"]["x"]["tensor_shape"] == {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}
        assert client.get("/elsewhere").status_code == 404
        page = client.get("/monitoring/prometheus/metrics").text
    server.should_exit = True
    assert ':tensorflow:serving:request_count{model_name="m",status="OK"} 3' in page
    assert ':tensorflow:serving:request_count{model_name="m",status="INVALID_ARGUMENT"} 2' in page
    assert ':tensorflow:serving:request_count{model_name="m",status="UNIMPLEMENTED"} 2' in page
    assert ':tensorflow:serving:request_latency_count{model_name="m",API="predict",entrypoint="REST"} 2' in page
    assert ':tensorflow:serving:request_latency_count{model_name="m",API="",entrypoint="REST"} 1' in page
    assert ':tensorflow:serving:runtime_latency_count{model_name="m",API="Predict",runtime="TF1"} 2' in page


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"inputs": [1' + b"0" * 400 + b"]}", "Number too big to be stored in double"),
        (b'{"inputs": ["\\ud800"], "signature_name": "text"}', "surrogate pair in string is invalid"),
        (b'{"inputs": [1], "signature_name": "\\ud800"}', "surrogate pair in string is invalid"),
    ],
)
def test_what_only_pythons_json_takes_is_refused(answering: Answering, body: bytes, says: str) -> None:
    reply = Rest(answering, None, None).answer("POST", "/v1/models/m:predict", body)
    assert (reply.status, says in json.loads(reply.body)["error"]) == (400, True)


def test_bytes_that_are_no_text_pass_unchanged(answering: Answering) -> None:
    body = b'{"signature_name": "text", "inputs": ["\xff\xc3\xa9"]}'
    assert json.loads(Rest(answering, None, None).answer("POST", "/v1/models/m:predict", body).body) == {"outputs": [3]}


def test_an_error_of_the_server_itself_is_an_answer_and_a_traceback_in_its_log(
    answering: Answering, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Rest):
        def answer(self, method: str, path: str, body: bytes) -> Reply:
            raise ZeroDivisionError("a bug")

    flags = Flags(rest_api_port=free_port())
    server = open_rest(Broken(answering, None, None), flags)
    reply = httpx.get(f"http://127.0.0.1:{flags.rest_api_port}/v1/models/m", trust_env=False)
    server.should_exit = True
    assert (reply.status_code, list(reply.json())) == (500, ["error"])
    assert "ZeroDivisionError" in caplog.text


def test_the_flags_of_batching_and_warm_up_reach_the_models(base: Path, tmp_path: Path) -> None:
    folder, flags, metrics = tmp_path / "1", Flags(enable_batching=True), Metrics()
    shutil.copytree(base / "1", folder)
    (folder / "assets.extra").mkdir()
    request = PredictRequest(model_spec=ModelSpec(name="m"), inputs={"x": X})
    with importlib.import_module("tensorflow").io.TFRecordWriter(str(folder / "assets.extra" / "tf_serving_warmup_requests")) as file:
        file.write(PredictionLog(predict_log=PredictLog(request=request)).SerializeToString())
    model = loader(flags, configured_batching(flags), metrics)("m", 1, folder)
    assert model_answer(model, request, None, metrics)["y"].tolist() == [3.0]
    model.close()
    page = metrics.page()
    assert ":tensorflow:serving:batching_session:wrapped_run_count{} 2" in page
    assert f':tensorflow:serving:model_warmup_records_read{{model_path="{folder}",status="OK"}} 1' in page
