"""When `train` has something to do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from rec_models.events import all_events
from rec_models.parquet_files import write_frame
from rec_models.small_workspace import make_workspace
from rec_models.trained import MODELS, mark_trained, up_to_date


@pytest.fixture
def workspace(tmp_path):
    """A small data set, and models that were just published for it."""
    workspace = make_workspace(tmp_path / "run" / "workspaces" / "small")
    for name in MODELS:
        (workspace.models / name / "3").mkdir(parents=True)
    mark_trained(workspace, quick=False)
    return workspace


def move_an_event(workspace) -> None:
    event = all_events(workspace).head(1).drop("identity", "worth", "rated").with_columns(timestamp=pl.lit(1.7e9))
    write_frame(event, f"{workspace.offline}/events/day=2023-11-14/1.parquet")


def test_models_of_this_data_and_these_settings_are_up_to_date(workspace):
    assert up_to_date(workspace, quick=False) == {"retrieval": 3, "ranking": 3}


def test_models_of_other_settings_are_not(workspace):
    assert up_to_date(workspace, quick=True) is None


def test_events_moved_since_ask_for_training_unless_models_are_to_be_kept(workspace):
    move_an_event(workspace)
    assert up_to_date(workspace, quick=False) is None
    assert up_to_date(workspace, quick=False, keep=True) == {"retrieval": 3, "ranking": 3}
    mark_trained(workspace, quick=False)
    assert up_to_date(workspace, quick=False) is not None


def test_a_changed_data_set_asks_for_training_even_where_models_are_to_be_kept(workspace):
    description = workspace.data / "dataset.json"
    description.write_text(json.dumps({**json.loads(description.read_text()), "hash": "other"}))
    assert up_to_date(workspace, quick=False, keep=True) is None


def test_a_model_without_a_version_asks_for_training(workspace):
    (workspace.models / "ranking" / "3").rmdir()
    assert up_to_date(workspace, quick=False) is None


def test_the_command_says_up_to_date_without_loading_tensorflow(workspace):
    workspace_home = workspace.root.parents[1]
    (workspace_home / "current").symlink_to(Path("workspaces") / "small")
    script = (
        "import sys; from inference_graph.cli.main import main\n"
        "try: main()\n"
        "finally: print('tensorflow' in sys.modules)"
    )
    command = [sys.executable, "-c", script, "train", "--json"]
    run = subprocess.run(command, env={"INFERENCE_GRAPH_HOME": str(workspace_home)}, capture_output=True, text=True, timeout=60)
    said, loaded = run.stdout.splitlines()
    assert json.loads(said) == {"versions": {"retrieval": 3, "ranking": 3}, "metrics": {}, "fresh": False, "seconds": {}}
    assert loaded == "False"
