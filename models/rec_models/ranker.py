"""The ranking model: every candidate against the whole history, beside what sources, neighbours and aggregates say of it."""

from __future__ import annotations

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from inference_graph.features import ITEM_FEATURES, USER_FEATURES
from rec_models.configuration import Ranking
from rec_models.two_tower import FAR, Histories

ITEM = {feature.name: column for column, feature in enumerate(ITEM_FEATURES)}
USER = {feature.name: column for column, feature in enumerate(USER_FEATURES)}
LAST_RANK = 1000.0


class Request(NamedTuple):
    """B requests of C candidates each, all float32 beside the rows.

    history with W = 1; candidates int32 [B, C], 0 = unknown or none; of both kinds of item vectors, collaborative and content,
    the history's [B, H, D] and the candidates' [B, C, D]; retrieval [B, C], the towers' own score; neighbours [B, C, J];
    ranks [B, C, S], NaN where not proposed; item_features [B, C, F]; user_features [B, U]; day [B].
    """

    history: Histories
    candidates: tf.Tensor
    history_vectors: tuple[tf.Tensor, tf.Tensor]
    candidate_vectors: tuple[tf.Tensor, tf.Tensor]
    retrieval: tf.Tensor
    neighbours: tf.Tensor
    ranks: tf.Tensor
    item_features: tf.Tensor
    user_features: tf.Tensor
    day: tf.Tensor


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
        self.dropout = keras.layers.Dropout(settings.dropout, seed=settings.seed)
        self.layers = [keras.layers.Dense(width, activation="gelu") for width in settings.hidden]
        self.straight, self.out = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros"), keras.layers.Dense(1)

    def prepare(self, mean: NDArray[np.float32], deviation: NDArray[np.float32]) -> None:
        """Builds the layers for fixed signals of this mean and deviation."""
        self.mean, self.scale = tf.constant(mean), tf.constant(1.0 / np.maximum(deviation, 1e-3), tf.float32)
        width = len(mean) + sum(2 * attention.heads for attention in self.attentions)
        self.straight.build((None, width))
        for layer in self.layers:
            layer.build((None, width))
            width = layer.units
        self.out.build((None, width))
        self.built = True

    def call(self, request: Request, training: bool = False) -> tf.Tensor:
        """Logits float32 [B, C]."""
        fixed = tf.clip_by_value((fixed_signals(request) - self.mean) * self.scale, -4.0, 4.0)
        regard = _regard(request.history)
        likenesses = [_cosines(a, b) for a, b in zip(request.candidate_vectors, request.history_vectors, strict=True)]
        attended = [attention(likeness, regard, request.history) for attention, likeness in zip(self.attentions, likenesses, strict=True)]
        signals = tf.concat([fixed, *attended], -1)
        bent = self.dropout(signals, training=training)
        for layer in self.layers:
            bent = self.dropout(layer(bent), training=training)
        return (self.straight(signals) + self.out(bent))[..., 0]


def fixed_signals(request: Request) -> tf.Tensor:
    """What needs no learning, [B, C, G]: scores and ranks of the sources, repeats, aggregates, and user against item."""
    best = tf.reduce_max(request.retrieval, -1, keepdims=True)
    signals = [
        request.retrieval[..., None],
        (request.retrieval - best)[..., None],
        request.neighbours,
        _rank_signals(request.ranks),
        _repeats(request),
        _aggregates(request),
    ]
    return tf.concat(signals, -1)


def _rank_signals(ranks: tf.Tensor) -> tf.Tensor:
    absent = tf.math.is_nan(ranks)
    known = tf.clip_by_value(tf.where(absent, LAST_RANK, ranks), 1.0, LAST_RANK)
    return tf.concat([tf.cast(absent, tf.float32), tf.math.log1p(known), tf.where(absent, 0.0, 10.0 / (9.0 + known))], -1)


def _repeats(request: Request) -> tf.Tensor:
    """How often, how lately and with what regard the candidate itself is in the history, [B, C, 4]."""
    history = request.history
    same = tf.cast(request.candidates[:, :, None] == history.items[:, None], tf.float32) * history.mask
    times = tf.reduce_sum(same, -1)
    lately = tf.reduce_max(same / (1.0 + history.position), -1)
    fresh = tf.reduce_max(same / (1.0 + history.age), -1)
    fading = tf.reduce_sum(same * tf.exp(-history.age / 90.0), -1)
    return tf.stack([tf.math.log1p(times), lately, fresh, fading], -1)


def _aggregates(request: Request) -> tf.Tensor:
    item, user = tf.maximum(request.item_features, 0.0), tf.maximum(request.user_features, 0.0)
    shape = tf.shape(item)[:2]
    day = request.day[:, None]
    count, recent = tf.math.log1p(item[..., ITEM["interactions"]]), item[..., ITEM["recent_interactions"]]
    unseen = tf.cast(item[..., ITEM["interactions"]] <= 0.0, tf.float32)
    quiet = tf.math.log1p(tf.maximum(day - item[..., ITEM["last_day"]], 0.0)) * (1.0 - unseen)
    age = tf.math.log1p(tf.maximum(day - item[..., ITEM["first_day"]], 0.0)) * (1.0 - unseen)
    of_item = [count, tf.math.log1p(recent), quiet, age, unseen, item[..., ITEM["mean_value"]], item[..., ITEM["liked_share"]]]
    now = tf.math.log1p(recent * tf.pow(0.5, tf.maximum(day - item[..., ITEM["last_day"]], 0.0) / 30.0))
    usual = user[:, None, USER["mean_item_interactions"]]
    of_both = [now, count - usual, item[..., ITEM["mean_value"]] - user[:, None, USER["mean_value"]]]
    of_user = [user[:, USER[name]] for name in ("mean_value", "liked_share", "mean_item_interactions")]
    of_user += [tf.math.log1p(user[:, USER["interactions"]])]
    of_user += [tf.math.log1p(tf.maximum(request.day - user[:, USER["last_day"]], 0.0)) * tf.sign(user[:, USER["interactions"]])]
    return tf.stack([*of_item, *of_both, *(tf.broadcast_to(column[:, None], shape) for column in of_user)], -1)


def _regard(history: Histories) -> tf.Tensor:
    """Each event's value against the user's mean, [B, H], within (-1, 1); 0.5 is added where nothing was rated."""
    weights = history.mask[:, 0] * history.rated
    mean = tf.math.divide_no_nan(tf.reduce_sum(weights * history.values, -1), tf.reduce_sum(weights, -1))
    return tf.where(history.rated > 0, tf.tanh(history.values - mean[:, None]), 0.5) * history.mask[:, 0]


def _cosines(candidates: tf.Tensor, history: tf.Tensor) -> tf.Tensor:
    return tf.matmul(tf.math.l2_normalize(candidates, -1), tf.math.l2_normalize(history, -1), transpose_b=True)


