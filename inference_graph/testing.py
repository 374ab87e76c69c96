"""Fakes of the outside services and small catalogues, for the tests of this package and of components written elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inference_graph.catalogue import Attribute, Catalogue, CatalogueArrays
from inference_graph.clients import Array, Clients, StoredUser, User
from inference_graph.errors import DependencyError, DependencyUnavailable
from inference_graph.features import ITEM_FEATURES, USER_FEATURES
from inference_graph.types import Candidates, Event, Events, Query


def make_arrays(
    item_ids: Sequence[str],
    *,
    categories: Sequence[Sequence[int]] | None = None,
    category_count: int = 0,
    next_rows: Sequence[Sequence[int]] | None = None,
    vectors: NDArray[np.float16] | None = None,
    popularity: Sequence[int] | None = None,
) -> CatalogueArrays:
    """The arrays of a catalogue whose items are as popular as they are early, unless `popularity` lists rows."""
    count = len(item_ids)
    of_item = [list(c) for c in categories] if categories is not None else [[] for _ in item_ids]
    order = np.array(popularity if popularity is not None else range(count), np.int32)
    segments = [order] + [np.array([row for row in order if c in of_item[row]], np.int32) for c in range(category_count)]
    titles = [f"Title of {item_id}".encode() for item_id in item_ids]
    successors = np.array(next_rows if next_rows is not None else np.full((count, 1), -1), np.int32)
    return CatalogueArrays(
        item_ids=np.array([item_id.encode() for item_id in item_ids], np.bytes_),
        features=np.arange(count * len(ITEM_FEATURES), dtype=np.float32).reshape(count, len(ITEM_FEATURES)),
        category_offsets=_offsets([len(c) for c in of_item]),
        category_ids=np.array([c for some in of_item for c in some], np.int32),
        title_offsets=_offsets([len(title) for title in titles]),
        title_bytes=np.frombuffer(b"".join(titles), np.uint8),
        popular_offsets=_offsets([len(segment) for segment in segments]),
        popular_rows=np.concatenate(segments).astype(np.int32),
        next_rows=successors,
        next_scores=np.broadcast_to(1.0 / np.arange(1, successors.shape[1] + 1), successors.shape).astype(np.float32),
        vectors=vectors if vectors is not None else np.eye(count, 8, dtype=np.float16),
    )


def make_catalogue(
    item_ids: Sequence[str],
    *,
    categories: Mapping[str, Sequence[int]] | None = None,
    attributes: Mapping[str, Attribute] | None = None,
    next_rows: Sequence[Sequence[int]] | None = None,
    vectors: NDArray[np.float16] | None = None,
) -> Catalogue:
    """A catalogue in memory; `categories` names the rows of each category, `item_ids` must be sorted."""
    names = tuple(categories or ())
    of_item = [[c for c, name in enumerate(names) if row in (categories or {})[name]] for row in range(len(item_ids))]
    arrays = make_arrays(item_ids, categories=of_item, category_count=len(names), next_rows=next_rows, vectors=vectors)
    return Catalogue("made", arrays, names, attributes or {}, newest_event=0.0, created=0.0)


def make_query(catalogue: Catalogue, *, user_id: str | None = "u", now: float = 1_000_000.0, limit: int = 10) -> Query:
    return Query(catalogue, now, "request", user_id=user_id, limit=limit)


def make_candidates(rows: Sequence[int], scores: Sequence[float] | None = None) -> Candidates:
    """Candidates of one source, in its order."""
    count = len(rows)
    ranks = np.arange(1, count + 1, dtype=np.float32)[:, None]
    return Candidates(np.array(rows, np.int32), ranks, np.array(scores if scores is not None else [0.5] * count, np.float32))


@dataclass(frozen=True)
class FakeStoredUser:
    events: Events = field(default_factory=Events)
    older: Set[bytes] = frozenset()
    blocked: frozenset[str] = frozenset()
    newest: float | None = None


@dataclass
class FakeEvents:
    """History and blocked items in memory; `down` makes every read fail."""

    users: dict[str, list[Event]] = field(default_factory=dict)
    blocked: frozenset[str] = frozenset()
    older: Set[bytes] = frozenset()
    down: bool = False

    async def read(self, user_id: str | None) -> StoredUser:
        if self.down:
            raise DependencyUnavailable("Redis is down")
        events = Events.of(self.users.get(user_id or "", []))
        return FakeStoredUser(events.newest_first(user_id or ""), self.older, self.blocked)


@dataclass
class FakeFeatures:
    users: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    items: dict[str, dict[str, float]] = field(default_factory=dict)
    down: bool = False

    async def read(self, user_id: str) -> NDArray[np.float32] | None:
        if self.down:
            raise DependencyUnavailable("Redis is down")
        return self.users.get(user_id)

    async def read_items(self, item_ids: Sequence[str], columns: Sequence[str]) -> Mapping[str, Array]:
        if self.down:
            raise DependencyUnavailable("Redis is down")
        names = [column.rsplit(":")[-1] for column in columns]
        return {name: np.array([self.items.get(i, {}).get(name, np.nan) for i in item_ids]) for name in names}


@dataclass(frozen=True)
class FakeUser:
    stored: StoredUser
    features: NDArray[np.float32] | None = None
    features_error: DependencyError | None = None


@dataclass(frozen=True)
class FakeUsers:
    """Both in one trip; features alone may be down."""

    events: FakeEvents
    features: FakeFeatures

    @property
    def last_blocked(self) -> frozenset[str]:
        return self.events.blocked

    async def read(self, user_id: str | None) -> User:
        stored = await self.events.read(user_id)
        try:
            return FakeUser(stored, None if user_id is None else await self.features.read(user_id))
        except DependencyError as error:
            return FakeUser(stored, features_error=error)


@dataclass
class FakeVectors:
    """Exact search over a catalogue's vectors."""

    catalogue: Catalogue
    down: bool = False

    async def search(self, vectors: NDArray[np.float32], k: int) -> Sequence[Sequence[bytes]]:
        if self.down:
            raise DependencyUnavailable("Redis is down")
        similarity = vectors @ self.catalogue.arrays.vectors.astype(np.float32).T
        nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
        ids = self.catalogue.arrays.item_ids
        return [[bytes(ids[row]) for row in rows] for rows in nearest]


