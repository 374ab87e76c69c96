"""`inference-graph refresh`: materialize, snapshot and index in turn, in one process."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from typing import Annotated

import typer

from inference_graph.workspace import Workspace, redis_url
from rec_models.commands.materialize import AsJson, Online, in_words
from rec_models.commands.snapshot import Yes, agree

Wait = Annotated[float, typer.Option("--wait-seconds", min=0, help="how long Redis is waited for")]
Once = Annotated[str, typer.Option(metavar="RUN", help="publish a snapshot only if no run of this name has, which may be brought back")]


def refresh(online: Online = None, yes: Yes = False, wait_seconds: Wait = 0, once: Once = "", as_json: AsJson = False) -> None:
    """Bring all that serving reads up to date with the newest events: features, snapshot, vector index.

    Interrupted anywhere, the next run goes on. The pointer to the snapshot and the index's alias move last.

    Examples:

      inference-graph refresh

      inference-graph refresh --wait-seconds 300 --json

      inference-graph refresh --once 1f0c2a9d
    """
    from rec_models.index import index_snapshot
    from rec_models.materialize import materialize
    from rec_models.snapshot import publish_once, publish_snapshot
    from rec_models.waiting import wait_for_redis

    workspace, url = Workspace.current(), redis_url()
    wait_for_redis(url, wait_seconds)
    features = materialize(workspace, url, tuple(online or ()))
    agreed = partial(agree, yes=yes)
    published = publish_once(workspace, once, agreed) if once else publish_snapshot(workspace, agreed)
    indexed = index_snapshot(workspace, url)
    if as_json:
        typer.echo(json.dumps({"materialize": asdict(features), "snapshot": asdict(published), "index": asdict(indexed)}))
        return
    typer.echo(in_words(features))
    typer.echo(f"snapshot {published.name}: {published.items:,} items")
    typer.echo(f"index {indexed.name}: {f'{indexed.added:,} items added' if indexed.added else 'up to date'}")
