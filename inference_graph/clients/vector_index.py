"""Redis vector search: the nearest items of several vectors in one pipeline, from the index that the pointer names."""

from __future__ import annotations

from typing import Any

import numpy as np
import redis.asyncio
from numpy.typing import NDArray
from redis.exceptions import ResponseError

from inference_graph.clients.redis_connection import redis_errors
from inference_graph.clients.vector_format import Live, pointer_key, read_reply, search_command
from inference_graph.errors import DependencyBadResponse


class VectorIndex:
    """The live index under one prefix; the pointer is read with every search, so that a new index is taken up at once."""

    def __init__(self, redis: redis.asyncio.Redis, prefix: str) -> None:
        self._redis = redis
        self._pointer = pointer_key(prefix)
        self._live: Live | None = None

    async def search(self, vectors: NDArray[np.float32], k: int) -> list[list[tuple[bytes, float]]]:
        """For each row of `vectors` [n, D] the `k` nearest items, best first, as (item id, cosine similarity)."""
        if len(vectors) == 0:
            return []
        with redis_errors("searching vectors"):
            if self._live is None:
                self._live = _live(await self._redis.get(self._pointer))
            live = self._live
            replies = await self._ask(live, vectors, k)
            if self._live.index != live.index and any(isinstance(reply, ResponseError) for reply in replies):
                # The index was dropped while we asked: the pointer, read in the same trip, names the next one.
                live = self._live
                replies = await self._ask(live, vectors, k)
            for reply in replies:
                if isinstance(reply, Exception):
                    raise reply
            return [read_reply(live.index, reply) for reply in replies]

    async def _ask(self, live: Live, vectors: NDArray[np.float32], k: int) -> list[Any]:
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.get(self._pointer)
            for vector in np.ascontiguousarray(vectors, np.float32):
                pipeline.execute_command(*search_command(live, vector, k))
            pointer, *replies = await pipeline.execute(raise_on_error=False)
        if isinstance(pointer, Exception):
            raise pointer
        self._live = _live(pointer)
        return replies


def _live(pointer: bytes | None) -> Live:
    if pointer is None:
        raise DependencyBadResponse("Redis holds no vector index: run `inference-graph index`")
    return Live.from_pointer(pointer)
