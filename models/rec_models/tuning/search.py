"""Trials on Ray Tune: weak ones are stopped early, a killed one begins again, an interrupted search goes on where it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference_graph.errors import InferenceGraphError
from rec_models.tuning.spaces import Changes
from rec_models.tuning.trials import REPORTS, ranking_trial, retrieval_trial
from rec_models.tuning.worlds import RankingWorld, RetrievalWorld

FEWEST_REPORTS = 2
HALVED = 2
"""Of so many trials that have come as far, the best one goes on."""
BEGUN_AGAIN = 3
TRIALS = "trials"


class SearchFailed(InferenceGraphError):
    pass


@dataclass(frozen=True)
class Trial:
    """`value` of the metric after `share` of its training, which is 1 where it was not stopped."""

    number: int
    changes: Changes
    value: float
    share: float

    @property
    def whole(self) -> bool:
        return self.share == 1.0


def search(world: RetrievalWorld | RankingWorld, tried: Sequence[Changes], folder: Path, workers: int) -> list[Trial]:
    """Every configuration's trial, the best whole one first. `folder` keeps what is done; Ray must be running."""
    from ray import tune

    trainable = tune.with_resources(tune.with_parameters(run_trial, world=world, tried=list(tried)), {"cpu": 1})
    if tune.Tuner.can_restore(str(folder / TRIALS)):
        tuner = tune.Tuner.restore(str(folder / TRIALS), trainable, resume_unfinished=True, restart_errored=True)
    else:
        stopping = tune.schedulers.ASHAScheduler(time_attr="reports", max_t=REPORTS, grace_period=FEWEST_REPORTS, reduction_factor=HALVED)
        tuner = tune.Tuner(
            trainable,
            param_space={"number": tune.grid_search(list(range(len(tried))))},
            tune_config=tune.TuneConfig(metric="value", mode="max", scheduler=stopping, max_concurrent_trials=workers),
            run_config=tune.RunConfig(
                name=TRIALS, storage_path=str(folder), verbose=0, failure_config=tune.FailureConfig(max_failures=BEGUN_AGAIN)
            ),
        )
    results = tuner.fit()
    if results.errors:
        failed = f"{len(results.errors)} of {len(tried)} trials failed {1 + BEGUN_AGAIN} times, the first with {results.errors[0]!s:.500}"
        raise SearchFailed(f"{failed}; what is done is kept, run it again")
    metrics = [results[number].metrics or {} for number in range(len(results))]
    if not all("number" in each for each in metrics):
        raise SearchFailed("a trial had nothing to learn from: no request of the past has a wanted item among its candidates")
    found = [_trial(each, tried) for each in metrics]
    return sorted(found, key=lambda trial: (not trial.whole, -trial.value, trial.number))


def run_trial(config: dict[str, Any], world: RetrievalWorld | RankingWorld, tried: Sequence[Changes]) -> None:
    from ray import tune

    def report(reports: int, value: float) -> None:
        tune.report({"number": config["number"], "reports": reports, "value": value})

    if isinstance(world, RetrievalWorld):
        retrieval_trial(world, tried[config["number"]], report)
    else:
        ranking_trial(world, tried[config["number"]], report)


def _trial(metrics: dict[str, Any], tried: Sequence[Changes]) -> Trial:
    number = int(metrics["number"])
    return Trial(number, tried[number], float(metrics["value"]), int(metrics["reports"]) / REPORTS)
