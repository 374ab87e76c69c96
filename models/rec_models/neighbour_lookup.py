"""Succession and co-occurrence of a user's newest items with each candidate, looked up inside the model."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from rec_models.item_to_item import Neighbours

DECAYS = ((0.0, 1), (0.8, 20), (0.95, 50))
"""Weight for each step back, and how many steps: the newest only, a session, a season."""
LEAST = 1e-4


class NeighbourLookup(tf.Module):
    """Neighbours of every item; row 0 is the unknown item. Variables, because a graph's constants must stay under 2 GB in all."""

    def __init__(self, tables: list[Neighbours]) -> None:
        super().__init__()
        rows = np.concatenate([table.rows for table in tables], axis=1) + 1
        scores = np.concatenate([table.scores for table in tables], axis=1)
        kinds = np.concatenate([np.full(table.rows.shape[1], kind) for kind, table in enumerate(tables)])
        self.rows = tf.Variable(np.concatenate([np.zeros_like(rows[:1]), rows]), trainable=False)
        self.scores = tf.Variable(np.concatenate([np.zeros_like(scores[:1]), scores]), trainable=False)
        self.kinds = tf.one_hot(kinds, len(tables))
        self.weights = tf.constant([[decay**step if step < length else 0.0 for decay, length in DECAYS] for step in range(DECAYS[-1][1])])
        self.width = len(tables) * len(DECAYS)

    def __call__(self, history: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
        """history int32 [B, H], newest first, 0 = none; candidates int32 [B, C] -> float32 [B, C, tables x decays], log scale."""
        history = history[:, : len(self.weights)]
        batch, length, count = tf.shape(candidates)[0], tf.shape(history)[1], tf.shape(candidates)[1]
        items = self.rows.shape[0]
        offsets = tf.range(batch)[:, None]
        places = tf.broadcast_to(tf.range(1, count + 1)[None], tf.shape(candidates))
        where = tf.reshape(offsets * items + candidates, [-1, 1])
        slots = tf.tensor_scatter_nd_update(tf.zeros([batch * items], tf.int32), where, tf.reshape(places, [-1]))
        neighbours = tf.gather(self.rows, history)
        slot = tf.gather(slots, offsets[:, :, None] * items + neighbours) * tf.cast(neighbours > 0, tf.int32)
        by_step = tf.gather(self.scores, history)[..., None] * self.weights[None, :length, None, :]
        by_kind = by_step[..., None, :] * self.kinds[None, None, :, :, None]
        segments = tf.reshape(offsets[:, :, None] * (count + 1) + slot, [-1])
        total = tf.math.unsorted_segment_sum(tf.reshape(by_kind, [-1, self.width]), segments, batch * (count + 1))
        found = tf.reshape(total, [batch, count + 1, self.width])[:, 1:]
        return tf.math.log((found + LEAST) / LEAST)
