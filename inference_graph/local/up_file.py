"""`.run/up.json`, which tells other programs what runs and where, and the lock that keeps a second `up` out."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inference_graph.errors import InvalidConfiguration
from inference_graph.local.supervisor import Child


class UpFile:
    """There while everything runs. Written whole or not at all."""

    def __init__(self, path: Path, url: str) -> None:
        self._path, self.url = path, url

    def write(self, children: list[Child]) -> None:
        processes = {
            child.program.name: {"pid": child.process.pid, "port": child.program.port, "rest_port": child.program.rest_port}
            for child in children
        }
        draft = self._path.with_name(f".up-{os.getpid()}.json")
        draft.write_text(json.dumps({"url": self.url, "processes": processes}, indent=2) + "\n")
        os.replace(draft, self._path)

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)


@contextmanager
def only_one(folder: Path, port: int) -> Iterator[None]:
    """Holds the folder's lock; the kernel frees it however we end. Raises InvalidConfiguration where another `up` has it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "up.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise InvalidConfiguration(
                f"`inference-graph up` runs here already ({file.read().strip()}): stop it first, "
                f"or use another folder with INFERENCE_GRAPH_HOME (now {folder})"
            ) from error
        file.truncate(0)
        file.write(f"pid {os.getpid()}, port {port}\n")
        file.flush()
        yield


def runs(folder: Path) -> bool:
    """Whether an `up` holds the folder's lock: one that was killed leaves its up.json behind."""
    try:
        with (folder / "up.lock").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
