"""What `data check` says of a data folder: its size, its time, its ties and repeats, and all that is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from rec_models.data.prepare import describe, notes
from rec_models.data.reading import read_folder


@dataclass(frozen=True)
class Report:
    """`figures` are None where rows are broken; `problem_count` counts all that is wrong, `problems` names the first."""

    folder: str
    problem_count: int
    problems: tuple[str, ...]
    figures: Figures | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Figures:
    """Shares are of 1: of users (`tied_last`: whose last second holds several), of interactions, of user-item pairs."""

    kind: str
    users: int
    items: int
    interactions: int
    items_without_interactions: int
    interactions_per_user: float
    density: float
    oldest: str
    newest: str
    tied_last: float
    repeats: float
    exact_duplicates: int
    merged: int
    seen: str
    ties: str


def check_folder(folder: Path) -> Report:
    """Reads everything and writes nothing. Raises InvalidData where a file or a column is missing."""
    reading = read_folder(folder)
    if reading.problems.count:
        shown = tuple(str(row) for row in reading.problems.first())
        return Report(str(folder), reading.problems.count, shown, None, reading.guesses)
    description = describe(reading, "")
    interactions = reading.interactions.frame
    pairs = interactions.select("user_id", "item_id").n_unique()
    figures = Figures(
        kind=description.kind,
        users=description.users,
        items=description.items,
        interactions=description.interactions,
        items_without_interactions=description.items - interactions["item_id"].n_unique(),
        interactions_per_user=description.interactions / description.users,
        density=pairs / (description.users * description.items),
        oldest=_day(description.oldest),
        newest=_day(description.newest),
        tied_last=tied_last_share(interactions),
        repeats=description.repeat_share,
        exact_duplicates=reading.interactions.duplicates,
        merged=reading.interactions.merged,
        seen=description.seen.mode,
        ties=description.ties,
    )
    return Report(str(folder), 0, (), figures, notes(reading, description))


def tied_last_share(interactions: pl.DataFrame) -> float:
    """The share of users whose last timestamp holds several interactions."""
    last = pl.col("timestamp") == pl.col("timestamp").max().over("user_id")
    counts = interactions.filter(last).group_by("user_id").len()
    return int((counts["len"] > 1).sum()) / len(counts)


def _day(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")
