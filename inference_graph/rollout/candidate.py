"""A model release as it lies in storage: one folder, never changed, with exactly one numbered version in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyarrow import fs

from inference_graph.errors import DependencyUnavailable, InvalidConfiguration
from inference_graph.storage import open_filesystem

CARD, MODEL = "card.json", "saved_model.pb"
WARM_UP = Path("assets.extra") / "tf_serving_warmup_requests"
# Storage that can be read from here; a claim's files are to be had in the cluster alone.
READABLE = ("s3://", "gs://", "file://")


@dataclass(frozen=True, slots=True)
class ModelRelease:
    """`folder` holds the numbered version; `card` is empty where there is none."""

    uri: str
    folder: Path
    version: str
    card: Mapping[str, Any]

    @property
    def has_warm_up(self) -> bool:
        path = self.folder / self.version / WARM_UP
        return path.is_file() and path.stat().st_size > 0


def fetch(uri: str, copy: Path | None, into: Path) -> ModelRelease:
    """The release at a URI, copied here; `copy` is a folder that holds the same, for what cannot be read from here.

    Raises InvalidConfiguration where it is no release, DependencyUnavailable where it cannot be read.
    """
    folder = copy or _download(uri, into)
    version = the_version(uri, [path.name for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else [])
    if not (folder / version / MODEL).is_file():
        raise InvalidConfiguration(f"{uri}: version {version} has no {MODEL}")
    return ModelRelease(uri, folder, version, _card(folder / version / CARD))


def read_card(uri: str, copy: Path | None) -> Mapping[str, Any]:
    """The card of a release, without its model. Raises InvalidConfiguration or DependencyError."""
    if copy is not None:
        return _card(copy / the_version(uri, [path.name for path in copy.iterdir() if path.is_dir()]) / CARD)
    filesystem, root = _open(uri)
    try:
        listed = filesystem.get_file_info(fs.FileSelector(root))
        version = the_version(uri, [info.base_name for info in listed if info.type == fs.FileType.Directory])
        with filesystem.open_input_stream(f"{root}/{version}/{CARD}") as stream:
            return dict(json.loads(bytes(stream.read())))
    except (OSError, ValueError) as error:
        raise DependencyUnavailable(f"{uri}: no {CARD} to read ({error})") from error


def the_version(uri: str, folders: list[str]) -> str:
    """Raises InvalidConfiguration unless there is exactly one: a server takes the highest, and a release must not change."""
    numbers = sorted((name for name in folders if name.isdigit()), key=int)
    if len(numbers) != 1:
        found = f"the versions {', '.join(numbers)}" if numbers else "none"
        raise InvalidConfiguration(f"{uri}: expected exactly one folder named by a number, the version, got {found}")
    return numbers[0]


def _download(uri: str, into: Path) -> Path:
    filesystem, root = _open(uri)
    try:
        fs.copy_files(root, str(into), source_filesystem=filesystem, destination_filesystem=fs.LocalFileSystem())
    except OSError as error:
        raise DependencyUnavailable(f"{uri} cannot be read ({error})") from error
    return into


def _open(uri: str) -> tuple[fs.FileSystem, str]:
    if not uri.startswith(READABLE):
        raise DependencyUnavailable(f"{uri} cannot be read from here: name a folder with the same content (--copy, --live-copy)")
    try:
        return open_filesystem(uri)
    except (OSError, ValueError) as error:
        raise DependencyUnavailable(f"{uri} cannot be read ({error})") from error


def _card(path: Path) -> Mapping[str, Any]:
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError):
        return {}


def metric_of(card: Mapping[str, Any], name: str) -> float | None:
    found = (card.get("metrics") or {}).get(name)
    return float(found) if isinstance(found, int | float) else None
