"""The served pipeline without its HTTP: the same query, components and rendering as the endpoint's, and time to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from pydantic import BaseModel

from inference_graph.catalogue import Catalogue
from inference_graph.errors import DependencyUnavailable
from inference_graph.graph import GraphConfig, Surface, build
from inference_graph.pipeline import Pipeline
from inference_graph.serving.answers import prediction
from inference_graph.serving.graph_feed import Graph
from inference_graph.serving.protocol import Arrival, parse_predict
from inference_graph.serving.services import Services
from inference_graph.settings import Settings
from inference_graph.snapshots import SnapshotStore
from inference_graph.types import Deadline
from rec_models.batch.plan import BatchFailed

PATIENCE_SECONDS = 10.0
OPEN_SECONDS = 120.0
TRIES = 5
PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class Answering:
    """One process's pipeline over one catalogue; belongs to the event loop in which it was opened."""

    services: Services
    graph: Graph
    catalogue: Catalogue

    @property
    def pipeline(self) -> Pipeline:
        return self.graph.pipelines["home"]

    @classmethod
    async def open(cls, settings: Settings, config: GraphConfig, snapshot: str) -> Self:
        """Raises DependencyUnavailable where Feast's store cannot be opened, InvalidSnapshot where the snapshot cannot be read."""
        store = SnapshotStore(settings.snapshot_store, settings.snapshot_cache)
        catalogue = await asyncio.to_thread(store.open, snapshot)
        services = Services.of(settings)
        try:
            await asyncio.wait_for(services.features.open(), OPEN_SECONDS)
        except TimeoutError as error:
            where = f"is {settings.feature_registry} there?"
            raise DependencyUnavailable(f"Feast's store could not be opened within {OPEN_SECONDS:.0f} s: {where}") from error
        pipelines = build(patient(config, PATIENCE_SECONDS), services.clients())
        return cls(services, Graph(config, pipelines), catalogue)

    async def newest(self) -> float:
        """The newest event known, in seconds since 1970: the time of a request where graph.yaml says `clock: data`."""
        return max(self.catalogue.newest_event, (await self.services.user_events.read(None)).newest or 0.0)

    async def answers(self, user_ids: Sequence[str | None], limit: int, timestamp: float, at_once: int) -> list[dict[str, Any]]:
        """A prediction for each user in their order, `at_once` of them at a time. Raises BatchFailed where one stays degraded."""
        room = asyncio.Semaphore(at_once)

        async def one(user_id: str | None) -> dict[str, Any]:
            async with room:
                return await self._whole(user_id, limit, timestamp)

        return await asyncio.gather(*map(one, user_ids))

    async def _whole(self, user_id: str | None, limit: int, timestamp: float) -> dict[str, Any]:
        """The answer that lacks nothing; what fails for a moment is waited for."""
        found = await self._answer(user_id, limit, timestamp)
        for attempt in range(TRIES - 1):
            if not found["degraded"]:
                break
            await asyncio.sleep(PAUSE_SECONDS * 2**attempt)
            found = await self._answer(user_id, limit, timestamp)
        if not found["degraded"]:
            return found
        who = "an anonymous visitor" if user_id is None else f"user {user_id}"
        raise BatchFailed(
            f"the answer for {who} lacks {', '.join(found['degraded'])}, in {TRIES} tries: is everything up? then run it again"
        )

    async def _answer(self, user_id: str | None, limit: int, timestamp: float) -> dict[str, Any]:
        body = {"instances": [{"user_id": user_id, "limit": limit, "timestamp": timestamp}]}
        arrival = Arrival("home", self.catalogue, timestamp, "", self.graph.event_types)
        (query,) = parse_predict(body, arrival)
        answer = await self.pipeline.recommend(query, Deadline.after(PATIENCE_SECONDS))
        return prediction(answer, self.pipeline.source_names, self.graph.config.version)


def patient(config: GraphConfig, seconds: float) -> GraphConfig:
    """The same graph where no step is given up sooner: nobody waits for a batch, and no part of an answer may be left out."""
    surfaces = {name: _patient_surface(surface, seconds) for name, surface in config.surfaces.items()}
    return config.model_copy(update={"timeout_seconds": seconds, "surfaces": surfaces})


def _patient_surface(surface: Surface, seconds: float) -> Surface:
    longer: dict[str, Any] = {name: tuple(_longer(c, seconds) for c in getattr(surface, name)) for name in ("sources", "hydrators")}
    ranker = None if surface.ranker is None else _longer(surface.ranker, seconds)
    return surface.model_copy(update={"user_timeout_seconds": seconds, "ranker": ranker, **longer})


def _longer(component: BaseModel, seconds: float) -> BaseModel:
    return component.model_copy(update={"timeout_seconds": seconds}) if hasattr(component, "timeout_seconds") else component
