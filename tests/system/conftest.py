"""The whole product once for all tests of this folder: a planted world, prepared, trained and served by `inference-graph up`.

WORLD_SEED chooses the world.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

COMMAND = Path(sys.executable).parent / "inference-graph"
STARTS_WITHIN = 1500  # the first of these tests trains, on a busy machine too


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 30) -> Any:
    """The first true value of the condition; fails with `what` when it takes too long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {seconds} s")


@dataclass
class System:
    """A running `up` and the ways to talk to it."""

    home: Path
    data: Path
    held_out: Path
    truth: Path
    process: subprocess.Popen[bytes]
    client: httpx.Client

    wait_until = staticmethod(wait_until)

    @property
    def workspace(self) -> Path:
        return (self.home / "current").resolve()

    def up(self) -> dict[str, Any]:
        return json.loads((self.home / "up.json").read_text())

    def cli(self, *arguments: str) -> str:
        run = subprocess.run([COMMAND, *arguments], env=self.environment(), capture_output=True, text=True, timeout=300)
        assert run.returncode == 0, run.stderr[-2000:]
        return run.stdout

    def environment(self) -> dict[str, str]:
        return {**os.environ, "INFERENCE_GRAPH_HOME": str(self.home)}

    def post(self, path: str, body: Any) -> httpx.Response:
        return self.client.post(path, json=body)

    def predict(self, user_id: str | None = None, **more: Any) -> dict[str, Any]:
        return self._one("/v1/models/recommender:predict", {"user_id": user_id, **more})

    def explain(self, user_id: str | None = None, **more: Any) -> dict[str, Any]:
        return self._one("/v1/models/recommender:explain", {"user_id": user_id, **more})

    def _one(self, path: str, instance: dict[str, Any]) -> dict[str, Any]:
        answer = self.post(path, {"instances": [instance]})
        assert answer.status_code == 200, answer.text
        return answer.json()["predictions"][0]

    def rate(self, *events: dict[str, Any]) -> dict[str, Any]:
        answer = self.post("/v1/events", {"events": [{"type": "rating", **event} for event in events]})
        assert answer.status_code == 202, answer.text
        return answer.json()

    def metric(self, name: str, **labels: str) -> float:
        """The sum of all samples of a metric whose labels include these."""
        total = 0.0
        for line in self.client.get("/metrics").text.splitlines():
            head, _, value = line.rpartition(" ")
            if head.split("{")[0] == name and all(f'{k}="{v}"' in head for k, v in labels.items()):
                total += float(value)
        return total

    def users(self, count: int) -> list[str]:
        import polars

        return polars.read_parquet(self.workspace / "data" / "interactions.parquet")["user_id"].unique().sort().head(count).to_list()

    def clean(self, user_id: str) -> bool:
        return self.predict(user_id)["degraded"] == []


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whichever test comes first waits for the system to be there. The README's `train` comes before there are new events: after
    them it would train for minutes once more.
    """
    own = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in own:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(STARTS_WITHIN + 300))
    own.sort(key=lambda item: not item.name.endswith("[inference-graph train]"))
    items[:] = [*(item for item in items if item not in own), *own]


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    root = tmp_path_factory.mktemp("system")
    home, world, data = root / "run", root / "world", root / "data"
    environment = {**os.environ, "INFERENCE_GRAPH_HOME": str(home)}
    seed = os.environ.get("WORLD_SEED", "1")
    subprocess.run([COMMAND, "data", "synthesize", str(world), "--seed", seed], env=environment, check=True, capture_output=True)
    from rec_models.synthetic import hold_out_last

    hold_out_last(world, data)
    log = (root / "up.log").open("wb")
    command = [str(COMMAND), "up", "--data", str(data), "--port", str(free_port())]
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: (home / "up.json").exists() or process.poll() is not None, "up", STARTS_WITHIN)
        assert process.poll() is None, (root / "up.log").read_text()[-3000:]
        url = json.loads((home / "up.json").read_text())["url"]
        with httpx.Client(base_url=url, timeout=10) as client:
            yield System(home, data, data / "held_out.csv", world / "truth", process, client)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        log.close()
