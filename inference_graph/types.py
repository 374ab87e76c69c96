"""The values that flow through the graph; all frozen, all arrays of one row per candidate."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from inference_graph.catalogue import Catalogue
from inference_graph.features import USER_FEATURES, tie_break
from inference_graph.grouping import group

Rows = NDArray[np.int32]
Ranks = NDArray[np.float32]
Scores = NDArray[np.float32]
Mask = NDArray[np.bool_]
Column = NDArray[Any]


HOPS = 3
"""Services that a request waits for one after another: the user's, the sources', the ranker's."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A span of the monotonic clock at whose end an answer is due; `hurry`, asked at every step, is the seconds it may last now."""

    start: float
    seconds: float
    hurry: Callable[[], float] = lambda: math.inf

    @classmethod
    def after(cls, seconds: float, since: float | None = None, hurry: Callable[[], float] = lambda: math.inf) -> Deadline:
        """`since`: when the request arrived, on the monotonic clock; now where it is left out."""
        return cls(time.monotonic() if since is None else since, seconds, hurry)

    def remaining(self, hop: int = HOPS) -> float:
        """Seconds left, never negative, to a step of that hop, from 1. Of a hurried request each hop has its share of the time, and what
        those before it left over: a service that is late takes nothing from the hops after its own.
        """
        now, share = time.monotonic(), self.hurry() / HOPS
        return max(0.0, min(self.start + self.seconds - now, max(share, self.start + hop * share - now)))


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """A user's interactions, newest first; `item_ids` as models take them, `rows` -1 for an item that the catalogue does not know."""

    item_ids: NDArray[np.bytes_] = field(default_factory=lambda: np.empty(0, np.bytes_))
    rows: Rows = field(default_factory=lambda: np.empty(0, np.int32))
    values: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
    timestamps: NDArray[np.float64] = field(default_factory=lambda: np.empty(0, np.float64))
    rated: Mask = field(default_factory=lambda: np.empty(0, np.bool_))

    def __post_init__(self) -> None:
        for name in ("rows", "values", "timestamps", "rated"):
            if len(getattr(self, name)) != len(self.item_ids):
                raise ValueError(f"history {name!r} has {len(getattr(self, name))} entries, expected {len(self.item_ids)}")

    def __len__(self) -> int:
        return len(self.item_ids)


