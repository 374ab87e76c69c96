"""`inference-graph batch`: recommendations for all users, and embeddings of a catalogue, as Parquet."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from inference_graph.workspace import Workspace
from rec_models.commands.snapshot import Yes, agree
from rec_models.progress import counted

if TYPE_CHECKING:
    from inference_graph.settings import Settings

app = typer.Typer(invoke_without_command=True, rich_markup_mode="rich")
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Out = Annotated[str | None, typer.Option(metavar="FOLDER", help="A folder or s3://bucket/prefix; by default `batch` in the workspace.")]
Workers = Annotated[int, typer.Option(min=1, max=1000, help="Processes at work at once.")]


@app.callback()
def batch(
    context: typer.Context,
    out: Out = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="Items for each user.")] = 10,
    users: Annotated[str | None, typer.Option(metavar="FILE", help="For these only: Parquet with user_id, or one id a line.")] = None,
    anonymous: Annotated[bool, typer.Option("--anonymous", help="Also a row without a user id: what visitors are shown.")] = False,
    timestamp: Annotated[float | None, typer.Option(min=0, help="As of this time, in seconds since 1970.")] = None,
    part: Annotated[int, typer.Option(min=1, max=1_000_000, help="Users in a file, and lost at most where a worker dies.")] = 250,
    workers: Workers = 2,
    anew: Annotated[bool, typer.Option("--anew", help="Even if this batch was made, or begun, before.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write recommendations for all users as Parquet: what the endpoint would answer, for mail and as a fallback.

    The same pipeline over the same services as the graph that runs here, or the one that the environment names (GRAPH and the
    transformer's other settings), in Ray's workers: on this machine, or on the cluster in RAY_ADDRESS. A row has the items, their
    scores and sources, and the versions that gave them, all of one version and none degraded. The folder's file `current` names the
    newest whole batch. Interrupted, it goes on where it was; a batch that is there is not made again.

    Examples:

      inference-graph batch

      inference-graph batch --limit 50 --out s3://mail/recommendations --workers 16

      inference-graph batch --users lapsed.txt --anonymous --json

      inference-graph batch embeddings
    """
    if context.invoked_subcommand is not None:
        return
    from rec_models.batch.plan import all_users, users_in
    from rec_models.batch.run import Asked, run_batch

    settings, workspace = _settings(), Workspace.current()
    user_ids: list[str | None] = [None] if anonymous else []
    user_ids += users_in(users) if users else all_users(workspace)
    asked = Asked(out or str(workspace.root / "batch"), limit, part, workers, timestamp, anew)
    with counted("users") as begin:
        made = run_batch(settings, user_ids, asked, begin)
    fresh = made.done_before < made.plan.users
    if as_json:
        typer.echo(json.dumps({**asdict(made), "fresh": fresh}))
        return
    how = f"written in {made.seconds:.1f} s" + (f", {made.done_before:,} of them before" if made.done_before else "")
    typer.echo(f"{made.plan.users:,} users, {made.plan.parts:,} files in {made.folder}: {how if fresh else 'up to date'}")


@app.command()
def embeddings(out: Out = None, workers: Workers = 2, yes: Yes = False, as_json: AsJson = False) -> None:
    """Write the embedding of every item of the data set in use as Parquet: item_id, vector, model.

    Made here, or by the endpoint in EMBEDDINGS_URL, which Ray's workers then ask side by side; what it answered is kept, and
    neither the next run nor `train` nor `snapshot` asks for it again.

    Examples:

      inference-graph batch embeddings

      inference-graph batch embeddings --out s3://catalogue/embeddings --workers 8 --yes
    """
    from rec_models.batch.embedding import embed_catalogue

    workspace = Workspace.current()
    made = embed_catalogue(workspace, out or str(workspace.root / "embeddings"), workers, lambda cost: agree(cost, yes))
    if as_json:
        typer.echo(json.dumps(asdict(made)))
        return
    state = "written" if made.fresh else "up to date"
    typer.echo(f"{made.items:,} items, {made.dimensions} numbers each, by {made.model}, in {made.folder}: {state}")


def _settings() -> Settings:
    """From the environment where it names a graph, else of the one that runs here."""
    from inference_graph.local.running import Running
    from inference_graph.settings import Settings

    return Settings.from_environment() if "GRAPH" in os.environ else Running.here().settings()
