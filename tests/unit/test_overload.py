"""What an overloaded process does less of, by the lateness of its answers, on a clock of the test."""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from inference_graph.overload import MovingTarget, Overload, OverloadSettings
from inference_graph.types import Deadline

GAPS = st.floats(0, 10)
ANSWERS = st.lists(st.tuples(st.booleans(), GAPS), max_size=200)


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def target(percentile: float = 90.0, per_second: float = 0.0) -> MovingTarget:
    return MovingTarget(least=0.2, rest=1.0, most=1.0, step=0.01, percentile=percentile, per_second=per_second)


def busy(clock: Clock, **settings: float) -> Overload:
    """Of a process that computes all the time."""
    overload = Overload(OverloadSettings(**settings), clock=clock, processor_time=clock)  # type: ignore[arg-type]
    overload.at_work = 8
    return overload


def answer(overload: Overload, clock: Clock, milliseconds: float, count: int = 1, per_second: float = 100.0) -> None:
    for _ in range(count):
        clock.now += 1 / per_second
        overload.answered(milliseconds / 1000)


@given(ANSWERS, st.floats(50, 99), st.floats(0, 2))
def test_the_value_never_leaves_its_bounds(answers: list[tuple[bool, float]], percentile: float, per_second: float) -> None:
    moving, now = target(percentile, per_second), 0.0
    for late, gap in answers:
        now += gap
        moving.answered(late, now)
        assert 0.2 <= moving.value(now) <= 1.0


@given(st.sampled_from([75.0, 90.0, 95.0]), st.integers(0, 99))
@settings(max_examples=20)
def test_it_comes_to_rest_where_the_percentile_is_in_time(percentile: float, seed: int) -> None:
    moving, draw, late = target(percentile), random.Random(seed), []
    for _ in range(3000):
        # The more is done, the later: in time for certain below 0.4, never above 0.8.
        late.append(draw.uniform(0.4, 0.8) < moving.value(0.0))
        moving.answered(late[-1], 0.0)
    assert sum(late[1000:]) / 2000 == pytest.approx(1 - percentile / 100, abs=0.03)


@given(ANSWERS)
def test_one_more_late_answer_never_raises_the_value(answers: list[tuple[bool, float]]) -> None:
    fewer, more, now = target(), target(), 0.0
    for late, gap in answers:
        now += gap
        fewer.answered(late, now)
        more.answered(late, now)
    more.answered(True, now)
    assert more.value(now) <= fewer.value(now)


def test_time_alone_brings_the_value_back() -> None:
    moving = target(per_second=0.4)
    for _ in range(50):
        moving.answered(True, 0.0)
    assert moving.value(0.0) == 0.2
    assert moving.value(0.5) == 0.2
    assert moving.value(1.5) == pytest.approx(0.6)
    assert moving.value(2.5) == pytest.approx(1.0)
    assert moving.value(100.0) == 1.0


def test_late_answers_first_lower_the_candidates_and_then_the_concurrency() -> None:
    clock = Clock()
    overload = busy(clock, target_ms=60, refuse_ms=80)
    concurrency = overload.concurrency
    answer(overload, clock, 70, count=30)
    assert overload.factor == pytest.approx(0.2, abs=0.02)
    assert overload.concurrency >= concurrency
    answer(overload, clock, 90, count=30)
    assert overload.concurrency == overload.settings.least_concurrency


@given(st.lists(st.floats(0, 500), max_size=300))
def test_fewer_are_let_in_only_where_less_is_done_already(latencies: list[float]) -> None:
    clock = Clock()
    overload = busy(clock)
    for latency in latencies:
        before = overload.concurrency
        answer(overload, clock, latency)
        assert overload.concurrency >= before or overload.factor < 1.0


def test_a_few_slow_answers_among_good_ones_change_nothing() -> None:
    clock = Clock()
    overload = busy(clock)
    answer(overload, clock, 30, count=50)
    answer(overload, clock, 200, count=4)
    assert overload.candidates(500) == 500
    overload.at_work = overload.settings.least_concurrency
    assert overload.admits()


def test_it_recovers_within_its_time_at_one_request_in_two_seconds() -> None:
    clock = Clock()
    overload = busy(clock, recovery_seconds=2)
    answer(overload, clock, 250, count=200)
    assert overload.candidates(500) == pytest.approx(100, abs=5)
    overload.at_work = 1
    answer(overload, clock, 30, count=2, per_second=0.5)
    assert overload.candidates(500) == 500
    assert overload.concurrency == overload.settings.usual_concurrency


def test_an_answer_that_was_alone_says_nothing_about_load() -> None:
    clock = Clock()
    overload = busy(clock)
    overload.at_work = 1
    answer(overload, clock, 250, count=50)
    assert overload.factor == 1.0


def test_an_overloaded_service_counts_however_fast_its_refusal_came() -> None:
    clock = Clock()
    overload = busy(clock)
    before = overload.concurrency
    for _ in range(20):
        overload.answered(0.01, overloaded=True)
    assert overload.factor < 0.5
    assert overload.concurrency < before


def test_a_ranker_that_is_gone_gets_fewer_candidates_and_refuses_nobody() -> None:
    clock = Clock()
    overload = busy(clock)
    before = overload.concurrency
    for _ in range(20):
        overload.answered(0.02, ranker_late=True)
    assert overload.factor < 0.5
    assert overload.concurrency >= before


