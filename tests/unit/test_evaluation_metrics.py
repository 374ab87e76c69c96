"""Rankings, what they are worth, and how sure that is: against figures worked out by hand or by brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rec_models.data.dataset import Seen
from rec_models.evaluation.intervals import interval, smallest_shown
from rec_models.evaluation.metrics import beyond_accuracy, by_user, found
from rec_models.evaluation.rankings import DEPTH, best_rows, ranking
from rec_models.evaluation.requests import Requests
from rec_models.evaluation.results import calibration, shuffled
from rec_models.sequences import Sequences


def wanting(*wanted: list[int], items: int = 1000) -> Requests:
    """One request a user, who had item 0 before."""
    users = np.concatenate([np.full(len(own) + 1, user) for user, own in enumerate(wanted)]).astype(np.int32)
    rows = np.concatenate([[0, *own] for own in wanted]).astype(np.int32)
    first = np.searchsorted(users, np.arange(len(wanted)))
    ones = np.ones(len(rows))
    sequences = Sequences(users, rows, ones, ones.astype(np.float32), ones > 1, np.array([f"u{n}" for n in range(len(wanted))]), items)
    events = np.flatnonzero(np.arange(len(rows)) != first[users])
    return Requests(sequences, first, first + 1, np.full(len(wanted), 2.0), events, users[events].astype(np.int64))


def rows(*best: list[int]) -> np.ndarray:
    made = np.full((len(best), DEPTH), -1, np.int32)
    for number, own in enumerate(best):
        made[number, : len(own)] = own
    return made


def test_ndcg_has_the_ideal_of_the_whole_set() -> None:
    measured = found(rows([9, 5, 6], [7]), wanting([5, 8], [7]))
    assert measured["ndcg@10"].tolist() == pytest.approx([(1 / math.log2(3)) / (1 + 1 / math.log2(3)), 1.0])
    assert measured["recall@10"].tolist() == [0.5, 1.0]
    assert measured["mrr@10"].tolist() == [0.5, 1.0]


def test_more_wanted_items_than_places_can_still_be_perfect() -> None:
    wanted = list(range(1, 31))
    assert found(rows(wanted), wanting(wanted))["ndcg@10"][0] == pytest.approx(1.0)


def test_an_item_at_place_eleven_is_not_among_the_first_ten() -> None:
    measured = found(rows([*range(100, 110), 5]), wanting([5]))
    assert (measured["recall@10"][0], measured["recall@50"][0], measured["mrr@10"][0], measured["ndcg@10"][0]) == (0.0, 1.0, 0.0, 0.0)


def test_a_request_that_wants_nothing_is_no_zero() -> None:
    requests = wanting([5], [6])
    measured = found(rows([5], [6]), requests.where(np.array([True, False])))
    assert by_user(measured["ndcg@10"], requests.users).tolist() == [1.0]


def test_the_best_rows_are_those_of_a_full_sort_and_ties_go_to_the_lower_row() -> None:
    scores = np.random.default_rng(1).integers(0, 40, (20, 700)).astype(np.float32)
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :DEPTH]
    assert (best_rows(scores) == expected).all()


def test_what_was_seen_is_in_no_ranking_and_missing_places_are_marked() -> None:
    found_rows = ranking(lambda requests, part: np.ones((2, 4), np.float32), wanting([1], [2], items=4), Seen("ever"))
    assert found_rows[:, :4].tolist() == [[1, 2, 3, -1], [1, 2, 3, -1]]


def test_coverage_novelty_and_diversity_of_lists_that_differ() -> None:
    vectors = np.array([[1, 0], [0, 1], [1, 0], [0, 0]], np.float32)
    measured = beyond_accuracy(rows([0, 1], [0, 2]), np.array([7, 3, 3, 3]), vectors)
    assert measured["coverage@10"] == 0.75
    assert measured["diversity@10"] == pytest.approx((1.0 + 0.0) / 2)
    assert measured["novelty@10"] == pytest.approx((-2 * math.log2(8 / 20) - 2 * math.log2(4 / 20)) / 4)


def test_an_interval_holds_the_true_mean_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(3)
    held = [(own := interval(random.normal(0.2, 1.0, 80), seed=n)).low < 0.2 < own.high for n in range(60)]
    assert 50 <= sum(held) <= 60


def test_a_difference_that_few_users_cannot_show_is_said() -> None:
    differences = np.tile([-1.0, 1.0], 50)
    assert smallest_shown(differences) == pytest.approx(2.8 * differences.std(ddof=1) / 10, rel=0.01)


def test_scores_that_say_what_came_have_no_gap_and_others_do() -> None:
    random = np.random.default_rng(5)
    requests = wanting(*[[int(item)] for item in random.integers(1, 1000, 400)])
    lists = rows(*[[int(requests.items[n]) if random.random() < 0.3 else 0, 0] for n in range(400)])
    scores = np.full(lists.shape, np.nan, np.float32)
    scores[:, 0], scores[:, 1] = 0.3, 0.0
    assert calibration(scores, lists, requests)["mean_gap"] < 0.05
    assert calibration(np.where(np.isnan(scores), np.nan, scores + 0.5), lists, requests)["mean_gap"] > 0.4


def test_shuffled_labels_fall_to_chance() -> None:
    wanted = [[int(item)] for item in np.random.default_rng(2).integers(1, 1000, 3000)]
    requests = wanting(*wanted)
    perfect = rows(*[[own[0], *range(1, 100)] for own in wanted])
    assert found(perfect, requests)["recall@100"].mean() == 1.0
    measured = shuffled({"perfect": perfect}, requests, 1000)
    assert measured["chance"] == 0.1
    assert measured["perfect"] < 0.13
