"""graph.yaml: what it may say, and how a mistake is told."""

from pathlib import Path

import pytest

from inference_graph.errors import InvalidConfiguration
from inference_graph.graph import default_graph, load_graph
from inference_graph.settings import Settings

DEFAULT = default_graph("ratings", {"mode": "ever", "within_days": None}, "wall")


def load(tmp_path: Path, text: str):
    path = tmp_path / "graph.yaml"
    path.write_text(text)
    return load_graph(path)


def test_the_default_graph_loads_and_its_version_follows_its_content(tmp_path):
    first = load(tmp_path, DEFAULT)
    assert set(first.surfaces) == {"home", "similar"}
    assert first.surfaces["home"].selector.caps[0].at_most == 3
    assert load(tmp_path, DEFAULT).version == first.version
    assert load(tmp_path, DEFAULT + "# changed\n").version != first.version


def test_the_default_graph_follows_the_data_set(tmp_path):
    graph = load(tmp_path, default_graph("events", {"mode": "within", "within_days": 30}, "data"))
    assert graph.clock == "data"
    assert graph.item_event == "purchase"
    assert graph.surfaces["home"].filters[0].within_days == 30


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: two_tower", "kind: three_tower", r"sources\[0\]: no component of kind 'three_tower'; there are"),
        ("limit: 400", "limit: many", r"sources\[0\]\.limit: .*integer"),
        ("limit: 400", "limits: 400", r"sources\[0\]\.limits: Extra inputs"),
        ("timeout_seconds: 0.3", "timeout_seconds: -1", "timeout_seconds: .*greater than 0"),
        ("clock: wall", "clock: sun", "clock: .*'wall' or 'data'"),
        ("      - {kind: blocked}\n", "", "filters must name blocked"),
        ("mode: ever", "mode: within", "within_days is needed"),
        ("at_most: 3", "at_most: 0", "caps.0.at_most: .*greater than or equal to 1"),
        ("boosts: []", "boosts: [{kind: attribute_boost, name: n, where: {}, factor: 2}]", "a condition needs categories or a column"),
        ("surfaces:", "surfaces: [", "not YAML"),
    ],
)
def test_a_mistake_is_told_with_its_file_and_key(tmp_path, old, new, message):
    assert old in DEFAULT
    with pytest.raises(InvalidConfiguration, match=message) as error:
        load(tmp_path, DEFAULT.replace(old, new, 1))
    assert "graph.yaml" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [("limit: 400", "limits: 400"), ("clock: wall", "clock: sun"), ("at_most: 3", "at_most: 0"), ("{kind: requested}", "{kind: asked}")],
)
def test_a_mistake_is_told_with_its_line(tmp_path, old, new):
    line = next(number for number, text in enumerate(DEFAULT.splitlines(), 1) if old in text)
    with pytest.raises(InvalidConfiguration, match=rf"graph\.yaml: line {line}: "):
        load(tmp_path, DEFAULT.replace(old, new, 1))


def test_a_missing_file_and_a_list_are_told(tmp_path):
    with pytest.raises(InvalidConfiguration, match="No such file"):
        load_graph(tmp_path / "none.yaml")
    with pytest.raises(InvalidConfiguration, match="expected keys and values, got list"):
        load(tmp_path, "- 1")


def test_settings_come_from_the_environment_and_name_a_wrong_variable():
    given = {name.upper(): "x" for name, field in Settings.model_fields.items() if field.is_required()}
    assert Settings.from_environment(given).port == 8080
    assert Settings.from_environment({**given, "STARTUP_GRACE_SECONDS": ""}).startup_grace_seconds is None
    with pytest.raises(InvalidConfiguration, match=r"PORT: .*got 'eighty'"):
        Settings.from_environment({**given, "PORT": "eighty"})
    with pytest.raises(InvalidConfiguration, match="GRAPH: Field required"):
        Settings.from_environment({})
