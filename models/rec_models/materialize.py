"""From the event stream to features: moved to the offline store, counted anew, and what changed written online."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import redis
from rich.progress import Progress

from inference_graph.workspace import Workspace
from rec_models.data.dataset import load_dataset
from rec_models.events import all_events, hand_over
from rec_models.feature_repo import WRITE_SECONDS, apply_feature_repo, open_store
from rec_models.histories import load_histories
from rec_models.offline_store import refresh_offline
from rec_models.online_store import write_online
from rec_models.progress import progress_bar
from rec_models.stream import EventStream


@dataclass(frozen=True)
class Materialized:
    """What one run did: entries moved, users erased, whether statistics and histories changed, rows written per view."""

    moved: int
    erased: int
    statistics: bool
    histories: bool
    online: dict[str, int]


def materialize(workspace: Workspace, redis_url: str, online_views: tuple[str, ...] = ()) -> Materialized:
    """Brings offline and online features up to date; `online_views` go online besides `user_statistics`.

    Interrupted anywhere, the next run goes on. Two runs on one workspace take turns.
    """
    description = load_dataset(workspace.data).description
    client = redis.Redis.from_url(redis_url, socket_timeout=WRITE_SECONDS, socket_connect_timeout=5.0)
    with _alone(workspace), contextlib.closing(client), progress_bar() as progress:
        hand_over(workspace)
        stream = EventStream(client, workspace.redis_prefix, workspace.offline, description.ties)
        moved = stream.move(_shown(progress, "moving events")[1])
        statistics = refresh_offline(workspace)
        apply_feature_repo(workspace, online_views)
        store = open_store(workspace, redis_url)
        views = ("user_statistics", *online_views)
        online = {view: write_online(workspace, store, client, view, *_shown(progress, f"writing {view}")) for view in views}
        shown = _shown(progress, "loading histories")
        histories = load_histories(client, workspace.redis_prefix, lambda: all_events(workspace), description.hash, *shown)
    return Materialized(moved.events, moved.erased, statistics, histories, online)


def _shown(progress: Progress, name: str) -> tuple[Callable[[int], None], Callable[[int], None]]:
    """What a step calls with how much there is to do, and with how much it did."""
    task = progress.add_task(name, total=None)
    return lambda total: progress.update(task, total=total), lambda count: progress.advance(task, count)


@contextlib.contextmanager
def _alone(workspace: Workspace) -> Iterator[None]:
    workspace.root.mkdir(parents=True, exist_ok=True)
    with (workspace.root / "materialize.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
