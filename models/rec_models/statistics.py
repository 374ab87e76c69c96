"""Cumulative statistics of items and users, one row per day with an interaction: what Feast's feature views hold.

A row with event_timestamp t is what one computes from the interactions with timestamp <= t, and from nothing else. Days are
counted in whole seconds rounded up, so that this is exact for fractional timestamps too.
"""

from __future__ import annotations

import polars as pl

from inference_graph.features import DAY_SECONDS, ITEM_FEATURES, LIKED_RATING, RECENT_HALF_LIFE_DAYS, USER_FEATURES

ORDER = ("timestamp", "tie")
ITEM_COLUMNS = tuple(feature.name for feature in ITEM_FEATURES)
USER_COLUMNS = tuple(feature.name for feature in USER_FEATURES)


def item_statistics(interactions: pl.DataFrame) -> pl.DataFrame:
    """One row per item and day: item_id, event_timestamp (UTC), features.ITEM_FEATURES (float32).

    `interactions` needs user_id, item_id, timestamp (s), tie, worth (features.interaction_value) and rated.
    """
    growth = (pl.col("timestamp") - pl.col("timestamp").first()).over("item_id") / (DAY_SECONDS * RECENT_HALF_LIFE_DAYS)
    running = _judged(interactions).sort("item_id", *ORDER).with_columns(_growth=growth).with_columns(
        interactions=_count().over("item_id"),
        recent_interactions=_recent().over("item_id"),
        mean_value=_mean("worth").over("item_id"),
        liked_share=_mean("liked").over("item_id"),
        first_day=(pl.col("timestamp").first() / DAY_SECONDS).over("item_id"),
        last_day=pl.col("timestamp") / DAY_SECONDS,
    )
    return _newest_of_each_day(running, "item_id", ITEM_COLUMNS)


def user_statistics(interactions: pl.DataFrame) -> pl.DataFrame:
    """One row per user and day: user_id, event_timestamp (UTC), features.USER_FEATURES (float32)."""
    counted = _judged(interactions).sort(*ORDER).with_columns(_others=(_count().over("item_id") - 1).log1p())
    running = counted.sort("user_id", *ORDER).with_columns(
        interactions=_count().over("user_id"),
        mean_value=_mean("worth").over("user_id"),
        liked_share=_mean("liked").over("user_id"),
        mean_item_interactions=_mean("_others").over("user_id"),
        first_day=(pl.col("timestamp").first() / DAY_SECONDS).over("user_id"),
        last_day=pl.col("timestamp") / DAY_SECONDS,
    )
    return _newest_of_each_day(running, "user_id", USER_COLUMNS)


def _judged(interactions: pl.DataFrame) -> pl.DataFrame:
    """Adds `liked`: what is not a rating, or a rating at or above LIKED_RATING and the user's mean up to then."""
    bar = pl.max_horizontal(pl.lit(LIKED_RATING), _mean("worth").over("user_id"))
    ratings = interactions.filter("rated").sort("user_id", *ORDER).with_columns(liked=pl.col("worth") >= bar)
    rest = interactions.filter(~pl.col("rated")).with_columns(liked=pl.lit(True))
    return pl.concat([ratings, rest]).with_columns(pl.col("liked").cast(pl.Float64))


def _count() -> pl.Expr:
    return pl.int_range(1, pl.len() + 1).cast(pl.Float64)


def _mean(column: str) -> pl.Expr:
    return pl.col(column).cum_sum() / _count()


def _recent() -> pl.Expr:
    """The sum of 0.5^((t - t_i) / half-life) over all i up to t, as one running sum of 2^t_i."""
    weight = pl.lit(2.0).pow(pl.col("_growth"))
    return weight.cum_sum() / weight


def _newest_of_each_day(running: pl.DataFrame, key: str, columns: tuple[str, ...]) -> pl.DataFrame:
    second = pl.col("timestamp").ceil().cast(pl.Int64)
    return (
        running.with_columns(_second=second, _day=second // int(DAY_SECONDS))
        .group_by(key, "_day", maintain_order=True)
        .last()
        .select(
            key,
            pl.from_epoch("_second", time_unit="s").cast(pl.Datetime("us", "UTC")).alias("event_timestamp"),
            *[pl.col(name).cast(pl.Float32) for name in columns],
        )
    )
