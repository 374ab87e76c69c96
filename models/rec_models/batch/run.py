"""One run of `inference-graph batch`: plan, or take up a plan that was begun, have the missing parts answered, then publish."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from inference_graph.errors import InvalidConfiguration
from inference_graph.graph import GraphConfig, load_graph
from inference_graph.settings import Settings
from inference_graph.snapshots import SnapshotStore
from inference_graph.steps import digest
from rec_models.batch.answering import Answering
from rec_models.batch.folders import current, forget, publish
from rec_models.batch.parts import missing_parts
from rec_models.batch.plan import Plan
from rec_models.batch.recommending import Work, recommend_missing
from rec_models.progress import Begin
from rec_models.ray_session import ray_session


@dataclass(frozen=True)
class Asked:
    """`out` is a folder or s3://bucket/prefix; `timestamp` None stands for the time that a request has by graph.yaml."""

    out: str
    limit: int
    part_users: int
    workers: int
    timestamp: float | None
    anew: bool


@dataclass(frozen=True)
class Batch:
    """`done_before` are users whose rows an earlier run had written."""

    folder: str
    plan: Plan
    done_before: int
    seconds: float


def run_batch(settings: Settings, user_ids: Sequence[str | None], asked: Asked, begin: Begin) -> Batch:
    """Raises BatchFailed, an InvalidConfiguration or a DependencyError; run again, it goes on.

    `begin` is told how many users there are and how many of them are done; what it returns is told of each further part.
    """
    started = time.monotonic()
    config = load_graph(settings.graph)
    if "home" not in config.surfaces:
        raise InvalidConfiguration(f"{settings.graph}: surfaces.home: a batch is what it recommends, and it is not there")
    plan = asyncio.run(_planned(settings, config, user_ids, asked))
    out = asked.out.rstrip("/")
    folder = f"{out}/{plan.name}"
    if asked.anew:
        forget(out, plan.name)
    begun = Plan.read(folder)
    if begun is None:
        plan.write(folder)
    plan = begun or plan
    missing = missing_parts(folder, plan)
    done = plan.users - sum(len(plan.of_part(user_ids, part)) for part in missing)
    if missing:
        finished = begin(plan.users, done)
        with ray_session(asked.workers):
            recommend_missing(Work(settings, config, plan, folder), user_ids, asked.workers, finished)
    if missing or current(out) != plan.name:
        publish(out, plan.name)
    return Batch(folder, plan, done, time.monotonic() - started)


async def _planned(settings: Settings, config: GraphConfig, user_ids: Sequence[str | None], asked: Asked) -> Plan:
    """With the time and the versions of an answer for the first user."""
    snapshot = settings.snapshot_pin or SnapshotStore(settings.snapshot_store, settings.snapshot_cache).current()
    answering = await Answering.open(settings, config, snapshot)
    try:
        wall_clock = asked.timestamp is None and config.clock == "wall"
        timestamp = asked.timestamp if asked.timestamp is not None else float(int(time.time())) if wall_clock else await answering.newest()
        (first,) = await answering.answers(user_ids[:1], asked.limit, timestamp, 1)
    finally:
        await answering.services.close()
    return Plan(
        timestamp=timestamp,
        wall_clock=wall_clock,
        limit=asked.limit,
        users=len(user_ids),
        users_digest=digest("\n".join("" if user_id is None else user_id for user_id in user_ids)),
        part_users=asked.part_users,
        versions=first["versions"],
    )
