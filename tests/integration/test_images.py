"""The four images: what each installs is locked, small, and all that its programs import."""

from __future__ import annotations

import re
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from imported_packages import foreign_imports

TRAINING = {"tensorflow", "tensorflow-cpu", "keras", "keras-rs"}
IMAGES = {
    "transformers/recommender": {"inference_graph.serving.main", "inference_graph.cli.main", "inference_graph.cli.check"},
    "models": {"rec_models.commands.refresh", "rec_models.commands.data", "inference_graph.cli.main", "inference_graph.cli.check"},
    "models/model_server": {"model_server.main"},
    "models/ray": {"rec_models.commands.batch", "rec_models.batch.run", "rec_models.batch.embedding", "inference_graph.cli.main"},
}
FOLDERS = sorted(IMAGES)


def locked(file: Path) -> dict[str, str]:
    """Name -> version and marker, as in the lock."""
    lines = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", file.read_text(), re.MULTILINE)
    assert lines, f"{file} locks nothing"
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in lines}


@pytest.mark.parametrize("folder", FOLDERS)
def test_an_image_holds_what_its_programs_import(folder):
    names = set(locked(Path(folder) / "requirements.lock"))
    distributions = packages_distributions()
    missing = set()
    for imported in foreign_imports(IMAGES[folder]):
        offered = {re.sub(r"[-_.]+", "-", name).lower() for name in distributions[imported.partition(".")[0]]}
        if not offered & names:
            missing.add(imported)
    assert missing == set()


@pytest.mark.parametrize("folder", FOLDERS)
def test_an_image_runs_the_versions_that_are_tested(folder):
    everything = locked(Path("requirements.lock"))
    own = locked(Path(folder) / "requirements.lock")
    other = {name: version for name, version in own.items() if everything.get(name) != version}
    assert {name: version for name, version in other.items() if name in everything or folder != "models/ray"} == {}  # Ray's dashboard
    assert len(own) < len(everything)


def test_only_the_model_server_holds_tensorflow():
    assert TRAINING & set(locked(Path("transformers/recommender/requirements.lock"))) == set()
    assert TRAINING & set(locked(Path("models/requirements.lock"))) == set()
    assert TRAINING & set(locked(Path("models/ray/requirements.lock"))) == set()
    assert TRAINING & set(locked(Path("models/model_server/requirements.lock"))) == {"tensorflow", "tensorflow-cpu"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_image_holds_the_type_checker_that_feast_asks_for(folder):
    assert {"mypy", "librt", "ast-serialize"} & set(locked(Path(folder) / "requirements.lock")) == set()


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_requirement_has_hashes(folder):
    blocks = re.split(r"\n(?=\S)", (Path(folder) / "requirements.lock").read_text())
    assert [block.partition(" ")[0] for block in blocks if "==" in block.partition("\n")[0] and "--hash=sha256:" not in block] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_dockerfile_has_one_argument_and_a_numeric_user_and_copies_what_is_there(folder):
    lines = (Path(folder) / "Dockerfile").read_text().splitlines()
    assert [line.partition("=")[0] for line in lines if line.startswith("ARG ")] == ["ARG BASE"]
    stages = [line for line in lines if line.startswith("FROM ")]
    assert stages == ["FROM ${BASE} AS dependencies", "FROM dependencies AS build", "FROM ${BASE}"]
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]
    copied = [path for line in lines if line.startswith("COPY ") and "--from" not in line for path in line.split()[1:-1]]
    assert [path for path in copied if not Path(path).exists()] == []
    allowed = {line[1:] for line in Path(".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {path.partition("/")[0] for path in copied} <= allowed
