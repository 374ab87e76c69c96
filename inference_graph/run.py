"""One request's way through fallible steps: its deadline, what each step took, and what failed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from inference_graph import metrics
from inference_graph.errors import DependencyError, DependencyUnavailable
from inference_graph.types import Deadline

logger = logging.getLogger(__name__)

Component = TypeVar("Component")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Step(Generic[Component]):
    """A component that leaves the process: how long it may take, and whether an answer can do without it."""

    role: str
    name: str
    component: Component
    timeout: float
    required: bool = False


@dataclass(slots=True)
class Run:
    """The record of one request; `strict` raises bugs instead of forgiving them, for tests."""

    deadline: Deadline
    strict: bool = False
    failed: set[str] = field(default_factory=set)
    timings_ms: dict[str, float] = field(default_factory=dict)

    async def attempt(self, step: Step[Component], call: Callable[[], Awaitable[Value]], default: Value) -> Value:
        """The call's value, or `default` when it fails or takes too long; a required step raises DependencyUnavailable."""
        reason: str
        with self.timed(step.role, step.name):
            try:
                async with asyncio.timeout(min(step.timeout, self.deadline.remaining())):
                    return await call()
            except TimeoutError:
                reason = "timeout"
            except DependencyError as error:
                reason = error.reason
            except Exception:
                if self.strict:
                    raise
                reason = "bug"
                logger.exception("step %s failed in a way that nobody foresaw", step.name)
        metrics.STEP_FAILURES.labels(step.name, reason).inc()
        if step.required:
            raise DependencyUnavailable(f"{step.name} is required and failed: {reason}")
        self.failed.add(step.name)
        return default

    @contextmanager
    def timed(self, role: str, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - started
            self.timings_ms[name] = self.timings_ms.get(name, 0.0) + seconds * 1000
            metrics.STEP_SECONDS.labels(role, name).observe(seconds)
