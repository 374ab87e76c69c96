"""One request's way through fallible steps: its deadline, what each step took, and what failed."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Generic, TypeVar

from prometheus_client import Histogram

from inference_graph import metrics
from inference_graph.errors import DependencyError, DependencyOverloaded, DependencyTimeout, DependencyUnavailable
from inference_graph.types import HOPS, Deadline

logger = logging.getLogger(__name__)

HOP = {"user": 1, "source": 2}
"""By role; what comes after the sources is of the last one."""

Component = TypeVar("Component")
Value = TypeVar("Value")


@dataclass(slots=True)
class Pulse:
    """When a service last answered anybody, on the clock of time.perf_counter."""

    last: float = -math.inf


@dataclass(frozen=True, slots=True)
class Step(Generic[Component]):
    """A component that leaves the process: how long it may take, and whether an answer can do without it."""

    role: str
    name: str
    component: Component
    timeout: float
    required: bool = False
    pulse: Pulse = field(default_factory=Pulse, compare=False, repr=False)


@dataclass(slots=True)
class Run:
    """The record of one request; `strict` raises bugs instead of forgiving them, for tests.

    `overloaded` names the steps whose service said so, or was too late although it answered others meanwhile. `in_vain` are
    the spans in which a service that is gone was waited for: they say nothing about load. `candidates` counts what went in and out of
    a step: (name, `in` or `out`, how many).
    """

    deadline: Deadline
    strict: bool = False
    failed: set[str] = field(default_factory=set)
    timed_out: set[str] = field(default_factory=set)
    overloaded: set[str] = field(default_factory=set)
    in_vain: list[tuple[float, float]] = field(default_factory=list)
    spans: list[tuple[str, str, float]] = field(default_factory=list)
    candidates: list[tuple[str, str, int]] = field(default_factory=list)

    async def attempt(self, step: Step[Component], call: Callable[[], Awaitable[Value]], default: Value) -> Value:
        """The call's value, or `default` when it fails or takes too long; a required step raises DependencyUnavailable."""
        reason: str
        started = time.perf_counter()
        limit = asyncio.timeout(min(step.timeout, self.deadline.remaining(HOP.get(step.role, HOPS))))
        try:
            async with limit:
                value = await call()
            step.pulse.last = time.perf_counter()
            return value
        except TimeoutError:
            reason = "timeout"
        except DependencyError as error:
            # A client that is cancelled by the limit may call it an error of its own.
            reason = DependencyTimeout.reason if limit.expired() else error.reason
        except Exception:
            if self.strict:
                raise
            reason = "bug"
            logger.exception("step %s failed in a way that nobody foresaw", step.name)
        finally:
            self.took(step.role, step.name, started)
        self._blame(step, reason, started)
        self.without(step.name, reason)
        if step.required:
            raise DependencyUnavailable(f"{step.name} is required and failed: {reason}")
        return default

    def without(self, name: str, reason: str) -> None:
        """The answer does without what failed for that reason."""
        metrics.STEP_FAILURES.labels(name, reason).inc()
        self.failed.add(name)

    def waited_in_vain(self) -> float:
        """Seconds, those of steps side by side once."""
        seconds, until = 0.0, -math.inf
        for start, end in sorted(self.in_vain):
            seconds += max(0.0, end - max(start, until))
            until = max(until, end)
        return seconds

    def _blame(self, step: Step[Component], reason: str, started: float) -> None:
        """Load, or a service that is gone? One that answered others while this call waited is there, and has too much to do."""
        if reason == DependencyOverloaded.reason:
            self.overloaded.add(step.name)
        elif reason == DependencyTimeout.reason:
            self.timed_out.add(step.name)
            if step.pulse.last > started:
                self.overloaded.add(step.name)
            else:
                self.in_vain.append((started, time.perf_counter()))

    def took(self, role: str, name: str, started: float) -> None:
        """A step that began at `started` of time.perf_counter has ended."""
        self.spans.append((role, name, time.perf_counter() - started))

    @property
    def timings_ms(self) -> dict[str, float]:
        return {name: seconds * 1000 for _, name, seconds in self.spans}

    def observe(self) -> None:
        """Tells the metrics."""
        for role, name, seconds in self.spans:
            _step_seconds(role, name).observe(seconds)
        for name, direction, count in self.candidates:
            metrics.CANDIDATES.labels(name, direction).inc(count)


@cache
def _step_seconds(role: str, name: str) -> Histogram:
    """Looked up once: a request observes ten of them."""
    return metrics.STEP_SECONDS.labels(role, name)
