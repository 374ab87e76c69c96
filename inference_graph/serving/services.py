"""The outside services of one process, opened from settings, and how each is asked whether it is there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inference_graph.clients import Array, Clients
from inference_graph.clients.redis_connection import Command, open_redis
from inference_graph.clients.tf_serving import ServedModel
from inference_graph.clients.user_events import UserEvents
from inference_graph.clients.users import Users
from inference_graph.clients.vector_index import VectorIndex
from inference_graph.errors import DependencyError, DependencyUnavailable, InvalidConfiguration
from inference_graph.serving.graph_feed import Graph
from inference_graph.serving.readiness import Probe
from inference_graph.settings import Settings
from inference_graph.types import Event, Events

if TYPE_CHECKING:
    from inference_graph.clients.feature_store import UserFeatures

logger = logging.getLogger(__name__)

OPEN_AGAIN_SECONDS = 2.0


class LateFeatures:
    """Feast's features once its store could be opened; until then every read fails as an absent service does."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._features: UserFeatures | None = None
        self._reason = "still opening"

    async def open(self) -> None:
        """Tries until the store is there; a reason is logged once."""
        while self._features is None:
            try:
                self._features = await asyncio.to_thread(_open_features, self._settings)
            except Exception as error:
                # Reading a registry may raise anything that its storage raises.
                reason = " ".join(str(error).split()) if isinstance(error, InvalidConfiguration) else repr(error)
                if reason != self._reason:
                    logger.warning("Feast's store cannot be opened: %s", reason)
                self._reason = reason
                await asyncio.sleep(OPEN_AGAIN_SECONDS)

    def commands(self, user_id: str) -> list[Command]:
        return self._opened().commands(user_id)

    def row(self, replies: Sequence[Any]) -> NDArray[np.float32] | None:
        return self._opened().row(replies)

    async def read(self, user_id: str) -> NDArray[np.float32] | None:
        return await self._opened().read(user_id)

    async def read_items(self, item_ids: Sequence[str], columns: Sequence[str]) -> Mapping[str, Array]:
        return await self._opened().read_items(item_ids, columns)

    async def erase(self, user_id: str) -> None:
        await self._opened().erase(user_id)

    async def close(self) -> None:
        if self._features is not None:
            await self._features.close()

    def _opened(self) -> UserFeatures:
        if self._features is None:
            raise DependencyUnavailable(f"Feast's store is not open: {self._reason}")
        return self._features


def _open_features(settings: Settings) -> UserFeatures:
    # Four seconds of imports, which must not keep the port closed, nor a process without a registry from starting.
    from inference_graph.clients.feature_store import UserFeatures, open_feature_store

    return UserFeatures(open_feature_store(settings.feature_registry, settings.feature_project, settings.redis_url))


@dataclass(frozen=True)
class Services:
    user_events: UserEvents
    features: LateFeatures
    vector_index: VectorIndex
    retrieval: ServedModel
    ranking: ServedModel

    @classmethod
    def of(cls, settings: Settings) -> Services:
        """Nothing is sent before the first call."""
        redis = open_redis(settings.redis_url)
        return cls(
            user_events=UserEvents(redis, settings.redis_prefix),
            features=LateFeatures(settings),
            vector_index=VectorIndex(redis, settings.redis_prefix),
            retrieval=ServedModel(settings.retrieval_target, settings.retrieval_model),
            ranking=ServedModel(settings.ranking_target, settings.ranking_model),
        )

    async def write(self, events: Sequence[Event]) -> tuple[int, int]:
        return await self.user_events.write(events)

    async def events(self, user_id: str, limit: int) -> Events:
        return await self.user_events.events(user_id, limit)

    def clients(self) -> Clients:
        return Clients(Users(self.user_events, self.features), self.features, self.vector_index, self.retrieval, self.ranking)

    def probes(self, graph: Graph) -> dict[str, Probe]:
        """One for each service that the graph uses."""
        found = {
            "Redis": Probe(self._ask_redis, "answers know no history and no vectors, and events are refused, until it is there"),
            "Feast": Probe(lambda: self.features.read("-"), "answers know no aggregates of users until it is there"),
        }
        if graph.uses("two_tower"):
            found["retrieval"] = Probe(self.retrieval.signature, "answers come from the other sources until it is there")
        if graph.uses("ranker"):
            found["ranking"] = Probe(self.ranking.signature, "answers are ordered by fused ranks until it is there")
        return found

    async def erase(self, user_id: str) -> bool:
        """Features first: the mark in the log comes last, and an erasure that failed is asked for again."""
        await self.features.erase(user_id)
        return await self.user_events.erase(user_id)

    async def _ask_redis(self) -> None:
        await self.user_events.read(None)
        policy = await self.user_events.fsync_policy()
        if policy not in (None, "always"):
            setting = "appendonly no" if policy == "off" else f"appendfsync {policy}"
            logger.warning("Redis has %s: acknowledged events may be lost when it crashes; set appendfsync always to keep them", setting)

    async def columns_needed(self) -> int:
        """How many feature columns the ranking model takes; 0 while it cannot be asked."""
        try:
            _, shape = (await self.ranking.signature()).inputs.get("item_features", ("", (0,)))
        except DependencyError:
            return 0
        return max(0, shape[-1]) if shape else 0

    async def close(self) -> None:
        for service in (self.retrieval, self.ranking, self.features, self.user_events):
            await service.close()
