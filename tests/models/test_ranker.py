"""The ranking model and what it is trained on."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from inference_graph.features import next_item_scores
from inference_graph.fusion import fuse
from rec_models.calibration import fit_platt
from rec_models.data.dataset import Seen
from rec_models.eras import retrieve
from rec_models.event_table import EventTable
from rec_models.examples import Examples, choose_moments, cut_times, gains_of, newest_of_users
from rec_models.item_to_item import Neighbours, transitions
from rec_models.measures import ndcg, recall
from rec_models.neighbour_lookup import LEAST, NeighbourLookup
from rec_models.proposals import SOURCE_WEIGHTS, Sources, content_neighbours, merge, propose
from rec_models.testing import ITEMS, QUICK_RANKING, small_content, small_sequences
from rec_models.training import past_requests

SEQUENCES = small_sequences()


def test_the_ranker_beats_the_order_of_every_source(trained):
    metrics = trained.metrics
    assert metrics["ndcg@10 ranker"] > max(metrics[f"ndcg@10 {name}"] for name in ("popular", "similar_to_liked", "fusion"))
    assert metrics["ndcg@10 ranker"] > 0.4


def test_requests_lie_after_the_first_cut_in_order_of_time():
    cuts = cut_times(SEQUENCES, QUICK_RANKING.cuts)
    moments = choose_moments(SEQUENCES, cuts, QUICK_RANKING)
    times = SEQUENCES.times[moments]
    assert len(moments) == QUICK_RANKING.requests
    assert (times >= cuts[0]).all()
    assert (np.diff(times) >= 0).all()
    assert len(np.unique(moments)) == len(moments)


def test_the_newest_of_a_user_are_a_share_of_the_moments_and_of_three_at_least_one():
    newest = newest_of_users(SEQUENCES, 0.1)
    expected = np.ceil(0.1 * np.bincount(SEQUENCES.users))
    assert np.bincount(SEQUENCES.users[newest]).tolist() == expected.tolist()
    assert (SEQUENCES.times[newest] >= 3_600.0 + SEQUENCES.times[SEQUENCES.first[newest]]).all()
    first = np.arange(len(SEQUENCES)) - SEQUENCES.first
    assert newest_of_users(SEQUENCES.where(first < 3), 0.1).sum() == len(SEQUENCES.user_ids)
    assert not newest_of_users(SEQUENCES.where(first < 2), 0.1).any()


def test_what_is_asked_for_last_was_not_learned_before_and_is_older_than_what_judges(given):
    past = past_requests(given)
    sequences = given.sequences
    assert len(past.newest) > 0
    assert (sequences.times[past.newest] < past.judged_from).all()
    assert past.judged_from == sequences.times[past.held_out].min()
    learned = set(zip(past.settled.users.tolist(), past.settled.times.tolist(), strict=True))
    assert not learned & set(zip(sequences.users[past.newest].tolist(), sequences.times[past.newest].tolist(), strict=True))
    assert len(past.settled) == len(sequences) - newest_of_users(sequences, QUICK_RANKING.newest_share).sum()


def test_nothing_is_retrieved_for_no_request(trained):
    users, rows = retrieve(trained.era, trained.towers, EventTable(SEQUENCES), np.empty(0, np.int64), Seen("ever"), 5)
    assert users.shape[0] == 0
    assert rows.shape == (0, 5)


def test_positives_are_what_the_same_user_did_next_and_later_ones_weigh_less():
    moment = int(SEQUENCES.first[SEQUENCES.users == 3][0]) + 4
    coming = SEQUENCES.items[moment : moment + 4]
    gains, positives = gains_of(SEQUENCES, np.array([moment]), coming[None], QUICK_RANKING)
    assert gains[0].tolist() == [1.0, 0.5, 0.25, 0.0]
    assert positives.tolist() == [1]


def test_positives_stop_at_the_users_last_event():
    last = int(np.flatnonzero(SEQUENCES.users == 3)[-1])
    rows = np.array([[SEQUENCES.items[last], SEQUENCES.items[last + 1]]])
    assert gains_of(SEQUENCES, np.array([last]), rows, QUICK_RANKING)[0][0, 1] == 0


def proposed_at(moment: int, seen: Seen, top: list[int]):
    succession = transitions(SEQUENCES, QUICK_RANKING.item_to_item)
    sources = Sources(succession, content_neighbours(small_content(), 10), np.arange(ITEMS, dtype=np.int32))
    return propose(SEQUENCES, np.array([moment]), np.array([top], np.int32), sources, seen, QUICK_RANKING.proposing), succession


def test_candidates_carry_each_sources_rank_as_served():
    proposed, succession = proposed_at(10, Seen("off"), [7, 3])
    rows = proposed.rows[0][proposed.rows[0] >= 0]
    ranks = dict(zip(rows.tolist(), proposed.ranks[0], strict=False))
    assert ranks[7][0] == 1
    assert ranks[3][0] == 2
    served, _ = next_item_scores(SEQUENCES.items[:10][::-1], succession.rows, succession.scores)
    for place, row in enumerate(served[:20].tolist()):
        assert ranks[row][2] == place + 1
    assert [ranks[row][3] for row in range(20)] == list(range(1, 21))


def test_what_was_seen_is_no_candidate_where_the_data_set_says_so_and_ranks_keep_their_gaps():
    history = set(SEQUENCES.items[:10].tolist())
    proposed, _ = proposed_at(10, Seen("ever"), [7, 3])
    assert not history & set(proposed.rows[0].tolist())
    kept = set(proposed_at(10, Seen("off"), [7, 3])[0].rows[0].tolist())
    assert history & kept
    recent = proposed_at(10, Seen("within", within_days=4.5 / 24), [7, 3])[0].rows[0]
    assert not set(SEQUENCES.items[6:10].tolist()) & set(recent.tolist())


def test_beyond_the_limit_the_best_fused_candidates_stay():
    proposals = {"two_tower": [1, 2, 3], "similar_to_liked": [3], "next_item": [3, 4], "popular": [9]}
    rows, ranks = merge({name: np.array(rows, np.int32) for name, rows in proposals.items()}, np.empty(0, np.int32), 2)
    assert rows.tolist() == [1, 3]
    fused = fuse(ranks, SOURCE_WEIGHTS)
    assert fused[1] > fused[0]


def test_content_neighbours_are_the_brute_force_ones_and_silent_items_have_none():
    vectors = small_content()
    found = content_neighbours(vectors, 5, chunk=7)
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -np.inf)
    for item in range(ITEMS - 1):
        assert found.rows[item].tolist() == np.argsort(-similarity[item], kind="stable")[:5].tolist()
    assert (found.rows[-1] == -1).all()


def test_the_lookup_inside_the_model_sums_decayed_successions_as_the_source_does():
    succession = transitions(SEQUENCES, QUICK_RANKING.item_to_item)
    lookup = NeighbourLookup([succession, Neighbours(np.full((ITEMS, 10), -1, np.int32), np.zeros((ITEMS, 10), np.float32))])
    history = SEQUENCES.items[:12][::-1]
    candidates = np.arange(ITEMS)
    found = lookup(tf.constant(history[None] + 1), tf.constant(candidates[None] + 1, tf.int32)).numpy()[0]
    rows, scores = next_item_scores(history, succession.rows, succession.scores)
    expected = np.zeros(ITEMS)
    expected[rows] = scores
    assert found[:, 1] == pytest.approx(np.log((expected + LEAST) / LEAST), abs=1e-3)
    newest = np.zeros(ITEMS)
    newest[succession.rows[history[0]][succession.rows[history[0]] >= 0]] = succession.scores[history[0]][succession.rows[history[0]] >= 0]
    assert found[:, 0] == pytest.approx(np.log((newest + LEAST) / LEAST), abs=1e-3)
    assert (found[:, 3:] == 0).all()


def test_the_lookup_knows_nothing_of_unknown_items_and_forgives_repeated_candidates():
    lookup = NeighbourLookup([transitions(SEQUENCES, QUICK_RANKING.item_to_item)])
    found = lookup(tf.constant([[0, 0]]), tf.constant([[0, 3, 3, 0]])).numpy()
    assert found.shape == (1, 4, 3)
    assert (found == 0).all()


def test_the_lookup_holds_only_items_that_have_neighbours():
    rows = np.full((1000, 10), -1, np.int32)
    rows[700, :2] = 5, 6
    lookup = NeighbourLookup([Neighbours(rows, (rows >= 0).astype(np.float32))])
    assert max(table.rows.shape[0] for table in lookup.tables) == 2
    found = lookup(tf.constant([[701, 12]]), tf.constant([[6, 7, 8]])).numpy()[0, :, 0]
    assert found == pytest.approx([np.log(1 / LEAST + 1), np.log(1 / LEAST + 1), 0.0], abs=1e-3)


def example(gains: list[float], candidates: list[int]) -> Examples:
    wide, one = np.zeros((1, len(gains)), np.float32), np.zeros(1, np.int32)
    return Examples(
        moments=np.zeros(1, np.int64),
        era=one,
        candidates=np.array([candidates], np.int32),
        gains=np.array([gains], np.float32),
        ranks=np.zeros((*wide.shape, 4), np.float32),
        retrieval=wide,
        neighbours=wide[..., None],
        proposed=one,
        positives=one,
    )


def test_thinning_keeps_every_positive_and_drops_empty_places_first():
    thin = example([0, 0, 1, 0, 0.5, 0, 0, 0], [1, 2, 3, 4, 5, 6, 0, 0]).thinned(5, np.random.default_rng(0))
    assert {3, 5} <= set(thin.candidates[0].tolist())
    assert 0 not in thin.candidates[0]
    assert thin.candidates[0].tolist() == sorted(thin.candidates[0])  # the place of a candidate tells nothing
    assert thin.gains.shape == (1, 5)


def test_ndcg_is_one_for_the_ideal_order_and_counts_what_was_never_proposed():
    scores = np.array([[3.0, 2.0, 1.0]], np.float32)
    assert ndcg(scores, np.array([[True, False, False]]), np.array([1])) == pytest.approx(1.0)
    assert ndcg(scores, np.array([[False, True, False]]), np.array([1])) == pytest.approx(1 / np.log2(3))
    assert ndcg(scores, np.array([[True, False, False]]), np.array([2])) == pytest.approx(1 / (1 + 1 / np.log2(3)))
    assert recall(np.array([[True, False, True]]), np.array([4]), 2) == pytest.approx(0.25)


def test_calibration_finds_the_line_that_made_the_outcomes():
    random = np.random.default_rng(0)
    logits = random.normal(size=200_000).astype(np.float32)
    happened = random.random(len(logits)) < 1 / (1 + np.exp(-(2.0 * logits - 3.0)))
    assert fit_platt(logits, happened) == pytest.approx((2.0, -3.0), abs=0.05)


def test_calibration_never_turns_the_order_round():
    logits = np.linspace(-1, 1, 100).astype(np.float32)
    assert fit_platt(logits, logits < 0)[0] > 0


def test_without_any_outcome_nothing_is_calibrated():
    assert fit_platt(np.zeros(3, np.float32), np.zeros(3, np.bool_)) == (1.0, 0.0)
