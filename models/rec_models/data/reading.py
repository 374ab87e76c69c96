"""A data folder, read and checked: everything that is right or wrong with it, before anything is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from rec_models.data.interactions import Interactions, read_interactions
from rec_models.data.items import Items, items_of_interactions, read_items, read_tags
from rec_models.data.layout import Layout, check_told_columns, find_files
from rec_models.data.problems import InvalidData, Problems
from rec_models.data.settings import Settings, read_settings
from rec_models.data.tables import Table, Unreadable, read_table
from rec_models.data.users import all_users, read_users


@dataclass(frozen=True, eq=False)
class Reading:
    """`problems` empty means that the tables are whole; `guesses` are sentences for a person."""

    layout: Layout
    settings: Settings
    interactions: Interactions
    items: Items
    users: pl.DataFrame
    problems: Problems
    guesses: tuple[str, ...]


def read_folder(folder: Path) -> Reading:
    """Reads and checks every row. Raises InvalidData where a file, a column or dataset.yaml is missing or unreadable."""
    settings = read_settings(folder)
    layout = find_files(folder, settings)
    problems = Problems()
    tables = {path: _table(path, problems) for path in layout.files()}
    check_told_columns(settings.columns, {path.name: table.frame.columns for path, table in tables.items()})
    _check_told_kinds(settings, tables[layout.items] if layout.items else None)
    tags = read_tags(tables[layout.tags], settings, problems) if layout.tags else None
    items = read_items(tables[layout.items], tags, settings, problems) if layout.items else None
    known = items.frame["item_id"] if items else None
    interactions = read_interactions(tables[layout.interactions], known, settings, problems)
    if interactions.frame.is_empty() and not problems.count:
        raise InvalidData(f"{layout.interactions.name}: expected interactions, got none below the header")
    items = items or items_of_interactions(interactions.frame["item_id"])
    users = all_users(interactions.frame, read_users(tables[layout.users], settings, problems) if layout.users else None)
    guesses = (*layout.guesses, *items.guesses, *interactions.guesses)
    return Reading(layout, settings, interactions, items, users, problems, guesses)


def _check_told_kinds(settings: Settings, items: Table | None) -> None:
    for name in settings.kinds.columns:
        if items is None or name not in items.frame.columns:
            have = "there is no items file" if items is None else f"{items.name}: {', '.join(items.frame.columns)}"
            raise InvalidData(f"dataset.yaml: kinds.columns.{name}: the items have no such column ({have})")


def _table(path: Path, problems: Problems) -> Table:
    try:
        table, misshapen = read_table(path)
    except Unreadable as error:
        raise InvalidData(str(error)) from error
    for line in misshapen:
        problems.add(path.name, line.line, line.what)
    return table