def test_requests_that_only_wait_take_half_a_place_each_and_are_not_hurried() -> None:
    clock = Clock()
    overload = Overload(clock=clock, processor_time=lambda: 0.0)
    for waiting in range(2 * overload.settings.usual_concurrency):
        assert overload.admits(), waiting
        overload.begins()
        clock.now += 0.05
    assert not overload.admits()
    assert overload.budget == math.inf


def test_a_rush_is_seen_with_the_seventh_request_after_however_long_a_calm() -> None:
    clock, computed = Clock(), Clock()
    overload = Overload(clock=clock, processor_time=computed)
    for _ in range(20):
        overload.begins()
        overload.at_work -= 1
        clock.now += 1.0
    for _ in range(6):
        assert overload.admits()
        overload.begins()
        clock.now += 0.007
        computed.now += 0.005
    assert not overload.admits()
    clock.now += 0.1
    assert overload.admits()


def test_a_burst_hurries_nobody_before_answers_were_late_and_then_hurries_who_computes() -> None:
    clock, computed = Clock(), Clock()
    overload = Overload(clock=clock, processor_time=computed)
    for _ in range(6):
        overload.begins()
        clock.now += 0.007
        computed.now += 0.007
    assert not overload.admits()
    assert overload.budget == math.inf
    answer(overload, clock, 200.0, count=20)
    computed.now = clock.now
    assert overload.budget < math.inf
    clock.now += 1.0
    assert overload.budget == math.inf


def test_never_more_are_at_work_than_the_bound_also_where_they_only_wait() -> None:
    clock = Clock()
    overload = Overload(most=3, clock=clock, processor_time=lambda: 0.0)
    for _ in range(3):
        assert overload.admits()
        overload.begins()
        clock.now += 1.0
    assert not overload.admits()


def test_a_quiet_hour_does_not_teach_that_any_number_does_well() -> None:
    clock = Clock()
    overload = busy(clock)
    overload.at_work = 2
    answer(overload, clock, 5, count=1000)
    assert overload.concurrency == overload.settings.usual_concurrency


def test_a_busy_one_whose_answers_are_in_time_lets_more_in_up_to_the_bound() -> None:
    clock = Clock()
    overload = Overload(most=32, clock=clock)
    for _ in range(1000):
        overload.at_work = overload.concurrency
        answer(overload, clock, 5)
    assert overload.concurrency == 32


def test_a_bound_below_the_usual_number_binds() -> None:
    overload = Overload(most=3)
    assert overload.concurrency == 3
    overload.at_work = 3
    assert not overload.admits()


def test_other_settings_are_taken_up_and_requests_at_work_stay_counted() -> None:
    clock = Clock()
    overload = busy(clock)
    answer(overload, clock, 250, count=200)
    overload.adjust(OverloadSettings(least_factor=1.0))
    answer(overload, clock, 250, count=200)
    assert overload.candidates(500) == 500
    assert overload.at_work == 8


def test_refusing_before_doing_less_is_no_setting() -> None:
    with pytest.raises(ValidationError, match="refuse_ms: expected at least target_ms"):
        OverloadSettings(target_ms=100, refuse_ms=50)
    with pytest.raises(ValidationError, match="usual_concurrency: expected at least least_concurrency"):
        OverloadSettings(least_concurrency=20, usual_concurrency=10)


def test_a_request_has_its_whole_budget_until_less_is_done() -> None:
    clock = Clock()
    overload = busy(clock, budget_ms=85.0)
    overload.at_work = 4
    assert overload.budget == math.inf
    answer(overload, clock, 200.0, count=20)
    assert overload.factor < 1.0
    assert overload.budget == pytest.approx(0.085)
    clock.now += 60.0
    assert overload.budget == math.inf
    overload.at_work = overload.concurrency
    assert overload.budget == math.inf


def test_where_the_factor_is_turned_off_requests_are_hurried_once_no_other_is_let_in() -> None:
    overload = busy(Clock(), budget_ms=85.0, least_factor=1.0)
    overload.at_work = overload.concurrency - 1
    assert overload.budget == math.inf
    overload.at_work += 1
    assert overload.budget == pytest.approx(0.085)


def test_a_request_that_is_alone_is_not_hurried_also_where_no_other_is_let_in() -> None:
    overload = Overload(most=1, clock=Clock())
    overload.at_work = 1
    assert not overload.admits()
    assert overload.budget == math.inf


def test_a_deadline_comes_nearer_when_it_gets_busy() -> None:
    budget = [math.inf]
    deadline = Deadline.after(0.3, hurry=lambda: budget[0])
    assert 0.25 < deadline.remaining() <= 0.3
    budget[0] = 0.085
    assert 0.05 < deadline.remaining() <= 0.085


def test_a_service_that_is_late_takes_nothing_from_the_hops_after_its_own() -> None:
    begun = time.monotonic()
    hurried = Deadline.after(0.3, since=begun, hurry=lambda: 0.09)
    assert hurried.remaining(hop=1) == pytest.approx(0.03)
    assert 0.03 < hurried.remaining(hop=2) <= 0.06  # with what the first left over
    hurried_late = Deadline.after(0.3, since=begun - 0.2, hurry=lambda: 0.09)
    assert hurried_late.remaining() == pytest.approx(0.03)
    assert Deadline.after(0.3, since=begun - 0.4, hurry=lambda: 0.09).remaining() == 0.0


def test_a_budget_that_ends_before_a_request_is_late_is_refused() -> None:
    with pytest.raises(ValidationError, match="budget_ms: expected at least refuse_ms"):
        OverloadSettings(refuse_ms=100.0, budget_ms=90.0)
