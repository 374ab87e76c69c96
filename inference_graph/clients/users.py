"""What Redis knows of a user, in one trip: the history, the blocked items, and the features that Feast keeps there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from inference_graph.clients import StoredUser
from inference_graph.clients.redis_connection import Command
from inference_graph.clients.user_events import UserEvents
from inference_graph.errors import DependencyError


class FeatureRow(Protocol):
    """How a user's features are asked for, and read from the replies; both raise DependencyError."""

    def commands(self, user_id: str) -> Sequence[Command]: ...
    def row(self, replies: Sequence[Any]) -> NDArray[np.float32] | None: ...


@dataclass(frozen=True, slots=True)
class User:
    """`features_error` says why `features` could not be read; without it None means that there are none."""

    stored: StoredUser
    features: NDArray[np.float32] | None = None
    features_error: DependencyError | None = None


class Users:
    """Shared by all requests."""

    def __init__(self, events: UserEvents, features: FeatureRow) -> None:
        self._events, self._features = events, features

    @property
    def last_blocked(self) -> frozenset[str]:
        return self._events.last_blocked

    async def read(self, user_id: str | None) -> User:
        """Raises DependencyError where Redis does not answer; features that are missing or wrong alone are no reason."""
        if user_id is None:
            return User(await self._events.read(None))
        try:
            commands = self._features.commands(user_id)
        except DependencyError as error:
            return User(await self._events.read(user_id), features_error=error)
        stored, replies = await self._events.read_with(user_id, commands)
        try:
            return User(stored, self._features.row(replies))
        except DependencyError as error:
            return User(stored, features_error=error)
