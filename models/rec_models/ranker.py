"""The ranking model: every candidate against the whole history, beside what sources, neighbours and aggregates say of it."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from rec_models.configuration import Ranking
from rec_models.ranker_signals import fixed_signals, timely_columns
from rec_models.ranking_request import Request
from rec_models.two_tower import FAR, Histories

MOST_CERTAIN = 30.0


class TargetAttention(keras.layers.Layer):
    """How near a candidate is to the history: attention by likeness, fading with position and age; two numbers a head."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.sharpness = self._weight("sharpness", np.linspace(2.0, 12.0, heads))
        self.by_position = self._weight("by_position", np.linspace(1.5, -3.0, heads))
        self.by_age = self._weight("by_age", np.full(heads, -3.0))

    def _weight(self, name: str, start: NDArray[np.float64]) -> keras.Variable:
        return self.add_weight(name=name, shape=start.shape, initializer=lambda shape, dtype: tf.constant(start, dtype))

    def call(self, likeness: tf.Tensor, regard: tf.Tensor, histories: Histories) -> tf.Tensor:
        """likeness [B, C, H], regard [B, H] -> [B, C, 2 x heads]: attended likeness, and attended regard."""
        fading = FAR * (1.0 - histories.mask)
        fading = fading[:, None] - tf.einsum("bwl,h->bhwl", tf.math.log1p(histories.position), tf.nn.softplus(self.by_position))
        fading -= tf.einsum("bwl,h->bhwl", tf.math.log1p(24.0 * histories.age), tf.nn.softplus(self.by_age))
        attention = tf.nn.softmax(self.sharpness[:, None, None] * likeness[:, None] + fading, axis=-1)
        attention *= tf.reduce_max(histories.mask, -1)[:, None, :, None]
        near = tf.reduce_sum(attention * likeness[:, None], -1)
        liked = tf.einsum("bhcl,bl->bhc", attention, regard)
        return tf.transpose(tf.concat([near, liked], 1), [0, 2, 1])


class Ranker(keras.layers.Layer):
    """Signals of each candidate -> one logit; the standardisation of the fixed signals is part of it."""

    def __init__(self, settings: Ranking) -> None:
        super().__init__()
        self.attentions = [TargetAttention(settings.heads) for _ in range(2)]
        self.blindness = settings.blindness
        self.dropout = keras.layers.Dropout(settings.dropout, seed=settings.seed)
        self.layers = [keras.layers.Dense(width, activation="gelu") for width in settings.hidden]
        self.stretch = self.add_weight(name="stretch", shape=(), initializer="ones", trainable=False)
        self.shift = self.add_weight(name="shift", shape=(), initializer="zeros", trainable=False)
        self.straight, self.out = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros"), keras.layers.Dense(1)

    def prepare(self, mean: NDArray[np.float32], deviation: NDArray[np.float32]) -> None:
        """Builds the layers for fixed signals of this mean and deviation."""
        self.mean, self.scale = tf.constant(mean), tf.constant(1.0 / np.maximum(deviation, 1e-3), tf.float32)
        self.timely = tf.constant(timely_columns(len(mean)))
        width = len(mean) + sum(2 * attention.heads for attention in self.attentions)
        self.straight.build((None, width))
        for layer in self.layers:
            layer.build((None, width))
            width = layer.units
        self.out.build((None, width))
        self.built = True

    def call(self, request: Request, training: bool = False) -> tf.Tensor:
        """Logits float32 [B, C]."""
        fixed = (fixed_signals(request) - self.mean) * self.scale
        unknown = tf.math.is_nan(fixed)
        if training:
            blind = tf.random.uniform([tf.shape(fixed)[0], 1, 1]) < self.blindness
            unknown |= blind & self.timely
        fixed = tf.where(unknown, 0.0, tf.clip_by_value(fixed, -4.0, 4.0))
        regard = _regard(request.history)
        likenesses = [_cosines(a, b) for a, b in zip(request.candidate_vectors, request.history_vectors, strict=True)]
        attended = [attention(likeness, regard, request.history) for attention, likeness in zip(self.attentions, likenesses, strict=True)]
        signals = tf.concat([fixed, *attended], -1)
        bent = self.dropout(signals, training=training)
        for layer in self.layers:
            bent = self.dropout(layer(bent), training=training)
        return (self.straight(signals) + self.out(bent))[..., 0]

    def calibrate(self, stretch: float, shift: float) -> None:
        self.stretch.assign(stretch)
        self.shift.assign(shift)

    def probabilities(self, logits: tf.Tensor) -> tf.Tensor:
        """Scores in (0, 1]."""
        return tf.sigmoid(tf.clip_by_value(self.stretch * logits + self.shift, -MOST_CERTAIN, MOST_CERTAIN))


def _regard(history: Histories) -> tf.Tensor:
    """Each event's value against the user's mean, [B, H], within (-1, 1); 0.5 is added where nothing was rated."""
    weights = history.mask[:, 0] * history.rated
    mean = tf.math.divide_no_nan(tf.reduce_sum(weights * history.values, -1), tf.reduce_sum(weights, -1))
    return tf.where(history.rated > 0, tf.tanh(history.values - mean[:, None]), 0.5) * history.mask[:, 0]


def _cosines(candidates: tf.Tensor, history: tf.Tensor) -> tf.Tensor:
    return tf.matmul(tf.math.l2_normalize(candidates, -1), tf.math.l2_normalize(history, -1), transpose_b=True)


