"""Users: everybody who interacted or stands in the users file, with that file's columns."""

from __future__ import annotations

import polars as pl

from rec_models.data.checks import check_identifiers, check_unique
from rec_models.data.layout import find_columns
from rec_models.data.problems import Problems
from rec_models.data.settings import Settings
from rec_models.data.tables import Table


def read_users(table: Table, settings: Settings, problems: Problems) -> pl.DataFrame:
    """user_id, then the file's other columns: numbers where all are, else text."""
    name = find_columns(table.name, table.frame.columns, ("user_id",), ("user_id",), settings.columns)["user_id"]
    check_identifiers(table, name, problems)
    check_unique(table, name, problems)
    others = [_typed(table.frame[column]) for column in table.frame.columns if column not in (name, "user_id")]
    return pl.DataFrame([table.frame[name].alias("user_id"), *others])


def _typed(column: pl.Series) -> pl.Series:
    given = column.set(column == "", None)
    numbers = given.cast(pl.Float64, strict=False)
    whole = numbers.null_count() == given.null_count() and bool(numbers.is_finite().all())
    return numbers if whole else given


def all_users(interactions: pl.DataFrame, users: pl.DataFrame | None) -> pl.DataFrame:
    """Sorted by id; a user without a row in the file has nulls."""
    seen = interactions.select(pl.col("user_id").unique())
    if users is None:
        return seen.sort("user_id")
    return pl.concat([users, seen.join(users, on="user_id", how="anti")], how="diagonal").sort("user_id")
