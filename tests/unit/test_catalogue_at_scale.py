"""What a large snapshot must not do: copy its ids for one long one, or keep its pages when nobody serves it any more."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from inference_graph.catalogue import CatalogueArrays, let_go, open_snapshot, write_snapshot
from inference_graph.testing import make_arrays, make_catalogue

LONG = "x" * 200


def test_ids_of_any_length_are_found_or_unknown():
    catalogue = make_catalogue(["a", "bb", "ccc"])
    assert catalogue.rows_of(["ccc", LONG, "a", "cccc", "", "bb"]).tolist() == [2, -1, 0, -1, -1, 1]
    assert catalogue.rows_of([b"bb", LONG.encode()]).tolist() == [1, -1]


def test_one_long_id_costs_no_copy_of_the_catalogue():
    catalogue = make_catalogue([f"{number:06d}" for number in range(20_000)])
    tracemalloc.start()
    try:
        assert catalogue.rows_of([LONG, "000007"]).tolist() == [-1, 7]
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    arrays: CatalogueArrays = make_arrays([f"{number:05d}" for number in range(3_000)], vectors=np.ones((3_000, 64), np.float16))
    return write_snapshot(tmp_path, arrays, categories=[], attributes={}, newest_event=1.0, created=1.0)


def test_what_is_let_go_can_still_be_read(folder):
    catalogue = open_snapshot(folder)
    let_go(catalogue)
    assert catalogue.rows_of(["00042"]).tolist() == [42]
    assert catalogue.arrays.vectors[2_999].tolist() == [1.0] * 64


def test_letting_go_of_what_was_never_mapped_does_nothing():
    catalogue = make_catalogue(["a"])
    let_go(catalogue)
    assert catalogue.item_id(0) == "a"
