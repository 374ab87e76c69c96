"""What runs here: the addresses and processes of this home's `up`, and the workspace that it serves."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from typing import Any

from inference_graph.errors import InvalidConfiguration
from inference_graph.graph import load_graph
from inference_graph.local.ports import HOST
from inference_graph.local.servers import MODELS, Ports, transformer_program
from inference_graph.local.up_file import runs
from inference_graph.settings import Settings
from inference_graph.workspace import Workspace, home


@dataclass(frozen=True)
class Running:
    """`pids` of what the graph needs besides the transformer; `ports.transformer` is that of `up`."""

    workspace: Workspace
    ports: Ports
    redis_url: str
    pids: dict[str, int]

    @classmethod
    def here(cls) -> Running:
        """Raises InvalidConfiguration, which says how to start it, where nothing runs."""
        absent = InvalidConfiguration(
            f"no inference graph runs here ({home()}), and this needs a running one: "
            "start it with `make run` or `inference-graph up`, in another terminal"
        )
        if not runs(home()):
            raise absent
        try:
            processes: dict[str, Any] = json.loads((home() / "up.json").read_text())["processes"]
            models = {name: (int(processes[name]["port"]), int(processes[name]["rest_port"])) for name in MODELS}
            redis = int(processes["redis"]["port"]) if "redis" in processes else 0
            ports = Ports(int(processes["transformer"]["port"]), redis, models)
            pids = {name: int(processes[name]["pid"]) for name in ("redis", *MODELS) if name in processes}
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise absent from error
        return cls(Workspace.current(), ports, _redis_url(redis), pids)

    def settings(self) -> Settings:
        """Those of its transformer."""
        return Settings.from_environment(transformer_program(self.workspace, self.ports, self.redis_url).environment)

    def now(self) -> float:
        """The time of a request in this graph, in whole seconds since 1970."""
        if load_graph(self.workspace.graph).clock == "wall":
            return float(int(time.time()))
        return float(json.loads((self.workspace.data / "dataset.json").read_text())["newest"])


def _redis_url(port: int) -> str:
    """Of the embedded Redis, or the one that `up` was given."""
    if port:
        return f"redis://{HOST}:{port}"
    if url := os.environ.get("REDIS_URL"):
        return url
    raise InvalidConfiguration("`up` uses a Redis of yours: set REDIS_URL to the same address here, too")
