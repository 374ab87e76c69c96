"""What a process used: CPU seconds of all its threads, peak memory, private memory."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path

from inference_graph.errors import DependencyUnavailable

CPU_CLOCK = 2  # CPUCLOCK_SCHED: user and system time of the whole process, in nanoseconds


def cpu_seconds(pid: int) -> float:
    """Used since its start by all threads. Raises DependencyUnavailable where the process is gone."""
    try:
        # What clock_getcpuclockid(3) gives for another process.
        return time.clock_gettime((~pid << 3) | CPU_CLOCK)
    except OSError as error:
        raise DependencyUnavailable(f"process {pid} has ended while it was measured; see its log") from error


def memory_mb(pids: Mapping[str, int]) -> tuple[dict[str, float], dict[str, float]]:
    """Per process the most that was resident at any time, and what is its own now (without files that it maps)."""
    peak, private = {}, {}
    for name, pid in pids.items():
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError as error:
            raise DependencyUnavailable(f"{name} (process {pid}) has ended while it was measured; see its log") from error
        peak[name], private[name] = _megabytes(status, "VmHWM"), _megabytes(status, "RssAnon")
    return peak, private


def _megabytes(status: str, field: str) -> float:
    found = re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)
    return round(int(found[1]) / 1024, 1) if found else float("nan")
