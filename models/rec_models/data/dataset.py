"""The prepared data set: what everything that trains, evaluates or serves reads, whatever format the data came in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from inference_graph.features import TYPE_VALUES
from rec_models.data.problems import InvalidData

DESCRIPTION = "dataset.json"


@dataclass(frozen=True)
class Seen:
    """Whether an item that a user had before may be proposed again; `within_days` only with mode `within`."""

    mode: Literal["ever", "within", "off"]
    within_days: float | None = None


@dataclass(frozen=True)
class Description:
    """dataset.json. `oldest` and `newest` in seconds since 1970; `columns` are the items' filter columns."""

    name: str
    hash: str
    kind: Literal["ratings", "events"]
    seen: Seen
    ties: Literal["content", "file"]
    repeat_share: float
    users: int
    items: int
    interactions: int
    oldest: float
    newest: float
    columns: Mapping[str, Literal["number", "text"]]

    @classmethod
    def from_json(cls, text: str) -> Self:
        content = json.loads(text)
        return cls(**{**content, "seen": Seen(**content["seen"])})

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)


@dataclass(frozen=True, eq=False)
class Dataset:
    """interactions (by timestamp, then tie): user_id, item_id, timestamp float64, type, value float64 or null, tie uint64;
    items (by item_id): item_id, title, categories list[str], text, then the filter columns; users: user_id, then theirs.
    """

    interactions: pl.DataFrame
    items: pl.DataFrame
    users: pl.DataFrame
    description: Description

    def values(self, type_values: Mapping[str, float] = TYPE_VALUES) -> NDArray[np.float32]:
        """What each interaction is worth, float32 [interactions]: features.interaction_value for every row."""
        return value_of(self.interactions, type_values)

    def rated(self) -> NDArray[np.bool_]:
        """Which interactions are ratings, bool [interactions]."""
        return self.interactions["type"].eq("rating").to_numpy()


def value_of(interactions: pl.DataFrame, type_values: Mapping[str, float] = TYPE_VALUES) -> NDArray[np.float32]:
    """features.interaction_value over the columns `type` and `value`, float32 [rows]."""
    type_, value = pl.col("type"), pl.col("value")
    worth = pl.when(value < 0).then(0.0).otherwise(value.fill_null(1.0)).log1p()
    for name, weight in type_values.items():
        worth = pl.when(type_ == name).then(pl.lit(weight)).otherwise(worth)
    column = interactions.select(pl.when(type_ == "rating").then(value).otherwise(worth).alias("worth"))["worth"]
    if column.null_count():
        raise ValueError(f"{column.null_count()} ratings have no value")
    return column.cast(pl.Float32).to_numpy()


def load_dataset(folder: Path) -> Dataset:
    """The prepared data in `folder` (a workspace's `data`). Raises InvalidData where it is not there or not whole."""
    if not (folder / DESCRIPTION).is_file():
        raise InvalidData(f"no prepared data in {folder}: run `inference-graph data prepare FOLDER` first")
    try:
        interactions, items, users = (pl.read_parquet(folder / f"{name}.parquet") for name in ("interactions", "items", "users"))
        return Dataset(interactions, items, users, Description.from_json((folder / DESCRIPTION).read_text()))
    except (OSError, ValueError, TypeError, KeyError, pl.exceptions.PolarsError) as error:
        raise InvalidData(f"{folder} is not whole ({error}): run `inference-graph data prepare FOLDER` again") from error


def write_dataset(folder: Path, dataset: Dataset) -> None:
    """Writes the four files; the description last, so that a folder with one is whole."""
    for name, table in [("interactions", dataset.interactions), ("items", dataset.items), ("users", dataset.users)]:
        table.write_parquet(folder / f"{name}.parquet")
    (folder / DESCRIPTION).write_text(dataset.description.to_json())
