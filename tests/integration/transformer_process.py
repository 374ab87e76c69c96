"""The transformer as a process of a test: its snapshot, its settings, and ways to talk to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import yaml

from inference_graph.catalogue import Attribute, write_snapshot
from inference_graph.snapshots import SnapshotStore
from inference_graph.testing import make_arrays

ROOT = Path(__file__).parents[2]
NEVER_HURRIED = {"target_ms": 30_000, "refuse_ms": 30_000, "least_factor": 1}
"""`overload` of a graph that does all it can for everybody, however late it is."""
PREDICT, EXPLAIN = "/v1/models/recommender:predict", "/v1/models/recommender:explain"


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"{what}: not after {seconds} s"
        time.sleep(0.05)


def patient(graph: str) -> str:
    """The graph with ten times the time for everything, and never hurried: what is tested is not how fast this machine is."""
    document: dict[str, Any] = yaml.safe_load(graph)
    document["timeout_seconds"] *= 10
    document["overload"] = NEVER_HURRIED
    for surface in document["surfaces"].values():
        for part in (surface, *surface["sources"], surface["ranker"]):
            for name in {"timeout_seconds", "user_timeout_seconds"} & set(part):
                part[name] *= 10
    return yaml.safe_dump(document, sort_keys=False)


@dataclass
class Transformer:
    folder: Path
    redis: Any
    port: int
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def store(self) -> SnapshotStore:
        return SnapshotStore(str(self.folder / "snapshots"), self.folder / "cache")

    def publish(self, items: int) -> str:
        ids = sorted(f"i{i}" for i in range(items))
        successors = [[(row + 1) % items] for row in range(items)]
        arrays = make_arrays(ids, categories=[[row % 3] for row in range(items)], category_count=3, next_rows=successors)
        attributes = {"year": Attribute(np.arange(items, dtype=np.float64))}
        parent = self.folder / "snapshots"
        folder = write_snapshot(parent, arrays, categories=["A", "B", "C"], attributes=attributes, newest_event=1e9, created=time.time())
        self.store.publish(folder)
        return folder.name

    def start(self, **more: str) -> None:
        here = {
            "GRAPH": str(self.folder / "graph.yaml"),
            "REDIS_URL": self.redis.url,
            "REDIS_PREFIX": "shop",
            "RETRIEVAL_TARGET": "127.0.0.1:1",
            "RANKING_TARGET": "127.0.0.1:2",
            "SNAPSHOT_STORE": str(self.folder / "snapshots"),
            "SNAPSHOT_CACHE": str(self.folder / "cache"),
            "SNAPSHOT_POLL_SECONDS": "0.1",
            "FEATURE_REGISTRY": str(self.folder / "none.db"),
            "FEATURE_PROJECT": "shop",
            "PORT": str(self.port),
            "STARTUP_GRACE_SECONDS": "1",
            "DRAIN_SECONDS": "0.3",
        }
        with (self.folder / "log").open("ab") as log:
            command = [sys.executable, str(ROOT / "transformers/recommender/main.py"), "--model_name=recommender", "--predictor_host=x"]
            self.process = subprocess.Popen(command, env=os.environ | here | more, stdout=log, stderr=log)

    def is_ready(self) -> bool:
        try:
            return self.get("/v1/models/recommender").status_code == 200
        except httpx.TransportError:
            return False

    def wait_ready(self) -> None:
        wait_for(self.is_ready, "ready")

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", trust_env=False)

    def post(self, path: str, body: Any) -> httpx.Response:
        return httpx.post(f"http://127.0.0.1:{self.port}{path}", json=body, trust_env=False)

    def explain(self, **instance: Any) -> Any:
        return self.post(EXPLAIN, {"instances": [instance]}).json()["predictions"][0]

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def stop(self, how: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        status = self.process.wait(20)
        self.process = None
        return status
