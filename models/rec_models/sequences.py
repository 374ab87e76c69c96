"""Every user's interactions in order, as flat arrays of numbers: what all models learn from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rec_models.data.dataset import Dataset

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Sequences:
    """Events sorted by user, time and tie; `items` are rows of the catalogue (items by id), `users` codes from 0.

    A *moment* is one user's events of one timestamp: within it there is no order.
    """

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    times: NDArray[np.float64]
    values: NDArray[np.float32]
    rated: NDArray[np.bool_]
    user_ids: NDArray[np.str_]
    item_count: int

    def __len__(self) -> int:
        return len(self.users)

    @cached_property
    def first(self) -> Indices:
        """The index of the first event of each event's user, [events]."""
        return _starts(np.diff(self.users) != 0)

    @cached_property
    def moment(self) -> Indices:
        """The index of the first event of each event's moment, [events]: an event's history ends before it."""
        return _starts((np.diff(self.users) != 0) | (np.diff(self.times) != 0))

    @cached_property
    def moment_number(self) -> NDArray[np.int64]:
        """The number of each event's moment, counted over all users, [events]."""
        return np.cumsum(self.moment == np.arange(len(self))) - 1

    def where(self, kept: NDArray[np.bool_]) -> Sequences:
        return Sequences(
            self.users[kept], self.items[kept], self.times[kept], self.values[kept], self.rated[kept], self.user_ids, self.item_count
        )

    def before(self, time: float) -> Sequences:
        """What was known just before `time`, in seconds since 1970."""
        return self.where(self.times < time)


def sequences_of(dataset: Dataset) -> Sequences:
    frame = dataset.interactions.select("user_id", "item_id", "timestamp", "tie").with_columns(
        value=pl.Series(dataset.values()), rated=pl.Series(dataset.rated())
    )
    frame = frame.sort("user_id", "timestamp", "tie")
    return Sequences(
        users=frame["user_id"].rle_id().cast(pl.Int32).to_numpy(),
        items=item_rows(frame["item_id"], dataset.items["item_id"]),
        times=frame["timestamp"].to_numpy(),
        values=frame["value"].to_numpy(),
        rated=frame["rated"].to_numpy(),
        user_ids=frame["user_id"].unique(maintain_order=True).to_numpy().astype(np.str_),
        item_count=len(dataset.items),
    )


def item_rows(item_ids: pl.Series, catalogue: pl.Series) -> NDArray[np.int32]:
    """The row of each item in the catalogue. Raises ValueError for one that is not in it."""
    rows = pl.DataFrame({"item_id": item_ids}).join(
        pl.DataFrame({"item_id": catalogue}).with_row_index("row"), on="item_id", how="left", maintain_order="left"
    )["row"]
    if rows.null_count():
        raise ValueError(f"{rows.null_count()} interactions are with items outside the catalogue of {len(catalogue)}")
    return rows.cast(pl.Int32).to_numpy()


def _starts(changes: NDArray[np.bool_]) -> Indices:
    indices = np.arange(len(changes) + 1)
    return np.maximum.accumulate(np.where(np.concatenate([[True], changes]), indices, 0))