def default_user_features() -> NDArray[np.float32]:
    return np.array([feature.default for feature in USER_FEATURES], np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class UserState:
    """What is known of a user: aggregates, history, and the items that nobody may be shown now.

    `older`: rows of interactions that have left the history. `blocked`: rows, sorted. `complete` is False where the
    history could not be read.
    """

    known: bool = False
    features: NDArray[np.float32] = field(default_factory=default_user_features)
    history: History = field(default_factory=History)
    older: Rows = field(default_factory=lambda: np.empty(0, np.int32))
    blocked: Rows = field(default_factory=lambda: np.empty(0, np.int32))
    complete: bool = True


@dataclass(frozen=True, slots=True)
class CategoryFilter:
    any: tuple[str, ...] = ()
    none: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ColumnFilter:
    """Bounds are inclusive; `one_of` empty means no restriction."""

    minimum: float | None = None
    maximum: float | None = None
    one_of: tuple[str | float, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """One interaction; `timestamp` in seconds since 1970, `value` in stars or units."""

    user_id: str
    item_id: str
    type: str
    timestamp: float
    value: float | None = None
    event_id: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Events:
    """Of one user, a column for each of what stages ask for: a history has hundreds, and every request reads one."""

    item_ids: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    values: tuple[float | None, ...] = ()
    timestamps: tuple[float, ...] = ()

    @classmethod
    def of(cls, events: Iterable[Event]) -> Self:
        rows = [(event.item_id, event.type, event.value, event.timestamp) for event in events]
        return cls(*zip(*rows, strict=True)) if rows else cls()

    def __len__(self) -> int:
        return len(self.item_ids)

    def __getitem__(self, places: slice) -> Self:
        return type(self)(self.item_ids[places], self.types[places], self.values[places], self.timestamps[places])

    def __add__(self, other: Events) -> Self:
        return type(self)(
            self.item_ids + other.item_ids,
            self.types + other.types,
            self.values + other.values,
            self.timestamps + other.timestamps,
        )

    def newest_first(self, user_id: str) -> Self:
        """In the order of a history: what happened in one second in that of features.tie_break."""
        times = self.timestamps.__getitem__
        order: list[int] = []
        for timestamp, tied in groupby(sorted(range(len(self)), key=times, reverse=True), times):
            together = list(tied)
            if len(together) > 1:
                breaks = {place: tie_break(user_id, self.item_ids[place], timestamp) for place in together}
                together.sort(key=breaks.__getitem__, reverse=True)
            order += together
        return type(self)(
            tuple(map(self.item_ids.__getitem__, order)),
            tuple(map(self.types.__getitem__, order)),
            tuple(map(self.values.__getitem__, order)),
            tuple(map(self.timestamps.__getitem__, order)),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """One request over one catalogue version; `now` is the request's time in seconds since 1970."""

    catalogue: Catalogue
    now: float
    request_id: str
    user_id: str | None = None
    item_id: str | None = None
    limit: int = 10
    exclude: Sequence[str] = ()
    categories: CategoryFilter = CategoryFilter()
    columns: Mapping[str, ColumnFilter] = field(default_factory=dict)
    session: tuple[Event, ...] = ()
    user: UserState = field(default_factory=UserState)

    @property
    def kind_of_user(self) -> Literal["known", "unknown", "anonymous"]:
        if self.user_id is None:
            return "anonymous"
        return "known" if self.user.known else "unknown"

    def with_user(self, user: UserState) -> Query:
        return replace(self, user=user)


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Row i of every array describes catalogue item `rows[i]`.

    rows int32 [n]; ranks float32 [n, sources], from 1, NaN where that source did not propose the item;
    scores float32 [n]; columns of shape [n] or [n, k].
    """

    rows: Rows
    ranks: Ranks
    scores: Scores
    columns: Mapping[str, Column] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, column in [("ranks", self.ranks), ("scores", self.scores), *self.columns.items()]:
            if len(column) != len(self.rows):
                raise ValueError(f"column {name!r} has {len(column)} rows, expected {len(self.rows)}")

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def merge(cls, proposals: Sequence[Rows]) -> Candidates:
        """The union of what the sources proposed, each item once, with its first rank in each source."""
        groups = group(np.concatenate([np.empty(0, np.int32), *proposals]))
        ranks = np.full((len(groups.rows), len(proposals)), np.nan, np.float32)
        positions = groups.positions()
        end = 0
        for source, proposed in enumerate(proposals):
            start, end = end, end + len(proposed)
            # The last write of a repeated item is its first rank.
            ranks[positions[start:end][::-1], source] = np.arange(len(proposed), 0, -1, dtype=np.float32)
        return cls(groups.rows, ranks, np.zeros(len(groups.rows), np.float32))

    def take(self, where: Mask | NDArray[np.intp]) -> Candidates:
        columns = {name: column[where] for name, column in self.columns.items()}
        return Candidates(self.rows[where], self.ranks[where], self.scores[where], columns)

    def with_columns(self, columns: Mapping[str, Column]) -> Candidates:
        return replace(self, columns={**self.columns, **columns})

    def with_scores(self, scores: Scores) -> Self:
        return replace(self, scores=scores)


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """Catalogue rows, best first; `version` of the model that proposed them, where one did."""

    rows: Rows
    version: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """One score in (0, 1] a candidate; `version` of the model that gave them."""

    scores: Scores
    version: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """`chosen` indexes the candidates in the order of the answer; `relaxed` names the rules that gave way."""

    chosen: NDArray[np.intp]
    relaxed: tuple[str, ...] = ()
