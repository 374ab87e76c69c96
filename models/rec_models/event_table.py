"""The events as tensors, so that a training step is asked for by numbers only and no history is ever copied."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from inference_graph.features import DAY_SECONDS, HISTORY_LENGTH
from rec_models.sequences import Sequences
from rec_models.two_tower import Histories


class EventTable:
    """Item rows count from 1 here: 0 is the unknown item."""

    def __init__(self, sequences: Sequences) -> None:
        self.items = tf.constant(sequences.items + 1)
        self.values, self.rated = tf.constant(sequences.values), tf.constant(sequences.rated.astype(np.float32))
        self.days = tf.constant(sequences.times / DAY_SECONDS, tf.float64)
        self.moment, self.first = tf.constant(sequences.moment, tf.int32), tf.constant(sequences.first, tf.int32)
        self.count = len(sequences)

    def windows(self, starts: tf.Tensor, width: int) -> tuple[Histories, tf.Tensor, tf.Tensor]:
        """For `width` successive events from each start: their histories, item rows [B, W], and which are still the same user's."""
        targets = starts[:, None] + tf.range(width)
        events = starts[:, None] + tf.range(-HISTORY_LENGTH, width - 1)
        first = tf.gather(self.first, starts)[:, None]
        inside = tf.minimum(targets, self.count - 1)
        counted = (targets < self.count) & (tf.gather(self.first, inside) == first)
        histories = self._histories(events, first, tf.gather(self.moment, inside), tf.gather(self.days, inside))
        return histories, tf.gather(self.items, inside), counted

    def histories(self, moments: tf.Tensor) -> Histories:
        """What precedes each moment (given by its first event), newest first, [B, HISTORY_LENGTH]."""
        events = moments[:, None] - 1 - tf.range(HISTORY_LENGTH)
        first = tf.gather(self.first, moments)[:, None]
        return self._histories(events, first, moments[:, None], tf.gather(self.days, moments)[:, None])

    def _histories(self, events: tf.Tensor, first: tf.Tensor, moment: tf.Tensor, days: tf.Tensor) -> Histories:
        """events [B, L], first [B, 1], moment and days [B, W]."""
        position = moment[:, :, None] - 1 - events[:, None]
        mask = (events >= first)[:, None] & (position >= 0) & (position < HISTORY_LENGTH)
        known = tf.clip_by_value(events, 0, self.count - 1)
        age = days[:, :, None] - tf.gather(self.days, known)[:, None]
        return Histories(
            items=tf.where(events >= first, tf.gather(self.items, known), 0),
            values=tf.gather(self.values, known),
            rated=tf.gather(self.rated, known),
            position=tf.cast(tf.maximum(position, 0), tf.float32),
            age=tf.cast(tf.maximum(age, 0.0), tf.float32),
            mask=tf.cast(mask, tf.float32),
        )
