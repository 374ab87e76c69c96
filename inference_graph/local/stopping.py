"""Turns Ctrl-C, SIGTERM, SIGHUP and the end of the parent into one exception, raised only where the program waits."""

from __future__ import annotations

import os
import signal
import time
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SLICE_SECONDS = 0.05


class StopRequested(Exception):
    """Somebody wants this to end; nothing went wrong."""


class Stopping:
    """Whether the end was asked for. `hurry`: it was asked for twice."""

    def __init__(self, parent: int | None = None) -> None:
        self._parent = parent
        self._asked = 0

    def install(self) -> None:
        for number in SIGNALS:
            signal.signal(number, self._ask)

    @property
    def hurry(self) -> bool:
        return self._asked > 1

    def pause(self, seconds: float) -> None:
        """Sleeps. Raises StopRequested as soon as the end is asked for."""
        until = time.monotonic() + seconds
        while True:
            self.check()
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, SLICE_SECONDS))

    def check(self) -> None:
        if self._asked or (self._parent is not None and os.getppid() != self._parent):
            raise StopRequested

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self._asked += 1
