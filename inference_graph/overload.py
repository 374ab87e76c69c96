"""Under overload: first do less, then refuse. Two moving targets on how late answers are; imports nothing that serves."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_CREDIT_STEPS = 6
"""Late answers in a row that change nothing yet: what a garbage collection or a chance meeting delays is no overload."""

_QUIET_SECONDS = 0.5
"""Time heals only after this long without a late answer."""

_CONCURRENCY_STEP = 0.01
"""Of the logarithm of the concurrency: 1 % more with an answer in time, at 90 percent 9 % less with a late one."""

_COMPUTES = 0.4
"""Share of a core that a process takes which has much to compute; requests for a service that is late or gone wait, and take less."""

_LATEST = 6
"""Requests let in over whose time that share is taken: what begins suddenly is seen with the seventh."""


class OverloadSettings(BaseModel):
    """`overload` in graph.yaml. Latencies are those of whole answers, from the arrival of the request."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    target_ms: float = Field(60.0, gt=0, le=30_000, description="a later answer is late: when too many are, fewer candidates are ranked")
    refuse_ms: float = Field(65.0, gt=0, le=30_000, description="when too many answers are later than this, fewer are at work at once")
    budget_ms: float | None = Field(None, gt=0, le=30_000, description="a request ends after this under overload; 10 more than refuse_ms")
    percentile: float = Field(90.0, ge=50, le=99, description="share of the answers that is to be in time, in percent")
    step: float = Field(0.01, gt=0, le=0.1, description="what one answer in time adds to the factor; a late one takes step * p / (100 - p)")
    least_factor: float = Field(0.2, gt=0, le=1, description="least share of the candidates that is ranked; 1 turns the factor off")
    least_concurrency: int = Field(4, ge=1, le=4096, description="requests at work at once under any overload")
    usual_concurrency: int = Field(6, ge=1, le=4096, description="requests at work at once before answers have shown what does well")
    recovery_seconds: float = Field(2.0, gt=0, le=600, description="the factor rises from its least to 1 in this time without late answers")

    @model_validator(mode="after")
    def _less_before_nothing(self) -> Self:
        if self.refuse_ms < self.target_ms:
            raise ValueError(f"refuse_ms: expected at least target_ms ({self.target_ms:g}), for less is done first, got {self.refuse_ms:g}")
        if self.budget_ms is not None and self.budget_ms < self.refuse_ms:
            raise ValueError(f"budget_ms: expected at least refuse_ms ({self.refuse_ms:g}), got {self.budget_ms:g}")
        if self.usual_concurrency < self.least_concurrency:
            raise ValueError(f"usual_concurrency: expected at least least_concurrency, got {self.usual_concurrency}")
        return self


class MovingTarget:
    """A value that comes to rest where `percentile` percent of the answers are in time.

    Up by `step` with an answer in time, down by step * p / (100 - p) with a late one, as the quality factor of Twitter's
    Product Mixer; with time too, towards `rest` by `per_second` once no answer was late for a moment, so that it recovers when
    there is little traffic, and a busy hour's lesson does not meet the next rush unprepared.
    """

    def __init__(self, *, least: float, rest: float, most: float, step: float, percentile: float, per_second: float) -> None:
        self.least, self.rest, self.most, self.per_second = least, rest, most, per_second
        self.up, self.down = step, step * percentile / (100 - percentile)
        self._value = rest
        self._healed = -math.inf

    def value(self, now: float) -> float:
        """At a time in seconds on any monotonic clock."""
        if now > self._healed:
            change = self.per_second * (now - self._healed)
            self._value = min(self.rest, self._value + change) if self._value < self.rest else max(self.rest, self._value - change)
            self._healed = now
        return self._value

    def answered(self, late: bool, now: float) -> None:
        value = self.value(now) + (-self.down if late else self.up)
        if late:
            self._healed = now + _QUIET_SECONDS
        self._value = min(self.most, max(self.least, value))


