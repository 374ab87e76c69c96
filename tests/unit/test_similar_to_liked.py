"""The nearest items of several searches, put together."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inference_graph.sources.similar_to_liked import nearest

FOUND = st.lists(st.tuples(st.integers(-1, 9), st.sampled_from((-0.5, 0.0, 0.25, 0.5, 1.0))), max_size=30)


@given(FOUND, st.sets(st.integers(0, 9), max_size=3), st.integers(1, 8))
def test_each_item_comes_once_with_its_best_similarity_and_no_seed_does(
    found: list[tuple[int, float]], seeds: set[int], limit: int
) -> None:
    rows, similarity = (np.array([pair[part] for pair in found], kind) for part, kind in ((0, np.int32), (1, np.float32)))
    best = {row: max(value for other, value in found if other == row) for row, _ in found if row >= 0 and row not in seeds}
    expected = sorted(best, key=lambda row: (-best[row], row))[:limit]
    said = nearest(rows, similarity, np.array(sorted(seeds), np.int32), limit)
    assert said.tolist() == expected
    assert said.dtype == np.int32
