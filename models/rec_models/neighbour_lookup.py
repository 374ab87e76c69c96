"""Succession and co-occurrence of a user's newest items with each candidate, looked up inside the model."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from rec_models.item_to_item import Neighbours

DECAYS = ((0.0, 1), (0.8, 20), (0.95, 50))
"""Weight for each step back, and how many steps: the newest only, a session, a season."""
LEAST = 1e-4


class NeighbourLookup(tf.Module):
    """Neighbours of every item; row 0 is the unknown item."""

    def __init__(self, tables: list[Neighbours]) -> None:
        super().__init__()
        self.items = len(tables[0].rows) + 1
        self.tables = [_Table(table) for table in tables]
        self.weights = tf.constant([[decay**step if step < length else 0.0 for decay, length in DECAYS] for step in range(DECAYS[-1][1])])
        self.width = len(tables) * len(DECAYS)

    def __call__(self, history: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
        """history int32 [B, H], newest first, 0 = none; candidates int32 [B, C] -> float32 [B, C, tables x decays], log scale."""
        history = history[:, : len(self.weights)]
        batch, count = tf.shape(candidates)[0], tf.shape(candidates)[1]
        weights = self.weights[None, : tf.shape(history)[1], None, :]
        offsets = tf.range(batch)[:, None]
        places = tf.broadcast_to(tf.range(1, count + 1)[None], tf.shape(candidates))
        where = tf.reshape(offsets * self.items + candidates, [-1, 1])
        slots = tf.tensor_scatter_nd_update(tf.zeros([batch * self.items], tf.int32), where, tf.reshape(places, [-1]))
        found = []
        for table in self.tables:
            neighbours, scores = table(history)
            slot = tf.gather(slots, offsets[:, :, None] * self.items + neighbours) * tf.cast(neighbours > 0, tf.int32)
            segments = tf.reshape(offsets[:, :, None] * (count + 1) + slot, [-1])
            weighted = tf.reshape(scores[..., None] * weights, [-1, len(DECAYS)])
            total = tf.math.unsorted_segment_sum(weighted, segments, batch * (count + 1))
            found.append(tf.reshape(total, [batch, count + 1, len(DECAYS)])[:, 1:])
        return tf.math.log((tf.concat(found, -1) + LEAST) / LEAST)


class _Table(tf.Module):
    """One kind of neighbours, of the items that have any. Variables, because a graph's constants must stay under 2 GB in all."""

    def __init__(self, table: Neighbours) -> None:
        super().__init__()
        has = np.flatnonzero((table.rows >= 0).any(axis=1))
        place = np.zeros(len(table.rows) + 1, np.int32)
        place[has + 1] = np.arange(1, len(has) + 1)
        self.place = tf.Variable(place, trainable=False)
        self.rows = tf.Variable(np.pad(table.rows[has] + 1, [(1, 0), (0, 0)]), trainable=False)
        self.scores = tf.Variable(np.pad(table.scores[has], [(1, 0), (0, 0)]), trainable=False)

    def __call__(self, items: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """items int32 [...] -> rows int32 [..., K], 0 = none, and scores float32 [..., K]."""
        place = tf.gather(self.place, items)
        return tf.gather(self.rows, place), tf.gather(self.scores, place)
