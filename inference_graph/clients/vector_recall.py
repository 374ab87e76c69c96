"""How wide to search an HNSW index: the narrowest search that finds enough of what the exact search finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import redis
from numpy.typing import NDArray

from inference_graph.clients.vector_format import Live, read_reply, search_command

Floats = NDArray[np.float32]
NEAREST, SAMPLE, CHUNK = 100, 200, 100_000
WIDTHS = (100, 150, 200, 300, 400, 600, 800, 1200, 1600)
ENOUGH = 0.96
"""0.95 is promised: a sample decides, and another one may find a little less."""


@dataclass(frozen=True)
class Recall:
    """`by_width`: for each EF_RUNTIME that was tried, the share found of the exact nearest hundred; the last one is in use."""

    by_width: Mapping[int, float]

    @property
    def width(self) -> int:
        return max(self.by_width)

    @property
    def found(self) -> float:
        return self.by_width[self.width]


def measure_width(client: redis.Redis, index: str, item_ids: NDArray[np.bytes_], vectors: Floats, enough: float = ENOUGH) -> Recall:
    """Searches around a sample of the items, wider and wider until it suffices, or at the widest where it never does."""
    sample = np.random.default_rng(0).permutation(len(vectors))[:SAMPLE]
    exact = [{bytes(item_ids[row]) for row in rows} for rows in exact_nearest(vectors, vectors[sample], NEAREST)]
    tried: dict[int, float] = {}
    for width in WIDTHS:
        with client.pipeline(transaction=False) as pipeline:
            for row in sample:
                cast(Any, pipeline).execute_command(*search_command(Live(index, width), vectors[row], NEAREST))
            replies = pipeline.execute()
        found = [len(wanted & set(read_reply(index, reply))) for wanted, reply in zip(exact, replies, strict=True)]
        tried[width] = round(sum(found) / sum(len(wanted) for wanted in exact), 4)
        if tried[width] >= enough:
            break
    return Recall(tried)


def exact_nearest(vectors: NDArray[np.floating[Any]], asked: Floats, count: int) -> NDArray[np.int64]:
    """The rows of the `count` nearest of unit vectors [N, D] to each one asked for [R, D]; in chunks, so that N may be large."""
    rows, scores = np.empty((len(asked), 0), np.int64), np.empty((len(asked), 0), np.float32)
    for start in range(0, len(vectors), CHUNK):
        part = asked @ vectors[start : start + CHUNK].astype(np.float32).T
        scores = np.concatenate([scores, part], axis=1)
        rows = np.concatenate([rows, np.broadcast_to(np.arange(start, start + part.shape[1]), part.shape)], axis=1)
        best = np.argpartition(-scores, min(count, scores.shape[1]) - 1, axis=1)[:, :count]
        rows, scores = np.take_along_axis(rows, best, 1), np.take_along_axis(scores, best, 1)
    return rows
