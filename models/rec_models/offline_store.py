"""Feast's offline files, and point-in-time joins over them: what was known of items and users at given moments."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from inference_graph.features import ITEM_FEATURES, USER_FEATURES, Feature
from inference_graph.steps import digest, is_done, mark_done
from inference_graph.storage import list_files
from inference_graph.workspace import Workspace
from rec_models.data.dataset import load_dataset
from rec_models.events import all_events, hand_over
from rec_models.feature_repo import apply_feature_repo, historical, open_store
from rec_models.parquet_files import read_frame, write_frame
from rec_models.statistics import item_statistics, user_statistics

VIEWS = ("item_statistics", "user_statistics", "item_attributes")
SERVICES = {
    "item_id": ("item_statistics_v1", "item_statistics", ITEM_FEATURES),
    "user_id": ("user_features_v1", "user_statistics", USER_FEATURES),
}
ROWS_PER_JOIN = 50_000


def view_file(workspace: Workspace, view: str) -> str:
    return f"{workspace.offline}/{view}.parquet"


def refresh_offline(workspace: Workspace) -> bool:
    """Computes statistics and attributes anew where the data set or the moved events changed; returns whether they did."""
    hand_over(workspace)
    dataset = load_dataset(workspace.data)
    files = list_files(f"{workspace.offline}/events", ".parquet")
    inputs = {"data": dataset.description.hash, "events": digest(*files), "code": digest(*_definitions())}
    present = list_files(workspace.offline, ".parquet")
    if is_done(workspace, "offline", inputs) and all(any(f"/{view}." in file for file in present) for view in VIEWS):
        return False
    events = all_events(workspace)
    write_frame(item_statistics(events), view_file(workspace, "item_statistics"))
    write_frame(user_statistics(events), view_file(workspace, "user_statistics"))
    always = pl.lit(datetime(1970, 1, 1, tzinfo=UTC), pl.Datetime("us", "UTC"))
    write_frame(dataset.items.with_columns(event_timestamp=always), view_file(workspace, "item_attributes"))
    mark_done(workspace, "offline", inputs)
    return True


def point_in_time_features(workspace: Workspace, entities: pl.DataFrame) -> NDArray[np.float32]:
    """The features of each row's item or user as of its moment, float32 [rows, F] or [rows, U] in contract order.

    `entities` holds `item_id` (gives features.ITEM_FEATURES) or `user_id` (gives features.USER_FEATURES), exactly one of
    them, and `event_timestamp`, float64 seconds since 1970; further columns are ignored, the order of rows is kept. What
    was unknown then has the contract's default. Rows of equal key and moment, and moments between two changes of the same
    item, are looked up once, so that millions of (request, candidate) pairs are welcome in one call.
    Training rows for a target in second t ask for t - 1. Writes and registers the statistics first where they are not up
    to date with the prepared data.
    """
    keys = [name for name in SERVICES if name in entities.columns]
    if len(keys) != 1:
        raise ValueError(f"expected exactly one of the columns item_id and user_id, got {entities.columns}")
    key = keys[0]
    refresh_offline(workspace)
    apply_feature_repo(workspace)
    asked = entities.select(key, moment=pl.from_epoch(pl.col("event_timestamp") * 1e6, time_unit="us").dt.replace_time_zone("UTC"))
    changes = read_frame(view_file(workspace, SERVICES[key][1])).select(key, "event_timestamp").sort("event_timestamp")
    order = asked.with_row_index("row").sort("moment")
    visible = order.join_asof(changes, left_on="moment", right_on="event_timestamp", by=key, check_sortedness=False).sort("row")
    known = _join(workspace, key, visible.select(key, "event_timestamp").drop_nulls().unique(maintain_order=True))
    joined = visible.join(known, on=[key, "event_timestamp"], how="left", maintain_order="left")
    return contract_matrix(joined, SERVICES[key][2])


def contract_matrix(frame: pl.DataFrame, features: tuple[Feature, ...], prefix: str = "") -> NDArray[np.float32]:
    """Columns in contract order as one float32 matrix; null and NaN become the contract's defaults."""
    filled = [pl.col(prefix + f.name).cast(pl.Float32).fill_nan(None).fill_null(f.default) for f in features]
    return np.ascontiguousarray(frame.select(filled).to_numpy(), np.float32).reshape(len(frame), len(features))


def _join(workspace: Workspace, key: str, moments: pl.DataFrame) -> pl.DataFrame:
    """Feast's point-in-time join, in parts: its join grows with the square of an entity's changes."""
    store = open_store(workspace)
    parts = [historical(store, SERVICES[key][0], part) for part in moments.sort(key).iter_slices(ROWS_PER_JOIN)]
    empty = pl.DataFrame(schema={**moments.schema, **{feature.name: pl.Float32 for feature in SERVICES[key][2]}})
    return pl.concat([empty, *(part.select(empty.columns).cast(empty.schema) for part in parts)])


def _definitions() -> list[str]:
    return [str(feature) for feature in (*ITEM_FEATURES, *USER_FEATURES)]
