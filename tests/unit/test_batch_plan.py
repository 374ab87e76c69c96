"""What makes a batch the same batch, whom it is for, that its answers are of one version, and which batches are kept."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from inference_graph.graph import default_graph, load_graph
from rec_models.batch.answering import patient
from rec_models.batch.folders import KEPT, current, forget, publish
from rec_models.batch.parts import missing_parts, table_of, write_part
from rec_models.batch.plan import BatchFailed, Plan, users_in
from rec_models.data.problems import InvalidData
from rec_models.progress import counted

VERSIONS = {"retrieval": "7", "ranking": "12", "snapshot": "abc", "graph": "def"}
PLAN = Plan(timestamp=10.0, wall_clock=False, limit=2, users=5, users_digest="d", part_users=2, versions=VERSIONS)


def answer(user_id: str | None, **versions: str) -> dict[str, Any]:
    items = [{"item_id": "x", "title": "X", "score": 0.7777, "sources": {"popular": 1, "two_tower": 3}}]
    return {"user_id": user_id, "user": "known", "items": items, "rules_relaxed": ["at_most"], "versions": {**VERSIONS, **versions}}


@pytest.mark.parametrize(
    "change",
    [
        {"timestamp": 11.0},
        {"limit": 3},
        {"users": 6},
        {"users_digest": "e"},
        {"part_users": 3},
        {"versions": {**VERSIONS, "ranking": "13"}},
    ],
)
def test_whatever_decides_what_the_rows_are_makes_another_batch(change: dict[str, Any]) -> None:
    assert dataclasses.replace(PLAN, **change).name != PLAN.name


def test_a_batch_of_the_wall_clock_stays_the_same_while_time_goes_on() -> None:
    begun = dataclasses.replace(PLAN, wall_clock=True)
    assert dataclasses.replace(begun, timestamp=99.0).name == begun.name != PLAN.name


def test_a_plan_comes_back_as_it_was_written(tmp_path: Path) -> None:
    assert Plan.read(str(tmp_path)) is None
    PLAN.write(str(tmp_path))
    assert Plan.read(str(tmp_path)) == PLAN


def test_parts_hold_every_user_once_in_order() -> None:
    users = [None, "a", "b", "c", "d"]
    assert [PLAN.of_part(users, part) for part in range(PLAN.parts)] == [[None, "a"], ["b", "c"], ["d"]]


def test_only_parts_that_are_not_there_are_missing(tmp_path: Path) -> None:
    folder = str(tmp_path)
    assert missing_parts(folder, PLAN) == [0, 1, 2]
    table = table_of([answer("a"), answer(None)], PLAN)
    write_part(folder, PLAN, 1, table)
    (tmp_path / ".part-00002.parquet-draft").touch()
    assert missing_parts(folder, PLAN) == [0, 2]
    rows = pl.read_parquet(tmp_path / "part-00001.parquet")
    assert rows["user_id"].to_list() == ["a", None]
    assert rows["timestamp"].to_list() == [10.0, 10.0]
    assert table.to_pylist()[0]["items"][0] == {
        "item_id": "x",
        "title": "X",
        "score": 0.7777,
        "sources": [("popular", 1), ("two_tower", 3)],
    }


def test_an_answer_by_another_version_ends_the_batch() -> None:
    with pytest.raises(BatchFailed, match="ranking 12 has become 13 meanwhile"):
        table_of([answer("a"), answer("b", ranking="13")], PLAN)


def test_users_are_read_from_parquet_and_from_lines(tmp_path: Path) -> None:
    pl.DataFrame({"user_id": [7, 5, 7, None]}).write_parquet(tmp_path / "users.parquet")
    (tmp_path / "users.txt").write_text("b\n a \n\nb\n")
    (tmp_path / "empty.txt").write_text("\n")
    assert users_in(str(tmp_path / "users.parquet")) == ["5", "7"]
    assert users_in(str(tmp_path / "users.txt")) == ["a", "b"]
    for name in ("empty.txt", "nowhere.txt", "nowhere.parquet"):
        with pytest.raises(InvalidData, match="expected"):
            users_in(str(tmp_path / name))


def test_the_newest_whole_batches_are_kept_and_the_pointer_names_the_last(tmp_path: Path) -> None:
    assert current(str(tmp_path)) is None
    names = [f"batch{number}" for number in range(KEPT + 2)]
    for moment, name in enumerate(names):
        PLAN.write(str(tmp_path / name))
        os.utime(tmp_path / name / "batch.json", (moment, moment))
        publish(str(tmp_path), name)
    (tmp_path / "not_ours").mkdir()
    assert current(str(tmp_path)) == names[-1]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == [*names[-KEPT:], "not_ours"]
    forget(str(tmp_path), names[-1])
    forget(str(tmp_path), "never")
    assert not (tmp_path / names[-1]).exists()


def test_no_step_of_a_patient_graph_is_given_up_early_and_nothing_else_changes(tmp_path: Path) -> None:
    (tmp_path / "graph.yaml").write_text(default_graph("ratings", {"mode": "ever"}, "wall"))
    config = load_graph(tmp_path / "graph.yaml")
    longer = patient(config, 9.0)
    home = longer.surfaces["home"]
    assert {longer.timeout_seconds, home.user_timeout_seconds, home.ranker.timeout_seconds} == {9.0}  # type: ignore[union-attr]
    assert [source.timeout_seconds for source in home.sources if hasattr(source, "timeout_seconds")] == [9.0, 9.0]
    assert patient(longer, 1.0).model_dump() == patient(config, 1.0).model_dump()
    assert longer.version == config.version


def test_work_that_takes_long_says_in_a_log_how_far_it_is(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rec_models.progress.LINE_SECONDS", 0.0)
    with counted("users") as begin:
        done = begin(10, 4)
        done(3)
        done(3)
    assert capsys.readouterr().err.splitlines() == ["users: 7 of 10", "users: 10 of 10"]
