"""The retrieval model: an item tower, and a user tower that reads the history, so that a new event changes the answer at once."""

from __future__ import annotations

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from rec_models.configuration import Retrieval

FAR = -1e9


class Histories(NamedTuple):
    """L events of B users, seen from W moments each.

    items int32 [B, L], 0 for an unknown one; values and rated float32 [B, L]; position float32 [B, W, L], 0 for the newest;
    age float32 [B, W, L] in days; mask float32 [B, W, L], 1 for what lies before the moment.
    """

    items: tf.Tensor
    values: tf.Tensor
    rated: tf.Tensor
    position: tf.Tensor
    age: tf.Tensor
    mask: tf.Tensor


class ItemTower(keras.layers.Layer):
    """An item's own vector plus what its content says; row 0 is the unknown item, item i of the catalogue is row i + 1."""

    def __init__(self, content: NDArray[np.float32], settings: Retrieval) -> None:
        super().__init__()
        self.content = tf.constant(np.concatenate([np.zeros_like(content[:1]), content]))
        near_zero = keras.initializers.RandomNormal(stddev=0.05, seed=settings.seed)
        self.own = self.add_weight(name="own", shape=(len(content) + 1, settings.dimensions), initializer=near_zero)
        self.said = self.add_weight(name="said", shape=(content.shape[1], settings.dimensions), initializer=near_zero)
        self.attraction = self.add_weight(name="attraction", shape=(len(content) + 1,), initializer="zeros")

    def call(self, rows: tf.Tensor) -> tf.Tensor:
        return tf.gather(self.own, rows) + tf.linalg.matmul(tf.gather(self.content, rows), self.said)


class UserTower(keras.layers.Layer):
    """Weighted means of the history, each with its own forgetting, one by attention from the newest; then a small net."""

    def __init__(self, settings: Retrieval) -> None:
        super().__init__()
        heads, size = settings.heads, settings.dimensions
        self.heads, self.size, self.least_regard = heads, size, settings.least_regard
        self.by_position = self._weight("by_position", np.linspace(-3.0, 3.0, heads))
        self.by_age = self._weight("by_age", np.full(heads, -3.0))
        self.regard = self._weight("regard", np.full((2, heads), 0.8))
        self.mix = self._weight("mix", np.full(heads + 1, 1.0 / (heads + 1)))
        self.stranger = self._weight("stranger", np.zeros(size))
        self.salience = keras.layers.Dense(heads, use_bias=False, name="salience")
        self.query = keras.layers.Dense(size, use_bias=False, name="query")
        self.key = keras.layers.Dense(size, use_bias=False, name="key")
        self.hidden = keras.layers.Dense(2 * size, activation="gelu", name="hidden")
        self.out = keras.layers.Dense(size, name="out")
        self.dropout = keras.layers.Dropout(settings.dropout, seed=settings.seed)
        for layer in (self.salience, self.query, self.key):
            layer.build((None, size))
        self.hidden.build((None, (heads + 1) * size))
        self.out.build((None, 2 * size))

    def _weight(self, name: str, start: NDArray[np.float64]) -> keras.Variable:
        return self.add_weight(name=name, shape=start.shape, initializer=lambda shape, dtype: tf.constant(start, dtype))

    def call(self, vectors: tf.Tensor, histories: Histories, training: bool = False) -> tf.Tensor:
        """vectors float32 [B, L, D] of the history's items -> users float32 [B, W, D]."""
        vectors = self.dropout(vectors, training=training)
        regard = self._regards(histories)
        fading = -tf.einsum("bwl,h->bhwl", tf.math.log1p(histories.position), tf.nn.softplus(self.by_position))
        fading -= tf.einsum("bwl,h->bhwl", tf.math.log1p(24.0 * histories.age), tf.nn.softplus(self.by_age))
        salience = tf.transpose(self.salience(vectors), [0, 2, 1])[:, :, None, :]
        pooled = _mean(fading + salience, regard, vectors, histories.mask)
        attention = tf.matmul(self.query(pooled[:, -1]), self.key(vectors), transpose_b=True) * self.size**-0.5
        attended = _mean((attention + fading[:, 0])[:, None], regard[:, :1], vectors, histories.mask)
        views = tf.transpose(tf.concat([pooled, attended], axis=1), [0, 2, 1, 3])
        flat = tf.reshape(views, tf.concat([tf.shape(views)[:2], [(self.heads + 1) * self.size]], 0))
        bent = self.out(self.dropout(self.hidden(flat), training=training))
        return self.stranger + tf.einsum("bwhd,h->bwd", views, self.mix) + bent

    def _regards(self, histories: Histories) -> tf.Tensor:
        """How much each event attracts, [B, heads, W, L]: rises with its value, seen from the user's mean of its kind."""
        values, rated = histories.values[:, None], histories.rated[:, None]
        means = [_average(values, histories.mask * kind) for kind in (1.0 - rated, rated)]
        tilt = tf.tanh(values - tf.where(rated > 0, means[1], means[0]))
        slopes = tf.maximum(self.regard, self.least_regard)[:, None, :, None, None]
        kinds = rated[:, None]
        return 1.0 + tilt[:, None] * (kinds * slopes[1] + (1.0 - kinds) * slopes[0])


def without_history(scores: tf.Tensor, histories: Histories) -> tf.Tensor:
    """scores [B, N + 1] with what is in the history at the very end; column 0 is nobody's."""
    had = histories.items * tf.cast(histories.mask[:, 0], tf.int32)
    users = tf.broadcast_to(tf.range(tf.shape(had)[0])[:, None], tf.shape(had))
    return tf.tensor_scatter_nd_update(scores, tf.stack([users, had], -1), tf.fill(tf.shape(had), FAR))


def _mean(logits: tf.Tensor, regard: tf.Tensor, vectors: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    present = mask[:, None]
    weights = tf.nn.softmax(logits + FAR * (1.0 - present), axis=-1) * present
    return tf.matmul(weights * regard, vectors[:, None])


def _average(values: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    return tf.math.divide_no_nan(tf.reduce_sum(weights * values, -1, keepdims=True), tf.reduce_sum(weights, -1, keepdims=True))
