"""Fills Redis's vector index: whole before the pointer moves, the old one dropped afterwards, nothing done twice."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import redis
from numpy.typing import NDArray
from redis.exceptions import ResponseError

from inference_graph.clients.redis_connection import redis_errors
from inference_graph.clients.vector_format import (
    FLAT_ITEMS,
    Live,
    create_command,
    every_item_key_prefix,
    index_name,
    item_key_prefix,
    pointer_key,
)
from inference_graph.clients.vector_recall import Recall, measure_width
from inference_graph.errors import DependencyTimeout

BATCH = 1_000


@dataclass(frozen=True)
class Built:
    """The live index; `recall` is None for FLAT, which is exact, and where the index was there already."""

    live: Live
    recall: Recall | None = None


def build_index(
    client: redis.Redis,
    prefix: str,
    item_ids: NDArray[np.bytes_],
    vectors: NDArray[np.floating[Any]],
    progress: Callable[[int], None] = lambda _: None,
    flat_items: int = FLAT_ITEMS,
) -> Built:
    """Returns the live index, which holds these vectors; `progress` hears how many items were added.

    item_ids [N], vectors [N, D]; items whose vector is zero are left out: nothing is near to them. FLAT (exact) up to
    `flat_items`, HNSW above, with an EF_RUNTIME that is measured on these vectors and kept beside the name, in the pointer.
    An interrupted build is taken up again.
    """
    known = np.any(vectors, axis=1)
    item_ids, packed = item_ids[known], np.ascontiguousarray(vectors[known], np.float32)
    index = index_name(prefix, item_ids, packed, "flat" if len(item_ids) <= flat_items else "hnsw")
    with redis_errors("filling the vector index"):
        built = _as_it_is(client, prefix, index)
        if built is None or _documents(client, index) != len(item_ids):
            _create(client, index, packed.shape[1], len(item_ids))
            _fill(client, index, item_ids, packed, progress)
            _await_documents(client, index, len(item_ids))
            recall = measure_width(client, index, item_ids, packed) if index.endswith(":hnsw") else None
            built = Built(Live(index, recall.width if recall else 0), recall)
            client.set(pointer_key(prefix), built.live.pointer())
        _drop_others(client, prefix, index)
    return built


def _as_it_is(client: redis.Redis, prefix: str, index: str) -> Built | None:
    """What the pointer names, where that is this index."""
    pointer = cast("bytes | None", client.get(pointer_key(prefix)))
    if pointer is None or pointer.partition(b" ")[0] != index.encode():
        return None
    return Built(Live.from_pointer(pointer))


def _create(client: redis.Redis, index: str, dimensions: int, items: int) -> None:
    if _documents(client, index) is None:
        _command(client, *create_command(index, dimensions, items))


def _fill(client: redis.Redis, index: str, ids: NDArray[np.bytes_], vectors: NDArray[np.float32], progress: Callable[[int], None]) -> None:
    key_prefix = item_key_prefix(index)
    for start in range(0, len(ids), BATCH):
        with client.pipeline(transaction=False) as pipeline:
            for item_id, vector in zip(ids[start : start + BATCH], vectors[start : start + BATCH], strict=True):
                pipeline.hset(cast(str, key_prefix + bytes(item_id)), "vector", cast(str, vector.tobytes()))
            progress(len(pipeline.execute()))


def _documents(client: redis.Redis, index: str) -> int | None:
    """How many items an index holds; None where there is no such index."""
    try:
        found = _command(client, "FT.INFO", index)
    except ResponseError:
        return None
    return int(dict(zip(found[::2], found[1::2], strict=False))[b"num_docs"])


def _await_documents(client: redis.Redis, index: str, expected: int, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while (count := _documents(client, index)) != expected:
        if time.monotonic() > until:
            raise DependencyTimeout(f"the vector index {index} holds {count} items after {seconds:.0f} s, expected {expected}")
        time.sleep(0.05)


def _drop_others(client: redis.Redis, prefix: str, live: str) -> None:
    """Drops every other index of the prefix and the items of any that is gone, such as after an interruption here."""
    for name in _command(client, "FT._LIST"):
        if name.startswith(f"{pointer_key(prefix)}:".encode()) and name != live.encode():
            _command(client, "FT.DROPINDEX", name)
    kept, every = item_key_prefix(live), every_item_key_prefix(prefix)
    stale = (key for key in client.scan_iter(_literal(every) + b"*", count=BATCH) if not key.startswith(kept))
    while keys := list(itertools.islice(stale, BATCH)):
        client.unlink(*keys)


def _literal(text: bytes) -> bytes:
    """A glob pattern that matches `text` only."""
    return re.sub(rb"([*?\[\]^\\])", rb"\\\1", text)


def _command(client: redis.Redis, *arguments: str | bytes | int | float) -> Any:
    return cast(Any, client).execute_command(*arguments)
