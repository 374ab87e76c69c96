"""Gradient-boosted trees on the graph's own candidates and the features that its ranker gets.

Burges (2010), "From RankNet to LambdaRank to LambdaMART: an overview"; Ke et al. (2017), "LightGBM".
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np
from numpy.typing import NDArray

LEAVES, LEAST_IN_A_LEAF, RATES = (15, 63), (50,), (0.05, 0.15)
ROUNDS, PATIENCE, VALIDATION = 200, 20, 0.2
LABELS = 3
"""Gains from 0 to 1 as whole numbers, which the package wants."""


@dataclass(frozen=True, eq=False)
class Trees:
    """`validation` is NDCG@10 among the candidates of the newest requests that the ranker was taught with."""

    booster: lightgbm.Booster
    settings: Mapping[str, float]
    validation: float
    trials: int

    def scores(self, signals: NDArray[np.float32]) -> NDArray[np.float64]:
        """signals [candidates, G] -> [candidates]."""
        return np.asarray(self.booster.predict(signals, num_threads=1), np.float64)


def grow(examples: Path) -> Trees:
    """The best of all settings; `examples` are those of rec_models.written_examples."""
    with np.load(examples) as file:
        signals, labels, sizes = file["signals"], np.ceil(file["gains"] * LABELS).astype(np.int32), file["sizes"]
    old = int(len(sizes) * (1 - VALIDATION))
    edge = int(sizes[:old].sum())
    taught = lightgbm.Dataset(signals[:edge], labels[:edge], group=sizes[:old], free_raw_data=False)
    checked = lightgbm.Dataset(signals[edge:], labels[edge:], group=sizes[old:], reference=taught, free_raw_data=False)
    trials = [_grown(taught, checked, *setting) for setting in itertools.product(LEAVES, LEAST_IN_A_LEAF, RATES)]
    best = max(trials, key=lambda trial: trial.validation)
    return Trees(best.booster, best.settings, best.validation, len(trials))


def _grown(taught: lightgbm.Dataset, checked: lightgbm.Dataset, leaves: int, least: int, rate: float) -> Trees:
    settings = {"num_leaves": leaves, "min_data_in_leaf": least, "learning_rate": rate}
    fixed = {"objective": "lambdarank", "metric": "ndcg", "eval_at": [10], "seed": 1, "deterministic": True, "verbosity": -1}
    # What is fixed for a dataset when it is first used must not come from the first trial alone.
    fixed |= {"feature_pre_filter": False, "num_threads": 2}
    stop = lightgbm.early_stopping(PATIENCE, verbose=False)
    booster = lightgbm.train({**fixed, **settings}, taught, ROUNDS, valid_sets=[checked], callbacks=[stop])
    return Trees(booster, settings, float(booster.best_score["valid_0"]["ndcg@10"]), 1)
