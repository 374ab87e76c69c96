"""Small models that are trained once for all tests of models."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture(scope="session")
def given():
    from rec_models.testing import small_given

    return small_given()


@pytest.fixture(scope="session")
def trained(given):
    from rec_models.testing import silent_phase
    from rec_models.training import train_models

    return train_models(given, silent_phase)


@pytest.fixture(scope="session")
def published(given, trained, tmp_path_factory) -> dict[str, Path]:
    """The folders of the small models' first versions."""
    from rec_models.publishing import publish_models
    from rec_models.testing import small_item_ids

    return publish_models(tmp_path_factory.mktemp("models"), small_item_ids(), given, trained, {"data_hash": "abc"})
