"""`inference-graph train`: both models, from the prepared data to published versions."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from inference_graph.workspace import Workspace
from rec_models.commands.loading import load_tensorflow

AsJson = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
Quick = Annotated[bool, typer.Option("--quick", help="one pass and one cut: models to try things with, not to recommend with")]
Keep = Annotated[bool, typer.Option("--keep", help="keep models that lack nothing but events moved since")]
Yes = Annotated[bool, typer.Option("--yes", envvar="EMBEDDINGS_YES", help="agree to what embeddings from an endpoint cost")]


Examples = Annotated[Path | None, typer.Option(help="also write what the ranker is taught to this file (.npz), for other rankers")]


def train(quick: Quick = False, keep: Keep = False, yes: Yes = False, examples: Examples = None, as_json: AsJson = False) -> None:
    """Train retrieval and ranking on the data set in use, and publish the next version of each. Does nothing where it is up to date.

    Models are up to date until data, settings or code change, or `materialize` has moved new events to the offline store.

    Settings: models/configs/retrieval.yaml and ranking.yaml; TRAINING_SEED=N for other seeds than theirs.

    Examples:

      inference-graph train

      inference-graph train --quick --json
    """
    from rec_models.trained import up_to_date

    workspace = Workspace.current()
    if (versions := up_to_date(workspace, quick, keep)) and (examples is None or examples.exists()):
        _say(as_json, versions, {}, {}, fresh=False)
        return
    started, seconds = time.monotonic(), dict[str, float]()
    console = Console(file=os.fdopen(os.dup(sys.stderr.fileno()), "w"))
    with _progress(console) as progress, _timed(seconds, "libraries"):
        progress.add_task("libraries", total=None)
        load_tensorflow()
        from rec_models.commands.snapshot import agree
        from rec_models.train import train as train_step
    with _progress(console) as progress:
        result = train_step(workspace, quick, lambda cost: agree(cost, yes), lambda name: _phase(progress, seconds, name), examples)
    if not as_json:
        Console().print(_table("time per phase", "seconds", {**seconds, "total": time.monotonic() - started}, "{:.1f}"))
        Console().print(_table("newest requests, unseen in training", "value", result.metrics, "{:.4g}"))
    _say(as_json, result.versions, result.metrics, seconds, fresh=True)


def _say(as_json: bool, versions: Mapping[str, int], metrics: Mapping[str, float], seconds: Mapping[str, float], fresh: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"versions": versions, "metrics": metrics, "fresh": fresh, "seconds": seconds}))
        return
    state = "published" if fresh else "up to date"
    typer.echo(f"{', '.join(f'{name} version {version}' for name, version in versions.items())}: {state}")


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)


@contextmanager
def _phase(progress: Progress, seconds: dict[str, float], name: str) -> Iterator[Callable[[float], None]]:
    task = progress.add_task(name, total=1.0)
    with _timed(seconds, name):
        yield lambda share: progress.advance(task, share)
    progress.remove_task(task)


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    seconds[name] = seconds.get(name, 0.0) + time.monotonic() - started


def _table(title: str, unit: str, rows: Mapping[str, float], form: str) -> Table:
    table = Table("", unit, title=title, title_justify="left", box=None, show_header=False)
    table.columns[1].justify = "right"
    for name, value in rows.items():
        table.add_row(name, form.format(value))
    return table
