"""Overload: several times as many requests as the graph can answer. What is still answered, how well, and how soon it is over."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inference_graph.bench.capacity import calm_down, find_capacity
from inference_graph.bench.figures import percentile
from inference_graph.bench.machine import machine
from inference_graph.bench.open_loop import Outcome, offer
from inference_graph.bench.process_use import cpu_seconds
from inference_graph.bench.refusals import REFUSED, refusal_cpu_ms
from inference_graph.bench.session import Session, measured_transformer

FEWER = "fewer_candidates"
AT_CAPACITY_SECONDS = 20.0
RECOVERY_SECONDS = 10.0
CALM_SHARE = 0.25
"""Before and after the load a quarter of the capacity is offered, to see what is normal and when it is so again."""
NORMAL_TIMES = 2.0


@dataclass(frozen=True)
class Load:
    """One run. Good answers are `full` or have `fewer_candidates`; `degraded` did without something else; times in ms.

    `worst_ms` and `over_bound` count from when a request was sent: when the generator stood still, so did the clock of the answer.
    `cpu_seconds`: of the transformer, the model servers and Redis. `cpu_left_seconds`: what the machine had besides the generator
    and the refusals.
    """

    rate: float
    requests: int
    full: int
    fewer_candidates: int
    degraded: int
    refused: int
    errors: int
    good_p50_ms: float
    good_p99_ms: float
    worst_ms: float
    over_bound: int
    refused_p99_ms: float
    late_p99_ms: float
    cpu_seconds: float
    generator_cpu_seconds: float
    refusal_cpu_seconds: float
    cpu_left_seconds: float
    good_per_cpu_second: float


@dataclass(frozen=True)
class OverloadReport:
    """`goodput_ratio`: good answers per CPU second that refusals did not use, against the same at capacity."""

    machine: Mapping[str, str | int | float]
    bound_ms: float
    capacity: float
    factor: float
    refusal_cpu_ms: float
    normal_p99_ms: float
    at_capacity: Load
    overload: Load
    goodput_ratio: float
    recovery_seconds: float

    @property
    def faults(self) -> list[str]:
        """What of the promise was not kept."""
        load = self.overload
        said = {
            f"{load.errors} requests failed": load.errors > 0,
            f"{load.over_bound} answers took over {self.bound_ms:g} ms, the slowest {load.worst_ms:.0f} ms": load.over_bound > 0,
            f"good answers per CPU second were {self.goodput_ratio:.2f} of those at capacity, under 0.9": self.goodput_ratio < 0.9,
            f"it took {self.recovery_seconds:.1f} s to recover, over 5 s": self.recovery_seconds > 5.0,
        }
        return [words for words, wrong in said.items() if wrong]


async def overloaded(session: Session, factor: float, duration: float, bound_ms: float, capacity: float | None) -> OverloadReport:
    """`capacity` in requests a second; measured first where it is None."""
    session.say("measuring what a refusal costs")
    refusal = refusal_cpu_ms(session)
    with measured_transformer(session) as (port, pid):
        if capacity is None:
            capacity, _ = await find_capacity(session, port, bound_ms, 5.0)
        runs = _Runs(session, port, {"transformer": pid, **session.running.pids}, refusal, bound_ms)
        await calm_down(session, port)
        calm = await offer(port, session.requests(), CALM_SHARE * capacity, RECOVERY_SECONDS, session.stopping.check)
        normal = percentile([outcome.milliseconds for outcome in calm], 99)
        at_capacity, _ = await runs.load(capacity, min(duration, AT_CAPACITY_SECONDS))
        await calm_down(session, port)
        overload, end = await runs.load(factor * capacity, duration)
        after = time.perf_counter() - end
        recovering = await offer(port, session.requests(), CALM_SHARE * capacity, RECOVERY_SECONDS, session.stopping.check)
    return OverloadReport(
        machine=machine(),
        bound_ms=bound_ms,
        capacity=capacity,
        factor=factor,
        refusal_cpu_ms=refusal,
        normal_p99_ms=round(normal, 2),
        at_capacity=at_capacity,
        overload=overload,
        goodput_ratio=round(overload.good_per_cpu_second / at_capacity.good_per_cpu_second, 3),
        recovery_seconds=round(after + recovery_seconds(recovering, NORMAL_TIMES * normal), 2),
    )


def recovery_seconds(outcomes: Sequence[Outcome], usual_ms: float) -> float:
    """When the last request was due that was not answered in full and within `usual_ms`; 0 where every one was."""
    return max((outcome.due for outcome in outcomes if not outcome.full or outcome.milliseconds > usual_ms), default=0.0)


@dataclass(frozen=True)
class _Runs:
    session: Session
    port: int
    pids: Mapping[str, int]
    refusal_ms: float
    bound_ms: float

    async def load(self, rate: float, duration: float) -> tuple[Load, float]:
        """The figures, and when the load ended."""
        self.session.say(f"{rate:.1f} requests a second for {duration:g} s")
        began, used, own = time.perf_counter(), self._used(), time.process_time()
        outcomes = await offer(self.port, self.session.requests(), rate, duration, self.session.stopping.check)
        end = time.perf_counter()
        seconds = end - began, self._used() - used, time.process_time() - own
        return load_of(rate, outcomes, seconds, self.refusal_ms, self.bound_ms, len(os.sched_getaffinity(0))), end

    def _used(self) -> float:
        return sum(cpu_seconds(pid) for pid in self.pids.values())


def load_of(
    rate: float, outcomes: Sequence[Outcome], seconds: tuple[float, float, float], refusal_ms: float, bound_ms: float, cores: int
) -> Load:
    """`seconds`: on the clock, of CPU in what is measured, and of CPU in the generator."""
    wall, used, generator = seconds
    full = [o for o in outcomes if o.full]
    fewer = [o for o in outcomes if o.status == 200 and o.degraded == (FEWER,)]
    answered = [o for o in outcomes if o.status == 200]
    took = [o.milliseconds - 1000 * o.sent_late for o in answered]
    refused = [o for o in outcomes if o.status == REFUSED]
    good, refusing = [o.milliseconds for o in (*full, *fewer)], refusal_ms * len(refused) / 1000
    return Load(
        rate=round(rate, 1),
        requests=len(outcomes),
        full=len(full),
        fewer_candidates=len(fewer),
        degraded=len(answered) - len(good),
        refused=len(refused),
        errors=len(outcomes) - len(answered) - len(refused),
        good_p50_ms=round(percentile(good, 50), 2),
        good_p99_ms=round(percentile(good, 99), 2),
        worst_ms=round(max(took, default=0.0), 2),
        over_bound=sum(milliseconds > bound_ms for milliseconds in took),
        refused_p99_ms=round(percentile([o.milliseconds for o in refused], 99), 2) if refused else 0.0,
        late_p99_ms=round(1000 * percentile([o.sent_late for o in outcomes], 99), 2),
        cpu_seconds=round(used, 3),
        generator_cpu_seconds=round(generator, 3),
        refusal_cpu_seconds=round(refusing, 3),
        cpu_left_seconds=round(cores * wall - generator - refusing, 3),
        good_per_cpu_second=round(len(good) / (used - refusing), 3),
    )
