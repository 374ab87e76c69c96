"""The retrieval model of a large catalogue: the best items of the lists that are likeliest to hold them, in plain TensorFlow operations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from inference_graph.features import HISTORY_LENGTH
from rec_models.eras import Era
from rec_models.inverted_lists import InvertedLists
from rec_models.served_models import HISTORY, Vocabulary, constant, read, user_vector
from rec_models.two_tower import FAR, UserTower


class ServedLists(tf.Module):
    """As ServedRetrieval, with `probes` lists scored in place of the catalogue.

    A row is a place in the lists, which lie one after another behind a list that only holds the unknown item: a list is read
    as one block. Empty places score twice as low as what is hidden.
    """

    def __init__(
        self, item_ids: Sequence[str], users: UserTower, era: Era, hidden: bool, answer: int, lists: InvertedLists, probes: int
    ) -> None:
        super().__init__()
        self.length, self.probes, self.hidden = lists.rows.shape[1], probes, hidden
        self.users, self.kept = users, [weight.value for weight in users.weights]
        items = np.concatenate([np.full(self.length, -1, np.int32), lists.rows.ravel()])
        places = np.empty(len(item_ids), np.int32)
        places[items[items >= 0]] = np.flatnonzero(items >= 0)
        self.vocabulary = Vocabulary(item_ids, places)
        self.vectors = constant(_at(era.vectors, items))
        self.attraction = constant(np.where(items < 0, np.float32(2 * FAR), era.attraction[items + 1]))
        self.centres, self.draw = constant(lists.centres), constant(lists.draw)
        self.answer = min(answer, len(item_ids))
        self.scored = min(self.answer + (HISTORY_LENGTH if hidden else 0), probes * self.length)

    @tf.function(input_signature=HISTORY)
    def serve(
        self, history_ids: tf.Tensor, history_ages: tf.Tensor, history_values: tf.Tensor, history_rated: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        history = self.vocabulary.history(history_ids, history_ages, history_values, history_rated)
        vectors = read(self.vectors)
        user = user_vector(self.users, vectors, history)
        nearness = tf.matmul(user, self.centres, transpose_b=True) + self.draw
        probed = 1 + tf.math.top_k(nearness, self.probes, sorted=False).indices
        best = tf.math.top_k(self._scores(user, vectors, probed), self.scored)
        places = tf.gather(self._places(probed), best.indices, batch_dims=1)
        values = tf.where(_among(places, history.items), FAR, best.values) if self.hidden else best.values
        answer = tf.math.top_k(values, self.answer)
        ids = tf.gather(self.vocabulary.ids, tf.gather(places, answer.indices, batch_dims=1))
        return {"item_ids": ids, "scores": answer.values}

    def _scores(self, user: tf.Tensor, vectors: tf.Tensor, probed: tf.Tensor) -> tf.Tensor:
        """[B, probes x length]; one user after another, so that a large batch needs no more memory than it has users in work."""
        dimensions, scored = vectors.shape[1], self.probes * self.length
        blocks = tf.reshape(vectors, [-1, self.length, dimensions])
        attraction = tf.reshape(read(self.attraction), [-1, self.length])

        def of_one(one: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
            products = tf.linalg.matvec(tf.reshape(tf.gather(blocks, one[1]), [scored, dimensions]), one[0])
            return products + tf.reshape(tf.gather(attraction, one[1]), [scored])

        return tf.map_fn(of_one, (user, probed), fn_output_signature=tf.TensorSpec([scored], tf.float32))

    def _places(self, probed: tf.Tensor) -> tf.Tensor:
        return tf.reshape(probed[:, :, None] * self.length + tf.range(self.length), [-1, self.probes * self.length])


def _among(places: tf.Tensor, history: tf.Tensor) -> tf.Tensor:
    return tf.reduce_any(places[:, :, None] == history[:, None, :], -1)


def _at(vectors: NDArray[np.float32], items: NDArray[np.int32]) -> NDArray[np.float32]:
    """The items' vectors, zero where there is none, but for the unknown item's in the first place."""
    found = np.zeros((len(items), vectors.shape[1]), np.float32)
    found[items >= 0] = vectors[1:][items[items >= 0]]
    found[0] = vectors[0]
    return found
