"""Moves entries of the event stream to the offline store, by day, exactly once, wherever it is interrupted.

The offline store says how far it is: `moving.json` names the batch at work, day files follow under names that the batch
determines, `moved.json` ends it; only then is the stream trimmed. A batch that was begun is ended with the same entries.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast

import polars as pl
import redis

from inference_graph.clients.event_format import Keys
from inference_graph.clients.redis_connection import redis_errors
from inference_graph.features import tie_break
from inference_graph.storage import file_exists, read_file, write_file
from rec_models.events import event_files
from rec_models.parquet_files import parquet, read_frame

BATCH = 10_000
SCHEMA = {
    "user_id": pl.String,
    "item_id": pl.String,
    "timestamp": pl.Float64,
    "type": pl.String,
    "value": pl.Float64,
    "tie": pl.UInt64,
    "identity": pl.String,
}
Entry = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Moved:
    events: int = 0
    erased: int = 0


@dataclass(frozen=True)
class EventStream:
    """One stream and the offline store that it is moved to; one mover at a time."""

    redis: redis.Redis
    prefix: str
    offline: str
    ties: Literal["content", "file"] = "content"
    write: Callable[[str, bytes], None] = write_file
    batch: int = BATCH

    def move(self, progress: Callable[[int], None] = lambda _: None) -> Moved:
        """Moves all that the stream holds; `progress` hears how many entries each batch had."""
        moved = Moved()
        with redis_errors("moving the event stream"):
            self._trim(self._moved_to())
            while entries := self._next_batch():
                erasures = [(entry, content["user_id"]) for entry, content in entries if "erase" in content]
                events = [(entry, content) for entry, content in entries if "erase" not in content]
                self._store(entries[0][0], entries[-1][0], events, erasures)
                self._mark("moved", entries[-1][0])
                self._trim(entries[-1][0])
                moved = Moved(moved.events + len(events), moved.erased + len(erasures))
                progress(len(entries))
        return moved

    def _next_batch(self) -> list[Entry]:
        moved_to, begun = self._moved_to(), self._marker("moving")
        if begun and _order(begun[-1]) > _order(moved_to):
            if entries := self._read(begun[0], begun[-1], None):
                return entries
            moved_to = begun[-1]
        entries = self._read(f"({moved_to}", "+", self.batch)
        if entries:
            self._mark("moving", entries[0][0], entries[-1][0])
        return entries

    def _read(self, first: str, last: str, count: int | None) -> list[Entry]:
        found = cast(list[tuple[bytes, dict[bytes, bytes]]], self.redis.xrange(Keys(self.prefix).events, first, last, count))
        return [(entry.decode(), _content(fields)) for entry, fields in found]

    def _store(self, first: str, last: str, events: Sequence[Entry], erasures: Sequence[tuple[str, str]]) -> None:
        erased = {user_id: _order(entry) for entry, user_id in erasures}
        kept = [(entry, event) for entry, event in events if _order(entry) > erased.get(event["user_id"], (-1, -1))]
        own = f"{first}-{last}.parquet"
        for day, rows in _by_day([self._row(entry, event) for entry, event in kept]).items():
            self._write_frame(rows, f"events/day={day}/{own}")
        if erasures:
            self._write_frame(_erasure_list(erasures), f"events/erased/{own}")
            self._forget(set(erased), own)

    def _forget(self, users: set[str], own: str) -> None:
        """Takes erased users out of every file but this batch's, which holds what they did since."""
        for file in event_files(self.offline):
            if not file.endswith(f"/{own}"):
                frame = read_frame(file)
                kept = frame.filter(~pl.col("user_id").is_in(users))
                if len(kept) < len(frame):
                    self.write(file, parquet(kept))

    def _row(self, entry: str, event: dict[str, Any]) -> dict[str, Any]:
        if self.ties == "content":
            tie = int.from_bytes(tie_break(event["user_id"], event["item_id"], event["timestamp"])[:8], "big")
        else:
            milliseconds, sequence = _order(entry)
            tie = 2**63 + (milliseconds << 20) + min(sequence, 2**20 - 1)
        return {**{name: event[name] for name in SCHEMA if name != "tie"}, "tie": tie}

    def _write_frame(self, frame: pl.DataFrame, name: str) -> None:
        # A file that an interrupted run wrote is whole, and may hold entries that Redis has lost since.
        if not file_exists(f"{self.offline}/{name}"):
            self.write(f"{self.offline}/{name}", parquet(frame))

    def _moved_to(self) -> str:
        marker = self._marker("moved")
        return marker[-1] if marker else "0-0"

    def _marker(self, name: str) -> list[str] | None:
        try:
            return cast(list[str], json.loads(read_file(f"{self.offline}/events/{name}.json")))
        except FileNotFoundError:
            return None

    def _mark(self, name: str, *entries: str) -> None:
        self.write(f"{self.offline}/events/{name}.json", json.dumps(entries).encode())

    def _trim(self, moved_to: str) -> None:
        milliseconds, sequence = _order(moved_to)
        self.redis.xtrim(Keys(self.prefix).events, minid=f"{milliseconds}-{sequence + 1}", approximate=False)


def _content(fields: dict[bytes, bytes]) -> dict[str, Any]:
    if b"erase" in fields:
        return {"erase": True, "user_id": json.loads(fields[b"erase"])["user_id"]}
    return cast(dict[str, Any], json.loads(fields[b"event"]))


def _order(entry: str) -> tuple[int, int]:
    milliseconds, sequence = entry.split("-")
    return int(milliseconds), int(sequence)


def _by_day(rows: Sequence[dict[str, Any]]) -> dict[str, pl.DataFrame]:
    days: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        days.setdefault(datetime.fromtimestamp(row["timestamp"], UTC).strftime("%Y-%m-%d"), []).append(row)
    return {day: pl.DataFrame(found, schema=SCHEMA) for day, found in days.items()}


def _erasure_list(erasures: Sequence[tuple[str, str]]) -> pl.DataFrame:
    return pl.DataFrame([(user_id, entry) for entry, user_id in erasures], schema={"user_id": pl.String, "entry": pl.String}, orient="row")
