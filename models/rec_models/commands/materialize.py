"""`inference-graph materialize`: events to the offline store, features counted anew, what changed to Redis."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from inference_graph.workspace import Workspace, redis_url

if TYPE_CHECKING:
    from rec_models.materialize import Materialized

AsJson = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
Online = Annotated[list[str] | None, typer.Option("--online", help="a view that goes online besides user_statistics; repeatable")]


def materialize(online: Online = None, as_json: AsJson = False) -> None:
    """Move new events to the offline store, count features anew, and write those that changed to Redis.

    Examples:

      inference-graph materialize

      inference-graph materialize --online item_attributes --json
    """
    from rec_models.materialize import materialize as run

    done = run(Workspace.current(), redis_url(), tuple(online or ()))
    typer.echo(json.dumps(asdict(done)) if as_json else in_words(done))


def in_words(done: Materialized) -> str:
    parts = [f"{done.moved:,} new events moved"]
    parts += [f"{done.erased:,} users erased"] if done.erased else []
    parts += ["statistics counted anew" if done.statistics else "statistics up to date"]
    parts += [f"{rows:,} rows of {view} written" for view, rows in done.online.items()]
    parts += ["histories loaded"] if done.histories else []
    return "materialize: " + ", ".join(parts)
