"""The most memory that this process and all that it started held at once."""

from __future__ import annotations

import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

import psutil

LOOK_SECONDS = 1.0


class PeakMemory:
    """Looks once a second while the block runs; resident pages that two processes share count twice."""

    def __init__(self) -> None:
        self.peak_mb = 0.0
        self._ended = threading.Event()
        self._looking = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._looking.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()
        self._looking.join()

    def _look(self) -> None:
        own = psutil.Process()
        while True:
            total = 0
            for process in (own, *own.children(recursive=True)):
                with suppress(psutil.Error):  # it has ended meanwhile
                    total += process.memory_info().rss
            self.peak_mb = max(self.peak_mb, total / 2**20)
            if self._ended.wait(LOOK_SECONDS):
                return