class Overload:
    """What a process does less of: candidates ranked, and requests at work at once. One for all surfaces, which share the machine."""

    def __init__(
        self,
        settings: OverloadSettings | None = None,
        most: int = 64,
        clock: Callable[[], float] = time.monotonic,
        processor_time: Callable[[], float] = time.process_time,
    ) -> None:
        """`most`: requests at work at once that are never exceeded. `processor_time`: seconds that this process has computed."""
        self._most = most
        self._clock = clock
        self._processor_time = processor_time
        self._let_in = deque([(clock(), processor_time())], maxlen=_LATEST)
        self.at_work = 0
        self.adjust(settings or OverloadSettings())

    def adjust(self, settings: OverloadSettings) -> None:
        """Takes up other settings; what was learned under the old ones is forgotten, requests at work are not."""
        percentile, seconds = settings.percentile, settings.recovery_seconds
        credit = 1 + _CREDIT_STEPS * settings.step * percentile / (100 - percentile)
        factor = MovingTarget(
            least=settings.least_factor,
            rest=credit,
            most=credit,
            step=settings.step,
            percentile=percentile,
            per_second=(credit - settings.least_factor) / seconds,
        )
        least, usual, most = (math.log(min(n, self._most)) for n in (settings.least_concurrency, settings.usual_concurrency, self._most))
        concurrency = MovingTarget(
            least=least, rest=usual, most=most, step=_CONCURRENCY_STEP, percentile=percentile, per_second=(usual - least) / seconds
        )
        self._settings, self._factor, self._concurrency = settings, factor, concurrency

    @property
    def settings(self) -> OverloadSettings:
        return self._settings

    @property
    def factor(self) -> float:
        """Share of the candidates that is ranked."""
        return min(1.0, self._factor.value(self._clock()))

    @property
    def concurrency(self) -> int:
        """Requests for answers that may be at work at once; twice as many may while there is little to compute for them."""
        return round(math.exp(self._concurrency.value(self._clock())))

    @property
    def _does_less(self) -> bool:
        return self.factor < 1.0 or self._settings.least_factor == 1.0

    @property
    def budget(self) -> float:
        """Seconds that a request may take now: unbounded until answers were late; a burst alone hurries nobody.

        One that is alone is not hurried, also where no other may be at work; nor are those that wait for others than this process.
        Where the factor is turned off, that there is no room for another one is all that tells.
        """
        if self.at_work <= 1 or not self._computes or not self._does_less or (self.factor == 1.0 and self.admits()):
            return math.inf
        settings = self._settings
        return (settings.refuse_ms + 10.0 if settings.budget_ms is None else settings.budget_ms) / 1000

    def candidates(self, limit: int) -> int:
        """How many of `limit` candidates are ranked now; at least one."""
        return math.ceil(limit * self.factor - 1e-9)

    def begins(self) -> None:
        """A request is at work; who ends one takes it off `at_work`."""
        self.at_work += 1
        self._let_in.append((self._clock(), self._processor_time()))

    def admits(self) -> bool:
        """Whether one more request may be at work."""
        return self.at_work < self._most and self._places < self.concurrency

    @property
    def _places(self) -> float:
        """What the requests at work take of the concurrency: half a place each while they only wait."""
        return self.at_work if self._computes else self.at_work / 2

    @property
    def _computes(self) -> bool:
        since, computed = self._let_in[0]
        return self._processor_time() - computed >= _COMPUTES * (self._clock() - since)

    def answered(self, seconds: float | None, *, overloaded: bool = False, ranker_late: bool = False) -> None:
        """One answer more: its latency, None where it says nothing about load.

        `overloaded`: a service said that it is, or was too late although it answered others. `ranker_late`: the ranker's
        answer did not come in time: it gets fewer candidates, but nobody is refused for a ranker that is gone.
        """
        if self.at_work <= 1:
            # An answer that was alone is slow for other reasons than load, such as a large model.
            seconds = None
        if seconds is None and not overloaded and not ranker_late:
            return
        now, latency_ms = self._clock(), 0.0 if seconds is None else seconds * 1000
        self._factor.answered(overloaded or ranker_late or latency_ms > self._settings.target_ms, now)
        # Nobody is refused as long as everything is done for the others.
        late = self._does_less and (overloaded or latency_ms > self._settings.refuse_ms)
        if late or 2 * self._places >= self.concurrency:
            # Without the second condition a quiet hour would teach that any number does well.
            self._concurrency.answered(late, now)
