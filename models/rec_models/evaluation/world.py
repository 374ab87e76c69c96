"""A world of its own for a protocol: its own home, models, features, Redis and snapshot, made and served by `inference-graph up`."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from inference_graph.catalogue import Catalogue
from inference_graph.errors import InferenceGraphError
from inference_graph.features import TYPE_VALUES
from inference_graph.snapshots import SnapshotStore
from inference_graph.workspace import Workspace
from rec_models.data.dataset import Seen
from rec_models.sequences import Sequences
from rec_models.trained import MODELS, versions

SHARED = ("OFFLINE_STORE", "FEATURE_REGISTRY", "FEATURE_PROJECT", "SNAPSHOT_STORE", "SNAPSHOT_PIN", "PORT", "TRAINING_SEED")
"""Settings of the environment by which two worlds would share something."""
EXAMPLES = "examples.npz"
"""In a world's home: what its ranker was taught."""
PATIENCE_SECONDS = 10.0
MEASURED = "measured"
"""Beside a graph.yaml that was put in the place of the default one."""


class SpoiltWorld(InferenceGraphError):
    """Something of a world knows what is held out, or did not come up."""


@dataclass(frozen=True)
class World:
    """A served one. `workspace` is where its files are, `graph` the text of its default graph.yaml."""

    url: str
    workspace: Workspace
    graph: str


@contextmanager
def served(data: Path, home: Path, seed: int | None = None) -> Iterator[World]:
    """Trains on the folder `data` and runs `inference-graph up` until the end of the block; what they print goes to standard error.

    `seed` takes the place of the configured ones.
    Everything that is up to date from an earlier run is used again. Raises SpoiltWorld where it does not come up.
    """
    home.mkdir(parents=True, exist_ok=True)
    _forget_measured(home)
    for step in (("data", "prepare", str(data)), ("train", "--examples", str(home / EXAMPLES))):
        with _running(home, seed, *step) as process:
            status = process.wait()
        if status != 0:
            raise SpoiltWorld(f"`inference-graph {' '.join(step[:2])}` over {data} ended with exit status {status}; its reasons are above")
    up_file = home / "up.json"
    up_file.unlink(missing_ok=True)  # of one that was killed
    with _running(home, seed, "up", "--data", str(data), "--port", str(_free_port()), "--stop-with", str(os.getpid())) as process:
        while not up_file.exists():
            if process.poll() is not None:
                raise SpoiltWorld(f"`inference-graph up` over {data} ended with exit status {process.returncode}; its reasons are above")
            time.sleep(0.1)
        workspace = Workspace((home / "current").resolve())
        try:
            yield World(json.loads(up_file.read_text())["url"], workspace, workspace.graph.read_text())
        finally:
            _forget_measured(home)


def require_unspoilt(workspace: Workspace, known: Sequences) -> Catalogue:
    """The world's catalogue. Raises SpoiltWorld where a model's card or the snapshot knows more than the training part `known`."""
    until = float(known.times.max())
    for name in MODELS:
        for version in versions(workspace.models / name)[-1:]:
            card = json.loads((workspace.models / name / str(version) / "card.json").read_text())
            _require(f"model {name} version {version}", card["trained_until"], until, card["interactions"], len(known))
    store = SnapshotStore(str(workspace.root / "snapshots"), workspace.cache / "snapshots")
    catalogue = store.open(store.current())
    counted = int(catalogue.arrays.features[:, 0].sum(dtype=np.float64))
    _require(f"snapshot {catalogue.name}", catalogue.newest_event, until, counted, len(known))
    return catalogue


def _require(what: str, trained_until: float, until: float, interactions: int, allowed: int) -> None:
    if np.ceil(until) < trained_until or interactions > allowed:
        raise SpoiltWorld(
            f"{what} was made of {interactions:,} interactions until {trained_until:.0f}, the training part has {allowed:,} until "
            f"{until:.0f}: it knows what is held out; delete the run folder and run again"
        )


def measured_graph(text: str, seen: Seen, caps: bool, types: frozenset[str]) -> str:
    """The world's graph.yaml as it is measured: time enough for every step, so that a busy machine does not change what is answered;
    with or without the caps of business; `types` are the data's types of events.
    """
    graph: dict[str, Any] = yaml.safe_load(text)
    home = graph["surfaces"]["home"]
    patient = {"timeout_seconds": PATIENCE_SECONDS}
    mode = {name: value for name, value in {"mode": seen.mode, "within_days": seen.within_days}.items() if value is not None}
    home["user_timeout_seconds"] = PATIENCE_SECONDS
    home["sources"] = [{**source, **(patient if "timeout_seconds" in source else {})} for source in home["sources"]]
    home["filters"] = [{"kind": "seen", **mode} if each["kind"] == "seen" else each for each in home["filters"]]
    home["ranker"] = {**home["ranker"], **patient}
    home["selector"] = home["selector"] if caps else {"caps": []}
    further = {name: float(np.log1p(1.0)) for name in types - {"rating", "purchase"} - set(TYPE_VALUES)}
    known = {"type_values": {**TYPE_VALUES, **further}} if further else {}
    overload = {"target_ms": 30_000, "refuse_ms": 30_000, "least_factor": 1}
    return yaml.safe_dump({**graph, "timeout_seconds": PATIENCE_SECONDS, "overload": overload, **known}, sort_keys=False)


def put_graph(workspace: Workspace, text: str) -> str:
    """Writes graph.yaml at once; returns the version that answers name once it is taken up."""
    (workspace.root / MEASURED).touch()
    draft = workspace.graph.with_suffix(".measured")
    draft.write_text(text)
    os.replace(draft, workspace.graph)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def cards(workspace: Workspace) -> Mapping[str, Mapping[str, Any]]:
    """What each live model says of itself."""
    return {name: json.loads((newest(workspace, name) / "card.json").read_text()) for name in MODELS}


def newest(workspace: Workspace, name: str) -> Path:
    """The folder of a model's newest version."""
    return workspace.models / name / str(versions(workspace.models / name)[-1])


@contextmanager
def _running(home: Path, seed: int | None, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """One command of the world, which does not outlive the block, however that ends."""
    environment = {name: value for name, value in os.environ.items() if name not in SHARED}
    prefix = f"evaluate-{hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:12]}"
    own = {"INFERENCE_GRAPH_HOME": str(home), "REDIS_PREFIX": prefix, **({} if seed is None else {"TRAINING_SEED": str(seed)})}
    command = [str(Path(sys.executable).parent / "inference-graph"), *arguments]
    process = subprocess.Popen(command, env={**environment, **own}, stdout=sys.stderr.fileno())
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _forget_measured(home: Path) -> None:
    """What was put in the place of the default graph.yaml is not what the next run starts from."""
    if (home / "current" / MEASURED).exists():
        (home / "current" / "graph.yaml").unlink(missing_ok=True)
        (home / "current" / MEASURED).unlink()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
