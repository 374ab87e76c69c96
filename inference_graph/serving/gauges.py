"""Metrics that no request moves: how late the event loop is, how old the data, and which versions are in use."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from inference_graph import metrics
from inference_graph.catalogue import Catalogue
from inference_graph.exposure import SHOWN_LATELY
from inference_graph.overload import Overload
from inference_graph.serving.arrivals import EventLoopLag


def watch_catalogue(catalogue: Callable[[], Catalogue | None], now: Callable[[Catalogue], float]) -> None:
    """Computed when they are read: its ages, and how much of it was shown; NaN before the first snapshot, or answer.

    `now` is the graph's clock: features of old data are as old as the newest event that is known makes them.
    """

    def age(of: Callable[[Catalogue], float]) -> float:
        current = catalogue()
        return float("nan") if current is None else max(0.0, of(current))

    metrics.SNAPSHOT_AGE.set_function(lambda: age(lambda current: time.time() - current.created))
    metrics.FEATURE_AGE.set_function(lambda: age(lambda current: now(current) - current.newest_event))
    metrics.COVERAGE.set_function(lambda: SHOWN_LATELY.share)


def watch_overload(overload: Overload) -> None:
    metrics.CANDIDATES_FACTOR.set_function(lambda: overload.factor)
    metrics.CONCURRENCY_LIMIT.set_function(lambda: overload.concurrency)


def watch_event_loop(lag: EventLoopLag) -> None:
    metrics.EVENT_LOOP_LAG.set_function(lambda: lag.worst)


class VersionsSeen:
    """`recommender_info`: what the newest answer was made with."""

    def __init__(self) -> None:
        self._versions: dict[str, str] = {}

    def saw(self, versions: Mapping[str, str | None]) -> None:
        """A version of None is that of a model that did not answer: the last known one stays."""
        known = {name: version for name, version in versions.items() if version is not None}
        if known.items() <= self._versions.items():
            return
        self._versions |= known
        metrics.INFO.info(self._versions)
