"""Ray is started again where it took too long, and for no other reason."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from inference_graph.errors import InferenceGraphError
from rec_models.ray_session import STARTS, start

SLOW = "The current node timed out during startup. This could happen because some of the raylet failed to startup."


def failing(times: int, words: str) -> tuple[Callable[[], None], list[int]]:
    calls: list[int] = []

    def init() -> None:
        calls.append(1)
        if len(calls) <= times:
            raise Exception(words)

    return init, calls


def test_a_start_that_took_too_long_is_tried_again():
    init, calls = failing(STARTS - 1, SLOW)
    start(init)
    assert len(calls) == STARTS


def test_a_machine_that_is_too_busy_is_said_in_words():
    init, calls = failing(STARTS, SLOW)
    with pytest.raises(InferenceGraphError, match="too busy"):
        start(init)
    assert len(calls) == STARTS


def test_what_else_goes_wrong_is_raised_as_it_is():
    init, calls = failing(1, "no such address")
    with pytest.raises(Exception, match="no such address"):
        start(init)
    assert len(calls) == 1
