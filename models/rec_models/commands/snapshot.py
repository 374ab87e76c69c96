"""`inference-graph snapshot`: all that is known about items, as one immutable file set, published."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from inference_graph.workspace import Workspace

AsJson = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
Yes = Annotated[bool, typer.Option("--yes", envvar="EMBEDDINGS_YES", help="agree to what embeddings from an endpoint cost")]


def snapshot(yes: Yes = False, as_json: AsJson = False) -> None:
    """Build the catalogue snapshot from the features of all items and publish it; the same data gives the same name.

    Embeddings are made locally, or by the OpenAI-compatible endpoint that EMBEDDINGS_URL, EMBEDDINGS_MODEL and
    OPENAI_API_KEY name.

    Examples:

      inference-graph snapshot

      EMBEDDINGS_URL=http://127.0.0.1:11434/v1 EMBEDDINGS_MODEL=nomic-embed-text inference-graph snapshot --yes
    """
    from rec_models.snapshot import publish_snapshot

    workspace = Workspace.current()
    published = publish_snapshot(workspace, lambda cost: agree(cost, yes))
    if as_json:
        typer.echo(json.dumps({"snapshot": published.name, "items": published.items, "store": workspace.snapshots}))
    else:
        typer.echo(f"snapshot {published.name}: {published.items:,} items, published to {workspace.snapshots}")


def agree(cost: str, yes: bool) -> bool:
    """Says what embeddings will cost, and asks unless it was agreed to before."""
    typer.echo(f"embeddings: {cost}", err=True)
    return yes or (sys.stdin.isatty() and typer.confirm("Go on?", err=True))
