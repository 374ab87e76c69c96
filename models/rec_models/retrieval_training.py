"""Teaches the two towers to foresee the next item: sampled softmax, corrected for how negatives are drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import keras_rs
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from rec_models.configuration import Retrieval
from rec_models.event_table import EventTable
from rec_models.learning import LearningCurve
from rec_models.sequences import Sequences
from rec_models.two_tower import FAR, ItemTower, UserTower


@dataclass(frozen=True, eq=False)
class TwoTower:
    """The two towers of one training, ready to be trained on."""

    items: ItemTower
    users: UserTower

    @property
    def weights(self) -> list[keras.Variable]:
        return [*self.items.trainable_weights, *self.users.trainable_weights]


def new_two_tower(content: NDArray[np.float32], settings: Retrieval) -> TwoTower:
    """Untrained towers; `content` float32 [N, C] is what is known of each item of the catalogue without any interaction."""
    keras.utils.set_random_seed(settings.seed)
    return TwoTower(ItemTower(content, settings), UserTower(settings))


def fit(
    towers: TwoTower,
    sequences: Sequences,
    settings: Retrieval,
    share: float = 1.0,
    advance: Callable[[float], None] = lambda part: None,
) -> LearningCurve:
    """Trains in place on (history before a moment, item of that moment) pairs.

    `share` of the settings' epochs: less is enough for towers that were trained on most of the data before.
    """
    starts = _window_starts(sequences, settings.window)
    per_step = max(1, settings.batch // settings.window)
    steps = max(1, int(share * min(settings.most_steps, settings.epochs * len(starts) / per_step)))
    rate = keras.optimizers.schedules.CosineDecay(0.0, steps, warmup_target=settings.learning_rate, warmup_steps=min(50, steps // 4))
    optimizer = keras.optimizers.AdamW(rate, weight_decay=settings.weight_decay, clipnorm=1.0)
    optimizer.build(towers.weights)
    curve, step = LearningCurve(), _step(towers, sequences, settings, optimizer)
    random = np.random.default_rng(settings.seed)
    order = np.concatenate([random.permutation(starts) for _ in range(1 + steps * per_step // len(starts))])
    for number in range(steps):
        batch = order[number * per_step : (number + 1) * per_step]
        curve.add(number + 1, steps, float(step(tf.constant(batch, tf.int32))))
        advance(1.0 / steps)
    return curve


def _window_starts(sequences: Sequences, window: int) -> NDArray[np.int64]:
    """The index of each window's first target: every `window`-th event of a user."""
    index = np.arange(len(sequences))
    starts: NDArray[np.int64] = index[(index - sequences.first) % window == 0]
    return starts


def _sampling_shares(sequences: Sequences, power: float) -> NDArray[np.float32]:
    """The probability of each item to be drawn as a negative: by popularity, with a little for everything."""
    popular = np.bincount(sequences.items, minlength=sequences.item_count).astype(np.float64) ** power
    popular[np.bincount(sequences.items, minlength=sequences.item_count) == 0] = 0.0
    shares: NDArray[np.float32] = (0.95 * popular / popular.sum() + 0.05 / len(popular)).astype(np.float32)
    return shares


def _step(
    towers: TwoTower, sequences: Sequences, settings: Retrieval, optimizer: keras.optimizers.Optimizer
) -> Callable[[tf.Tensor], tf.Tensor]:
    table, share = EventTable(sequences), tf.constant(_sampling_shares(sequences, settings.sampling_power))
    correct = keras_rs.layers.SamplingProbabilityCorrection(epsilon=1e-12)

    @tf.function(reduce_retracing=True)
    def step(starts: tf.Tensor) -> tf.Tensor:
        histories, targets, counted = table.windows(starts, settings.window)
        negatives = 1 + tf.random.categorical(tf.math.log(share)[None], settings.negatives, dtype=tf.int32)[0]
        with tf.GradientTape() as tape:
            users = towers.users(towers.items(histories.items), histories, training=True)
            users = tf.boolean_mask(users, counted)
            wanted = tf.boolean_mask(targets, counted)
            rows = tf.concat([wanted, negatives], 0)
            vectors, attraction = towers.items(rows), tf.gather(towers.items.attraction, rows)
            count = tf.shape(wanted)[0]
            hit = tf.reduce_sum(users * vectors[:count], -1) + attraction[:count]
            missed = tf.matmul(users, vectors[count:], transpose_b=True) + attraction[count:]
            hit = correct(hit, tf.gather(share, wanted - 1))
            missed = correct(missed, tf.gather(share, negatives - 1)[None])
            # keras_rs.layers.RemoveAccidentalHits 0.4.0 adds 1e-40 where it means to subtract: it removes nothing.
            missed += FAR * tf.cast(wanted[:, None] == negatives[None], tf.float32)
            logits = tf.concat([hit[:, None], missed], 1)
            loss = tf.reduce_mean(tf.reduce_logsumexp(logits, 1) - hit)
        optimizer.apply(tape.gradient(loss, towers.weights), towers.weights)
        return loss

    typed: Callable[[tf.Tensor], tf.Tensor] = step
    return typed
