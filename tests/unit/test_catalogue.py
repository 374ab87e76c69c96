"""A snapshot is written whole, found by its content, verified before use, and refused when it is not whole."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_graph.catalogue import Attribute, open_snapshot, write_snapshot
from inference_graph.errors import InvalidSnapshot
from inference_graph.snapshots import KEPT, SnapshotStore
from inference_graph.testing import make_arrays, make_catalogue

IDS = ["a", "b", "ça va", "z"]


def write(parent: Path, newest_event: float = 7.0, created: float = 8.0, **changes) -> Path:
    arrays = replace(make_arrays(IDS, categories=[[0], [0, 1], [], [1]], category_count=2), **changes)
    attributes = {"year": Attribute(np.array([1.0, np.nan, 3.0, 4.0])), "country": Attribute(np.array([0, -1, 0, 0], np.int32), ("nl",))}
    return write_snapshot(parent, arrays, categories=["x", "y"], attributes=attributes, newest_event=newest_event, created=created)


def test_what_was_written_is_what_is_mapped(tmp_path):
    folder = write(tmp_path)
    catalogue = open_snapshot(folder)
    assert catalogue.name == folder.name
    assert [catalogue.item_id(row) for row in range(4)] == IDS
    assert catalogue.titles(np.array([2, 0], np.int32)) == ["Title of ça va", "Title of a"]
    assert catalogue.categories_of(1) == ("x", "y")
    assert list(catalogue.popular("y")) == [1, 3]
    assert list(catalogue.popular()) == [0, 1, 2, 3]
    assert len(catalogue.popular("no such")) == 0
    assert catalogue.attributes["country"].words == ("nl",)
    assert catalogue.newest_event == 7.0


def test_the_same_content_has_the_same_name_whenever_it_is_made(tmp_path):
    assert write(tmp_path, created=1.0) == write(tmp_path, created=2.0)
    assert write(tmp_path) != write(tmp_path, newest_event=9.0)
    assert not list(tmp_path.glob(".*"))


@given(st.lists(st.text(min_size=1, max_size=5).filter(lambda s: "\0" not in s), unique=True), st.lists(st.text(min_size=1, max_size=9)))
def test_rows_are_found_for_known_ids_and_minus_one_for_others(known, asked):
    known = sorted((k for k in known if _utf8(k)), key=str.encode)
    asked = [a for a in asked if _utf8(a) and "\0" not in a]
    catalogue = make_catalogue(known)
    expected = [known.index(a) if a in known else -1 for a in [*asked, *known]]
    assert list(catalogue.rows_of([*asked, *known])) == expected


def _utf8(text: str) -> bool:
    return text.encode(errors="ignore").decode() == text


@pytest.mark.parametrize("file", ["features.npy", "item_ids.npy", "manifest.json"])
def test_a_truncated_file_is_refused_by_name(tmp_path, file):
    folder = write(tmp_path)
    content = (folder / file).read_bytes()
    (folder / file).write_bytes(content[: len(content) // 2])
    with pytest.raises(InvalidSnapshot, match=folder.name):
        open_snapshot(folder)


def test_a_missing_file_another_format_and_rows_outside_are_refused(tmp_path):
    folder = write(tmp_path)
    (folder / "titles.npy").unlink(missing_ok=True)
    (folder / "vectors.npy").unlink()
    with pytest.raises(InvalidSnapshot, match=r"vectors\.npy"):
        open_snapshot(folder)
    outside = write(tmp_path, next_rows=np.full((4, 1), 4, np.int32))
    with pytest.raises(InvalidSnapshot, match="outside the catalogue"):
        open_snapshot(outside)
    other = write(tmp_path, newest_event=3.0)
    manifest = json.loads((other / "manifest.json").read_text())
    (other / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(InvalidSnapshot, match="format 99, expected 1"):
        open_snapshot(other)


def test_the_pointer_names_what_was_published_last_and_old_ones_are_forgotten(tmp_path):
    store = SnapshotStore(str(tmp_path / "store"), tmp_path / "cache")
    with pytest.raises(InvalidSnapshot, match="no snapshot is published"):
        store.current()
    folders = [write(tmp_path / "made", newest_event=float(n)) for n in range(KEPT + 3)]
    for folder in folders:
        store.publish(folder, pinned=frozenset({folders[0].name}))
    assert store.current() == folders[-1].name
    assert store.open(store.current()).newest_event == KEPT + 2
    left = {path.name for path in (tmp_path / "store").iterdir()} - {"current"}
    assert len(left) == KEPT + 1
    assert folders[0].name in left
    with pytest.raises(InvalidSnapshot, match="not a snapshot's name"):
        store.open("../made")
