"""Item features in Feast's online store: the naive way reads them there, for every candidate of every request."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

import redis

from inference_graph.clients.redis_connection import redis_errors
from inference_graph.errors import InferenceGraphError
from inference_graph.local.process import script
from inference_graph.local.running import Running

VIEW = "item_statistics"
SECONDS = 600


def ensure_online(running: Running, say: Callable[[str], None], again: bool = False) -> None:
    """Writes them by the product's own command where they are not there; `again` also where they are, and the snapshot with them.

    Views that are online already stay so. The graph itself reads neither.
    """
    views = _online_views(running)
    if VIEW in views and not again:
        return
    say(f"writing {VIEW} to Feast's online store, where the naive way reads them")
    options = [word for view in sorted({*views, VIEW} - {"user_statistics"}) for word in ("--online", view)]
    _run(running, "materialize", *options)
    if again:
        _run(running, "snapshot")


def _online_views(running: Running) -> set[str]:
    """Which views `inference-graph materialize` has written to this Redis."""
    prefix = f"{{{running.workspace.redis_prefix}}}:online:"
    with redis_errors("looking for online features"), redis.Redis.from_url(running.redis_url, socket_timeout=5.0) as client:
        keys = list(client.scan_iter(f"{prefix}*", count=1000))
    return {key.decode().removeprefix(prefix) for key in keys}


def _run(running: Running, *arguments: str) -> None:
    environment = {**os.environ, "REDIS_URL": running.redis_url}
    command = [script("inference-graph"), *arguments]
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode != 0:
        raise InferenceGraphError(f"`inference-graph {' '.join(arguments)}` failed: {done.stderr.strip()[-500:]}")
