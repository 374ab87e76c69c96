"""Items: titles, categories, the text that is embedded, and every further column as a filter column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import polars as pl

from rec_models.data.checks import check_identifiers, check_unique, checked_numbers
from rec_models.data.layout import find_columns, renamed
from rec_models.data.problems import Problems
from rec_models.data.settings import Settings
from rec_models.data.tables import Table

NO_CATEGORIES = ("", "(no genres listed)")
RESERVED = ("item_id", "title", "categories", "text")
MOST_TAGS = 20
Kind = Literal["number", "text"]


@dataclass(frozen=True, eq=False)
class Items:
    frame: pl.DataFrame
    columns: Mapping[str, Kind]
    guesses: tuple[str, ...]


def read_items(table: Table, tags: pl.DataFrame | None, settings: Settings, problems: Problems) -> Items:
    """item_id, title, categories, text, then the filter columns; sorted by id. `tags` as of read_tags."""
    found = find_columns(table.name, table.frame.columns, RESERVED, ("item_id",), settings.columns)
    check_identifiers(table, found["item_id"], problems)
    check_unique(table, found["item_id"], problems)
    raw = table.frame.select(pl.col(name).alias(meaning) for meaning, name in found.items())
    frame = raw.select("item_id", _title(raw), _categories(raw), _own_text(raw))
    further, columns, guesses = _further(table, set(found.values()), settings, problems)
    if _is_films(found) and "year" not in columns:
        further.append(frame["title"].str.extract(r"\((\d{4})(?:[-–]\d{0,4})?\)$").cast(pl.Float64).alias("year"))
        columns = {**columns, "year": "number"}
        guesses.append("year: from the end of the title, as in `Toy Story (1995)`")
    frame = _with_text(frame, tags).with_columns(further).sort("item_id")
    return Items(frame, columns, (*renamed(table.name, found, settings.columns), *guesses))


def items_of_interactions(item_ids: pl.Series) -> Items:
    """What can be said where there is no items file: the id is the title."""
    ids = item_ids.unique().sort()
    none = pl.lit([], dtype=pl.List(pl.String))
    frame = pl.DataFrame({"item_id": ids}).select("item_id", title="item_id", categories=none, text="item_id")
    return Items(frame, {}, ("items: those of the interactions, each titled by its id (there is no items file)",))


def read_tags(table: Table, settings: Settings, problems: Problems) -> pl.DataFrame:
    """item_id, tags: each item's most frequent tags in one text."""
    found = find_columns(table.name, table.frame.columns, ("item_id", "tag"), ("item_id", "tag"), settings.columns)
    check_identifiers(table, found["item_id"], problems)
    rows = table.frame.select(item_id=found["item_id"], tag=_clean(pl.col(found["tag"])).str.to_lowercase())
    counts = rows.filter(pl.col("tag") != "").group_by("item_id", "tag").len()
    counts = counts.sort("item_id", "len", "tag", descending=[False, True, False])
    return counts.group_by("item_id", maintain_order=True).agg(pl.col("tag").head(MOST_TAGS).str.join(", ").alias("tags"))


def _is_films(found: Mapping[str, str]) -> bool:
    return found["item_id"] == "movieId"


def _clean(text: pl.Expr) -> pl.Expr:
    """Line breaks, tabs and other control characters become single spaces."""
    return text.str.replace_all(r"[\p{Cc}\s]+", " ").str.strip_chars()


def _title(raw: pl.DataFrame) -> pl.Expr:
    if "title" not in raw.columns:
        return pl.col("item_id").alias("title")
    title = _clean(pl.col("title"))
    return pl.when(title == "").then(pl.col("item_id")).otherwise(title).alias("title")


def _categories(raw: pl.DataFrame) -> pl.Expr:
    if "categories" not in raw.columns:
        return pl.lit([], dtype=pl.List(pl.String)).alias("categories")
    split = pl.col("categories").str.split("|").list.eval(_clean(pl.element())).list.unique(maintain_order=True)
    return split.list.eval(pl.element().filter(~pl.element().is_in(list(NO_CATEGORIES)))).alias("categories")


def _own_text(raw: pl.DataFrame) -> pl.Expr:
    return _clean(pl.col("text")).alias("own") if "text" in raw.columns else pl.lit("").alias("own")


def _with_text(frame: pl.DataFrame, tags: pl.DataFrame | None) -> pl.DataFrame:
    """text = title, categories, tags and the item's own text, where there are any."""
    if tags is None:
        tags = pl.DataFrame(schema={"item_id": pl.String, "tags": pl.String})
    parts = frame.join(tags, on="item_id", how="left", maintain_order="left").with_columns(
        pl.col("categories").list.join(", ").alias("joined"), pl.col("tags").fill_null("")
    )
    given = [pl.when(pl.col(name) != "").then(pl.col(name)) for name in ("title", "joined", "tags", "own")]
    text = pl.concat_str(given, separator=". ", ignore_nulls=True).alias("text")
    return parts.select("item_id", "title", "categories", text)


def _further(
    table: Table, taken: set[str], settings: Settings, problems: Problems
) -> tuple[list[pl.Series], dict[str, Kind], list[str]]:
    """Every column that has no other meaning, as numbers or text."""
    columns: dict[str, Kind] = {}
    guesses: list[str] = []
    series: list[pl.Series] = []
    for name in table.frame.columns:
        told = settings.kinds.columns.get(name)
        if name in taken or name in RESERVED or told == "skip":
            continue
        columns[name] = told or _guessed_kind(table.frame[name])
        if told is None:
            change = f"(change it in dataset.yaml: kinds.columns.{name}: number, text or skip)"
            guesses.append(f"column {name!r} of {table.name}: {columns[name]} {change}")
        if columns[name] == "number":
            series.append(checked_numbers(table, name, problems))
        else:
            series.append(table.frame.select(pl.when(pl.col(name) != "").then(_clean(pl.col(name))).alias(name))[name])
    return series, columns, guesses


def _guessed_kind(column: pl.Series) -> Kind:
    """Numbers where nearly all of what is not empty is one: the few others are then broken rows, not a column of text."""
    given = column.filter(column != "")
    numbers = len(given) - given.cast(pl.Float64, strict=False).null_count()
    return "number" if len(given) and numbers >= 0.98 * len(given) else "text"
