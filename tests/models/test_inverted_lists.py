"""Inverted lists: exact when all are looked into, never short of items, and as good as their card says."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given as drawn
from hypothesis import settings as effort
from hypothesis import strategies

from rec_models.configuration import Lists
from rec_models.export import CARD
from rec_models.inverted_lists import inverted_lists
from rec_models.publishing import publish_models
from rec_models.retrieval_export import retrieval_model
from rec_models.served_lists import ServedLists
from rec_models.served_models import ServedRetrieval
from rec_models.testing import small_item_ids

ANSWER = 40


def asked(*users: list[str]) -> dict[str, tf.Tensor]:
    longest = max(len(user) for user in users)
    shape = (len(users), longest)
    ids = np.array([[*user, *[""] * (longest - len(user))] for user in users], object).reshape(shape)
    ages = np.tile(np.arange(longest, dtype=np.float32), (len(users), 1))
    return {
        "history_ids": tf.constant(ids, tf.string),
        "history_ages": tf.constant(ages),
        "history_values": tf.ones(shape),
        "history_rated": tf.ones(shape),
    }


def answers(module: tf.Module, *users: list[str]) -> tuple[list[list[str]], np.ndarray]:
    found = module.serve(**asked(*users))
    return [[item.decode() for item in row] for row in found["item_ids"].numpy()], found["scores"].numpy()


def lists_of(trained, length: int = 8, seed: int = 0):
    users = np.random.default_rng(seed).standard_normal((40, trained.era.vectors.shape[1])).astype(np.float32)
    return inverted_lists(trained.era.vectors[1:], trained.era.attraction[1:], users, Lists(length=length))


def test_every_item_is_in_one_list_and_no_list_is_too_long(trained):
    lists = lists_of(trained)
    assert sorted(lists.rows[lists.rows >= 0].tolist()) == list(range(len(small_item_ids())))
    assert lists.rows.shape[1] <= 8


@pytest.mark.parametrize("hidden", [True, False])
def test_with_every_list_probed_the_answer_is_the_exact_one(trained, hidden):
    lists, users = lists_of(trained), trained.towers.users
    exact = ServedRetrieval(small_item_ids(), users, trained.era, hidden, ANSWER)
    served = ServedLists(small_item_ids(), users, trained.era, hidden, ANSWER, lists, len(lists.rows))
    batch = (["i003", "i001"], [], ["i020", "unknown", "i021", "i020"])
    (wanted, wanted_scores), (found, found_scores) = answers(exact, *batch), answers(served, *batch)
    assert found == wanted
    assert found_scores == pytest.approx(wanted_scores, abs=1e-5)


def test_what_is_in_the_history_is_left_out(trained):
    lists = lists_of(trained)
    served = ServedLists(small_item_ids(), trained.towers.users, trained.era, True, 10, lists, len(lists.rows) - 1)
    history = small_item_ids()[:12]
    assert not set(answers(served, history)[0][0]) & set(history)


def test_fewer_lists_find_the_best_of_what_they_hold(trained):
    """The recall that is computed from lists alone is the recall of what is served."""
    lists, users = lists_of(trained), trained.towers.users
    exact = ServedRetrieval(small_item_ids(), users, trained.era, False, 10)
    requests = [[item] for item in small_item_ids()]
    best = answers(exact, *requests)[0]
    rows = {item: row for row, item in enumerate(small_item_ids())}
    history = exact.vocabulary.history(**dict(zip(("ids", "ages", "values", "rated"), asked(*requests).values(), strict=True)))
    vectors = users(tf.gather(tf.constant(trained.era.vectors), history.items), history)[:, 0].numpy()
    curve = lists.recall(vectors, np.array([[rows[item] for item in answer] for answer in best], np.int32))
    assert curve[-1] == 1.0
    for probes in (2, 4):
        served = ServedLists(small_item_ids(), users, trained.era, False, 10, lists, probes)
        pairs = zip(best, answers(served, *requests)[0], strict=True)
        assert np.mean([len(set(a) & set(b)) / 10 for a, b in pairs]) == pytest.approx(curve[probes - 1], abs=1e-9)


@effort(max_examples=25)
@drawn(items=strategies.integers(1, 40), length=strategies.integers(8, 16), wanted=strategies.integers(1, 60), alike=strategies.booleans())
def test_small_catalogues_of_any_shape_are_held_whole(items, length, wanted, alike):
    random = np.random.default_rng(items)
    vectors = random.standard_normal((items, 4)).astype(np.float32) * (not alike)
    lists = inverted_lists(vectors, np.zeros(items, np.float32), random.standard_normal((3, 4)).astype(np.float32), Lists(length=length))
    assert sorted(lists.rows[lists.rows >= 0].tolist()) == list(range(items))
    fewest = np.sort((lists.rows >= 0).sum(axis=1))[: lists.enough(wanted)].sum()
    assert fewest >= min(wanted, items)


def with_lists(given, **changes):
    lists = Lists(above=10, users=60, length=8, **changes)
    return replace(given, retrieval=given.retrieval.model_copy(update={"answer": 5, "lists": lists}))


def test_a_large_catalogue_gets_lists_that_reach_the_recall_and_the_card_says_which(given, trained, tmp_path):
    large = replace(with_lists(given, recall=0.5), seen=replace(given.seen, mode="off"))
    folders = publish_models(tmp_path, small_item_ids(), large, trained, {})
    card = json.loads((folders["retrieval"] / CARD).read_text())
    facts = card["lists"]
    assert f"{facts['probes']} of {facts['lists']} lists" in card["catalogue_limit"]
    assert facts["recall"] > 0.4  # chosen on other users
    answer = tf.saved_model.load(str(folders["retrieval"])).signatures["serving_default"](**asked(["i003", "i001"]))
    assert len(set(answer["item_ids"].numpy()[0])) == 5


def test_lists_that_would_score_most_of_the_catalogue_are_not_written(given, trained):
    module, facts = retrieval_model(small_item_ids(), with_lists(given, recall=1.0), trained)
    assert isinstance(module, ServedRetrieval)
    assert "more than half" in facts["catalogue_limit"]
    assert "lists" not in facts


def test_a_small_catalogue_is_scored_whole(given, trained):
    module, facts = retrieval_model(small_item_ids(), given, trained)
    assert isinstance(module, ServedRetrieval)
    assert "Every item is scored, exactly" in facts["catalogue_limit"]
