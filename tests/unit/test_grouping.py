"""What numpy says more slowly."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from inference_graph.grouping import among, best_first, group

ROWS = arrays(np.int32, st.integers(0, 60), elements=st.integers(0, 20))
SCORES = arrays(np.float32, st.integers(0, 60), elements=st.floats(-2, 2, width=16))


@given(ROWS)
def test_rows_are_grouped_as_by_numpys_unique(rows: np.ndarray) -> None:
    unique, first, positions = np.unique(rows, return_index=True, return_inverse=True)
    groups = group(rows)
    assert groups.rows.tolist() == unique.tolist()
    assert groups.order[groups.starts].tolist() == first.tolist()
    assert groups.order.tolist() == np.argsort(rows, kind="stable").tolist()
    assert groups.positions().tolist() == positions.tolist()


@given(ROWS, ROWS)
def test_rows_are_found_among_others_as_by_numpys_isin(rows: np.ndarray, wanted: np.ndarray) -> None:
    assert among(rows, wanted).tolist() == np.isin(rows, wanted).tolist()


@given(SCORES)
def test_the_best_come_first_and_equal_ones_in_their_order(scores: np.ndarray) -> None:
    assert best_first(scores).tolist() == np.argsort(-scores, kind="stable").tolist()


def test_no_score_is_too_large_too_small_or_a_negative_zero() -> None:
    scores = np.array([0.0, -0.0, np.inf, 1e-45, -np.inf, -1e-45, 3e38, 0.0, -3e38], np.float32)
    assert best_first(scores).tolist() == np.argsort(-scores, kind="stable").tolist()
