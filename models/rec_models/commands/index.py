"""`inference-graph index`: the snapshot's content vectors into Redis vector search."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from inference_graph.workspace import Workspace, redis_url

AsJson = Annotated[bool, typer.Option("--json", help="print the result as JSON")]


def index(as_json: AsJson = False) -> None:
    """Fill Redis's vector index from the published snapshot; searches go to the new one once it is whole.

    Examples:

      inference-graph index

      inference-graph index --json
    """
    from rec_models.index import index_snapshot

    done = index_snapshot(Workspace.current(), redis_url())
    if as_json:
        recall = {str(width): found for width, found in done.recall_by_width.items()}
        typer.echo(json.dumps({"index": done.name, "added": done.added, "ef_runtime": done.width, "recall_at_100": recall}))
    else:
        typer.echo(f"index {done.name}: {f'{done.added:,} items added' if done.added else 'up to date'}")
        for width, found in done.recall_by_width.items():
            typer.echo(f"  EF_RUNTIME {width}: {found:.3f} of the exact nearest hundred{' (in use)' if width == done.width else ''}")
