"""`inference-graph tune`: searches hyper-parameters on Ray Tune, and writes the best back to models/configs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from inference_graph.workspace import Workspace
from rec_models.commands.loading import load_tensorflow
from rec_models.commands.snapshot import Yes, agree
from rec_models.progress import phase


class Model(StrEnum):
    RETRIEVAL = "retrieval"
    RANKING = "ranking"


def tune(
    model: Annotated[Model, typer.Argument(help="Which model's configuration.")] = Model.RANKING,
    trials: Annotated[int, typer.Option(min=2, max=1000, help="Configurations tried, the present one among them.")] = 20,
    workers: Annotated[int, typer.Option(min=1, max=1000, help="Trials at work at once.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Another seed draws other configurations.")] = 1,
    held_back: Annotated[int, typer.Option(min=0, max=100, help="Newest timestamps of each user that are not looked at.")] = 1,
    write: Annotated[bool, typer.Option(" /--no-write", help="Only say what is best.")] = True,
    yes: Yes = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Search better hyper-parameters for a model on the data set in use, and write the best to models/configs.

    Trials train on the past and are judged by later requests: recall@100 of the retrieval model, NDCG@10 of the ranking model. What
    `evaluate` predicts, each user's newest timestamp (--held-back), is not looked at. After a third of the training the worse half of
    the trials is stopped, and again later. Interrupted, it goes on where it was. `train` then trains with what was written.

    Examples:

      inference-graph tune ranking

      inference-graph tune retrieval --trials 40 --workers 8 --no-write --json
    """
    load_tensorflow()
    from rec_models.tuning.run import Asked
    from rec_models.tuning.run import tune as run

    asked = Asked(model.value, trials, workers, seed, held_back, write)
    tuned = run(Workspace.current(), asked, lambda cost: agree(cost, yes), phase)
    if as_json:
        typer.echo(json.dumps(asdict(tuned)))
        return
    console = Console(highlight=False)
    console.print(_table(tuned.metric, tuned.trials))
    if not tuned.better:
        console.print(f"models/configs/{tuned.model}.yaml has the best of them: {tuned.metric} {tuned.trials[0].value:.4f}")
        return
    changed = ", ".join(f"{name}: {value}" for name, value in tuned.better.items())
    where = f"written to models/configs/{tuned.model}.yaml" if write else "not written"
    console.print(
        f"{tuned.metric} {tuned.trials[0].value:.4f} instead of {tuned.present.value:.4f} with {changed}; {where}", soft_wrap=True
    )


def _table(metric: str, trials: list[Any]) -> Table:
    table = Table("trial", metric, "trained", "changes", box=None)
    for trial in trials:
        table.add_row(
            str(trial.number), f"{trial.value:.4f}", f"{trial.share:.0%}{'' if trial.whole else ' (stopped)'}", _words(trial.changes)
        )
    return table


def _words(changes: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in changes.items())
