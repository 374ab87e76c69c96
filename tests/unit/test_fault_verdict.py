"""The rule by which answers are held against the contract: each way to break it is found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fault_matrix.report import row
from fault_matrix.traffic import Answer
from fault_matrix.verdict import UNTIMED, Bounds, Verdict, Window, judge, percentile

WINDOW = Window(began=10.0, complete=10.1, ending=13.0, returned=14.0)


def answer(due: float, *degraded: str, took: float = 0.02, items: int = 10, **more: Any) -> Answer:
    shown = [{"item_id": str(i)} for i in range(items)]
    prediction = {"user_id": "1", "items": shown, "degraded": list(degraded)}
    return Answer(**{"user_id": "1", "due": due, "received": due + took, "status": 200, "prediction": prediction} | more)


GOOD = (answer(9.0), answer(10.05), answer(11.0, "history", "ranker"), answer(13.5, "ranker"), answer(15.0), answer(20.0))


def verdict(*answers: Answer) -> Verdict:
    return judge(("ranking", "killed"), ("history", "ranker"), answers, WINDOW, Bounds.of(0.3))


def test_what_the_contract_says_passes_and_the_return_is_timed() -> None:
    assert verdict(*GOOD).problems == ()
    assert verdict(*GOOD, answer(15.5, "ranker")).clean_after_s == 1.5


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (answer(9.5, "ranker"), "before the fault"),
        (answer(12.0, "ranker"), "during the fault"),
        (answer(12.0), "during the fault"),
        (answer(12.0, "history", "ranker", "two_tower"), "during the fault"),
        (answer(13.5, "two_tower"), "while the fault came or went"),
        (answer(19.5, "ranker"), "after the return"),
        (answer(11.0, "history", "ranker", items=9), "not full"),
        (answer(11.0, "history", "ranker", user_id="2"), "another user's"),
        (answer(11.0, status=503, text="no"), "status 503"),
        (answer(11.0, "history", "ranker", took=0.33), "p99"),
    ],
)
def test_each_way_to_break_the_rule_is_found(wrong: Answer, said: str) -> None:
    (problem,) = verdict(*GOOD, wrong).problems
    assert said in problem


def test_on_a_shared_machine_a_few_answers_may_be_late_or_misnamed_but_not_many() -> None:
    few, many = [*GOOD * 10, answer(9.5, "ranker", took=2.0)], [*GOOD, answer(9.5, "ranker")]
    assert judge(("", ""), ("history", "ranker"), few, WINDOW, UNTIMED).passed
    assert not judge(("", ""), ("history", "ranker"), many, WINDOW, UNTIMED).passed


def test_a_cell_without_an_answer_during_the_fault_shows_nothing() -> None:
    assert "shows nothing" in verdict(answer(9.0), answer(20.0)).problems[0]


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert percentile([float(i) for i in range(1, 101)], 0.99) == 99.0
    assert percentile([5.0], 0.99) == 5.0


def test_the_table_says_when_a_cell_was_played_more_than_once():
    cell = Verdict("redis", "killed", (), 20, 5, 20, 30.0, 0.0)
    assert row(cell)[-1] == "passed"
    assert row(replace(cell, plays=2))[-1] == "passed, play 2"
