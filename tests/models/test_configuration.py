"""models/configs lists every hyper-parameter, so that nobody has to read code to find one."""

import pytest
import yaml

from rec_models.configuration import CONFIGS, Ranking, Retrieval, read_configuration


@pytest.mark.parametrize(("kind", "name"), [(Retrieval, "retrieval"), (Ranking, "ranking")])
def test_every_setting_stands_in_its_file_and_the_file_is_read(kind, name):
    path = CONFIGS / f"{name}.yaml"
    assert set(yaml.safe_load(path.read_text())) == set(kind.model_fields)
    assert read_configuration(kind, path)
