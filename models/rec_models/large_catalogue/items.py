"""The items of an invented catalogue of any size: topics within genres, made in chunks, the same for the same size."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference_graph.catalogue import Attribute, CatalogueArrays
from inference_graph.features import ITEM_FEATURES
from rec_models.item_to_item import ItemToItem
from rec_models.popularity import popular_segments, popularity

GENRES, DIMENSIONS, CHUNK = 32, 64, 50_000
NEWEST_DAY = 19_675.0
LIKENESS = {"genre": 0.25, "topic": 0.45, "own": 0.3}
"""Shares of an item's vector: two items of a topic have a cosine of about 0.7, two of a genre of 0.25."""
TITLE_LENGTH = 12


@dataclass(frozen=True)
class Size:
    """N items; item `i` belongs to topic `i % topics`, whose genre is `topic % GENRES`."""

    items: int

    @property
    def topics(self) -> int:
        return max(GENRES, 2 * math.isqrt(self.items))

    def of_topic(self, topic: NDArray[np.int64], share: NDArray[np.float64]) -> NDArray[np.int64]:
        """The item that lies at this share, in [0, 1), of the topic's items."""
        per_topic = (self.items - 1 - topic) // self.topics + 1
        return np.asarray(topic + self.topics * (share * per_topic).astype(np.int64))


def item_ids(size: Size) -> NDArray[np.bytes_]:
    return np.char.mod(b"i%07d", np.arange(size.items)).astype(np.bytes_)


def vectors(size: Size) -> NDArray[np.float16]:
    """float16 [N, DIMENSIONS] of unit length; later dimensions say less, as those of a decomposition do."""
    found = np.empty((size.items, DIMENSIONS), np.float16)
    random = np.random.default_rng(1)
    genres, topics = _directions(random, GENRES), _directions(random, size.topics)
    for number, rows in _chunks(size):
        own = _directions(np.random.default_rng((2, number)), len(rows))
        topic = rows % size.topics
        mixed = sum(
            math.sqrt(share) * part
            for share, part in zip(LIKENESS.values(), (genres[topic % GENRES], topics[topic], own), strict=True)
        )
        found[rows] = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
    return found


def arrays(size: Size, advance: Callable[[int], None]) -> tuple[list[str], dict[str, Attribute], CatalogueArrays]:
    """Categories, filter columns and arrays of a snapshot; `advance` hears how many items were made."""
    features, neighbours = _features(size), ItemToItem().neighbours
    next_rows = np.empty((size.items, neighbours), np.int32)
    next_scores = np.empty((size.items, neighbours), np.float32)
    for number, rows in _chunks(size):
        share = np.random.default_rng((3, number)).random((len(rows), neighbours))
        next_rows[rows] = size.of_topic((rows % size.topics)[:, None], share)
        next_scores[rows] = 0.5 / np.arange(1, neighbours + 1)
        advance(len(rows))
    offsets = np.arange(size.items + 1, dtype=np.int64)
    genre = (np.arange(size.items) % size.topics % GENRES).astype(np.int32)
    popular_offsets, popular_rows = popular_segments(popularity(features), offsets, genre, GENRES)
    titles = np.char.mod(b"Item %07d", np.arange(size.items)).astype(f"S{TITLE_LENGTH}")
    year = Attribute(1950.0 + np.random.default_rng(4).integers(75, size=size.items))
    return (
        [f"genre {number:02d}" for number in range(GENRES)],
        {"year": year},
        CatalogueArrays(
            item_ids=item_ids(size),
            features=features,
            category_offsets=offsets,
            category_ids=genre,
            title_offsets=offsets * TITLE_LENGTH,
            title_bytes=titles.view(np.uint8),
            popular_offsets=popular_offsets,
            popular_rows=popular_rows,
            next_rows=next_rows,
            next_scores=next_scores,
            vectors=vectors(size),
        ),
    )


def _features(size: Size) -> NDArray[np.float32]:
    """A few items have most of the interactions, as everywhere."""
    random = np.random.default_rng(5)
    interactions = np.floor(random.pareto(1.1, size.items) + 1.0)
    last_day = NEWEST_DAY - random.exponential(60.0, size.items)
    columns = {
        "interactions": interactions,
        "recent_interactions": interactions * random.random(size.items),
        "mean_value": 2.0 + 2.5 * random.random(size.items),
        "liked_share": random.random(size.items),
        "first_day": last_day - random.exponential(700.0, size.items),
        "last_day": last_day,
    }
    return np.stack([columns[feature.name] for feature in ITEM_FEATURES], axis=1).astype(np.float32)


def _directions(random: np.random.Generator, count: int) -> NDArray[np.float32]:
    spread = 1.0 / np.sqrt(1.0 + np.arange(DIMENSIONS, dtype=np.float32))
    found = random.standard_normal((count, DIMENSIONS), np.float32) * spread
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))


def _chunks(size: Size) -> Iterator[tuple[int, NDArray[np.int64]]]:
    for number, start in enumerate(range(0, size.items, CHUNK)):
        yield number, np.arange(start, min(start + CHUNK, size.items))
