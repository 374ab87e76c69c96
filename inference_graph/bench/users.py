"""Who asks: different users of the data set, the same ones every time."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow.compute as compute
import pyarrow.parquet as parquet

from inference_graph.errors import InvalidConfiguration


def sample_users(interactions: Path, count: int) -> list[str]:
    """That many different users, or all where there are fewer, in an order that has nothing to do with their ids."""
    try:
        column = parquet.read_table(interactions, columns=["user_id"]).column("user_id")
    except OSError as error:
        raise InvalidConfiguration(f"{interactions} cannot be read ({error}): run `inference-graph data prepare FOLDER`") from error
    users = sorted(str(user) for user in compute.unique(column).to_pylist())
    return random.Random(0).sample(users, min(count, len(users)))
