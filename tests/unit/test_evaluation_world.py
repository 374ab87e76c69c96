"""A world of its own: its data without what is held out, its graph, its refusal of what knows too much, and what is sent to it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from inference_graph.graph import default_graph, load_graph
from inference_graph.workspace import Workspace
from rec_models.data.dataset import Seen
from rec_models.data.prepare import prepare
from rec_models.evaluation.parts import Part, kept
from rec_models.evaluation.plan import Options, make_plan, withhold
from rec_models.evaluation.replay import instances
from rec_models.evaluation.stages import Stages
from rec_models.evaluation.withheld_data import write_without
from rec_models.evaluation.world import MEASURED, SpoiltWorld, measured_graph, put_graph, require_unspoilt
from rec_models.sequences import sequences_of
from rec_models.snapshot import publish_snapshot


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Four users who rate five films each; user 3 tags one before and one after the last of them."""
    folder = tmp_path / "films"
    folder.mkdir()
    ratings = [f"{user},{film},{1 + (user + film) % 5},{1_000_000 + 1000 * film + user}" for user in range(1, 5) for film in range(1, 6)]
    (folder / "ratings.csv").write_text("\n".join(["userId,movieId,rating,timestamp", *ratings]) + "\n")
    films = [f'{film},"Film {film}, the (199{film})",Drama|Comedy' for film in range(1, 7)]
    (folder / "movies.csv").write_text("\n".join(["movieId,title,genres", *films]) + "\n")
    (folder / "tags.csv").write_text("userId,movieId,tag,timestamp\n3,1,early,1001000\n3,5,late,1006000\n9,2,stranger,1009000\n")
    return folder


def test_the_worlds_data_lack_what_is_held_out_and_nothing_else(films: Path, tmp_path: Path) -> None:
    plan = make_plan(Options(films, "leave-last-out", 2), tmp_path / "runs")
    withhold(plan, films)
    world = prepare(plan.world_data, tmp_path / "prepared").dataset
    columns = ["user_id", "item_id", "timestamp", "type", "value", "tie"]
    expected = plan.events.filter(plan.split.train).sort("timestamp", "tie").select(columns)
    assert world.interactions.select(columns).equals(expected)
    assert len(expected) == 4 * 2
    assert world.items["item_id"].equals(plan.dataset.items["item_id"])
    assert world.description.seen == plan.dataset.description.seen


def test_a_plan_is_named_after_its_folder_or_as_it_is_told(films: Path, tmp_path: Path) -> None:
    plans = [make_plan(Options(films, "leave-last-out", 2, name=name), tmp_path / "runs") for name in (None, "mine")]
    assert [plan.dataset.description.name for plan in plans] == ["films", "mine"]
    assert [plan.folder.name for plan in plans] == ["films-leave-last-out-2", "mine-leave-last-out-2"]


def test_tags_that_came_after_a_users_cut_are_withheld_with_the_events(films: Path, tmp_path: Path) -> None:
    held_out = pl.DataFrame({"user_id": ["3"], "item_id": ["4"], "timestamp": [1_004_003.0]})
    write_without(films, tmp_path / "out", held_out, None, Seen("ever"))
    assert pl.read_csv(tmp_path / "out" / "tags.csv")["tag"].to_list() == ["early", "stranger"]
    write_without(films, tmp_path / "out", held_out, 1_002_000.0, Seen("ever"))
    assert pl.read_csv(tmp_path / "out" / "tags.csv")["tag"].to_list() == ["early"]


