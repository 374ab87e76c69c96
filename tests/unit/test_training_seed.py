"""Other seeds than the configured ones, for figures that are means over several trainings."""

from __future__ import annotations

import pytest

from inference_graph.errors import InvalidConfiguration
from rec_models.trained import configurations


def test_a_seed_of_the_environment_takes_the_place_of_both(monkeypatch: pytest.MonkeyPatch) -> None:
    configured = configurations(quick=False)
    monkeypatch.setenv("TRAINING_SEED", "5")
    seeded = configurations(quick=False)
    assert [settings.seed for settings in seeded] == [5, 5]
    assert seeded[0].model_copy(update={"seed": configured[0].seed}) == configured[0]


def test_a_seed_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINING_SEED", "five")
    with pytest.raises(InvalidConfiguration, match="TRAINING_SEED: expected a whole number, got 'five'"):
        configurations(quick=False)
