"""Popularity and segments by definition; snapshots are published, pinned, forgotten and refused as they should."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_graph.catalogue import MANIFEST, write_snapshot
from inference_graph.errors import InvalidSnapshot
from inference_graph.features import ITEM_FEATURES
from inference_graph.snapshots import KEPT, SnapshotStore
from inference_graph.testing import make_arrays
from rec_models.popularity import popular_segments, popularity


def features(**columns: list[float]) -> np.ndarray:  # type: ignore[type-arg]
    count = len(next(iter(columns.values())))
    return np.stack([columns.get(feature.name, [1.0] * count) for feature in ITEM_FEATURES], axis=1).astype(np.float32)


def test_recent_counts_fade_until_the_newest_day_of_all() -> None:
    scores = popularity(features(interactions=[10, 10], recent_interactions=[8, 8], last_day=[100, 70], liked_share=[1, 1]))
    prior = 0.25 * 2 * 10 / 20
    assert scores.tolist() == pytest.approx([8 + prior, 4 + prior])


def test_where_nothing_happened_lately_the_whole_past_decides_and_dislikes_count_against() -> None:
    scores = popularity(features(interactions=[100, 50, 100], recent_interactions=[0, 0, 0], liked_share=[0.9, 0.9, 0.2]))
    assert np.argsort(-scores).tolist() == [0, 1, 2]
    assert popularity(features(interactions=[0], recent_interactions=[0], liked_share=[0])).tolist() == [0.0]
    assert len(popularity(np.zeros((0, len(ITEM_FEATURES)), np.float32))) == 0


@given(st.lists(st.tuples(st.integers(0, 5), st.lists(st.integers(0, 3), unique=True)), max_size=12))
def test_every_segment_lists_its_items_by_popularity(items: list[tuple[int, list[int]]]) -> None:
    scores = np.array([score for score, _ in items], np.float64)
    offsets = np.concatenate([[0], np.cumsum([len(own) for _, own in items])]).astype(np.int64)
    flat = np.array([category for _, own in items for category in own], np.int32)
    bounds, rows = popular_segments(scores, offsets, flat, 4)
    for segment in range(5):
        members = [row for row, (_, own) in enumerate(items) if segment == 0 or segment - 1 in own]
        expected = sorted(members, key=lambda row: (-items[row][0], row))
        assert rows[bounds[segment] : bounds[segment + 1]].tolist() == expected


def write(parent: Path, newest: float) -> Path:
    return write_snapshot(parent, make_arrays(["a", "b"]), categories=[], attributes={}, newest_event=newest, created=newest)


def test_the_pointer_moves_last_and_the_newest_five_and_the_pinned_stay(tmp_path: Path) -> None:
    store = SnapshotStore(str(tmp_path / "store"), tmp_path / "cache")
    with pytest.raises(InvalidSnapshot, match="no snapshot is published"):
        store.current()
    pinned = write(store.staging, 0.0).name
    for newest in range(KEPT + 3):
        folder = write(store.staging, float(newest))
        store.publish(folder, frozenset({pinned}))
        assert store.current() == folder.name
    kept = {entry.name for entry in (tmp_path / "store").iterdir() if entry.is_dir()}
    assert pinned in kept
    assert len(kept) == KEPT + 1


def test_a_snapshot_made_elsewhere_is_copied_whole(tmp_path: Path) -> None:
    store = SnapshotStore(str(tmp_path / "store"), tmp_path / "cache")
    folder = write(tmp_path / "elsewhere", 1.0)
    (tmp_path / "store").mkdir()
    store.publish(folder)
    assert len(store.open(store.current())) == 2
    assert sorted(entry.name for entry in (tmp_path / "store").iterdir()) == sorted([folder.name, "current"])


def test_a_changed_manifest_and_a_changed_file_are_refused(tmp_path: Path) -> None:
    store = SnapshotStore(str(tmp_path), tmp_path / "cache")
    folder = write(tmp_path, 1.0)
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, "newest_event": 9.0}))
    with pytest.raises(InvalidSnapshot, match=MANIFEST):
        store.open(folder.name)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    (folder / "features.npy").write_bytes(b"")
    with pytest.raises(InvalidSnapshot, match=r"features\.npy"):
        store.open(folder.name)
    with pytest.raises(InvalidSnapshot, match="not a snapshot's name"):
        store.open("../elsewhere")
