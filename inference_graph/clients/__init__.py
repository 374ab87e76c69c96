"""The outside services, one file each; here the roles that the graph sees, so that fakes can stand in for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from inference_graph.errors import DependencyError

if TYPE_CHECKING:
    # The model server's image has the protocol's package, and of what is around it only this file and the errors.
    from inference_graph.types import Events

Array = NDArray[Any]


class PredictionLike(Protocol):
    @property
    def outputs(self) -> Mapping[str, Array]: ...
    @property
    def version(self) -> str: ...


class SignatureLike(Protocol):
    @property
    def inputs(self) -> Mapping[str, tuple[str, tuple[int, ...]]]:
        """Name -> (dtype name, shape with -1 for any size)."""
        ...


class ModelServer(Protocol):
    async def predict(self, inputs: Mapping[str, Array], timeout: float) -> PredictionLike: ...
    async def signature(self) -> SignatureLike: ...


class StoredUser(Protocol):
    @property
    def events(self) -> Events:
        """In the order of a history."""
        ...

    @property
    def older(self) -> Set[bytes]:
        """Items of interactions that have left the history."""
        ...

    @property
    def blocked(self) -> frozenset[str]: ...
    @property
    def newest(self) -> float | None: ...


class User(Protocol):
    """`features` float32 [U]; None where there are none, or where `features_error` says why they could not be read."""

    @property
    def stored(self) -> StoredUser: ...
    @property
    def features(self) -> NDArray[np.float32] | None: ...
    @property
    def features_error(self) -> DependencyError | None: ...


class UserStore(Protocol):
    @property
    def last_blocked(self) -> frozenset[str]:
        """The blocked items as last read: what holds while the store is away."""
        ...

    async def read(self, user_id: str | None) -> User: ...


class VectorSearch(Protocol):
    async def search(self, vectors: NDArray[np.float32], k: int) -> Sequence[Sequence[bytes]]:
        """For each row of `vectors` [n, D] the ids of the `k` nearest items, in any order."""
        ...


class ItemFeatureStore(Protocol):
    async def read_items(self, item_ids: Sequence[str], columns: Sequence[str]) -> Mapping[str, Array]: ...


@dataclass(frozen=True)
class Clients:
    users: UserStore
    item_features: ItemFeatureStore
    vector_index: VectorSearch
    retrieval: ModelServer
    ranking: ModelServer
