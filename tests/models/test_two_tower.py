"""The retrieval model: what it reads of a history, and what its training corrects."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from inference_graph.features import HISTORY_LENGTH
from rec_models.event_table import EventTable
from rec_models.retrieval_training import fit, new_two_tower
from rec_models.testing import EVENTS, ITEMS, QUICK_RETRIEVAL, small_content, small_sequences
from rec_models.two_tower import Histories, without_history


def history(items: list[int], values: list[float] | None = None, ages: list[float] | None = None, rated: bool = True) -> Histories:
    """Catalogue rows from 1, newest first."""
    count = len(items)
    return Histories(
        items=tf.constant([items], tf.int32),
        values=tf.constant([values or [3.0] * count], tf.float32),
        rated=tf.fill([1, count], float(rated)),
        position=tf.range(count, dtype=tf.float32)[None, None],
        age=tf.constant([[ages or [float(age) for age in range(count)]]], tf.float32),
        mask=tf.cast(tf.constant([[items]]) > 0, tf.float32),
    )


@pytest.fixture(scope="module")
def towers():
    made = new_two_tower(small_content(), QUICK_RETRIEVAL)
    fit(made, small_sequences(), QUICK_RETRIEVAL)
    return made


def user(towers, histories: Histories) -> np.ndarray:
    return towers.users(towers.items(histories.items), histories)[0, 0].numpy()


def test_what_follows_the_newest_item_is_near_the_top(towers):
    vectors, attraction = towers.items(tf.range(ITEMS + 1)).numpy(), towers.items.attraction.numpy()
    places = []
    for item in range(ITEMS):
        had = [(item - 2 * step) % ITEMS + 1 for step in range(6)]
        scores = (vectors @ user(towers, history(had, values=[4.0, 3.5, 4.0, 3.5, 4.0, 3.5])) + attraction)[1:]
        scores[[row - 1 for row in had]] = -np.inf
        order = np.argsort(-scores)
        places.append(min(np.flatnonzero(np.isin(order, [(item + 1) % ITEMS, (item + 2) % ITEMS]))))
    assert np.mean(places) < 5


def test_five_stars_attract_and_one_star_does_not(towers):
    vectors = towers.items(tf.range(ITEMS + 1)).numpy()
    for item in (5, 25, 45):
        rest = [(item + far) % ITEMS + 1 for far in (20, 30, 40)]
        loved, hated = (user(towers, history([item + 1, *rest], [stars, 3.0, 3.0, 3.0])) for stars in (5.0, 1.0))
        assert vectors[item + 1] @ loved > vectors[item + 1] @ hated
        assert not np.allclose(loved, hated, atol=1e-3)


def test_marks_are_seen_from_the_users_own_mean(towers):
    one = user(towers, history([3, 9, 20], [5.0, 4.0, 3.0]))
    stricter = user(towers, history([3, 9, 20], [4.0, 3.0, 2.0]))
    assert one == pytest.approx(stricter, abs=1e-5)


def test_a_newer_event_weighs_more_than_an_older_one(towers):
    base, added_now = user(towers, history([9, 20, 30])), user(towers, history([40, 9, 20, 30]))
    added_before = user(towers, history([9, 20, 30, 40]))
    assert np.linalg.norm(added_now - base) > np.linalg.norm(added_before - base)


def test_padding_and_unknown_items_change_nothing(towers):
    assert user(towers, history([9, 20])) == pytest.approx(user(towers, history([9, 20, 0, 0])), abs=1e-5)


def test_a_user_without_history_is_the_stranger(towers):
    nobody = history([0])
    assert np.isfinite(user(towers, nobody)).all()
    assert user(towers, nobody) == pytest.approx(user(towers, history([0, 0, 0])), abs=1e-5)


def test_training_windows_see_exactly_what_serving_sees():
    sequences = small_sequences()
    table = EventTable(sequences)
    windows, targets, counted = table.windows(tf.constant([EVENTS + 8]), 8)
    assert counted.numpy().all()
    for place, moment in enumerate(range(EVENTS + 8, EVENTS + 16)):
        single = table.histories(tf.constant([moment]))
        wide = windows.mask[0, place].numpy() > 0
        narrow = single.mask[0, 0].numpy() > 0
        assert windows.items.numpy()[0][wide][::-1].tolist() == single.items.numpy()[0][narrow].tolist()
        assert windows.age.numpy()[0, place][wide][::-1] == pytest.approx(single.age.numpy()[0, 0][narrow], abs=1e-4)
        assert windows.position.numpy()[0, place][wide][::-1].tolist() == list(range(narrow.sum()))
        assert targets.numpy()[0, place] == sequences.items[moment] + 1


def test_a_history_holds_nothing_of_its_own_moment_and_at_most_the_newest_hundred():
    sequences = small_sequences()
    tied = type(sequences)(
        np.zeros(len(sequences), np.int32),
        sequences.items,
        np.sort(sequences.times) // 7200,
        sequences.values,
        sequences.rated,
        sequences.user_ids[:1],
        ITEMS,
    )
    moments = np.unique(tied.moment)[-5:]
    histories = EventTable(tied).histories(tf.constant(moments, tf.int32))
    assert histories.items.shape == (5, HISTORY_LENGTH)
    for row, moment in enumerate(moments):
        assert histories.items[row].numpy().tolist() == (tied.items[moment - HISTORY_LENGTH : moment][::-1] + 1).tolist()
        assert (histories.age[row].numpy() > 0).all()


def test_what_is_in_the_history_can_be_put_last():
    scores = tf.ones([1, ITEMS + 1])
    hidden = without_history(scores, history([4, 0, 7]))[0].numpy()
    assert set(np.flatnonzero(hidden < 0)) == {0, 4, 7}


def test_the_same_seed_gives_the_same_towers():
    settings = QUICK_RETRIEVAL.model_copy(update={"most_steps": 5})
    one, other = (new_two_tower(small_content(), settings) for _ in range(2))
    fit(one, small_sequences(), settings)
    fit(other, small_sequences(), settings)
    for a, b in zip(one.weights, other.weights, strict=True):
        assert a.numpy() == pytest.approx(b.numpy(), abs=1e-5)
