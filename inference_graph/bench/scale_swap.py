"""Another snapshot taken up while requests come in: is any of them late for it?"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inference_graph.bench.http_messages import predict
from inference_graph.bench.open_loop import Outcome, offer
from inference_graph.bench.scale_world import World
from inference_graph.catalogue import Catalogue, write_snapshot

STEADY_SECONDS, BEFORE_SECONDS, AFTER_SECONDS = 20.0, 1.0, 9.0
SWAPS = 3
MOST_RATE, SHARE = 20.0, 1 / 3
"""Requests a second, and of what one client after another gets: a machine that cannot bear the rate would show overload and no swap."""
LIMIT = 10


@dataclass(frozen=True)
class Swap:
    """At `rate` requests a second: `worst_ms` of the requests from a publishing on, the median of several swaps; `steady_p99_ms` and
    `steady_worst_ms` with nothing going on. `steady_without` and `without` count the answers of both by what they did without, or by
    their status.
    """

    rate: float
    steady_p99_ms: float
    steady_worst_ms: float
    worst_ms: float
    worst_of_each_ms: Sequence[float]
    steady_without: Mapping[str, int]
    without: Mapping[str, int]

    @property
    def ratio(self) -> float:
        return self.worst_ms / self.steady_p99_ms


async def swap(world: World, catalogue: Catalogue, users: Sequence[str], p50_ms: float) -> Swap:
    """Offers a steady rate, once undisturbed and then with a snapshot of the same size published in the middle; `p50_ms` of requests
    one after another.
    """
    rate = bearable_rate(p50_ms)
    requests = [predict("recommender", user, LIMIT, world.now) for user in users]
    other = await asyncio.to_thread(_another, world, catalogue)
    port, check = world.ports.transformer, world.stopping.check
    steady = await offer(port, requests, rate, STEADY_SECONDS, check)
    disturbed = []
    for turn in range(SWAPS):
        folder = other if turn % 2 == 0 else Path(world.workspace.snapshots) / catalogue.name
        publishing = asyncio.create_task(_publish_after(world, folder, BEFORE_SECONDS))
        try:
            disturbed.append(await offer(port, requests, rate, BEFORE_SECONDS + AFTER_SECONDS, check))
            await publishing
        finally:
            publishing.cancel()
    worst = [_milliseconds([outcome for outcome in part if outcome.due >= BEFORE_SECONDS], 100) for part in disturbed]
    return Swap(
        rate=rate,
        steady_p99_ms=_milliseconds(steady, 99),
        steady_worst_ms=_milliseconds(steady, 100),
        worst_ms=float(np.median(worst)),
        worst_of_each_ms=worst,
        steady_without=_without([steady]),
        without=_without(disturbed),
    )


def bearable_rate(p50_ms: float) -> float:
    return round(min(MOST_RATE, SHARE * 1000 / p50_ms), 1)


def _without(parts: Sequence[Sequence[Outcome]]) -> dict[str, int]:
    outcomes = [outcome for part in parts for outcome in part]
    return dict(Counter(name for o in outcomes for name in (o.degraded if o.status == 200 else (f"status {o.status}",))))


def _another(world: World, catalogue: Catalogue) -> Path:
    """The same catalogue as of a second later: every file is written, and read, anew."""
    return write_snapshot(
        world.store.staging,
        catalogue.arrays,
        categories=catalogue.categories,
        attributes=catalogue.attributes,
        newest_event=catalogue.newest_event + 1,
        created=time.time(),
    )


async def _publish_after(world: World, folder: Path, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await asyncio.to_thread(world.store.publish, folder)


def _milliseconds(outcomes: Sequence[Outcome], share: float) -> float:
    return round(float(np.percentile([outcome.milliseconds for outcome in outcomes], share)), 2)
