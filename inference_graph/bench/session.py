"""What every measurement begins with: who asks, what they ask, and the processes that answer, stopped however it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import orjson
import typer
import uvloop

from inference_graph.bench.asking import Asking
from inference_graph.bench.contestants import ours
from inference_graph.bench.graph_variant import MOST, with_candidates
from inference_graph.bench.http_messages import Response, is_full, predict
from inference_graph.bench.users import sample_users
from inference_graph.errors import InferenceGraphError
from inference_graph.local.process import Program
from inference_graph.local.running import Running
from inference_graph.local.stopping import Stopping, StopRequested
from inference_graph.local.supervisor import Supervisor

READY_SECONDS = 120.0
STOP_SECONDS = 5.0
GRAPH_SECONDS = 1.5  # until the transformer has looked at a changed graph.yaml
LIMIT = 10
INTERRUPTED = 130
TRIES = 10

Result = TypeVar("Result")


@dataclass(frozen=True)
class Session:
    running: Running
    folder: Path
    users: list[str]
    now: float
    candidates: int
    stopping: Stopping
    say: Callable[[str], None]

    @property
    def graph(self) -> Path:
        return self.folder / "graph.yaml"

    def request(self, model: str, user_id: str) -> bytes:
        return predict(model, user_id, LIMIT, self.now)

    def requests(self) -> list[bytes]:
        return [self.request("recommender", user_id) for user_id in self.users]

    @contextmanager
    def started(self, *programs: Program) -> Iterator[dict[str, int]]:
        """The processes' ids by name, once all of them answer."""
        supervisor = Supervisor(self.stopping, self.say, restart=False)
        try:
            supervisor.start(programs)
            supervisor.wait_until_ready(READY_SECONDS)
            yield {child.program.name: child.process.pid for child in supervisor.children}
        finally:
            supervisor.stop(STOP_SECONDS)

    def write_graph(self, popular: int) -> None:
        self.graph.write_text(with_candidates(self.running.workspace.graph, self.candidates, popular))

    def ensure_candidates(self, port: int) -> None:
        """Has every user ask once, and more popular items proposed until each request ranks as many as were asked for."""
        popular = self.candidates
        with Asking(port) as asking:
            for user_id in self.users:
                self.stopping.check()
                while (ranked := self._ranked(asking, user_id)) < self.candidates:
                    if popular >= MOST:
                        raise InferenceGraphError(
                            f"for user {user_id} only {ranked} candidates are left to rank, expected {self.candidates}: "
                            "ask for fewer with --candidates"
                        )
                    popular = min(MOST, 2 * popular)
                    self.write_graph(popular)
                    self.stopping.pause(GRAPH_SECONDS)

    def _ranked(self, asking: Asking, user_id: str) -> int:
        """How many candidates of one request are ranked. An explanation is no load that the graph would answer by ranking fewer."""
        response = ask_until_full(asking.ask, predict("recommender", user_id, LIMIT, self.now, "explain"), user_id)
        candidates = orjson.loads(response.body)["predictions"][0]["candidates"]
        return sum(candidate["removed_by"] is None for candidate in candidates)


def ask_until_full(ask: Callable[[bytes], Response], request: bytes, user_id: str) -> Response:
    """The first full answer: a busy machine may make one late. Raises InferenceGraphError where none of a few is."""
    for _ in range(TRIES):
        if is_full(response := ask(request)):
            return response
    raise InferenceGraphError(f"no full answer for user {user_id} in {TRIES} tries, the last was {response.status} {response.body[:300]!r}")


def measure(users: int, candidates: int, say: Callable[[str], None], work: Callable[[Session], Coroutine[Any, Any, Result]]) -> Result:
    """Runs `work` in an event loop of its own; Ctrl-C and SIGTERM end it with nothing left behind."""
    stopping = Stopping()
    stopping.install()
    running = Running.here()
    asking = sample_users(running.workspace.data / "interactions.parquet", users)
    if len(asking) < users:
        say(f"the data set has {len(asking)} users only: they ask in turn")
    with TemporaryDirectory(prefix="inference-graph-bench-") as folder:
        session = Session(running, Path(folder), asking, running.now(), candidates, stopping, say)
        session.write_graph(candidates)
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                return runner.run(work(session))
        except StopRequested as request:
            raise typer.Exit(INTERRUPTED) from request


@contextmanager
def measured_transformer(session: Session) -> Iterator[tuple[int, int]]:
    """Port and process id of a transformer of our own, in which every request ranks as many candidates as were asked for."""
    program = ours(session.running, session.graph)
    with session.started(program) as pids:
        session.ensure_candidates(program.port)
        yield program.port, pids[program.name]
