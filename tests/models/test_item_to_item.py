"""Succession, co-occurrence and linear weights against definitions by hand."""

from __future__ import annotations

import numpy as np
import pytest

from rec_models.item_to_item import ItemToItem, Neighbours, co_occurrence, linear, transitions
from rec_models.sequences import Sequences

PLAIN = ItemToItem(neighbours=4, window=3, decay=0.5, half_life_days=36_500, shrinkage=0)


def walked(*users: list[tuple[int, float]], items: int = 5) -> Sequences:
    """One list of (item, time in hours) a user."""
    events = [(user, item, time) for user, events in enumerate(users) for item, time in events]
    return Sequences(
        users=np.array([user for user, _, _ in events], np.int32),
        items=np.array([item for _, item, _ in events], np.int32),
        times=np.array([1e9 + 3600.0 * time for _, _, time in events]),
        values=np.ones(len(events), np.float32),
        rated=np.zeros(len(events), np.bool_),
        user_ids=np.array([f"u{user}" for user in range(len(users))]),
        item_count=items,
    )


def pairs(neighbours: Neighbours, item: int) -> dict[int, float]:
    rows, scores = neighbours.rows[item], neighbours.scores[item]
    return {int(row): float(score) for row, score in zip(rows, scores, strict=True) if row >= 0}


def test_what_follows_sooner_weighs_more_and_each_item_shares_out_one():
    found = pairs(transitions(walked([(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)]), PLAIN), 0)
    assert found == pytest.approx({1: 4 / 7, 2: 2 / 7, 3: 1 / 7}, rel=1e-3)


def test_nothing_follows_what_came_before_it_or_another_users_item():
    neighbours = transitions(walked([(0, 0), (1, 1)], [(2, 2), (3, 3)]), PLAIN)
    assert pairs(neighbours, 1) == {}
    assert list(pairs(neighbours, 2)) == [3]


def test_items_of_one_moment_do_not_follow_each_other_but_occur_together_both_ways():
    basket = walked([(0, 0), (1, 0), (2, 0)])
    assert all(pairs(transitions(basket, PLAIN), item) == {} for item in range(3))
    together = co_occurrence(basket, PLAIN)
    assert pairs(together, 0)[1] == pytest.approx(pairs(together, 1)[0])
    assert set(pairs(together, 2)) == {0, 1}


def test_a_tied_moment_counts_as_the_mean_over_its_orders():
    neighbours = transitions(walked([(0, 0), (1, 1), (2, 1)]), PLAIN)
    assert pairs(neighbours, 0) == pytest.approx({1: 0.5, 2: 0.5})


def test_the_order_of_rows_within_a_moment_changes_nothing():
    one = transitions(walked([(0, 0), (1, 1), (2, 1), (3, 2)]), PLAIN)
    other = transitions(walked([(0, 0), (2, 1), (1, 1), (3, 2)]), PLAIN)
    assert (one.rows == other.rows).all()
    assert one.scores == pytest.approx(other.scores)


def test_an_old_succession_counts_less_than_a_new_one():
    settings = PLAIN.model_copy(update={"half_life_days": 1.0})
    neighbours = transitions(walked([(0, 0), (1, 1)], [(0, 240), (2, 241)]), settings)
    assert pairs(neighbours, 0)[2] > 100 * pairs(neighbours, 0)[1]


def test_a_repetition_is_no_neighbour_but_takes_its_share():
    assert pairs(transitions(walked([(0, 0), (0, 1), (1, 2)]), PLAIN), 0) == pytest.approx({1: 1.5 / 2.5})


def test_rare_items_are_believed_less():
    settings = PLAIN.model_copy(update={"shrinkage": 9.0})
    often = walked(*[[(0, 0), (1, 1)]] * 10, [(2, 0), (3, 1)])
    neighbours = transitions(often, settings)
    assert pairs(neighbours, 0)[1] == pytest.approx(10 / 19, rel=1e-3)
    assert pairs(neighbours, 2)[3] == pytest.approx(1 / 10, rel=1e-3)


def test_an_item_without_interactions_has_no_neighbours_and_missing_places_are_marked():
    neighbours = transitions(walked([(0, 0), (1, 1)]), PLAIN)
    assert neighbours.rows.shape == (5, 4)
    assert neighbours.rows.dtype == np.int32
    assert neighbours.scores.dtype == np.float32
    assert (neighbours.rows[4] == -1).all()
    assert (neighbours.scores[4] == 0).all()


def test_one_moment_alone_is_enough_for_an_answer():
    assert (transitions(walked([(0, 0)]), PLAIN).rows == -1).all()


def test_linear_weights_foresee_each_item_from_the_others_as_ridge_regression_does():
    had = [(0, 1, 2), (0, 1), (1, 2, 3), (0, 1, 3), (4,), (0, 2, 4), (1, 3)]
    events = walked(*[[(item, hour) for hour, item in enumerate(items)] for items in had])
    having = np.array([[float(item in items) for item in range(5)] for items in had])
    found = linear(events, PLAIN.model_copy(update={"penalty": 0.5}))
    for item in range(5):
        others = [other for other in range(5) if other != item]
        known, wanted = having[:, others], having[:, item]
        weights = np.linalg.solve(known.T @ known + 0.5 * np.eye(4), known.T @ wanted)
        for other, weight in zip(others, weights, strict=True):
            assert pairs(found, other).get(item, 0.0) == pytest.approx(max(weight, 0.0), abs=1e-5)


def test_only_the_most_popular_items_have_linear_weights():
    popular = [[(2 * pair, 0.0), (2 * pair + 1, 1.0)] for pair in range(5)] * 3
    events = walked(*popular, [(12, 0), (13, 1)], items=14)
    found = linear(events, PLAIN.model_copy(update={"linear_items": 10}))
    assert pairs(found, 0).keys() >= {1}
    assert pairs(found, 12) == pairs(found, 13) == {}
    assert pairs(linear(walked([(0, 0)]), PLAIN), 0) == {}
