"""Users whose activity no person would have: what in it is implausible, never what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

HOUR, DAY = 3600, 86_400
FAR_IN_DEVIATIONS = 4.0
FEWEST_TO_COMPARE = 20
MOMENTS_AN_HOUR = 900
HOURS_A_DAY = 22
LEAST_SPREAD = 1.0
DEVIATIONS_OF_MAD = 1.4826
"""Standard deviations in one median absolute deviation, of a normal distribution."""


@dataclass(frozen=True)
class Suspect:
    """`reason` is a phrase that follows the user's name."""

    user_id: str
    interactions: int
    reason: str


def suspects(interactions: pl.DataFrame) -> tuple[Suspect, ...]:
    """Users of implausible activity, the most active first; columns `user_id` and `timestamp` (seconds) are read.

    Implausible is: a number of interactions beyond FAR_IN_DEVIATIONS robust deviations of the logarithm of everybody's
    (activity of people is near log-normal); MOMENTS_AN_HOUR different seconds in one hour, one every four seconds, which no basket
    explains as its seconds are one; HOURS_A_DAY different hours of one day.
    """
    counts = interactions.group_by("user_id").agg(pl.len().alias("interactions"))
    found = [_volume(counts), _pace(interactions), _sleepless(interactions)]
    reasons = pl.concat(found).group_by("user_id", maintain_order=True).agg(pl.col("reason").str.join(", "))
    rows = reasons.join(counts, on="user_id").sort("interactions", "user_id", descending=[True, False])
    return tuple(Suspect(row["user_id"], row["interactions"], row["reason"]) for row in rows.iter_rows(named=True))


def _volume(counts: pl.DataFrame) -> pl.DataFrame:
    size = pl.col("interactions").log()
    centred = counts.with_columns((size - size.median()).alias("distance"))
    spread = DEVIATIONS_OF_MAD * pl.col("distance").abs().median()
    # Where most users have the same number, every other one would be far: some spread is taken for granted.
    far = pl.col("distance") > FAR_IN_DEVIATIONS * pl.max_horizontal(spread, LEAST_SPREAD)
    times = pl.col("distance").exp().round().cast(pl.Int64)
    enough = len(counts) >= FEWEST_TO_COMPARE
    return centred.filter(far & enough).select("user_id", pl.format("{} times the median user's interactions", times).alias("reason"))


def _pace(interactions: pl.DataFrame) -> pl.DataFrame:
    hour = (pl.col("timestamp") // HOUR).alias("hour")
    busiest = _most(interactions, hour, pl.col("timestamp").n_unique())
    return _named(busiest, MOMENTS_AN_HOUR, "{} different seconds in one hour")


def _sleepless(interactions: pl.DataFrame) -> pl.DataFrame:
    day, hour = (pl.col("timestamp") // DAY).alias("day"), pl.col("timestamp") // HOUR
    return _named(_most(interactions, day, hour.n_unique()), HOURS_A_DAY, "active in {} hours of one day")


def _most(interactions: pl.DataFrame, period: pl.Expr, count: pl.Expr) -> pl.DataFrame:
    """For each user the largest count of any period."""
    by_period = interactions.group_by("user_id", period).agg(count.alias("count"))
    return by_period.group_by("user_id").agg(pl.col("count").max())


def _named(counts: pl.DataFrame, least: int, phrase: str) -> pl.DataFrame:
    return counts.filter(pl.col("count") >= least).select("user_id", pl.format(phrase, "count").alias("reason"))
