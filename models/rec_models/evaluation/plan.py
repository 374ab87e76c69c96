"""What is to be evaluated: the data, prepared, and what the protocol holds out of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from rec_models.data.dataset import Dataset, Seen, load_dataset
from rec_models.data.prepare import prepare, source_hash
from rec_models.data.problems import InvalidData
from rec_models.evaluation.protocols import Name, Split, split, usual_protocol
from rec_models.evaluation.withheld_data import write_without
from rec_models.sequences import sequences_of

NEW_ITEMS = "new items"
SERVED = "as served"


@dataclass(frozen=True)
class Options:
    """`protocol` None is the data's usual one; of more than `users` tested ones so many are drawn; the graph is trained `seeds` times;
    `name` None is that of the data's folder.
    """

    data: Path
    protocol: Name | None = None
    last: int = 1
    users: int = 10_000
    seeds: int = 1
    name: str | None = None


@dataclass(frozen=True, eq=False)
class Plan:
    """`events` in the order of the split's sequences; `seen` by name, what the graph is served with first."""

    dataset: Dataset
    events: pl.DataFrame
    protocol: Name
    last: int
    split: Split
    seen: dict[str, Seen]
    folder: Path

    @property
    def key(self) -> str:
        """What every part depends on."""
        return f"{self.dataset.description.hash} {self.protocol} {self.last} {len(self.split.test)}"

    @property
    def world_data(self) -> Path:
        return self.folder / self.dataset.description.name


def make_plan(options: Options, home: Path) -> Plan:
    """Prepares the data in the evaluation's own folder below `home` and splits it. Raises InvalidData or ValueError."""
    prepared = home / "data" / (options.name or options.data.resolve().name)
    try:
        fresh = load_dataset(prepared).description.hash == source_hash(options.data)
    except InvalidData:
        fresh = False
    if not fresh:
        prepared.parent.mkdir(parents=True, exist_ok=True)
        prepare(options.data, prepared, options.name)
    dataset = load_dataset(prepared)
    sequences = sequences_of(dataset)
    protocol = options.protocol or usual_protocol(sequences)
    made = split(sequences, protocol, options.last)
    made = Split(made.train, made.validation.some_users(options.users), made.test.some_users(options.users), made.left_out)
    description = dataset.description
    seen = {SERVED: description.seen}
    if description.seen.mode != "ever" and made.test.repeated().any():
        seen[NEW_ITEMS] = Seen("ever")
    folder = home / f"{description.name}-{protocol}-{options.last}"
    return Plan(dataset, dataset.interactions.sort("user_id", "timestamp", "tie"), protocol, options.last, made, seen, folder)


def withhold(plan: Plan, source: Path) -> None:
    """Writes the data folder of the plan's world, unless it is there."""
    stamp = plan.folder / "withheld.txt"
    if stamp.exists() and stamp.read_text() == plan.key and plan.world_data.exists():
        return
    plan.folder.mkdir(parents=True, exist_ok=True)
    until = float(plan.split.known.times.max()) if plan.protocol == "forward" else None
    write_without(source, plan.world_data, plan.events.filter(~plan.split.train), until, plan.dataset.description.seen)
    stamp.write_text(plan.key)
