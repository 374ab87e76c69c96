"""Where snapshots are published and found: a folder or an S3 prefix, with a pointer file that moves last."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from pyarrow import fs

from inference_graph.catalogue import MANIFEST, Catalogue, open_snapshot
from inference_graph.errors import InvalidSnapshot
from inference_graph.storage import file_exists, open_filesystem, write_file

POINTER, RUNS = "current", "runs"
KEPT = 5


@dataclass(frozen=True)
class SnapshotStore:
    """Snapshots under `uri` (a path or s3://bucket/prefix); remote ones are copied once into `cache`."""

    uri: str
    cache: Path

    def current(self) -> str:
        """The published snapshot's name. Raises InvalidSnapshot where nothing was published."""
        filesystem, root = open_filesystem(self.uri)
        try:
            with filesystem.open_input_stream(f"{root}/{POINTER}") as stream:
                return bytes(stream.read()).decode().strip()
        except OSError as error:
            raise InvalidSnapshot(f"no snapshot is published under {self.uri} ({error})") from error

    def open(self, name: str) -> Catalogue:
        """Copies (where remote), verifies and maps one snapshot. Raises InvalidSnapshot."""
        if not name or "/" in name or name.startswith("."):
            raise InvalidSnapshot(f"{name!r} is not a snapshot's name")
        filesystem, root = open_filesystem(self.uri)
        if isinstance(filesystem, fs.LocalFileSystem):
            return open_snapshot(Path(root) / name)
        local = self.cache / name
        if not local.exists():
            draft = self.cache / f".copying-{name}-{os.getpid()}"
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(parents=True)
            try:
                here = fs.LocalFileSystem()
                fs.copy_files(f"{root}/{name}", str(draft), source_filesystem=filesystem, destination_filesystem=here)
                open_snapshot(draft)
                os.replace(draft, local)
                _forget(here, str(self.cache), {name})
            except OSError as error:
                raise InvalidSnapshot(f"{name} could not be copied from {self.uri} ({error})") from error
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        catalogue = open_snapshot(local)
        write_file(str(self.cache / POINTER), name.encode())
        return catalogue

    def has_published(self, run: str) -> bool:
        """Whether a run of that name has published here, whatever is current by now."""
        return file_exists(self._of_run(run))

    def note_run(self, run: str, name: str) -> None:
        """That this run has published that snapshot."""
        write_file(self._of_run(run), name.encode())

    def _of_run(self, run: str) -> str:
        return f"{self.uri.rstrip('/')}/{RUNS}/{run}"

    def last_opened(self) -> str | None:
        """The remote snapshot that was opened last: it is on this disk, whatever becomes of the store."""
        try:
            return (self.cache / POINTER).read_text().strip() if "://" in self.uri else None
        except OSError:
            return None

    @property
    def staging(self) -> Path:
        """Where a snapshot is best written before it is published: in the folder itself, or in the cache of a remote one."""
        return self.cache if "://" in self.uri else Path(self.uri)

    def publish(self, folder: Path, pinned: frozenset[str] = frozenset()) -> None:
        """Makes a complete snapshot folder the current one; the newest five and every pinned one are kept."""
        filesystem, root = open_filesystem(self.uri)
        target = f"{root}/{folder.name}"
        if not isinstance(filesystem, fs.LocalFileSystem):
            filesystem.create_dir(target, recursive=True)
            fs.copy_files(str(folder), target, source_filesystem=fs.LocalFileSystem(), destination_filesystem=filesystem)
        elif not Path(target).exists():
            draft = Path(root) / f".publishing-{folder.name}-{os.getpid()}"
            shutil.rmtree(draft, ignore_errors=True)
            shutil.copytree(folder, draft)
            os.replace(draft, target)
        write_file(f"{self.uri.rstrip('/')}/{POINTER}", folder.name.encode())
        _forget(filesystem, root, {folder.name, *pinned})


def _forget(filesystem: fs.FileSystem, root: str, kept: set[str]) -> None:
    folders = [entry.path for entry in filesystem.get_file_info(fs.FileSelector(root)) if entry.type == fs.FileType.Directory]
    manifests = filesystem.get_file_info([f"{folder}/{MANIFEST}" for folder in folders])
    whole = sorted((m for m in manifests if m.type == fs.FileType.File), key=lambda m: m.mtime_ns or 0, reverse=True)
    for manifest in whole[KEPT:]:
        folder = manifest.path.rsplit("/", 1)[0]
        if folder.rsplit("/", 1)[1] not in kept:
            filesystem.delete_dir(folder)
