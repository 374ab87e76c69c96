"""From a data folder to the prepared data set: written whole or not at all."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from inference_graph.steps import digest
from rec_models.data.dataset import Dataset, Description, Seen, write_dataset
from rec_models.data.layout import find_files
from rec_models.data.reading import Reading, read_folder
from rec_models.data.settings import FILE, read_settings

PREPARED_FORMAT = "1"
FEW_REPEATS = 0.01


@dataclass(frozen=True, eq=False)
class Prepared:
    """What was written, and what a person should know of how."""

    dataset: Dataset
    notes: tuple[str, ...]


def source_hash(folder: Path) -> str:
    """One hash over the folder's files and dataset.yaml: prepared data with it is up to date. Raises InvalidData."""
    files = find_files(folder, read_settings(folder)).files()
    return digest(PREPARED_FORMAT, *(path.name for path in files), *files, folder / FILE)


def prepare(folder: Path, out: Path, name: str | None = None) -> Prepared:
    """Reads and checks `folder` and replaces `out` by its prepared form. Raises InvalidData and writes nothing otherwise."""
    reading = read_folder(folder)
    reading.problems.refuse(folder)
    description = describe(reading, source_hash(folder), name)
    dataset = Dataset(reading.interactions.frame, reading.items.frame, reading.users, description)
    draft = out.with_name(f".{out.name}-{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        write_dataset(draft, dataset)
        _replace(draft, out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Prepared(dataset, notes(reading, dataset.description))


def _replace(draft: Path, out: Path) -> None:
    old = out.with_name(f".{out.name}-{os.getpid()}-old")
    if out.exists():
        os.replace(out, old)
    os.replace(draft, out)
    shutil.rmtree(old, ignore_errors=True)


def describe(reading: Reading, hash_: str, name: str | None = None) -> Description:
    interactions = reading.interactions.frame
    repeats = repeat_share(interactions)
    proposed = Seen("ever" if repeats < FEW_REPEATS else "off")
    return Description(
        name=name or reading.layout.folder.resolve().name,
        hash=hash_,
        kind=reading.interactions.kind,
        seen=reading.settings.seen or proposed,
        ties=reading.settings.ties,
        repeat_share=repeats,
        users=len(reading.users),
        items=len(reading.items.frame),
        interactions=len(interactions),
        oldest=float(interactions["timestamp"][0]),
        newest=float(interactions["timestamp"][-1]),
        columns=reading.items.columns,
    )


def repeat_share(interactions: pl.DataFrame) -> float:
    """The share of interactions whose user had the item before."""
    return 1.0 - interactions.select("user_id", "item_id").n_unique() / len(interactions)


def notes(reading: Reading, description: Description) -> tuple[str, ...]:
    """How the data was understood: guesses, what was dropped, seen, ties; one sentence each."""
    said = list(reading.guesses)
    if reading.interactions.duplicates:
        said.append(f"{reading.interactions.duplicates:,} exact copies of an interaction were dropped")
    if reading.interactions.merged:
        said.append(
            f"{reading.interactions.merged:,} further values of one user, item and second were merged "
            "(ratings: the highest; quantities: the sum)"
        )
    if reading.settings.seen is None:
        said.append(
            f"seen: {description.seen.mode}, as {description.repeat_share:.1%} of the interactions repeat an earlier one "
            "(change it in dataset.yaml: seen: ever, off or {within: 30d})"
        )
    order = "their content" if description.ties == "content" else "the file (ties: file)"
    said.append(f"interactions of one second are ordered by {order}")
    highest = reading.interactions.frame.filter(pl.col("type") == "rating")["value"].max()
    if isinstance(highest, float) and highest > 5:
        said.append(f"ratings go up to {highest:g}: a liking is one of at least 3.5, meant for 5 stars; rescale yours")
    return tuple(said)
