"""When the request that is being served arrived: its wait for the event loop belongs to its latency and to its budget."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextvars import ContextVar

HEARTBEAT_SECONDS = 0.01
REMEMBERED = 100

_ARRIVED: ContextVar[float] = ContextVar("arrived")


class EventLoopLag:
    """How late the event loop is now: what was due is run that much later, and what arrived is seen that much later."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._lately: deque[float] = deque(maxlen=REMEMBERED)

    @property
    def worst(self) -> float:
        """The longest of about the last second."""
        return max(self._lately, default=0.0)

    async def watch(self) -> None:
        """For ever."""
        while True:
            due = time.perf_counter() + HEARTBEAT_SECONDS
            await asyncio.sleep(HEARTBEAT_SECONDS)
            self.seconds = max(0.0, time.perf_counter() - due)
            self._lately.append(self.seconds)


def arrives(lag: float) -> None:
    """Says that the request of this task arrived `lag` seconds ago."""
    _ARRIVED.set(time.monotonic() - lag)


def arrived() -> float:
    """On the monotonic clock; now, where no front is before the routes."""
    return _ARRIVED.get(time.monotonic())
