"""Events written while the Redis that keeps them and the transformer that takes them are killed, again and again."""

from __future__ import annotations

import asyncio
import http.client
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from fault_matrix.bed import until
from fault_matrix.events import Writer, faults_of
from fault_matrix.proxy import HOST
from inference_graph.graph import default_graph
from inference_graph.local.ports import free_ports
from inference_graph.local.process import script, spawn
from inference_graph.local.readiness import redis_answers
from inference_graph.local.redis_server import redis_command

PREFIX = "shop"


@dataclass(frozen=True)
class Outcome:
    """`problems`: what was lost, doubled, out of order, or answered with anything but 202, 429 and 503."""

    acknowledged: int
    sent_again: int
    kills: int
    seconds: float
    problems: list[str]


@dataclass
class Killable:
    """A program that is started again after each kill; `answers` says whether it serves."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    answers: Callable[[], bool]
    process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self.process = spawn(self.command, self.environment, self.log)
        await until(self.answers, f"{self.name}, whose log is {self.log}")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


async def write_under_fire(folder: Path, users: int, each: int, kills: int) -> Outcome:
    """`users` x `each` events through one transformer into one Redis, each of the two killed `kills` times in between."""
    started = time.monotonic()
    async with _two_programs(folder) as (server, transformer, port, redis_port):
        writer = Writer(f"http://{HOST}:{port}", [f"user-{number}" for number in range(users)], each)
        writing = asyncio.create_task(writer.run())
        try:
            for turn in range(2 * kills):
                target = users * each * (turn + 1) // (2 * kills + 1)
                await until(lambda: writer.acknowledged >= target or writing.done(), f"event {target}")  # noqa: B023
                victim = transformer if turn % 2 else server
                victim.kill()
                await victim.start()
            await writing
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        with redis.Redis(HOST, redis_port, socket_timeout=10) as client:
            problems = faults_of(writer, client, PREFIX)
    return Outcome(writer.acknowledged, writer.sent_again, 2 * kills, time.monotonic() - started, problems)


@asynccontextmanager
async def _two_programs(folder: Path) -> AsyncIterator[tuple[Killable, Killable, int, int]]:
    """The embedded Redis, and a transformer without models and without a snapshot: events need neither."""
    port, redis_port = free_ports(2)
    redis_folder, graph = folder / "redis", folder / "graph.yaml"
    await asyncio.to_thread(redis_folder.mkdir, parents=True)
    await asyncio.to_thread(graph.write_text, default_graph("ratings", {"mode": "ever"}, "wall"))
    environment = {
        "GRAPH": str(graph),
        "REDIS_URL": f"redis://{HOST}:{redis_port}",
        "REDIS_PREFIX": PREFIX,
        "RETRIEVAL_TARGET": f"{HOST}:1",
        "RANKING_TARGET": f"{HOST}:2",
        "SNAPSHOT_STORE": str(folder / "snapshots"),
        "FEATURE_REGISTRY": str(folder / "none.db"),
        "FEATURE_PROJECT": PREFIX,
        "PORT": str(port),
    }
    server = Killable("Redis", redis_command(redis_folder, redis_port), {}, folder / "redis.log", lambda: redis_answers(redis_port))
    command = (script("recommender-transformer"),)
    transformer = Killable("the transformer", command, environment, folder / "transformer.log", lambda: _is_alive(port))
    try:
        await server.start()
        await transformer.start()
        yield server, transformer, port, redis_port
    finally:
        transformer.kill()
        server.kill()


def _is_alive(port: int) -> bool:
    """Takes requests, ready or not."""
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
