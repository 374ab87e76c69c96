"""What a batch is: who is asked for, as of when, answered by which versions, in which parts; and the file that says so."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Self

import polars as pl

from inference_graph.errors import InferenceGraphError
from inference_graph.steps import digest
from inference_graph.storage import file_exists, read_file, write_file
from inference_graph.workspace import Workspace
from rec_models.data.dataset import load_dataset
from rec_models.data.problems import InvalidData
from rec_models.events import all_events, erased_users, hand_over
from rec_models.parquet_files import read_frame

PLAN = "batch.json"
FORMAT = "1"


class BatchFailed(InferenceGraphError):
    """A batch that cannot go on; what it has finished is kept."""


@dataclass(frozen=True)
class Plan:
    """Everything that decides what the rows are. `timestamp` in seconds since 1970: histories and ages are taken as of it.

    `wall_clock`: it is when the batch was begun. `versions` as in every answer: retrieval, ranking, snapshot, graph.
    `users_digest` stands for the users and their order.
    """

    timestamp: float
    wall_clock: bool
    limit: int
    users: int
    users_digest: str
    part_users: int
    versions: Mapping[str, str | None]

    @property
    def name(self) -> str:
        """Of the batch's folder. The wall clock's time is no part of it: a batch that goes on keeps the time that it began with."""
        identity = asdict(self) | ({"timestamp": None} if self.wall_clock else {})
        return digest(FORMAT, json.dumps(identity, sort_keys=True))

    @property
    def parts(self) -> int:
        return math.ceil(self.users / self.part_users)

    def file(self, part: int) -> str:
        return f"part-{part:05d}.parquet"

    def of_part(self, user_ids: Sequence[str | None], part: int) -> list[str | None]:
        return list(user_ids[part * self.part_users : (part + 1) * self.part_users])

    def write(self, folder: str) -> None:
        write_file(f"{folder}/{PLAN}", json.dumps(asdict(self), indent=1).encode())

    @classmethod
    def read(cls, folder: str) -> Self | None:
        """None where no batch was begun there."""
        uri = f"{folder}/{PLAN}"
        return cls(**json.loads(read_file(uri))) if file_exists(uri) else None


def all_users(workspace: Workspace) -> list[str]:
    """Everybody of whom anything is known, sorted: the data set's users and those of the events since, without erased ones."""
    hand_over(workspace)
    listed = load_dataset(workspace.data).users.select("user_id").join(erased_users(workspace.offline), on="user_id", how="anti")
    return pl.concat([listed, all_events(workspace).select("user_id")])["user_id"].unique().sort().to_list()


def users_in(file: str) -> list[str]:
    """From a Parquet file's column `user_id`, or one a line of a text; sorted, each once. Raises InvalidData."""
    try:
        ids = read_frame(file)["user_id"].cast(pl.String).to_list() if file.endswith(".parquet") else read_file(file).decode().splitlines()
    except (OSError, UnicodeDecodeError, pl.exceptions.PolarsError) as error:
        raise InvalidData(f"{file}: expected Parquet with a column user_id, or one user id a line ({error})") from error
    found = sorted({user_id.strip() for user_id in ids if user_id and user_id.strip()})
    if not found:
        raise InvalidData(f"{file}: expected user ids, got none")
    return found
