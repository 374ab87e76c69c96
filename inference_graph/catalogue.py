"""All that is known about items: one immutable snapshot of memory-mapped arrays, and its file format.

A snapshot is a folder named by its content: `manifest.json` and one `.npy` file for each field below. Items are sorted by
id, and found by a hash of numbers (item_index.py): no dictionary of strings is ever built.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from inference_graph.errors import InvalidSnapshot
from inference_graph.features import ITEM_FEATURES
from inference_graph.item_index import ItemIndex

FORMAT = 1
MANIFEST = "manifest.json"
POPULATE_READ = 22
"""MADV_POPULATE_READ of Linux 5.14 and later, which Python 3.11 has no name for."""
PIECE = 1 << 20
"""Bytes of a mapping for which other threads wait at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Attribute:
    """One filter column: numbers float64 [N] (NaN = not known), or int32 codes [N] into `words` (-1 = not known)."""

    values: NDArray[Any]
    words: tuple[str, ...] | None = None

    @property
    def is_text(self) -> bool:
        return self.words is not None


@dataclass(frozen=True, slots=True, eq=False)
class CatalogueArrays:
    """N items, F features, K neighbours, D dimensions; ragged columns are an offset array and a flat one."""

    item_ids: NDArray[np.bytes_]  # [N], sorted, unique, utf-8
    features: NDArray[np.float32]  # [N, F], in the order of features.ITEM_FEATURES
    category_offsets: NDArray[np.int64]  # [N + 1]
    category_ids: NDArray[np.int32]
    title_offsets: NDArray[np.int64]  # [N + 1]
    title_bytes: NDArray[np.uint8]
    popular_offsets: NDArray[np.int64]  # [categories + 2]: segment 0 is the whole catalogue, 1 + c is category c
    popular_rows: NDArray[np.int32]  # most popular first within each segment
    next_rows: NDArray[np.int32]  # [N, K], best first, -1 = none
    next_scores: NDArray[np.float32]  # [N, K]
    vectors: NDArray[np.float16]  # [N, D], of unit length or zero


ARRAYS = tuple(field.name for field in fields(CatalogueArrays))


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """One snapshot, mapped: `newest_event` in seconds since 1970 is what its aggregates know of."""

    name: str
    arrays: CatalogueArrays
    categories: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    newest_event: float
    created: float
    index: ItemIndex = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", ItemIndex.of(self.arrays.item_ids))

    def __len__(self) -> int:
        return len(self.arrays.item_ids)

    def rows_of(self, item_ids: Sequence[str] | Sequence[bytes] | NDArray[np.bytes_]) -> NDArray[np.int32]:
        """Catalogue rows, int32 [len(item_ids)], -1 for an unknown id."""
        if len(item_ids) == 0 or len(self) == 0:
            return np.full(len(item_ids), -1, np.int32)
        if isinstance(item_ids[0], str):
            return self.index.rows_of(list(map(str.encode, cast(Sequence[str], item_ids))))
        return self.index.rows_of(cast(Sequence[bytes], item_ids))

    def item_id(self, row: int) -> str:
        return bytes(self.arrays.item_ids[row]).decode()

    def titles(self, rows: NDArray[np.int32]) -> list[str]:
        offsets, texts = self.arrays.title_offsets, self.arrays.title_bytes.data
        return [str(texts[start:end], "utf-8") for start, end in zip(offsets[rows].tolist(), offsets[rows + 1].tolist(), strict=True)]

    def categories_of(self, row: int) -> tuple[str, ...]:
        start, end = self.arrays.category_offsets[row], self.arrays.category_offsets[row + 1]
        return tuple(self.categories[c] for c in self.arrays.category_ids[start:end])

    def category_pairs(self, rows: NDArray[np.int32]) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        """The ragged categories of some rows as pairs: (index into `rows`, category), in the order of `rows`."""
        starts = self.arrays.category_offsets[rows]
        counts = self.arrays.category_offsets[rows + 1] - starts
        index = np.repeat(np.arange(len(rows)), counts)
        within = np.arange(len(index)) - np.repeat(np.cumsum(counts) - counts, counts)
        return index, self.arrays.category_ids[np.repeat(starts, counts) + within]

    def has_category(self, rows: NDArray[np.int32], names: Sequence[str]) -> NDArray[np.bool_]:
        """True for each row that has at least one of the named categories; unknown names match nothing."""
        wanted = [self.categories.index(name) for name in names if name in self.categories]
        index, category = self.category_pairs(rows)
        found = np.zeros(len(rows), np.bool_)
        found[index[np.isin(category, wanted)]] = True
        return found

    def popular(self, category: str | None = None) -> NDArray[np.int32]:
        """Rows by popularity, of the whole catalogue or of one category; empty for an unknown one."""
        if category is not None and category not in self.categories:
            return np.empty(0, np.int32)
        segment = 0 if category is None else 1 + self.categories.index(category)
        start, end = self.arrays.popular_offsets[segment : segment + 2]
        return self.arrays.popular_rows[start:end]


