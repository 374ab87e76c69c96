"""Where Feast finds the offline files: below OFFLINE_STORE, a folder or s3://bucket/prefix."""

import os

from feast import FileSource

OFFLINE_STORE = os.environ["OFFLINE_STORE"].rstrip("/")


def _source(name: str, description: str) -> FileSource:
    path = f"{OFFLINE_STORE}/{name}.parquet"
    return FileSource(name=f"{name}_file", path=path, timestamp_field="event_timestamp", description=description)


item_statistics_file = _source("item_statistics", "one row per item and day with an interaction, cumulative")
user_statistics_file = _source("user_statistics", "one row per user and day with an interaction, cumulative")
item_attributes_file = _source("item_attributes", "one row per item: title, categories, text and the data set's own columns")
