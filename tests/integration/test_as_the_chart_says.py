"""Refresh and transformer with the commands and the environment that the chart gives them: all on S3, a Redis with a password."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from moto.server import ThreadedMotoServer
from pyarrow import fs
from rendered_chart import Chart, environment, of_kind, one, tool
from transformer_process import Transformer, wait_for

from inference_graph.local.redis_server import redis_command

PASSWORD = "with, = @ and $1 'quotes'"
SECRETS = {
    "REDIS_PASSWORD": PASSWORD,
    "REDIS_USERNAME": "",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}


@pytest.fixture
def s3() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    keys = {"access_key": "test", "secret_key": "test", "region": "us-east-1"}
    fs.S3FileSystem(endpoint_override=endpoint, allow_bucket_creation=True, **keys).create_dir("recommender")
    yield endpoint
    server.stop()


@pytest.fixture
def redis_port(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[int]:
    port, folder = free_port(), tmp_path / "redis"
    folder.mkdir()
    with subprocess.Popen([*redis_command(folder, port), "--requirepass", PASSWORD], stdout=subprocess.DEVNULL) as process:
        yield port
        process.kill()


def container(spec: dict[str, Any], name: str) -> dict[str, Any]:
    """One container with its environment in full, secrets included; no snapshot is pinned."""
    (found,) = (entry for entry in (*spec.get("initContainers", []), *spec["containers"]) if entry["name"] == name)
    variables = environment(found)
    secret = {entry["name"] for entry in found["env"] if "secretKeyRef" in entry.get("valueFrom", {})}
    return {**found, "environment": {**variables, **{key: SECRETS[key] for key in secret}}}


def run(command: list[str], variables: dict[str, str]) -> str:
    assert command[0] == "inference-graph"
    program = [sys.executable, "-c", "from inference_graph.cli.main import main; main()"]
    done = subprocess.run([*program, *command[1:]], env=os.environ | variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.timeout(240)
def test_from_nothing_to_an_answer(tmp_path: Path, s3: str, redis_port: int, free_port: Callable[[], int]) -> None:
    values = {
        "redis": {"host": "127.0.0.1", "port": redis_port, "existingSecret": "login"},
        "s3": {"endpoint": s3, "existingSecret": "keys"},
        "refresh": {"data": {"existingClaim": "films"}},
        "graph": {"clock": "data"},
    }
    rendered = Chart(tool("helm")).render(values)
    (job,) = (o["spec"]["template"]["spec"] for o in of_kind(rendered, "Job") if "-refresh-" in o["metadata"]["name"])
    prepare, refresh = container(job, "prepare"), container(job, "refresh")
    here = {"INFERENCE_GRAPH_HOME": str(tmp_path / "workspace")}

    run(["inference-graph", "data", "synthesize", str(tmp_path / "data"), *["--users", "60", "--items", "80", "--events", "500"]], here)
    run([str(tmp_path / "data") if word == "/data" else word for word in prepare["command"]], prepare["environment"] | here)
    first, again = (json.loads(run([*refresh["command"], "--json"], refresh["environment"] | here)) for _ in range(2))
    assert first["materialize"]["online"]["user_statistics"] > 0
    assert again["snapshot"] == first["snapshot"]
    assert (again["materialize"]["online"]["user_statistics"], again["index"]["added"]) == (0, 0)

    serving = container(one(rendered, "InferenceService", "recommender")["spec"]["transformer"], "kserve-container")
    (tmp_path / "graph.yaml").write_text(one(rendered, "ConfigMap", "recommender-graph")["data"]["graph.yaml"])
    transformer = Transformer(tmp_path, SimpleNamespace(url="set below"), free_port())
    nearby = {"GRAPH": str(tmp_path / "graph.yaml"), "SNAPSHOT_CACHE": str(tmp_path / "cache"), "PORT": str(transformer.port)}
    dead = {"RANKING_TARGET": "127.0.0.1:1", "RETRIEVAL_TARGET": "127.0.0.1:1", "STARTUP_GRACE_SECONDS": "5", "HOST": "127.0.0.1"}
    transformer.start(**{**serving["environment"], **nearby, **dead})
    try:
        wait_for(transformer.is_ready, f"ready, {transformer.log()}", 40)
        user = json.loads((tmp_path / "data" / "interactions.csv").read_text().splitlines()[1].split(",")[0].join('""'))
        answer = transformer.post("/v1/models/recommender:predict", {"instances": [{"user_id": user, "limit": 5}]}).json()["predictions"][0]
    finally:
        transformer.stop(signal.SIGKILL)
    assert (answer["user"], answer["degraded"]) == ("known", ["ranker", "two_tower"])
    assert len(answer["items"]) == 5
    assert answer["versions"]["snapshot"] == first["snapshot"]["name"]
