"""The embeddings of a catalogue as Parquet; where an endpoint makes them, it is asked by Ray's workers side by side."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from inference_graph.steps import digest
from inference_graph.storage import write_file
from inference_graph.workspace import Workspace
from rec_models.batch.folders import current, publish
from rec_models.batch.plan import PLAN
from rec_models.data.dataset import load_dataset
from rec_models.embeddings import Ask, Endpoint, one_by_one
from rec_models.parquet_files import write_frame
from rec_models.ray_session import ray_session, through_workers
from rec_models.snapshot import item_vectors

PART_ITEMS = 100_000
LOCAL = "local"


@dataclass(frozen=True)
class Embedded:
    """`model` as EMBEDDINGS_MODEL names it, `local` for those made here; `fresh` is False where they were there already."""

    folder: str
    items: int
    dimensions: int
    model: str
    fresh: bool


def embed_catalogue(workspace: Workspace, out: str, workers: int, agree: Callable[[str], bool]) -> Embedded:
    """Rows of item_id, vector list[float32] of unit length or zero, model.

    What an endpoint answered is kept as it comes, for the next run and for `train` and `snapshot`, too.
    """
    dataset, endpoint = load_dataset(workspace.data), Endpoint.from_environment()
    model = endpoint.model if endpoint else LOCAL
    vectors = item_vectors(workspace, dataset, agree, side_by_side(workers))
    ids = dataset.items["item_id"]
    name = digest(model, "\n".join(ids), vectors.tobytes())
    folder = f"{out.rstrip('/')}/{name}"
    made = Embedded(folder, len(ids), vectors.shape[1], model, fresh=current(out) != name)
    if made.fresh:
        for part, start in enumerate(range(0, len(ids), PART_ITEMS)):
            chunk = vectors[start : start + PART_ITEMS].astype(np.float32)
            rows = pl.DataFrame(
                {"item_id": ids[start : start + PART_ITEMS], "vector": pl.Series(chunk.tolist(), dtype=pl.List(pl.Float32))}
            )
            write_frame(rows.with_columns(model=pl.lit(model)), f"{folder}/part-{part:05d}.parquet")
        write_file(f"{folder}/{PLAN}", json.dumps(asdict(made)).encode())
        publish(out, name)
    return made


def side_by_side(workers: int) -> Ask:
    """Asks by that many of Ray's tasks at once."""

    def ask(batches: Sequence[Sequence[str]], endpoint: Endpoint) -> Iterator[tuple[int, NDArray[np.float32]]]:
        with ray_session(workers):
            rows = [{"number": number, "texts": list(texts)} for number, texts in enumerate(batches)]
            for row in through_workers(rows, lambda: partial(_embedded, endpoint), workers):
                yield row["number"], np.array(row["vectors"], np.float32)

    return ask


def _embedded(endpoint: Endpoint, table: pa.Table) -> pa.Table:
    found = [(row["number"], next(one_by_one([row["texts"]], endpoint))[1].tolist()) for row in table.to_pylist()]
    return pa.table({"number": [number for number, _ in found], "vectors": [vectors for _, vectors in found]})
