"""Teaches the ranker to put first, among all candidates of a request, what the user did next."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from rec_models.configuration import Ranking
from rec_models.eras import ItemVectors
from rec_models.event_table import EventTable
from rec_models.examples import Aggregates, Examples
from rec_models.learning import LearningCurve
from rec_models.ranker import Ranker
from rec_models.ranker_signals import fixed_signals
from rec_models.ranking_request import Request
from rec_models.two_tower import FAR

PREPARED_ON = 512


class RequestTable:
    """Examples as tensors; `requests` makes whole model inputs of their numbers."""

    def __init__(
        self, examples: Examples, known: Aggregates, eras: Sequence[ItemVectors], content: NDArray[np.float32], table: EventTable
    ) -> None:
        self.table, self.count, self.items = table, len(examples), len(content) + 1
        self.content = tf.constant(np.concatenate([np.zeros_like(content[:1]), content]))
        self.vectors = tf.constant(np.concatenate([era.vectors for era in eras]))
        self.moments, self.era = tf.constant(examples.moments, tf.int32), tf.constant(examples.era)
        self.candidates, self.gains = tf.constant(examples.candidates), tf.constant(examples.gains)
        self.ranks, self.retrieval, self.neighbours = (tf.constant(a) for a in (examples.ranks, examples.retrieval, examples.neighbours))
        self.item_features, self.user_features = tf.constant(known.item_features), tf.constant(known.user_features)
        self.day = tf.constant(known.day)
        others, kept = examples.proposed - (examples.gains > 0).sum(1), ((examples.candidates > 0) & (examples.gains <= 0)).sum(1)
        self.stands_for = tf.constant((others / np.maximum(kept, 1)).astype(np.float32))

    def requests(self, numbers: tf.Tensor) -> Request:
        history = self.table.histories(tf.gather(self.moments, numbers))
        candidates = tf.gather(self.candidates, numbers)
        shift = (tf.gather(self.era, numbers) * self.items)[:, None]
        return Request(
            history=history,
            candidates=candidates,
            history_vectors=(tf.gather(self.vectors, history.items + shift), tf.gather(self.content, history.items)),
            candidate_vectors=(tf.gather(self.vectors, candidates + shift), tf.gather(self.content, candidates)),
            retrieval=tf.gather(self.retrieval, numbers),
            neighbours=tf.gather(self.neighbours, numbers),
            ranks=tf.gather(self.ranks, numbers),
            item_features=tf.gather(self.item_features, numbers),
            user_features=tf.gather(self.user_features, numbers),
            day=tf.gather(self.day, numbers),
        )


def new_ranker(requests: RequestTable, settings: Ranking) -> Ranker:
    """Untrained, its signals scaled by what a sample of the requests says."""
    keras.utils.set_random_seed(settings.seed)
    ranker = Ranker(settings)
    ranker.prepare(*_spread_of_signals(requests, np.random.default_rng(settings.seed).permutation(_usable(requests))[:PREPARED_ON]))
    return ranker


def fit_ranker(
    ranker: Ranker, requests: RequestTable, settings: Ranking, advance: Callable[[float], None] = lambda share: None
) -> LearningCurve:
    """Trains in place on requests that have at least one positive among their candidates."""
    curve, usable = LearningCurve(), _usable(requests)
    if len(usable) == 0:
        return curve
    batch = min(settings.batch, len(usable))
    steps = max(1, int(min(settings.most_steps, settings.epochs * len(usable) / batch)))
    rate = keras.optimizers.schedules.CosineDecay(0.0, steps, warmup_target=settings.learning_rate, warmup_steps=min(50, steps // 4))
    optimizer = keras.optimizers.AdamW(rate, weight_decay=settings.weight_decay, clipnorm=1.0)
    optimizer.build(ranker.trainable_weights)
    step, random = _step(ranker, requests, settings, optimizer), np.random.default_rng(settings.seed)
    order = np.concatenate([random.permutation(usable) for _ in range(1 + steps * batch // len(usable))])
    for number in range(steps):
        curve.add(number + 1, steps, float(step(tf.constant(order[number * batch : (number + 1) * batch], tf.int32))))
        advance(1.0 / steps)
    return curve


def _usable(requests: RequestTable) -> NDArray[np.intp]:
    return np.flatnonzero(requests.gains.numpy().max(axis=1, initial=0.0) > 0)


def scores_of(ranker: Ranker, requests: RequestTable, chunk: int = 64) -> NDArray[np.float32]:
    """Logits [R, C]; -inf where there is no candidate."""
    score = tf.function(lambda numbers: ranker(requests.requests(numbers)), reduce_retracing=True)
    parts = [score(tf.range(start, min(start + chunk, requests.count))).numpy() for start in range(0, requests.count, chunk)]
    return np.where(requests.candidates.numpy() > 0, np.concatenate(parts), -np.inf)


def _spread_of_signals(requests: RequestTable, numbers: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    request = requests.requests(tf.constant(numbers, tf.int32))
    signals = fixed_signals(request).numpy()[request.candidates.numpy() > 0]
    known = ~np.isnan(signals)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, signals, 0.0).sum(axis=0) / count
    deviation = np.sqrt(np.where(known, (signals - mean) ** 2, 0.0).sum(axis=0) / count)
    return mean.astype(np.float32), deviation.astype(np.float32)


def _step(
    ranker: Ranker, requests: RequestTable, settings: Ranking, optimizer: keras.optimizers.Optimizer
) -> Callable[[tf.Tensor], tf.Tensor]:
    @tf.function(reduce_retracing=True)
    def step(numbers: tf.Tensor) -> tf.Tensor:
        request, gains = requests.requests(numbers), tf.gather(requests.gains, numbers)
        present = tf.cast(request.candidates > 0, tf.float32)
        with tf.GradientTape() as tape:
            logits = ranker(request, training=True)
            log_shares = tf.nn.log_softmax(logits + FAR * (1.0 - present), -1)
            listwise = -tf.reduce_sum(gains * log_shares, -1) / tf.reduce_sum(gains, -1)
            weights = present * tf.where(gains > 0, 1.0, tf.gather(requests.stands_for, numbers)[:, None])
            logistic = tf.nn.sigmoid_cross_entropy_with_logits(tf.cast(gains >= 1.0, tf.float32), logits) * weights
            loss = tf.reduce_mean(listwise) + settings.calibration * tf.reduce_sum(logistic) / tf.reduce_sum(present)
        optimizer.apply(tape.gradient(loss, ranker.trainable_weights), ranker.trainable_weights)
        return loss

    typed: Callable[[tf.Tensor], tf.Tensor] = step
    return typed
