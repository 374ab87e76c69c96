"""What each stage of the graph makes of a request, from one explanation: every source alone, their fusion, the whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference_graph.features import RANKED_SOURCES
from inference_graph.fusion import fuse
from rec_models.evaluation.rankings import DEPTH, Rows
from rec_models.proposals import SOURCE_WEIGHTS

BEYOND_LIMIT = "candidate_limit"


@dataclass(frozen=True, eq=False)
class Stages:
    """Rankings int32 [R, DEPTH] by name; the final scores float32 [R, DEPTH] (NaN where there is no item); seconds [R]."""

    rows: Mapping[str, Rows]
    scores: NDArray[np.float32]
    seconds: NDArray[np.float64]

    @classmethod
    def empty(cls, requests: int) -> Stages:
        names = ("graph", "fusion", *RANKED_SOURCES)
        nothing = {name: np.full((requests, DEPTH), -1, np.int32) for name in names}
        return cls(nothing, np.full((requests, DEPTH), np.nan, np.float32), np.zeros(requests))

    def take(self, row_of: Mapping[str, int], number: int, explanation: Mapping[str, Any], seconds: float) -> None:
        """Fills in request `number`; `row_of` gives the catalogue's rows."""
        items = explanation["items"]
        self._put("graph", number, [row_of[item["item_id"]] for item in items])
        self.scores[number, : len(items)] = [item["score"] for item in items]
        self.seconds[number] = seconds
        allowed = [candidate for candidate in explanation["candidates"] if candidate["removed_by"] in (None, BEYOND_LIMIT)]
        rows = np.array([row_of[candidate["item_id"]] for candidate in allowed], np.int32)
        ranks = np.array([[by.get(name, np.nan) for name in RANKED_SOURCES] for by in (c["sources"] for c in allowed)], np.float32)
        ranks = ranks.reshape(len(rows), len(RANKED_SOURCES))
        for source, name in enumerate(RANKED_SOURCES):
            own = np.flatnonzero(~np.isnan(ranks[:, source]))
            self._put(name, number, rows[own[np.argsort(ranks[own, source], kind="stable")]].tolist())
        in_order = np.argsort(rows, kind="stable")
        self._put("fusion", number, rows[in_order][np.argsort(-fuse(ranks[in_order], SOURCE_WEIGHTS), kind="stable")].tolist())

    def _put(self, name: str, number: int, rows: list[int]) -> None:
        self.rows[name][number, : len(rows[:DEPTH])] = rows[:DEPTH]
