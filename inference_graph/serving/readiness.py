"""Readiness, which latches: a dependency that dies later makes answers poorer, never the process unready."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from inference_graph.errors import DependencyError

logger = logging.getLogger(__name__)

PROBE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Probe:
    """How a dependency is asked whether it is there, and what answers lack without it."""

    ask: Callable[[], Awaitable[object]]
    without: str


class Readiness:
    """`ready` is a field, because KServe asks at every predict."""

    def __init__(self) -> None:
        self.ready = False

    async def watch(self, has_catalogue: Callable[[], bool], probes: Mapping[str, Probe], grace: float | None) -> None:
        """Becomes ready with the first snapshot once each dependency has answered, or `grace` seconds are over (None: never)."""
        started = time.monotonic()
        missing = dict.fromkeys(probes, "did not answer yet")
        while True:
            await asyncio.gather(*(self._ask(name, probes[name], missing) for name in list(missing)))
            waited = grace is not None and time.monotonic() - started >= grace
            if has_catalogue() and (not missing or waited):
                break
            await asyncio.sleep(PROBE_SECONDS)
        self.ready = True
        logger.info("ready %.1f s after the process began", process_seconds())
        for name, reason in missing.items():
            logger.warning("ready without %s (%s): %s", name, reason, probes[name].without)

    async def _ask(self, name: str, probe: Probe, missing: dict[str, str]) -> None:
        try:
            async with asyncio.timeout(2.0):
                await probe.ask()
        except (DependencyError, TimeoutError) as error:
            missing[name] = " ".join(str(error).split()) or "timeout"
        else:
            del missing[name]
            logger.info("%s answers", name)


def process_seconds() -> float:
    """How long this process has been there, its imports included; on other systems than Linux the CPU seconds it has used."""
    try:
        began = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return time.process_time()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - began