def write_snapshot(
    parent: Path,
    arrays: CatalogueArrays,
    *,
    categories: Sequence[str],
    attributes: Mapping[str, Attribute],
    newest_event: float,
    created: float,
) -> Path:
    """Writes a folder `parent/<content hash>` whole or not at all; the same content gives the same folder."""
    draft = parent / f".writing-{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        tables = {name: getattr(arrays, name) for name in ARRAYS}
        tables |= {f"attribute_{i}": attribute.values for i, attribute in enumerate(attributes.values())}
        for name, table in tables.items():
            np.save(draft / f"{name}.npy", np.ascontiguousarray(table), allow_pickle=False)
        content = {
            "format": FORMAT,
            "items": len(arrays.item_ids),
            "features": [feature.name for feature in ITEM_FEATURES[: arrays.features.shape[1]]],
            "categories": list(categories),
            "attributes": [{"name": name, "words": attribute.words} for name, attribute in attributes.items()],
            "newest_event": newest_event,
            "files": {f"{name}.npy": _sha256(draft / f"{name}.npy") for name in tables},
        }
        name = _content_name(content)
        (draft / MANIFEST).write_text(json.dumps({**content, "name": name, "created": created}, indent=1))
        if not (parent / name).exists():
            os.replace(draft, parent / name)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return parent / name


def open_snapshot(folder: Path) -> Catalogue:
    """Verifies and maps a snapshot folder. Raises InvalidSnapshot, naming the file, for anything that is not whole."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        if manifest["format"] != FORMAT:
            raise InvalidSnapshot(f"{folder.name}: format {manifest['format']}, expected {FORMAT}")
        if manifest["name"] != _content_name({key: value for key, value in manifest.items() if key not in ("name", "created")}):
            raise InvalidSnapshot(f"{folder.name}: {MANIFEST} is not what its name says (changed)")
        for file, digest in manifest["files"].items():
            if _sha256(folder / file) != digest:
                raise InvalidSnapshot(f"{folder.name}: {file} is not what the manifest says (truncated or changed)")
        tables = {Path(file).stem: np.load(folder / file, mmap_mode="r", allow_pickle=False) for file in manifest["files"]}
        arrays = CatalogueArrays(**{name: tables[name].view(np.ndarray) for name in ARRAYS})
        attributes = {
            entry["name"]: Attribute(
                tables[f"attribute_{i}"].view(np.ndarray), tuple(entry["words"]) if entry["words"] is not None else None
            )
            for i, entry in enumerate(manifest["attributes"])
        }
        _check(folder.name, arrays, manifest)
        _advise(tables.values(), POPULATE_READ)
        return Catalogue(
            name=manifest["name"],
            arrays=arrays,
            categories=tuple(manifest["categories"]),
            attributes=attributes,
            newest_event=manifest["newest_event"],
            created=manifest["created"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidSnapshot(f"{folder.name}: {error}") from error


def let_go(catalogue: Catalogue) -> None:
    """Gives back the pages of a snapshot that is not served any more, little by little: all at once they hold up every thread.

    Whoever still reads it gets them again.
    """
    tables = [getattr(catalogue.arrays, name) for name in ARRAYS]
    _advise([*tables, *(attribute.values for attribute in catalogue.attributes.values())], mmap.MADV_DONTNEED)


def _advise(tables: Iterable[NDArray[Any]], advice: int) -> None:
    """Says so of the memory of mapped tables. Populated pages spare the first requests a fault for every one that they touch."""
    for pages in _mappings(tables):
        with suppress(OSError):  # of a kernel that does not know the advice
            for start in range(0, len(pages), PIECE):
                pages.madvise(advice, start, min(PIECE, len(pages) - start))


def _mappings(tables: Iterable[NDArray[Any]]) -> Iterator[mmap.mmap]:
    for table in tables:
        base: Any = table
        while isinstance(base, np.ndarray):
            base = base.base
        if isinstance(base, mmap.mmap):
            yield base


def _check(name: str, arrays: CatalogueArrays, manifest: Mapping[str, Any]) -> None:
    expected = [feature.name for feature in ITEM_FEATURES]
    if manifest["features"] != expected[: len(manifest["features"])]:
        raise InvalidSnapshot(f"{name}: features {manifest['features']}, expected the first of {expected}")
    count = manifest["items"]
    lengths = {"item_ids": count, "features": count, "category_offsets": count + 1, "title_offsets": count + 1}
    lengths |= {"next_rows": count, "next_scores": count, "vectors": count, "popular_offsets": len(manifest["categories"]) + 2}
    for column, length in lengths.items():
        if len(getattr(arrays, column)) != length:
            raise InvalidSnapshot(f"{name}: {column} has {len(getattr(arrays, column))} rows, expected {length}")
    for column in ("popular_rows", "next_rows"):
        table = getattr(arrays, column)
        if table.size and (table.max() >= count or table.min() < -1):
            raise InvalidSnapshot(f"{name}: {column} points outside the catalogue of {count} items")


def _content_name(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
