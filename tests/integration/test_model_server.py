"""The model server as a process: starting, swapping versions under load, refusing broken ones, deadlines, stopping."""

from __future__ import annotations

import asyncio
import functools
import importlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import psutil
import pytest

from inference_graph.clients.tf_serving import ServedModel
from inference_graph.clients.tf_serving_protocol import methods
from inference_graph.clients.tf_serving_protocol.codec import decode, encode
from inference_graph.clients.tf_serving_protocol.model_pb2 import GetModelStatusRequest, GetModelStatusResponse
from inference_graph.clients.tf_serving_protocol.predict_pb2 import ModelSpec, PredictionLog, PredictLog, PredictRequest, PredictResponse
from inference_graph.errors import DependencyOverloaded, DependencyTimeout

AVAILABLE, UNLOADING, END = 30, 40, 50
X: dict[str, Any] = {"x": np.array([1.0, 2.0], np.float32)}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def until(true: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.02)


def publish(
    base: Path, version: int, warm_up: list[PredictRequest] | None = None, change: Callable[[Path], object] = lambda folder: 0
) -> None:
    """serving_default: y = x + version; counted: how often it ran; gated: waits while the file at `path` says `wait`."""
    tf: Any = importlib.import_module("tensorflow")
    module = tf.Module()
    module.count = tf.Variable(0, dtype=tf.int64)
    vector = tf.TensorSpec((None,), tf.float32, name="x")

    def gated(path: Any) -> Any:
        # The name changes with every turn for the optimizer alone: it would read once what never changes.
        def read(turn: Any) -> Any:
            return tf.io.read_file(tf.strings.join([path[0], tf.strings.substr(tf.as_string(turn), 0, 0)]))

        _, text = tf.while_loop(lambda turn, text: tf.equal(text, "wait"), lambda turn, text: (turn + 1, read(turn)), (0, read(0)))
        return {"version": tf.constant([version], tf.int64), "text": text}

    module.default = tf.function(lambda x: {"y": x + float(version)}, input_signature=[vector])
    module.counted = tf.function(lambda x: {"count": module.count.assign_add(1)}, input_signature=[vector])
    module.gated = tf.function(gated, input_signature=[tf.TensorSpec((1,), tf.string, name="path")])
    writing = base / f".writing-{version}"
    signatures = {"serving_default": module.default, "counted": module.counted, "gated": module.gated}
    tf.saved_model.save(module, str(writing), signatures=signatures)
    if warm_up is not None:
        (writing / "assets.extra").mkdir()
        with tf.io.TFRecordWriter(str(writing / "assets.extra" / "tf_serving_warmup_requests")) as file:
            for request in warm_up:
                file.write(PredictionLog(predict_log=PredictLog(request=request)).SerializeToString())
    change(writing)
    writing.rename(base / str(version))


def request(signature: str = "", name: str = "m", **inputs: Any) -> PredictRequest:
    tensors = {alias: encode(array) for alias, array in inputs.items()}
    return PredictRequest(model_spec=ModelSpec(name=name, signature_name=signature), inputs=tensors)


class Server:
    def __init__(self, folder: Path, *flags: str) -> None:
        self.port, self.rest_port, self.log = free_port(), free_port(), folder / f"{time.monotonic_ns()}.log"
        ports = (f"--port={self.port}", f"--rest_api_port={self.rest_port}", "--model_name=m")
        command = [sys.executable, "-m", "model_server.main", *ports, f"--model_base_path={folder / 'm'}", *flags]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stderr=log, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.port}")

    def ready(self) -> Server:
        until(lambda: "ready:" in self.text() or self.process.poll() is not None, "the server to be ready")
        assert self.process.poll() is None, self.text()
        return self

    def text(self) -> str:
        return self.log.read_text()

    def call(self, path: str, body: bytes, timeout: float = 20.0) -> bytes:
        return bytes(self.channel.unary_unary(path, None, None)(body, timeout=timeout))

    def predict(self, asked: PredictRequest, timeout: float = 20.0) -> PredictResponse:
        return PredictResponse.FromString(self.call(methods.PREDICT, asked.SerializeToString(), timeout))

    def code(self, asked: PredictRequest) -> grpc.StatusCode:
        return self.channel.unary_unary(methods.PREDICT, None, None).future(asked.SerializeToString(), timeout=20.0).code()

    def states(self) -> dict[int, tuple[int, str]]:
        reply = self.call(methods.GET_MODEL_STATUS, GetModelStatusRequest(model_spec=ModelSpec(name="m")).SerializeToString())
        versions = GetModelStatusResponse.FromString(reply).model_version_status
        return {version.version: (version.state, version.status.error_message) for version in versions}

    def serves(self, version: int) -> bool:
        return self.states().get(version, (0, ""))[0] == AVAILABLE

    def stop(self) -> None:
        self.channel.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    publish(tmp_path / "m", 1)
    return tmp_path


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    made = Server(folder, "--file_system_poll_wait_seconds=0.1", "--grpc_max_threads=4", "--rest_api_timeout_in_ms=300")
    yield made.ready()
    made.stop()


async def test_versions_are_swapped_under_load_without_a_failed_or_mixed_answer(folder: Path, server: Server) -> None:
    model = ServedModel(f"127.0.0.1:{server.port}", "m")
    seen: list[str] = []

    async def ask() -> None:
        while seen[-1:] != ["3"]:
            answer = await model.predict(X, 10.0)
            assert answer.outputs["y"].tolist() == [1.0 + int(answer.version), 2.0 + int(answer.version)]
            seen.append(answer.version)

    asking = [asyncio.create_task(ask()) for _ in range(3)]
    for version in (2, 3):
        await asyncio.to_thread(publish, folder / "m", version)
        await asyncio.to_thread(until, functools.partial(server.serves, version), "the version")
    await asyncio.gather(*asking)
    await model.close()
    assert {"1", "2", "3"} <= set(seen)
    until(lambda: [state for _, (state, _) in sorted(server.states().items())] == [END, END, AVAILABLE], "the old ones to go")


