"""One run of `inference-graph tune`: the world of the trials, made once; the search; the best configuration written back."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inference_graph.steps import digest
from inference_graph.storage import write_file
from inference_graph.workspace import Workspace
from rec_models.configuration import CONFIGS, Ranking, Retrieval
from rec_models.ray_session import ray_session
from rec_models.train import given_of
from rec_models.trained import training_code
from rec_models.training import Phase
from rec_models.tuning.search import Trial, search
from rec_models.tuning.spaces import SPACES, Changes, Model, configurations
from rec_models.tuning.trials import METRICS
from rec_models.tuning.worlds import RankingWorld, RetrievalWorld, ranking_world, retrieval_world, without_newest
from rec_models.tuning.writing import write_changes

KINDS: dict[Model, type[Retrieval] | type[Ranking]] = {"retrieval": Retrieval, "ranking": Ranking}


@dataclass(frozen=True)
class Asked:
    """`held_back`: newest timestamps of each user that are not looked at."""

    model: Model
    trials: int
    workers: int
    seed: int
    held_back: int
    write: bool


@dataclass(frozen=True)
class Tuned:
    """Trials with the best whole one first; `present` is the trial of the configuration that there was before.

    `better` is what the best one has otherwise than the configuration, empty where it is not better.
    """

    model: Model
    metric: str
    trials: list[Trial]
    present: Trial
    better: Changes
    folder: str


def tune(workspace: Workspace, asked: Asked, agree: Callable[[str], bool], phase: Phase) -> Tuned:
    """Run again, it goes on; a search that is done is only read. Nothing is written back that is not better than what there was."""
    with phase("data"):
        given = without_newest(given_of(workspace, False, agree)[0], asked.held_back)
    present = given.retrieval if asked.model == "retrieval" else given.ranking
    untuned = present.model_dump(exclude=set(SPACES[asked.model]))
    other = given.ranking if asked.model == "retrieval" else given.retrieval
    events = digest(given.sequences.items.tobytes(), given.sequences.times.tobytes(), given.content.tobytes())
    name = digest(json.dumps([untuned, other.model_dump(), asked.model, asked.trials, asked.seed], sort_keys=True), events, training_code())
    folder = workspace.root / "tune" / name
    tried = _kept(folder / "configurations.json", lambda: configurations(asked.model, present, asked.trials, asked.seed))
    done = folder / "trials.json"
    if done.exists():
        trials = [Trial(**trial) for trial in json.loads(done.read_text())]
    else:
        world = _world(folder / "world.pickle", lambda: (retrieval_world if asked.model == "retrieval" else ranking_world)(given, phase))
        with phase("trials"), ray_session(asked.workers):
            trials = search(world, tried, folder, asked.workers)
        write_file(str(done), json.dumps([asdict(trial) for trial in trials]).encode())
    return _tuned(asked, trials, present, folder)


def _tuned(asked: Asked, trials: list[Trial], present: Any, folder: Path) -> Tuned:
    before = next(trial for trial in trials if trial.number == 0)
    best = trials[0]
    better = best.whole and (best.value > before.value or not before.whole)
    changes = {name: value for name, value in best.changes.items() if better and value != _plain(getattr(present, name))}
    if changes and asked.write:
        write_changes(CONFIGS / f"{asked.model}.yaml", KINDS[asked.model], changes)
    return Tuned(asked.model, METRICS[asked.model], trials, before, changes, str(folder))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _kept(file: Path, make: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """What was made at the first run, whatever has been written to the configuration since."""
    if not file.exists():
        write_file(str(file), json.dumps(make()).encode())
    found: list[dict[str, Any]] = json.loads(file.read_text())
    return found


def _world(file: Path, make: Callable[[], RetrievalWorld | RankingWorld]) -> RetrievalWorld | RankingWorld:
    if not file.exists():
        write_file(str(file), pickle.dumps(make(), pickle.HIGHEST_PROTOCOL))
    world: RetrievalWorld | RankingWorld = pickle.loads(file.read_bytes())
    return world
