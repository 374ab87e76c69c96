"""`inference-graph evaluate`: the graph against simple baselines, on what the data set's users did last."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from inference_graph.workspace import SYNTHETIC, home
from rec_models.commands.loading import load_tensorflow
from rec_models.progress import phase

Protocol = Literal["leave-last-out", "leave-last-basket-out", "forward"]


def evaluate(
    data: Annotated[Path | None, typer.Option(help="Folder of a data set; the built-in one where it is left out.")] = None,
    protocol: Annotated[Protocol | None, typer.Option(help="What is held out; by default what suits the data's timestamps.")] = None,
    last: Annotated[int, typer.Option(min=1, max=100, help="Test items of a user; with forward, moments after the cut.")] = 1,
    users: Annotated[int, typer.Option(min=10, help="Test at most that many users, drawn at random.")] = 10_000,
    seeds: Annotated[int, typer.Option(min=1, max=10, help="Train the graph so many times; its figures are means over them.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the whole result to this file.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write a report with plots to this HTML file.")] = None,
) -> None:
    """Train without what users did last, serve the graph, ask it for what came then, and compare with simple baselines.

    Everything happens in a world of its own in .run/evaluations: your models, features and Redis are not touched. Baselines are
    tuned on validation. Finished parts are kept: an interrupted run goes on, a repeated one only reports.

    Protocols: leave-last-out takes each user's last interactions, leave-last-basket-out all of the last timestamp, forward what came
    after a point in time.

    Examples:

      inference-graph evaluate --data ml-latest-small --last 5 --json result.json --report report.html

      inference-graph evaluate --data online-retail --protocol forward
    """
    load_tensorflow()
    from rec_models.commands.data import built_in_folder, synthesize_once
    from rec_models.evaluation.evaluate import evaluate as run
    from rec_models.evaluation.plan import Options
    from rec_models.evaluation.report import write_report
    from rec_models.evaluation.table import show

    name = None
    if data is None:
        data, name = built_in_folder(), SYNTHETIC
        synthesize_once(data)
    # What runs for us ends with us: by an exception, as at Ctrl-C.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    result = run(Options(data, protocol, last, users, seeds, name), home() / "evaluations", phase)
    show(Console(), result)
    if json_file is not None:
        _write(json_file, json.dumps(result, indent=1))
    if report is not None:
        _write(report, write_report(result))


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}-{os.getpid()}")
    draft.write_text(text)
    os.replace(draft, path)
