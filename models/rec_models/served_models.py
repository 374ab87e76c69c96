"""The two models as they are served: strings in, strings and scores out, everything between inside the graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from inference_graph.features import HISTORY_LENGTH, ITEM_FEATURES, RANKED_SOURCES, USER_FEATURES
from rec_models.eras import Era
from rec_models.ranker import Ranker
from rec_models.ranker_signals import fixed_signals
from rec_models.ranking_request import Request
from rec_models.two_tower import Histories, UserTower, without_history

LARGEST = 1e6


def spec(name: str, *shape: int | None, dtype: tf.DType = tf.float32) -> tf.TensorSpec:
    return tf.TensorSpec(shape, dtype, name)


HISTORY = [
    spec("history_ids", None, None, dtype=tf.string),
    spec("history_ages", None, None),
    spec("history_values", None, None),
    spec("history_rated", None, None),
]
CANDIDATES = [
    spec("candidate_ids", None, None, dtype=tf.string),
    spec("item_features", None, None, len(ITEM_FEATURES)),
    spec("ranks", None, None, len(RANKED_SOURCES)),
    spec("user_features", None, len(USER_FEATURES)),
    spec("day", None),
]


class Vocabulary(tf.Module):
    """Item ids <-> rows; 0 is what is not known, and padding. Rows are 1, 2, ... unless `rows` int32 [N] names others."""

    def __init__(self, item_ids: Sequence[str], rows: NDArray[np.int32] | None = None) -> None:
        super().__init__()
        rows = np.arange(1, len(item_ids) + 1, dtype=np.int32) if rows is None else rows
        ids = np.full(1 + rows.max(), b"", object)
        ids[rows] = [item_id.encode() for item_id in item_ids]
        self.ids = tf.constant(ids)
        self.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(tf.gather(self.ids, rows), rows), 0)

    def rows(self, ids: tf.Tensor) -> tf.Tensor:
        return self.table.lookup(ids)

    def history(self, ids: tf.Tensor, ages: tf.Tensor, values: tf.Tensor, rated: tf.Tensor) -> Histories:
        """The newest HISTORY_LENGTH events; one empty place is added, so that no history is without any."""
        ids, ages, values, rated = (tf.pad(column[:, :HISTORY_LENGTH], [[0, 0], [0, 1]]) for column in (ids, ages, values, rated))
        items = self.rows(ids)
        position = tf.zeros_like(ages) + tf.range(tf.shape(ids)[1], dtype=tf.float32)
        return Histories(
            items=items,
            values=finite(values),
            rated=tf.cast(rated > 0, tf.float32),
            position=position[:, None],
            age=tf.maximum(finite(ages), 0.0)[:, None],
            mask=tf.cast(items > 0, tf.float32)[:, None],
        )


class ServedRetrieval(tf.Module):
    """The best items for a history, by the towers' product; `hidden` leaves out what is in the history."""

    def __init__(self, item_ids: Sequence[str], users: UserTower, era: Era, hidden: bool, answer: int) -> None:
        super().__init__()
        self.vocabulary, self.users, self.hidden = Vocabulary(item_ids), users, hidden
        self.kept = [weight.value for weight in users.weights]
        self.vectors, self.attraction = constant(era.vectors), constant(era.attraction)
        self.answer = min(answer, len(item_ids))

    @tf.function(input_signature=HISTORY)
    def serve(
        self, history_ids: tf.Tensor, history_ages: tf.Tensor, history_values: tf.Tensor, history_rated: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        history = self.vocabulary.history(history_ids, history_ages, history_values, history_rated)
        vectors = read(self.vectors)
        scores = tf.matmul(user_vector(self.users, vectors, history), vectors, transpose_b=True) + self.attraction
        scores = without_history(scores, history) if self.hidden else scores
        best = tf.math.top_k(scores[:, 1:], self.answer)
        return {"item_ids": tf.gather(self.vocabulary.ids, best.indices + 1), "scores": best.values}


class ServedRanking(tf.Module):
    """One score in (0, 1] a candidate."""

    def __init__(self, item_ids: Sequence[str], users: UserTower, ranker: Ranker, era: Era, content: NDArray[np.float32]) -> None:
        super().__init__()
        self.vocabulary, self.users, self.ranker, self.lookup = Vocabulary(item_ids), users, ranker, era.lookup
        self.kept = [weight.value for weight in (*users.weights, *ranker.weights)]
        self.vectors, self.attraction = constant(era.vectors), constant(era.attraction)
        self.content = constant(np.concatenate([np.zeros_like(content[:1]), content]))

    @tf.function(input_signature=[*HISTORY, *CANDIDATES])
    def serve(
        self,
        history_ids: tf.Tensor,
        history_ages: tf.Tensor,
        history_values: tf.Tensor,
        history_rated: tf.Tensor,
        candidate_ids: tf.Tensor,
        item_features: tf.Tensor,
        ranks: tf.Tensor,
        user_features: tf.Tensor,
        day: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        history = self.vocabulary.history(history_ids, history_ages, history_values, history_rated)
        logits = self.ranker(self._request(history, candidate_ids, item_features, ranks, user_features, day))
        return {"scores": self.ranker.probabilities(logits)}

    @tf.function(input_signature=[*HISTORY, *CANDIDATES])
    def signals(
        self,
        history_ids: tf.Tensor,
        history_ages: tf.Tensor,
        history_values: tf.Tensor,
        history_rated: tf.Tensor,
        candidate_ids: tf.Tensor,
        item_features: tf.Tensor,
        ranks: tf.Tensor,
        user_features: tf.Tensor,
        day: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """What the ranker is told of each candidate beside the history itself: for other rankers, to be compared with it."""
        history = self.vocabulary.history(history_ids, history_ages, history_values, history_rated)
        return {"signals": fixed_signals(self._request(history, candidate_ids, item_features, ranks, user_features, day))}

    def _request(
        self,
        history: Histories,
        candidate_ids: tf.Tensor,
        item_features: tf.Tensor,
        ranks: tf.Tensor,
        user_features: tf.Tensor,
        day: tf.Tensor,
    ) -> Request:
        candidates = self.vocabulary.rows(candidate_ids)
        vectors = tf.gather(self.vectors, candidates)
        user = user_vector(self.users, self.vectors, history)
        return Request(
            history=history,
            candidates=candidates,
            history_vectors=(tf.gather(self.vectors, history.items), tf.gather(self.content, history.items)),
            candidate_vectors=(vectors, tf.gather(self.content, candidates)),
            retrieval=tf.linalg.matvec(vectors, user) + tf.gather(self.attraction, candidates),
            neighbours=self.lookup(history.items, candidates),
            ranks=ranks,
            item_features=finite(item_features),
            user_features=finite(user_features),
            day=finite(day),
        )


def user_vector(users: UserTower, vectors: tf.Tensor, history: Histories) -> tf.Tensor:
    return users(tf.gather(vectors, history.items), history)[:, 0]


def constant(array: NDArray[np.float32]) -> tf.Variable:
    """A variable, because a graph's constants must stay under 2 GB in all."""
    return tf.Variable(array, trainable=False)


def read(variable: tf.Variable) -> tf.Tensor:
    """The variable as a tensor. Gathering from the variable itself makes TensorFlow copy it whole wherever it is read:
    256 MB and 15 ms a request with 1,000,000 items.
    """
    return tf.convert_to_tensor(variable)


def finite(values: tf.Tensor) -> tf.Tensor:
    """No NaN and nothing without bound, whatever a caller sends."""
    return tf.clip_by_value(tf.where(tf.math.is_nan(values), 0.0, values), -LARGEST, LARGEST)
