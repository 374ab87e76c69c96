"""The same people in a catalogue of any size: each likes a few topics, and what they drew lies at the same share of each."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from inference_graph.features import DAY_SECONDS
from rec_models.data.dataset import Dataset, Description, Seen
from rec_models.large_catalogue.items import GENRES, NEWEST_DAY, Size, item_ids
from rec_models.sequences import Sequences

USERS, EVENTS, TOPICS = 300, 60, 4
YEAR = 2000.0


def sequences(size: Size) -> Sequences:
    """Each user's ratings, oldest first; items are rows of the catalogue."""
    random = np.random.default_rng(11)
    liked = (random.random((USERS, TOPICS)) * size.topics).astype(np.int64)
    topic = np.take_along_axis(liked, random.integers(TOPICS, size=(USERS, EVENTS)), 1)
    ages = np.sort(random.random((USERS, EVENTS)) * 300.0, axis=1)[:, ::-1]
    return Sequences(
        users=np.repeat(np.arange(USERS, dtype=np.int32), EVENTS),
        items=size.of_topic(topic, random.random((USERS, EVENTS))).ravel().astype(np.int32),
        times=np.asarray(np.floor((NEWEST_DAY - ages) * DAY_SECONDS) + np.arange(EVENTS), np.float64).ravel(),
        values=random.choice(np.array([2.0, 3.0, 4.0, 5.0], np.float32), USERS * EVENTS),
        rated=np.ones(USERS * EVENTS, np.bool_),
        user_ids=np.array([f"u{number:04d}" for number in range(USERS)]),
        item_count=size.items,
    )


def dataset(size: Size, events: Sequences) -> Dataset:
    """What the online features and histories are made from; of the items only those that somebody had."""
    ids = item_ids(size)
    interactions = pl.DataFrame(
        {
            "user_id": events.user_ids[events.users],
            "item_id": _texts(ids[events.items]),
            "timestamp": events.times,
            "type": "rating",
            "value": events.values.astype(np.float64),
            "tie": np.arange(len(events), dtype=np.uint64),
        }
    ).sort("timestamp", "tie")
    had = np.unique(events.items)
    items = pl.DataFrame(
        {
            "item_id": _texts(ids[had]),
            "title": [f"Item {row:07d}" for row in had],
            "categories": [[f"genre {row % size.topics % GENRES:02d}"] for row in had],
            "text": "",
            "year": YEAR,
        }
    )
    description = Description(
        name=f"large-{size.items}",
        hash=f"large-{size.items}",
        kind="ratings",
        seen=Seen("ever"),
        ties="content",
        repeat_share=0.0,
        users=USERS,
        items=size.items,
        interactions=len(events),
        oldest=float(events.times.min()),
        newest=float(events.times.max()),
        columns={"year": "number"},
    )
    return Dataset(interactions, items, pl.DataFrame({"user_id": events.user_ids}), description)


def _texts(ids: NDArray[np.bytes_]) -> list[str]:
    return [item_id.decode() for item_id in ids.tolist()]