def test_compressed_and_parquet_files_keep_their_names_and_dataset_yaml_its_words(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    sales = pl.DataFrame({"customer": ["a", "a", "b"], "sku": ["x", "y", "x"], "timestamp": [1.5, 2.0, 3.0], "units": [1, None, 2]})
    sales.write_parquet(folder / "sales.parquet")
    columns = "{user_id: customer, item_id: sku, quantity: units}"
    (folder / "dataset.yaml").write_text(f"files: {{interactions: sales.parquet}}\ncolumns: {columns}\n")
    held_out = pl.DataFrame({"user_id": ["b"], "item_id": ["x"], "timestamp": [3.0]})
    write_without(folder, tmp_path / "out", held_out, None, Seen("within", 30.0))
    left = prepare(tmp_path / "out", tmp_path / "prepared").dataset
    assert left.interactions.select("user_id", "item_id", "value").rows() == [("a", "x", 1.0), ("a", "y", None)]
    assert left.description.seen == Seen("within", 30.0)


def test_an_item_whose_interactions_all_lie_after_the_cut_has_zero_in_every_feature(films: Path, tmp_path: Path) -> None:
    """The leak canary: through the data folder, the offline store and the catalogue that is served."""
    with (films / "ratings.csv").open("a") as file:
        file.write("".join(f"{user},6,5,{1_100_000 + user}\n" for user in range(1, 5)))
    plan = make_plan(Options(films, "leave-last-out", 1), tmp_path / "runs")
    withhold(plan, films)
    workspace = Workspace(tmp_path / "workspace")
    prepare(plan.world_data, workspace.data)
    publish_snapshot(workspace, lambda cost: False)
    catalogue = require_unspoilt(workspace, plan.split.known)
    row = catalogue.rows_of(["6"])[0]
    assert plan.dataset.interactions.filter(pl.col("item_id") == "6").height == 4
    assert catalogue.arrays.features[row].tolist() == [0.0] * catalogue.arrays.features.shape[1]
    assert not (catalogue.arrays.next_rows == row).any()
    assert (catalogue.arrays.next_rows[row] == -1).all()
    assert catalogue.arrays.features[catalogue.rows_of(["1"])[0], 0] == 4.0


def test_models_and_snapshots_that_know_what_is_held_out_are_refused(films: Path, tmp_path: Path) -> None:
    plan = make_plan(Options(films, "leave-last-out", 1), tmp_path / "runs")
    workspace = Workspace(tmp_path / "workspace")
    prepare(films, workspace.data)
    publish_snapshot(workspace, lambda cost: False)
    with pytest.raises(SpoiltWorld, match=r"snapshot \w+ was made of 20 interactions .*, the training part has 12 .*delete the run folder"):
        require_unspoilt(workspace, plan.split.known)
    card = {"trained_until": float(sequences_of(plan.dataset).times.max()), "interactions": 12}
    (workspace.models / "ranking" / "3").mkdir(parents=True)
    (workspace.models / "ranking" / "3" / "card.json").write_text(json.dumps(card))
    with pytest.raises(SpoiltWorld, match="model ranking version 3 was made of 12 interactions until 1005004"):
        require_unspoilt(workspace, plan.split.known)


def test_the_measured_graph_is_a_valid_one_with_the_asked_mode_and_caps(tmp_path: Path) -> None:
    default = default_graph("events", {"mode": "off"}, "data")
    for seen, caps in ((Seen("ever"), True), (Seen("within", 30.0), False)):
        path = tmp_path / "graph.yaml"
        path.write_text(measured_graph(default, seen, caps, frozenset({"purchase", "basket"})))
        home = load_graph(path).surfaces["home"]
        assert (home.filters[0].mode, home.filters[0].within_days) == (seen.mode, seen.within_days)
        assert bool(home.selector.caps) == caps
        assert load_graph(path).type_values["basket"] == pytest.approx(np.log(2))
    assert yaml.safe_load(default)["surfaces"]["similar"] == yaml.safe_load(path.read_text())["surfaces"]["similar"]


def test_a_graph_that_is_put_in_place_is_named_by_its_version(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    version = put_graph(workspace, default_graph("ratings", {"mode": "ever"}, "data"))
    assert load_graph(workspace.graph).version == version
    assert (tmp_path / MEASURED).exists()


def test_a_request_is_sent_with_what_came_since_the_training_part_ended_and_at_its_time(films: Path, tmp_path: Path) -> None:
    plan = make_plan(Options(films, "leave-last-out", 2), tmp_path / "runs")
    sent = instances(plan.split.test, plan.events, plan.split.train)
    first, second = sent[:2]
    assert (first["user_id"], first["timestamp"], first["limit"]) == ("1", 1_004_001.0, 500)
    assert [event["item_id"] for event in first["history"]] == ["3"]
    assert [event["item_id"] for event in second["history"]] == ["3", "4"]
    assert second["history"][0] == {"item_id": "3", "type": "rating", "value": 5.0, "timestamp": 1_003_001.0}


def test_an_explanation_becomes_the_rankings_of_every_stage() -> None:
    stages = Stages.empty(1)
    candidates = [
        {"item_id": "a", "sources": {"popular": 1}, "removed_by": None},
        {"item_id": "b", "sources": {"two_tower": 1, "popular": 3}, "removed_by": None},
        {"item_id": "c", "sources": {"popular": 2}, "removed_by": "seen"},
        {"item_id": "d", "sources": {"two_tower": 2}, "removed_by": "candidate_limit"},
    ]
    answer = {"items": [{"item_id": "b", "score": 0.5}, {"item_id": "a", "score": 0.25}], "candidates": candidates}
    stages.take({"a": 0, "b": 1, "c": 2, "d": 3}, 0, answer, 0.1)
    shown = {name: rows[0][rows[0] >= 0].tolist() for name, rows in stages.rows.items()}
    assert shown == {
        "graph": [1, 0], "fusion": [1, 3, 0], "two_tower": [1, 3], "popular": [0, 1], "next_item": [], "similar_to_liked": [],
    }
    assert stages.scores[0, :2].tolist() == [0.5, 0.25]


def test_a_part_is_made_once_for_the_same_inputs_and_anew_for_others(tmp_path: Path) -> None:
    made = []

    def make() -> Part:
        made.append(1)
        return Part({"rows": np.arange(3)}, {"settings": {"a": 1.5}})

    for inputs in (("x",), ("x",), ("y",)):
        part = kept(tmp_path, "EASE, recency", inputs, make)
        assert (part.arrays["rows"].tolist(), part.facts) == ([0, 1, 2], {"settings": {"a": 1.5}})
    assert len(made) == 2
    assert len(list(tmp_path.iterdir())) == 1
