"""The four processes of one machine: their command lines, environments and signs of life."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial

from inference_graph.local.ports import HOST, free_ports
from inference_graph.local.process import Program, script
from inference_graph.local.readiness import model_answers, redis_answers, transformer_answers
from inference_graph.local.redis_server import redis_command
from inference_graph.workspace import Workspace

MODELS = ("retrieval", "ranking")
# On one machine everything starts at once, which may take longer than the grace of a cluster, and nobody has to be told of the end.
TRANSFORMER_DEFAULTS = {"STARTUP_GRACE_SECONDS": "60", "DRAIN_SECONDS": "0"}
REDIS_LAYER, MODEL_LAYER, TRANSFORMER_LAYER = 0, 1, 2


@dataclass(frozen=True)
class Ports:
    transformer: int
    redis: int
    models: dict[str, tuple[int, int]]  # gRPC and REST of each model server

    @classmethod
    def choose(cls, transformer: int) -> Ports:
        redis, *others = free_ports(1 + 2 * len(MODELS))
        return cls(transformer, redis, {name: (others[2 * i], others[2 * i + 1]) for i, name in enumerate(MODELS)})


def redis_program(workspace: Workspace, ports: Ports) -> Program:
    command = redis_command(workspace.redis_folder, ports.redis)
    return Program("redis", command, workspace.logs / "redis.log", REDIS_LAYER, ports.redis, partial(redis_answers, ports.redis))


def model_program(workspace: Workspace, ports: Ports, name: str) -> Program:
    port, rest_port = ports.models[name]
    return Program(
        name=name,
        command=(
            *(script("model-server"), f"--port={port}", f"--rest_api_port={rest_port}"),
            *(f"--model_name={name}", f"--model_base_path={workspace.models / name}"),
        ),
        log=workspace.logs / f"{name}.log",
        layer=MODEL_LAYER,
        port=port,
        rest_port=rest_port,
        ready=partial(model_answers, rest_port, name),
        environment=_direct(),
    )


def transformer_program(workspace: Workspace, ports: Ports, redis_url: str) -> Program:
    targets = {f"{name.upper()}_TARGET": f"{HOST}:{port}" for name, (port, _) in ports.models.items()}
    environment = {
        "GRAPH": str(workspace.graph),
        "REDIS_URL": redis_url,
        "REDIS_PREFIX": workspace.redis_prefix,
        "SNAPSHOT_STORE": workspace.snapshots,
        "SNAPSHOT_CACHE": str(workspace.cache / "snapshots"),
        "FEATURE_REGISTRY": workspace.registry,
        "FEATURE_PROJECT": workspace.feature_project,
        "HOST": HOST,
        "PORT": str(ports.transformer),
        **targets,
        **_direct(),
        **{name: os.environ.get(name, value) for name, value in TRANSFORMER_DEFAULTS.items()},
    }
    return Program(
        name="transformer",
        command=(script("recommender-transformer"),),
        log=workspace.logs / "transformer.log",
        layer=TRANSFORMER_LAYER,
        port=ports.transformer,
        ready=partial(transformer_answers, ports.transformer),
        environment=environment,
    )


def _direct() -> dict[str, str]:
    """gRPC would send even loopback calls through a proxy that the environment names."""
    past = ",".join(filter(None, (os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), HOST, "localhost")))
    return {"NO_PROXY": past, "no_proxy": past}
