"""What grows with the catalogue and what does not: the same users over invented catalogues of several sizes."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import uvloop

from inference_graph.bench.asking import Asking
from inference_graph.bench.http_messages import Response, predict
from inference_graph.bench.machine import machine
from inference_graph.bench.process_use import cpu_seconds, memory_mb
from inference_graph.bench.scale_recall import Found, retrieval, vectors
from inference_graph.bench.scale_swap import Swap, swap
from inference_graph.bench.scale_world import World, started_world
from inference_graph.bench.users import sample_users
from inference_graph.local.stopping import Stopping

USERS, WARM_UP, REQUESTS, EXPLAINED, LIMIT = 200, 100, 400, 200, 10
TOGETHER = (("history",), ("two_tower", "similar_to_liked"), ("ranker",))
"""Remote steps by hop: those of one hop run side by side, and the longest counts."""


@dataclass(frozen=True)
class SizeFigures:
    """One size. Milliseconds are of requests one after another; `controller_wall_ms` is a request's time in the pipeline outside
    remote steps, `controller_cpu_ms` all that the transformer's process computed for it: HTTP, encoding and id lookups too.
    `without` counts answers by what they did without, or by their status.
    """

    items: int
    requests: int
    without: Mapping[str, int]
    p50_ms: float
    p99_ms: float
    controller_cpu_ms: float
    controller_wall_ms: float
    steps_p50_ms: Mapping[str, float]
    retrieval: Found
    vectors: Found
    vectors_by_width: Mapping[int, Found]
    index: Mapping[str, Any]
    card: Mapping[str, Any]
    snapshot_load_s: float
    seconds: Mapping[str, float]
    peak_rss_mb: Mapping[str, float]
    private_mb: Mapping[str, float]
    swap: Swap


@dataclass(frozen=True)
class ScaleReport:
    machine: Mapping[str, str | int | float]
    sizes: Sequence[SizeFigures]

    @property
    def controller_ratio(self) -> float:
        """CPU of the controller a request at the largest size, to that at the smallest."""
        return self.sizes[-1].controller_cpu_ms / self.sizes[0].controller_cpu_ms

    @property
    def faultless(self) -> bool:
        """Fewer candidates under load are no fault: the machine had other work."""
        return not any({*size.without, *size.swap.steady_without, *size.swap.without} - {"fewer_candidates"} for size in self.sizes)

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "controller_ratio": round(self.controller_ratio, 3)}


def scaled(sizes: Sequence[int], folder: Path, say: Callable[[str], None]) -> ScaleReport:
    """Measures each size in turn; nothing is left running however it ends. Raises StopRequested where that was asked for."""
    stopping = Stopping()
    stopping.install()
    figures = []
    for items in sizes:
        with started_world(items, folder, stopping, say) as world:
            figures.append(_measured(world, items))
    return ScaleReport(machine(), figures)


def _measured(world: World, items: int) -> SizeFigures:
    users = sample_users(world.workspace.data / "interactions.parquet", USERS)
    started = time.monotonic()
    catalogue = world.store.open(world.store.current())
    load = time.monotonic() - started
    world.say(f"{items:,} items: {WARM_UP + REQUESTS + EXPLAINED} requests one after another")
    walls, cpus, answers = _asked(world, users)
    steps = _steps(world, users)
    world.say(f"{items:,} items: recall")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(retrieval(world))
        near, curve = runner.run(vectors(world, catalogue))
        world.say(f"{items:,} items: another snapshot is taken up under load")
        swapped = runner.run(swap(world, catalogue, users, _percentile(walls, 50)))
    peak, private = memory_mb(world.pids)
    return SizeFigures(
        items=items,
        requests=len(answers),
        without=dict(Counter(name for answer in answers for name in _without(answer))),
        p50_ms=_percentile(walls, 50),
        p99_ms=_percentile(walls, 99),
        controller_cpu_ms=_percentile(cpus, 50),
        controller_wall_ms=_percentile([controller_wall(one) for one in steps], 50),
        steps_p50_ms={name: _percentile([one.get(name, 0.0) for one in steps], 50) for name in steps[0]},
        retrieval=found,
        vectors=near,
        vectors_by_width=curve,
        index=world.index,
        card=_card(world),
        snapshot_load_s=round(load, 2),
        seconds=world.seconds,
        peak_rss_mb=peak,
        private_mb=private,
        swap=swapped,
    )


def controller_wall(timings_ms: Mapping[str, float]) -> float:
    """What is left of a request's time in the pipeline without the longest remote step of each hop."""
    return timings_ms["total"] - sum(max(timings_ms.get(name, 0.0) for name in hop) for hop in TOGETHER)


def _asked(world: World, users: Sequence[str]) -> tuple[list[float], list[float], list[Response]]:
    """Milliseconds on the wall and of the transformer's CPU, a request, and the answers; the first ones do not count."""
    pid, walls, cpus, answers = world.pids["transformer"], [], [], []
    with Asking(world.ports.transformer) as asking:
        for turn in range(WARM_UP + REQUESTS):
            world.stopping.check()
            request = predict("recommender", users[turn % len(users)], LIMIT, world.now)
            cpu, wall = cpu_seconds(pid), time.perf_counter()
            answers.append(asking.ask(request))
            walls.append(1000 * (time.perf_counter() - wall))
            cpus.append(1000 * (cpu_seconds(pid) - cpu))
    return walls[WARM_UP:], cpus[WARM_UP:], answers[WARM_UP:]


def _steps(world: World, users: Sequence[str]) -> list[dict[str, float]]:
    """The timings that `explain` gives of its own request, in milliseconds by step."""
    found = []
    with Asking(world.ports.transformer) as asking:
        for turn in range(EXPLAINED):
            world.stopping.check()
            answer = asking.ask(predict("recommender", users[turn % len(users)], LIMIT, world.now, "explain"))
            document = json.loads(answer.body)
            found.append(document["predictions"][0]["timings_ms"])
    return found


def _without(answer: Response) -> list[str]:
    if answer.status != 200:
        return [f"status {answer.status}"]
    names: list[str] = json.loads(answer.body)["predictions"][0]["degraded"]
    return names


def _card(world: World) -> dict[str, Any]:
    """What the retrieval model's card says of the catalogue's size."""
    newest = max((world.workspace.models / "retrieval").glob("[0-9]*"), key=lambda path: int(path.name))
    card = json.loads((newest / "card.json").read_text())
    return {key: card[key] for key in ("catalogue_limit", "lists") if key in card}


def _percentile(values: Sequence[float], share: float) -> float:
    return round(float(np.percentile(values, share)), 2)
