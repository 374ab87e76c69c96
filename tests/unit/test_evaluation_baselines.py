"""Each baseline against what its idea comes to by brute force, and the rules that all contestants share."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest

from rec_models.data.dataset import Seen
from rec_models.evaluation.baselines.catalogue import BASELINES
from rec_models.evaluation.baselines.ease import item_weights, user_items
from rec_models.evaluation.baselines.item_knn import item_knn
from rec_models.evaluation.baselines.popularity import recent_popularity
from rec_models.evaluation.baselines.succession import succession
from rec_models.evaluation.baselines.trial import MOST_TRIALS, Trial
from rec_models.evaluation.protocols import Split, leave_last_out
from rec_models.evaluation.tuning import tune
from rec_models.item_to_item import ItemToItem, successions
from rec_models.sequences import Sequences

ITEMS = 30


@pytest.fixture(scope="module")
def made() -> Split:
    """Sixty users who walk through the items in order, each from an item of their own, with a stray one now and then."""
    random = np.random.default_rng(1)
    users = np.repeat(np.arange(60, dtype=np.int32), 8)
    walks = (np.repeat(random.integers(0, ITEMS, 60), 8) + np.tile(np.arange(8), 60)) % ITEMS
    items = np.where(random.random(480) < 0.1, random.integers(0, ITEMS, 480), walks).astype(np.int32)
    times = np.tile(np.arange(8.0), 60) * 86_400.0 + users
    values = np.ones(480, np.float32)
    return leave_last_out(Sequences(users, items, times, values, values > 1, np.array([f"u{n}" for n in range(60)]), ITEMS), last=1)


@pytest.mark.parametrize("name", list(BASELINES))
def test_every_trial_scores_the_whole_catalogue_and_there_are_not_too_many(name: str, made: Split) -> None:
    trials = list(BASELINES[name](made.known))
    scores = trials[0].scorer(made.test, slice(3, 8))
    assert scores.shape == (5, ITEMS)
    assert np.isfinite(scores).all()
    assert len(trials) <= MOST_TRIALS
    assert len({str(trial.settings) for trial in trials}) == len(trials)


@pytest.mark.parametrize("name", list(BASELINES))
def test_a_request_is_answered_from_its_own_history_whoever_is_asked_for_beside_it(name: str, made: Split) -> None:
    scorer = next(BASELINES[name](made.known)).scorer
    assert scorer(made.test, slice(0, 60))[7] == pytest.approx(scorer(made.test, slice(7, 8))[0], rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("name", list(BASELINES))
def test_a_baseline_knows_nothing_of_an_item_that_came_only_after_the_cut(name: str, made: Split) -> None:
    late = made.test.sequences
    late.items[made.test.wanted[0]] = ITEMS - 1
    unknown = late.where(made.train & (late.items != ITEMS - 1))
    for trial in islice(BASELINES[name](unknown), 2):
        scores = trial.scorer(made.test, slice(0, 60))
        assert ((scores > scores[:, -1:]).sum(axis=1) >= 5).all()


def test_ease_is_what_a_regression_of_each_item_on_the_others_gives(made: Split) -> None:
    having, penalty = user_items(made.known), 5.0
    weights, dense = item_weights(having, penalty), having.toarray()
    for item in (0, 7):
        others = np.delete(np.arange(ITEMS), item)
        left, right = dense[:, others], dense[:, item]
        solved = np.linalg.solve(left.T @ left + penalty * np.eye(ITEMS - 1), left.T @ right)
        assert weights[others, item] == pytest.approx(solved, abs=1e-4)
    assert (np.diag(weights) == 0).all()


def test_the_nearest_items_are_those_of_the_cosine(made: Split) -> None:
    having = user_items(made.known).toarray()
    cosine = having.T @ having / np.sqrt(np.outer(having.sum(0), having.sum(0)))
    np.fill_diagonal(cosine, 0.0)
    history = made.test.histories(slice(0, 1)).toarray()[0]
    trial = next(trial for trial in item_knn(made.known) if trial.settings == {"shrinkage": 0.0, "neighbours": 50})
    assert trial.scorer(made.test, slice(0, 1))[0] == pytest.approx(history @ cosine, abs=1e-4)


def test_succession_adds_what_follows_each_item_with_decay(made: Split) -> None:
    trial = next(succession(made.known))
    shares = successions(made.known, ItemToItem(window=1, shrinkage=1.0)).toarray()
    request = made.test
    history = request.sequences.items[request.first[0] : request.cut[0]][::-1]
    _, newest = np.unique(history, return_index=True)
    expected = sum(0.3**step * shares[history[step]] for step in sorted(newest.tolist()))
    assert trial.scorer(request, slice(0, 1))[0] == pytest.approx(expected, abs=1e-5)


def test_recent_popularity_counts_nothing_that_came_after_the_request() -> None:
    users, items = np.array([0, 0, 1, 2, 2, 2], np.int32), np.array([1, 2, 3, 4, 4, 5], np.int32)
    times = np.array([1.0, 2.0, 9.0, 1.5, 1.7, 3.0]) * 86_400.0
    values = np.ones(6, np.float32)
    sequences = Sequences(users, items, times, values, values > 1, np.array(["a", "b", "c"]), 6)
    request = leave_last_out(sequences, last=1).test
    scores = next(recent_popularity(sequences)).scorer(request, slice(0, 1))[0]
    assert scores[4] > scores[2] > scores[1] > scores[3]
    assert scores[3] < 1e-3


def test_the_best_trial_is_chosen_on_validation_and_its_trials_are_counted(made: Split) -> None:
    wanted = np.zeros((len(made.validation), ITEMS), np.float32)
    wanted[made.validation.owner, made.validation.items] = 1.0

    def trials(known: Sequences) -> Iterator[Trial]:
        yield Trial({"good": 0}, lambda requests, part: -wanted[: part.stop - part.start])
        yield Trial({"good": 1}, lambda requests, part: wanted[part])
        yield Trial({"good": 2}, lambda requests, part: np.zeros((part.stop - part.start, ITEMS), np.float32))

    tuned = tune(trials, made, {"as served": Seen("off")})
    assert (tuned.settings, tuned.trials, tuned.validation) == ({"good": 1}, 3, 1.0)


def test_more_trials_than_every_contestant_may_have_are_refused(made: Split) -> None:
    def trials(known: Sequences) -> Iterator[Trial]:
        for number in range(MOST_TRIALS + 1):
            yield Trial({"number": number}, lambda requests, part: np.zeros((part.stop - part.start, ITEMS), np.float32))

    with pytest.raises(ValueError, match="more than 20 trials"):
        tune(trials, made, {"as served": Seen("off")})
