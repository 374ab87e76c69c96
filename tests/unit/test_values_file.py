"""One value changes in a file of values; everything else stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference_graph.errors import InvalidConfiguration
from inference_graph.rollout.values_file import edit_values, with_value

KEY = ("ranking", "storageUri")
NEW = "s3://models/ranking/2"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f'ranking:\n  storageUri: "{NEW}"\n'),
        ("# ours\nglobal: {}", f'# ours\nglobal: {{}}\nranking:\n  storageUri: "{NEW}"\n'),
        (
            "ranking:\n  storageUri: s3://models/ranking/1  # since Monday\n  minReplicas: 2\n",
            f'ranking:\n  storageUri: "{NEW}"  # since Monday\n  minReplicas: 2\n',
        ),
        ("ranking:\n    # pods\n    minReplicas: 2\n", f'ranking:\n    storageUri: "{NEW}"\n    # pods\n    minReplicas: 2\n'),
        ("ranking: {minReplicas: 2}\n", f'ranking: {{storageUri: "{NEW}", minReplicas: 2}}\n'),
        ("ranking: {}\n", f'ranking: {{storageUri: "{NEW}"}}\n'),
    ],
)
def test_the_value_is_set_and_the_rest_is_kept(before, after):
    assert with_value(before, KEY, NEW, "values.yaml") == after


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a\n", "expected a map of values, got list"),
        ("a: [\n", "is not YAML that can be edited"),
        ("ranking: off\n", "cannot be changed without changing more"),
        ("retrieval: &model {storageUri: a}\nranking: *model\n", "cannot be changed without changing more"),
    ],
)
def test_what_cannot_be_changed_alone_is_refused(text, words):
    with pytest.raises(InvalidConfiguration, match=words):
        with_value(text, KEY, NEW, "values.yaml")


def test_a_linked_file_is_changed_where_it_is(tmp_path: Path):
    real, link = tmp_path / "real.yaml", tmp_path / "values.yaml"
    real.write_text("ranking: {}\n")
    real.chmod(0o640)
    link.symlink_to(real)
    edit_values(link, KEY, NEW)
    assert link.is_symlink()
    assert NEW in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["real.yaml", "values.yaml"]
