"""Feature views: the contract of inference_graph.features, and the columns that the data set's items have."""

import os
from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet as pq
from entities import item, user
from feast import FeatureView, Field
from feast.types import Array, Float32, Float64, String
from sources import item_attributes_file, item_statistics_file, user_statistics_file

from inference_graph.features import ITEM_FEATURES, USER_FEATURES, Feature
from inference_graph.storage import open_filesystem

ONLINE = {"user_statistics", *filter(None, os.environ.get("FEATURE_ONLINE_VIEWS", "").split(","))}
FOREVER = timedelta(0)


def _contract(features: tuple[Feature, ...]) -> list[Field]:
    return [Field(name=feature.name, dtype=Float32, description=feature.meaning) for feature in features]


def _attributes() -> list[Field]:
    filesystem, path = open_filesystem(item_attributes_file.path)
    columns = [column for column in pq.read_schema(path, filesystem=filesystem) if column.name not in ("item_id", "event_timestamp")]
    return [Field(name=column.name, dtype=_type(column.type)) for column in columns]


def _type(column: pa.DataType) -> Array | type:
    if pa.types.is_list(column) or pa.types.is_large_list(column):
        return Array(String)
    return Float64 if pa.types.is_floating(column) else String


def _view(name: str, entity: object, schema: list[Field], source: object) -> FeatureView:
    return FeatureView(name=name, entities=[entity], ttl=FOREVER, schema=schema, source=source, online=name in ONLINE)


item_statistics = _view("item_statistics", item, _contract(ITEM_FEATURES), item_statistics_file)
user_statistics = _view("user_statistics", user, _contract(USER_FEATURES), user_statistics_file)
item_attributes = _view("item_attributes", item, _attributes(), item_attributes_file)
