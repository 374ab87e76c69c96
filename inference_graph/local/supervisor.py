"""Keeps child processes running: waits until they answer, starts a dead one again, and stops them in order."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from inference_graph.errors import InferenceGraphError
from inference_graph.local.process import Program, how_it_ended, last_lines, spawn, stop
from inference_graph.local.stopping import Stopping

FIRST_RESTART_SECONDS = 3.0
LONGEST_RESTART_SECONDS = 30.0
STABLE_SECONDS = 60.0
LOOK_SECONDS = 0.1
ASK_SECONDS = 0.25


class ProcessFailed(InferenceGraphError):
    """A child that ended, or did not answer in time, while everything was being started."""


@dataclass
class Child:
    program: Program
    process: subprocess.Popen[bytes]
    started: float
    failures: int = 0
    restart_at: float | None = None  # None while it runs, and for good where it is not restarted
    noticed: bool = False


def restart_delay(failures: int, first: float = FIRST_RESTART_SECONDS) -> float:
    """Seconds before the next start, after that many failures in a row."""
    return min(first * 2.0 ** (failures - 1), max(first, LONGEST_RESTART_SECONDS))


class Supervisor:
    """Owns the children. `changed` is called after every start with all of them."""

    def __init__(
        self,
        stopping: Stopping,
        say: Callable[[str], None],
        restart: bool = True,
        first_delay: float = FIRST_RESTART_SECONDS,
        changed: Callable[[list[Child]], None] = lambda children: None,
    ) -> None:
        self._stopping, self._say, self._restart, self._first_delay, self._changed = stopping, say, restart, first_delay, changed
        self.children: list[Child] = []

    def start(self, programs: Iterable[Program]) -> None:
        for program in programs:
            self.children.append(Child(program, _start(program), time.monotonic()))

    def wait_until_ready(self, seconds: float) -> None:
        """Returns once every child has answered, asked in the order of their starts.

        Shows the end of the log of one that did not, and raises ProcessFailed.
        """
        until = time.monotonic() + seconds
        waiting = list(self.children)
        while waiting:
            for child in waiting:
                if (code := child.process.poll()) is not None:
                    raise self._failed(child.program, how_it_ended(code))
            if waiting[0].program.ready():
                waiting.pop(0)
                continue
            if time.monotonic() > until:
                raise self._failed(waiting[0].program, f"did not answer within {seconds:.0f} s")
            self._stopping.pause(ASK_SECONDS)

    def watch(self) -> None:
        """Starts dead children again until StopRequested ends it. Raises ProcessFailed when all are dead for good."""
        self._changed(self.children)
        while True:
            self._stopping.pause(LOOK_SECONDS)
            for child in self.children:
                self._tend(child)
            if all(child.noticed and child.restart_at is None for child in self.children):
                raise ProcessFailed("every process has ended, and --no-restart leaves them so")

    def stop(self, seconds: float) -> None:
        """The highest layer first: each layer has that long to end by itself."""
        for layer in sorted({child.program.layer for child in self.children}, reverse=True):
            stop([c.process for c in self.children if c.program.layer == layer], seconds, lambda: self._stopping.hurry)

    def _tend(self, child: Child) -> None:
        now = time.monotonic()
        if child.restart_at is not None and now >= child.restart_at:
            self._start_again(child, now)
        elif not child.noticed and (code := child.process.poll()) is not None:
            self._notice(child, code, now)

    def _notice(self, child: Child, code: int, now: float) -> None:
        child.noticed = True
        child.failures = 1 if now - child.started > STABLE_SECONDS else child.failures + 1
        after = "is not started again (--no-restart)"
        if self._restart:
            delay = restart_delay(child.failures, self._first_delay)
            child.restart_at = now + delay
            after = f"is started again in {delay:.0f} s"
        self._say(f"{child.program.name} (pid {child.process.pid}) {how_it_ended(code)} and {after}; its log: {child.program.log}")

    def _start_again(self, child: Child, now: float) -> None:
        child.process, child.started, child.restart_at, child.noticed = _start(child.program), now, None, False
        self._say(f"{child.program.name} runs again (pid {child.process.pid})")
        self._changed(self.children)

    def _failed(self, program: Program, what: str) -> ProcessFailed:
        self._say(last_lines(program.log))
        return ProcessFailed(f"{program.name} {what}; above is the end of its log, {program.log}")


def _start(program: Program) -> subprocess.Popen[bytes]:
    return spawn(program.command, program.environment, program.log)
