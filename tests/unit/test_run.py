"""What a failed step says about load: nothing where its service is gone, overload where it answers others meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from inference_graph.errors import DependencyOverloaded, DependencyTimeout, DependencyUnavailable
from inference_graph.run import Run, Step
from inference_graph.types import Deadline


def step(name: str = "two_tower", timeout: float = 0.02) -> Step[None]:
    return Step("source", name, None, timeout)


async def answers() -> str:
    return "answer"


async def hangs() -> str:
    await asyncio.Event().wait()
    raise AssertionError


async def test_a_service_that_answers_nobody_is_gone_and_not_overloaded() -> None:
    run = Run(Deadline.after(5))
    assert await run.attempt(step(), answers, "") == "answer"
    assert await run.attempt(step(), hangs, "nothing") == "nothing"
    assert (run.failed, run.timed_out, run.overloaded) == ({"two_tower"}, {"two_tower"}, set())
    assert run.waited_in_vain() >= 0.02


async def test_a_service_that_answers_others_while_a_call_waits_is_overloaded() -> None:
    shared, run, other = step(timeout=0.1), Run(Deadline.after(5)), Run(Deadline.after(5))
    waiting = asyncio.create_task(run.attempt(shared, hangs, ""))
    await asyncio.sleep(0)
    await other.attempt(shared, answers, "")
    await waiting
    assert run.overloaded == {"two_tower"}
    assert run.waited_in_vain() == 0.0


@pytest.mark.parametrize(("error", "names"), [(DependencyOverloaded("full"), {"two_tower"}), (DependencyTimeout("late"), set())])
async def test_only_a_service_that_says_so_is_overloaded_at_once(error: Exception, names: set[str]) -> None:
    async def fails() -> str:
        raise error

    run = Run(Deadline.after(5))
    await run.attempt(step(), fails, "")
    assert run.overloaded == names


async def test_a_client_that_turns_its_cancellation_into_an_error_was_too_late_all_the_same() -> None:
    async def cancelled() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise DependencyUnavailable("CANCELLED") from None
        raise AssertionError

    run = Run(Deadline.after(5))
    await run.attempt(step(), cancelled, "")
    assert run.timed_out == {"two_tower"}


async def test_waits_side_by_side_count_once() -> None:
    run = Run(Deadline.after(5))
    run.in_vain += [(1.0, 2.0), (1.5, 1.75), (1.5, 2.5), (4.0, 5.0)]
    assert run.waited_in_vain() == 2.5
