"""Waits until a change has arrived: the release is healthy, and it is what was asked for."""

from __future__ import annotations

import time
from collections.abc import Callable

from inference_graph.errors import DependencyError, DependencyTimeout
from inference_graph.rollout.cluster import Cluster
from inference_graph.rollout.status import Status, status_of

PAUSE_SECONDS = 2.0
# A look can come before KServe's controller has seen the change, and nothing in its status tells.
LOOKS = 3


def until_healthy(cluster: Cluster, release: str, seconds: float, arrived: Callable[[Status], bool] = lambda status: True) -> Status:
    """Raises DependencyTimeout, which says what is still wrong. A cluster that does not answer for a while is asked again."""
    until, reason, well = time.monotonic() + seconds, "it was healthy for a moment only", 0
    while True:
        try:
            found = status_of(cluster, release)
            well = well + 1 if found.healthy and arrived(found) else 0
            if well == LOOKS:
                return found
            if not well:
                reason = "; ".join(found.problems) or "the new version does not serve yet"
        except DependencyError as error:
            well, reason = 0, str(error)
        if time.monotonic() + PAUSE_SECONDS > until:
            raise DependencyTimeout(f"release {release} was not healthy within {seconds:.0f} s: {reason}")
        time.sleep(PAUSE_SECONDS)
