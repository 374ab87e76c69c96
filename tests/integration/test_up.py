"""`inference-graph up` as a process: real Redis, real supervision, and stand-ins for the models' commands."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

import inference_graph
from inference_graph.local.up_file import runs
from inference_graph.workspace import Workspace

FAKE = Path(__file__).with_name("fake_installation.py")
SOURCES = str(Path(inference_graph.__file__).parents[1])
FIRST_STEPS = ["data prepare", "train --keep", "materialize", "snapshot", "index", "recommend --timings"]


def wait_until(condition: Callable[[], Any], seconds: float = 30) -> Any:
    until = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < until, "not within the time"
        time.sleep(0.05)
    return value


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def ours(home: Path) -> list[int]:
    """Every living process that was started for this folder, or works in it (the Redis writes over its environment)."""
    found, mark = [], f"INFERENCE_GRAPH_HOME={home}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (entry / "environ").read_bytes().split(b"\0") or (entry / "cwd").readlink().is_relative_to(home):
                found.append(int(entry.name))
    return found


@dataclass
class Installation:
    """A folder that looks like an environment, whose commands are stand-ins; `up` itself is the real one."""

    root: Path
    port: int = field(default_factory=free_port)
    settings: dict[str, str] = field(default_factory=dict)
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.root / "bin").mkdir()
        (self.root / "data").mkdir()
        (self.root / "data" / "interactions.csv").write_text("user_id,item_id,timestamp\n")
        (self.root / "pyvenv.cfg").write_text(f"home = {sysconfig.get_config_var('BINDIR')}\n")
        (self.root / "bin" / "python").symlink_to(Path(sys.executable).resolve())
        for name in ("inference-graph", "model-server", "recommender-transformer"):
            script = self.root / "bin" / name
            script.write_text(f"#!{self.root}/bin/python -S\n{FAKE.read_text()}")
            script.chmod(0o755)
        (self.root / "up").write_text("from inference_graph.cli.main import main\nmain()\n")
        self._prepared()

    def _prepared(self) -> None:
        folder = self.root / "prepared"
        folder.mkdir()
        pyarrow.parquet.write_table(pyarrow.table({"user_id": ["a", "b", "b", "c", "c", "c"]}), folder / "interactions.parquet")
        description = {"kind": "events", "seen": {"mode": "off", "within_days": None}, "newest": 1_000_000.0}
        (folder / "dataset.json").write_text(json.dumps(description))

    @property
    def home(self) -> Path:
        return self.root / "run"

    @property
    def up_json(self) -> Path:
        return self.home / "up.json"

    def environment(self) -> dict[str, str]:
        clean = {key: value for key, value in os.environ.items() if key not in ("REDIS_URL", "PORT", "REDIS_PREFIX")}
        fakes = {"FAKE_DATA": str(self.root / "prepared"), "FAKE_WORKSPACE": Workspace.of(self.root / "data").name}
        mine = {"INFERENCE_GRAPH_HOME": str(self.home), "PYTHONPATH": ":".join([SOURCES, *sys.path])}
        return {**clean, **mine, **fakes, **self.settings}

    def command(self, *more: str) -> list[str]:
        arguments = ("up", "--data", str(self.root / "data"), "--port", str(self.port), *more)
        return [str(self.root / "bin" / "python"), str(self.root / "up"), *arguments]

    def start(self, *more: str, command: list[str] | None = None) -> subprocess.Popen[str]:
        log = (self.root / "up.log").open("w")
        process = subprocess.Popen(command or self.command(*more), env=self.environment(), stdout=log, stderr=log, text=True)
        log.close()
        self.processes.append(process)
        return process

    def run(self, *more: str) -> tuple[int, str]:
        done = subprocess.run(self.command(*more), env=self.environment(), capture_output=True, text=True, timeout=60)
        return done.returncode, done.stderr

    def wait_for_up(self, process: subprocess.Popen[str]) -> dict[str, Any]:
        wait_until(lambda: "explain" in self.output() or process.poll() is not None)
        assert process.poll() is None, self.output()
        return json.loads(self.up_json.read_text())

    def processes_now(self) -> dict[str, Any]:
        return json.loads(self.up_json.read_text())["processes"]

    def output(self) -> str:
        return (self.root / "up.log").read_text()

    def steps(self) -> list[str]:
        return (self.home / "steps.log").read_text().splitlines()


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path)
    yield made
    for process in made.processes:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()
    wait_until(lambda: ours(made.home) == [])


def test_everything_comes_up_heals_and_ends_without_a_trace(installation):
    process = installation.start()
    running = installation.wait_for_up(process)
    assert running["url"] == f"http://127.0.0.1:{installation.port}"
    assert set(running["processes"]) == {"redis", "retrieval", "ranking", "transformer"}
    assert all(set(entry) == {"pid", "port", "rest_port"} for entry in running["processes"].values())
    assert running["processes"]["transformer"]["port"] == installation.port
    assert installation.steps() == FIRST_STEPS
    assert f"curl -s {running['url']}/v1/models/recommender:predict" in installation.output()
    assert '"user_id": "b"' in installation.output()

    before = running["processes"]["ranking"]
    os.kill(before["pid"], signal.SIGKILL)
    wait_until(lambda: installation.processes_now()["ranking"]["pid"] != before["pid"])
    after = installation.processes_now()["ranking"]
    assert (after["port"], after["rest_port"]) == (before["port"], before["rest_port"])

    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert ours(installation.home) == []
    assert not installation.up_json.exists()


def test_a_second_run_starts_no_step_and_a_change_of_the_data_starts_them_again(installation):
    for expected in (FIRST_STEPS, [*FIRST_STEPS, FIRST_STEPS[-1]]):
        process = installation.start()
        installation.wait_for_up(process)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert installation.steps() == expected
    (installation.root / "data" / "interactions.csv").write_text("user_id,item_id,timestamp\n1,2,3\n")
    installation.wait_for_up(installation.start())
    assert installation.steps()[len(expected) :] == FIRST_STEPS


def test_an_edited_graph_stays_and_a_lost_redis_is_filled_again(installation):
    process = installation.start()
    installation.wait_for_up(process)
    process.send_signal(signal.SIGINT)
    process.wait(30)
    workspace = next((installation.home / "workspaces").iterdir())
    graph = workspace / "graph.yaml"
    assert "clock: data" in graph.read_text()
    assert "kind: seen, mode: off" in graph.read_text()
    graph.write_text(graph.read_text() + "# mine\n")
    shutil.rmtree(workspace / "redis")
    installation.wait_for_up(installation.start())
    assert graph.read_text().endswith("# mine\n")
    assert installation.steps()[len(FIRST_STEPS) :] == ["materialize", "snapshot", "index", "recommend --timings"]


def test_a_broken_graph_ends_it_before_anything_waits_for_it(installation):
    process = installation.start()
    installation.wait_for_up(process)
    process.send_signal(signal.SIGINT)
    process.wait(30)
    graph = next((installation.home / "workspaces").iterdir()) / "graph.yaml"
    graph.write_text(graph.read_text() + "surfaces_of_mars: 1\n")
    process = installation.start()
    assert process.wait(30) == 1
    assert "surfaces_of_mars: Extra inputs are not permitted" in installation.output()


def test_killing_up_leaves_nothing_and_the_next_run_cleans_up(installation):
    process = installation.start()
    installation.wait_for_up(process)
    assert len(ours(installation.home)) == 5
    process.kill()
    process.wait()
    wait_until(lambda: ours(installation.home) == [])
    assert installation.up_json.exists()
    assert not runs(installation.home)
    installation.wait_for_up(installation.start())


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_killing_make_leaves_nothing(installation):
    makefile = installation.root / "Makefile"
    makefile.write_text("run:\n\t@exec " + " ".join(installation.command("--stop-with", "$$PPID")) + "\n")
    make = installation.start(command=["make", "-f", str(makefile), "run"])
    installation.wait_for_up(make)
    make.kill()
    make.wait()
    wait_until(lambda: ours(installation.home) == [])
    assert not installation.up_json.exists()


def test_a_failing_step_ends_everything_with_its_own_line(installation):
    installation.settings["FAILING_STEP"] = "snapshot"
    status, errors = installation.run()
    assert status == 1
    assert errors == "error: snapshot went wrong\n"
    assert ours(installation.home) == []
    assert not installation.up_json.exists()


def test_being_stopped_while_a_step_runs_stops_the_step(installation):
    script = installation.root / "bin" / "inference-graph"
    script.write_text(f"#!{installation.root}/bin/python -S\nimport time\nprint('busy', flush=True)\ntime.sleep(60)\n")
    process = installation.start()
    wait_until(lambda: "busy" in installation.output())
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 130
    assert ours(installation.home) == []


def test_a_taken_port_is_one_line_before_anything_slow(installation):
    with socket.create_server(("127.0.0.1", installation.port)):
        status, errors = installation.run()
    assert status == 1
    assert errors.startswith(f"error: port {installation.port} on 127.0.0.1 is taken")
    assert "PORT=" in errors
    assert errors.count("\n") == 1
    assert not (installation.home / "steps.log").exists()


def test_a_missing_data_folder_is_one_line(installation):
    shutil.rmtree(installation.root / "data")
    status, errors = installation.run()
    assert status == 1
    assert errors.startswith(f"error: DATA={installation.root / 'data'} does not exist: name a folder")
    assert errors.count("\n") == 1


def test_a_second_up_in_the_same_folder_is_refused(installation):
    process = installation.start()
    installation.wait_for_up(process)
    status, errors = installation.run()
    assert status == 1
    assert errors.startswith(f"error: `inference-graph up` runs here already (pid {process.pid}, port {installation.port}): stop it first")
    assert process.poll() is None


def test_a_given_redis_is_used_and_one_without_vector_search_refused(installation, redis_server):
    installation.settings["REDIS_URL"] = redis_server.url
    status, errors = installation.run()
    assert status == 1
    assert errors.startswith("error: the Redis at REDIS_URL has no vector search")
    redis_server.kill()
    status, errors = installation.run()
    assert status == 1
    assert "looking for vector search at REDIS_URL" in errors
    assert not (installation.home / "steps.log").exists()


def test_with_no_restart_a_dead_process_stays_dead(installation):
    process = installation.start("--no-restart")
    running = installation.wait_for_up(process)
    os.kill(running["processes"]["retrieval"]["pid"], signal.SIGKILL)
    wait_until(lambda: "was ended by SIGKILL and is not started again" in installation.output())
    assert json.loads(installation.up_json.read_text()) == running
