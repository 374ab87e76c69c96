"""Interactions: from a file's text to checked, distinct, ordered rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from inference_graph.features import TYPE_VALUES
from rec_models.data.checks import check_identifiers, checked_numbers, checked_times
from rec_models.data.layout import find_columns, renamed
from rec_models.data.problems import InvalidData, Problems
from rec_models.data.settings import Settings
from rec_models.data.tables import Table
from rec_models.data.ties import content_ties

VALUES = ("rating", "quantity", "weight", "value")
EVENT = ["user_id", "item_id", "timestamp", "type"]


@dataclass(frozen=True)
class Reading:
    """How the file is understood; `value` is the column that holds stars or quantities, `type` of rows without one."""

    columns: Mapping[str, str]
    value: str | None
    kind: Literal["ratings", "events"]
    type: str
    guesses: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Interactions:
    frame: pl.DataFrame
    duplicates: int
    merged: int
    guesses: tuple[str, ...]
    kind: Literal["ratings", "events"]


def understand(table: Table, settings: Settings) -> Reading:
    """Which column means what, and whether these are ratings. Raises InvalidData where a needed column is missing."""
    wanted = ("user_id", "item_id", "timestamp", "type", *VALUES)
    columns = find_columns(table.name, table.frame.columns, wanted, wanted[:3], settings.columns)
    present = [meaning for meaning in VALUES if meaning in columns]
    told = [meaning for meaning in present if getattr(settings.columns, meaning)]
    meaning = next(iter(told or present), None)
    stars = meaning == "rating" or (meaning in told and columns[str(meaning)] == "rating")
    if "type" in columns and len(table.frame):
        stars = int((table.frame[columns["type"]] == "rating").sum()) * 2 >= len(table.frame)
    kind = settings.kinds.interactions or ("ratings" if stars else "events")
    if kind == "ratings" and meaning is None:
        got = ", ".join(table.frame.columns)
        raise InvalidData(f"{table.name}: expected a column 'rating', got {got}; or say `kinds: {{interactions: events}}`")
    value = columns[meaning] if meaning else None
    type_ = settings.kinds.type or ("rating" if kind == "ratings" else "purchase")
    guesses = list(renamed(table.name, columns, settings.columns))
    if not settings.kinds.interactions:
        of = f"with values from column {value!r}" if value else "without values"
        guesses.append(f"interactions are {kind}, {of} (change it in dataset.yaml: kinds.interactions: ratings or events)")
    if "type" not in columns and not settings.kinds.type:
        guesses.append(f"every interaction is a {type_!r} (change it in dataset.yaml: kinds.type)")
    return Reading(columns, value, kind, type_, tuple(guesses))


def read_interactions(table: Table, known: pl.Series | None, settings: Settings, problems: Problems) -> Interactions:
    """Rows of the prepared form, sorted by (timestamp, tie); `known` are the items' ids, None where there is no items file."""
    reading = understand(table, settings)
    columns = reading.columns
    for meaning in ("user_id", "item_id"):
        check_identifiers(table, columns[meaning], problems)
    if known is not None:
        bad = ~table.frame[columns["item_id"]].is_in(known.implode())
        problems.add_where(table, bad, columns["item_id"], "the id of an item of the items file")
    types = table.frame[columns["type"]] if "type" in columns else pl.Series([reading.type]).new_from_index(0, len(table.frame))
    problems.add_where(table, types == "", columns.get("type", ""), "the type of the interaction (rating, purchase, view, ...)")
    frame = pl.DataFrame(
        {
            "user_id": table.frame[columns["user_id"]],
            "item_id": table.frame[columns["item_id"]],
            "timestamp": checked_times(table, columns["timestamp"], problems),
            "type": types,
            "value": _values(table, types, reading.value, problems),
        }
    )
    if problems.count:
        return Interactions(frame, 0, 0, reading.guesses, reading.kind)
    distinct, duplicates, merged = _distinct(frame)
    return Interactions(_ordered(distinct, settings.ties), duplicates, merged, reading.guesses, reading.kind)


def _values(table: Table, types: pl.Series, column: str | None, problems: Problems) -> pl.Series:
    """Stars or quantities; null where there are none and for types of fixed worth."""
    if column is None:
        return pl.Series([None], dtype=pl.Float64).new_from_index(0, len(table.frame))
    numbers = checked_numbers(table, column, problems)
    rated, fixed = types == "rating", types.is_in(list(TYPE_VALUES))
    problems.add_where(table, rated & (table.frame[column] == ""), column, "a rating's stars")
    problems.add_where(table, rated & (numbers < 0).fill_null(False), column, "stars, not negative")
    quantity = ~rated & ~fixed & (numbers <= 0).fill_null(False)
    problems.add_where(table, quantity, column, "a quantity above 0 (leave returns and cancellations out)")
    return numbers.set(fixed, None)


def _distinct(frame: pl.DataFrame) -> tuple[pl.DataFrame, int, int]:
    """One row an event: exact copies dropped; of several ratings in one second the highest, of quantities the sum."""
    if not frame.select(EVENT).is_duplicated().any():
        return frame, 0, 0
    exact = frame.unique(maintain_order=True)
    rated = pl.col("type").first() == "rating"
    total = pl.when(pl.col("value").count() == 0).then(None).otherwise(pl.col("value").sum())
    value = pl.when(rated).then(pl.col("value").max()).otherwise(total).alias("value")
    one = exact.group_by(EVENT, maintain_order=True).agg(value)
    return one, len(frame) - len(exact), len(exact) - len(one)


def _ordered(frame: pl.DataFrame, ties: Literal["content", "file"]) -> pl.DataFrame:
    tie = pl.int_range(len(frame), dtype=pl.UInt64, eager=True) if ties == "file" else pl.Series(content_ties(frame))
    return frame.with_columns(tie.alias("tie")).sort("timestamp", "tie", "user_id", "item_id", "type")
