"""From a data set to everything running: the steps that are still to be done, and the processes, in order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from inference_graph.graph import load_graph
from inference_graph.local.phases import Phases
from inference_graph.local.ports import HOST
from inference_graph.local.preparation import is_prepared, mark_prepared, write_graph
from inference_graph.local.process import Program
from inference_graph.local.redis_server import has_key, require_search
from inference_graph.local.servers import MODELS, Ports, model_program, redis_program, transformer_program
from inference_graph.local.supervisor import Supervisor
from inference_graph.workspace import Workspace

READY_SECONDS = 180.0


@dataclass(frozen=True)
class BringUp:
    """`given_redis`: the address in REDIS_URL, or None for the embedded one."""

    workspace: Workspace
    data: Path | None
    ports: Ports
    given_redis: str | None
    supervisor: Supervisor
    phases: Phases

    def run(self) -> None:
        """Ends when every process has answered. Raises what went wrong, or StopRequested."""
        redis = self._redis()
        prepared = is_prepared(self.workspace, self.data, self.given_redis)
        if not prepared:
            # Without a folder it is the built-in data set, made where it is not there yet.
            self._step("data", "data", "prepare", *([str(self.data)] if self.data else []))
            self._step("train", "train", "--keep")
        self.workspace.select()
        self.workspace.redis_folder.mkdir(parents=True, exist_ok=True)
        write_graph(self.workspace)
        load_graph(self.workspace.graph)  # a transformer would wait for a broken one to be mended
        if prepared:
            self.supervisor.start([*redis, *self._servers()])
            self._wait("start")
        else:
            self.supervisor.start(redis)
            self._wait("redis")
        if not prepared or not has_key(self.redis_url, f"{{{self.workspace.redis_prefix}}}:items"):
            self._fill()
        if not prepared:
            self.supervisor.start(self._servers())
            self._wait("start")

    @property
    def redis_url(self) -> str:
        return self.given_redis or f"redis://{HOST}:{self.ports.redis}"

    def _redis(self) -> list[Program]:
        """Found, or asked whether it can search, before anything slow."""
        if self.given_redis is None:
            return [redis_program(self.workspace, self.ports)]
        require_search(self.given_redis)
        return []

    def _servers(self) -> list[Program]:
        models = [model_program(self.workspace, self.ports, name) for name in MODELS]
        return [*models, transformer_program(self.workspace, self.ports, self.redis_url)]

    def _fill(self) -> None:
        """Online features, snapshot and vector index: all that needs the Redis."""
        for name in ("materialize", "snapshot", "index"):
            self._step(name, name)
        mark_prepared(self.workspace, self.data, self.given_redis)

    def _step(self, phase: str, *arguments: str) -> None:
        self.phases.step(phase, arguments, {"REDIS_URL": self.redis_url})

    def _wait(self, phase: str) -> None:
        with self.phases.timed(phase):
            self.supervisor.wait_until_ready(READY_SECONDS)
