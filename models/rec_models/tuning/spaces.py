"""Which hyper-parameters are searched, and the configurations that are tried: the present one first, then random ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel

Model = Literal["retrieval", "ranking"]
Changes = Mapping[str, Any]
Draw = Callable[[np.random.Generator], Any]


def between(low: float, high: float) -> Draw:
    return lambda random: round(float(random.uniform(low, high)), 3)


def by_factors(low: float, high: float) -> Draw:
    """Uniform in the logarithm, to two digits."""
    return lambda random: float(f"{np.exp(random.uniform(np.log(low), np.log(high))):.1e}")


def one_of(*values: Any) -> Draw:
    return lambda random: values[int(random.integers(len(values)))]


SPACES: Mapping[Model, Mapping[str, Draw]] = {
    "retrieval": {
        "dimensions": one_of(32, 64, 96),
        "heads": one_of(2, 4, 8),
        "dropout": between(0.0, 0.4),
        "window": one_of(4, 8, 16),
        "negatives": one_of(1024, 2048, 4096),
        "sampling_power": between(0.4, 1.0),
        "learning_rate": by_factors(0.001, 0.02),
        "weight_decay": by_factors(0.0001, 0.02),
    },
    "ranking": {
        "heads": one_of(2, 4, 8),
        "hidden": one_of((64, 32), (128, 64), (256, 64)),
        "dropout": between(0.0, 0.4),
        "batch": one_of(16, 32, 64),
        "learning_rate": by_factors(0.001, 0.03),
        "weight_decay": by_factors(0.001, 0.1),
        "calibration": one_of(0.03, 0.1, 0.3),
    },
}
"""What costs time in serving (the length of vectors, the widths) stays within twice of what it is."""


def configurations(model: Model, present: BaseModel, trials: int, seed: int) -> list[dict[str, Any]]:
    """The values of the searched hyper-parameters, one map a trial; the same for the same seed."""
    random, space = np.random.default_rng(seed), SPACES[model]
    drawn = [{name: draw(random) for name, draw in space.items()} for _ in range(trials - 1)]
    return [{name: getattr(present, name) for name in space}, *drawn]
