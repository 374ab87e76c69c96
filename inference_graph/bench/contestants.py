"""The processes that are compared: ours once more with the measured graph, a KServe model that does nothing, and the naive way."""

from __future__ import annotations

import http.client
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from inference_graph.local.ports import HOST, free_ports
from inference_graph.local.process import Program
from inference_graph.local.running import Running
from inference_graph.local.servers import TRANSFORMER_LAYER, transformer_program

QUIET = {"KSERVE_LOGLEVEL": "WARNING"}
"""Four lines of log a request would only make the others look slower than they are."""
ANSWER_SECONDS = 2.0


def ours(running: Running, graph: Path, name: str = "ours", **environment: str) -> Program:
    """One more transformer over the same services; `environment` replaces some of its settings."""
    program = transformer_program(running.workspace, replace(running.ports, transformer=free_ports(1)[0]), running.redis_url)
    log = running.workspace.logs / f"bench-{name}.log"
    return replace(program, name=name, log=log, environment={**program.environment, "GRAPH": str(graph), **environment})


def empty(running: Running, answer: Path) -> Program:
    return _kserve(running, "empty", (str(answer),), {})


def naive(running: Running, graph: Path) -> Program:
    rest = {f"{name.upper()}_REST": str(rest_port) for name, (_, rest_port) in running.ports.models.items()}
    return _kserve(running, "naive", (), {**ours(running, graph).environment, **rest})


def _kserve(running: Running, name: str, arguments: tuple[str, ...], environment: Mapping[str, str]) -> Program:
    port = free_ports(1)[0]
    return Program(
        name=name,
        command=(sys.executable, "-m", f"inference_graph.bench.{name}", f"--http_port={port}", *arguments),
        log=running.workspace.logs / f"bench-{name}.log",
        layer=TRANSFORMER_LAYER,
        port=port,
        ready=partial(_ready, port, name),
        environment={**environment, **QUIET},
    )


def _ready(port: int, name: str) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", f"/v1/models/{name}")
        return bool(json.loads(connection.getresponse().read())["ready"])
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return False
    finally:
        connection.close()
