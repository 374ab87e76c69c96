"""What the approximate searches find of what exact ones find, and how long they take, asked as the transformer asks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import redis.asyncio
from redis.exceptions import RedisError

from inference_graph.bench.scale_world import World
from inference_graph.catalogue import Catalogue
from inference_graph.clients.redis_connection import open_redis
from inference_graph.clients.tf_serving import ServedModel
from inference_graph.clients.vector_format import Live, pointer_key, read_reply, search_command
from inference_graph.clients.vector_index import VectorIndex
from inference_graph.clients.vector_recall import exact_nearest
from inference_graph.errors import DependencyUnavailable
from inference_graph.local.ports import HOST

CHECKS = "retrieval_checks.npz"
SECONDS = 10.0
SEARCHES, SEEDS, NEAREST = 40, 5, 100
WIDTHS = (50, 100, 200, 400, 800)


@dataclass(frozen=True)
class Found:
    """`recall` of the exact answer; median milliseconds of one call."""

    recall: float
    p50_ms: float


async def retrieval(world: World) -> Found:
    """The model server's answer to recorded requests against the exact answer, recorded with them."""
    recorded = dict(np.load(world.workspace.root / CHECKS))
    exact = recorded.pop("exact")
    model = ServedModel(f"{HOST}:{world.ports.models['retrieval'][0]}", "retrieval")
    shares, times = [], []
    try:
        for number, wanted in enumerate(exact):
            started = time.perf_counter()
            prediction = await model.predict({name: values[number : number + 1] for name, values in recorded.items()}, SECONDS)
            times.append(time.perf_counter() - started)
            shares.append(len(set(wanted.tolist()) & set(prediction.outputs["item_ids"][0].tolist())) / len(wanted))
    finally:
        await model.close()
    return Found(round(float(np.mean(shares)), 4), _milliseconds(times))


async def vectors(world: World, catalogue: Catalogue) -> tuple[Found, dict[int, Found]]:
    """Five seeds a trip, as a request sends them; and for HNSW the same at other widths (EF_RUNTIME)."""
    rows = np.random.default_rng(3).permutation(len(catalogue))[: SEARCHES * SEEDS]
    asked = np.asarray(catalogue.arrays.vectors[rows], np.float32)
    near = exact_nearest(catalogue.arrays.vectors, asked, NEAREST)
    exact = [set(catalogue.arrays.item_ids[found].tolist()) for found in near]
    connection = open_redis(world.redis_url, timeout=SECONDS)
    try:
        index = VectorIndex(connection, world.workspace.redis_prefix)
        replies, times = [], []
        for start in range(0, len(rows), SEEDS):
            started = time.perf_counter()
            replies += await index.search(asked[start : start + SEEDS], NEAREST)
            times.append(time.perf_counter() - started)
        live = Live.from_pointer(await connection.get(pointer_key(world.workspace.redis_prefix)))
        widths = WIDTHS if live.index.endswith(":hnsw") else ()
        curve = {width: await _at_width(connection, Live(live.index, width), asked, exact) for width in widths}
    except RedisError as error:
        raise DependencyUnavailable(f"Redis did not answer a search: {error}") from error
    finally:
        await connection.aclose()
    return Found(_share(replies, exact), _milliseconds(times)), curve


async def _at_width(connection: redis.asyncio.Redis, live: Live, asked: np.ndarray, exact: list[set[bytes]]) -> Found:
    replies, times = [], []
    for start in range(0, len(asked), SEEDS):
        async with connection.pipeline(transaction=False) as pipeline:
            for vector in asked[start : start + SEEDS]:
                # By hand: the command would not go below the number of neighbours.
                query = f"*=>[KNN {NEAREST} @vector $vector EF_RUNTIME {live.width}]"
                command = search_command(live, vector, NEAREST)
                pipeline.execute_command(*command[:2], query, *command[3:])
            started = time.perf_counter()
            replies += [read_reply(live.index, reply) for reply in await pipeline.execute()]
            times.append(time.perf_counter() - started)
    return Found(_share(replies, exact), _milliseconds(times))


def _share(replies: Sequence[Sequence[bytes]], exact: list[set[bytes]]) -> float:
    found = sum(len(wanted & set(reply)) for wanted, reply in zip(exact, replies, strict=True))
    return round(found / sum(len(wanted) for wanted in exact), 4)


def _milliseconds(seconds: list[float]) -> float:
    return round(1000 * float(np.median(seconds)), 2)
