"""The final order against a brute-force oracle on small pools, and its bounded work on large ones."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_graph.selection.capped import Capped, CategoryCap
from inference_graph.selection.feasibility import NODE_BOUND, Cap, Places, SearchBound
from inference_graph.testing import make_candidates, make_catalogue, make_query
from inference_graph.types import CategoryFilter

NAMES = ("a", "b", "c")


def make(memberships, scores, limit=5, categories=NAMES):
    items = [f"i{n:03d}" for n in range(len(memberships))]
    catalogue = make_catalogue(items, categories={c: [i for i, m in enumerate(memberships) if c in m] for c in categories})
    return make_query(catalogue, limit=limit), make_candidates(range(len(items)), scores)


def obeys(order, memberships, caps):
    return all(
        sum(category in memberships[item] for item in order[: cap.first]) <= cap.at_most
        for cap in caps
        for category in NAMES
        if category not in cap.ignore
    )


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.sets(st.sampled_from(NAMES)), st.integers(0, 4)), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(1, 2), st.integers(1, 5)), min_size=1, max_size=2),
    st.integers(1, 5),
)
def test_the_order_is_the_lexicographically_best_that_obeys(pool, rules, limit):
    memberships, scores = [m for m, _ in pool], [s / 4 for _, s in pool]
    caps = tuple(CategoryCap(at_most=m, first=w) for m, w in rules)
    query, candidates = make(memberships, scores, limit)
    count = min(limit, len(pool))
    obeying = [o for o in permutations(range(len(pool)), count) if obeys(o, memberships, caps)]
    selection = Capped(caps=caps).select(query, candidates)
    if obeying:
        best = min(obeying, key=lambda order: [(-scores[i], i) for i in order])
        assert tuple(selection.chosen) == best
        assert selection.relaxed == ()
    else:
        assert len(selection.chosen) == count
        assert selection.relaxed
        shorter = Capped(caps=caps, when_impossible="shorten").select(query, candidates)
        assert len(shorter.chosen) < count
        assert obeys(shorter.chosen, memberships, caps)
        assert shorter.relaxed == ()


def test_plain_greedy_would_end_in_a_dead_end_here():
    memberships = [{"a"}, {"a", "b"}, {"b"}, {"c"}]
    query, candidates = make(memberships, [0.9, 0.8, 0.7, 0.6], limit=3)
    selection = Capped(caps=(CategoryCap(at_most=1, first=3),)).select(query, candidates)
    assert list(selection.chosen) == [0, 2, 3]


def test_at_most_three_of_a_category_are_among_the_first_five():
    query, candidates = make([{"a"}] * 8 + [{"b"}] * 4, np.linspace(1, 0.1, 12), limit=10)
    chosen = Capped().select(query, candidates).chosen
    assert list(chosen) == [0, 1, 2, 8, 9, 3, 4, 5, 6, 7]


def test_a_category_that_the_request_asks_for_and_an_ignored_one_are_exempt():
    query, candidates = make([{"a"}] * 6, np.linspace(1, 0.1, 6))
    assert Capped().select(query, candidates).relaxed
    asked = make_query(query.catalogue, limit=5)
    object.__setattr__(asked, "categories", CategoryFilter(any=("a",)))
    assert Capped().select(asked, candidates).relaxed == ()
    ignoring = Capped(caps=(CategoryCap(at_most=3, first=5, ignore=("a",)),))
    assert ignoring.select(query, candidates).relaxed == ()


def test_a_nan_ranks_below_every_finite_score():
    query, candidates = make([set()] * 3, [0.1, float("nan"), 0.2], limit=3)
    assert list(Capped().select(query, candidates).chosen) == [2, 0, 1]


def test_diversity_moves_an_item_like_the_first_one_behind():
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float16)
    catalogue = make_catalogue(["a", "b", "c"], vectors=vectors)
    query, candidates = make_query(catalogue, limit=3), make_candidates([0, 1, 2], [0.9, 0.8, 0.7])
    assert list(Capped(caps=(), diversity=0.5).select(query, candidates).chosen) == [0, 2, 1]


def test_an_empty_pool_gives_an_empty_answer():
    query, _ = make([], [])
    assert len(Capped().select(query, make_candidates([])).chosen) == 0


def test_the_search_is_bounded_on_an_adversarial_pool():
    random = np.random.default_rng(0)
    members = np.zeros((500, 20), np.bool_)
    for row in members:
        row[random.choice(20, 5, replace=False)] = True
    assert not Places.empty((Cap("cap", members, 1, 5),), 500, 5).fillable()
    places = Places.empty((Cap("cap", members, 2, 8),), 500, 8)
    with pytest.raises(SearchBound):
        places.fillable()
    assert places.nodes <= NODE_BOUND + 1
    names = tuple(f"c{n}" for n in range(20))
    memberships = [{names[c] for c in np.flatnonzero(row)} for row in members]
    query, candidates = make(memberships, random.random(500), limit=10, categories=names)
    selection = Capped(caps=(CategoryCap(at_most=2, first=8),)).select(query, candidates)
    assert len(selection.chosen) == 10
    assert "search_bound" in selection.relaxed
