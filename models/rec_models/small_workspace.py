"""A workspace with a small prepared data set, for tests: ratings of items with categories, a number and a text column."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from inference_graph.features import tie_break
from inference_graph.workspace import Workspace
from rec_models.data.dataset import Dataset, Description, Seen, write_dataset

START = 1_600_000_000.0
Rating = tuple[str, str, float, float]
SCHEMA = {
    "user_id": pl.String,
    "item_id": pl.String,
    "timestamp": pl.Float64,
    "type": pl.String,
    "value": pl.Float64,
    "tie": pl.UInt64,
}


def make_dataset(ratings: Sequence[Rating], name: str = "small", items: int = 20) -> Dataset:
    """Ratings as (user, item, timestamp, stars); items i0, i1, ..."""
    rows = [(user, item, t, "rating", stars, _tie(user, item, t)) for user, item, t, stars in ratings]
    interactions = pl.DataFrame(rows, schema=SCHEMA, orient="row").sort("timestamp", "tie")
    users = interactions.select("user_id").unique().sort("user_id")
    description = Description(
        name=name,
        hash=f"hash-of-{name}",
        kind="ratings",
        seen=Seen("ever"),
        ties="content",
        repeat_share=0.0,
        users=len(users),
        items=items,
        interactions=len(rows),
        oldest=interactions["timestamp"][0],
        newest=interactions["timestamp"][-1],
        columns={"year": "number", "brand": "text"},
    )
    return Dataset(interactions, _items(items), users, description)


def make_workspace(root: Path, ratings: Sequence[Rating] | None = None, items: int = 20) -> Workspace:
    """A workspace with prepared data; by default sixty ratings by four users of seventeen of the items, over two weeks."""
    workspace = Workspace(root)
    workspace.data.mkdir(parents=True)
    default = [(f"u{n % 4}", f"i{n % 17}", START + n * 20_000.0, 1.0 + n % 5) for n in range(60)]
    write_dataset(workspace.data, make_dataset(default if ratings is None else ratings, items=items))
    return workspace


def _items(count: int) -> pl.DataFrame:
    numbers = sorted(range(count), key=lambda n: f"i{n}")
    return pl.DataFrame(
        {
            "item_id": [f"i{n}" for n in numbers],
            "title": [f"Item {n} é" for n in numbers],
            "categories": [["even", "all"] if n % 2 == 0 else [] if n == 1 else ["odd"] for n in numbers],
            "text": [f"Item {n} é, {'even' if n % 2 == 0 else 'odd'}" for n in numbers],
            "year": [None if n == 3 else 1990.0 + n for n in numbers],
            "brand": ["acme" if n < 10 else None for n in numbers],
        }
    )


def _tie(user_id: str, item_id: str, timestamp: float) -> int:
    return int.from_bytes(tie_break(user_id, item_id, timestamp)[:8], "big")
