"""What is shown, beyond one answer: how unlike each other an answer's items are, and how much of the catalogue is seen at all."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from inference_graph.catalogue import Catalogue

WINDOW_SECONDS = 3600.0


def diversity(vectors: NDArray[np.float16]) -> float | None:
    """One minus the mean cosine similarity of all pairs of unit vectors [n, D]; zero vectors say nothing, None under two others.

    The sum of n unit vectors has the squared length n + 2 * (sum of the similarities of all pairs).
    """
    total = vectors.sum(axis=0, dtype=np.float32)
    count = int(vectors.any(axis=1).sum())
    if count < 2:
        return None
    return 1.0 - (float(total @ total) - count) / (count * (count - 1))


class ShownLately:
    """Which items were shown within the last hour; another catalogue begins anew, for its rows are other items."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._catalogue = ""
        self._last = np.zeros(0, np.float32)

    def saw(self, catalogue: Catalogue, rows: NDArray[np.int32]) -> None:
        if catalogue.name != self._catalogue:
            self._catalogue, self._last = catalogue.name, np.zeros(len(catalogue), np.float32)
        self._last[rows] = self._now()

    @property
    def share(self) -> float:
        """Of the catalogue; NaN before the first answer."""
        return float(np.mean(self._last > self._now() - WINDOW_SECONDS)) if len(self._last) else math.nan

    def _now(self) -> float:
        # Such that zero, which costs a large catalogue nothing to begin with, is too long ago.
        return self._clock() - self._began + WINDOW_SECONDS


SHOWN_LATELY = ShownLately()
"""Of the process, as its metrics are."""
