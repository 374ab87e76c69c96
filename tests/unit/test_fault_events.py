"""The count of events after a storm: a lost one, a doubled one and another order are each found."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from fault_matrix.events import Writer, event, faults_of

USERS = ("a", "b")
COUNT = 4


@dataclass
class FakeRedis:
    """The stream as (user, number), and each user's history as numbers."""

    stream: Sequence[tuple[str, int]]
    histories: dict[str, Sequence[int]]

    def xrange(self, key: str) -> list[Any]:
        return [(b"1-1", {b"event": json.dumps(event(user, number)).encode()}) for user, number in self.stream]

    def zrange(self, key: str, start: int, end: int) -> list[bytes]:
        user = key.rsplit(":", 1)[1]
        return [json.dumps(["identity", f"event-{number}", "view", None, 0.0]).encode() for number in self.histories[user]]


WHOLE = [(user, number) for number in range(COUNT) for user in USERS]
HISTORIES: dict[str, Sequence[int]] = {user: range(COUNT) for user in USERS}


def faults(stream: Sequence[tuple[str, int]], histories: dict[str, Sequence[int]] = HISTORIES, surprises: Sequence[str] = ()) -> list[str]:
    writer = Writer("http://x", USERS, COUNT, written=dict.fromkeys(USERS, COUNT), surprises=list(surprises))
    return faults_of(writer, FakeRedis(stream, histories), "shop")  # type: ignore[arg-type]


def test_what_is_whole_has_no_faults() -> None:
    assert faults(WHOLE) == []


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (WHOLE[:-1], "user b: 1 events lost, 0 doubled, in order"),
        ([*WHOLE, ("a", 3)], "user a: 0 events lost, 1 doubled, out of order"),
        ([*WHOLE[2:4], *WHOLE[:2], *WHOLE[4:]], "0 events lost, 0 doubled, out of order"),
    ],
)
def test_each_fault_of_the_stream_is_named(stream: Sequence[tuple[str, int]], said: str) -> None:
    assert said in faults(stream)[0]


def test_a_history_that_lacks_one_and_an_odd_answer_are_faults_too() -> None:
    assert "the history holds 3 events" in faults(WHOLE, {"a": [0, 1, 3], "b": range(COUNT)})[0]
    assert faults(WHOLE, surprises=["500 no"]) == ["500 no"]
