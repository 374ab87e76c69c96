"""Capacity: the highest rate at which the answers stay in time and whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inference_graph.bench.figures import percentile
from inference_graph.bench.machine import machine
from inference_graph.bench.open_loop import Outcome, offer
from inference_graph.bench.session import Session, measured_transformer
from inference_graph.errors import InferenceGraphError

FIRST_RATE = 8.0
GROWTH = 1.5
PRECISION = 1.06
WARM_UP_SECONDS = 1.0
LEAST_REQUESTS = 200
SECOND_TRIES = 1
LONGER, LESS = 3, 0.92
CALM_RATE, CALM_SECONDS, CALM_TRIES = 4.0, 2.0, 10


@dataclass(frozen=True)
class Trial:
    rate: float
    p99_ms: float
    errors: int
    degraded: int
    passed: bool

    @classmethod
    def of(cls, rate: float, outcomes: Sequence[Outcome], bound_ms: float) -> Trial:
        p99 = percentile([outcome.milliseconds for outcome in outcomes], 99)
        errors = sum(outcome.status != 200 for outcome in outcomes)
        degraded = sum(bool(outcome.degraded) for outcome in outcomes)
        return cls(rate, round(p99, 2), errors, degraded, p99 < bound_ms and not errors and not degraded)


@dataclass(frozen=True)
class CapacityReport:
    machine: Mapping[str, str | int | float]
    bound_ms: float
    capacity: float
    trials: Sequence[Trial]


async def capacity_of_running(session: Session, bound_ms: float, seconds: float) -> CapacityReport:
    with measured_transformer(session) as (port, _):
        capacity, trials = await find_capacity(session, port, bound_ms, seconds)
    return CapacityReport(machine(), bound_ms, capacity, trials)


async def find_capacity(session: Session, port: int, bound_ms: float, seconds: float) -> tuple[float, list[Trial]]:
    """Grows the rate until a trial fails, then halves the gap (in ratio) between the last that passed and the first that did not.

    A trial that fails is repeated once: on a shared machine one late request says little. What passed shortly must pass for
    longer, or a lower rate is tried: queues that grow slowly are seen late. Raises InferenceGraphError where
    even the first rate is too much.
    """
    trials: list[Trial] = []
    good, bad, rate = 0.0, float("inf"), FIRST_RATE
    while good == 0.0 or bad / good > PRECISION:
        trial = await _trial(session, port, rate, bound_ms, seconds)
        trials.append(trial)
        session.say(f"{rate:6.1f} a second: p99 {trial.p99_ms:.0f} ms, {trial.errors} errors, {trial.degraded} degraded")
        good, bad = (rate, bad) if trial.passed else (good, rate)
        if good == 0.0 and rate < 1.0:
            raise InferenceGraphError(f"even {rate:.1f} requests a second are too many for {bound_ms:g} ms: is the machine busy?")
        rate = rate / 2 if good == 0.0 else good * GROWTH if bad == float("inf") else (good * bad) ** 0.5
    while not (longer := await _trial(session, port, good, bound_ms, LONGER * seconds)).passed:
        session.say(f"{good:6.1f} a second is too much for {LONGER * seconds:g} s")
        trials.append(longer)
        good *= LESS
        if good < 1.0:
            raise InferenceGraphError(f"no rate holds for {LONGER * seconds:g} s within {bound_ms:g} ms: is the machine busy?")
    return round(good, 1), [*trials, longer]


async def _trial(session: Session, port: int, rate: float, bound_ms: float, seconds: float) -> Trial:
    for attempt in range(1 + SECOND_TRIES):
        await offer(port, session.requests(), rate, WARM_UP_SECONDS, session.stopping.check)
        outcomes = await offer(port, session.requests(), rate, max(seconds, LEAST_REQUESTS / rate), session.stopping.check)
        trial = Trial.of(rate, outcomes, bound_ms)
        if trial.passed or attempt == SECOND_TRIES:
            break
        await calm_down(session, port)
    if not trial.passed:
        await calm_down(session, port)
    return trial


async def calm_down(session: Session, port: int) -> None:
    """Until the graph has recovered from what the last trial did to it, as far as it does in a while."""
    for _ in range(CALM_TRIES):
        outcomes = await offer(port, session.requests(), CALM_RATE, CALM_SECONDS, session.stopping.check)
        if all(outcome.full for outcome in outcomes):
            return
