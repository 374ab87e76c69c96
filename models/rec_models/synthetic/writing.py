"""A world as a data folder in the general format, with its truth beside it; the same world gives the same bytes."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np

from rec_models.data.problems import InvalidData
from rec_models.synthetic.world import Strengths, World

TRUTH = "truth"
WORLD = "world.npz"
DATASET_YAML = """\
# What `inference-graph data synthesize` knows of its own data; for yours every key can be left out.
files: {interactions: interactions.csv, items: items.csv}
columns: {rating: rating}
kinds:
  interactions: ratings
  columns: {price: number, maker: text}
seen: ever
"""


def write_world(world: World, folder: Path) -> None:
    """Writes interactions.csv, items.csv, dataset.yaml and truth/. Raises InvalidData where the folder holds something else."""
    if folder.exists() and not (folder / TRUTH / WORLD).exists() and (not folder.is_dir() or any(folder.iterdir())):
        expected = "no folder, an empty one or one that was synthesized"
        raise InvalidData(f"{folder}: expected {expected}, got something else; name another")
    draft = folder.with_name(f".{folder.name}-{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    (draft / TRUTH).mkdir(parents=True)
    try:
        _write_csv(draft / "interactions.csv", ("user_id", "item_id", "timestamp", "rating"), _interactions(world))
        _write_csv(draft / "items.csv", ("item_id", "title", "categories", "text", "price", "maker"), _items(world))
        (draft / "dataset.yaml").write_text(DATASET_YAML)
        _write_truth(world, draft / TRUTH)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _interactions(world: World) -> Iterable[Sequence[object]]:
    columns = (world.event_users, world.event_items, world.event_times, world.event_stars)
    for user, item, time, stars in zip(*(column.tolist() for column in columns), strict=True):
        yield world.user_ids[user], world.item_ids[item], int(time), stars


def _items(world: World) -> Iterable[Sequence[object]]:
    for item, (main, second) in enumerate(world.item_categories.tolist()):
        categories = world.categories[main] if second < 0 else f"{world.categories[main]}|{world.categories[second]}"
        price = f"{world.item_prices[item]:.2f}"
        yield world.item_ids[item], world.item_titles[item], categories, world.item_texts[item], price, world.item_makers[item]


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _write_truth(world: World, folder: Path) -> None:
    content = {field.name: getattr(world, field.name) for field in fields(World)}
    content["strengths"] = json.dumps(asdict(world.strengths), sort_keys=True)
    np.savez_compressed(folder / WORLD, allow_pickle=False, **{name: np.asarray(value) for name, value in content.items()})


def read_world(truth: Path) -> World:
    """The world whose `truth` folder this is (a data folder that holds one will do). Raises InvalidData where it is none."""
    path = next((place for place in (truth / WORLD, truth / TRUTH / WORLD) if place.is_file()), None)
    if path is None:
        raise InvalidData(f"{truth}: expected {WORLD}, as `inference-graph data synthesize` writes it, found none")
    with np.load(path, allow_pickle=False) as content:
        arrays = {name: content[name] for name in content.files}
    plain: dict[str, object] = {name: value for name, value in arrays.items() if value.ndim and value.dtype.kind != "U"}
    words = {name: tuple(value.tolist()) for name, value in arrays.items() if value.ndim and value.dtype.kind == "U"}
    numbers = {name: arrays[name].item() for name in ("seed", "beginning", "end")}
    return World(**{**plain, **words, **numbers, "strengths": Strengths(**json.loads(arrays["strengths"].item()))})
