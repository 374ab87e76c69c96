"""From rankings to the report's content: pairs stay together, parts of the test are not confused, seeds are averaged by user."""

from __future__ import annotations

import numpy as np
import pytest

from rec_models.evaluation.contestants import CAPPED, GRAPH, LEARNED
from rec_models.evaluation.protocols import leave_last_out
from rec_models.evaluation.rankings import DEPTH, Rows
from rec_models.evaluation.requests import Requests
from rec_models.evaluation.results import best_baseline, chosen_rows, measure, recall_by_depth, without_repeats
from rec_models.sequences import Sequences


@pytest.fixture
def requests() -> Requests:
    """Four users: each has items 1 to 4, and then one of 5 to 8; the last has item 1 again."""
    users, items = np.repeat(np.arange(4, dtype=np.int32), 5), np.tile(np.array([1, 2, 3, 4, 0], np.int32), 4)
    items[4::5] = [5, 6, 7, 1]
    times, values = np.tile(np.arange(5.0), 4), np.ones(20, np.float32)
    return leave_last_out(Sequences(users, items, times, values, values > 1, np.array(list("abcd")), 10), last=1).test


def ranked(*places: int) -> Rows:
    """Each request's wanted item (5, 6, 7, 1) at this place, from 1; 0 = nowhere."""
    rows = np.full((4, DEPTH), 9, np.int32)
    for number, (place, item) in enumerate(zip(places, (5, 6, 7, 1), strict=True)):
        if place:
            rows[number, place - 1] = item
    return rows


def test_the_difference_of_the_graph_to_itself_is_nothing_and_of_a_better_order_is_sure(requests: Requests) -> None:
    measured = measure({GRAPH: ranked(1, 1, 1, 1), "twin": ranked(1, 1, 1, 1), "worse": ranked(5, 5, 5, 5)}, requests)
    assert set(measured.differences["twin"]["ndcg@10"].values()) == {0.0}
    assert measured.differences["worse"]["mrr@10"] == pytest.approx({"mean": 0.8, "low": 0.8, "high": 0.8})


def test_the_graphs_value_is_the_mean_over_its_trainings(requests: Requests) -> None:
    measured = measure({GRAPH: ranked(1, 1, 1, 1), "EASE": ranked(2, 2, 2, 2)}, requests, further=[ranked(0, 0, 0, 0)])
    assert measured.results[GRAPH]["mrr@10"]["mean"] == 0.5
    assert measured.differences["EASE"]["mrr@10"]["mean"] == 0.0


def test_what_the_caps_cost_is_told_within_one_training(requests: Requests) -> None:
    measured = measure({GRAPH: ranked(1, 1, 1, 1), CAPPED: ranked(2, 2, 2, 2)}, requests, further=[ranked(0, 0, 0, 0)])
    assert measured.differences[CAPPED]["mrr@10"]["mean"] == 0.5


def test_the_best_baseline_is_neither_the_graph_with_caps_nor_what_was_learned_on_its_own_features(requests: Requests) -> None:
    everybody = {GRAPH: ranked(1, 1, 1, 1), CAPPED: ranked(1, 1, 1, 1), LEARNED: ranked(1, 1, 1, 2), "next_item": ranked(2, 0, 0, 0)}
    assert best_baseline(measure(everybody, requests).results) == "next_item"


def test_a_short_ranking_has_only_the_metrics_that_its_depth_allows(requests: Requests) -> None:
    measured = measure({GRAPH: ranked(1, 1, 1, 1), CAPPED: ranked(1, 1, 1, 1)[:, :10]}, requests)
    assert set(measured.results[CAPPED]) == {"recall@10", "ndcg@10", "mrr@10"}


def test_a_part_of_the_users_has_its_own_rankings(requests: Requests) -> None:
    part = requests.take(np.array([1, 3]))
    rows = chosen_rows(ranked(1, 2, 3, 4), requests, part)
    assert measure({GRAPH: rows}, part).results[GRAPH]["mrr@10"]["mean"] == pytest.approx((1 / 2 + 1 / 4) / 2)


def test_recall_grows_with_depth_to_the_share_that_is_there_at_all(requests: Requests) -> None:
    assert recall_by_depth({GRAPH: ranked(1, 15, 60, 0)}, requests)[GRAPH] == [0.25, 0.5, 0.5, 0.75, 0.75, 0.75, 0.75]


def test_what_a_user_had_before_is_not_wanted_among_new_items(requests: Requests) -> None:
    part = without_repeats(requests)
    assert part.items.tolist() == [5, 6, 7]
    assert measure({GRAPH: ranked(1, 1, 1, 0)}, part).results[GRAPH]["recall@10"]["mean"] == 1.0
