"""dataset.yaml: what a data folder's owner says about it. Everything has a guess; unknown keys are errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from rec_models.data.dataset import Seen
from rec_models.data.problems import InvalidData

FILE = "dataset.yaml"


def _names(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _seen(value: object) -> object:
    """`ever`, `off`, or `{within: 30d}`; YAML reads a bare off as false."""
    if value is False or value == "off":
        return Seen("off")
    if value == "ever":
        return Seen("ever")
    if isinstance(value, Mapping) and set(value) == {"within"}:
        days = re.fullmatch(r"(\d+(?:\.\d+)?)d", str(value["within"]).strip())
        if days and float(days[1]) > 0:
            return Seen("within", float(days[1]))
    raise ValueError(f"expected `ever`, `off` or `{{within: 30d}}` (days), got {value!r}")


Column = Annotated[tuple[str, ...], BeforeValidator(_names)]
"""A column's name, or several: in each file the first that it has is taken."""


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Files(Strict):
    """File names relative to the folder, in one of tables.FORMATS."""

    interactions: str | None = None
    items: str | None = None
    users: str | None = None
    tags: str | None = None


class Columns(Strict):
    """What the files call the columns that have a meaning here."""

    user_id: Column = ()
    item_id: Column = ()
    timestamp: Column = ()
    type: Column = ()
    rating: Column = ()
    quantity: Column = ()
    weight: Column = ()
    value: Column = ()
    title: Column = ()
    categories: Column = ()
    text: Column = ()
    tag: Column = ()


class Kinds(Strict):
    """`interactions`: whether their values are stars; `type`: of rows without one; `columns`: of the items' further columns."""

    interactions: Literal["ratings", "events"] | None = None
    type: str | None = Field(None, min_length=1)
    columns: Mapping[str, Literal["number", "text", "skip"]] = {}


class Settings(Strict):
    """The whole of dataset.yaml."""

    files: Files = Files()
    columns: Columns = Columns()
    kinds: Kinds = Kinds()
    seen: Annotated[Seen | None, BeforeValidator(_seen)] = None
    ties: Literal["content", "file"] = "content"


def read_settings(folder: Path) -> Settings:
    """The folder's dataset.yaml, or the defaults where it has none. Raises InvalidData naming the key."""
    if not (folder / FILE).exists():
        return Settings()
    try:
        content = yaml.safe_load((folder / FILE).read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidData(f"{FILE}: expected YAML, got {' '.join(str(error).split())}") from error
    try:
        return Settings.model_validate({} if content is None else content)
    except ValidationError as error:
        raise InvalidData(f"{FILE}: {_first(error)}") from error


def _first(error: ValidationError) -> str:
    """The first complaint, naming its key; an unknown one with the keys that could have been meant."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        sections: Mapping[str, type[BaseModel]] = {"files": Files, "columns": Columns, "kinds": Kinds}
        section = sections.get(str(first["loc"][0]), Settings) if len(first["loc"]) > 1 else Settings
        return f"{key}: unknown key, expected one of {', '.join(section.model_fields)}"
    if first["type"] == "value_error":
        return f"{key}: {first['msg'].removeprefix('Value error, ')}"
    return f"{key or 'the file'}: {first['msg'].lower()}, got {first['input']!r}"
