"""Batches with a real Ray, Redis, Feast and transformer, of a graph without models: equal to the endpoint, whatever is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as parquet
import pytest
from transformer_process import Transformer, wait_for

from inference_graph.workspace import Workspace
from rec_models.materialize import materialize
from rec_models.small_workspace import START, make_workspace
from rec_models.snapshot import publish_snapshot

COMMAND = Path(sys.executable).parent / "inference-graph"
GRAPH = """
clock: data
timeout_seconds: 5
surfaces:
  home:
    user_timeout_seconds: 5
    sources: [{kind: next_item, limit: 10}, {kind: popular, limit: 20}]
    filters: [{kind: seen, mode: ever}, {kind: blocked}, {kind: requested}]
"""
USERS, PART = 40, 4
PARTS = USERS // PART


@dataclass
class Shop:
    """A prepared workspace, filled, and the environment of everything that uses it."""

    workspace: Workspace
    environment: dict[str, str]
    out: Path

    def command(self, *arguments: str) -> list[str]:
        return [str(COMMAND), "batch", "--json", "--part", str(PART), "--out", str(self.out), *arguments]

    def run(self, *arguments: str, act: Callable[[psutil.Process], bool] = lambda process: True) -> subprocess.CompletedProcess[str]:
        """Carries out one batch; `act` is called again and again until it has done what it is for."""
        environment = {**os.environ, **self.environment}
        process = subprocess.Popen(self.command(*arguments), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            wait_for(lambda: process.poll() is not None or act(psutil.Process(process.pid)), "a moment to act", 280)
            out, err = process.communicate(timeout=200)
        finally:
            process.kill()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def batch(self, *arguments: str, act: Callable[[psutil.Process], bool] = lambda process: True) -> dict[str, Any]:
        done = self.run(*arguments, act=act)
        assert done.returncode == 0, done.stderr[-2000:]
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def parts(self) -> dict[Path, int]:
        return {file: file.stat().st_mtime_ns for file in sorted(self.out.glob("*/part-*.parquet"))}


@pytest.fixture
def shop(tmp_path: Path, transformer: Transformer, monkeypatch: pytest.MonkeyPatch) -> Shop:
    home = tmp_path / "run"
    monkeypatch.setenv("INFERENCE_GRAPH_HOME", str(home))
    ratings = [(f"u{n % USERS:02}", f"i{n * 7 % 19}", START + n * 20_000.0, 1.0 + n % 5) for n in range(USERS * 5)]
    workspace = make_workspace(home / "workspaces" / "small", ratings)
    workspace.select()
    materialize(workspace, transformer.redis.url)
    publish_snapshot(workspace, lambda cost: False)
    (tmp_path / "graph.yaml").write_text(GRAPH)
    environment = {
        "INFERENCE_GRAPH_HOME": str(home),
        "GRAPH": str(tmp_path / "graph.yaml"),
        "REDIS_URL": transformer.redis.url,
        "REDIS_PREFIX": workspace.redis_prefix,
        "RETRIEVAL_TARGET": "127.0.0.1:1",
        "RANKING_TARGET": "127.0.0.1:2",
        "SNAPSHOT_STORE": workspace.snapshots,
        "SNAPSHOT_CACHE": str(workspace.cache / "snapshots"),
        "FEATURE_REGISTRY": workspace.registry,
        "FEATURE_PROJECT": workspace.feature_project,
    }
    return Shop(workspace, environment, tmp_path / "out")


def rows_in(folder: str) -> list[dict[str, Any]]:
    return [row for file in sorted(Path(folder).glob("part-*.parquet")) for row in parquet.read_table(file).to_pylist()]


def agents_of(children: list[psutil.Process]) -> list[psutil.Process]:
    """Ray's two agents keep each other's pipes open, by which they would see that the driver was killed, and wait for ever."""
    return [child for child in children if child.is_running() and child.name().startswith(("ray::DashboardAgen", "ray::RuntimeEnvA"))]


def kill_a_worker(shop: Shop, killed: list[int]) -> Callable[[psutil.Process], bool]:
    def act(driver: psutil.Process) -> bool:
        if shop.parts() and not killed:
            workers = [child.pid for child in driver.children(recursive=True) if child.name().startswith("ray::MapWorker")]
            killed.extend(workers[:1])
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
        return bool(killed)

    return act


def full_answer(transformer: Transformer, instance: dict[str, Any]) -> dict[str, Any]:
    """Asked for again where a step was late, as it may be on a busy machine: a batch does the same."""
    answers: list[dict[str, Any]] = []

    def is_full() -> bool:
        answers.append(transformer.post("/v1/models/recommender:predict", {"instances": [instance]}).json()["predictions"][0])
        return answers[-1]["degraded"] == []

    wait_for(is_full, "a full answer", 60)
    return answers[-1]


@pytest.mark.timeout(600)
def test_rows_are_what_the_endpoint_answers_although_a_worker_was_killed(shop: Shop, transformer: Transformer) -> None:
    killed: list[int] = []
    made = shop.batch("--anonymous", "--limit", "7", act=kill_a_worker(shop, killed))
    assert killed
    rows = rows_in(made["folder"])
    assert [row["user_id"] for row in rows] == [None, *(f"u{number:02}" for number in range(USERS))]
    transformer.start(**shop.environment)
    transformer.wait_ready()
    for row in rows:
        answer = full_answer(transformer, {"user_id": row["user_id"], "limit": 7, "timestamp": made["plan"]["timestamp"]})
        assert [{**item, "sources": dict(item["sources"])} for item in row["items"]] == answer["items"]
        assert {name: row[name] for name in answer["versions"]} == answer["versions"]
        assert (row["user"], row["rules_relaxed"]) == (answer["user"], answer["rules_relaxed"])
    assert {len(row["items"]) for row in rows} == {7}
    assert (shop.out / "current").read_text() == Path(made["folder"]).name


@pytest.mark.timeout(900)  # four batches, each of which starts a Ray
def test_an_interrupted_batch_goes_on_and_a_whole_one_is_not_made_again(shop: Shop) -> None:
    children: list[psutil.Process] = []

    def kill_the_driver(driver: psutil.Process) -> bool:
        if shop.parts():
            children.extend(driver.children(recursive=True))
            driver.kill()
        return bool(children)

    assert shop.run(act=kill_the_driver).returncode == -signal.SIGKILL
    agents = agents_of(children)
    left = psutil.wait_procs([child for child in children if child not in agents], timeout=30)[1]
    for agent in agents:
        agent.kill()
    assert left == []
    assert not (shop.out / "current").exists()
    kept = shop.parts()
    assert 0 < len(kept) < PARTS
    made = shop.batch()
    assert made["done_before"] >= PART
    assert [row["user_id"] for row in rows_in(made["folder"])] == [f"u{number:02}" for number in range(USERS)]
    assert {file: shop.parts()[file] for file in kept} == kept
    whole = shop.parts()
    assert shop.batch()["fresh"] is False
    assert shop.parts() == whole
    assert shop.batch("--anew")["fresh"] is True
    assert shop.parts().keys() == whole.keys()
    assert shop.parts() != whole


def test_a_batch_without_redis_ends_with_the_step_that_is_missing_and_publishes_nothing(shop: Shop, transformer: Transformer) -> None:
    transformer.redis.kill()
    done = shop.run()
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Redis" in done.stderr or "history" in done.stderr
    assert shop.parts() == {}
    assert not shop.out.exists() or not (shop.out / "current").exists()


def test_named_users_are_asked_for_in_order_each_once(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "users.txt").write_text("u05\n\nu03\nnobody\nu05\n")
    rows = rows_in(shop.batch("--users", str(tmp_path / "users.txt"), "--workers", "1")["folder"])
    assert [(row["user_id"], row["user"]) for row in rows] == [("nobody", "unknown"), ("u03", "known"), ("u05", "known")]


def test_embeddings_of_the_catalogue_are_those_of_the_snapshot(shop: Shop, tmp_path: Path) -> None:
    import numpy as np

    from inference_graph.catalogue import open_snapshot

    command = [str(COMMAND), "batch", "embeddings", "--json", "--out", str(tmp_path / "embeddings")]
    made = [json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout) for _ in range(2)]
    assert [one["fresh"] for one in made] == [True, False]
    rows = rows_in(made[0]["folder"])
    name = (Path(shop.workspace.snapshots) / "current").read_text().strip()
    arrays = open_snapshot(Path(shop.workspace.snapshots) / name).arrays
    assert [row["item_id"].encode() for row in rows] == arrays.item_ids.tolist()
    np.testing.assert_array_equal(np.array([row["vector"] for row in rows], np.float16), arrays.vectors)
