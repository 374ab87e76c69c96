"""`inference-graph refresh`: materialize, snapshot and index in turn, in one process."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer

from inference_graph.workspace import Workspace, redis_url
from rec_models.commands.materialize import AsJson, Online, in_words
from rec_models.commands.snapshot import Yes, agree


def refresh(online: Online = None, yes: Yes = False, as_json: AsJson = False) -> None:
    """Bring all that serving reads up to date with the newest events: features, snapshot, vector index.

    Examples:

      inference-graph refresh

      inference-graph refresh --json
    """
    from rec_models.index import index_snapshot
    from rec_models.materialize import materialize
    from rec_models.snapshot import publish_snapshot

    workspace, url = Workspace.current(), redis_url()
    features = materialize(workspace, url, tuple(online or ()))
    published = publish_snapshot(workspace, lambda cost: agree(cost, yes))
    indexed = index_snapshot(workspace, url)
    if as_json:
        typer.echo(json.dumps({"materialize": asdict(features), "snapshot": asdict(published), "index": asdict(indexed)}))
        return
    typer.echo(in_words(features))
    typer.echo(f"snapshot {published.name}: {published.items:,} items")
    typer.echo(f"index {indexed.name}: {f'{indexed.added:,} items added' if indexed.added else 'up to date'}")