@dataclass(frozen=True)
class FakePrediction:
    outputs: Mapping[str, Array]
    version: str = "1"


@dataclass(frozen=True)
class FakeSignature:
    inputs: Mapping[str, tuple[str, tuple[int, ...]]]


HISTORY_INPUTS: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "history_ids": ("string", (-1, -1)),
    "history_ages": ("float32", (-1, -1)),
    "history_values": ("float32", (-1, -1)),
    "history_rated": ("float32", (-1, -1)),
}
RANKING_INPUTS: Mapping[str, tuple[str, tuple[int, ...]]] = {
    **HISTORY_INPUTS,
    "candidate_ids": ("string", (-1, -1)),
    "item_features": ("float32", (-1, -1, len(ITEM_FEATURES))),
    "ranks": ("float32", (-1, -1, 4)),
    "user_features": ("float32", (-1, len(USER_FEATURES))),
    "day": ("float32", (-1,)),
}


@dataclass
class FakeModel:
    """Answers by a function of the inputs and remembers the last inputs that it got; `down` makes every call fail."""

    answer: Callable[[Mapping[str, Array]], Mapping[str, Array]]
    inputs: Mapping[str, tuple[str, tuple[int, ...]]] = field(default_factory=lambda: HISTORY_INPUTS)
    down: bool = False
    received: Mapping[str, Array] = field(default_factory=dict)

    async def signature(self) -> FakeSignature:
        if self.down:
            raise DependencyUnavailable("the model server is down")
        return FakeSignature(self.inputs)

    async def predict(self, inputs: Mapping[str, Array], timeout: float) -> FakePrediction:
        if self.down:
            raise DependencyUnavailable("the model server is down")
        self.received = inputs
        return FakePrediction(self.answer(inputs))


@dataclass
class FakeClients:
    """All services over one catalogue: retrieval proposes its first items, ranking prefers high rows."""

    catalogue: Catalogue
    events: FakeEvents = field(default_factory=FakeEvents)
    features: FakeFeatures = field(default_factory=FakeFeatures)

    def __post_init__(self) -> None:
        self.vectors = FakeVectors(self.catalogue)
        self.retrieval = FakeModel(lambda _: {"item_ids": self.catalogue.arrays.item_ids[None, :5]})
        self.ranking = FakeModel(self._rank, RANKING_INPUTS)

    def _rank(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        rows = self.catalogue.rows_of(inputs["candidate_ids"][0])
        return {"scores": ((rows + 1) / (len(self.catalogue) + 1)).astype(np.float32)[None]}

    def clients(self) -> Clients:
        return Clients(FakeUsers(self.events, self.features), self.features, self.vectors, self.retrieval, self.ranking)

    def redis_goes_down(self) -> None:
        self.events.down = self.features.down = self.vectors.down = True


def _offsets(lengths: Sequence[int]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
