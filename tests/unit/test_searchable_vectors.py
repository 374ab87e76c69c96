"""The vectors that are searched: shortened where exact search would be too slow, and still near to the same items."""

from __future__ import annotations

import numpy as np

from rec_models.snapshot import searchable


def test_only_long_vectors_of_a_large_catalogue_are_shortened_and_neighbours_stay():
    random = np.random.default_rng(0)
    plain = random.standard_normal((400, 20)) @ random.standard_normal((20, 96))
    vectors = (plain / np.linalg.norm(plain, axis=1, keepdims=True)).astype(np.float16)
    assert searchable(vectors, large=400) is vectors
    short = searchable(vectors, large=399)
    assert short.shape == (400, 64)
    assert searchable(short, large=1) is short
    nearest, nearest_short = ((v.astype(np.float32) @ v.astype(np.float32).T).argsort(axis=1)[:, -10:] for v in (vectors, short))
    assert np.mean([len(set(a) & set(b)) for a, b in zip(nearest, nearest_short, strict=True)]) > 9
