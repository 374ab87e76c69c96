"""What is withheld from the ranker, and that nothing else is."""

from __future__ import annotations

import numpy as np
import pytest

from inference_graph.features import RANKED_SOURCES
from rec_models.evaluation.ablation import MOST, PARTS, WHOLE, Inputs, examined
from rec_models.evaluation.requests import Requests


@pytest.fixture
def inputs() -> Inputs:
    """Three candidates: of the first source, of the first and the second, of the second."""
    ranks = np.full((1, 3, len(RANKED_SOURCES)), np.nan, np.float32)
    ranks[0, :2, 0], ranks[0, 1:, 1] = (1, 2), (2, 1)
    return {
        "history_ids": np.array([[b"a", b"b"]]),
        "history_ages": np.ones((1, 2), np.float32),
        "history_values": np.ones((1, 2), np.float32),
        "history_rated": np.ones((1, 2), np.float32),
        "candidate_ids": np.array([[b"x", b"y", b"z"]]),
        "item_features": np.ones((1, 3, 5), np.float32),
        "ranks": ranks,
        "user_features": np.ones((1, 4), np.float32),
        "day": np.array([100.0], np.float32),
    }


def changed(inputs: Inputs, part: str) -> set[str]:
    left = PARTS[part](inputs)
    return {name for name in inputs if left[name].tobytes() != inputs[name].tobytes()}


def test_without_a_source_its_ranks_and_what_it_alone_proposed_are_gone(inputs: Inputs) -> None:
    left = PARTS[f"source {RANKED_SOURCES[0]}"](inputs)
    assert left["candidate_ids"].tolist() == [[b"y", b"z"]]
    assert left["item_features"].shape == (1, 2, 5)
    assert np.isnan(left["ranks"][0, :, 0]).all()
    assert left["ranks"][0, :, 1].tolist() == [2.0, 1.0]


def test_every_part_takes_away_what_it_names_and_nothing_else(inputs: Inputs) -> None:
    assert changed(inputs, WHOLE) == set()
    assert changed(inputs, "history") == {"history_ids", "history_ages", "history_values", "history_rated"}
    assert changed(inputs, "item features") == {"item_features"}
    assert changed(inputs, "user features") == {"user_features"}
    assert changed(inputs, "ranks of all sources") == {"ranks"}


@pytest.mark.parametrize("requests", [1, 7, MOST, 10 * MOST + 3])
def test_examined_requests_are_spread_over_all(requests: int) -> None:
    nothing = np.zeros(requests, np.int64)
    numbers = examined(Requests(None, nothing, nothing, nothing.astype(float), nothing, nothing))  # type: ignore[arg-type]
    assert len(numbers) == len(set(numbers.tolist())) == min(requests, MOST)
    assert numbers[0] == 0
    assert numbers[-1] == requests - 1
