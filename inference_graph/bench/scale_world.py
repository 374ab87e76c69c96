"""An invented catalogue of one size, and the processes that serve it: made once, started anew, each with its time."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inference_graph.errors import InferenceGraphError
from inference_graph.local.ports import HOST, free_ports
from inference_graph.local.preparation import write_graph
from inference_graph.local.process import Program, last_lines, script, spawn, stop
from inference_graph.local.servers import MODELS, Ports, model_program, redis_program, transformer_program
from inference_graph.local.stopping import Stopping
from inference_graph.local.supervisor import Supervisor
from inference_graph.snapshots import SnapshotStore
from inference_graph.workspace import Workspace

# A Redis that finds its file inserts every vector into the index again.
READY_SECONDS, STOP_SECONDS, LOOK_SECONDS = 900.0, 10.0, 0.02
OF_A_WORKSPACE = ("OFFLINE_STORE", "SNAPSHOT_STORE", "FEATURE_REGISTRY", "FEATURE_PROJECT", "REDIS_PREFIX", "REDIS_URL")


@dataclass
class World:
    """What runs, and how many seconds each part took; `index` is what the command `index` printed."""

    workspace: Workspace
    ports: Ports
    stopping: Stopping
    say: Callable[[str], None]
    pids: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    index: Mapping[str, Any] = field(default_factory=dict)

    @property
    def redis_url(self) -> str:
        return f"redis://{HOST}:{self.ports.redis}"

    @property
    def store(self) -> SnapshotStore:
        return SnapshotStore(self.workspace.snapshots, self.workspace.cache / "snapshots")

    @property
    def now(self) -> float:
        return float(json.loads((self.workspace.data / "dataset.json").read_text())["newest"])


@contextmanager
def started_world(items: int, folder: Path, stopping: Stopping, say: Callable[[str], None]) -> Iterator[World]:
    """Everything of one size, running, in a home of its own: `folder` becomes INFERENCE_GRAPH_HOME."""
    for name in OF_A_WORKSPACE:
        os.environ.pop(name, None)
    os.environ["INFERENCE_GRAPH_HOME"] = str(folder)
    workspace = Workspace(folder / "workspaces" / f"items-{items}")
    workspace.redis_folder.mkdir(parents=True, exist_ok=True)
    world = World(workspace, Ports.choose(free_ports(1)[0]), stopping, say)
    supervisor = Supervisor(stopping, say, restart=False)
    try:
        making = (sys.executable, "-m", "rec_models.large_catalogue", "--items", str(items), "--out", str(workspace.root))
        _ended(world, "catalogue", making, None)
        workspace.select()
        write_graph(workspace)
        _start(world, supervisor, redis_program(workspace, world.ports))
        _ended(world, "materialize", (script("inference-graph"), "materialize"), workspace.logs / "bench-materialize.log")
        log = workspace.logs / "bench-index.log"
        say(f"{items:,} items: filling the vector index")
        _ended(world, "index", (script("inference-graph"), "index", "--json"), log)
        world.index = json.loads(log.read_text().splitlines()[-1])
        for name in MODELS:
            _start(world, supervisor, model_program(workspace, world.ports, name))
        _start(world, supervisor, transformer_program(workspace, world.ports, world.redis_url))
        yield world
    finally:
        supervisor.stop(STOP_SECONDS)


def _start(world: World, supervisor: Supervisor, program: Program) -> None:
    """Starts one and waits until it answers, looking often: the time is a result."""
    started = time.monotonic()
    supervisor.start([program])
    world.pids[program.name] = supervisor.children[-1].process.pid
    while not program.ready():
        if supervisor.children[-1].process.poll() is not None or time.monotonic() - started > READY_SECONDS:
            raise InferenceGraphError(f"{program.name} did not start: {last_lines(program.log)}")
        world.stopping.pause(LOOK_SECONDS)
    world.seconds[f"{program.name} ready"] = round(time.monotonic() - started, 2)


def _ended(world: World, name: str, command: tuple[str, ...], log: Path | None) -> None:
    """Runs a command to its end; what it says goes to our own output, or to its log."""
    started = time.monotonic()
    process = spawn(command, {"REDIS_URL": world.redis_url}, log)
    try:
        while (code := process.poll()) is None:
            world.stopping.pause(LOOK_SECONDS)
    finally:
        stop([process], STOP_SECONDS, lambda: world.stopping.hurry)
    if code != 0:
        raise InferenceGraphError(f"{name} failed{': ' + last_lines(log) if log else ''}")
    world.seconds[name] = round(time.monotonic() - started, 2)
