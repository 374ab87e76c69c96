"""What the ranker is told of each candidate beside the history itself: signals that need no learning.

Counts and scores are taken relative to the request's other candidates, because they grow with the data; what is not known is NaN.
"""

from __future__ import annotations

import tensorflow as tf

from inference_graph.features import ITEM_FEATURES, USER_FEATURES
from rec_models.ranking_request import Request

ITEM = {feature.name: column for column, feature in enumerate(ITEM_FEATURES)}
USER = {feature.name: column for column, feature in enumerate(USER_FEATURES)}
LAST_RANK = 1000.0
HALF_LIFE_DAYS = 30.0


def fixed_signals(request: Request) -> tf.Tensor:
    """Float32 [B, C, G]."""
    present = tf.cast(request.candidates > 0, tf.float32)
    parts = [_retrieval(request, present), request.neighbours, _ranks(request.ranks), _repeats(request), _aggregates(request, present)]
    return tf.concat(parts, -1)


def timely_columns(width: int) -> list[bool]:
    """Which of `width` fixed signals say how busy an item is just now: what a replay of the past cannot know."""
    return [False] * (width - AGGREGATES) + [name in TIMELY for name in NAMES]


def _retrieval(request: Request, present: tf.Tensor) -> tf.Tensor:
    scores = request.retrieval
    best = tf.reduce_max(tf.where(present > 0, scores, scores[:, :1]), -1, keepdims=True)
    centred = _relative(scores, present)
    spread = tf.sqrt(_mean(centred**2, present) + 1e-3)
    return tf.stack([centred / spread, scores - best], -1)


def _ranks(ranks: tf.Tensor) -> tf.Tensor:
    absent = tf.math.is_nan(ranks)
    known = tf.clip_by_value(tf.where(absent, LAST_RANK, ranks), 1.0, LAST_RANK)
    return tf.concat([tf.cast(absent, tf.float32), tf.math.log1p(known), tf.where(absent, 0.0, 10.0 / (9.0 + known))], -1)


def _repeats(request: Request) -> tf.Tensor:
    """How often and how lately the candidate itself is in the history, [B, C, 4]."""
    history = request.history
    same = tf.cast(request.candidates[:, :, None] == history.items[:, None], tf.float32) * history.mask
    times = tf.reduce_sum(same, -1)
    lately = tf.reduce_max(same / (1.0 + history.position), -1)
    fresh = tf.reduce_max(same / (1.0 + history.age), -1)
    fading = tf.reduce_sum(same * tf.exp(-history.age / 90.0), -1)
    return tf.stack([tf.math.log1p(times), lately, fresh, fading], -1)


NAMES = ("count", "recent", "now", "quiet", "age", "unseen", "value", "liked_share", "better", "usual", "events")
TIMELY = ("recent", "now", "quiet")
AGGREGATES = len(NAMES)


def _aggregates(request: Request, present: tf.Tensor) -> tf.Tensor:
    """Point-in-time aggregates, [B, C, AGGREGATES]. An item's first interaction in the future is none; its newest one in
    the future says nothing of how busy it is at the request's time.
    """
    item = {name: tf.maximum(request.item_features[..., column], 0.0) for name, column in ITEM.items()}
    user = {name: tf.maximum(request.user_features[:, None, column], 0.0) for name, column in USER.items()}
    day = request.day[:, None]
    unseen = (item["interactions"] <= 0.0) | (item["first_day"] > day)
    blind = unseen | (item["last_day"] > day)
    idle = tf.maximum(day - item["last_day"], 0.0)
    count = tf.where(unseen, 0.0, tf.math.log1p(item["interactions"]))
    recent = tf.math.log1p(item["recent_interactions"])
    now = tf.math.log1p(item["recent_interactions"] * tf.pow(0.5, idle / HALF_LIFE_DAYS))
    stranger = user["interactions"] <= 0.0
    usual = user["mean_item_interactions"] - _mean(count, present)
    signals = {
        "count": _relative(count, present),
        "recent": _known(_relative(recent, present), blind),
        "now": _known(_relative(now, present), blind),
        "quiet": _known(tf.math.log1p(idle), blind),
        "age": _known(tf.math.log1p(tf.maximum(day - item["first_day"], 0.0)), unseen),
        "unseen": tf.cast(unseen, tf.float32),
        "value": _known(item["mean_value"], unseen),
        "liked_share": _known(item["liked_share"], unseen),
        "better": _known(item["mean_value"] - user["mean_value"], unseen | stranger),
        "usual": _known(usual, stranger),
        "events": tf.math.log1p(tf.reduce_sum(request.history.mask, -1)),
    }
    return tf.stack([signals[name] + tf.zeros_like(count) for name in NAMES], -1)


def _known(values: tf.Tensor, unknown: tf.Tensor) -> tf.Tensor:
    return tf.where(unknown, float("nan"), values)


def _relative(values: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
    return values - _mean(values, present)


def _mean(values: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
    return tf.math.divide_no_nan(tf.reduce_sum(values * present, -1, keepdims=True), tf.reduce_sum(present, -1, keepdims=True))
