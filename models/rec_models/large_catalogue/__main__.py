"""Makes an invented catalogue with users, snapshot and models: python -m rec_models.large_catalogue --items 1000000 --out FOLDER."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from inference_graph.catalogue import write_snapshot
from inference_graph.snapshots import SnapshotStore
from inference_graph.steps import digest, is_done, mark_done
from inference_graph.workspace import Workspace
from rec_models.data.dataset import write_dataset
from rec_models.large_catalogue.items import Size, arrays
from rec_models.large_catalogue.users import dataset, sequences

CHECKS = "retrieval_checks.npz"
FEWEST = 2_000


@dataclass(frozen=True)
class Making:
    """The steps of one catalogue; a step that ended with this code is not done again."""

    workspace: Workspace
    size: Size

    def data(self) -> None:
        self.workspace.data.mkdir(parents=True, exist_ok=True)
        write_dataset(self.workspace.data, dataset(self.size, sequences(self.size)))

    def snapshot(self) -> None:
        categories, attributes, made = arrays(self.size, lambda count: None)
        newest = float(sequences(self.size).times.max())
        folder = write_snapshot(
            self._store.staging, made, categories=categories, attributes=attributes, newest_event=newest, created=time.time()
        )
        self._store.publish(folder)

    def models(self) -> None:
        from rec_models.large_catalogue.models import publish

        catalogue = self._store.open(self._store.current())
        publish(self.workspace.models, catalogue.arrays, sequences(self.size), self.workspace.root / CHECKS)

    @property
    def _store(self) -> SnapshotStore:
        return SnapshotStore(self.workspace.snapshots, self.workspace.cache / "snapshots")


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes an invented catalogue: data, snapshot and models of a workspace.")
    parser.add_argument("--items", type=int, required=True, help=f"items of the catalogue, at least {FEWEST}")
    parser.add_argument("--out", type=Path, required=True, help="the workspace's folder; what is there already is used")
    given = parser.parse_args()
    if given.items < FEWEST:
        parser.error(f"--items: expected at least {FEWEST}, got {given.items}")
    making = Making(Workspace(given.out.resolve()), Size(given.items))
    for name, step in (("data", making.data), ("snapshot", making.snapshot), ("models", making.models)):
        _once(making, name, step)


def _once(making: Making, name: str, step: Callable[[], None]) -> None:
    package = Path(__file__).parents[1]
    inputs = {"items": str(making.size.items), "code": digest(*sorted(package.glob("*.py")), *sorted(Path(__file__).parent.glob("*.py")))}
    if is_done(making.workspace, f"large_{name}", inputs):
        return
    started = time.monotonic()
    print(f"{making.size.items:,} items: making {name}", file=sys.stderr, flush=True)
    step()
    mark_done(making.workspace, f"large_{name}", inputs)
    print(f"{making.size.items:,} items: {name} made in {time.monotonic() - started:.1f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
