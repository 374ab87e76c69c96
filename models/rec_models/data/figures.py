"""The figures of a data set: its size, how full it is, its time, its ties and its repeats."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import polars as pl

from rec_models.data.dataset import Description

DAY = 86_400.0
NEWEST_SHARE = 0.1
BASKETS_NEEDED = 3
RARE = 5


@dataclass(frozen=True)
class Figures:
    """Shares are of 1: of users (`tied_last`: whose last second holds several), of interactions (`repeats`: of an item that the
    user had; `tied`: that share their second with another of the user), of last interactions, of user-item pairs, of items.

    `too_few_moments`: users with fewer than 3 different timestamps; `users_in_newest_tenth`: users who did something among the
    newest tenth of the interactions, `of_them_known`: and before it.
    """

    kind: str
    users: int
    items: int
    interactions: int
    items_without_interactions: int
    rare_items: float
    interactions_per_user: float
    median_per_user: float
    most_per_user: int
    median_per_item: float
    most_per_item: int
    density: float
    oldest: str
    newest: str
    days: float
    tied_last: float
    tied: float
    too_few_moments: int
    users_in_newest_tenth: int
    of_them_known: int
    repeats: float
    repeats_last: float
    exact_duplicates: int
    merged: int
    seen: str
    ties: str


def figures_of(interactions: pl.DataFrame, description: Description, duplicates: int, merged: int) -> Figures:
    """Of prepared interactions; `duplicates` and `merged` are the rows that reading dropped."""
    by_user, by_item = (interactions.group_by(name).len()["len"] for name in ("user_id", "item_id"))
    pairs = interactions.select("user_id", "item_id").n_unique()
    moments = interactions.group_by("user_id").agg(pl.col("timestamp").n_unique())["timestamp"]
    newest, known = _newest_tenth(interactions)
    unused = description.items - len(by_item)
    return Figures(
        kind=description.kind,
        users=description.users,
        items=description.items,
        interactions=description.interactions,
        items_without_interactions=unused,
        rare_items=(unused + int((by_item < RARE).sum())) / description.items,
        interactions_per_user=description.interactions / description.users,
        median_per_user=_median(by_user),
        most_per_user=_most(by_user),
        median_per_item=_median(by_item),
        most_per_item=_most(by_item),
        density=pairs / (description.users * description.items),
        oldest=_day(description.oldest),
        newest=_day(description.newest),
        days=(description.newest - description.oldest) / DAY,
        tied_last=tied_last_share(interactions),
        tied=_share(interactions, pl.struct("user_id", "timestamp").is_duplicated()),
        too_few_moments=int((moments < BASKETS_NEEDED).sum()),
        users_in_newest_tenth=newest,
        of_them_known=known,
        repeats=description.repeat_share,
        repeats_last=_repeats_last(interactions),
        exact_duplicates=duplicates,
        merged=merged,
        seen=description.seen.mode,
        ties=description.ties,
    )


def tied_last_share(interactions: pl.DataFrame) -> float:
    """The share of users whose last timestamp holds several interactions."""
    last = pl.col("timestamp") == pl.col("timestamp").max().over("user_id")
    counts = interactions.filter(last).group_by("user_id").len()
    return int((counts["len"] > 1).sum()) / len(counts)


def _repeats_last(interactions: pl.DataFrame) -> float:
    """The share of users whose last interaction is with an item that they had before; ties in their order here."""
    had = interactions.select("user_id", (~pl.struct("user_id", "item_id").is_first_distinct()).alias("had"))
    return _share(had.group_by("user_id", maintain_order=True).last(), pl.col("had"))


def _newest_tenth(interactions: pl.DataFrame) -> tuple[int, int]:
    """Users who did something among the newest tenth of the interactions, and those of them who did something before it."""
    cut = interactions["timestamp"].quantile(1 - NEWEST_SHARE, "higher")
    after = interactions.filter(pl.col("timestamp") >= cut).select("user_id").unique()
    before = interactions.filter(pl.col("timestamp") < cut).select("user_id")
    return len(after), len(after.join(before, on="user_id", how="semi"))


def _share(rows: pl.DataFrame, of: pl.Expr) -> float:
    return float(rows.select(of.cast(pl.Float64).mean()).item())


def _median(counts: pl.Series) -> float:
    return float(np.median(counts.to_numpy()))


def _most(counts: pl.Series) -> int:
    return int(counts.to_numpy().max())


def _day(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")
