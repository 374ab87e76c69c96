"""Makes scores probabilities without changing their order.

Platt (1999), "Probabilistic outputs for support vector machines", with his smoothed targets.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST_STRETCH = 0.05
ITERATIONS = 50
RIDGE = 1e-6


def fit_platt(logits: NDArray[np.float32], relevant: NDArray[np.bool_]) -> tuple[float, float]:
    """(stretch > 0, shift) for which sigmoid(stretch x logit + shift) is nearest to how often `relevant` is true."""
    hits = int(relevant.sum())
    if hits == 0 or hits == relevant.size:
        return 1.0, 0.0
    misses = relevant.size - hits
    targets = np.where(relevant, (hits + 1) / (hits + 2), 1 / (misses + 2)).astype(np.float64)
    design = np.stack([logits.astype(np.float64), np.ones(logits.size)], 1)
    answer = np.array([1.0, np.log(hits / misses)])
    for _ in range(ITERATIONS):
        probability = 1.0 / (1.0 + np.exp(-np.clip(design @ answer, -30, 30)))
        slope = design.T @ (probability - targets)
        curvature = (design * (probability * (1 - probability))[:, None]).T @ design + RIDGE * np.eye(2)
        step = np.linalg.solve(curvature, slope)
        answer -= np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-6:
            break
    return max(LEAST_STRETCH, float(answer[0])), float(answer[1])