def test_a_call_on_the_old_version_ends_before_that_version_is_dropped(folder: Path, server: Server) -> None:
    gate = folder / "gate"
    gate.write_text("wait")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(server.predict, request("gated", path=np.array([str(gate).encode()])))
        until(lambda: server.predict(request(**X)), "a call behind it")
        body, url = {"signature_name": "gated", "inputs": [str(gate)]}, f"http://127.0.0.1:{server.rest_port}/v1/models/m:predict"
        assert httpx.post(url, json=body, trust_env=False, timeout=20.0).status_code == 504
        publish(folder / "m", 2)
        until(lambda: server.states().get(1, (0, ""))[0] == UNLOADING, "version 1 to unload")
        assert server.predict(request(**X)).model_spec.version.value == 2
        gate.with_suffix(".go").write_text("go")
        gate.with_suffix(".go").rename(gate)
        assert decode(waiting.result().outputs["version"]).tolist() == [1]
    until(lambda: server.states()[1][0] == END, "version 1 to go")


def test_a_broken_version_is_refused_with_one_line_and_the_old_one_stays(folder: Path, server: Server) -> None:
    (folder / "m" / "2").mkdir()
    until(lambda: "SavedModel" in server.states().get(2, (0, ""))[1], "version 2 to be refused")
    time.sleep(0.5)
    assert server.text().count("refused version 2 of model m") == 1
    assert server.predict(request(**X)).model_spec.version.value == 1
    shutil.rmtree(folder / "m" / "2")
    publish(folder / "m", 2)
    until(lambda: server.predict(request(**X)).model_spec.version.value == 2, "the repaired version 2")
    shutil.rmtree(folder / "m" / "2")
    until(lambda: server.predict(request(**X)).model_spec.version.value == 1, "the way back to version 1")


def test_warm_up_requests_run_before_the_version_serves_and_a_broken_file_refuses_it(folder: Path, server: Server) -> None:
    publish(folder / "m", 2, [request("counted", **X)] * 3)
    until(lambda: server.predict(request(**X)).model_spec.version.value == 2, "version 2")
    assert decode(server.predict(request("counted", **X)).outputs["count"]) == 4

    def cut(written: Path) -> None:
        file = written / "assets.extra" / "tf_serving_warmup_requests"
        file.write_bytes(file.read_bytes()[:-3] + b"\0\0\0")

    publish(folder / "m", 3, [request(**X)], cut)
    publish(folder / "m", 4, [request("no such signature", **X)])
    until(lambda: server.states().get(4, (0, ""))[0] == END, "version 4 to be refused")
    assert server.states()[4][1] == 'Serving signature key "no such signature" not found.'
    shutil.rmtree(folder / "m" / "4")
    until(lambda: "corrupted record" in server.states().get(3, (0, ""))[1], "version 3 to be refused")


async def test_a_deadline_frees_the_server_and_more_calls_than_threads_are_overload(folder: Path, server: Server) -> None:
    gate = folder / "gate"
    gate.write_text("wait")
    slow = request("gated", path=np.array([str(gate).encode()])).SerializeToString()
    call = server.channel.unary_unary(methods.PREDICT, None, None)
    calls = [call.future(slow, timeout=6.0) for _ in range(9)]
    model = ServedModel(f"127.0.0.1:{server.port}", "m")
    until(lambda: any(waiting.done() for waiting in calls), "four to run, four to wait and one to be refused", 5.0)
    with pytest.raises(DependencyOverloaded):
        await model.predict(X, 1.0)
    codes = [await asyncio.to_thread(waiting.code) for waiting in calls]
    assert codes.count(grpc.StatusCode.DEADLINE_EXCEEDED) == 8
    assert codes.count(grpc.StatusCode.RESOURCE_EXHAUSTED) == 1
    until(lambda: server.code(request(**X)) == grpc.StatusCode.OK, "the threads to be free")
    os.kill(server.process.pid, signal.SIGSTOP)
    until(lambda: psutil.Process(server.process.pid).status() == psutil.STATUS_STOPPED, "the server to stand still")
    with pytest.raises(DependencyTimeout):
        await model.predict(X, 0.2)
    os.kill(server.process.pid, signal.SIGCONT)
    assert (await model.predict(X, 5.0)).version == "1"
    await model.close()


def test_sigterm_ends_it_at_once_and_cleanly(server: Server) -> None:
    started = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(5) == 0
    assert time.monotonic() - started < 2


def test_a_start_that_cannot_succeed_says_why_and_exits(folder: Path) -> None:
    (folder / "m" / "9").mkdir()
    broken, nothing = Server(folder), Server(folder, "--model_base_path=")
    assert (broken.process.wait(60), nothing.process.wait(60)) == (255, 255)
    assert "version: 9" in broken.text()
    assert "--model_base_path=FOLDER or --model_config_file=FILE" in nothing.text()
    shutil.rmtree(folder / "m" / "9")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        late = Server(folder, f"--port={port}", "--some_flag_of_tf_serving=1")
        assert late.process.wait(60) == 255
    assert f"port {port} on 127.0.0.1" in late.text()
    assert "unknown flag, ignored: --some_flag_of_tf_serving=1" in late.text()
    for server in (broken, nothing, late):
        server.stop()
