"""Rates: what the graph does at a given number of requests a second, in an open loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inference_graph.bench.figures import percentile
from inference_graph.bench.open_loop import Outcome, offer
from inference_graph.bench.process_use import cpu_seconds
from inference_graph.bench.session import Session
from inference_graph.bench.step_times import Reading

WARM_UP_SECONDS = 2.0


@dataclass(frozen=True)
class RateFigures:
    """`ranked_too_few`: candidates missing over all full answers. `late_p99_ms`: the generator's own delay, part of the times."""

    rate: float
    requests: int
    errors: int
    degraded: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    stages: Mapping[str, Mapping[str, float]]
    controller_cpu_ms: float
    late_p99_ms: float
    ranked_too_few: int

    @property
    def faultless(self) -> bool:
        return not (self.errors or self.degraded or self.ranked_too_few)


async def at_rate(session: Session, port: int, pid: int, rate: float, duration: float) -> RateFigures:
    requests = session.requests()
    await offer(port, requests, rate, min(WARM_UP_SECONDS, duration), session.stopping.check)
    before, used = Reading.of(port), cpu_seconds(pid)
    outcomes = await offer(port, requests, rate, duration, session.stopping.check)
    used = cpu_seconds(pid) - used
    after = Reading.of(port)
    answered = sum(outcome.status == 200 for outcome in outcomes)
    return RateFigures(
        rate=rate,
        requests=len(outcomes),
        errors=len(outcomes) - answered,
        degraded=sum(bool(outcome.degraded) for outcome in outcomes),
        **latencies(outcomes),
        stages=after.since(before),
        controller_cpu_ms=round(1000 * used / len(outcomes), 2),
        late_p99_ms=round(1000 * percentile([outcome.sent_late for outcome in outcomes], 99), 2),
        ranked_too_few=max(0, round(session.candidates * answered - (after.ranked - before.ranked))),
    )


def latencies(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Of the answered ones; an error is counted, not timed."""
    times = [outcome.milliseconds for outcome in outcomes if outcome.status == 200]
    return {f"p{share}_ms": round(percentile(times, share), 2) for share in (50, 95, 99)}
