"""What the ranker is given of a request, as tensors."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from rec_models.two_tower import Histories


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
