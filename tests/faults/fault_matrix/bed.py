"""What the faults are tried on: a running `up`, proxies before its services, and transformers of our own behind those."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet

from fault_matrix.proxy import Mode, Proxy
from inference_graph.graph import load_graph
from inference_graph.local.ports import HOST, free_ports
from inference_graph.local.process import spawn, stop
from inference_graph.local.readiness import model_answers, redis_answers, transformer_answers
from inference_graph.local.servers import MODELS, Ports, transformer_program
from inference_graph.local.up_file import runs
from inference_graph.workspace import Workspace

SERVICES = ("redis", *MODELS)
READY_SECONDS = 90.0


async def until(condition: Callable[[], bool], what: str, seconds: float = READY_SECONDS) -> None:
    """Asks in a thread, so that traffic and proxies go on. Raises TimeoutError naming what did not come."""
    end = time.monotonic() + seconds
    while not await asyncio.to_thread(condition):
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        await asyncio.sleep(0.02)


@dataclass
class Transformer:
    """One more transformer than `up` has, with its own log."""

    url: str
    port: int
    log: Path
    command: tuple[str, ...]
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = spawn(self.command, self.environment, self.log)

    def stop(self, seconds: float = 10.0) -> None:
        """By SIGTERM; at once where no seconds are given."""
        if self.process is not None:
            stop([self.process], seconds, lambda: seconds == 0)
            self.process = None

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    async def ready(self) -> None:
        await until(lambda: transformer_answers(self.port), f"the transformer whose log is {self.log}")


@dataclass
class Bed:
    """`home` holds the up.json of the `up`; `folder` is ours for logs and copies."""

    home: Path
    folder: Path
    proxies: dict[str, Proxy] = field(default_factory=dict)
    _shared: Transformer | None = None

    @classmethod
    @asynccontextmanager
    async def made(cls, home: Path, folder: Path) -> AsyncIterator[Bed]:
        """With a proxy before each service."""
        bed = cls(home, folder)
        try:
            for name in SERVICES:
                bed.proxies[name] = Proxy(bed.port(name))
                await bed.proxies[name].start()
            yield bed
        finally:
            if bed._shared is not None:
                await asyncio.to_thread(bed._shared.stop)
            for proxy in bed.proxies.values():
                await proxy.stop()

    @property
    def workspace(self) -> Workspace:
        return Workspace((self.home / "current").resolve())

    @property
    def url(self) -> str:
        """Of `up`'s own transformer, which has no proxy before anything."""
        return str(self._up()["url"])

    @property
    def budget(self) -> float:
        """Seconds of one request, as graph.yaml says."""
        return load_graph(self.workspace.graph).timeout_seconds

    def pid(self, name: str) -> int:
        return int(self._up()["processes"][name]["pid"])

    def port(self, name: str) -> int:
        return int(self._up()["processes"][name]["port"])

    def answers(self, name: str) -> bool:
        if name == "redis":
            return redis_answers(self.port("redis"))
        return model_answers(int(self._up()["processes"][name]["rest_port"]), name)

    def users(self, count: int) -> Sequence[str]:
        """Users with a history, always the same."""
        column = parquet.read_table(self.workspace.data / "interactions.parquet", columns=["user_id"]).column("user_id")
        return sorted(map(str, column.unique().to_pylist()))[:count]

    async def behind_proxies(self) -> Transformer:
        """A transformer that reaches every service through its proxy; one for all cells that need no other."""
        if self._shared is None:
            self._shared = self._made(through_proxies=True, shift=0.0, more={})
            self._shared.start()
        await self._shared.ready()
        return self._shared

    @asynccontextmanager
    async def transformer(
        self, through_proxies: bool = True, shift: float = 0.0, environment: Mapping[str, str] | None = None
    ) -> AsyncIterator[Transformer]:
        """One that is started but not waited for; `environment` goes before its own, `shift` moves its clock by so many seconds."""
        made = self._made(through_proxies, shift, environment or {})
        made.start()
        try:
            yield made
        finally:
            await asyncio.to_thread(made.stop)

    def _made(self, through_proxies: bool, shift: float, more: Mapping[str, str]) -> Transformer:
        (port,) = free_ports(1)
        ports = {name: self.proxies[name].port if through_proxies else self.port(name) for name in SERVICES}
        targets = Ports(port, ports["redis"], {name: (ports[name], 0) for name in MODELS})
        program = transformer_program(self.workspace, targets, f"redis://{HOST}:{ports['redis']}")
        environment = {**program.environment, "STARTUP_GRACE_SECONDS": "10", **more}
        command = (sys.executable, "-P", str(Path(__file__).with_name("shifted_clock.py")), str(shift)) if shift else program.command
        log = self.folder / f"transformer-{port}.log"
        return Transformer(f"http://{HOST}:{port}", port, log, command, environment)

    async def mend(self) -> None:
        """Every proxy as at the start, in front of the service that it belongs to."""
        for name, proxy in self.proxies.items():
            await proxy.set(Mode.PASS)
            proxy.lead_to(self.port(name))

    def _up(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.home / "up.json").read_text())
        return found


@asynccontextmanager
async def running_up(home: Path, folder: Path) -> AsyncIterator[None]:
    """`inference-graph up` in that home until the block ends; one that runs there already is used and left alone."""
    up_file = home / "up.json"
    if runs(home):
        await until(up_file.exists, "the inference-graph up that is starting here", 900)
        yield
        return
    up_file.unlink(missing_ok=True)  # of one that was killed
    (port,) = free_ports(1)
    log = folder / "up.log"
    environment = {**os.environ, "INFERENCE_GRAPH_HOME": str(home)}
    process = spawn((str(Path(sys.executable).parent / "inference-graph"), "up", "--port", str(port)), environment, log)
    try:
        await until(lambda: up_file.exists() or process.poll() is not None, "inference-graph up", 900)
        if process.poll() is not None:
            raise RuntimeError(f"inference-graph up ended: {log.read_text()[-1500:]}")
        yield
    finally:
        await asyncio.to_thread(stop, [process], 20.0, lambda: False)
