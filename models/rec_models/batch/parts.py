"""A part of a batch as one Parquet file: whole or not there, one row a user."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet

from inference_graph.storage import list_files, write_file
from rec_models.batch.plan import BatchFailed, Plan

VERSIONS = ("retrieval", "ranking", "snapshot", "graph")
ITEM = pa.struct([("item_id", pa.string()), ("title", pa.string()), ("score", pa.float64()), ("sources", pa.map_(pa.string(), pa.int32()))])
ROWS = pa.schema(
    [
        pa.field("user_id", pa.string()),
        pa.field("user", pa.string()),
        pa.field("items", pa.list_(ITEM)),
        pa.field("rules_relaxed", pa.list_(pa.string())),
        pa.field("timestamp", pa.float64()),
        *(pa.field(name, pa.string()) for name in VERSIONS),
    ]
)
"""The endpoint's prediction; `timestamp` is the request's, and nothing is ever `degraded`."""


def table_of(predictions: Sequence[Mapping[str, Any]], plan: Plan) -> pa.Table:
    """Raises BatchFailed where an answer came from other versions than the plan's."""
    return pa.Table.from_pylist([_row(prediction, plan) for prediction in predictions], ROWS)


def _row(prediction: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    versions = prediction["versions"]
    for name in VERSIONS:
        if versions[name] != plan.versions[name]:
            change = f"{name} {plan.versions[name]} has become {versions[name]}"
            raise BatchFailed(f"{change} meanwhile, and a batch is of one version: run it again for a new one")
    items = [{**item, "sources": list(item["sources"].items())} for item in prediction["items"]]
    kept = {name: prediction[name] for name in ("user_id", "user", "rules_relaxed")}
    return {**kept, "items": items, "timestamp": plan.timestamp, **{name: versions[name] for name in VERSIONS}}


def write_part(folder: str, plan: Plan, part: int, table: pa.Table) -> None:
    buffer = io.BytesIO()
    parquet.write_table(table, buffer)
    write_file(f"{folder}/{plan.file(part)}", buffer.getvalue())


def missing_parts(folder: str, plan: Plan) -> list[int]:
    """The parts that no worker has finished."""
    there = {file.rsplit("/", 1)[-1] for file in list_files(folder, ".parquet")}
    return [part for part in range(plan.parts) if plan.file(part) not in there]
