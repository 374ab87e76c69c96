"""All interactions as the offline store holds them: the prepared data set, and what the stream brought since."""

from __future__ import annotations

import polars as pl

from inference_graph.steps import is_done, mark_done
from inference_graph.storage import list_files
from inference_graph.workspace import Workspace
from rec_models.data.dataset import load_dataset, value_of
from rec_models.parquet_files import read_frame, write_frame

COLUMNS = ("user_id", "item_id", "timestamp", "type", "value", "tie")


def base_file(offline: str) -> str:
    return f"{offline}/events/base.parquet"


def event_files(offline: str) -> list[str]:
    """The base and one file per day and batch of the stream, without the lists of erased users."""
    return [file for file in list_files(f"{offline}/events", ".parquet") if "/erased/" not in file]


def erased_users(offline: str) -> pl.DataFrame:
    """user_id and `entry`, the stream's entry with which the user was erased."""
    lists = [read_frame(file) for file in list_files(f"{offline}/events/erased", ".parquet")]
    return pl.concat([pl.DataFrame(schema={"user_id": pl.String, "entry": pl.String}), *lists])


def hand_over(workspace: Workspace) -> None:
    """Writes the prepared interactions to the offline store, without erased users, once per data set."""
    dataset = load_dataset(workspace.data)
    inputs = {"data": dataset.description.hash, "offline": workspace.offline}
    if is_done(workspace, "hand_over", inputs) and base_file(workspace.offline) in event_files(workspace.offline):
        return
    kept = dataset.interactions.select(COLUMNS).join(erased_users(workspace.offline), on="user_id", how="anti")
    write_frame(kept, base_file(workspace.offline))
    mark_done(workspace, "hand_over", inputs)


def all_events(workspace: Workspace) -> pl.DataFrame:
    """Every interaction by (timestamp, tie), with `worth` (features.interaction_value) and `rated`.

    `identity` is null for what came with the data set.
    """
    frames = [read_frame(file) for file in event_files(workspace.offline)]
    columns = {name: frames[0].schema[name] for name in COLUMNS}
    events = pl.concat([frame.cast(columns) for frame in frames], how="diagonal").sort("timestamp", "tie")  # type: ignore[arg-type]
    if "identity" not in events.columns:
        events = events.with_columns(identity=pl.lit(None, pl.String))
    worth = pl.Series("worth", value_of(events)).cast(pl.Float64)
    return events.select(*COLUMNS, "identity").with_columns(worth, rated=pl.col("type") == "rating")
