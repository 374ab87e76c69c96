"""Where batches are kept: a folder each, a pointer to the newest whole one, and the last few."""

from __future__ import annotations

from pyarrow import fs

from inference_graph.storage import open_filesystem, read_file, write_file
from rec_models.batch.plan import PLAN

POINTER = "current"
KEPT = 3


def current(out: str) -> str | None:
    """The name of the newest whole batch."""
    try:
        return read_file(f"{out}/{POINTER}").decode().strip()
    except OSError:
        return None


def publish(out: str, name: str) -> None:
    """The pointer moves once every part is there; the newest KEPT batches stay."""
    write_file(f"{out}/{POINTER}", name.encode())
    filesystem, root = open_filesystem(out)
    folders = [entry.path for entry in filesystem.get_file_info(fs.FileSelector(root)) if entry.type == fs.FileType.Directory]
    plans = [plan for plan in filesystem.get_file_info([f"{folder}/{PLAN}" for folder in folders]) if plan.type == fs.FileType.File]
    for plan in sorted(plans, key=lambda file: file.mtime_ns or 0, reverse=True)[KEPT:]:
        folder = plan.path.rsplit("/", 1)[0]
        if not folder.endswith(f"/{name}"):
            filesystem.delete_dir(folder)


def forget(out: str, name: str) -> None:
    filesystem, root = open_filesystem(out)
    if filesystem.get_file_info(f"{root}/{name}").type == fs.FileType.Directory:
        filesystem.delete_dir(f"{root}/{name}")
