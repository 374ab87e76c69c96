"""One child process: started in a group of its own and tied to us, watched, and stopped with a deadline."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from inference_graph.errors import InvalidConfiguration
from inference_graph.local import tied


@dataclass(frozen=True)
class Program:
    """What to run and how to know that it answers. A higher layer uses the lower ones and is stopped before them."""

    name: str
    command: tuple[str, ...]
    log: Path
    layer: int
    port: int
    ready: Callable[[], bool]
    rest_port: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


def script(name: str) -> str:
    """A command of this installation. Raises InvalidConfiguration where it is missing."""
    path = Path(sys.executable).parent / name
    if not path.exists():
        raise InvalidConfiguration(f"{path} does not exist: install the package with its extras `models` and `local`, as `make run` does")
    return str(path)


def spawn(command: tuple[str, ...], environment: Mapping[str, str], log: Path | None = None) -> subprocess.Popen[bytes]:
    """Starts a command that dies with us; what it prints goes to the log, or where our own output goes."""
    whole = (sys.executable, "-I", "-S", tied.__file__, str(os.getpid()), *command)
    settings = {**os.environ, "PYTHONUNBUFFERED": "1", **environment}
    if log is None:
        return subprocess.Popen(whole, env=settings, stdin=subprocess.DEVNULL, process_group=0)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        return subprocess.Popen(whole, env=settings, stdin=subprocess.DEVNULL, stdout=file, stderr=file, process_group=0)


def signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """To the process and what it started; no error where it has ended."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)


def stop(
    processes: list[subprocess.Popen[bytes]], seconds: float, hurry: Callable[[], bool], first: signal.Signals = signal.SIGTERM
) -> None:
    """Asks them to end and waits; kills what is left after that time, or at once when there is a hurry."""
    until = time.monotonic() + seconds
    for process in processes:
        signal_group(process, first)
    while any(process.poll() is None for process in processes) and time.monotonic() < until and not hurry():
        time.sleep(0.02)
    for process in processes:
        signal_group(process, signal.SIGKILL)
        process.wait()


def how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit status {code}"
    return f"was ended by {signal.Signals(-code).name}"


def last_lines(log: Path, count: int = 15) -> str:
    """The end of a log, for an error message."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8_192))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-count:])
    except OSError:
        return "(no log)"
