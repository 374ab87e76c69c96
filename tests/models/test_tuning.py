"""The search for hyper-parameters: what it looks at, what it tries, that it goes on where it was, and what it writes."""

from __future__ import annotations

import dataclasses
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event

import numpy as np
import psutil
import pytest
import yaml

from inference_graph.errors import InvalidConfiguration
from rec_models.configuration import CONFIGS, Ranking, Retrieval, read_configuration
from rec_models.ray_session import ray_session
from rec_models.testing import silent_phase, small_given
from rec_models.tuning.search import search
from rec_models.tuning.spaces import SPACES, configurations
from rec_models.tuning.trials import REPORTS, ranking_trial, retrieval_trial
from rec_models.tuning.worlds import RankingWorld, RetrievalWorld, ranking_world, retrieval_world, without_newest
from rec_models.tuning.writing import write_changes


@pytest.fixture(scope="module")
def towers_world() -> RetrievalWorld:
    return dataclasses.replace(retrieval_world(small_given(), silent_phase), depth=5)


@pytest.fixture(scope="module")
def ranker_world() -> RankingWorld:
    return ranking_world(small_given(), silent_phase)


def test_the_newest_timestamps_of_every_user_are_not_looked_at() -> None:
    whole = small_given().sequences
    for moments in (0, 1, 3):
        kept = without_newest(small_given(), moments).sequences
        assert len(kept) == len(whole) - moments * len(whole.user_ids)
        for user in range(3):
            np.testing.assert_array_equal(kept.times[kept.users == user], np.sort(whole.times[whole.users == user])[: 20 - moments])


def test_everything_that_towers_are_judged_by_comes_after_all_that_they_are_trained_on(towers_world: RetrievalWorld) -> None:
    sequences = towers_world.sequences
    assert sequences.times[towers_world.checks].min() >= towers_world.cut > sequences.before(towers_world.cut).times.max()


def test_requests_that_the_ranker_is_judged_by_are_the_newest(ranker_world: RankingWorld) -> None:
    times = ranker_world.sequences.times
    assert times[ranker_world.examples.moments].max() <= times[ranker_world.checks.moments].min()


@pytest.mark.parametrize("model", ["retrieval", "ranking"])
def test_configurations_begin_with_the_present_one_and_all_of_them_are_allowed(model: str) -> None:
    kind = Retrieval if model == "retrieval" else Ranking
    tried = configurations(model, kind(), 50, seed=3)  # type: ignore[arg-type]
    assert tried[0] == {name: getattr(kind(), name) for name in SPACES[model]}  # type: ignore[index]
    assert len({str(changes) for changes in tried}) == 50
    for changes in tried:
        kind.model_validate({**kind().model_dump(), **changes})
    assert tried == configurations(model, kind(), 50, seed=3)  # type: ignore[arg-type]
    assert tried[1:] != configurations(model, kind(), 50, seed=4)[1:]  # type: ignore[arg-type]


def test_a_trial_reports_at_equal_shares_of_its_training_and_gets_better(towers_world: RetrievalWorld, ranker_world: RankingWorld) -> None:
    for world, trial, change in [(towers_world, retrieval_trial, {"heads": 1}), (ranker_world, ranking_trial, {"learning_rate": 0.001})]:
        reported: list[tuple[int, float]] = []
        trial(world, change, lambda number, value, to=reported: to.append((number, value)))  # type: ignore[operator]
        assert [number for number, _ in reported] == list(range(1, REPORTS + 1))
        assert reported[-1][1] > reported[0][1] > 0


def test_a_hyper_parameter_changes_the_outcome(towers_world: RetrievalWorld) -> None:
    found = {}
    for rate in (0.005, 1e-6):
        retrieval_trial(towers_world, {"learning_rate": rate}, lambda number, value, rate=rate: found.update({rate: value}))  # type: ignore[misc]
    assert found[0.005] > found[1e-6] + 0.05


def test_a_search_stops_weak_trials_and_is_not_done_twice(towers_world: RetrievalWorld, tmp_path: Path) -> None:
    tried = [{"learning_rate": rate} for rate in (0.005, 1e-6, 2e-6, 0.004)]
    with ray_session(1):
        trials = search(towers_world, tried, tmp_path, 1)
        again = search(towers_world, tried, tmp_path, 1)
    assert again == trials
    assert {trial.number for trial in trials} == {0, 1, 2, 3}
    assert trials[0].number in (0, 3)
    assert trials[0].whole
    assert any(not trial.whole for trial in trials if trial.number in (1, 2))


def test_a_trial_whose_worker_is_killed_begins_again(towers_world: RetrievalWorld, tmp_path: Path) -> None:
    over = Event()

    def kill_a_worker_at_work() -> bool:
        while not over.wait(0.05):
            for child in psutil.Process().children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    if child.name() == "ray::ImplicitFunc.train":
                        child.kill()
                        return True
        return False

    tried = [{"learning_rate": rate} for rate in (0.005, 0.004)]
    with ray_session(1), ThreadPoolExecutor() as pool:
        killed = pool.submit(kill_a_worker_at_work)
        try:
            trials = search(towers_world, tried, tmp_path, 1)
        finally:
            over.set()
        assert killed.result()
    assert {trial.number for trial in trials} == {0, 1}
    assert trials[0].whole


def test_what_is_written_keeps_comments_and_everything_else(tmp_path: Path) -> None:
    path = Path(shutil.copy(CONFIGS / "ranking.yaml", tmp_path))
    before = path.read_text().splitlines()
    write_changes(path, Ranking, {"hidden": [256, 64], "learning_rate": 0.0031})
    after = path.read_text().splitlines()
    changed = {line.split(":")[0] for line, old in zip(after, before, strict=True) if line != old}
    assert changed == {"hidden", "learning_rate"}
    assert [line.partition("#")[2] for line in after] == [line.partition("#")[2] for line in before]
    assert [line.find("#") for line in after] == [line.find("#") for line in before]
    assert read_configuration(Ranking, path).hidden == (256, 64)
    assert yaml.safe_load(path.read_text())["learning_rate"] == 0.0031


def test_what_would_be_no_configuration_is_not_written(tmp_path: Path) -> None:
    path = Path(shutil.copy(CONFIGS / "ranking.yaml", tmp_path))
    before = path.read_text()
    for changes, complaint in [({"dropout": 1.5}, "dropout"), ({"colour": 1}, "expected one line 'colour: ...', got 0")]:
        with pytest.raises(InvalidConfiguration, match=complaint):
            write_changes(path, Ranking, changes)
    assert path.read_text() == before
    assert [file.name for file in tmp_path.iterdir()] == ["ranking.yaml"]
