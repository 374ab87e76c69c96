"""The exports as any server sees them: signatures, strings in and out, hostile values, warm-up, card, whole or not at all."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf

from inference_graph.clients.tf_serving_protocol.codec import decode
from inference_graph.clients.tf_serving_protocol.predict_pb2 import PredictionLog
from inference_graph.features import ITEM_FEATURES, RANKED_SOURCES, USER_FEATURES
from rec_models.export import CARD, WARM_UP, publish
from rec_models.publishing import example_requests
from rec_models.ranking_training import RequestTable, scores_of
from rec_models.testing import ITEMS, small_item_ids
from rec_models.trained import versions

HISTORY = {"history_ids", "history_ages", "history_values", "history_rated"}


@pytest.fixture(scope="module")
def models(published):
    loaded = {name: tf.saved_model.load(str(folder)) for name, folder in published.items()}
    return {name: (model, model.signatures["serving_default"]) for name, model in loaded.items()}


def ask(models, name: str, **inputs):
    _, answer = models[name]
    return {key: value.numpy() for key, value in answer(**{key: tf.constant(value) for key, value in inputs.items()}).items()}


def histories(*users: list[tuple[str, float]]) -> dict[str, np.ndarray]:
    """Ids with stars, newest first; padded with empty ids."""
    longest = max(len(user) for user in users)
    padded = [[*user, *[("", 0.0)] * (longest - len(user))] for user in users]
    return {
        "history_ids": np.array([[item.encode() for item, _ in user] for user in padded], object).reshape(len(users), longest),
        "history_ages": np.tile(np.arange(longest, dtype=np.float32), (len(users), 1)),
        "history_values": np.array([[stars for _, stars in user] for user in padded], np.float32).reshape(len(users), longest),
        "history_rated": np.ones((len(users), longest), np.float32),
    }


def candidates(ids: list[str], users: int = 1) -> dict[str, np.ndarray]:
    return {
        "candidate_ids": np.array([[item.encode() for item in ids]] * users, object),
        "item_features": np.zeros((users, len(ids), len(ITEM_FEATURES)), np.float32),
        "ranks": np.full((users, len(ids), len(RANKED_SOURCES)), np.nan, np.float32),
        "user_features": np.zeros((users, len(USER_FEATURES)), np.float32),
        "day": np.full(users, 18_600.0, np.float32),
    }


def test_the_signatures_are_those_of_the_design(models):
    _, retrieval = models["retrieval"]
    assert set(retrieval.structured_input_signature[1]) == HISTORY
    assert {name: spec.dtype for name, spec in retrieval.structured_outputs.items()} == {"item_ids": tf.string, "scores": tf.float32}
    _, ranking = models["ranking"]
    specs = ranking.structured_input_signature[1]
    assert set(specs) == HISTORY | {"candidate_ids", "item_features", "ranks", "user_features", "day"}
    assert specs["item_features"].shape.as_list() == [None, None, len(ITEM_FEATURES)]
    assert specs["ranks"].shape.as_list() == [None, None, len(RANKED_SOURCES)]
    assert ranking.structured_outputs["scores"].shape.as_list() == [None, None]


def test_retrieval_answers_known_ids_best_first_and_what_was_had_comes_last(models):
    answer = ask(models, "retrieval", **histories([("i003", 5.0), ("i001", 4.0)]))
    assert answer["item_ids"].shape == (1, 40)
    ids = [item.decode() for item in answer["item_ids"][0]]
    assert set(ids) <= set(small_item_ids())
    assert len(set(ids)) == len(ids)
    assert (np.diff(answer["scores"]) <= 0).all()
    assert not {"i003", "i001"} & set(ids)


def test_scores_lie_in_zero_to_one_for_any_candidates(models):
    scores = ask(models, "ranking", **histories([("i003", 5.0)]), **candidates(["i004", "i050", "nobody's", ""]))["scores"]
    assert scores.shape == (1, 4)
    assert ((scores > 0) & (scores <= 1)).all()


@pytest.mark.parametrize("length", [0, 1, 100, 250])
def test_histories_of_any_length_are_answered(models, length):
    user = [(small_item_ids()[place % ITEMS], 3.0) for place in range(length)]
    assert np.isfinite(ask(models, "retrieval", **histories(user))["scores"]).all()
    assert np.isfinite(ask(models, "ranking", **histories(user), **candidates(small_item_ids()))["scores"]).all()


def test_only_the_newest_hundred_events_count(models):
    newest = [(small_item_ids()[place % ITEMS], 3.0) for place in range(100)]
    one, other = (ask(models, "retrieval", **histories(newest + older))["scores"] for older in ([("i001", 5.0)] * 50, [("i030", 1.0)] * 50))
    assert (one == other).all()


def test_users_of_one_batch_do_not_touch_each_other(models):
    alone = ask(models, "ranking", **histories([("i003", 5.0)]), **candidates(["i004", "i005"]))["scores"][0]
    two = histories([("i003", 5.0)], [("i020", 1.0), ("i021", 5.0), ("i030", 3.0)])
    both = ask(models, "ranking", **two, **candidates(["i004", "i005"], 2))["scores"]
    assert both[0] == pytest.approx(alone, abs=1e-5)


def test_the_order_of_candidates_does_not_matter(models):
    ids = ["i004", "i005", "i040", "i017"]
    one = ask(models, "ranking", **histories([("i003", 5.0)]), **candidates(ids))["scores"][0]
    other = ask(models, "ranking", **histories([("i003", 5.0)]), **candidates(ids[::-1]))["scores"][0]
    assert one == pytest.approx(other[::-1], abs=1e-6)


def test_a_rating_given_just_now_changes_both_answers(models):
    before, after = histories([("i003", 4.0), ("i001", 4.0)]), histories([("i040", 5.0), ("i003", 4.0), ("i001", 4.0)])
    assert (ask(models, "retrieval", **before)["item_ids"] != ask(models, "retrieval", **after)["item_ids"]).any()
    ranked = candidates(["i041", "i004"])
    changed = ask(models, "ranking", **after, **ranked)["scores"] - ask(models, "ranking", **before, **ranked)["scores"]
    assert changed[0, 0] > changed[0, 1]


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 1e30, -1e30])
def test_no_value_of_a_caller_makes_an_answer_that_is_not_a_number(models, odd):
    asked = {**histories([("i003", 5.0), ("i001", 2.0)]), **candidates(["i004", "i005"])}
    for name, values in asked.items():
        if values.dtype == np.float32:
            scores = ask(models, "ranking", **{**asked, name: np.full_like(values, odd)})["scores"]
            assert np.isfinite(scores).all(), name
            assert ((scores > 0) & (scores <= 1)).all(), name


def test_the_served_scores_are_the_trainers(given, trained, models):
    """What was learnt on tensors of numbers must be what is served on strings."""
    from rec_models.eras import examples_of
    from rec_models.event_table import EventTable
    from rec_models.examples import aggregates

    sequences, table = given.sequences, EventTable(given.sequences)
    moments = np.array([37, 58, 99])
    examples = examples_of(trained.era, 0, trained.towers, sequences, table, moments, given.seen, given.ranking)
    known = aggregates(examples, sequences, given.features_at)
    offline = scores_of(trained.ranker, RequestTable(examples, known, [trained.era], given.content, table))
    ids = ["", *small_item_ids()]
    for request, moment in enumerate(moments):
        first = sequences.first[moment]
        own = slice(first, moment)
        served = ask(
            models,
            "ranking",
            history_ids=np.array([ids[row + 1].encode() for row in sequences.items[own][::-1]], object)[None],
            history_ages=((sequences.times[moment] - sequences.times[own][::-1]) / 86_400.0).astype(np.float32)[None],
            history_values=sequences.values[own][::-1][None].copy(),
            history_rated=np.ones((1, moment - first), np.float32),
            candidate_ids=np.array([ids[row].encode() for row in examples.candidates[request]], object)[None],
            item_features=known.item_features[request][None],
            ranks=examples.ranks[request][None],
            user_features=known.user_features[request][None],
            day=known.day[request][None],
        )["scores"][0]
        present = examples.candidates[request] > 0
        assert served[present] == pytest.approx(trained.ranker.probabilities(offline[request][present]).numpy(), abs=1e-5)


def test_the_warm_up_requests_are_of_the_model_and_can_be_answered(published, models):
    for name, folder in published.items():
        records = list(tf.data.TFRecordDataset(str(folder / WARM_UP)))
        assert len(records) == 3
        for record in records:
            request = PredictionLog.FromString(record.numpy()).predict_log.request
            assert request.model_spec.name == name
            ask(models, name, **{key: decode(tensor) for key, tensor in request.inputs.items()})


def test_the_card_says_data_cut_metrics_and_signature(published):
    for name, folder in published.items():
        card = json.loads((folder / CARD).read_text())
        assert card["data_hash"] == "abc"
        assert card["items"] == ITEMS
        assert card["cuts"][0] < card["trained_until"]
        assert card["metrics"]["requests"] > 0
        assert card["signature"]["inputs"]["history_ids"] == {"dtype": "string", "shape": [None, None]}
        assert ("catalogue_limit" in card) == (name == "retrieval")


class _Broken(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([], tf.float32, "x")])
    def serve(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x}


def test_the_next_version_is_the_next_number(tmp_path):
    base = tmp_path / "ranking"
    (base / "7").mkdir(parents=True)
    assert publish(base, _Broken(), [{"x": np.float32(1)}], {}).name == "8"
    assert versions(base) == [7, 8]


def test_a_version_that_cannot_be_finished_leaves_nothing(tmp_path):
    base = tmp_path / "ranking"
    with pytest.raises(TypeError):
        publish(base, _Broken(), [], {"card": object()})
    assert versions(base) == []
    assert list(base.iterdir()) == []


def test_the_requests_that_warm_up_are_a_stranger_a_newcomer_and_a_regular():
    assert [request["history_ids"].shape[1] for request in example_requests(["a"] * 600, 500, 1.0)] == [0, 1, 100]
