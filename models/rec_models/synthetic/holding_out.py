"""Leave-last-out on a synthesized folder: what a system may learn from, what it is asked, and what could be known."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import polars as pl

from rec_models.data.problems import InvalidData
from rec_models.synthetic.world import World
from rec_models.synthetic.writing import TRUTH, read_world

HELD_OUT = "held_out.csv"
INTERACTIONS = "interactions.csv"


def hold_out_last(folder: Path, out: Path) -> None:
    """Copies a synthesized folder to `out` without each user's last interaction; those are in out/held_out.csv."""
    if not (folder / INTERACTIONS).is_file():
        raise InvalidData(f"{folder}: expected a synthesized folder with {INTERACTIONS}, found none")
    rows = pl.read_csv(folder / INTERACTIONS, infer_schema=False)
    last = rows["user_id"].is_last_distinct()
    draft = out.with_name(f".{out.name}-{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        shutil.copytree(folder, draft, ignore=shutil.ignore_patterns(TRUTH, INTERACTIONS))
        rows.filter(~last).write_csv(draft / INTERACTIONS)
        rows.filter(last).write_csv(draft / HELD_OUT)
        shutil.rmtree(out, ignore_errors=True)
        os.replace(draft, out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def oracle_ranks(truth: World | Path, held_out: pl.DataFrame) -> list[int]:
    """For each row (user_id, item_id, timestamp): the item's rank, from 1, by its true probability given what preceded it."""
    world = read_world(truth) if isinstance(truth, Path) else truth
    users = {user_id: row for row, user_id in enumerate(world.user_ids)}
    items = {item_id: row for row, item_id in enumerate(world.item_ids)}
    ranks = []
    for user_id, item_id, timestamp in held_out.select("user_id", "item_id", pl.col("timestamp").cast(pl.Float64)).iter_rows():
        user = users[user_id]
        scores = world.oracle_scores(user, history(world, user, timestamp), timestamp)
        ranks.append(int(np.count_nonzero(scores > scores[items[item_id]])) + 1)
    return ranks


def history(world: World, user: int, before: float) -> list[int]:
    """The items that a user had before a moment, oldest first."""
    mine = world.event_items[(world.event_users == user) & (world.event_times < before)]
    return [int(item) for item in mine]
