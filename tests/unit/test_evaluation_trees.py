"""Trees on what the ranker is told: they learn an order that is there, and choose on the newest requests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rec_models.evaluation.baselines import lambdarank
from rec_models.evaluation.baselines.trial import MOST_TRIALS


def test_trees_put_first_what_one_signal_says_and_live_with_what_is_not_known(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(lambdarank, "LEAVES", (7,))
    monkeypatch.setattr(lambdarank, "LEAST_IN_A_LEAF", (5,))
    random = np.random.default_rng(1)
    signals = random.random((200 * 20, 3)).astype(np.float32)
    signals[random.random(len(signals)) < 0.2, 1] = np.nan
    gains = (signals[:, 2] > 0.9).astype(np.float32)
    np.savez(tmp_path / "examples.npz", signals=signals, gains=gains, sizes=np.full(200, 20, np.int32))
    trees = lambdarank.grow(tmp_path / "examples.npz")
    asked = np.array([[0.9, 0.9, 0.1], [0.1, np.nan, 0.95], [0.5, 0.5, 0.5]], np.float32)
    assert trees.scores(asked).argmax() == 1
    assert trees.validation > 0.95
    assert trees.trials == 2


def test_there_are_not_more_trials_than_every_contestant_may_have() -> None:
    assert len(lambdarank.LEAVES) * len(lambdarank.LEAST_IN_A_LEAF) * len(lambdarank.RATES) <= MOST_TRIALS
