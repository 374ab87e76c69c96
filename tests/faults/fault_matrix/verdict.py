"""What a cell came to: every answer against the contract, by when it was asked and answered."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from fault_matrix.traffic import Answer

RETURN_SECONDS = 5.0
"""So long after a service is back answers may still do without it."""
GRACE_MILLISECONDS = 20.0
BEFORE = "before the fault"


@dataclass
class Window:
    """When the fault began, was complete, began to end, and when the service answered again; seconds of the event loop's clock."""

    began: float = -math.inf
    complete: float = -math.inf
    ending: float = math.inf
    returned: float = math.inf


@dataclass(frozen=True)
class Bounds:
    """How late the 99th of a hundred answers may be; and, on a machine that others use too, what share may name what it should not."""

    milliseconds: float
    misnamed: float = 0.0
    exact: bool = True
    afterwards: tuple[str, ...] = ()

    @classmethod
    def of(cls, budget: float) -> Bounds:
        """For a request's budget in seconds."""
        return cls(budget * 1000 + GRACE_MILLISECONDS)


UNTIMED = Bounds(math.inf, 0.1)


@dataclass(frozen=True)
class Verdict:
    """`stolen` is the share of the machine's time that its host gave to others, in the worst second; `plays` is how often it was tried."""

    service: str
    fault: str
    degraded: tuple[str, ...]
    answers: int
    during: int
    full: int
    p99_ms: float
    clean_after_s: float
    problems: tuple[str, ...] = field(default=())
    exact: bool = True
    stolen: float = 0.0
    plays: int = 1

    @property
    def passed(self) -> bool:
        return not self.problems


def judge(
    named: tuple[str, str], degraded: Sequence[str], answers: Sequence[Answer], window: Window, bounds: Bounds, more: Sequence[str] = ()
) -> Verdict:
    """`named` are service and fault; `more` are problems that the cell found by itself."""
    problems = [*more, *_unanswered(answers), *_misnamed(tuple(degraded), answers, window, bounds)]
    p99 = percentile([answer.milliseconds for answer in answers], 0.99)
    if p99 > bounds.milliseconds:
        problems.append(f"p99 {p99:.0f} ms, expected at most {bounds.milliseconds:.0f}")
    during = [a for a in answers if a.due >= window.complete and a.received <= window.ending]
    if not during:
        problems.append("no answer was asked for and given during the fault: the cell shows nothing")
    full = sum(answer.is_full for answer in answers)
    return Verdict(
        *named, tuple(degraded), len(answers), len(during), full, p99, clean_after(answers, window), tuple(problems), bounds.exact
    )


def clean_after(answers: Sequence[Answer], window: Window) -> float:
    """Seconds from the service's return to the last request that was still answered without something."""
    late = [answer.due - window.returned for answer in answers if answer.degraded]
    return max([0.0, *late])


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least that share of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def _unanswered(answers: Sequence[Answer]) -> list[str]:
    bad = Counter(f"status {a.status} {a.text}" if a.status != 200 else "not full, or another user's" for a in answers if not a.is_full)
    return [f"{count} of {len(answers)} answers: {what}" for what, count in bad.most_common(3)]


def _misnamed(expected: tuple[str, ...], answers: Sequence[Answer], window: Window, bounds: Bounds) -> list[str]:
    found = Counter(filter(None, (_misnaming(answer, expected, window, bounds) for answer in answers if answer.status == 200)))
    if found.total() <= bounds.misnamed * len(answers):
        return []
    return [f"{count} answers {what}" for what, count in found.most_common(5)]


def _misnaming(answer: Answer, expected: tuple[str, ...], window: Window, bounds: Bounds) -> str:
    """What is wrong with the names, or empty.

    Before the fault nothing is missed, during it exactly what the contract names, five seconds after the return nothing.
    A request that was under way while the fault came or went may miss any part of it: what it had read already, it has.
    """
    came = answer.degraded
    if answer.received <= window.began:
        return "" if came == () else f"{BEFORE} named {came}"
    if bounds.exact and answer.due >= window.complete and answer.received <= window.ending:
        return "" if came == expected else f"during the fault named {came}, expected {expected}"
    if answer.due >= window.returned + RETURN_SECONDS:
        return "" if came == () else f"more than {RETURN_SECONDS:.0f} s after the return named {came}"
    allowed = {*expected, *(bounds.afterwards if answer.received > window.ending else ())}
    return "" if set(came) <= allowed else f"while the fault came or went named {came}, expected some of {expected}"
