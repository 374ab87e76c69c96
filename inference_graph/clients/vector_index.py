"""Redis vector search: the nearest items of several vectors in one pipeline, from the index that the pointer names."""

from __future__ import annotations

from typing import Any

import numpy as np
import redis.asyncio
from numpy.typing import NDArray
from redis.exceptions import ResponseError

from inference_graph.clients.redis_connection import Command, ask, redis_call
from inference_graph.clients.vector_format import Live, pointer_key, read_reply, search_command
from inference_graph.errors import DependencyBadResponse


class VectorIndex:
    """The live index under one prefix; the pointer is read with every search, so that a new index is taken up at once."""

    def __init__(self, redis: redis.asyncio.Redis, prefix: str) -> None:
        self._redis = redis
        self._pointer = pointer_key(prefix)
        self._live: Live | None = None

    async def search(self, vectors: NDArray[np.float32], k: int) -> list[list[bytes]]:
        """For each row of `vectors` [n, D] the ids of the `k` items nearest by cosine, in no order."""
        if len(vectors) == 0:
            return []
        async with redis_call(self._redis, "searching vectors"):
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
        commands: list[Command] = [("GET", self._pointer)]
        commands += [search_command(live, vector, k) for vector in np.ascontiguousarray(vectors, np.float32)]
        pointer, *replies = await ask(self._redis, commands)
        if isinstance(pointer, Exception):
            raise pointer
        self._live = _live(pointer)
        return replies


def _live(pointer: bytes | None) -> Live:
    if pointer is None:
        raise DependencyBadResponse("Redis holds no vector index: run `inference-graph index`")
    return Live.from_pointer(pointer)
