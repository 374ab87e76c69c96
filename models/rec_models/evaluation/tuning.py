"""Chooses a baseline's setting on the validation requests, and answers the test requests with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from rec_models.data.dataset import Seen
from rec_models.evaluation.baselines.trial import MOST_TRIALS, Trial, Trials
from rec_models.evaluation.metrics import HEADLINE, by_user, found
from rec_models.evaluation.protocols import Split
from rec_models.evaluation.rankings import Rows, ranking

VALIDATION_USERS = 2000


@dataclass(frozen=True, eq=False)
class Tuned:
    """The rankings of the test requests by mode of `seen`, and what they cost; `validation` is HEADLINE there."""

    rows: Mapping[str, Rows]
    settings: Mapping[str, float]
    validation: float
    trials: int
    fit_seconds: float
    request_ms: float


def tune(trials: Trials, split: Split, seen: Mapping[str, Seen], advance: Callable[[float], None] = lambda share: None) -> Tuned:
    """The best trial by HEADLINE on validation under the first mode of `seen`. Raises ValueError for more than MOST_TRIALS trials."""
    started, count, best, value = time.monotonic(), 0, Trial({}, lambda requests, part: np.empty(0, np.float32)), -1.0
    checks = split.validation.some_users(VALIDATION_USERS)
    for count, trial in enumerate(trials(split.known), 1):
        if count > MOST_TRIALS:
            raise ValueError(f"more than {MOST_TRIALS} trials: every contestant may try as often as that")
        rows = ranking(trial.scorer, checks, next(iter(seen.values())))
        reached = float(by_user(found(rows, checks)[HEADLINE], checks.users).mean())
        if reached > value:
            best, value = trial, reached
        advance(1.0 / MOST_TRIALS)
    fitted = time.monotonic()
    answers = {name: ranking(best.scorer, split.test, mode) for name, mode in seen.items()}
    each = 1000.0 * (time.monotonic() - fitted) / (len(split.test) * len(seen))
    return Tuned(answers, best.settings, value, count, fitted - started, each)
