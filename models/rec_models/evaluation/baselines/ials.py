"""Matrix factorisation by alternating least squares over implicit feedback; a history becomes a user's vector when it is asked for.

Hu, Koren and Volinsky (2008), "Collaborative filtering for implicit feedback datasets"; Rendle et al. (2021), "iALS++".
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from rec_models.evaluation.baselines.trial import Trial
from rec_models.evaluation.requests import Requests, everything
from rec_models.linear_weights import user_items
from rec_models.sequences import Sequences

FACTORS, REGULARIZATIONS, ALPHAS = (32, 96), (0.1, 3.0, 30.0), (2.0, 20.0)
ITERATIONS, SEED = 15, 1


def ials(known: Sequences) -> Iterator[Trial]:
    having = user_items(known)
    for factors in FACTORS:
        for regularization in REGULARIZATIONS:
            for alpha in ALPHAS:
                settings = {"factors": factors, "regularization": regularization, "alpha": alpha}
                with threadpool_limits(1, "blas"):  # the package runs threads of its own
                    model = AlternatingLeastSquares(**settings, iterations=ITERATIONS, random_state=SEED)
                    model.fit(having, show_progress=False)
                yield Trial(settings, partial(_scores, model))


def _scores(model: AlternatingLeastSquares, requests: Requests, part: slice) -> NDArray[np.float32]:
    histories = requests.histories(part, everything)
    with threadpool_limits(1, "blas"):
        users = model.recalculate_user(np.arange(histories.shape[0]), histories)
    scores: NDArray[np.float32] = np.asarray(users) @ np.asarray(model.item_factors).T
    return scores
