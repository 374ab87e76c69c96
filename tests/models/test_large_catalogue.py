"""The invented catalogues of `bench scale`: the same for the same size, the same users over each, and served as trained ones are."""

from __future__ import annotations

import json

import numpy as np
import pytest

from inference_graph.catalogue import open_snapshot, write_snapshot
from inference_graph.clients.vector_recall import exact_nearest
from rec_models.large_catalogue.items import GENRES, Size, arrays, item_ids, vectors
from rec_models.large_catalogue.users import dataset, sequences

SIZE = Size(3_000)


@pytest.fixture(scope="module")
def made():
    return arrays(SIZE, lambda count: None)


def test_a_snapshot_of_it_is_whole_and_the_same_every_time(made, tmp_path):
    folders = [
        write_snapshot(tmp_path, again[2], categories=again[0], attributes=again[1], newest_event=1.0, created=1.0)
        for again in (made, arrays(SIZE, lambda count: None))
    ]
    assert folders[0] == folders[1]
    catalogue = open_snapshot(folders[0])
    assert len(catalogue) == 3_000
    assert catalogue.titles(np.array([17], np.int32)) == ["Item 0000017"]
    assert (np.diff(catalogue.rows_of(item_ids(SIZE))) == 1).all()
    assert catalogue.categories_of(5) == (f"genre {5 % SIZE.topics % GENRES:02d}",)


def test_items_of_a_topic_are_near_each_other():
    found = vectors(SIZE).astype(np.float32)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1.0, abs=2e-3)
    nearest = exact_nearest(found, found[:50], 10)
    assert np.mean(nearest % SIZE.topics == np.arange(50)[:, None] % SIZE.topics) > 0.5


def test_every_drawn_item_lies_in_its_topic():
    topic = np.arange(SIZE.topics)
    for share in (0.0, 0.5, 0.999999):
        items = SIZE.of_topic(topic, np.full(SIZE.topics, share))
        assert (items % SIZE.topics == topic).all()
        assert items.max() < SIZE.items


def test_users_and_their_tastes_are_the_same_over_each_size():
    small, large = sequences(Size(3_000)), sequences(Size(30_000))
    assert (small.times == large.times).all()
    assert (small.values == large.values).all()
    share_small, share_large = (events.items % Size(n).topics / Size(n).topics for events, n in ((small, 3_000), (large, 30_000)))
    assert np.abs(share_small - share_large).max() < 0.02


def test_the_data_set_holds_what_the_histories_name():
    events = sequences(SIZE)
    prepared = dataset(SIZE, events)
    assert len(prepared.interactions) == len(events)
    assert set(prepared.interactions["item_id"]) == set(prepared.items["item_id"])
    assert prepared.description.newest == events.times.max()


def test_models_are_published_with_the_answers_of_the_exact_search(made, tmp_path):
    import tensorflow as tf

    from rec_models.large_catalogue.models import publish

    publish(tmp_path / "models", made[2], sequences(SIZE), tmp_path / "checks.npz")
    card = json.loads((tmp_path / "models/retrieval/1/card.json").read_text())
    assert card["items"] == 3_000
    checks = dict(np.load(tmp_path / "checks.npz"))
    exact = checks.pop("exact")
    answer = tf.saved_model.load(str(tmp_path / "models/retrieval/1")).signatures["serving_default"]
    served = answer(**{name: tf.constant(values[:1]) for name, values in checks.items()})["item_ids"].numpy()[0]
    assert len(set(served.tolist()) & set(exact[0].tolist())) > 495  # rounding may exchange the last ones
