"""Which file and which column is what: told by dataset.yaml, else guessed, and every guess said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rec_models.data.problems import InvalidData
from rec_models.data.settings import Columns, Settings
from rec_models.data.tables import FORMATS

STEMS = {
    "interactions": ("interactions", "ratings", "events", "purchases"),
    "items": ("items", "movies", "products"),
    "users": ("users", "customers"),
    "tags": ("tags",),
}
NAMES = {
    "user_id": ("user_id", "userId", "user", "customer_id"),
    "item_id": ("item_id", "movieId", "itemId", "item", "product_id"),
    "timestamp": ("timestamp", "time"),
    "type": ("type", "event_type", "event"),
    "rating": ("rating", "stars"),
    "quantity": ("quantity",),
    "weight": ("weight",),
    "value": ("value",),
    "title": ("title", "name"),
    "categories": ("categories", "genres", "category"),
    "text": ("text", "description"),
    "tag": ("tag",),
}


@dataclass(frozen=True)
class Layout:
    """The files of a data folder; only interactions are needed. `guesses` are sentences for a person."""

    folder: Path
    interactions: Path
    items: Path | None
    users: Path | None
    tags: Path | None
    guesses: tuple[str, ...]

    def files(self) -> list[Path]:
        return [path for path in (self.interactions, self.items, self.users, self.tags) if path is not None]


def find_files(folder: Path, settings: Settings) -> Layout:
    """The folder's files. Raises InvalidData for a missing folder or file, or two that could be meant."""
    if not folder.is_dir():
        raise InvalidData(f"{folder}: expected a folder of data, got {'a file' if folder.exists() else 'nothing there'}")
    told = settings.files.model_dump()
    found = {role: _told(folder, role, told[role]) if told[role] else _guessed(folder, role) for role in STEMS}
    if found["interactions"] is None:
        raise InvalidData(
            f"{folder}: expected a file of interactions ({', '.join(STEMS['interactions'])}, as {', '.join(FORMATS)}), "
            "found none; name yours in dataset.yaml: `files: {interactions: FILE}`"
        )
    guessed = {role: path.name for role, path in found.items() if path and not told[role]}
    guesses = [f"{role}: {name} (change it in dataset.yaml: files.{role})" for role, name in guessed.items()]
    return Layout(folder, found["interactions"], found["items"], found["users"], found["tags"], tuple(guesses))


def _told(folder: Path, role: str, name: str) -> Path:
    if not name.endswith(FORMATS):
        raise InvalidData(f"dataset.yaml: files.{role}: expected a name that ends in {', '.join(FORMATS)}, got {name!r}")
    if not (folder / name).is_file():
        raise InvalidData(f"dataset.yaml: files.{role}: {folder / name} does not exist")
    return folder / name


def _guessed(folder: Path, role: str) -> Path | None:
    found = [folder / f"{stem}{ending}" for stem in STEMS[role] for ending in FORMATS]
    found = [path for path in found if path.is_file()]
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        say = f"say which in dataset.yaml: `files: {{{role}: {found[0].name}}}`"
        raise InvalidData(f"{folder}: {names} could both be the {role}; {say}")
    return found[0] if found else None


def find_columns(
    file: str, header: Sequence[str], wanted: Sequence[str], required: Sequence[str], columns: Columns
) -> Mapping[str, str]:
    """Meaning -> the file's column, for those of `wanted` that it has. Raises InvalidData for a missing required one."""
    found = {}
    for meaning in wanted:
        names = (*getattr(columns, meaning), *NAMES[meaning])
        present = [name for name in names if name in header]
        if present:
            found[meaning] = present[0]
        elif meaning in required:
            raise InvalidData(
                f"{file}: expected a column {meaning!r}, got {', '.join(header)}; "
                f"say which it is in dataset.yaml: `columns: {{{meaning}: COLUMN}}`"
            )
    return found


def renamed(file: str, found: Mapping[str, str], columns: Columns) -> list[str]:
    """A sentence for each column whose meaning was guessed from another name."""
    return [
        f"{meaning}: column {name!r} of {file} (change it in dataset.yaml: columns.{meaning})"
        for meaning, name in found.items()
        if name not in (meaning, *getattr(columns, meaning))
    ]


def check_told_columns(columns: Columns, headers: Mapping[str, Sequence[str]]) -> None:
    """Raises InvalidData where dataset.yaml names a column that no file has."""
    for meaning, names in columns.model_dump().items():
        for name in names:
            if not any(name in header for header in headers.values()):
                have = "; ".join(f"{file}: {', '.join(header)}" for file, header in headers.items())
                raise InvalidData(f"dataset.yaml: columns.{meaning}: no file has a column {name!r} ({have})")
