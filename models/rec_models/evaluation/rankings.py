"""Every contestant's answer in one form: the best items of each request. Full rankings of the catalogue, never a sample of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from rec_models.data.dataset import Seen
from rec_models.evaluation.requests import Requests

DEPTH = 500
CELLS = 1 << 25
Rows = NDArray[np.int32]
Scorer = Callable[[Requests, slice], NDArray[np.float32]]
"""The score of every catalogue item for a part of the requests, [requests, N]."""


def ranking(scorer: Scorer, requests: Requests, seen: Seen, advance: Callable[[float], None] = lambda share: None) -> Rows:
    """The best DEPTH rows of each request, int32 [R, DEPTH], best first; -1 where there is none. Ties go to the lower row."""
    size = max(1, CELLS // requests.sequences.item_count)
    parts = []
    for start in range(0, len(requests), size):
        part = slice(start, min(start + size, len(requests)))
        scores = np.array(scorer(requests, part), np.float32)
        hidden = requests.hidden(part, seen)
        if hidden is not None:
            scores[hidden.nonzero()] = -np.inf
        parts.append(best_rows(scores))
        advance((part.stop - part.start) / len(requests))
    return np.concatenate(parts)


def best_rows(scores: NDArray[np.float32], depth: int = DEPTH) -> Rows:
    """scores [R, N], -inf for what is not to be had -> int32 [R, depth]."""
    count = min(depth, scores.shape[1])
    edge = -np.partition(-scores, count - 1, axis=1)[:, count - 1 : count]
    above, tied = scores > edge, scores == edge
    kept = above | (tied & (np.cumsum(tied, axis=1) <= count - above.sum(axis=1, keepdims=True)))
    columns = np.nonzero(kept)[1].reshape(len(scores), count)
    values = np.take_along_axis(scores, columns, 1)
    order = np.argsort(-values, axis=1, kind="stable")
    rows = np.full((len(scores), depth), -1, np.int32)
    rows[:, :count] = np.where(np.take_along_axis(values, order, 1) > -np.inf, np.take_along_axis(columns, order, 1), -1)
    return rows


def places(rows: Rows, requests: Requests) -> NDArray[np.float64]:
    """The place of each wanted item in its request's ranking, from 1, [W]; infinity where it is not in it."""
    found = rows[requests.owner] == requests.items[:, None]
    return np.where(found.any(axis=1), found.argmax(axis=1) + 1.0, np.inf)
