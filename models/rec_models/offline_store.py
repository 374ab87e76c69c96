"""Point-in-time joins: what Feast's feature views said of items and users at given moments, for training."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from inference_graph.workspace import Workspace


def point_in_time_features(workspace: Workspace, entities: pl.DataFrame) -> NDArray[np.float32]:
    """The features of each row's item or user as of its moment, float32 [rows, F] or [rows, U] in contract order.

    `entities` holds `item_id` (gives features.ITEM_FEATURES) or `user_id` (gives features.USER_FEATURES), exactly one of
    them, and `event_timestamp`, float64 seconds since 1970; further columns are ignored, the order of rows is kept. What
    was unknown then has the contract's default. Rows of equal key and moment, and moments between two changes of the same
    item, are looked up once, so that millions of (request, candidate) pairs are welcome in one call.
    Training rows for a target in second t ask for t - 1. Writes and registers the statistics first where they are not up
    to date with the prepared data.
    """
    raise NotImplementedError
