"""All users' recommendations on Ray Data: each worker takes a part, answers it with the served pipeline, and writes it whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
import uvloop

from inference_graph.graph import GraphConfig
from inference_graph.settings import Settings
from rec_models.batch.answering import Answering
from rec_models.batch.parts import missing_parts, table_of, write_part
from rec_models.batch.plan import Plan
from rec_models.ray_session import through_workers

AT_ONCE = 4
"""Requests of one worker at work at once: it waits for the models meanwhile."""


@dataclass(frozen=True)
class Work:
    """What every worker is given; `folder` is the batch's own."""

    settings: Settings
    config: GraphConfig
    plan: Plan
    folder: str


class Worker:
    """One process of Ray's. A part that it was killed in is given to another, from its beginning."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        snapshot = work.plan.versions["snapshot"] or ""
        self._answering = self._runner.run(Answering.open(work.settings, work.config, snapshot))

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Rows of `part` and its `user_ids`; returns each part and how many rows were written."""
        plan, written = self._work.plan, []
        for row in batch.to_pylist():
            answers = self._answering.answers(row["user_ids"], plan.limit, plan.timestamp, AT_ONCE)
            table = table_of(self._runner.run(answers), plan)
            write_part(self._work.folder, plan, row["part"], table)
            written.append({"part": row["part"], "users": len(table)})
        return pa.Table.from_pylist(written)


def recommend_missing(work: Work, user_ids: Sequence[str | None], workers: int, finished: Callable[[int], None]) -> None:
    """Writes the parts that are not there yet; `finished` is told of the users of each. Ray must be running."""
    parts = [{"part": part, "user_ids": work.plan.of_part(user_ids, part)} for part in missing_parts(work.folder, work.plan)]
    for row in through_workers(parts, partial(Worker, work), workers):
        finished(row["users"])
