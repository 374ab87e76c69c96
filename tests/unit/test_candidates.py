"""Merging, taking and the shape checks of the values that flow through the graph."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_graph.catalogue import Attribute
from inference_graph.features import interaction_value, liked, next_item_scores, seeds, tie_break
from inference_graph.fusion import fuse
from inference_graph.matching import matches
from inference_graph.testing import make_candidates, make_catalogue
from inference_graph.types import Candidates, CategoryFilter, ColumnFilter

PROPOSALS = st.lists(st.lists(st.integers(0, 20)), max_size=4)


@given(PROPOSALS)
def test_merging_keeps_each_item_once_with_its_first_rank_in_each_source(proposals):
    merged = Candidates.merge([np.array(p, np.int32) for p in proposals])
    assert sorted(merged.rows) == sorted({row for p in proposals for row in p})
    for row, ranks in zip(merged.rows, merged.ranks, strict=True):
        expected = [p.index(row) + 1 if row in p else np.nan for p in proposals]
        np.testing.assert_array_equal(ranks, np.array(expected, np.float32))


def test_a_column_of_the_wrong_length_is_named():
    with pytest.raises(ValueError, match="column 'price' has 2 rows, expected 3"):
        make_candidates([1, 2, 3]).with_columns({"price": np.zeros(2)})


def test_taking_rows_takes_them_from_every_column():
    taken = make_candidates([4, 5, 6], [0.1, 0.2, 0.3]).with_columns({"p": np.array([1, 2, 3])}).take(np.array([2, 0]))
    assert list(taken.rows) == [6, 4]
    assert list(taken.columns["p"]) == [3, 1]


@given(PROPOSALS.filter(bool))
def test_fused_scores_lie_in_the_unit_interval_and_prefer_better_ranks(proposals):
    ranks = Candidates.merge([np.array(p, np.int32) for p in proposals]).ranks
    weights = np.arange(1, ranks.shape[1] + 1, dtype=np.float32)
    scores = fuse(ranks, weights)
    assert ((scores > 0) & (scores <= 1)).all()
    assert np.allclose(fuse(np.ones_like(ranks), weights), 1.0)
    better = fuse(np.where(np.isnan(ranks), 1, ranks).astype(np.float32), weights)
    assert (better >= scores).all()


@given(st.lists(st.floats(0.125, 1000, width=32), min_size=1, max_size=6))
def test_first_place_everywhere_is_one_whatever_the_weights(weights):
    score = fuse(np.ones((1, len(weights)), np.float32), np.array(weights, np.float32))[0]
    assert 1 - 1e-5 < score <= 1


def test_a_source_of_more_weight_decides_where_sources_differ():
    ranks = np.array([[1, np.nan], [np.nan, 1]], np.float32)
    assert np.argmax(fuse(ranks, np.array([2, 1], np.float32))) == 0
    assert np.argmax(fuse(ranks, np.array([1, 2], np.float32))) == 1


def test_a_liking_is_at_or_above_the_users_mean_and_three_and_a_half_stars():
    values = np.array([5, 4, 3.5, 1], np.float32)
    assert list(liked(values, np.ones(4, bool))) == [True, True, True, False]
    assert list(liked(np.array([3, 2], np.float32), np.ones(2, bool))) == [False, False]
    assert list(liked(np.array([0.2, 0.5], np.float32), np.zeros(2, bool))) == [True, True]
    assert list(liked(np.array([4, 0.5], np.float32), np.array([True, False]))) == [True, False]


def test_seeds_are_the_most_liked_known_items_by_value_and_recency():
    rows, rated = np.array([7, 8, -1, 9, 7], np.int32), np.ones(5, bool)
    values, ages = np.array([5, 5, 5, 5, 5], np.float32), np.array([0.0, 30.0, 0.0, 10.0, 90.0])
    assert list(rows[seeds(rows, values, rated, ages, 2, 30.0)]) == [7, 9]
    assert list(rows[seeds(rows, values, rated, ages, 9, 30.0)]) == [7, 9, 8]


def test_successors_of_newer_items_count_more():
    next_rows = np.array([[2, -1], [3, 2], [-1, -1], [-1, -1]], np.int32)
    next_scores = np.array([[1, 0], [1, 0.5], [0, 0], [0, 0]], np.float32)
    rows, scores = next_item_scores(np.array([0, 1, -1], np.int32), next_rows, next_scores, decay=0.5)
    assert list(rows) == [2, 3]
    np.testing.assert_allclose(scores, [1.25, 0.5])


def test_an_interactions_value_is_stars_or_the_log_of_a_quantity_or_its_types():
    assert interaction_value("rating", 4.5) == 4.5
    assert interaction_value("purchase", 6) == pytest.approx(np.log(7))
    assert interaction_value("purchase", None) == pytest.approx(np.log(2))
    assert interaction_value("view", None) == 0.2
    with pytest.raises(ValueError, match="no value"):
        interaction_value("rating", None)


def test_ties_are_broken_by_content_the_same_way_for_whole_and_fractional_seconds():
    assert tie_break("u", "i", 964982703.0) == tie_break("u", "i", 964982703)
    assert tie_break("u", "i", 1.0) != tie_break("u", "j", 1.0)


def test_conditions_mean_the_same_for_numbers_words_and_categories():
    catalogue = make_catalogue(
        ["a", "b", "c", "d"],
        categories={"drama": [0, 1], "war": [1, 2]},
        attributes={
            "year": Attribute(np.array([1990.0, 2000.0, np.nan, 2010.0])),
            "country": Attribute(np.array([0, 1, -1, 1], np.int32), ("be", "nl")),
        },
    )
    rows = np.arange(4, dtype=np.int32)

    def met(categories=None, **columns):
        return list(matches(catalogue, rows, categories or CategoryFilter(), columns))

    assert met(CategoryFilter(any=("drama",), none=("war",))) == [True, False, False, False]
    assert met(CategoryFilter(any=("no such",))) == [False] * 4
    assert met(year=ColumnFilter(minimum=2000)) == [False, True, False, True]
    assert met(year=ColumnFilter(one_of=(1990, 2010))) == [True, False, False, True]
    assert met(country=ColumnFilter(one_of=("nl", "xx"))) == [False, True, False, True]
    assert met(country=ColumnFilter(minimum=1)) == [False] * 4
    fresh = matches(catalogue, rows, CategoryFilter(), {"year": ColumnFilter(minimum=5)}, {"year": np.array([1, 9, 9, 1])})
    assert list(fresh) == [False, True, True, False]
